"""From logits to a loss: the logarithm of softmax, and cross-entropy with its three usual options."""

from jaxtyping import Float, Int
from torch import Tensor


def log_softmax(x: Float[Tensor, "..."], dim: int = -1) -> Float[Tensor, "..."]:
    """Logarithm of softmax along `dim`: x − log Σ exp(x). Finite for every finite `x`, at
    ±10,000 too. Without any values the answer is empty.

    `[0, log 3]`: the sum of exponentials is 1 + 3 = 4, so the answer is `[log(1/4),
    log(3/4)]`.

    Peer: `F.log_softmax`.
    """
    shifted = x - x.amax(dim=dim, keepdim=True).detach()
    return shifted - shifted.exp().sum(dim=dim, keepdim=True).log()


def cross_entropy(
    logits: Float[Tensor, "N K"],
    target: Int[Tensor, "N"],
    weight: Float[Tensor, "K"] | None = None,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
) -> Float[Tensor, ""]:
    """Mean of −log p(target) over the batch, p being the softmax of the logits.

    - `weight`: one weight a class. Each sample's loss counts as often as its target's weight says, and the mean divides
      by the sum of these weights.
    - `ignore_index`: samples with this target count neither in the sum nor in what it is divided by.
    - `label_smoothing` = ε, 0 to 1: the wanted distribution is 1 − ε on the target plus ε / K on each of the K classes.
      Every class's term is multiplied by that class's own weight; the mean divides as above.

    If nothing is left to average the answer is NaN, as 0 / 0 is.

    Logits `[[0, log 3], [0, log 3]]`, so p = 1/4 and 3/4, with target `[0, 1]`: (log 4 +
    log 4/3) / 2 = 0.8370. With weight `[1, 3]`: (1·log 4 + 3·log 4/3) / (1 + 3) = 0.5623.
    With ε = 0.5 the first sample alone: (0.5 + 0.25)·log 4 + 0.25·log 4/3 = 1.1116.

    Peer: `F.cross_entropy`.
    """
    counted = target != ignore_index
    wanted = target.where(counted, 0)
    log_p = log_softmax(logits, dim=1)
    class_weight = logits.new_ones(logits.shape[1]) if weight is None else weight
    sample_weight = class_weight[wanted]
    losses = -sample_weight * log_p.gather(1, wanted[:, None])[:, 0]
    if label_smoothing > 0:
        spread = -(class_weight * log_p).mean(dim=1)
        losses = (1 - label_smoothing) * losses + label_smoothing * spread
    return losses[counted].sum() / sample_weight[counted].sum()
