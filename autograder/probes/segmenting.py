"""Probes for whole segmenters: a generator, and a model that notes what it is asked."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from autograder.probes.makers import probe


class Seer(nn.Module):
    """A 3 × 3 convolution with zeros around, plus, times `moody`, the mean of the tile that it is shown.

    Moody, it says something else about the same pixel in every tile. Remembers each call's shape, and whether
    gradients were recorded.
    """

    def __init__(self, weight: Tensor, moody: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)
        self.moody = moody
        self.calls: list[str] = []

    def forward(self, x: Tensor) -> Tensor:
        shape = " × ".join(map(str, x.shape))
        self.calls.append(shape + (", gradients" if torch.is_grad_enabled() else ""))
        return F.conv2d(x, self.weight, padding=1) + self.moody * x.mean((1, 2, 3), keepdim=True)

    def journal(self) -> list[str]:
        """The shape of every call so far, "2 × 3 × 8 × 8", and ", gradients" where they were recorded."""
        return list(self.calls)


@probe
def seer(weight: Tensor, moody: float = 0.0) -> Seer:
    """See `Seer`; weight (K, C, 3, 3)."""
    return Seer(weight, moody)


@probe
def generator(number: int) -> torch.Generator:
    """A generator on the CPU, seeded."""
    return torch.Generator().manual_seed(number)
