"""CIFAR-10: small colour photographs of ten kinds of things."""

from __future__ import annotations

import io
import pickle
import tarfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Any

from p2v_data.dataset import ImageDataset, Provenance, RawImages, assemble, set_aside
from p2v_data.errors import DataDamagedError
from p2v_data.store import full_set, require

ARCHIVE = "cifar-10-python.tar.gz"
NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
TRAIN_BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))
TEST_BATCH = "test_batch"


def cifar10(
    *,
    train: int | None = None,
    validation: int = 0,
    test: int | None = None,
    seed: int = 0,
    folder: Path | None = None,
    as_bytes: bool = False,
) -> ImageDataset:
    """Photographs, 32×32, RGB, 0 to 1; 50,000 for training and 10,000 for testing, 740 MB as float32.

    Args:
        train: how many training images to keep, every class by its share; None keeps all.
        validation: how many training images to set aside for choosing, always the same ones.
        test: how many test images to keep.
        seed: which images are kept; the border between training and test never moves.
        folder: the data folder; default ``data_folder()``.
        as_bytes: uint8, 0 to 255, a quarter of the memory.

    Raises:
        DataMissingError: it isn't on this machine; the message says what to run.
        DataDamagedError: the archive isn't what it should be.
        ValueError: more images are asked for than there are.
    """
    known = full_set("cifar10")
    raw = read_archive(require(known.name, folder) / ARCHIVE)
    about = Provenance(
        name="CIFAR-10",
        source=f"{known.source}; its makers' split",
        licence=known.licence,
        citation=known.citation,
        kind=known.kind,
        count=len(raw.labels),
        shape=raw.images.shape[1:],
    )
    raw = set_aside(raw, validation) if validation else raw
    return assemble(raw, about=about, class_names=NAMES, train=train, test=test, seed=seed, as_bytes=as_bytes)


def read_archive(path: Path) -> RawImages:
    """The images in CIFAR-10's archive, without unpacking it to disk and without trusting its pickles.

    Raises:
        DataDamagedError: it is cut short, corrupt, lacks a batch, or a pickle asks for more than arrays.
    """
    import numpy as np

    wanted = {*TRAIN_BATCHES, TEST_BATCH}
    batches: dict[str, dict[bytes, Any]] = {}
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                name = PurePosixPath(member.name).name
                if name in wanted and (file := archive.extractfile(member)):
                    batches[name] = _ArraysOnly(io.BytesIO(file.read()), encoding="bytes").load()
        images = [_images(batches[name]) for name in (*TRAIN_BATCHES, TEST_BATCH)]
        labels = [np.asarray(batches[name][b"labels"], np.int64) for name in (*TRAIN_BATCHES, TEST_BATCH)]
    except (tarfile.TarError, EOFError, OSError, zlib.error, pickle.UnpicklingError, KeyError, ValueError) as error:
        raise DataDamagedError(
            f"{path} is not CIFAR-10's archive, or is damaged ({error!r}). To verify it and fetch it again, run:   "
            "p2v data fetch cifar10"
        ) from error
    return RawImages(np.concatenate(images), np.concatenate(labels), sum(map(len, labels[:-1])))


def _images(batch: dict[bytes, Any]) -> Any:
    import numpy as np

    return np.asarray(batch[b"data"], np.uint8).reshape(len(batch[b"labels"]), 3, 32, 32)


class _ArraysOnly(pickle.Unpickler):
    """Makes NumPy arrays and nothing else, so that no archive can run code here."""

    def find_class(self, module: str, name: str) -> Any:
        import _codecs

        import numpy as np

        allowed = {
            "ndarray": np.ndarray,
            "dtype": np.dtype,
            "_reconstruct": np.empty(0).__reduce__()[0],
            "encode": _codecs.encode,
        }
        if module.split(".")[0] in ("numpy", "_codecs") and name in allowed:
            return allowed[name]
        raise pickle.UnpicklingError(f"{module}.{name} has no place in this file")
