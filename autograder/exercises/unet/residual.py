"""A U-Net of residual blocks against torch.nn's layers, weights injected."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from autograder.exercises.resnet.residual_blocks import Basic
from autograder.exercises.unet._ready_made import NETWORKS
from autograder.exercises.unet._variants import (
    EVAL,
    FLOAT64,
    GRADIENTS,
    OUT,
    TRAIN,
    by_hand,
    fitted,
    made_of,
    measure_names,
    one,
    speed,
    twisted,
)
from autograder.exercises.vit._vit import under_other_names
from autograder.spec import Case, Exercise, Rng, Wrong


class Oracle(nn.Module):
    """The network. What wrong answers do differently has a method or an attribute of its own."""

    block: type[nn.Module] = Basic
    head_bias = True

    def __init__(self, in_channels: int = 1, classes: int = 1, width: int = 16, depth: int = 4) -> None:
        super().__init__()
        widths = self.widths(width, depth)
        steps = list(pairwise(widths))
        self.first = self.block(in_channels, width)
        self.down = nn.ModuleList(self.lower(wide, wider) for wide, wider in steps)
        self.ups = nn.ModuleList(self.upper(wider, wide) for wide, wider in reversed(steps))
        self.merge = nn.ModuleList(self.merging(wide) for wide, _ in reversed(steps))
        self.head = nn.Conv2d(width, classes, 1, bias=self.head_bias)

    def widths(self, width: int, depth: int) -> list[int]:
        return [width * 2**level for level in range(depth + 1)]

    def lower(self, wide: int, wider: int) -> nn.Module:
        return self.block(wide, wider, 2)

    def upper(self, wider: int, wide: int) -> nn.Module:
        return nn.ConvTranspose2d(wider, wide, 2, 2)

    def merging(self, wide: int) -> nn.Module:
        return self.block(2 * wide, wide)

    def fit(self, x: Tensor, skip: Tensor) -> Tensor:
        return fitted(x, skip)

    def beside(self, skip: Tensor, x: Tensor) -> Tensor:
        return torch.cat([skip, x], dim=1)

    def read(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(x)
        return logits

    def forward(self, images: Tensor) -> Tensor:
        levels = [self.first(images)]
        for block in self.down:
            levels.append(block(levels[-1]))
        x = levels.pop()
        for up, block in zip(self.ups, self.merge, strict=True):
            skip = levels.pop()
            x = block(self.beside(skip, self.fit(up(x), skip)))
        return self.read(x)


def cases(rng: Rng) -> Iterator[Case]:
    yield by_hand(
        Oracle,
        "one channel, depth 1, mostly zeros, by hand",
        {"first.bn2.bias": [2.0], "merge.0.downsample.0.weight": [3.0, 0.0], "merge.0.downsample.1.weight": [1.0]}
        | {"head.weight": [5.0], "head.bias": [1.0]},
        torch.full((1, 1, 4, 6), 46.0),
        "the first block adds 2 to the 1 that came in; the last one's shortcut triples that skip, 9; 5 · 9 + 1 = 46",
        width=1,
        depth=1,
    )
    yield made_of(width=2, depth=2, in_channels=3, classes=2)
    yield one(Oracle, rng, "three classes", rng.normal(1, 2, 8, 8), EVAL, OUT, classes=3)
    yield one(Oracle, rng, "odd sizes", rng.normal(2, 2, 13, 10), EVAL, OUT)
    yield one(Oracle, rng, "training, not contiguous", rng.strided(2, 2, 6, 9), TRAIN, OUT)
    double = rng.normal(2, 1, 7, 8, dtype=FLOAT64)
    yield one(Oracle, rng, "float64, gradients", double, TRAIN, OUT, GRADIENTS, depth=1)


# --- the blocks ------------------------------------------------------------------------------------------------------


class NothingAdded(Basic):
    def carried(self, x: Tensor) -> Tensor:
        return 0 * super().carried(x)


class AddedLate(Basic):
    """Behind the last ReLU."""

    def end(self, out: Tensor, carried: Tensor) -> Tensor:
        return out.relu() + carried


class PooledBefore(nn.Module):
    """A pooling, and a block without stride."""

    def __init__(self, wide: int, wider: int) -> None:
        super().__init__()
        self.block = Basic(wide, wider)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.block(F.max_pool2d(x, 2))
        return out


# --- the way up ------------------------------------------------------------------------------------------------------


def map_first(self: Any, skip: Tensor, x: Tensor) -> Tensor:
    return torch.cat([x, skip], dim=1)


def no_skip(self: Any, skip: Tensor, x: Tensor) -> Tensor:
    return torch.cat([0 * skip, x], dim=1)


def added(self: Any, skip: Tensor, x: Tensor) -> Tensor:
    return skip + x


def narrow_merging(self: Any, wide: int) -> nn.Module:
    return Basic(wide, wide)


def cut_above(self: Any, x: Tensor, skip: Tensor) -> Tensor:
    return x[..., x.shape[-2] - skip.shape[-2] :, x.shape[-1] - skip.shape[-1] :]


def squeezed(self: Any, x: Tensor, skip: Tensor) -> Tensor:
    return F.interpolate(x, size=skip.shape[-2:], mode="bilinear", align_corners=False)


def rectified(self: Any, x: Tensor, skip: Tensor) -> Tensor:
    return fitted(x, skip).relu()


def enlarged_by_rule(self: Any, wider: int, wide: int) -> nn.Module:
    larger = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)
    return nn.Sequential(larger, nn.Conv2d(wider, wide, 1))


def same_width(self: Any, width: int, depth: int) -> list[int]:
    return [width] * (depth + 1)


def probabilities(self: Any, x: Tensor) -> Tensor:
    return torch.sigmoid(self.head(x))


WRONG = (
    Wrong(
        "adds nothing to what the blocks found",
        twisted(Oracle, block=NothingAdded),
        says="the blocks give what their convolutions found, without what came in: that is a U-Net, but not a residual "
        "one.",
        look="which block of lesson 02 do your levels use?",
    ),
    Wrong(
        "adds behind the last ReLU",
        twisted(Oracle, block=AddedLate),
        says="the shortcut is added behind the block's last ReLU; it is added in front of it.",
        look="lesson 02's BasicBlock does it right.",
    ),
    Wrong(
        "pools instead of striding",
        twisted(Oracle, lower=lambda self, wide, wider: PooledBefore(wide, wider)),
        says="each level is pooled and then goes through a block without stride; here the block itself strides, in its "
        "first convolution and in its shortcut.",
        look="the contract's line on `down`. What do 13 rows become?",
    ),
    Wrong(
        "puts the skip behind the map",
        twisted(Oracle, beside=map_first),
        says="the enlarged map comes first and the skip behind it; it is the other way round.",
        look="the order inside torch.cat.",
    ),
    Wrong(
        "leaves the skips out",
        twisted(Oracle, beside=no_skip),
        says="nothing of the skips arrives: where they should be there are zeros.",
        look="what stands in the list of maps when a level comes back up?",
    ),
    Wrong(
        "adds the skips",
        twisted(Oracle, beside=added, merging=narrow_merging),
        says="the skips are added to the enlarged maps; here they are set side by side, and the block chooses.",
        look="how many channels enter each block of `merge`?",
    ),
    Wrong(
        "cuts the first row off",
        twisted(Oracle, fit=cut_above),
        says="where the enlarged map is one row or column too large, the first is cut off; it is the last.",
        look="fit_to knows which.",
    ),
    Wrong(
        "squeezes the map to the skip's size",
        twisted(Oracle, fit=squeezed),
        says="a map that is one row too large is interpolated to the skip's size, and everything in it moves a little.",
        look="fit_to cuts and repeats, it doesn't stretch.",
    ),
    Wrong(
        "bends the enlarged maps",
        twisted(Oracle, fit=rectified),
        says="there is a ReLU behind the transposed convolutions; there is none here.",
        look="from `ups` straight to `merge`.",
    ),
    Wrong(
        "enlarges bilinearly",
        twisted(Oracle, upper=enlarged_by_rule),
        says="the maps are enlarged by interpolation; here by a transposed convolution.",
        look="the contract's line on `ups`.",
    ),
    Wrong(
        "keeps the width",
        twisted(Oracle, widths=same_width),
        says="every level has the same number of channels; each has twice as many as the one above.",
        look="width, 2 · width, 4 · width, …",
    ),
    Wrong(
        "has a head without a bias",
        twisted(Oracle, head_bias=False),
        says="the head has no bias.",
        look="no norm comes after the head, so its bias is needed.",
    ),
    Wrong(
        "gives probabilities",
        twisted(Oracle, read=probabilities),
        says="a sigmoid stands at the end; asked are logits, which losses take and squash themselves.",
        look="the last line of forward.",
    ),
    Wrong(
        "gives its parts other names",
        under_other_names(Oracle, {"down": "encoder", "ups": "larger", "merge": "decoder"}),
        says="it works, but its parts don't have the contract's names, under which later cells look for them.",
        look="the contract's table: first, down, ups, merge and head.",
    ),
)

RESIDUAL_UNET = Exercise(
    id="unet.ResidualUNet",
    cases=cases,
    oracle=Oracle,
    measure=measure_names,
    wrong=WRONG,
    hints=(
        "Keep what each level on the way down gives in a list, and take it off its end on the way up.",
        "BasicBlock(wide, 2 * wide, stride=2) goes down; BasicBlock(2 * wide, wide) merges.",
        "On the way up: torch.cat([skip, fit_to(up(x), skip.shape[-2:])], dim=1), then the block.",
    ),
    points=4,
    minutes=25,
    needs=("resnet.BasicBlock", "unet.fit_to"),
    forbidden=NETWORKS,
    speed=speed(Oracle),
)

EXERCISES = (RESIDUAL_UNET,)
