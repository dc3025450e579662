"""Chest X-rays of children, with and without pneumonia."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

from p2v_data.dataset import ImageDataset, Provenance, RawImages, assemble
from p2v_data.errors import DataDamagedError
from p2v_data.store import full_set, require

ARCHIVE = "pneumoniamnist_224.npz"
NAMES = ("normal", "pneumonia")
PARTS = ("train", "val", "test")


def pneumonia(
    *,
    train: int | None = None,
    validation: int | None = None,
    test: int | None = None,
    seed: int = 0,
    folder: Path | None = None,
    as_bytes: bool = False,
) -> ImageDataset:
    """X-rays, 224×224, one channel, 0 to 1: 4,708 for training, 524 for validation, 624 for testing, 1.2 GB as float32.

    About three in four show a pneumonia. The split is MedMNIST's. Its test part is its source's own, which that
    describes as other children. Its validation part was cut from the source's training part at random, image by image;
    the source has several X-rays of some children, so it flatters. The file doesn't say which X-rays show the same
    child.

    Args:
        train: how many training images to keep, every class by its share; None keeps all.
        validation: the same for the validation images.
        test: the same for the test images.
        seed: which images are kept; the borders between the parts never move.
        folder: the data folder; default ``data_folder()``.
        as_bytes: uint8, 0 to 255, a quarter of the memory.

    Raises:
        DataMissingError: it isn't on this machine; the message says what to run.
        DataDamagedError: the file isn't what it should be.
        ValueError: more images are asked for than there are.
    """
    known = full_set("pneumonia")
    raw = read_parts(require(known.name, folder) / ARCHIVE)
    about = Provenance(
        name="PneumoniaMNIST",
        source=f"{known.source}; MedMNIST's split: validation image by image, test of other children",
        licence=known.licence,
        citation=known.citation,
        kind=known.kind,
        count=len(raw.labels),
        shape=raw.images.shape[1:],
    )
    return assemble(
        raw,
        about=about,
        class_names=NAMES,
        train=train,
        validation=validation,
        test=test,
        seed=seed,
        as_bytes=as_bytes,
    )


def read_parts(path: Path) -> RawImages:
    """The images in a grey MedMNIST file of two dimensions, part by part.

    Raises:
        DataDamagedError: it is cut short, corrupt, lacks a part, or holds something else.
    """
    import numpy as np

    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            images = [file[f"{part}_images"] for part in PARTS]
            labels = [file[f"{part}_labels"].reshape(-1).astype(np.int64) for part in PARTS]
        if any(part.ndim != 3 or part.dtype != np.uint8 for part in images):
            raise ValueError(f"images of shape {images[0].shape}, {images[0].dtype}; expected (N, H, W), uint8")
        if [*map(len, images)] != [*map(len, labels)]:
            raise ValueError("there are not as many labels as images")
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise DataDamagedError(
            f"{path} is not PneumoniaMNIST's file, or is damaged ({error!r}). To verify it and fetch it again, run:   "
            "p2v data fetch pneumonia"
        ) from error
    return RawImages(np.concatenate(images)[:, None], np.concatenate(labels), len(labels[0]), len(labels[1]))
