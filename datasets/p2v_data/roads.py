"""Roads in pictures of land from above: simulated, or real ones from a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from p2v_data.dataset import Provenance
from p2v_data.masks import MaskDataset
from p2v_data.painted import Picture, painted_parts, wanted

if TYPE_CHECKING:
    from numpy.random import Generator

GROUND = 128  # pixels along a side of a painted square of land
COUNTS = (96, 48, 48)  # of simulated tiles: training, validation, test


def roads(
    source: Literal["simulated"] = "simulated",
    *,
    train: int | None = None,
    validation: int | None = None,
    test: int | None = None,
    side: int = 64,
    seed: int = 0,
) -> MaskDataset:
    """Tiles 3 × `side` × `side` of land from above, and where roads are, with what trees hide of them.

    "simulated": squares of land of 128 × 128 pixels, painted by a program, each cut into four tiles if `side` is 64.
    Roads take up about 3 % of the pixels; some tiles have none.

    Args:
        source: where the pictures come from.
        train: how many tiles to make (96).
        validation: the same for the validation part (48).
        test: the same for the test part (48).
        side: of a tile, 64 or 128 pixels.
        seed: which land.

    Raises:
        ValueError: another side, or a part without tiles.
    """
    if side not in (GROUND // 2, GROUND):
        raise ValueError(f"a tile of simulated land has {GROUND // 2} or {GROUND} pixels a side, not {side}")
    counts = wanted(train, validation, test, COUNTS)
    parts = painted_parts(_painted, counts, side=side, seed=seed)
    return MaskDataset(
        train=parts[0],
        validation=parts[1],
        test=parts[2],
        class_names=("ground", "road"),
        provenance=Provenance(
            name="Simulated roads",
            source="land, roads and masks are all made here by a program; no place on Earth is in them",
            licence="MIT, as this course",
            citation="nothing: it shows how such data is worked with, and says nothing about real roads",
            kind="simulated",
            count=sum(counts),
            shape=(3, side, side),
        ),
    )


def _painted(random: Generator) -> Picture:
    import numpy as np

    from p2v_data.countryside import paint_land

    land = paint_land(GROUND, random)
    return Picture(land.image, land.roads, np.ones(land.roads.shape, bool))
