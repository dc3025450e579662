"""The goal of part c: vessels, thin and few, in the green channel of photographs of the eye."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import torch.nn.functional as F
from torch import Tensor

import p2v_data
from autograder.exercises.forbidden import TRAINERS
from autograder.exercises.mask_goals import MaskGoal, mask_case
from autograder.exercises.mask_mistakes import common, logits_of, looking
from autograder.exercises.unet._ready_made import LOSSES, MASKS_OF_THE_COURSE, NETWORKS
from autograder.spec import Case, Exercise, Rng, Wrong
from p2v_data import MaskDataset, MaskSplit

TILES, HELD_OUT = 96, 48
GOAL = MaskGoal(
    "held-out eyes",
    below=(
        (0.18, "wrong places: an IoU below 0.18"),
        (0.48, "an IoU between 0.18 and 0.48"),
        (0.68, "an IoU between 0.48 and 0.68"),
    ),
    passed="an IoU of at least 0.68",
)


@cache
def eyes(start: int) -> MaskDataset:
    return p2v_data.vessels(train=TILES, validation=1, test=HELD_OUT, seed=start)


def held_out(start: int) -> MaskSplit:
    return eyes(start).test


def cases(rng: Rng) -> Iterator[Case]:
    start = int(rng.integers(0, 1000, 1))
    yield mask_case(f"{HELD_OUT} tiles of other eyes", eyes(start).train, held_out(start), start)


def darker_than_around(images: Tensor) -> Tensor:
    """A local threshold: darker than the mean of 15 × 15 pixels."""
    return logits_of(images < F.avg_pool2d(images, 15, 1, 7, count_include_pad=False) - 0.03)


TRAIN_VESSELS = Exercise(
    id="unet.train_vessels",
    cases=cases,
    oracle=looking(darker_than_around),  # its logits give way to what the case expects
    measure=GOAL.measure,
    wrong=(
        *common(held_out, GOAL),
        Wrong(
            "is a local threshold",
            looking(darker_than_around),
            "the IoU lies between 0.18 and 0.48. A local threshold, darker than around, reaches 0.3 to 0.4, and a "
            "U-Net without skips no more: what you have is as coarse, or knows as little.",
            "do the skips arrive? Are there enough steps, at a rate that is large enough?",
        ),
    ),
    hints=(
        "One pixel in ten is a vessel, and most of a vessel is border. Which of this part's losses asks for overlap?",
        "A sum of two losses often learns more calmly than either: one is right about each pixel, one about overlap.",
        "UNet(1, 1, 8, 3), dice_focal_loss or the binary cross-entropy plus soft_dice_loss, 200 steps of 8 tiles at a "
        "rate of 1e-2, tiles turned and flipped with their masks.",
    ),
    points=5,
    minutes=25,
    needs=("unet.UNet", "unet.soft_dice_loss"),
    forbidden=(*TRAINERS, *MASKS_OF_THE_COURSE, *NETWORKS, *LOSSES),
    time_limit=120.0,
    live=True,
)

EXERCISES = (TRAIN_VESSELS,)
