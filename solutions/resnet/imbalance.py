"""What to do where one class is rare: weights in the loss, or other odds in the draw."""

import torch
from jaxtyping import Float, Int
from torch import Tensor


def class_weights(labels: Int[Tensor, "N"], num_classes: int) -> Float[Tensor, "K"]:
    """Weights for a loss in which all classes count the same: N / (K · samples of the
    class), float32.

    A class without samples has weight 0, and K counts only the others. The weights of all
    samples together are then N, so the loss keeps its size. Labels 0 0 0 1: 4 / (2 · 3) =
    0.667 and 4 / (2 · 1) = 2.

    Peer: scikit-learn's `compute_class_weight("balanced", …)`.
    """
    counts = torch.bincount(labels, minlength=num_classes)
    present = counts > 0
    share = len(labels) / (present.sum() * counts.clamp(min=1)).float()
    return torch.where(present, share, 0.0)


def balanced_sampler(labels: Int[Tensor, "N"], mode: str = "over", seed: int = 0) -> Int[Tensor, "M"]:
    """Indices for one epoch in which every class that occurs comes equally often, in random
    order.

    mode: "over" repeats samples of rare classes until each class comes as often as the most
    frequent one does; all samples come at least once. "under" takes from each class as many
    different samples, at random, as the rarest one has.

    Labels 0 0 0 1: "over" gives 0, 1, 2 and three times 3, "under" one of 0, 1, 2, and 3.
    Equal seeds give equal indices; torch's global random state is left alone.

    Raises ValueError for another mode.
    """
    if mode not in ("over", "under"):
        raise ValueError(f'mode must be "over" or "under", got {mode!r}')
    generator = torch.Generator().manual_seed(seed)
    members = [(labels == kind).nonzero().flatten() for kind in labels.unique()]
    sizes = [len(group) for group in members]
    wanted = max(sizes) if mode == "over" else min(sizes)
    chosen = []
    for group in members:
        mixed = group[torch.randperm(len(group), generator=generator).to(group.device)]
        chosen.append(mixed.repeat(-(-wanted // len(group)))[:wanted])  # whole rounds, the last one cut
    indices = torch.cat(chosen)
    return indices[torch.randperm(len(indices), generator=generator).to(indices.device)]


def bce_with_logits(
    logits: Float[Tensor, "..."], target: Float[Tensor, "..."], pos_weight: Float[Tensor, "..."] | None = None
) -> Float[Tensor, ""]:
    """The mean of −[p · t · log σ(x) + (1 − t) · log(1 − σ(x))] over all values: x the
    logits, t the targets (0 to 1), p the `pos_weight`, which broadcasts against them (1 if
    there is none).

    Finite for all finite logits, ±10⁴ and beyond, and so is the gradient. With p = 3 it
    costs three times as much to miss a positive sample. x = 0, t = 1, p = 3: 3 · log 2 =
    2.079.

    Peer: `F.binary_cross_entropy_with_logits`.
    """
    zero = torch.zeros_like(logits)
    if_positive = target * torch.logaddexp(zero, -logits)  # −log σ(x) = log(1 + exp(−x))
    if_negative = (1 - target) * torch.logaddexp(zero, logits)
    return (if_negative + (if_positive if pos_weight is None else pos_weight * if_positive)).mean()
