"""Real nuclei under a fluorescence microscope, with a hand-drawn mask; the picture comes with the course."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple

from p2v_data.errors import DataMissingError
from p2v_data.masks import MaskDataset, MaskSplit, in_one, tiles

if TYPE_CHECKING:
    from jaxtyping import Float, Int, UInt8
    from numpy import ndarray
    from torch import Tensor

REGION = 128  # pixels: the picture is divided into squares, and each belongs to one part
IMAGE, INSTANCES = "nuclei.png", "nuclei_instances.png"


class NucleiImage(NamedTuple):
    """The whole picture, 0 to 1, and the number of the nucleus in each pixel, 0 for none."""

    image: Float[Tensor, "1 512 512"]
    instances: Int[Tensor, "512 512"]


def nuclei_image() -> NucleiImage:
    """The picture in one piece, with 125 nuclei.

    Raises:
        DataMissingError: the picture isn't beside this file; the message says what to do.
    """
    import torch

    image, instances = (torch.from_numpy(_pixels(name)) for name in (IMAGE, INSTANCES))
    return NucleiImage(image[None].float() / 255, instances.long())


def nuclei(side: int = 64, step: int | None = None) -> MaskDataset:
    """Tiles 1 × `side` × `side` of a picture with 125 nuclei, and which pixels are of a nucleus; about 20 % are.

    The picture's left half is for training, its upper right quarter for validation and its lower right quarter for
    testing. All is one picture, taken at one time by one microscope: the test part says little about another's. As
    `sources` serve squares of 128 × 128 pixels; where training tiles overlap, the square that holds the middle.

    Args:
        side: of a tile, in pixels, up to 128.
        step: from one training tile to the next, in pixels; None for `side`. Smaller ones give more tiles, which
            overlap. Tiles for validation and testing never overlap.

    Raises:
        ValueError: a side or step that doesn't fit.
        DataMissingError: the picture isn't beside this file; the message says what to do.
    """
    if not (1 <= side <= REGION and (step or side) >= 1):
        raise ValueError(f"side is 1 to {REGION} and step 1 or more, got {side} and {step}")
    picture = nuclei_image()
    half = picture.image.shape[-1] // 2
    left, upper, lower = (slice(None), slice(half)), (slice(half), slice(half, None)), (slice(half, None),) * 2
    parts = [
        _cut(picture, left, side, step or side),
        _cut(picture, upper, side, side),
        _cut(picture, lower, side, side),
    ]
    return in_one(
        parts,
        ("ground", "nucleus"),
        name="Nuclei",
        source="one picture, 512×512, fluorescent nuclei with hand-drawn masks, of the 2018 Data Science Bowl "
        "(BBBC038, Broad Bioimage Benchmark Collection), as the package stardist 0.9.2 carries it",
        licence="CC0 (BBBC038); stardist: BSD-3-Clause, © 2018–2025 Uwe Schmidt, Martin Weigert",
        citation="Caicedo and others: Nucleus segmentation across imaging experiments, the 2018 Data Science "
        "Bowl, Nature Methods 16, 2019, doi:10.1038/s41592-019-0612-7",
        kind="real",
    )


def _cut(picture: NucleiImage, place: tuple[slice, slice], side: int, step: int) -> MaskSplit:
    """Tiles of a part of the picture, with the number of the square that each one's middle lies in."""
    import torch

    squares = torch.arange((picture.image.shape[-1] // REGION) ** 2).unflatten(
        0, (-1, picture.image.shape[-1] // REGION)
    )
    number = squares.repeat_interleave(REGION, 0).repeat_interleave(REGION, 1)
    image, masks, sources = (tiles(layer[(..., *place)], side, step) for layer in (*picture, number))
    return MaskSplit(image, (masks > 0).long(), sources[:, side // 2, side // 2])


def _pixels(name: str) -> UInt8[ndarray, "512 512"]:
    import numpy as np
    from PIL import Image

    found = files("p2v_data") / "embedded" / name
    if not found.is_file():
        raise DataMissingError(f"{found} is not there: this copy of the course is incomplete. Get it anew.")
    with found.open("rb") as file, Image.open(file) as opened:
        return np.array(opened, dtype=np.uint8)
