"""Opening and closing."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from autograder.exercises.unet._cleaning_masks import CROSS, SQUARE, blobs, dilated, drawn, eroded, speckled
from autograder.exercises.unet._ready_made import IMAGES
from autograder.spec import Case, Exercise, Rng, Wrong, of_call

ROW = torch.ones(1, 3, dtype=torch.bool)
LOPSIDED = drawn(".##", "..#", "...")


def opened(mask: Tensor, kernel: Tensor) -> Tensor:
    return dilated(eroded(mask, kernel, outside=True), kernel)


def closed(mask: Tensor, kernel: Tensor) -> Tensor:
    return eroded(dilated(mask, kernel), kernel, outside=True)


def images(rng: Rng, share: float) -> Iterator[Case]:
    yield of_call("shapes and specks", mask=blobs(rng, 11, 13), kernel=CROSS)
    yield of_call("the square, not square image", mask=blobs(rng, 9, 12, share), kernel=SQUARE)
    yield of_call("a lopsided kernel", mask=speckled(rng, 10, 11, share), kernel=LOPSIDED)
    yield of_call("along one axis", mask=speckled(rng, 7, 12, share), kernel=ROW)
    yield of_call("a kernel of one pixel", mask=speckled(rng, 4, 6), kernel=drawn("#"))
    yield of_call("nothing is True", mask=torch.zeros(3, 4, dtype=torch.bool), kernel=CROSS)
    yield of_call("everything is True", mask=torch.ones(4, 5, dtype=torch.bool), kernel=SQUARE)
    yield of_call("at the image's edge", mask=drawn("##...", "##...", ".....", "...##", "...##"), kernel=SQUARE)
    yield of_call("not contiguous", mask=blobs(rng, 14, 9, share).T[::2], kernel=CROSS)


def opening(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "a row, by hand",
        mask=drawn("#.###.#"),
        kernel=ROW,
        expect=drawn("..###.."),
        note="shrunk ...#..., as pixel 3 alone has True on both sides; grown ..###..",
    )
    yield from images(rng, 0.75)


def closing(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "a row, by hand",
        mask=drawn("#.#...."),
        kernel=ROW,
        expect=drawn("###...."),
        note="grown ####...; shrunk ###....: pixel 3 finds False at its right, pixel 0 the outside, which is True",
    )
    yield from images(rng, 0.35)


# --- wrong answers ---------------------------------------------------------------------------------------------------


def open_eats_the_edge(mask: Tensor, kernel: Tensor) -> Tensor:
    return dilated(eroded(mask, kernel), kernel)


def close_eats_the_edge(mask: Tensor, kernel: Tensor) -> Tensor:
    return eroded(dilated(mask, kernel), kernel)


def open_lets_the_outside_in(mask: Tensor, kernel: Tensor) -> Tensor:
    return dilated(eroded(mask, kernel, outside=True), kernel, outside=True)


def close_behind_a_rim(mask: Tensor, kernel: Tensor) -> Tensor:
    """A rim of background, wide enough for both steps, cut off afterwards."""
    rows, columns = kernel.shape
    wide = torch.nn.functional.pad(mask, (columns, columns, rows, rows))
    return closed(wide, kernel)[rows:-rows, columns:-columns].clone()


def shrunk_alone(mask: Tensor, kernel: Tensor) -> Tensor:
    return eroded(mask, kernel, outside=True)


def grown_alone(mask: Tensor, kernel: Tensor) -> Tensor:
    return dilated(mask, kernel)


def open_turned(mask: Tensor, kernel: Tensor) -> Tensor:
    return dilated(eroded(mask, kernel, outside=True), kernel.flip(0, 1))


def close_turned(mask: Tensor, kernel: Tensor) -> Tensor:
    return eroded(dilated(mask, kernel), kernel.flip(0, 1), outside=True)


def open_in_a_square(mask: Tensor, kernel: Tensor) -> Tensor:
    return opened(mask, torch.ones_like(kernel))


def close_in_a_square(mask: Tensor, kernel: Tensor) -> Tensor:
    return closed(mask, torch.ones_like(kernel))


def open_then_close(mask: Tensor, kernel: Tensor) -> Tensor:
    return closed(opened(mask, kernel), kernel)


def close_then_open(mask: Tensor, kernel: Tensor) -> Tensor:
    return opened(closed(mask, kernel), kernel)


def what_opening_takes(mask: Tensor, kernel: Tensor) -> Tensor:
    return mask & ~opened(mask, kernel)


def what_closing_adds(mask: Tensor, kernel: Tensor) -> Tensor:
    return closed(mask, kernel) & ~mask


TURNED = (
    "the second step uses the kernel turned by 180°; both use it as it is, and dilate and erode turn it themselves."
)

OPEN_WRONG = (
    Wrong(
        "closes",
        closed,
        says="it grows first and shrinks then: that is the closing.",
        look="which step takes away what is thin?",
    ),
    Wrong("only shrinks", shrunk_alone, says="the second step is missing: the mask stays shrunk.", look="grow again."),
    Wrong(
        "eats from the edge",
        open_eats_the_edge,
        says="the erosion takes the outside for False, so that what the image's edge cuts counts as thin.",
        look="erode has an option for that.",
    ),
    Wrong(
        "lets the outside grow in",
        open_lets_the_outside_in,
        says="the outside is True in both steps, so that it grows back into the image.",
        look="only the erosion takes the outside for True.",
    ),
    Wrong("turns the kernel for the second step", open_turned, says=TURNED, look="the same kernel, twice."),
    Wrong(
        "opens with the whole rectangle",
        open_in_a_square,
        says="the kernel's False pixels are used too.",
        look="the same kernel, twice.",
    ),
    Wrong("closes as well", open_then_close, says="a closing follows the opening.", look="two steps, no more."),
    Wrong(
        "gives what is taken away",
        what_opening_takes,
        says="this is what the opening removes; asked is what it leaves.",
        look="the grown mask itself.",
    ),
)

CLOSE_WRONG = (
    Wrong(
        "opens",
        opened,
        says="it shrinks first and grows then: that is the opening.",
        look="which step closes a gap?",
    ),
    Wrong("only grows", grown_alone, says="the second step is missing: the mask stays fat.", look="shrink again."),
    Wrong(
        "eats from the edge",
        close_eats_the_edge,
        says="the erosion takes the outside for False, so that whatever touches the image's edge is eaten away there.",
        look="erode has an option for that.",
    ),
    Wrong(
        "puts a rim of background round the image",
        close_behind_a_rim,
        says="the mask is padded with background, closed, and cut: nothing is eaten, but a gap between an object and "
        "the image's edge stays open.",
        look="erode has an option for the outside; no rim is needed.",
    ),
    Wrong("turns the kernel for the second step", close_turned, says=TURNED, look="the same kernel, twice."),
    Wrong(
        "closes with the whole rectangle",
        close_in_a_square,
        says="the kernel's False pixels are used too.",
        look="the same kernel, twice.",
    ),
    Wrong("opens as well", close_then_open, says="an opening follows the closing.", look="two steps, no more."),
    Wrong(
        "gives what is added",
        what_closing_adds,
        says="this is what the closing adds; asked is the mask with it.",
        look="the shrunk mask itself.",
    ),
)

OPEN = Exercise(
    id="unet.open_mask",
    cases=opening,
    oracle=opened,
    wrong=OPEN_WRONG,
    hints=("Two calls: erode, then dilate, with the same kernel.", "erode(mask, kernel, outside=True)."),
    points=1,
    minutes=4,
    needs=("unet.dilate", "unet.erode"),
    forbidden=IMAGES,
)

CLOSE = Exercise(
    id="unet.close_mask",
    cases=closing,
    oracle=closed,
    wrong=CLOSE_WRONG,
    hints=("Two calls: dilate, then erode, with the same kernel.", "erode(…, kernel, outside=True)."),
    points=1,
    minutes=4,
    needs=("unet.dilate", "unet.erode"),
    forbidden=IMAGES,
)

EXERCISES = (OPEN, CLOSE)
