"""The goal of part a: a U-Net that finds nuclei under a microscope."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

import p2v_data
from autograder.exercises.forbidden import TRAINERS
from autograder.exercises.mask_goals import MaskGoal, mask_case
from autograder.exercises.mask_mistakes import common, logits_of, looking
from autograder.exercises.unet._ready_made import MASKS_OF_THE_COURSE, NETWORKS
from autograder.spec import Case, Exercise, Rng, Wrong
from p2v_data import MaskSplit

GOAL = MaskGoal(
    "held-out nuclei",
    below=(
        (0.35, "wrong places: an IoU below 0.35"),
        (0.79, "an IoU between 0.35 and 0.79"),
        (0.85, "an IoU between 0.79 and 0.85"),
    ),
    passed="an IoU of at least 0.85",
)


def held_out(start: int) -> MaskSplit:
    """The picture's right half, turned or flipped in one of eight ways."""
    data = p2v_data.nuclei()
    both = (torch.cat(layers) for layers in zip(data.validation, data.test, strict=True))
    return turned(MaskSplit(*both), start)


def turned(tiles: MaskSplit, number: int) -> MaskSplit:
    """All tiles in one of the eight ways that a square can lie."""

    def one(layer: Tensor) -> Tensor:
        lying = layer.rot90(number % 4, (-2, -1))
        return lying.flip(-1) if number % 8 > 3 else lying

    return tiles._replace(images=one(tiles.images).contiguous(), masks=one(tiles.masks).contiguous())


def cases(rng: Rng) -> Iterator[Case]:
    start = int(rng.integers(0, 1000, 1))
    learned = turned(p2v_data.nuclei(step=32).train, start)
    yield mask_case("32 tiles of the picture's other half", learned, held_out(start), start)


def brighter_than(images: Tensor) -> Tensor:
    """One threshold for all, such as Otsu's rule gives."""
    return logits_of(images > 0.18)


TRAIN_CELLS = Exercise(
    id="unet.train_cells",
    cases=cases,
    oracle=looking(brighter_than),  # its logits give way to what the case expects
    measure=GOAL.measure,
    wrong=(
        *common(held_out, GOAL),
        Wrong(
            "is a threshold",
            looking(brighter_than),
            "the IoU lies between 0.35 and 0.79. A threshold of brightness reaches up to 0.78, even if chosen on "
            "the test tiles: what you have looks at brightness and at little else.",
            "does the network see a pixel's surroundings, at several scales? Are there enough steps to learn them?",
        ),
    ),
    hints=(
        "train_segmenter does the loop: it wants a model, images, masks, and how many steps at which rate.",
        "A U-Net of width 8 and depth 3 is large enough. A rate of 1e-2 learns in a hundred steps what 3e-3 doesn't "
        "in two hundred.",
        "with torch.random.fork_rng(devices=[]): seed, and UNet(1, 1, 8, 3). Then train_segmenter(model, images, "
        "masks, steps=120, rate=1e-2, batch=8, seed=seed).",
    ),
    points=5,
    minutes=25,
    needs=("unet.DoubleConv", "unet.UNet"),
    forbidden=(*TRAINERS, *MASKS_OF_THE_COURSE, *NETWORKS),
    time_limit=120.0,
    live=True,
)

EXERCISES = (TRAIN_CELLS,)
