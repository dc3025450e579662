"""Vessels in photographs of the back of the eye: simulated, or real ones from a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from p2v_data.mask_folders import Cut, folder_of_masks
from p2v_data.masks import MaskDataset
from p2v_data.painted import About, Picture, painted_dataset, wanted

if TYPE_CHECKING:
    from numpy.random import Generator

SIDE, GREEN = 256, 1  # pixels along a side of a painted photograph; the channel in which vessels show best
CLASSES = ("ground", "vessel")
SHRINK = 2.25  # DRIVE's photographs are 565 pixels wide, the simulated ones 256
COUNTS = (96, 48, 48)  # of simulated tiles: training, validation, test
ABOUT = About(
    name="Simulated vessels",
    source="photographs and masks are all made here by a program; nobody's eye is in them",
    silent_about="people",
)
IN_GREEN = ABOUT._replace(source=f"{ABOUT.source}; the green channel")


def vessels(
    source: Path | str = "simulated",
    *,
    train: int | None = None,
    validation: int | None = None,
    test: int | None = None,
    side: int = 64,
    colour: bool = False,
    seed: int = 0,
    cut: Cut | None = None,
    folder: Path | None = None,
) -> MaskDataset:
    """Tiles of photographs of the back of the eye, 1 × `side` × `side` (the green channel), and where vessels are.

    "simulated": photographs of 256 × 256 pixels, painted by a program, each cut into up to twelve tiles if `side` is
    64. Vessels are 1 to 5 pixels wide and take up about 11 % of the pixels.

    "drive": real photographs, of the DRIVE set in the data folder, made 2.25 times smaller so that vessels have the
    same width; 60 % of them are for training, 20 % for validation, 20 % for testing. A folder's path: that folder, in
    the same way.

    Args:
        source: "simulated", "drive" or a folder of photographs and masks; see `folder_of_masks`.
        train: how many tiles to make (96); of real ones, to keep (all).
        validation: the same for the validation part (48).
        test: the same for the test part (48).
        side: of a tile, in pixels; 64, 128 or 256 of simulated eyes.
        colour: all three channels, red first, not the green one alone.
        seed: which eyes; of real tiles, which are kept.
        cut: what is made of a real photograph, if not tiles of `side` from one 2.25 times smaller.
        folder: the data folder; default ``data_folder()``.

    Raises:
        ValueError: another side, or a part without tiles.
        DataMissingError, DataDamagedError: of a folder; see `folder_of_masks`.
    """
    if source != "simulated":
        cut = cut or Cut(side, shrink=SHRINK, channel=None if colour else GREEN)
        return folder_of_masks(
            source,
            train=train,
            validation=validation,
            test=test,
            cut=cut,
            class_names=CLASSES,
            seed=seed,
            folder=folder,
        )
    if side not in (SIDE // 4, SIDE // 2, SIDE):
        raise ValueError(f"a tile of a simulated eye has {SIDE // 4}, {SIDE // 2} or {SIDE} pixels a side, not {side}")
    paint, about = (_in_colour, ABOUT) if colour else (_in_green, IN_GREEN)
    return painted_dataset(paint, wanted(train, validation, test, COUNTS), CLASSES, about, side=side, seed=seed)


def _in_colour(random: Generator) -> Picture:
    from p2v_data.retina import paint_retina

    return Picture(*paint_retina(SIDE, random))


def _in_green(random: Generator) -> Picture:
    picture = _in_colour(random)
    return picture._replace(image=picture.image[GREEN : GREEN + 1])
