"""Masks that grow and shrink."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from autograder.exercises.unet._cleaning_masks import CROSS, SQUARE, blobs, dilated, drawn, eroded, speckled
from autograder.exercises.unet._ready_made import IMAGES
from autograder.spec import Case, Exercise, Rng, Speed, Wrong, of_call

RIGHT = drawn(".##")
HOOK = drawn("#..", "#..", "##.")  # neither symmetric nor True in its middle
ARM = drawn("...##", ".....", "..#..")


def grow(mask: Tensor, kernel: Tensor) -> Tensor:
    return dilated(mask, kernel)


def shrink(mask: Tensor, kernel: Tensor, outside: bool = False) -> Tensor:
    return eroded(mask, kernel, outside)


def images(rng: Rng) -> Iterator[tuple[str, Tensor, Tensor]]:
    """What both are tried on."""
    yield "the cross, not square", blobs(rng, 7, 10), CROSS
    yield "a hook, its middle False", speckled(rng, 9, 8, 0.5), HOOK
    yield "wider than high", speckled(rng, 8, 11, 0.4), ARM
    yield "a kernel of one pixel", speckled(rng, 4, 5), drawn("#")
    yield "a kernel larger than the image", blobs(rng, 4, 3, 0.6), torch.ones(7, 7, dtype=torch.bool)
    yield "nothing is True", torch.zeros(3, 5, dtype=torch.bool), CROSS
    yield "everything is True", torch.ones(5, 4, dtype=torch.bool), SQUARE
    yield "one pixel in the corner", drawn("....", "....", "...#"), HOOK
    yield "not contiguous", blobs(rng, 12, 9).T[:, ::2], speckled(rng, 5, 3, 0.6).logical_or(CROSS[1, 1])


def growing(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "a row, by hand",
        mask=drawn(".#..#"),
        kernel=RIGHT,
        expect=drawn(".##.#"),
        note="each True stamps itself and its right neighbour: pixels 1 and 2, and 4 and one beyond the edge",
    )
    for name, mask, kernel in images(rng):
        yield of_call(name, mask=mask, kernel=kernel)


def shrinking(rng: Rng) -> Iterator[Case]:
    row = drawn("##.##")
    note = "pixel 0 finds itself and its right neighbour True; pixel 1 finds 0 at its right; 4 finds the outside"
    yield of_call("a row, by hand", mask=row, kernel=RIGHT, expect=drawn("#..#."), note=note)
    yield of_call("a row, outside True", mask=row, kernel=RIGHT, outside=True, expect=drawn("#..##"), note=note)
    for index, (name, mask, kernel) in enumerate(images(rng)):
        denser = mask | speckled(rng, mask.shape[0], mask.shape[1], 0.7) if mask.any() else mask
        asked: dict[str, Any] = {"outside": True} if index % 3 == 0 else {}
        yield of_call(name, mask=denser, kernel=kernel, **asked)


# --- wrong answers ---------------------------------------------------------------------------------------------------


def rolled(mask: Tensor, kernel: Tensor, sign: int) -> Tensor:
    """The mask moved by each True of the kernel, round the edges."""
    rows, columns = kernel.shape
    moves = [(i - rows // 2, j - columns // 2) for i, j in kernel.nonzero().tolist()]
    return torch.stack([mask.roll((sign * down, sign * right), (0, 1)) for down, right in moves])


def grown_like(kernel_for: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    return lambda mask, kernel: dilated(mask, kernel_for(kernel))


def shrunk_like(kernel_for: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    return lambda mask, kernel, outside=False: eroded(mask, kernel_for(kernel), outside)


def turned(kernel: Tensor) -> Tensor:
    return kernel.flip(0, 1)


def whole(kernel: Tensor) -> Tensor:
    return torch.ones_like(kernel)


def with_middle(kernel: Tensor) -> Tensor:
    kernel = kernel.clone()
    kernel[kernel.shape[0] // 2, kernel.shape[1] // 2] = True
    return kernel


def from_the_corner(kernel: Tensor) -> Tensor:
    """The same stamp with its top left corner as the middle."""
    rows, columns = kernel.shape
    larger = kernel.new_zeros(2 * rows - 1, 2 * columns - 1)
    larger[rows - 1 :, columns - 1 :] = kernel
    return larger


def transposed(kernel: Tensor) -> Tensor:
    return kernel.T


def grow_round(mask: Tensor, kernel: Tensor) -> Tensor:
    return rolled(mask, kernel, 1).any(0)


def shrink_instead(mask: Tensor, kernel: Tensor) -> Tensor:
    return eroded(mask, kernel)


def outside_comes_in(mask: Tensor, kernel: Tensor) -> Tensor:
    return dilated(mask, kernel, outside=True)


def columns_turned(kernel: Tensor) -> Tensor:
    return kernel.flip(1)


def rows_turned(kernel: Tensor) -> Tensor:
    return kernel.flip(0)


def grow_in_numbers(mask: Tensor, kernel: Tensor) -> Tensor:
    return dilated(mask, kernel).float()


def grow_counts(mask: Tensor, kernel: Tensor) -> Tensor:
    return torch.nn.functional.conv2d(
        mask[None, None].float(),
        turned(kernel)[None, None].float(),
        padding=(kernel.shape[0] // 2, kernel.shape[1] // 2),
    )[0, 0].round()


def shrink_round(mask: Tensor, kernel: Tensor, outside: bool = False) -> Tensor:
    return rolled(mask, kernel, -1).all(0)


def grow_instead(mask: Tensor, kernel: Tensor, outside: bool = False) -> Tensor:
    return dilated(mask, kernel)


def never_outside(mask: Tensor, kernel: Tensor, outside: bool = False) -> Tensor:
    return eroded(mask, kernel, False)


def always_outside(mask: Tensor, kernel: Tensor, outside: bool = False) -> Tensor:
    return eroded(mask, kernel, True)


def other_outside(mask: Tensor, kernel: Tensor, outside: bool = False) -> Tensor:
    return eroded(mask, kernel, not outside)


def shrink_in_numbers(mask: Tensor, kernel: Tensor, outside: bool = False) -> Tensor:
    return eroded(mask, kernel, outside).float()


def any_agrees(mask: Tensor, kernel: Tensor, outside: bool = False) -> Tensor:
    return ~eroded(~mask, kernel, not outside)


def as_many_as_pixels(mask: Tensor, kernel: Tensor, outside: bool = False) -> Tensor:
    """True pixels are counted, and compared with the kernel's pixels of either kind."""
    return eroded(mask, kernel, outside) & kernel.all()


