"""Fashion-MNIST: ten kinds of clothing, as large as MNIST and harder."""

from __future__ import annotations

from pathlib import Path

from p2v_data.dataset import ImageDataset, Provenance, assemble
from p2v_data.idx import read_idx_folder
from p2v_data.store import full_set, require

NAMES = ("T-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "trainer", "bag", "ankle boot")


def fashion(
    *, train: int | None = None, test: int | None = None, seed: int = 0, folder: Path | None = None
) -> ImageDataset:
    """Clothing, 28×28, one channel, 0 (background) to 1; 60,000 for training and 10,000 for testing, 220 MB as float32.

    Read from the data folder, else from the Debian package dataset-fashion-mnist.

    Args:
        train: how many training images to keep, every class by its share; None keeps all.
        test: the same for the test images.
        seed: which images are kept; the border between training and test never moves.
        folder: the data folder; default ``data_folder()``.

    Raises:
        DataMissingError: it isn't on this machine; the message says what to run.
        ValueError: more images are asked for than there are.
    """
    known = full_set("fashion-mnist")
    where = require(known.name, folder)
    raw = read_idx_folder(where, classes=len(NAMES))
    about = Provenance(
        name="Fashion-MNIST",
        source=f"{known.source}; read from {where}, its makers' split",
        licence=known.licence,
        citation=known.citation,
        kind=known.kind,
        count=len(raw.labels),
        shape=raw.images.shape[1:],
    )
    return assemble(raw, about=about, class_names=NAMES, train=train, test=test, seed=seed)
