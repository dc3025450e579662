"""What every loader returns: images with labels, a fixed split, and where they come from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
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
        dtype: of the pixels.
    """

    name: str
    source: str
    licence: str
    citation: str
    kind: Literal["real", "simulated"]
    count: int
    shape: tuple[int, ...]
    value_range: tuple[float, float] = (0.0, 1.0)
    dtype: Literal["float32", "uint8"] = "float32"

    @property
    def title(self) -> str:
        """One line: name, count, shape, range, real or simulated."""
        low, high = self.value_range
        images = "1 image" if self.count == 1 else f"{self.count:,} images"
        size = "×".join(str(length) for length in self.shape)
        return f"{self.name}: {images}, {size} (C×H×W), {self.dtype} in {low:g}..{high:g}, {self.kind}"

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

    images: Float[Tensor, "N C H W"] | UInt8[Tensor, "N C H W"]
    labels: Int[Tensor, " N"]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ImageDataset:
    """Labelled images with a fixed split: the training part first, then (if there is one) the validation part, then the
    test part, each with its classes mixed.

    Attributes:
        images: float32, 0..1; or uint8, 0..255, where a loader was asked for bytes.
        labels: int64, 0..K-1, an index into ``class_names``.
        class_names: K names.
        train_count: how many of the images, from the first, are for training.
        validation_count: how many of those that follow are for choosing; the rest are for testing.
        provenance: where the data comes from.
    """

    images: Float[Tensor, "N C H W"] | UInt8[Tensor, "N C H W"]
    labels: Int[Tensor, " N"]
    class_names: tuple[str, ...]
    train_count: int
    validation_count: int = 0
    provenance: Provenance

    @property
    def train(self) -> Split:
        """The training part, a view of ``images`` and ``labels``."""
        return self._part(0, self.train_count)

    @property
    def validation(self) -> Split:
        """The part to choose by, a view of ``images`` and ``labels``; empty where the set has none."""
        return self._part(self.train_count, self.train_count + self.validation_count)

    @property
    def test(self) -> Split:
        """The test part, a view of ``images`` and ``labels``; it shares no image with ``train``."""
        return self._part(self.train_count + self.validation_count, len(self))

    def _part(self, first: int, end: int) -> Split:
        return Split(self.images[first:end], self.labels[first:end])

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def _rows(self) -> Rows:
        return [
            ("train", self._counts(self.train)),
            *[("validation", self._counts(self.validation))] * bool(self.validation_count),
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
        white = self.provenance.value_range[1]
        pictures = [
            html_image(self.images[int(where[0])] / white, alt=f"an example of class {name}", width=56)
            for label, name in enumerate(self.class_names)
            if len(where := (self.labels == label).nonzero().flatten())
        ]
        return html_table(self.provenance.title, self._rows) + f"<div>{''.join(pictures)}</div>"


class RawImages(NamedTuple):
    """Images as a file holds them: the training part first, then the validation part if there is one, then the rest."""

    images: UInt8[ndarray, "N C H W"]
    labels: Int[ndarray, " N"]
    train_count: int
    validation_count: int = 0


def assemble(
    raw: RawImages,
    *,
    about: Provenance,
    class_names: tuple[str, ...],
    train: int | None = None,
    validation: int | None = None,
    test: int | None = None,
    seed: int = 0,
    white: int = 255,
    as_bytes: bool = False,
) -> ImageDataset:
    """Turns raw images into a data set, the whole of it or a stratified part.

    Args:
        raw: integer images, part by part.
        about: its provenance; count and shape are filled in from the images kept.
        class_names: one name a class.
        train: how many training images to keep; None keeps all.
        validation: how many validation images to keep; None keeps all.
        test: how many test images to keep; None keeps all.
        seed: which images are kept. The borders between the parts never move.
        white: the integer that stands for 1.0.
        as_bytes: uint8, 0..``white``, a quarter of the memory, instead of float32, 0..1.

    Raises:
        ValueError: more images are asked for than there are.
    """
    import numpy as np
    import torch

    ends = (0, raw.train_count, raw.train_count + raw.validation_count, len(raw.labels))
    parts = [
        _kept(raw.labels[first:end], count, seed) + first
        for (first, end), count in zip(pairwise(ends), (train, validation, test), strict=True)
    ]
    kept = np.concatenate(parts)
    images = torch.from_numpy(raw.images[kept])
    about = replace(about, count=len(kept), shape=tuple(images.shape[1:]))
    return ImageDataset(
        images=images if as_bytes else images.to(torch.float32).div_(white),
        labels=torch.from_numpy(raw.labels[kept]).to(torch.int64),
        class_names=class_names,
        train_count=len(parts[0]),
        validation_count=len(parts[1]),
        provenance=replace(about, dtype="uint8", value_range=(0, white)) if as_bytes else about,
    )


def _kept(labels: Int[ndarray, " N"], count: int | None, seed: int) -> Int[ndarray, " M"]:
    import numpy as np

    from p2v_data.split import stratified_split

    if count is None:
        return np.arange(len(labels))
    return stratified_split(labels, count, seed)[1]


def set_aside(raw: RawImages, validation: int) -> RawImages:
    """Moves ``validation`` of the training images into the validation part: stratified, and the same for ever.

    Raises:
        ValueError: more are asked for than there are.
    """
    import numpy as np

    from p2v_data.split import SPLIT_SEED, stratified_split

    left, chosen = stratified_split(raw.labels[: raw.train_count], validation, SPLIT_SEED)
    order = np.concatenate([left, chosen, np.arange(raw.train_count, len(raw.labels))])
    return RawImages(raw.images[order], raw.labels[order], len(left), raw.validation_count + validation)


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
