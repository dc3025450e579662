"""Roads in pictures of land from above: simulated, or real ones from a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from p2v_data.mask_folders import Cut, folder_of_masks
from p2v_data.masks import MaskDataset
from p2v_data.painted import About, Picture, painted_dataset, wanted

if TYPE_CHECKING:
    from numpy.random import Generator

GROUND = 128  # pixels along a side of a painted square of land
CLASSES = ("ground", "road")
SHRINK = 4.0  # DeepGlobe has half a metre a pixel, the simulated land two
COUNTS = (96, 48, 48)  # of simulated tiles: training, validation, test
ABOUT = About(
    name="Simulated roads",
    source="land, roads and masks are all made here by a program; no place on Earth is in them",
    silent_about="real roads",
)


def roads(
    source: Path | str = "simulated",
    *,
    train: int | None = None,
    validation: int | None = None,
    test: int | None = None,
    side: int = 64,
    seed: int = 0,
    cut: Cut | None = None,
    folder: Path | None = None,
) -> MaskDataset:
    """Tiles 3 × `side` × `side` of land from above, and where roads are, with what trees hide of them.

    "simulated": squares of land of 128 × 128 pixels, painted by a program, each cut into four tiles if `side` is 64.
    Roads take up about 3 % of the pixels; some tiles have none.

    "deepglobe": real land, of the DeepGlobe set in the data folder, at 2 m a pixel (made four times smaller); 60 % of
    its pictures are for training, 20 % for validation, 20 % for testing. A folder's path: that folder, in the same way.

    Args:
        source: "simulated", "deepglobe" or a folder of pictures and masks; see `folder_of_masks`.
        train: how many tiles to make (96); of real ones, to keep (all).
        validation: the same for the validation part (48).
        test: the same for the test part (48).
        side: of a tile, in pixels; 64 or 128 of simulated land.
        seed: which land; of real tiles, which are kept.
        cut: what is made of a real picture, if not tiles of `side` at 2 m a pixel.
        folder: the data folder; default ``data_folder()``.

    Raises:
        ValueError: another side, or a part without tiles.
        DataMissingError, DataDamagedError: of a folder; see `folder_of_masks`.
    """
    if source != "simulated":
        cut = cut or Cut(side, shrink=SHRINK)
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
    if side not in (GROUND // 2, GROUND):
        raise ValueError(f"a tile of simulated land has {GROUND // 2} or {GROUND} pixels a side, not {side}")
    return painted_dataset(_painted, wanted(train, validation, test, COUNTS), CLASSES, ABOUT, side=side, seed=seed)


def _painted(random: Generator) -> Picture:
    import numpy as np

    from p2v_data.countryside import paint_land

    land = paint_land(GROUND, random)
    return Picture(land.image, land.roads, np.ones(land.roads.shape, bool))
