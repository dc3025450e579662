"""The eight ways to lay a square on itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from autograder.exercises.unet._ready_made import AUGMENTERS
from autograder.spec import Case, Exercise, Rng, Wrong, of_call

FORBIDDEN = (*AUGMENTERS, "torch.rot90", "aten::rot90", "numpy.rot90")


def made(
    x: Tensor,
    number: int,
    inverse: bool,
    *,
    clockwise: bool = False,
    upside_down: bool = False,
    turns_first: bool = False,
    mirrors: bool = True,
    turns: bool = True,
    undoes: bool = True,
    careless: bool = False,
    both_axes: bool = False,
    forgets_mirror: bool = False,
    transposes: bool = False,
) -> Tensor:
    """Mirrored, then turned, with the habits of mistakes."""
    mirrored, quarters = number >= 4 and mirrors, number % 4 if turns else 0
    axes = (-2, -1) if both_axes else (-2,) if upside_down else (-1,)
    back = inverse and undoes
    mirrored = mirrored and not (back and forgets_mirror)
    if clockwise:
        quarters = -quarters
    if back:
        quarters = -quarters
    late = turns_first != (back and not careless)
    if mirrored and not late:
        x = x.flip(axes)
    x = (x.mT if quarters % 2 else x) if transposes else torch.rot90(x, quarters, (-2, -1))
    return x.flip(axes) if mirrored and late else x.clone()


def oracle(x: Tensor, number: int, inverse: bool = False) -> Tensor:
    return made(x, number, inverse)


def cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "a quarter turn, by hand",
        x=torch.tensor([[1.0, 2.0], [3.0, 4.0]]),
        number=1,
        expect=torch.tensor([[2.0, 4.0], [1.0, 3.0]]),
        note="1 2 / 3 4: what was the right column, 2 and 4, is now the upper row",
    )
    for number in range(8):
        yield of_call(f"number {number}, an image", x=rng.normal(2, 3, 4, 5), number=number)
    for number in (1, 2, 4, 5, 7):
        yield of_call(f"number {number}, a mask, undone", x=rng.integers(0, 9, 2, 5, 3), number=number, inverse=True)
    yield of_call("not contiguous, undone", x=rng.strided(2, 4, 3), number=3, inverse=True)
    yield of_call("float64, gradients", x=rng.normal(1, 3, 2, dtype=torch.float64), number=6, gradients=("x",))
    yield of_call("a mask of bytes", x=rng.integers(0, 256, 3, 4).to(torch.uint8), number=7)


def habit(**options: Any) -> Callable[..., Tensor]:
    """The oracle with one habit changed."""

    def answer(x: Tensor, number: int, inverse: bool = False) -> Tensor:
        return made(x, number, inverse, **options)

    return answer


def first_axes(x: Tensor, number: int, inverse: bool = False) -> Tensor:
    return oracle(x.movedim((0, 1), (-2, -1)), number, inverse).movedim((-2, -1), (0, 1))


def old_shape(x: Tensor, number: int, inverse: bool = False) -> Tensor:
    return oracle(x, number, inverse).reshape(x.shape)


def _wrong(name: str, says: str, look: str, **options: Any) -> Wrong:
    return Wrong(name, habit(**options), says=says, look=look)


FLIP_ROTATE = Exercise(
    id="unet.flip_rotate",
    cases=cases,
    oracle=oracle,
    wrong=(
        _wrong(
            "turns clockwise",
            "pictures turn clockwise; number 1 is a quarter turn counter-clockwise.",
            "where does the right column go in the first case?",
            clockwise=True,
        ),
        _wrong(
            "mirrors upside down",
            "numbers from 4 on exchange above and below; they exchange left and right.",
            "which axis is the last one?",
            upside_down=True,
        ),
        _wrong(
            "mirrors both axes",
            "numbers from 4 on exchange left and right and also above and below, which is half a turn.",
            "a mirror exchanges one axis.",
            both_axes=True,
        ),
        _wrong(
            "exchanges rows and columns",
            "rows and columns are exchanged; that is a mirror along the diagonal, not a quarter turn.",
            "after exchanging them, one axis still has to be mirrored.",
            transposes=True,
        ),
        _wrong(
            "forgets to mirror back",
            "inverse=True turns back, but what was mirrored stays mirrored.",
            "number 4, twice.",
            forgets_mirror=True,
        ),
        _wrong(
            "turns before it mirrors",
            "the quarter turns come before the mirror; the mirror is first.",
            "try number 5 on 1 2 / 3 4 by hand.",
            turns_first=True,
        ),
        _wrong(
            "never mirrors",
            "numbers 4 to 7 only turn, as 0 to 3 do.",
            "four of the eight ways have left and right exchanged.",
            mirrors=False,
        ),
        _wrong(
            "never turns", "pictures are mirrored at most; none is turned.", "number % 4 quarter turns.", turns=False
        ),
        _wrong(
            "doesn't undo anything",
            "inverse=True does what inverse=False does.",
            "what was turned and mirrored must come back as it was.",
            undoes=False,
        ),
        _wrong(
            "undoes in the old order",
            "to undo, it mirrors first and then turns back; the last thing done must be undone first.",
            "socks and shoes. Or: what is number 5 twice?",
            careless=True,
        ),
        Wrong(
            "turns the first two axes",
            first_axes,
            says="the first two axes are turned: images and colours instead of rows and columns.",
            look="height and width are the last two axes, -2 and -1.",
        ),
        Wrong(
            "forces the old shape",
            old_shape,
            says="after an odd number of quarter turns values are poured back into the old shape, which tears rows.",
            look="a quarter turn of 4 × 5 pixels is 5 × 4.",
        ),
    ),
    hints=(
        "x.flip(-1) mirrors from left to right, x.transpose(-2, -1) exchanges rows and columns.",
        "A quarter turn counter-clockwise is x.transpose(-2, -1).flip(-2).",
        "The inverse of k quarter turns is 4 − k of them. A mirror followed by turns is undone by doing it again.",
    ),
    points=2,
    minutes=10,
    forbidden=FORBIDDEN,
    may_alias=True,
)

EXERCISES = (FLIP_ROTATE,)
