"""Residual blocks of torch.nn's layers under torchvision's names: the oracles, open to twists."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from autograder.spec import Case, Outputs, Rng


def convolution(entering: int, leaving: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(entering, leaving, kernel, stride, kernel // 2, bias=False)


class Basic(nn.Module):
    """Two 3×3 convolutions. What wrong answers do differently has a method of its own."""

    expansion = 1
    strides = (1, 0)  # of conv1 and conv2: 1 where the block's stride stands, else 0

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        first, second = (stride if here else 1 for here in self.strides)
        self.conv1 = convolution(in_channels, channels, 3, first)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = convolution(channels, channels, 3, second)
        self.bn2 = nn.BatchNorm2d(channels)
        self.downsample = shortcut(in_channels, channels, stride)

    def inner(self, maps: Tensor) -> Tensor:
        """Between the convolutions."""
        return maps.relu()

    def carried(self, x: Tensor) -> Tensor:
        """What is added."""
        return x if self.downsample is None else self.downsample(x)

    def end(self, out: Tensor, carried: Tensor) -> Tensor:
        return (out + carried).relu()

    def forward(self, x: Tensor) -> Tensor:
        out = self.bn2(self.conv2(self.inner(self.bn1(self.conv1(x)))))
        return self.end(out, self.carried(x))


class Neck(nn.Module):
    """1×1, 3×3, 1×1. What wrong answers do differently has a method of its own."""

    expansion = 4
    strides = (0, 1, 0)

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        first, second, third = (stride if here else 1 for here in self.strides)
        wide = self.expansion * channels
        self.conv1 = convolution(in_channels, channels, 1, first)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = convolution(channels, channels, 3, second)
        self.bn2 = nn.BatchNorm2d(channels)
        self.conv3 = convolution(channels, wide, 1, third)
        self.bn3 = nn.BatchNorm2d(wide)
        self.downsample = shortcut(in_channels, wide, stride)

    def first(self, maps: Tensor) -> Tensor:
        """After the first norm."""
        return maps.relu()

    def second(self, maps: Tensor) -> Tensor:
        """After the second norm."""
        return maps.relu()

    def carried(self, x: Tensor) -> Tensor:
        """What is added."""
        return x if self.downsample is None else self.downsample(x)

    def end(self, out: Tensor, carried: Tensor) -> Tensor:
        return (out + carried).relu()

    def forward(self, x: Tensor) -> Tensor:
        out = self.second(self.bn2(self.conv2(self.first(self.bn1(self.conv1(x))))))
        return self.end(self.bn3(self.conv3(out)), self.carried(x))


def shortcut(entering: int, leaving: int, stride: int) -> nn.Module | None:
    if stride == 1 and entering == leaving:
        return None
    return nn.Sequential(convolution(entering, leaving, 1, stride), nn.BatchNorm2d(leaving))


Sizes = Mapping[str, tuple[int, ...]]


def sizes_of(make: Callable[[], nn.Module]) -> Sizes:
    """The shape of every entry of the state_dict of what `make` makes. Draws nothing from torch's own generator."""
    with torch.device("meta"):
        return {name: tuple(value.shape) for name, value in make().state_dict().items()}


def names_compared(case: Case, outputs: Outputs) -> Outputs:
    """The outputs, with a comparison of its names in place of `state_dict`: published weights come under the names that
    the case loads.
    """
    found = outputs["state_dict"]
    wanted = next(item.kwargs for item in case.steps if item.verb == "load")
    missing = [name for name in wanted if name not in found]
    others = {name: value for name, value in outputs.items() if name != "state_dict"}
    return others | {
        "first of torchvision's names that is missing": missing[0] if missing else "none",
        "has names that torchvision's doesn't": any(name not in wanted for name in found),
    }


OTHER = {"conv1": "first", "bn1": "first_norm", "conv2": "second", "bn2": "second_norm"}
OTHER |= {"conv3": "third", "bn3": "third_norm", "downsample": "shortcut"}


def under_other_names(kind: type[Basic | Neck]) -> Any:
    """The block, which works as ever, with parts of other names."""

    def begin(self: Any, in_channels: int, channels: int, stride: int = 1) -> None:
        kind.__init__(self, in_channels, channels, stride)
        parts = dict(self._modules)
        self._modules.clear()
        self._modules.update({OTHER[name]: part for name, part in parts.items()})

    def part(self: Any, name: str) -> Any:
        return nn.Module.__getattr__(self, OTHER.get(name, name))

    return type("UnderOtherNames", (kind,), {"__init__": begin, "__getattr__": part})


def weights(rng: Rng, sizes: Sizes, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    """Random weights and running statistics of these sizes, such that every stage's values stay near 1."""
    counts = [math.prod(shape) for shape in sizes.values()]
    parts = rng.normal(sum(counts), dtype=dtype).split(counts)
    return {name: _shaped(name, part, shape) for (name, shape), part in zip(sizes.items(), parts, strict=True)}


def _shaped(name: str, values: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Standard normal values, made into a weight or a statistic of this name."""
    if name.endswith("num_batches_tracked"):
        return torch.tensor(3)
    if len(shape) > 1:
        return values.reshape(shape) * math.sqrt(2 / math.prod(shape[1:]))
    if name.endswith("running_var"):
        return 0.7 + 0.4 * values.abs()
    return 0.8 + 0.2 * values if name.endswith("weight") else 0.3 * values
