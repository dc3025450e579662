"""Numbers that several studies record."""

from __future__ import annotations

import statistics

from torch import Tensor


def overlap(found: Tensor, true: Tensor) -> float:
    """Intersection over union of the pooled pixels, both True or False; 0 where there are none."""
    return round(float((found & true).sum() / (found | true).sum().clamp(min=1)), 4)


def mean_and_spread(values: list[float]) -> tuple[float, float]:
    """The mean and the standard deviation over seeds."""
    return round(statistics.mean(values), 4), round(statistics.stdev(values), 4)
