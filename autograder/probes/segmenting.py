"""Probes for whole segmenters: a generator, and a model that notes what it is asked."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from autograder.probes.makers import probe


class Seer(nn.Module):
    """A 3 × 3 convolution with zeros around, plus, times `moody`, the mean of the tile that it is shown.

    Moody, it says something else about the same pixel in every tile. Remembers each call's shape, whether
    gradients were recorded, and whether it was in evaluation mode.
    """

    def __init__(self, weight: Tensor, moody: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)
        self.moody = moody
        self.calls: list[str] = []

    def forward(self, x: Tensor) -> Tensor:
        shape = " × ".join(map(str, x.shape))
        recorded = ", gradients" if torch.is_grad_enabled() else ""
        self.calls.append(shape + recorded + ("" if self.training else ", in evaluation mode"))
        return F.conv2d(x, self.weight, padding=1) + self.moody * x.mean((1, 2, 3), keepdim=True)

    def journal(self) -> list[str]:
        """The shape of every call so far, "2 × 3 × 8 × 8", ", gradients" where they were recorded, and its mode."""
        return list(self.calls)


@probe
def seer(weight: Tensor, moody: float = 0.0) -> Seer:
    """See `Seer`; weight (K, C, 3, 3)."""
    return Seer(weight, moody)


@probe
def generator(number: int) -> torch.Generator:
    """A generator on the CPU, seeded."""
    return torch.Generator().manual_seed(number)
