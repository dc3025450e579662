"""From probabilities to a mask: which threshold?"""

import torch
from jaxtyping import Float, Int
from torch import Tensor


def choose_threshold(
    probabilities: Float[Tensor, "N *S"], masks: Int[Tensor, "N *S"], thresholds: Float[Tensor, " T"]
) -> tuple[float, Float[Tensor, " T"]]:
    """The threshold of which the IoU is best, and the IoUs of all of them: (threshold, ious).

    A pixel is taken for foreground where its probability is at least the threshold; `masks` has 1
    where it really is, 0 elsewhere. All images' pixels are counted together before anything is
    divided: one intersection and one union for each threshold. Where the union is empty, the IoU
    is 1. `thresholds` ascend; `ious` has the probabilities' dtype.

    Several thresholds may be equally good. Then it is the middle one of the first unbroken run of
    best ones, of two in the middle the lower: far from where things get worse on either side.

    Probabilities 0.9 0.6 0.2 of masks 1 1 0, thresholds 0.1 0.3 0.5 0.7: intersections 2 2 2 1,
    unions 3 2 2 2, so the IoUs are 0.667 1 1 0.5. The best run is 0.3 0.5: the answer is 0.3.

    For validation images; a threshold chosen on the test images flatters. Raises ValueError if the
    shapes differ, there is no threshold, or they don't ascend.
    """
    if probabilities.shape != masks.shape or len(thresholds) == 0:
        raise ValueError(
            f"expected as many probabilities as mask pixels, and a threshold; "
            f"got {tuple(probabilities.shape)}, {tuple(masks.shape)} and {len(thresholds)} thresholds"
        )
    if (thresholds.diff() < 0).any():
        raise ValueError(f"expected thresholds that ascend; got {thresholds.tolist()}: sort them first")
    truth = masks.flatten() == 1
    passed = torch.bucketize(probabilities.flatten(), thresholds, right=True)  # how many it is not below
    predicted, hits = (
        torch.bincount(some, minlength=len(thresholds) + 1).flip(0).cumsum(0).flip(0)[1:]
        for some in (passed, passed[truth])
    )
    union = truth.sum() + predicted - hits
    ious = torch.where(union > 0, hits.to(probabilities.dtype) / union.clamp(min=1), 1.0)
    best = ious == ious.max()
    first = int(best.int().argmax())
    length = int(best[first:].int().cumprod(0).sum())
    return float(thresholds[first + (length - 1) // 2]), ious
