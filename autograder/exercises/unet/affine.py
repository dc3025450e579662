"""Images and masks turned, zoomed and shifted alike."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, Literal

import torch
from torch import Tensor

from autograder.exercises.unet._ready_made import AUGMENTERS
from autograder.exercises.unet._sampled import (
    Pair,
    clear,
    image_at,
    labels,
    mask_at,
    own_places,
    pair_at,
    with_gradient,
)
from autograder.spec import Case, Exercise, Rng, Tolerance, Wrong, of_call


def places(
    size: tuple[int, int],
    angles: Tensor,
    zooms: Tensor,
    shifts: Tensor,
    *,
    clockwise: bool = False,
    middle: Literal["middle", "corner", "half"] = "middle",
    shrinks: bool = False,
    shift: Literal["forth", "back", "swapped", "first", "zoomed"] = "forth",
    radians: bool = False,
    squeezed: bool = False,
    alike: bool = False,
) -> Tensor:
    """(N, H, W, 2): where new pixels come from, with the habits of mistakes."""
    height, width = size
    if alike:
        angles, zooms, shifts = angles[:1].expand_as(angles), zooms[:1].expand_as(zooms), shifts[:1].expand_as(shifts)
    turn = angles.double() * (1 if radians else math.pi / 180) * (-1 if clockwise else 1)
    zoom = (1 / zooms if shrinks else zooms).double()[:, None, None]
    away = shifts.double()[:, None, None]
    moved = {"forth": away, "back": -away, "swapped": away.flip(-1), "first": 0 * away, "zoomed": 0 * away}[shift]
    about = {
        "middle": torch.tensor([(height - 1) / 2, (width - 1) / 2]),
        "corner": torch.zeros(2),
        "half": torch.tensor([height / 2, width / 2]),
    }[middle].double()
    down, right = (own_places(height, width) - about - moved).unbind(-1)
    cos, sin = turn.cos()[:, None, None], turn.sin()[:, None, None]
    across = width / height if squeezed else 1.0
    back = torch.stack([cos * down + sin * right / across, cos * right - sin * down * across], dim=-1) / zoom[..., None]
    late = {"first": away, "zoomed": away / zoom[..., None]}.get(shift, 0 * away)
    return back - late + about


def oracle(
    images: Tensor, masks: Tensor, angles: Tensor, zooms: Tensor, shifts: Tensor, outside: int | None = 0
) -> Pair:
    return pair_at(images, masks, places((images.shape[2], images.shape[3]), angles, zooms, shifts), outside)


def drawn_moves(rng: Rng, n: int, size: tuple[int, int], **still: bool) -> dict[str, Any]:
    """Moves by which no place lies in the middle between two pixels. `still` names what stays at rest."""
    while True:
        moves: dict[str, Any] = {
            "angles": rng.uniform(n, low=-170, high=170) * (not still.get("angles")),
            "zooms": rng.uniform(n, low=0.6, high=1.8) ** (not still.get("zooms")),
            "shifts": rng.uniform(n, 2, low=-1.5, high=1.5) * (not still.get("shifts")),
        }
        if clear(places(size, **moves)):
            return moves


def case(rng: Rng, name: str, *shape: int, still: tuple[str, ...] = (), **options: Any) -> Case:
    n, _, height, width = shape
    dtype = options.pop("dtype", torch.float32)
    moves = drawn_moves(rng, n, (height, width), **dict.fromkeys(still, True))
    masks = labels(rng, n, height, width, dtype=options.pop("mask_dtype", torch.int64))
    moves = {key: value.to(dtype) for key, value in moves.items()}
    images = rng.normal(*shape, dtype=dtype)
    return of_call(name, images=images, masks=masks, **moves, **options, terms=64, scale=8.0)


def cases(rng: Rng) -> Iterator[Case]:
    four = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    rest: dict[str, Any] = {"zooms": torch.ones(1), "shifts": torch.zeros(1, 2)}
    yield of_call(
        "a quarter turn, by hand",
        images=four.reshape(1, 1, 2, 2),
        masks=four.long()[None],
        angles=torch.tensor([90.0]),
        **rest,
        expect=(torch.tensor([[[[2.0, 4.0], [1.0, 3.0]]]]), torch.tensor([[[2, 4], [1, 3]]])),
        note="1 2 / 3 4: the right column, 2 and 4, comes to the top, as with flip_rotate's number 1",
        terms=64,
        scale=8.0,
    )
    yield case(rng, "turned, 5 × 5 pixels", 1, 1, 5, 5, still=("zooms", "shifts"))
    yield case(rng, "turned, 4 × 7 pixels", 2, 1, 4, 7, still=("zooms", "shifts"))
    yield case(rng, "zoomed", 2, 2, 6, 5, still=("angles", "shifts"))
    yield case(rng, "shifted", 2, 1, 5, 6, still=("angles", "zooms"), outside=255)
    yield case(rng, "all three", 3, 2, 6, 5)
    yield case(rng, "all three, mirrored beyond the border", 2, 1, 5, 7, outside=None)
    yield case(rng, "an ignored label, a mask of bytes", 2, 1, 5, 4, outside=255, mask_dtype=torch.uint8)
    still: dict[str, Any] = {"angles": torch.zeros(2), "zooms": torch.ones(2), "shifts": torch.zeros(2, 2)}
    yield of_call("nothing moves", images=rng.normal(2, 3, 4, 3), masks=labels(rng, 2, 4, 3), **still, terms=64)
    double = case(rng, "float64, gradients", 2, 1, 4, 5, dtype=torch.float64)
    yield with_gradient(double)


def habit(**options: Any) -> Callable[..., Pair]:
    """The oracle with one habit of its places changed."""

    def answer(
        images: Tensor, masks: Tensor, angles: Tensor, zooms: Tensor, shifts: Tensor, outside: int | None = 0
    ) -> Pair:
        at = places((images.shape[2], images.shape[3]), angles, zooms, shifts, **options)
        return pair_at(images, masks, at, outside)

    return answer


def mask_left(
    images: Tensor, masks: Tensor, angles: Tensor, zooms: Tensor, shifts: Tensor, outside: int | None = 0
) -> Pair:
    return oracle(images, masks, angles, zooms, shifts, outside)[0], masks.clone()


def mask_smeared(
    images: Tensor, masks: Tensor, angles: Tensor, zooms: Tensor, shifts: Tensor, outside: int | None = 0
) -> Pair:
    image, _ = oracle(images, masks, angles, zooms, shifts, outside)
    at = places((images.shape[2], images.shape[3]), angles, zooms, shifts)
    mixed = image_at(masks[:, None].double() - (outside or 0), at, "mirrored" if outside is None else None)
    return image, (mixed[:, 0] + (outside or 0)).to(masks.dtype)


def outside_forgotten(
    images: Tensor, masks: Tensor, angles: Tensor, zooms: Tensor, shifts: Tensor, outside: int | None = 0
) -> Pair:
    return oracle(images, masks, angles, zooms, shifts, 0)


def mask_forgets_outside(
    images: Tensor, masks: Tensor, angles: Tensor, zooms: Tensor, shifts: Tensor, outside: int | None = 0
) -> Pair:
    at = places((images.shape[2], images.shape[3]), angles, zooms, shifts)
    return pair_at(images, masks, at, outside)[0], mask_at(masks, at)


def _wrong(name: str, says: str, look: str, **options: Any) -> Wrong:
    return Wrong(name, habit(**options), says=says, look=look)


AFFINE_PAIR = Exercise(
    id="unet.affine_pair",
    cases=cases,
    oracle=oracle,
    wrong=(
        _wrong(
            "turns clockwise",
            "pictures turn clockwise; positive angles are counter-clockwise.",
            "rows count downwards, so the usual formula turns the other way.",
            clockwise=True,
        ),
        _wrong(
            "turns about the corner",
            "pictures turn and grow about their first pixel; it is their middle that stays where it is.",
            "subtract the middle, turn, add it again.",
            middle="corner",
        ),
        _wrong(
            "takes half the size for the middle",
            "the middle is taken to be at H/2, W/2: half a pixel too far down and right.",
            "of two pixels, 0 and 1, the middle is ½.",
            middle="half",
        ),
        _wrong(
            "shrinks where it should enlarge",
            "a zoom of 2 makes things half as large.",
            "if things are twice as large, how far apart are the places where two neighbours come from?",
            shrinks=True,
        ),
        _wrong(
            "shifts the other way",
            "pictures move up and to the left for positive shifts.",
            "a picture that moves down by one: where does the new pixel p come from, p + 1 or p − 1?",
            shift="back",
        ),
        _wrong(
            "swaps down and right",
            "the shift's first number moves to the right; it moves down.",
            "shifts[:, 0] belongs to rows.",
            shift="swapped",
        ),
        _wrong(
            "shifts first",
            "pictures are shifted before they are turned and enlarged, so that they go another way.",
            "the last thing done forwards is the first thing undone.",
            shift="first",
        ),
        _wrong(
            "zooms the shift's way, but not its turn",
            "the shift is subtracted after turning back: it goes along the turned picture's axes.",
            "subtract the shift before you turn back.",
            shift="zoomed",
        ),
        _wrong("takes degrees for radians", "90 turns by 90 radians.", "torch.deg2rad.", radians=True),
        _wrong(
            "shears pictures that aren't square",
            "the turn happens on a grid from −1 to 1 on both axes; unless height is width, circles become ellipses.",
            "turn in pixels, and go to −1 … 1 last.",
            squeezed=True,
        ),
        _wrong(
            "moves all images alike",
            "the first image's angle, zoom and shift are used for all.",
            "each image has its own.",
            alike=True,
        ),
        Wrong(
            "leaves the mask",
            mask_left,
            says="the image moves and its mask stays where it was.",
            look="both come from the same places.",
        ),
        Wrong(
            "interpolates the mask",
            mask_smeared,
            says="the mask is mixed from several pixels, which makes labels that were not there.",
            look="sample_pair does both.",
        ),
        Wrong(
            "forgets what is outside",
            outside_forgotten,
            says="beyond the border there are zeros, whatever `outside` says.",
            look="hand outside on.",
        ),
        Wrong(
            "forgets the mask's outside",
            mask_forgets_outside,
            says="beyond the border the mask is background, whatever `outside` says.",
            look="hand outside on.",
        ),
    ),
    hints=(
        "Work backwards: p − middle − shift, turned back, divided by zoom, plus middle. Then sample_pair.",
        "With d = rows down and r = columns right of the (shifted) middle: down is (cos · d + sin · r) / zoom.",
        "… and right is (cos · r − sin · d) / zoom. Give angles and zooms two axes of 1 at the end to broadcast.",
    ),
    points=4,
    minutes=30,
    needs=("unet.sample_pair",),
    forbidden=AUGMENTERS,
    tolerance=Tolerance(factor=16.0),
)

EXERCISES = (AFFINE_PAIR,)
