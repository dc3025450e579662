"""Images between their pixels, masks at the nearest one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from autograder.exercises.unet._ready_made import AUGMENTERS
from autograder.exercises.unet._sampled import Pair, image_at, labels, mask_at, pair_at
from autograder.spec import Case, Exercise, Ref, Rng, Speed, Tolerance, Wrong, backward, call, of_call


def oracle(images: Tensor, masks: Tensor, at: Tensor, outside: int | None = 0) -> Pair:
    return pair_at(images, masks, at, outside)


def places(rng: Rng, count: int, height: int, width: int, new: tuple[int, int], reach: float = 0.0) -> Tensor:
    """Places within the picture and up to `reach` pixels beyond it, none in the middle between two pixels."""
    whole = [rng.integers(int(-reach), size + int(reach), count, *new) for size in (height, width)]
    return torch.stack(whole, dim=-1).float() + rng.uniform(count, *new, 2, low=-0.45, high=0.45)


def case(
    rng: Rng, name: str, shape: tuple[int, ...], new: tuple[int, int], *, reach: float = 0.0, **options: Any
) -> Case:
    n, _, height, width = shape
    dtype, mask_dtype = options.pop("dtype", torch.float32), options.pop("mask_dtype", torch.int64)
    return of_call(
        name,
        images=rng.normal(*shape, dtype=dtype),
        masks=labels(rng, n, height, width, dtype=mask_dtype),
        at=places(rng, n, height, width, new, reach).to(dtype),
        **options,
        terms=64,
        scale=8.0,
    )


def cases(rng: Rng) -> Iterator[Case]:
    row, marks = torch.tensor([10.0, 20.0, 30.0]).expand(1, 1, 2, 3).clone(), torch.tensor([[[1, 1, 2], [1, 1, 2]]])
    at = torch.tensor([[[[0.0, 0.25], [0.0, 1.75], [0.0, 2.25]]]])
    yield of_call(
        "two equal rows of three, by hand",
        images=row,
        masks=marks,
        at=at,
        outside=0,
        expect=(torch.tensor([[[[12.5, 27.5, 22.5]]]]), torch.tensor([[[1, 2, 2]]])),
        note="0.75·10 + 0.25·20 = 12.5; 0.25·20 + 0.75·30 = 27.5; 0.75·30 + 0.25·0 = 22.5",
    )
    yield case(rng, "inside, 5 × 4 pixels out of 4 × 6", (1, 1, 4, 6), (5, 4))
    yield case(rng, "background beyond the border", (2, 3, 5, 4), (4, 5), reach=3, outside=0)
    yield case(rng, "an ignored label beyond the border", (2, 1, 4, 5), (5, 6), reach=3, outside=255)
    yield case(rng, "mirrored beyond the border", (2, 2, 4, 5), (6, 6), reach=6, outside=None)
    yield case(rng, "a mask of bytes", (1, 1, 6, 3), (3, 3), reach=1, mask_dtype=torch.uint8)
    yield case(rng, "float64, mirrored", (1, 2, 3, 4), (4, 3), reach=2, outside=None, dtype=torch.float64)
    yield of_call(
        "not contiguous, gradients",
        images=rng.strided(2, 2, 4, 3),
        masks=labels(rng, 2, 3, 4).mT,
        at=places(rng, 2, 4, 3, (3, 4), 1),
        outside=7,
        terms=64,
        scale=8.0,
    )
    images = rng.normal(2, 2, 4, 3)
    yield _graded("gradients of the image", images, labels(rng, 2, 4, 3), places(rng, 2, 4, 3, (3, 4), 1))


def _graded(name: str, images: Tensor, masks: Tensor, at: Tensor) -> Case:
    steps = (
        call("out", images=Ref("images"), masks=Ref("masks"), at=Ref("at")),
        call("image", 0, target="out", method="__getitem__"),
        backward("image", "images"),
    )
    return Case(name, steps, inputs={"images": images, "masks": masks, "at": at}, terms=64, scale=8.0)


def mask_interpolated(images: Tensor, masks: Tensor, at: Tensor, outside: int | None = 0) -> Pair:
    mixed = pair_at(masks[:, None].double() - (outside or 0), masks, at, outside)[0][:, 0] + (outside or 0)
    return oracle(images, masks, at, outside)[0], mixed.to(masks.dtype)


def image_nearest(images: Tensor, masks: Tensor, at: Tensor, outside: int | None = 0) -> Pair:
    beyond: Any = "mirrored" if outside is None else None
    return image_at(images, at, beyond, nearest=True), oracle(images, masks, at, outside)[1]


def column_first(images: Tensor, masks: Tensor, at: Tensor, outside: int | None = 0) -> Pair:
    return oracle(images, masks, at.flip(-1), outside)


def corners_mistaken(way: Literal["out", "in"], *, mask_too: bool) -> Callable[..., Pair]:
    """A grid that runs from middle to middle of the outermost pixels and is read from edge to edge, or ("in") back."""

    def answer(images: Tensor, masks: Tensor, at: Tensor, outside: int | None = 0) -> Pair:
        size = torch.tensor(images.shape[-2:]).to(at)
        last = (size - 1).clamp(min=1)
        folded = at if outside is not None else last - (at.abs() % (2 * last) - last).abs()
        off = folded * size / last - 0.5 if way == "out" else (2 * folded + 1) * last / size / 2
        beyond: Any = "repeated" if outside is None else None
        mask = mask_at(masks, off.round(), beyond, outside or 0) if mask_too else oracle(images, masks, at, outside)[1]
        return image_at(images, off, beyond), mask

    return answer


def zero_for_none(images: Tensor, masks: Tensor, at: Tensor, outside: int | None = 0) -> Pair:
    return oracle(images, masks, at, outside or None)


def half_a_pixel_less(images: Tensor, masks: Tensor, at: Tensor, outside: int | None = 0) -> Pair:
    image, mask = oracle(images, masks, at, outside)
    inside = ((at >= 0) & (at <= torch.tensor(masks.shape[1:], device=at.device) - 1)).all(-1)
    return image, mask if outside is None else mask.where(inside, torch.full_like(mask, outside))


def mask_rim_repeated(images: Tensor, masks: Tensor, at: Tensor, outside: int | None = 0) -> Pair:
    image, mask = oracle(images, masks, at, outside)
    return image, mask if outside is None else mask_at(masks, at, "repeated")


def mask_rounded(images: Tensor, masks: Tensor, at: Tensor, outside: int | None = 0) -> Pair:
    mixed = pair_at(masks[:, None].double() - (outside or 0), masks, at, outside)[0][:, 0] + (outside or 0)
    return oracle(images, masks, at, outside)[0], mixed.round().to(masks.dtype)


def background_always(images: Tensor, masks: Tensor, at: Tensor, outside: int | None = 0) -> Pair:
    return oracle(images, masks, at, None if outside is None else 0)


def label_into_the_image(images: Tensor, masks: Tensor, at: Tensor, outside: int | None = 0) -> Pair:
    value = outside or 0
    return oracle(images - value, masks, at, outside)[0] + value, oracle(images, masks, at, outside)[1]


def repeated_border(images: Tensor, masks: Tensor, at: Tensor, outside: int | None = 0) -> Pair:
    if outside is not None:
        return oracle(images, masks, at, outside)
    return image_at(images, at, "repeated"), mask_at(masks, at, "repeated")


def doubled_border(images: Tensor, masks: Tensor, at: Tensor, outside: int | None = 0) -> Pair:
    if outside is not None:
        return oracle(images, masks, at, outside)
    return image_at(images, at, "doubled"), mask_at(masks, at, "doubled")


def mask_never_mirrored(images: Tensor, masks: Tensor, at: Tensor, outside: int | None = 0) -> Pair:
    return oracle(images, masks, at, outside)[0], oracle(images, masks, at, outside or 0)[1]


def rim_repeated(images: Tensor, masks: Tensor, at: Tensor, outside: int | None = 0) -> Pair:
    """Numbers only: the outermost pixels go on for ever in the image."""
    image, mask = oracle(images, masks, at, outside)
    return image if outside is None else image_at(images, at, "repeated"), mask


def floored(images: Tensor, masks: Tensor, at: Tensor, outside: int | None = 0) -> Pair:
    beyond: Any = "mirrored" if outside is None else None
    return oracle(images, masks, at, outside)[0], mask_at(masks, at, beyond, outside or 0, floored=True)


def mask_of_floats(images: Tensor, masks: Tensor, at: Tensor, outside: int | None = 0) -> Pair:
    image, mask = oracle(images, masks, at, outside)
    return image, mask.to(images.dtype)


def detached(images: Tensor, masks: Tensor, at: Tensor, outside: int | None = 0) -> Pair:
    return oracle(images.detach(), masks, at, outside)


def by_grid_sample(images: Tensor, masks: Tensor, at: Tensor, outside: int | None = 0) -> Pair:
    """What the speed is measured against: both looked up by torch."""
    size = torch.tensor(images.shape[-2:], device=at.device)
    grid = ((2 * at + 1) / size - 1).flip(-1)
    image = F.grid_sample(images, grid, align_corners=False)
    mask = F.grid_sample(masks[:, None].to(images), grid, mode="nearest", align_corners=False)
    return image, mask[:, 0].to(masks.dtype)


def _speed_case(rng: Rng) -> Case:
    return case(rng, "speed", (8, 3, 128, 128), (128, 128), outside=0)


_Made = Callable[..., Pair]


def _wrong(name: str, answer: _Made, says: str, look: str) -> Wrong:
    return Wrong(name, answer, says=says, look=look)


SAMPLE_PAIR = Exercise(
    id="unet.sample_pair",
    cases=cases,
    oracle=oracle,
    wrong=(
        _wrong(
            "interpolates the mask",
            mask_interpolated,
            "the mask is mixed from several pixels: between labels 1 and 5 stands a 3, which means something else.",
            "a mask takes the label of one pixel, the nearest.",
        ),
        _wrong(
            "takes the image's nearest pixel too",
            image_nearest,
            "the image is taken from the nearest pixel, so that edges become stairs.",
            "the image is mixed bilinearly; only the mask takes the nearest.",
        ),
        _wrong(
            "reads the column first",
            column_first,
            "places are read as (column, row).",
            "at[..., 0] is the row. Which of the two does grid_sample want first?",
        ),
        _wrong(
            "mixes up corners and middles",
            corners_mistaken("out", mask_too=True),
            "−1 and 1 are taken for the middles of the outermost pixels on the way in, and for their outer edges "
            "on the way out: places are off by up to half a pixel.",
            "align_corners, and the formula that goes with it.",
        ),
        _wrong(
            "mixes up corners and middles in the image",
            corners_mistaken("out", mask_too=False),
            "the mask is right. In the image, −1 and 1 are taken for the middles of the outermost pixels on the way "
            "in, and for their outer edges on the way out: places are off by up to half a pixel.",
            "align_corners, and the formula that goes with it.",
        ),
        _wrong(
            "aligns corners",
            corners_mistaken("in", mask_too=True),
            "−1 and 1 are taken for outer edges on the way in, and for the middles of the outermost pixels on the way "
            "out: places are off by up to half a pixel, inwards.",
            "align_corners, and the formula that goes with it.",
        ),
        _wrong(
            "aligns corners in the image",
            corners_mistaken("in", mask_too=False),
            "the mask is right. In the image, −1 and 1 are taken for outer edges on the way in, and for the middles of "
            "the outermost pixels on the way out: places are off by up to half a pixel, inwards.",
            "align_corners, and the formula that goes with it.",
        ),
        _wrong(
            "rounds a mixed mask",
            mask_rounded,
            "the mask is mixed from several pixels and then rounded: between labels 1 and 5 stands a 3, which means "
            "something else.",
            "a mask takes the label of one pixel, the nearest.",
        ),
        _wrong(
            "takes 0 for None",
            zero_for_none,
            "where `outside` is 0, both go on mirrored; only None says so.",
            "`not outside` is true of 0 as well.",
        ),
        _wrong(
            "cuts half a pixel off the mask",
            half_a_pixel_less,
            "places up to half a pixel beyond the outermost middles count as outside; their nearest pixel is still one "
            "of the mask's.",
            "what is outside: the place, or its nearest pixel?",
        ),
        _wrong(
            "lets the mask's rim go on",
            mask_rim_repeated,
            "with a number for `outside`, the mask's outermost labels are repeated beyond the border.",
            "after clamping to look up, put `outside` where places were beyond.",
        ),
        _wrong(
            "knows background only",
            background_always,
            "beyond the border the mask is 0, whatever `outside` says.",
            "an ignored label (say 255) keeps made-up pixels out of the loss.",
        ),
        _wrong(
            "writes the label into the image",
            label_into_the_image,
            "beyond the border the image gets the label's number; there it is 0.",
            "outside is about the mask.",
        ),
        _wrong(
            "lets the image's rim go on",
            rim_repeated,
            "with a number for `outside`, the image's outermost pixels are repeated beyond the border; it is 0 there.",
            "padding_mode.",
        ),
        _wrong(
            "repeats the border",
            repeated_border,
            "for None the outermost pixels are repeated; both should go on mirrored.",
            "… c b a b c d c b …",
        ),
        _wrong(
            "mirrors at the edge",
            doubled_border,
            "for None the picture is mirrored at the outer edge, so that the outermost pixels stand there twice.",
            "… c b a b c …, not … b a a b …",
        ),
        _wrong(
            "mirrors the image alone",
            mask_never_mirrored,
            "for None the image goes on mirrored, but its mask is background there: cells without labels.",
            "whatever happens to the image happens to the mask.",
        ),
        _wrong(
            "rounds down",
            floored,
            "the mask takes the pixel above and to the left of the place, not the nearest.",
            "2.75 is nearest to 3.",
        ),
        _wrong(
            "gives the mask another dtype",
            mask_of_floats,
            "the labels are right, but they are floats, or int64 whatever came in.",
            "the mask keeps its dtype.",
        ),
        _wrong(
            "cuts the gradient off",
            detached,
            "the values are right, but no gradient reaches the images.",
            "detach, no_grad, or numbers copied into a new tensor.",
        ),
    ),
    hints=(
        "For F.grid_sample with align_corners=False the place q on an axis of n pixels is (2q + 1) / n − 1; and it "
        "wants the column first.",
        "at.round().long() are the nearest pixels; clamp them to look up, then put `outside` where they were beyond.",
        "Mirror the places themselves first: with last = n − 1, a place q becomes last − |(|q| % (2·last)) − last|.",
    ),
    points=4,
    minutes=30,
    forbidden=AUGMENTERS,
    tolerance=Tolerance(factor=8.0),
    speed=Speed(case=_speed_case, limit=4.5, baseline=by_grid_sample, against="two calls of grid_sample"),
)

EXERCISES = (SAMPLE_PAIR,)
