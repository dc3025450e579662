"""Data sets that a program paints: pictures drawn one by one, each from its own number, cut into tiles."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from p2v_data.masks import MaskDataset, MaskSplit, in_one, tiles

if TYPE_CHECKING:
    from jaxtyping import Bool, Float
    from numpy import ndarray
    from numpy.random import Generator


class Picture(NamedTuple):
    """A painted picture, its mask, and which places tiles may be cut from."""

    image: Float[ndarray, "C H W"]
    mask: Bool[ndarray, "H W"]
    seen: Bool[ndarray, "H W"]


class About(NamedTuple):
    """A painted data set's name, how it is made, and what it says nothing about."""

    name: str
    source: str
    silent_about: str


Counts = tuple[int, int, int]
Paint = Callable[["Generator"], Picture]


def wanted(train: int | None, validation: int | None, test: int | None, usual: Counts) -> Counts:
    """How many tiles each part gets: what was asked for, else the usual number."""
    asked = (train, validation, test)
    first, second, third = (many if count is None else count for count, many in zip(asked, usual, strict=True))
    return first, second, third


def painted_dataset(
    paint: Paint, counts: Counts, class_names: tuple[str, str], about: About, *, side: int, seed: int
) -> MaskDataset:
    """Three parts, as `painted_parts` makes them, and where they come from."""
    return in_one(
        painted_parts(paint, counts, side=side, seed=seed),
        class_names,
        name=about.name,
        source=about.source,
        licence="MIT, as this course",
        citation=f"nothing: it shows how such data is worked with, and says nothing about {about.silent_about}",
        kind="simulated",
    )


def painted_parts(paint: Paint, counts: Counts, *, side: int, seed: int) -> list[MaskSplit]:
    """Three parts with so many tiles. A picture's number decides what is on it: with more tiles, the first stay.

    Args:
        paint: a picture from a generator.
        counts: tiles of the training, validation and test part, at least one each.
        side: of a tile, in pixels. A tile of which less than half may be seen is left out.
        seed: another one paints other pictures.

    Raises:
        ValueError: a count below 1.
    """
    if min(counts) < 1:
        raise ValueError(f"each part has at least one tile; asked for {counts} in training, validation and test")
    first, parts = 0, []
    for part, count in enumerate(counts):
        parts.append(_tiles_of(paint, count, side=side, key=(seed, part), first=first))
        first = int(parts[-1].sources[-1]) + 1
    return parts


def _tiles_of(paint: Paint, count: int, *, side: int, key: tuple[int, int], first: int) -> MaskSplit:
    import numpy as np
    import torch

    found: list[list[torch.Tensor]] = []
    number = have = 0
    while have < count:
        picture = paint(np.random.default_rng([*key, number]))
        image, mask, seen = (tiles(torch.from_numpy(layer), side) for layer in picture)
        kept = seen.float().mean((1, 2)) >= 0.5
        found.append([image[kept], mask[kept].long(), torch.full((int(kept.sum()),), first + number)])
        have += int(kept.sum())
        number += 1
    return MaskSplit(*(torch.cat(layers)[:count] for layers in zip(*found, strict=True)))
