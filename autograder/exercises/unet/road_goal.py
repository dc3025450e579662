"""The goal of part g: roads, three pixels in a hundred, in land seen from above."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from torch import Tensor

import p2v_data
from autograder.exercises.forbidden import TRAINERS
from autograder.exercises.mask_goals import MaskGoal, mask_case
from autograder.exercises.mask_mistakes import common, logits_of, looking
from autograder.exercises.unet._ready_made import AUGMENTERS, MASKS_OF_THE_COURSE, NETWORKS
from autograder.spec import Case, Exercise, Rng, Wrong
from p2v_data import MaskDataset, MaskSplit

TILES, HELD_OUT = 160, 96
GOAL = MaskGoal(
    "held-out land",
    below=(
        (0.12, "wrong places: an IoU below 0.12"),
        (0.33, "an IoU between 0.12 and 0.33"),
        (0.45, "an IoU between 0.33 and 0.45"),
    ),
    passed="an IoU of at least 0.45",
)


@cache
def land(start: int) -> MaskDataset:
    return p2v_data.roads(train=TILES, validation=1, test=HELD_OUT, seed=start)


def held_out(start: int) -> MaskSplit:
    return land(start).test


def cases(rng: Rng) -> Iterator[Case]:
    start = int(rng.integers(0, 1000, 1))
    yield mask_case(f"{HELD_OUT} tiles of other land", land(start).train, held_out(start), start)


def greyer_than(images: Tensor) -> Tensor:
    """Asphalt is grey: its blue is a larger share of the light than a field's."""
    return logits_of(images[:, 2:] > 0.305 * images.sum(1, keepdim=True))


TRAIN_ROADS = Exercise(
    id="unet.train_roads",
    cases=cases,
    oracle=looking(greyer_than),  # its logits give way to what the case expects
    measure=GOAL.measure,
    wrong=(
        *common(held_out, GOAL),
        Wrong(
            "is a rule of colour",
            looking(greyer_than),
            "the IoU lies between 0.12 and 0.33. A rule of colour, grey is road, reaches 0.2 to 0.3 at best: roofs, "
            "yards and streams are grey too, and tracks aren't.",
            "does the network see enough of the surroundings, and enough different land? What can be turned and "
            "flipped without becoming something else?",
        ),
    ),
    hints=(
        "Land has no up and no down: each tile is eight tiles.",
        "Three pixels in a hundred: a mean over pixels hardly sees them. Which losses of part c do?",
        "UNet(3, 1, 8, 3), the binary cross-entropy plus soft_dice_loss, 300 steps of 8 tiles at a rate of 1e-2, "
        "flip_rotate on images and masks with the same number.",
    ),
    points=5,
    minutes=25,
    needs=("unet.UNet", "unet.flip_rotate", "unet.soft_dice_loss"),
    forbidden=(*TRAINERS, *MASKS_OF_THE_COURSE, *NETWORKS, *AUGMENTERS),
    time_limit=120.0,
    live=True,
)

EXERCISES = (TRAIN_ROADS,)
