"""Images and masks bent alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from autograder.exercises.unet._ready_made import AUGMENTERS
from autograder.exercises.unet._sampled import Pair, clear, image_at, labels, own_places, pair_at, with_gradient
from autograder.spec import Case, Exercise, Rng, Tolerance, Wrong, of_call


def places(
    field: Tensor,
    size: tuple[int, int],
    *,
    how: str = "bicubic",
    corners: bool = True,
    sign: float = 1.0,
    swapped: bool = False,
    alike: bool = False,
    shares: bool = False,
    only_arrows: bool = False,
) -> Tensor:
    """(N, H, W, 2): where new pixels come from, with the habits of mistakes."""
    field = field.double()[:1].expand_as(field) if alike else field.double()
    arrows = F.interpolate(field, size, mode=how, align_corners=None if how == "nearest" else corners).movedim(1, -1)
    arrows = sign * (arrows.flip(-1) if swapped else arrows)
    if shares:
        arrows = arrows * torch.tensor(size).to(arrows) / 2
    return arrows if only_arrows else own_places(*size).to(field.device) + arrows


def oracle(images: Tensor, masks: Tensor, field: Tensor, outside: int | None = None) -> Pair:
    return pair_at(images, masks, places(field, (images.shape[2], images.shape[3])), outside)


def drawn_field(rng: Rng, n: int, grid: tuple[int, int], size: tuple[int, int], strength: float = 0.9) -> Tensor:
    """Arrows by which no place lies in the middle between two pixels."""
    while True:
        field = rng.uniform(n, 2, *grid, low=-strength, high=strength)
        if clear(places(field, size), margin=5e-4):
            return field


def case(rng: Rng, name: str, shape: tuple[int, ...], grid: tuple[int, int], **options: Any) -> Case:
    n, _, height, width = shape
    dtype = options.pop("dtype", torch.float32)
    return of_call(
        name,
        images=rng.normal(*shape, dtype=dtype),
        masks=labels(rng, n, height, width, dtype=options.pop("mask_dtype", torch.int64)),
        field=drawn_field(rng, n, grid, (height, width)).to(dtype),
        **options,
        terms=64,
        scale=8.0,
    )


def cases(rng: Rng) -> Iterator[Case]:
    nine = torch.arange(1.0, 10.0).reshape(3, 3)
    arrow = torch.stack([torch.zeros(2, 2), torch.ones(2, 2)])[None]
    moved = torch.tensor([[2.0, 3.0, 2.0], [5.0, 6.0, 5.0], [8.0, 9.0, 8.0]])
    yield of_call(
        "one pixel from the right, by hand",
        images=nine[None, None],
        masks=nine.long()[None],
        field=arrow,
        expect=(moved[None, None], moved.long()[None]),
        note="every pixel fetches its right neighbour: 1 2 3 becomes 2 3 and, mirrored beyond the border, 2",
        terms=64,
        scale=8.0,
    )
    yield case(rng, "3 × 3 arrows", (1, 1, 5, 6), (3, 3))
    yield case(rng, "batch of 2, 4 × 3 arrows", (2, 2, 6, 5), (4, 3))
    yield case(rng, "an ignored label, a mask of bytes", (2, 1, 5, 5), (3, 4), outside=255, mask_dtype=torch.uint8)
    yield case(rng, "zeros beyond the border", (1, 3, 4, 7), (2, 3), outside=0)
    still: dict[str, Any] = {
        "images": rng.normal(2, 1, 4, 5),
        "masks": labels(rng, 2, 4, 5),
        "field": torch.zeros(2, 2, 3, 3),
    }
    yield of_call("nothing moves", **still, terms=64)
    double = case(rng, "float64, gradients", (2, 1, 5, 4), (3, 3), dtype=torch.float64)
    yield with_gradient(double)


def habit(**options: Any) -> Callable[..., Pair]:
    """The oracle with one habit of its places changed."""

    def answer(images: Tensor, masks: Tensor, field: Tensor, outside: int | None = None) -> Pair:
        return pair_at(images, masks, places(field, (images.shape[2], images.shape[3]), **options), outside)

    return answer


def mask_left(images: Tensor, masks: Tensor, field: Tensor, outside: int | None = None) -> Pair:
    return oracle(images, masks, field, outside)[0], masks.clone()


def mask_smeared(images: Tensor, masks: Tensor, field: Tensor, outside: int | None = None) -> Pair:
    at = places(field, (images.shape[2], images.shape[3]))
    mixed = image_at(masks[:, None].double() - (outside or 0), at, "mirrored" if outside is None else None)
    return oracle(images, masks, field, outside)[0], (mixed[:, 0] + (outside or 0)).to(masks.dtype)


def never_mirrored(images: Tensor, masks: Tensor, field: Tensor, outside: int | None = None) -> Pair:
    return oracle(images, masks, field, outside or 0)


def always_mirrored(images: Tensor, masks: Tensor, field: Tensor, outside: int | None = None) -> Pair:
    return oracle(images, masks, field, None)


def _wrong(name: str, says: str, look: str, **options: Any) -> Wrong:
    return Wrong(name, habit(**options), says=says, look=look)


ELASTIC_DEFORM = Exercise(
    id="unet.elastic_deform",
    cases=cases,
    oracle=oracle,
    wrong=(
        _wrong(
            "sends instead of fetching",
            "a pixel's arrow points to where it goes; it should point to where it is fetched from.",
            "own place + arrow.",
            sign=-1.0,
        ),
        _wrong(
            "reads the arrows' right first",
            "field[:, 0] is taken for the way to the right; it is the way down.",
            "sample_pair wants (row, column).",
            swapped=True,
        ),
        _wrong(
            "draws straight lines between arrows",
            "arrows are interpolated bilinearly, so that the sheet has creases along the grid.",
            "the mode that is smooth where two patches meet.",
            how="bilinear",
        ),
        _wrong(
            "moves blocks",
            "every pixel takes the nearest arrow: the picture falls into blocks that move apart.",
            "F.interpolate's default isn't smooth.",
            how="nearest",
        ),
        _wrong(
            "puts arrows on middles of blocks",
            "the outermost arrows stand inside the picture, in the middle of a block each; they stand on its corners.",
            "align_corners.",
            corners=False,
        ),
        _wrong(
            "bends all images alike",
            "the first image's arrows are used for all.",
            "each image has its own.",
            alike=True,
        ),
        _wrong(
            "takes arrows for shares of the picture",
            "arrows are read on a grid from −1 to 1, half a picture each; they are in pixels.",
            "add them before anything is brought to −1 … 1.",
            shares=True,
        ),
        _wrong(
            "forgets the pixels' own places",
            "the arrows alone are looked up, so that everything comes from near the first pixel.",
            "own place + arrow.",
            only_arrows=True,
        ),
        Wrong(
            "leaves the mask",
            mask_left,
            says="the image bends and its mask stays as it was.",
            look="both come from the same places.",
        ),
        Wrong(
            "interpolates the mask",
            mask_smeared,
            says="the mask is mixed from several pixels, which makes labels that were not there.",
            look="sample_pair does both.",
        ),
        Wrong(
            "never mirrors",
            never_mirrored,
            says="beyond the border there are zeros where both should go on mirrored.",
            look="None is the default here; hand outside on as it is.",
        ),
        Wrong(
            "always mirrors",
            always_mirrored,
            says="the picture goes on mirrored even where `outside` is a label.",
            look="hand outside on.",
        ),
    ),
    hints=(
        'F.interpolate(field, (H, W), mode="bicubic", align_corners=True) gives every pixel its arrow, (N, 2, H, W).',
        "torch.meshgrid of rows and columns, stacked on a last axis, is every pixel's own place (H, W, 2).",
        "Bring the arrows to (N, H, W, 2) with movedim, add the own places, and let sample_pair look.",
    ),
    points=3,
    minutes=15,
    needs=("unet.sample_pair",),
    forbidden=AUGMENTERS,
    tolerance=Tolerance(factor=16.0),
)

EXERCISES = (ELASTIC_DEFORM,)
