"""The U-Net with gates, of torch.nn's layers: the oracle, and what goes wrong with it."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from autograder.exercises.unet.fitting import oracle as fit_to
from autograder.exercises.unet.gating import Oracle as Gate


def block(entering: int, leaving: int, stride: int = 1) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, step in ((entering, stride), (leaving, 1)):
        layers += [nn.Conv2d(inputs, leaving, 3, step, 1), nn.BatchNorm2d(leaving), nn.ReLU()]
    return nn.Sequential(*layers)


def larger(entering: int, leaving: int) -> nn.Sequential:
    doubles = nn.ConvTranspose2d(entering, leaving, 3, stride=2, padding=1, output_padding=1)
    return nn.Sequential(doubles, nn.BatchNorm2d(leaving), nn.ReLU())


def merging(entering: int, leaving: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(entering, leaving, 3, padding=1), nn.InstanceNorm2d(leaving), nn.PReLU())


class Oracle(nn.Module):
    """Each step is a method of its own, for the wrong answers to change."""

    def __init__(
        self, in_channels: int = 1, classes: int = 1, channels: tuple[int, ...] = (16, 32, 64, 128), gates: bool = True
    ) -> None:
        super().__init__()
        steps = list(pairwise(channels))
        self.first = block(in_channels, channels[0])
        self.down = nn.ModuleList(block(*step, stride=2) for step in steps)
        self.ups = nn.ModuleList(larger(wider, wide) for wide, wider in reversed(steps))
        self.gates = nn.ModuleList(Gate(wide, wide, wide // 2) for wide, _ in reversed(steps) if gates)
        self.merges = nn.ModuleList(merging(2 * wide, wide) for wide, _ in reversed(steps))
        self.head = nn.Conv2d(channels[0], classes, 1)

    def lower(self, step: nn.Module, x: Tensor) -> Tensor:
        out: Tensor = step(x)
        return out

    def fit(self, x: Tensor, skip: Tensor) -> tuple[Tensor, Tensor]:
        """The map from below and the skip, of one size."""
        return fit_to(x, (skip.shape[2], skip.shape[3])), skip

    def gated(self, gate: nn.Module, x: Tensor, skip: Tensor) -> Tensor:
        """What is laid beside the map."""
        out: Tensor = gate(x, skip)
        return out

    def beside(self, passed: Tensor, x: Tensor) -> Tensor:
        return torch.cat([passed, x], dim=1)

    def finish(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(x)
        return out

    def forward(self, images: Tensor) -> Tensor:
        levels = [self.first(images)]
        for step in self.down:
            levels.append(self.lower(step, levels[-1]))
        x = levels.pop()
        for index, skip in enumerate(reversed(levels)):
            x, skip = self.fit(self.ups[index](x), skip)
            passed = self.gated(self.gates[index], x, skip) if len(self.gates) else skip
            x = self.merges[index](self.beside(passed, x))
        return self.finish(x)


class MapFirst(Oracle):
    def beside(self, passed: Tensor, x: Tensor) -> Tensor:
        return torch.cat([x, passed], dim=1)


class RolesExchanged(Oracle):
    def gated(self, gate: nn.Module, x: Tensor, skip: Tensor) -> Tensor:
        out: Tensor = gate(skip, x)
        return out


class SkipAsItsOwnGate(Oracle):
    def gated(self, gate: nn.Module, x: Tensor, skip: Tensor) -> Tensor:
        out: Tensor = gate(skip, skip)
        return out


class GatesUnused(Oracle):
    def gated(self, gate: nn.Module, x: Tensor, skip: Tensor) -> Tensor:
        return skip


class GateDetached(Oracle):
    def gated(self, gate: nn.Module, x: Tensor, skip: Tensor) -> Tensor:
        out: Tensor = gate(x.detach(), skip)
        return out


class Twice(Oracle):
    def gated(self, gate: nn.Module, x: Tensor, skip: Tensor) -> Tensor:
        out: Tensor = gate(x, gate(x, skip))
        return out


class Pooled(Oracle):
    def lower(self, step: nn.Module, x: Tensor) -> Tensor:
        """The first convolution takes steps of 1, then comes a pooling."""
        first, *rest = step.children()
        assert isinstance(first, nn.Conv2d)
        x = F.conv2d(x, first.weight, first.bias, padding=1)
        for layer in rest:
            x = layer(x)
        return F.max_pool2d(x, 2, ceil_mode=True)


class SkipFitted(Oracle):
    def fit(self, x: Tensor, skip: Tensor) -> tuple[Tensor, Tensor]:
        return x, fit_to(skip, (x.shape[2], x.shape[3]))


class BothCut(Oracle):
    """To the last even row."""

    def fit(self, x: Tensor, skip: Tensor) -> tuple[Tensor, Tensor]:
        rows, columns = (min(a, b) // 2 * 2 or 1 for a, b in zip(x.shape[2:], skip.shape[2:], strict=True))
        return x[..., :rows, :columns], skip[..., :rows, :columns]


class CutAbove(Oracle):
    def fit(self, x: Tensor, skip: Tensor) -> tuple[Tensor, Tensor]:
        return x[..., -skip.shape[2] :, -skip.shape[3] :], skip


class Stretched(Oracle):
    def fit(self, x: Tensor, skip: Tensor) -> tuple[Tensor, Tensor]:
        return F.interpolate(x, skip.shape[2:], mode="bilinear"), skip


class Probabilities(Oracle):
    def finish(self, x: Tensor) -> Tensor:
        return super().finish(x).sigmoid()


class LastMapAlone(Oracle):
    """What is merged is the map twice: the skips are forgotten."""

    def beside(self, passed: Tensor, x: Tensor) -> Tensor:
        return torch.cat([x, x], dim=1) + 0 * passed.sum()


class AddedUp(Oracle):
    """The map is added to the skip before both are merged."""

    def beside(self, passed: Tensor, x: Tensor) -> Tensor:
        return torch.cat([passed + x, x], dim=1)
