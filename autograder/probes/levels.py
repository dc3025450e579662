"""A small network that gives the maps of several levels."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from autograder.probes.makers import probe


class LevelsNet(nn.Module):
    """A 3 × 3 convolution and a ReLU a level; a list of maps, the finest first."""

    def __init__(self, in_channels: int, channels: Sequence[int], strides: Sequence[int]) -> None:
        super().__init__()
        widths = [in_channels, *channels]
        self.levels = nn.ModuleList(
            nn.Conv2d(before, after, 3, stride, 1)
            for before, after, stride in zip(widths[:-1], channels, strides, strict=True)
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        maps = []
        for level in self.levels:
            x = level(x).relu()
            maps.append(x)
        return maps


@probe
def levels_net(in_channels: int, channels: Sequence[int], strides: Sequence[int]) -> LevelsNet:
    """See `LevelsNet`; its weights are some fixed ones, to be loaded over."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return LevelsNet(in_channels, channels, strides)
