"""Pictures and masks in a folder, whoever made them: found by their names, divided by picture, cut or made smaller."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from p2v_data.errors import DataDamagedError, DataMissingError
from p2v_data.masks import MaskDataset, MaskSplit, in_one, tiles
from p2v_data.store import full_set, require

if TYPE_CHECKING:
    from numpy.random import Generator
    from PIL.Image import Image
    from torch import Tensor

KINDS = frozenset((".png", ".jpg", ".jpeg", ".tif", ".tiff", ".gif", ".bmp"))
MASK_FOLDERS = ("mask", "masks", "label", "labels", "groundtruth", "annotations")
NEITHER = ("_superpixels",)  # how files end that lie beside them and are neither picture nor mask
BY_HAND = ("deepglobe", "drive", "isic", "carvana")  # sets in the catalogue
FRACTIONS = (0.6, 0.2, 0.2)  # of the pictures, in the training, validation and test part


class Layout(NamedTuple):
    """What follows the name that a picture and its mask share: `1234_sat.jpg` and `1234_mask.png`."""

    image: str
    mask: str


LAYOUTS = (
    Layout("_sat", "_mask"),  # DeepGlobe
    Layout("_training", "_manual1"),  # DRIVE; its `_training_mask` is the camera's field
    Layout("_test", "_manual1"),
    Layout("", "_segmentation"),  # ISIC
    Layout("", "_mask"),  # Carvana
)


class Pair(NamedTuple):
    """The files of a picture and its mask."""

    image: Path
    mask: Path


class Cut(NamedTuple):
    """What is made of a picture.

    Attributes:
        side: of a tile, in pixels.
        shrink: by how much a picture is made smaller before it is cut; 2 halves it.
        whole: no tiles: the whole picture is brought to `side` × `side`, whatever its shape was.
        each: how many tiles of a picture are kept at most, drawn at random; None keeps all.
        channel: this one of the three alone, 0 red to 2 blue; None for all.
    """

    side: int = 64
    shrink: float = 1.0
    whole: bool = False
    each: int | None = 16
    channel: int | None = None


TILES = Cut()


def folder_of_masks(
    source: Path | str,
    *,
    train: int | None = None,
    validation: int | None = None,
    test: int | None = None,
    cut: Cut = TILES,
    layout: Layout | None = None,
    class_names: tuple[str, str] = ("ground", "mask"),
    seed: int = 0,
    folder: Path | None = None,
) -> MaskDataset:
    """Tiles of the pictures in a folder and in all folders below it, and their masks, 0 or 1.

    Pictures and masks find each other by their names:

    - DeepGlobe: `1234_sat.jpg` and `1234_mask.png`
    - DRIVE: `images/21_training.tif` and `1st_manual/21_manual1.gif`
    - ISIC: `ISIC_0000000.jpg` and `ISIC_0000000_segmentation.png`
    - Carvana: `train/0123_01.jpg` and `train_masks/0123_01_mask.gif`
    - any other: the same name in two folders, one of them called `masks` or `labels`; or a `layout` of your own

    A mask is black and white, or 0 and 1. Of the pictures 60 % go into the training part, 20 % into validation and 20 %
    into testing, always the same ones: no picture is in two parts.

    Args:
        source: the folder; or "deepglobe", "drive", "isic" or "carvana", the folder of that name in the data folder.
        train: how many tiles to keep; None keeps all.
        validation: the same for the validation part.
        test: the same for the test part.
        cut: what is made of a picture: tiles, or one small picture.
        layout: how names of pictures and masks end, before the dot; None tries those above.
        class_names: of 0 and 1.
        seed: which tiles are kept. The borders between the parts never move.
        folder: the data folder; default ``data_folder()``.

    Raises:
        DataMissingError: no folder (the message says how to get it), no pairs, fewer than three, or a mask is missing.
        DataDamagedError: a file can't be read, a mask has another size than its picture or is not black and white.
        ValueError: more tiles asked for than there are, or a side that doesn't fit.
    """
    known = full_set(str(source)) if source in BY_HAND else None
    path = require(known.name, folder) if known else Path(source)
    return in_one(
        _parts(_divided(find_pairs(path, layout)), (train, validation, test), cut, seed),
        class_names,
        name=known.name if known else path.resolve().name,
        source=f"{known.source}; read from {path}" if known else f"pictures and masks in {path}",
        licence=known.licence if known else "what their makers allow",
        citation=known.citation if known else "what their makers ask for",
        kind="real",
    )


def find_pairs(path: Path, layout: Layout | None = None) -> list[Pair]:
    """Pictures and masks in a folder and below it, in the order of their names; see `folder_of_masks`.

    Raises:
        DataMissingError: no folder, no pairs, or a picture without a mask; the message says which.
    """
    if not path.is_dir():
        raise DataMissingError(f"{path} is not a folder. Give the folder that pictures and masks lie in, or one above.")
    found = sorted(file for file in path.rglob("*") if file.suffix.lower() in KINDS and not file.stem.endswith(NEITHER))
    for ends in (layout,) if layout else LAYOUTS:
        masks = {file.stem.removesuffix(ends.mask): file for file in found if file.stem.endswith(ends.mask)}
        images = {
            file.stem.removesuffix(ends.image): file
            for file in found
            if file.stem.endswith(ends.image) and not (ends.mask and file.stem.endswith(ends.mask))
        }
        if masks.keys() & images.keys():
            return _paired(images, masks)
    masks = {file.stem: file for file in found if file.parent.name.lower() in MASK_FOLDERS}
    images = {file.stem: file for file in found if file.parent.name.lower() not in MASK_FOLDERS}
    if not layout and masks.keys() & images.keys():
        return _paired(images, masks)
    seen = ", ".join(str(file.relative_to(path)) for file in found[:3]) or "no pictures at all"
    raise DataMissingError(
        f"In {path} no picture and mask belong together by their names. There is: {seen}. "
        "Expected for example 1234_sat.jpg and 1234_mask.png, or images/1234.jpg and masks/1234.png; "
        "for other names give a layout."
    )


def _paired(images: dict[str, Path], masks: dict[str, Path]) -> list[Pair]:
    alone = [images[name] for name in images.keys() - masks.keys()]
    if alone:
        some = ", ".join(sorted(str(file) for file in alone)[:3])
        raise DataMissingError(
            f"{len(alone)} of {len(images)} pictures have no mask: {some}. "
            "Put the masks beside them, or move these pictures elsewhere."
        )
    return [Pair(images[name], masks[name]) for name in sorted(images)]


def _divided(pairs: list[Pair]) -> list[list[Pair]]:
    """Three parts, each with one picture at least."""
    import numpy as np

    from p2v_data.split import SPLIT_SEED

    if len(pairs) < len(FRACTIONS):
        raise DataMissingError(f"{len(pairs)} pictures with masks can't be divided into three parts: 3 are needed.")
    order = [pairs[number] for number in np.random.RandomState(SPLIT_SEED).permutation(len(pairs))]
    held = [max(round(share * len(pairs)), 1) for share in FRACTIONS[1:]]
    begin = len(pairs) - sum(held)
    return [order[:begin], order[begin : begin + held[0]], order[begin + held[0] :]]


def _parts(divided: list[list[Pair]], counts: tuple[int | None, ...], cut: Cut, seed: int) -> list[MaskSplit]:
    """So many tiles of each part's pictures, which are numbered through all parts."""
    import numpy as np

    random = np.random.default_rng(seed)
    first, made = 0, []
    for pairs, count in zip(divided, counts, strict=True):
        made.append(_part(pairs, count, cut, random, first))
        first += len(pairs)
    return made