def background_grown(mask: Tensor, kernel: Tensor, outside: bool = False) -> Tensor:
    return ~eroded(mask, kernel, outside)


KERNELS = (
    (
        "ignores the kernel's shape",
        whole,
        "the whole rectangle is used, also where the kernel is False.",
        "only the kernel's True pixels count.",
    ),
    (
        "always counts the middle",
        with_middle,
        "the pixel itself counts, also where the kernel's middle is False.",
        "which pixels of the kernel are True?",
    ),
    (
        "takes the kernel's corner for its middle",
        from_the_corner,
        "the kernel is laid on with its top left pixel; it is its middle one.",
        "[h // 2, w // 2].",
    ),
    (
        "swaps rows and columns of the kernel",
        transposed,
        "the kernel is transposed: its rows run down the image's columns.",
        "kernel[i, j] is i − h // 2 rows below and j − w // 2 columns to the right.",
    ),
)

GROW_WRONG = (
    Wrong(
        "turns the kernel round",
        grown_like(turned),
        says="each True stamps the kernel turned by 180°. That happens when every pixel *looks* where the kernel says; "
        "it should *stamp*.",
        look="the first case: is the new pixel left or right of the old one?",
    ),
    Wrong(
        "turns only the rows back",
        grown_like(columns_turned),
        says="upwards and downwards are right, left and right are swapped.",
        look="looking instead of stamping turns both axes of the kernel.",
    ),
    Wrong(
        "turns only the columns back",
        grown_like(rows_turned),
        says="left and right are right, upwards and downwards are swapped.",
        look="looking instead of stamping turns both axes of the kernel.",
    ),
    *(Wrong(name, grown_like(way), says, look) for name, way, says, look in KERNELS),
    Wrong(
        "goes round the edge",
        grow_round,
        says="what leaves the image on one side comes back on the other.",
        look="torch.roll goes round; what is beyond the edge should be lost.",
    ),
    Wrong("shrinks the mask", shrink_instead, says="this is the erosion: the mask shrinks.", look="any, or all?"),
    Wrong(
        "lets the outside in",
        outside_comes_in,
        says="the outside is taken for True, and grows into the image.",
        look="pad with False.",
    ),
    Wrong(
        "counts stamps",
        grow_counts,
        says="each pixel says how many stamps lie on it; asked is whether any does.",
        look="> 0, and a mask of True and False.",
    ),
    Wrong(
        "gives numbers for True and False",
        grow_in_numbers,
        says="the result has 0 and 1; it is a mask of True and False.",
        look="dtype torch.bool.",
    ),
)

