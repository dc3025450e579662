"""What the loaders of segmentation return: images with a class for every pixel, in three parts, and their sources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from p2v_data.dataset import Provenance
from p2v_data.summary import Rows, html_image, html_table, text_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jaxtyping import Bool, Float, Int
    from torch import Tensor

SHOWN, OUTLINE = 4, (1.0, 0.85, 0.1)  # tiles in a summary; the colour of a mask's border
HIT, MISSED, INVENTED = (0.0, 0.62, 0.45), (0.0, 0.45, 0.70), (0.84, 0.37, 0.0)  # green, blue, orange


class MaskSplit(NamedTuple):
    """Some tiles; unpacks as ``images, masks, sources = data.train``.

    `images` are 0 to 1, `masks` hold a class for every pixel, 0 for the ground. Tiles with the same number in
    `sources` were cut from the same picture, and look alike; no picture is in two parts.
    """

    images: Float[Tensor, "N C H W"]
    masks: Int[Tensor, "N H W"]
    sources: Int[Tensor, " N"]

    def some(self, chosen: Int[Tensor, " M"]) -> MaskSplit:
        """The tiles with these numbers, in this order."""
        return MaskSplit(self.images[chosen], self.masks[chosen], self.sources[chosen])


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class MaskDataset:
    """Tiles with a class for every pixel, in three parts; no picture that tiles were cut from is in two of them.

    Attributes:
        train: to learn from.
        validation: to choose a threshold by, and whatever else is chosen.
        test: to judge by.
        class_names: of the classes 0, 1, …; the ground comes first.
        provenance: where the data comes from.
    """

    train: MaskSplit
    validation: MaskSplit
    test: MaskSplit
    class_names: tuple[str, ...]
    provenance: Provenance

    def __len__(self) -> int:
        return sum(len(part.masks) for part in (self.train, self.validation, self.test))

    @property
    def _rows(self) -> Rows:
        parts = (("train", self.train), ("validation", self.validation), ("test", self.test))
        return [
            *((name, self._counts(part)) for name, part in parts),
            ("classes", ", ".join(f"{number} {name}" for number, name in enumerate(self.class_names))),
            *self.provenance.rows,
        ]

    def _counts(self, part: MaskSplit) -> str:
        if not len(part.masks):
            return "no tiles"
        shares = part.masks.flatten().bincount(minlength=len(self.class_names)) / part.masks.numel()
        named = ", ".join(
            f"{name} {share:.1%}" for name, share in zip(self.class_names[1:], shares[1:].tolist(), strict=True)
        )
        tiles, pictures = len(part.masks), len(part.sources.unique())
        return f"{tiles:,} tile{'s' * (tiles > 1)} of {pictures:,} source{'s' * (pictures > 1)}; of the pixels, {named}"

    def __repr__(self) -> str:
        return text_table(self.provenance.title, self._rows)

    def _repr_html_(self) -> str:
        part = self.train
        fullest = (part.masks > 0).flatten(1).sum(1).argsort(descending=True, stable=True)
        chosen = fullest[: len(fullest) // 2 + 1][:: max(len(fullest) // 2 // SHOWN, 1)][:SHOWN].tolist()
        pictures = []
        for number in chosen:
            image = part.images[number] / part.images[number].max().clamp(min=0.01)
            outline = outlined(image, part.masks[number])
            pictures.append(html_image(image, alt=f"training tile {number}", width=96))
            pictures.append(html_image(outline, alt=f"training tile {number} with its mask's outline", width=96))
        return html_table(self.provenance.title, self._rows) + f"<div>{''.join(pictures)}</div>"


def in_one(
    parts: Sequence[MaskSplit],
    class_names: tuple[str, ...],
    *,
    name: str,
    source: str,
    licence: str,
    citation: str,
    kind: Literal["real", "simulated"],
) -> MaskDataset:
    """The training, validation and test part as one data set; the provenance counts their tiles."""
    train, validation, test = parts
    return MaskDataset(
        train=train,
        validation=validation,
        test=test,
        class_names=class_names,
        provenance=Provenance(
            name=name,
            source=source,
            licence=licence,
            citation=citation,
            kind=kind,
            count=sum(len(part.masks) for part in parts),
            shape=tuple(train.images.shape[1:]),
        ),
    )


def outlined(image: Float[Tensor, "C H W"], mask: Int[Tensor, "H W"]) -> Float[Tensor, "3 H W"]:
    """The image in colour with a line around each region of `mask`: the region's own outermost pixels."""
    import torch

    colour = image.expand(3, -1, -1) if len(image) == 1 else image
    return torch.where(_border(mask), torch.tensor(OUTLINE, device=image.device)[:, None, None], colour)


def judged(image: Float[Tensor, "C H W"], found: Tensor, truth: Tensor) -> Float[Tensor, "3 H W"]:
    """The image in grey, and over it in green what was rightly found, in blue what was missed, in orange the invented.

    Args:
        image: 0 to 1; it is shown half as bright, its brightest pixel at 1.
        found: (H, W), what an answer marks: True, or above 0.
        truth: (H, W), what should be marked, likewise.
    """
    import torch

    grey = image.mean(0).cpu() / image.max().cpu().clamp(min=0.01)
    seen = 0.6 * grey.expand(3, -1, -1).clone()
    found, truth = found.cpu() > 0, truth.cpu() > 0
    for where, colour in ((found & truth, HIT), (truth & ~found, MISSED), (found & ~truth, INVENTED)):
        seen = torch.where(where, 0.35 * seen + 0.65 * torch.tensor(colour)[:, None, None], seen)
    return seen


def _border(mask: Int[Tensor, "H W"]) -> Bool[Tensor, "H W"]:
    """The pixels of a class above 0 that touch another class above, below, left or right."""
    border = (mask != mask).clone()
    for axis in (0, 1):
        steps = mask.diff(dim=axis) != 0
        border.narrow(axis, 0, mask.shape[axis] - 1).logical_or_(steps)
        border.narrow(axis, 1, mask.shape[axis] - 1).logical_or_(steps)
    return border & (mask > 0)


def tiles(picture: Tensor, side: int, step: int | None = None) -> Tensor:
    """Square tiles of a picture (…, H, W), row by row: (n, …, side, side). What is left at the far borders is dropped.

    step: from one tile to the next, in pixels; None for `side`, and no two tiles overlap.
    """
    step = step or side
    cut = picture.unfold(-2, side, step).unfold(-2, side, step)  # (…, rows, columns, side, side)
    return cut.flatten(-4, -3).movedim(-3, 0).contiguous()
