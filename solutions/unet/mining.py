"""Hard-example mining: only the worst pixels count."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from solutions.unet.focal import pixel_log_p
from solutions.unet.overlap import Reduction, reduced


def hard_pixel_loss(
    logits: Float[Tensor, "N K *spatial"],
    labels: Int[Tensor, "N *spatial"],
    share: float = 0.1,
    reduction: Reduction = "mean",
    batch: bool = False,
    ignore_index: int | None = None,
) -> Float[Tensor, "..."]:
    """The mean cross-entropy of the hardest pixels of each sample: of its n pixels that aren't ignored
    the `share` · n, rounded down but at least 1, whose own label has the least probability
    (`pixel_log_p`).

    A loss for each sample, (N,), or with `batch`, which picks from all pixels of the batch together,
    one, (); then the reduction. A sample with nothing but ignored pixels has 0. No gradient goes to
    pixels that weren't picked.

    Losses 0.1, 2.0, 0.3, 1.0, share 0.5: the hardest two, (2.0 + 1.0) / 2 = 1.5, where the mean of all
    is 0.85.

    Raises ValueError unless 0 < share ≤ 1. Source: Wu and others 2016 (online bootstrapping); nnU-Net
    has it as `TopKLoss`, over the batch.
    """
    if not 0 < share <= 1:
        raise ValueError(f"share must be above 0 and at most 1; got {share}")
    log_p, kept = pixel_log_p(logits, labels, ignore_index)
    pools = [-log_p[kept]] if batch else [-values[some] for values, some in zip(log_p, kept, strict=True)]
    means = [pool.topk(max(1, int(share * len(pool)))).values.mean() if len(pool) else pool.sum() for pool in pools]
    return reduced(means[0] if batch else torch.stack(means), reduction)