SHRINK_WRONG = (
    Wrong(
        "turns the kernel round",
        shrunk_like(turned),
        says="the kernel is turned by 180°: a pixel looks to the left where it should look to the right.",
        look="the first case: whom does pixel 0 need?",
    ),
    *(Wrong(name, shrunk_like(way), says, look) for name, way, says, look in KERNELS),
    Wrong(
        "goes round the edge",
        shrink_round,
        says="beyond one edge the kernel finds the pixels at the other.",
        look="torch.roll goes round; `outside` says what lies there.",
    ),
    Wrong("grows the mask", grow_instead, says="this is the dilation: the mask grows.", look="any, or all?"),
    Wrong(
        "asks for one that agrees",
        any_agrees,
        says="a pixel stays, or comes, if the kernel finds a single True; it must find True everywhere.",
        look="any, or all?",
    ),
    Wrong(
        "asks for as many as the kernel has pixels",
        as_many_as_pixels,
        says="the True pixels that the kernel finds are compared with all its pixels, also those that are False: with "
        "such a kernel nothing stays.",
        look="kernel.sum(), not kernel.numel().",
    ),
    Wrong(
        "takes the outside for False always",
        never_outside,
        says="beyond the edge the kernel always finds False, also with outside=True.",
        look="where `outside` stands in your answer.",
    ),
    Wrong(
        "takes the outside for True always",
        always_outside,
        says="beyond the edge the kernel always finds True, also with outside=False.",
        look="where `outside` stands in your answer.",
    ),
    Wrong(
        "turns the outside round",
        other_outside,
        says="the outside is True where it should be False, and the other way round.",
        look="if you grow the background instead, its outside is the opposite.",
    ),
    Wrong(
        "gives the background",
        background_grown,
        says="the result is True where the eroded mask is False.",
        look="a ~ is missing, or is one too many.",
    ),
    Wrong(
        "gives numbers for True and False",
        shrink_in_numbers,
        says="the result has 0 and 1; it is a mask of True and False.",
        look="dtype torch.bool.",
    ),
)

DISK = (torch.arange(-4, 5)[:, None] ** 2 + torch.arange(-4, 5) ** 2) <= 16

DILATE = Exercise(
    id="unet.dilate",
    cases=growing,
    oracle=grow,
    wrong=GROW_WRONG,
    hints=(
        "Pad the mask with False: half the kernel's height above and below, half its width left and right.",
        "A stamp that lies one to the right of its pixel means that each asks its *left* neighbour: flip the kernel.",
        "For each True (i, j) of the flipped kernel: out |= padded[i : i + H, j : j + W].",
    ),
    points=2,
    minutes=12,
    forbidden=IMAGES,
    speed=Speed(
        case=lambda rng: of_call("speed", mask=blobs(rng, 256, 256), kernel=DISK),
        limit=4.0,
        against="scipy.ndimage.binary_dilation",
    ),
)

ERODE = Exercise(
    id="unet.erode",
    cases=shrinking,
    oracle=shrink,
    wrong=SHRINK_WRONG,
    hints=(
        "As in dilate, but pad with `outside`, start with True everywhere, and every True of the kernel must agree.",
        "Here the pixel looks where the kernel says, so nothing is flipped.",
        "out &= padded[i : i + H, j : j + W] for each True (i, j) of the kernel.",
    ),
    points=2,
    minutes=8,
    needs=("unet.dilate",),
    forbidden=IMAGES,
    speed=Speed(
        case=lambda rng: of_call("speed", mask=blobs(rng, 256, 256, 0.8), kernel=DISK),
        limit=4.0,
        against="scipy.ndimage.binary_erosion",
    ),
)

EXERCISES = (DILATE, ERODE)