def _part(pairs: list[Pair], count: int | None, cut: Cut, random: Generator, first: int) -> MaskSplit:
    """So many tiles of these pictures, which are numbered from `first` on."""
    import numpy as np
    import torch

    images, masks, sources = [], [], []
    have = 0
    for number, pair in enumerate(pairs, first):
        if count is not None and have >= count:
            break
        image, mask = _made(pair, cut)
        if cut.each is not None and len(image) > cut.each:
            kept = torch.from_numpy(np.sort(random.permutation(len(image))[: cut.each]))
            image, mask = image[kept], mask[kept]
        images.append(image)
        masks.append(mask)
        sources.append(torch.full((len(image),), number))
        have += len(image)
    if count is not None and not 0 < count <= have:
        raise ValueError(f"{count} tiles asked for; {len(pairs)} pictures of this part give 1 to {have}")
    return MaskSplit(torch.cat(images)[:count], torch.cat(masks)[:count], torch.cat(sources)[:count])


def _made(pair: Pair, cut: Cut) -> tuple[Tensor, Tensor]:
    """A picture and its mask as tiles, (n, C, side, side) and (n, side, side)."""
    import numpy as np
    import torch

    picture, mask = _opened(pair.image, "RGB"), _black_and_white(pair.mask)
    if picture.size != mask.size:
        raise DataDamagedError(
            f"{pair.image} is {picture.width}×{picture.height} pixels and its mask {pair.mask} is "
            f"{mask.width}×{mask.height}: a mask has its picture's size."
        )
    size = (cut.side, cut.side) if cut.whole else tuple(round(length / cut.shrink) for length in picture.size)
    if min(size) < cut.side:
        raise ValueError(f"{pair.image} has {size[0]}×{size[1]} pixels after shrinking; no tile of {cut.side} fits")
    image = torch.from_numpy(np.array(_resized(picture, size)).transpose(2, 0, 1)).float() / 255
    inside = torch.from_numpy(np.array(_resized(mask, size)) > 127).long()
    if cut.channel is not None:
        image = image[cut.channel : cut.channel + 1]
    return tiles(image, cut.side), tiles(inside, cut.side)


def _resized(picture: Image, size: tuple[int, ...]) -> Image:
    from PIL import Image

    return picture if picture.size == size else picture.resize((size[0], size[1]), Image.Resampling.BOX)


def _opened(path: Path, mode: str) -> Image:
    from PIL import Image

    try:
        with Image.open(path) as file:
            return file.convert(mode)
    except (OSError, ValueError, SyntaxError) as error:
        raise DataDamagedError(f"{path} can't be read as a picture ({error!r}). Get it anew.") from error


def _black_and_white(path: Path) -> Image:
    """The mask as 0 and 255; JPEG's smear counts as what it is nearer to."""
    import numpy as np
    from PIL import Image

    values = np.asarray(_opened(path, "L"))
    if values.max() <= 1:
        return Image.fromarray(values * np.uint8(255))
    if values.max() < 128:
        raise DataDamagedError(
            f"{path} is not black and white: its values go from {values.min()} to {values.max()}; expected 0 and 255, "
            "or 0 and 1."
        )
    return Image.fromarray((values > 127).astype(np.uint8) * np.uint8(255))
