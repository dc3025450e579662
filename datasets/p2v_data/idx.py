"""The idx file format of MNIST and its kin: a tiny header, then the numbers."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from p2v_data.errors import DataDamagedError, DataMissingError

if TYPE_CHECKING:
    from numpy import ndarray

    from p2v_data.dataset import RawImages

GZIP_MAGIC = b"\x1f\x8b"
DTYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path: Path) -> ndarray[Any, Any]:
    """The array an idx file holds, plain or gzipped (told by content, not by name), in native byte order.

    The header is two zero bytes, a type code, the number of axes, and each axis length as a big-endian 32-bit integer.

    Raises:
        DataDamagedError: the file is cut short, too long, corrupt or no idx file.
        DataMissingError: there is no such file.
    """
    try:
        with path.open("rb") as file:
            zipped = file.read(2) == GZIP_MAGIC
        with gzip.open(path, "rb") if zipped else path.open("rb") as stream:
            return _parse(stream, path)
    except FileNotFoundError as error:
        raise DataMissingError(f"{path} is not there.") from error
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataDamagedError(f"{path} can't be unzipped ({error}): it is cut short or corrupt.") from error


def _parse(stream: BinaryIO | gzip.GzipFile, path: Path) -> ndarray[Any, Any]:
    import numpy as np

    header = stream.read(4)
    if len(header) < 4 or header[:2] != b"\0\0" or header[2] not in DTYPES:
        raise DataDamagedError(f"{path} is no idx file: expected it to begin 00 00 TYPE AXES, got {header.hex(' ')!r}.")
    dtype = np.dtype(DTYPES[header[2]])
    axes = stream.read(4 * header[3])
    if len(axes) < 4 * header[3]:
        raise DataDamagedError(f"{path} ends inside its header: expected {header[3]} axis lengths.")
    shape = struct.unpack(f">{header[3]}I", axes)
    expected = math.prod(shape) * dtype.itemsize
    payload = stream.read()
    if len(payload) != expected:
        raise DataDamagedError(f"{path} should hold {expected:,} bytes for shape {shape}, but holds {len(payload):,}.")
    return np.frombuffer(payload, dtype).reshape(shape).astype(dtype.newbyteorder("="))


def read_idx_folder(folder: Path, classes: int) -> RawImages:
    """The four files of an MNIST-like set (``train-`` and ``t10k-``, images and labels), gzipped or plain.

    Args:
        folder: where the files lie.
        classes: labels must be 0..classes-1.

    Raises:
        DataDamagedError: a file is damaged, or the files don't fit together.
        DataMissingError: a file isn't there.
    """
    import numpy as np

    from p2v_data.dataset import RawImages

    train_images, train_labels = _read_pair(folder, "train", classes)
    test_images, test_labels = _read_pair(folder, "t10k", classes)
    if train_images.shape[1:] != test_images.shape[1:]:
        raise DataDamagedError(
            f"{folder}: training images are {train_images.shape[1:]}, test images {test_images.shape[1:]}."
        )
    images = np.concatenate([train_images, test_images])[:, None]
    return RawImages(images, np.concatenate([train_labels, test_labels]), len(train_labels))


def _read_pair(folder: Path, part: str, classes: int) -> tuple[ndarray[Any, Any], ndarray[Any, Any]]:
    images = read_idx(_either(folder, f"{part}-images-idx3-ubyte"))
    labels = read_idx(_either(folder, f"{part}-labels-idx1-ubyte"))
    if images.dtype != "u1" or labels.dtype != "u1" or images.ndim != 3 or labels.ndim != 1:
        raise DataDamagedError(
            f"{folder}: {part} should be bytes with axes (N, H, W) and (N,); "
            f"got {images.dtype} {images.shape} and {labels.dtype} {labels.shape}."
        )
    if len(images) != len(labels):
        raise DataDamagedError(f"{folder}: {part} has {len(images):,} images but {len(labels):,} labels.")
    if len(labels) and labels.max() >= classes:
        raise DataDamagedError(f"{folder}: {part} has label {labels.max()}; expected 0 to {classes - 1}.")
    return images, labels


def _either(folder: Path, name: str) -> Path:
    """The gzipped file where it is there, else the plain one."""
    zipped = folder / f"{name}.gz"
    return zipped if zipped.exists() else folder / name
