"""Bilinear sampling to any size."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from autograder.exercises.unet._ready_made import NETWORKS
from autograder.spec import Case, Exercise, Rng, Speed, Wrong, of_call

FLOAT64 = torch.float64
Size = tuple[int, int]
RESAMPLERS = (
    *("aten::*upsample*", "aten::*interpolate*", "aten::grid_sample*", "aten::*grid_sampler*", "aten::affine_grid*"),
    *("torch.nn.functional.interpolate", "torch.nn.functional.upsample*", "torch.nn.functional.grid_sample"),
    *("torch.nn.Upsample*", "torchvision", "scipy", "skimage", "cv2", "PIL", *NETWORKS),
)


def oracle(x: Tensor, size: Size, align_corners: bool = False) -> Tensor:
    return F.interpolate(x, size, mode="bilinear", align_corners=align_corners)


def case(name: str, x: Tensor, size: Size, *gradients: str, **corners: Any) -> Case:
    return of_call(name, x=x, size=size, **corners, gradients=gradients, terms=4 + x.shape[-1] * x.shape[-2])


def cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "two pixels become four, by hand",
        x=torch.tensor([[[[0.0, 4.0]]]]),
        size=(1, 4),
        expect=torch.tensor([[[[0.0, 1.0, 3.0, 4.0]]]]),
        note="column 1 lies at (1 + ½) · 2/4 − ½ = 0.25: 0.75·0 + 0.25·4 = 1; column 0 at −0.25, before the first: 0",
    )
    yield of_call(
        "the same with corners on corners, by hand",
        x=torch.tensor([[[[0.0, 6.0]]]]),
        size=(1, 4),
        align_corners=True,
        expect=torch.tensor([[[[0.0, 2.0, 4.0, 6.0]]]]),
        note="column 1 lies at 1 · (2 − 1)/(4 − 1) = ⅓: ⅔·0 + ⅓·6 = 2",
    )
    yield case("rows too, batch of 2", rng.normal(2, 3, 3, 4), (6, 8), "x")
    yield case("corners on corners, not square", rng.normal(2, 2, 3, 5), (7, 6), "x", align_corners=True)
    yield case("odd sizes", rng.normal(1, 2, 5, 3), (7, 8))
    yield case("smaller", rng.normal(1, 2, 9, 8), (4, 3))
    yield case("smaller, corners on corners", rng.normal(1, 2, 9, 7), (4, 3), align_corners=True)
    yield case("one pixel", rng.normal(2, 1, 1, 1), (3, 2), align_corners=True)
    yield case("to one pixel", rng.normal(1, 2, 4, 3), (1, 1), "x", align_corners=True)
    yield case("large numbers", 1e4 * rng.normal(1, 1, 3, 3), (5, 6))
    yield case("not contiguous", rng.strided(2, 3, 4, 5), (6, 9))
    yield case("float64", rng.normal(2, 2, 4, 5, dtype=FLOAT64), (10, 7), "x")


# --- wrong answers ---------------------------------------------------------------------------------------------------


def along(place: Callable[[Tensor, int, int], Tensor], **rules: bool) -> Callable[..., Tensor]:
    """Bilinear sampling where a new row lies at `place(its index, H, height)`."""

    def answer(x: Tensor, size: Size, align_corners: bool = False) -> Tensor:
        if align_corners:
            return oracle(x, size, True)
        for axis, wanted in ((2, size[0]), (3, size[1])):
            index = torch.arange(wanted, dtype=FLOAT64, device=x.device)
            x = mixed(x, axis, place(index, x.shape[axis], wanted), **rules)
        return x

    return answer


def mixed(x: Tensor, axis: int, places: Tensor, exchanged: bool = False, beyond: bool = False) -> Tensor:
    last = x.shape[axis] - 1
    below = places.floor()
    share = (places - below).to(x.dtype)
    if beyond:  # the line through the first two pixels, or the last two, goes on
        below = below.clamp(0, max(last - 1, 0))
        share = (places - below).to(x.dtype)
    if exchanged:
        share = 1 - share
    low = x.index_select(axis, below.long().clamp(0, last))
    high = x.index_select(axis, (below.long() + 1).clamp(0, last))
    return torch.lerp(low, high, share.reshape(-1, *[1] * (3 - axis)))


def between_middles(index: Tensor, old: int, new: int) -> Tensor:
    return (index + 0.5) * old / new - 0.5


def from_the_corner(index: Tensor, old: int, new: int) -> Tensor:
    return index * old / new


def half_a_pixel_too_far(index: Tensor, old: int, new: int) -> Tensor:
    return (index + 0.5) * old / new


def by_corners(place: Callable[[Tensor, int, int], Tensor]) -> Callable[..., Tensor]:
    """Another rule for places with align_corners; without it all is right."""

    def answer(x: Tensor, size: Size, align_corners: bool = False) -> Tensor:
        if not align_corners:
            return oracle(x, size)
        for axis, wanted in ((2, size[0]), (3, size[1])):
            index = torch.arange(wanted, dtype=FLOAT64, device=x.device)
            places = place(index, x.shape[axis], wanted)
            near = places.nan_to_num()
            x = mixed(x, axis, near) + (places - near).to(x.dtype).reshape(-1, *[1] * (3 - axis))
        return x

    return answer


def by(mode: str, **rules: bool) -> Callable[..., Tensor]:
    """Another rule of F.interpolate."""

    def answer(x: Tensor, size: Size, align_corners: bool = False) -> Tensor:
        corners = {} if mode == "nearest" else {"align_corners": align_corners}
        return F.interpolate(x, size, mode=mode, **corners, **rules)

    return answer


def always(corners: bool) -> Callable[..., Tensor]:
    def answer(x: Tensor, size: Size, align_corners: bool = False) -> Tensor:
        return oracle(x, size, corners)

    return answer


def exchanged_corners(x: Tensor, size: Size, align_corners: bool = False) -> Tensor:
    return oracle(x, size, not align_corners)


def width_first(x: Tensor, size: Size, align_corners: bool = False) -> Tensor:
    return oracle(x, (size[1], size[0]), align_corners)


def one_axis(x: Tensor, size: Size, align_corners: bool = False) -> Tensor:
    """Rows are copied, columns mixed."""
    rows = F.interpolate(x, (size[0], x.shape[3]), mode="nearest")
    return oracle(rows, size, align_corners)


def dark_around(x: Tensor, size: Size, align_corners: bool = False) -> Tensor:
    axes: list[Any] = []
    for new in size:
        index = torch.arange(new, dtype=x.dtype, device=x.device)
        axes.append(2 * index / max(new - 1, 1) - 1 if align_corners else (2 * index + 1) / new - 1)
    rows, columns = torch.meshgrid(*axes, indexing="ij")
    if align_corners:
        return oracle(x, size, True)
    grid = torch.stack([columns, rows], dim=-1).expand(len(x), -1, -1, -1)
    return F.grid_sample(x, grid, align_corners=False)


def wrapped(x: Tensor, size: Size, align_corners: bool = False) -> Tensor:
    """Index −1 is the last row."""
    if align_corners:
        return oracle(x, size, True)
    for axis, wanted in ((2, size[0]), (3, size[1])):
        around = torch.cat([x.narrow(axis, x.shape[axis] - 1, 1), x], dim=axis)
        index = torch.arange(wanted, dtype=FLOAT64, device=x.device)
        x = mixed(around, axis, between_middles(index, x.shape[axis], wanted) + 1)
    return x


def cut_off(x: Tensor, size: Size, align_corners: bool = False) -> Tensor:
    return oracle(x, size, align_corners).detach()


PLACES = (
    Wrong(
        "forgets the half pixels",
        along(from_the_corner),
        says="a new pixel i is looked for at i · H/height: that is where its upper left corner lies. Everything moves "
        "down and to the right by half of what was gained.",
        look="the middle of pixel i is at i + ½. Where is it in the old picture, and how many of its middles is that?",
    ),
    Wrong(
        "forgets to take half a pixel off again",
        along(half_a_pixel_too_far),
        says="a new pixel's middle is found at (i + ½) · H/height, measured from the border; between middles that is "
        "half a pixel less.",
        look="the first old middle lies at ½ from the border. Which number do its rows count it by?",
    ),
    Wrong(
        "divides by all new rows with align_corners",
        by_corners(lambda index, old, new: index * (old - 1) / new),
        says="with align_corners the last row doesn't reach the last row of the old picture.",
        look="from the first middle to the last there are height − 1 steps.",
    ),
    Wrong(
        "divides by nothing for a single row",
        by_corners(lambda index, old, new: index * (old - 1) / torch.tensor(new - 1.0, dtype=FLOAT64)),
        says="with align_corners and a single new row or column, height − 1 is 0, and 0/0 is NaN.",
        look="the contract says where a single row lies.",
    ),
    Wrong(
        "always puts corners on corners",
        always(True),
        says="the middles of the corner pixels are always matched; only with align_corners.",
        look="two rules for places, chosen by align_corners.",
    ),
    Wrong(
        "never puts corners on corners",
        always(False),
        says="align_corners is ignored.",
        look="two rules for places, chosen by align_corners.",
    ),
    Wrong(
        "exchanges the two rules",
        exchanged_corners,
        says="the rule for align_corners is used where it is False, and the other where it is True.",
        look="with align_corners the first and last pixel keep their values exactly.",
    ),
    Wrong(
        "takes the width for the height",
        width_first,
        says="the result has size[1] rows; it should have size[0].",
        look="size is (height, width).",
    ),
)

MIXING = (
    Wrong(
        "goes on beyond the border",
        along(between_middles, beyond=True),
        says="before the first middle the line through the first two pixels goes on, to values that no pixel has.",
        look="bring the places into 0 … H − 1 before you mix.",
    ),
    Wrong(
        "wraps around at the border",
        wrapped,
        says="at the upper and left border the last row or column is mixed in: index −1 means the last one.",
        look="a place before the first middle counts as the first row.",
    ),
    Wrong(
        "is dark around the picture",
        dark_around,
        says="the border is mixed with zeros from outside.",
        look="a place before the first middle counts as the first row.",
    ),
    Wrong(
        "exchanges the two shares",
        along(between_middles, exchanged=True),
        says="the pixel that is nearer gets the smaller share.",
        look="at 0.25 the first of two pixels has the share 0.75.",
    ),
    Wrong(
        "copies the nearest pixel",
        by("nearest"),
        says="each pixel is a copy of one old pixel; it is mixed from four.",
        look="floor, its follower, and the share between them.",
    ),
    Wrong(
        "mixes columns, copies rows",
        one_axis,
        says="along the columns it is right, but rows are copied.",
        look="the same has to happen along both axes.",
    ),
    Wrong(
        "is bicubic",
        by("bicubic"),
        says="sixteen pixels are mixed, by cubic curves; bilinear mixes four.",
        look="two neighbours on each axis.",
    ),
    Wrong(
        "smooths what becomes smaller",
        by("bilinear", antialias=True),
        says="where the picture becomes smaller, more than four pixels are mixed (antialias); here it is always four.",
        look="two neighbours on each axis, whatever the size.",
    ),
    Wrong(
        "cuts the gradient off",
        cut_off,
        says="the values are right, but no gradient reaches x.",
        look="detach, .item(), NumPy, or a new tensor that numbers are copied to.",
    ),
)

UPSAMPLE = Exercise(
    id="unet.upsample_bilinear",
    cases=cases,
    oracle=oracle,
    wrong=(*PLACES, *MIXING),
    hints=(
        "One axis after the other: a function for one axis, called twice.",
        "places = (torch.arange(new) + 0.5) * old / new − 0.5, clamped to 0 … old − 1. Its floor is one neighbour.",
        "torch.lerp(x.index_select(axis, before), x.index_select(axis, after), share) mixes the two.",
        "For rows, share needs the shape (new, 1); for columns (new,). The last pixel is its own neighbour.",
    ),
    points=4,
    minutes=25,
    forbidden=RESAMPLERS,
    may_alias=True,  # the same size gives x itself
    speed=Speed(
        case=lambda rng: case("speed", rng.normal(8, 16, 64, 64), (128, 128)), limit=6.0, against="F.interpolate"
    ),
)

EXERCISES = (UPSAMPLE,)
