"""Losses that a few wrong targets don't pull far away."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from solutions.unet.focal import over_kept, pixel_log_p
from solutions.unet.overlap import Reduction, reduced


def huber_loss(
    predicted: Float[Tensor, "..."],
    target: Float[Tensor, "..."],
    delta: float = 1.0,
    reduction: Reduction = "mean",
) -> Float[Tensor, "..."]:
    """A parabola for small errors, a straight line for large ones: with e = |predicted − target|,
    e² / 2 up to `delta`, and delta · (e − delta / 2) beyond it, where the gradient is ± delta.

    For regression: heat maps, distances, pixels to be restored. The two pieces meet with the same
    value and slope. Reductions over all numbers; the shapes are equal.

    delta = 1, errors 0.5 and 3: 0.125 and 1 · (3 − 0.5) = 2.5, mean 1.3125. (Squares halved: 4.5 for
    the second.)

    Finite for errors whose square would overflow. Raises ValueError unless delta > 0. Peers:
    `F.huber_loss`; `F.smooth_l1_loss(beta=delta)` is this divided by delta. Source: Huber 1964.
    """
    if delta <= 0:
        raise ValueError(f"delta must be above 0; got {delta}")
    error = (predicted - target).abs()
    small = error.clamp(max=delta)
    return reduced(small * (error - small / 2), reduction)


def generalised_cross_entropy(
    logits: Float[Tensor, "N K *spatial"],
    labels: Int[Tensor, "N *spatial"],
    q: float = 0.7,
    reduction: Reduction = "mean",
    ignore_index: int | None = None,
) -> Float[Tensor, "..."]:
    """(1 − p^q) / q for each pixel, p being the probability that its own label gets, from
    `pixel_log_p`. Near q = 0 this is the cross-entropy, at q = 1 it is 1 − p, a mean absolute error.

    It never exceeds 1 / q, however sure the network is that a label is wrong; the gradient of −log p
    is multiplied by p^q, so that labels it finds absurd are given up. Reductions and ignored pixels as
    in `focal_loss`.

    q = 0.5, p = 0.25: (1 − 0.5) / 0.5 = 1, where −log p = 1.386; p = 0: 2, where −log p is infinite.

    Accurate also where p is close to 1 or q close to 0: `torch.expm1`. Loss and gradient are finite at
    all finite logits. Raises ValueError unless 0 < q ≤ 1. Source: Zhang and Sabuncu 2018.
    """
    if not 0 < q <= 1:
        raise ValueError(f"q must be above 0 and at most 1; got {q}")
    log_p, kept = pixel_log_p(logits, labels, ignore_index)
    return over_kept(-torch.expm1(q * log_p) / q, kept, reduction)
