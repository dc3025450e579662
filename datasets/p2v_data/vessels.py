"""Vessels in photographs of the back of the eye: simulated, or real ones from a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from p2v_data.dataset import Provenance
from p2v_data.masks import MaskDataset
from p2v_data.painted import Picture, painted_parts, wanted

if TYPE_CHECKING:
    from numpy.random import Generator

SIDE, GREEN = 256, 1  # pixels along a side of a painted photograph; the channel in which vessels show best
COUNTS = (96, 48, 48)  # of simulated tiles: training, validation, test


def vessels(
    source: Literal["simulated"] = "simulated",
    *,
    train: int | None = None,
    validation: int | None = None,
    test: int | None = None,
    side: int = 64,
    colour: bool = False,
    seed: int = 0,
) -> MaskDataset:
    """Tiles of photographs of the back of the eye, 1 × `side` × `side` (the green channel), and where vessels are.

    "simulated": photographs of 256 × 256 pixels, painted by a program, each cut into up to twelve tiles if `side` is
    64. Vessels are 1 to 5 pixels wide and take up about 11 % of the pixels.

    Args:
        source: where the photographs come from.
        train: how many tiles to make (96).
        validation: the same for the validation part (48).
        test: the same for the test part (48).
        side: of a tile, 64, 128 or 256 pixels.
        colour: all three channels, red first, not the green one alone.
        seed: which eyes.

    Raises:
        ValueError: another side, or a part without tiles.
    """
    if side not in (SIDE // 4, SIDE // 2, SIDE):
        raise ValueError(f"a tile of a simulated eye has {SIDE // 4}, {SIDE // 2} or {SIDE} pixels a side, not {side}")
    counts = wanted(train, validation, test, COUNTS)
    parts = painted_parts(_in_colour if colour else _in_green, counts, side=side, seed=seed)
    return MaskDataset(
        train=parts[0],
        validation=parts[1],
        test=parts[2],
        class_names=("ground", "vessel"),
        provenance=Provenance(
            name="Simulated vessels",
            source="photographs and masks are all made here by a program; nobody's eye is in them"
            + ("" if colour else "; the green channel"),
            licence="MIT, as this course",
            citation="nothing: it shows how such data is worked with, and says nothing about people",
            kind="simulated",
            count=sum(counts),
            shape=(3 if colour else 1, side, side),
        ),
    )


def _in_colour(random: Generator) -> Picture:
    from p2v_data.retina import paint_retina

    return Picture(*paint_retina(SIDE, random))


def _in_green(random: Generator) -> Picture:
    picture = _in_colour(random)
    return picture._replace(image=picture.image[GREEN : GREEN + 1])
