"""Photographs of 102 kinds of flowers, some of which only a gardener tells apart."""

from __future__ import annotations

import os
import re
import tarfile
import zlib
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from p2v_data.dataset import ImageDataset, Provenance, RawImages, assemble
from p2v_data.errors import DataDamagedError
from p2v_data.store import full_set, require

if TYPE_CHECKING:
    from jaxtyping import UInt8
    from numpy import ndarray

ARCHIVE, LABELS, SPLIT = "102flowers.tgz", "imagelabels.mat", "setid.mat"
PARTS = ("trnid", "valid", "tstid")
KINDS = 102
SIZE = 256


def flowers(
    *,
    train: int | None = None,
    validation: int | None = None,
    test: int | None = None,
    seed: int = 0,
    folder: Path | None = None,
    size: int = SIZE,
    as_bytes: bool = False,
) -> ImageDataset:
    """Flowers, RGB, 0 to 1: 1,020 for training and 1,020 for validation (ten of each kind), 6,149 for testing.

    Each photograph is scaled until its shorter side has ``size`` pixels, and the square in the middle is kept. The
    first call takes some minutes and keeps the pixels beside the archive; 1.6 GB as bytes, 6.4 GB as float32.

    Args:
        train: how many training images to keep, every class by its share; None keeps all.
        validation: the same for the validation images.
        test: the same for the test images.
        seed: which images are kept; the borders between the parts never move.
        folder: the data folder; default ``data_folder()``.
        size: height and width, in pixels.
        as_bytes: uint8, 0 to 255, a quarter of the memory.

    Raises:
        DataMissingError: it isn't on this machine; the message says what to run.
        DataDamagedError: a file isn't what it should be.
        ValueError: more images are asked for than there are, or ``size`` is below 1.
    """
    if size < 1:
        raise ValueError(f"size is a number of pixels, expected 1 or more, got {size}")
    known = full_set("flowers")
    raw = read_flowers(require(known.name, folder), size)
    about = Provenance(
        name="Oxford Flowers-102",
        source=f"{known.source}; its makers' split, the middle of each photograph",
        licence=known.licence,
        citation=known.citation,
        kind=known.kind,
        count=len(raw.labels),
        shape=raw.images.shape[1:],
    )
    return assemble(
        raw,
        about=about,
        class_names=_names(),
        train=train,
        validation=validation,
        test=test,
        seed=seed,
        as_bytes=as_bytes,
    )


def read_flowers(folder: Path, size: int) -> RawImages:
    """The images in its makers' three files, without unpacking them to disk.

    Raises:
        DataDamagedError: a file is cut short or corrupt, or the three don't belong together.
    """
    import numpy as np
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        labels = np.atleast_1d(loadmat(folder / LABELS, squeeze_me=True)["labels"]).astype(np.int64) - 1
        ids = loadmat(folder / SPLIT, squeeze_me=True)
        parts = [np.atleast_1d(ids[part]).astype(np.int64) - 1 for part in PARTS]
        order = np.concatenate(parts)
        if sorted(order.tolist()) != list(range(len(labels))):
            raise ValueError(f"the parts don't divide the {len(labels)} images")
        if not 0 <= labels.min() <= labels.max() < KINDS:
            raise ValueError(f"labels from {labels.min() + 1} to {labels.max() + 1}, expected 1 to {KINDS}")
        pixels = _pixels(folder, len(labels), size)
    except (OSError, EOFError, LookupError, ValueError, TypeError, MatReadError, tarfile.TarError, zlib.error) as error:
        raise DataDamagedError(
            f"The files in {folder} are not Flowers-102, or are damaged ({error!r}). To verify them and fetch them "
            "again, run:   p2v data fetch flowers"
        ) from error
    return RawImages(pixels[order], labels[order], len(parts[0]), len(parts[1]))


def _pixels(folder: Path, count: int, size: int) -> UInt8[ndarray, "N 3 size size"]:
    """All images in the archive's order: those an earlier call kept, else decoded, and kept if the folder allows."""
    import numpy as np

    kept = folder / f"pixels-{size}.npy"
    with suppress(OSError, EOFError, ValueError):
        pixels: UInt8[ndarray, "N 3 size size"] = np.load(kept, mmap_mode="r")
        if pixels.shape == (count, 3, size, size) and pixels.dtype == np.uint8:
            return pixels
    pixels = _decoded(folder / ARCHIVE, count, size)
    with suppress(OSError):  # a folder we may only read: decode again next time
        part = kept.with_suffix(".part")
        with part.open("wb") as file:
            np.save(file, pixels)
        os.replace(part, kept)
    return pixels


def _decoded(archive: Path, count: int, size: int) -> UInt8[ndarray, "N 3 size size"]:
    import numpy as np
    from tqdm.auto import tqdm

    pixels = np.empty((count, 3, size, size), np.uint8)
    missing = set(range(count))
    with tarfile.open(archive, "r:gz") as members, tqdm(total=count, desc="decoding flowers", disable=None) as bar:
        for member in members:
            number = re.search(r"image_(\d+)\.jpg$", member.name)
            file = members.extractfile(member) if number else None
            if number and file and (place := int(number[1]) - 1) in missing:
                pixels[place] = _middle(file, size)
                missing.discard(place)
                bar.update()
    if missing:
        raise ValueError(f"{len(missing)} of {count} images are not in {archive.name}, number {min(missing) + 1} say")
    return pixels


def _middle(file: IO[bytes], size: int) -> UInt8[ndarray, "3 size size"]:
    """A photograph with its shorter side scaled to `size`, cut to the square in its middle."""
    import numpy as np
    from PIL import Image

    with Image.open(file) as opened:
        picture = opened.convert("RGB")
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    square = picture.resize((size, size), Image.Resampling.BILINEAR, box=(left, top, left + side, top + side))
    return np.asarray(square, np.uint8).transpose(2, 0, 1)


def _names() -> tuple[str, ...]:
    """The kinds' names as torchvision lists them; numbers where it is too old to."""
    from torchvision.datasets import Flowers102

    listed = tuple(getattr(Flowers102, "classes", ()))
    return listed if len(listed) == KINDS else tuple(f"kind {number}" for number in range(1, KINDS + 1))
