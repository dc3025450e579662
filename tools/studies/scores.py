"""Numbers that several studies record."""

from __future__ import annotations

import statistics

import torch
from torch import Tensor, nn

from p2v_data.masks import MaskSplit
from solutions.unet import choose_threshold

THRESHOLDS = torch.linspace(0.02, 0.98, 49)


def overlap(found: Tensor, true: Tensor) -> float:
    """Intersection over union of the pooled pixels, both True or False; 0 where there are none."""
    return round(float((found & true).sum() / (found | true).sum().clamp(min=1)), 4)


def mean_and_spread(values: list[float]) -> tuple[float, float]:
    """The mean and the standard deviation over seeds."""
    return round(statistics.mean(values), 4), round(statistics.stdev(values), 4)


def at_half_and_chosen(
    model: nn.Module, validation: MaskSplit, test: MaskSplit, thresholds: Tensor = THRESHOLDS
) -> tuple[float, float, float]:
    """Pooled IoU of the test tiles at one half, and at the threshold that is best on validation; that threshold."""
    with torch.no_grad():
        of_validation, of_test = (model(part.images).sigmoid()[:, 0] for part in (validation, test))
    best, _ = choose_threshold(of_validation, validation.masks, thresholds)
    half, chosen = (choose_threshold(of_test, test.masks, torch.tensor([at]))[1].item() for at in (0.5, best))
    return round(half, 4), round(chosen, 4), round(best, 2)
