"""Scores of several levels, enlarged and added up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from autograder.exercises.unet._ready_made import NETWORKS
from autograder.exercises.unet._variants import (
    EVAL,
    FLOAT64,
    GRADIENTS,
    OUT,
    TRAIN,
    by_hand,
    made_of,
    measure,
    one,
    speed,
    twisted,
    with_batch_norms,
)
from autograder.exercises.unet.double_conv import Oracle as DoubleConv
from autograder.spec import Case, Exercise, Rng, Wrong

Size = torch.Size


class Oracle(nn.Module):
    """The network. What wrong answers do differently has a method or an attribute of its own."""

    aligned: bool | None = False
    way = "bilinear"

    def __init__(
        self,
        in_channels: int = 1,
        classes: int = 1,
        width: int = 16,
        depth: int = 4,
        levels: int = 3,
        norm: str = "batch",
    ) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(depth + 1)]
        self.levels = levels
        self.first = DoubleConv(in_channels, width, norm)
        self.down = nn.ModuleList(DoubleConv(wide, 2 * wide, norm) for wide in widths[:-1])
        self.scores = nn.ModuleList(self.scoring(wide, classes) for wide in self.scored(widths))

    def scoring(self, entering: int, leaving: int) -> nn.Module:
        return nn.Conv2d(entering, leaving, 1)

    def scored(self, widths: list[int]) -> list[int]:
        """The channels of the levels that are scored."""
        return widths[::-1][: self.levels]

    def halved(self, x: Tensor) -> Tensor:
        return F.max_pool2d(x, 2)

    def enlarged(self, x: Tensor, size: Size) -> Tensor:
        return F.interpolate(x, size=size, mode=self.way, align_corners=self.aligned)

    def score(self, index: int, maps: list[Tensor]) -> Tensor:
        scores: Tensor = self.scores[index](maps[-1 - index])
        return scores

    def joined(self, maps: list[Tensor]) -> Tensor:
        """The sum at the finest level that is scored."""
        total = self.score(0, maps)
        for index in range(1, self.levels):
            total = self.enlarged(total, maps[-1 - index].shape[-2:]) + self.score(index, maps)
        return total

    def last(self, total: Tensor, maps: list[Tensor]) -> Tensor:
        return self.enlarged(total, maps[0].shape[-2:])

    def forward(self, images: Tensor) -> Tensor:
        maps = [self.first(images)]
        for block in self.down:
            maps.append(block(self.halved(maps[-1])))
        return self.last(self.joined(maps), maps)


def cases(rng: Rng) -> Iterator[Case]:
    yield by_hand(
        Oracle,
        "two levels, mostly zeros, by hand",
        {"first.norm2.bias": [2.0], "down.0.norm2.bias": [1.0, 4.0], "scores.0.weight": [1.0, 2.0]}
        | {"scores.1.weight": [-3.0], "scores.1.bias": [0.5]},
        torch.full((1, 1, 4, 6), 3.5),
        "below 1·1 + 2·4 = 9, everywhere, so enlarged it is 9 too; above −3·2 + 0.5 = −5.5; together 3.5",
        width=1,
        depth=1,
        levels=2,
    )
    yield made_of(width=2, depth=3, levels=2, in_channels=3, classes=2)
    yield one(Oracle, rng, "one level of depth 2", rng.normal(1, 1, 8, 8), EVAL, OUT, levels=1)
    yield one(
        Oracle,
        rng,
        "two levels of depth 3, 2 classes",
        rng.normal(2, 3, 16, 8),
        EVAL,
        OUT,
        depth=3,
        levels=2,
        classes=2,
    )
    yield one(Oracle, rng, "all levels, odd sizes", rng.normal(1, 2, 13, 10), EVAL, OUT, levels=3)
    yield one(Oracle, rng, "training, not contiguous", rng.strided(2, 2, 8, 9), TRAIN, OUT, levels=2)
    yield one(Oracle, rng, "instance norm", rng.normal(1, 1, 8, 4), EVAL, OUT, norm="instance", levels=2)
    double = rng.normal(2, 1, 7, 8, dtype=FLOAT64)
    yield one(Oracle, rng, "float64, gradients", double, TRAIN, OUT, GRADIENTS, depth=1, levels=2)


# --- wrong answers ---------------------------------------------------------------------------------------------------


def from_above(self: Any, widths: list[int]) -> list[int]:
    return widths[: self.levels]


def score_from_above(self: Any, index: int, maps: list[Tensor]) -> Tensor:
    scores: Tensor = self.scores[index](maps[index])
    return scores


def sum_from_above(self: Any, maps: list[Tensor]) -> Tensor:
    size = maps[0].shape[-2:]
    return torch.stack([self.enlarged(self.score(index, maps), size) for index in range(self.levels)]).sum(0)


def all_at_once(self: Any, maps: list[Tensor]) -> Tensor:
    """Each level's scores straight to the images' size."""
    return sum_from_above(self, maps)


def averaged(self: Any, maps: list[Tensor]) -> Tensor:
    total: Tensor = Oracle.joined(self, maps) / self.levels
    return total


def lowest_alone(self: Any, maps: list[Tensor]) -> Tensor:
    found: Tensor = self.score(0, maps)
    for index in range(1, self.levels):
        found = found + 0 * self.score(index, maps).sum()
    return found


def rectified_scores(self: Any, index: int, maps: list[Tensor]) -> Tensor:
    return Oracle.score(self, index, maps).relu()


def left_small(self: Any, total: Tensor, maps: list[Tensor]) -> Tensor:
    return total


def by_twos(self: Any, total: Tensor, maps: list[Tensor]) -> Tensor:
    for finer in maps[-1 - self.levels :: -1]:
        total = self.enlarged(total, finer.shape[-2:])
    return total


def probabilities(self: Any, total: Tensor, maps: list[Tensor]) -> Tensor:
    return Oracle.last(self, total, maps).sigmoid()


def averaging(self: Any, x: Tensor) -> Tensor:
    return F.avg_pool2d(x, 2)


def without_bias(self: Any, entering: int, leaving: int) -> nn.Module:
    return nn.Conv2d(entering, leaving, 1, bias=False)


WRONG = (
    Wrong(
        "scores the finest levels",
        twisted(Oracle, scored=from_above, score=score_from_above, joined=sum_from_above),
        says="the scores are read off the levels next to the images; they are read off the lowest ones, which have "
        "seen most of their surroundings.",
        look="which channels does scores[0] get?",
    ),
    Wrong(
        "uses the lowest level alone",
        twisted(Oracle, joined=lowest_alone),
        says="only the lowest level's scores arrive: that is one level, whatever `levels` says.",
        look="what is added on the way up?",
    ),
    Wrong(
        "enlarges every level straight to the images' size",
        twisted(Oracle, joined=all_at_once),
        says="each level's scores are enlarged to the images' size at once, and added there. That is near, but not the "
        "same: here the sum goes up level by level.",
        look="add first, then enlarge the sum.",
    ),
    Wrong(
        "goes all the way up in steps",
        twisted(Oracle, last=by_twos),
        says="above the last scored level the sum is enlarged level by level; it is enlarged to the images' size in "
        "one step.",
        look="after the loop one enlargement is left.",
    ),
    Wrong(
        "leaves the result small",
        twisted(Oracle, last=left_small),
        says="the scores are as large as the finest scored level; every pixel of the images needs its own.",
        look="a last enlargement is missing.",
    ),
    Wrong(
        "averages the levels",
        twisted(Oracle, joined=averaged),
        says="the scores are averaged over the levels; they are added.",
        look="no division.",
    ),
    Wrong(
        "aligns the corners",
        twisted(Oracle, aligned=True),
        says="the enlarging sets corners on corners (align_corners=True), so that all pixels in between move.",
        look="how does upsample_bilinear enlarge unless it is told otherwise?",
    ),
    Wrong(
        "repeats pixels",
        twisted(Oracle, way="nearest", aligned=None),
        says="pixels are repeated where they should be interpolated bilinearly.",
        look="the mode of the enlarging.",
    ),
    Wrong(
        "bends the scores",
        twisted(Oracle, score=rectified_scores),
        says="the scores go through a ReLU: then no level can speak against a class.",
        look="between `scores` and the sum there is nothing.",
    ),
    Wrong(
        "averages on the way down",
        twisted(Oracle, halved=averaging),
        says="the maps are halved by their mean; here by their maximum.",
        look="the contract's line on `down`.",
    ),
    Wrong(
        "ignores the norm",
        with_batch_norms(Oracle),
        says="the way down has batch norms, whatever norm was asked for.",
        look="what is each DoubleConv made with?",
    ),
    Wrong(
        "scores without a bias",
        twisted(Oracle, scoring=without_bias),
        says="the 1 × 1 convolutions of `scores` have no bias; here they have one.",
        look="the contract's line on `scores`.",
    ),
    Wrong(
        "gives probabilities",
        twisted(Oracle, last=probabilities),
        says="a sigmoid stands at the end; asked are logits, which losses take and squash themselves.",
        look="the last line of forward.",
    ),
)

FCN = Exercise(
    id="unet.FCN",
    cases=cases,
    oracle=Oracle,
    measure=measure,
    wrong=WRONG,
    hints=(
        "The way down is the U-Net's: keep all maps in a list.",
        "total = scores[0] of the lowest map; then, for each further level, enlarge it to that level's size and add "
        "that level's scores.",
        'Your upsample_bilinear, or F.interpolate(total, size=…, mode="bilinear"), takes any size.',
    ),
    points=3,
    minutes=20,
    needs=("unet.DoubleConv",),
    forbidden=NETWORKS,
    speed=speed(Oracle),
)

EXERCISES = (FCN,)
