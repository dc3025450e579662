"""What every loader returns: images with labels, a fixed split, and where they come from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, NamedTuple

from p2v_data.summary import Rows, html_image, html_table, text_table

if TYPE_CHECKING:
    from jaxtyping import Float, Int, UInt8
    from numpy import ndarray
    from torch import Tensor


@dataclass(frozen=True, kw_only=True, repr=False)
class Provenance:
    """Where data comes from and what may be done with it.

    Attributes:
        name: of the data set or image.
        source: who made it, and which package or file it was read from here.
        licence: what may be done with it.
        citation: what to cite.
        kind: measured in the world, or made by a program.
        count: number of images.
        shape: of one image, (C, H, W).
        value_range: smallest and largest value a pixel may have.
    """

    name: str
    source: str
    licence: str
    citation: str
    kind: Literal["real", "simulated"]
    count: int
    shape: tuple[int, ...]
    value_range: tuple[float, float] = (0.0, 1.0)

    @property
    def title(self) -> str:
        """One line: name, count, shape, range, real or simulated."""
        low, high = self.value_range
        images = "1 image" if self.count == 1 else f"{self.count:,} images"
        size = "×".join(str(length) for length in self.shape)
        return f"{self.name}: {images}, {size} (C×H×W), float32 in {low:g}..{high:g}, {self.kind}"

    @property
    def rows(self) -> Rows:
        """Source, licence and citation, for a summary."""
        return [("source", self.source), ("licence", self.licence), ("cite", self.citation)]

    def __repr__(self) -> str:
        return text_table(self.title, self.rows)

    def _repr_html_(self) -> str:
        return html_table(self.title, self.rows)


class Split(NamedTuple):
    """One part of a data set; unpacks as ``x, y = data.train``."""

    images: Float[Tensor, "N C H W"]
    labels: Int[Tensor, " N"]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ImageDataset:
    """Labelled images with a fixed split: the training part first, then the test part, each with its classes mixed.

    Attributes:
        images: float32, 0..1.
        labels: int64, 0..K-1, an index into ``class_names``.
        class_names: K names.
        train_count: how many of the images, from the first, are for training; the rest are for testing.
        provenance: where the data comes from.
    """

    images: Float[Tensor, "N C H W"]
    labels: Int[Tensor, " N"]
    class_names: tuple[str, ...]
    train_count: int
    provenance: Provenance

    @property
    def train(self) -> Split:
        """The training part, a view of ``images`` and ``labels``."""
        return Split(self.images[: self.train_count], self.labels[: self.train_count])

    @property
    def test(self) -> Split:
        """The test part, a view of ``images`` and ``labels``; it shares no image with ``train``."""
        return Split(self.images[self.train_count :], self.labels[self.train_count :])

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def _rows(self) -> Rows:
        return [
            ("train", self._counts(self.train)),
            ("test", self._counts(self.test)),
            ("classes", ", ".join(self.class_names)),
            *self.provenance.rows,
        ]

    def _counts(self, part: Split) -> str:
        per_class = part.labels.bincount(minlength=len(self.class_names))
        low, high = int(per_class.min()), int(per_class.max())
        return f"{len(part.labels):,} images, {low:,}{f' to {high:,}' if high > low else ''} a class"

    def __repr__(self) -> str:
        return text_table(self.provenance.title, self._rows)

    def _repr_html_(self) -> str:
        pictures = [
            html_image(self.images[int(where[0])], alt=f"an example of class {name}", width=56)
            for label, name in enumerate(self.class_names)
            if len(where := (self.labels == label).nonzero().flatten())
        ]
        return html_table(self.provenance.title, self._rows) + f"<div>{''.join(pictures)}</div>"


class RawImages(NamedTuple):
    """Images as a file holds them, the training part first."""

    images: UInt8[ndarray, "N C H W"]
    labels: Int[ndarray, " N"]
    train_count: int


def assemble(
    raw: RawImages,
    *,
    about: Provenance,
    class_names: tuple[str, ...],
    train: int | None = None,
    test: int | None = None,
    seed: int = 0,
    white: int = 255,
) -> ImageDataset:
    """Turns raw images into a data set, the whole of it or a stratified part.

    Args:
        raw: integer images, the training part first.
        about: its provenance; count and shape are filled in from the images kept.
        class_names: one name a class.
        train: how many training images to keep; None keeps all.
        test: how many test images to keep; None keeps all.
        seed: which images are kept. The border between training and test never moves.
        white: the integer that stands for 1.0.

    Raises:
        ValueError: more images are asked for than there are.
    """
    import numpy as np
    import torch

    kept_train = _kept(raw.labels[: raw.train_count], train, seed)
    kept_test = _kept(raw.labels[raw.train_count :], test, seed) + raw.train_count
    kept = np.concatenate([kept_train, kept_test])
    images = torch.from_numpy(raw.images[kept]).to(torch.float32).div_(white)
    return ImageDataset(
        images=images,
        labels=torch.from_numpy(raw.labels[kept]).to(torch.int64),
        class_names=class_names,
        train_count=len(kept_train),
        provenance=replace(about, count=len(kept), shape=tuple(images.shape[1:])),
    )


def _kept(labels: Int[ndarray, " N"], count: int | None, seed: int) -> Int[ndarray, " M"]:
    import numpy as np

    from p2v_data.split import stratified_split

    if count is None:
        return np.arange(len(labels))
    return stratified_split(labels, count, seed)[1]


def split_once(images: UInt8[ndarray, "N C H W"], labels: Int[ndarray, " N"], test: int) -> RawImages:
    """Divides a set that comes without a split: stratified, and the same for ever.

    Args:
        images: all images.
        labels: their classes.
        test: how many go into the test part.
    """
    import numpy as np

    from p2v_data.split import SPLIT_SEED, stratified_split

    order = np.concatenate(stratified_split(labels, test, SPLIT_SEED))
    return RawImages(images[order], labels[order], len(labels) - test)
