"""A map brought to a given size: cut in the middle, or its last row and column repeated."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from autograder.exercises.unet._ready_made import NETWORKS
from autograder.spec import Case, Exercise, Rng, Wrong, of_call

FLOAT64 = torch.float64
Size = tuple[int, int]
Rule = Callable[[int, int, Tensor], Tensor]


def index(old: int, new: int, like: Tensor) -> Tensor:
    """Which old row each new one is."""
    return (torch.arange(new, device=like.device) + max(old - new, 0) // 2).clamp(max=old - 1)


def picked(x: Tensor, size: Size, rule: Rule) -> Tensor:
    for axis in (2, 3):
        x = x.index_select(axis, rule(x.shape[axis], size[axis - 2], x))
    return x


def oracle(x: Tensor, size: Size) -> Tensor:
    return picked(x, size, index)


def case(name: str, x: Tensor, size: Size, *gradients: str) -> Case:
    return of_call(name, x=x, size=size, gradients=gradients, terms=12)


def cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "six rows, the middle three, by hand",
        x=torch.arange(6.0).reshape(1, 1, 6, 1),
        size=(3, 1),
        expect=torch.tensor([1.0, 2.0, 3.0]).reshape(1, 1, 3, 1),
        note="3 rows too many: 3 // 2 = 1 of them is cut off above, the other 2 below: rows 1, 2, 3",
    )
    yield of_call(
        "three columns become five, by hand",
        x=torch.tensor([[[[5.0, 6.0, 7.0]]]]),
        size=(1, 5),
        expect=torch.tensor([[[[5.0, 6.0, 7.0, 7.0, 7.0]]]]),
        note="the last column, 7, is there twice more",
    )
    yield case("one row and one column more", rng.normal(2, 3, 4, 6), (5, 7), "x")
    yield case("cut evenly", rng.normal(1, 2, 8, 7), (4, 5), "x")
    yield case("fewer rows, more columns", rng.normal(2, 2, 7, 3), (4, 5))
    yield case("more rows, fewer columns", rng.normal(1, 3, 2, 8), (4, 3), "x")
    yield case("as it is", rng.normal(2, 1, 3, 4), (3, 4))
    yield case("rows and columns exchange their numbers", rng.normal(1, 2, 3, 6), (6, 3))
    yield case("one pixel", rng.normal(1, 2, 1, 1), (3, 2))
    yield case("not contiguous", rng.strided(2, 3, 5, 4), (3, 6))
    yield case("float64", rng.normal(2, 2, 9, 4, dtype=FLOAT64), (4, 7), "x")


# --- wrong answers ---------------------------------------------------------------------------------------------------


def ruled(rule: Callable[[Tensor, int, int], Tensor]) -> Callable[..., Tensor]:
    """By another rule: which old row does new row i come from?"""

    def answer(x: Tensor, size: Size) -> Tensor:
        return picked(x, size, lambda old, new, like: rule(torch.arange(new, device=like.device), old, new))

    return answer


@ruled
def keeps_the_start(i: Tensor, old: int, new: int) -> Tensor:
    return i.clamp(max=old - 1)


@ruled
def keeps_the_end(i: Tensor, old: int, new: int) -> Tensor:
    return (i + max(old - new, 0)).clamp(max=old - 1)


@ruled
def odd_one_above(i: Tensor, old: int, new: int) -> Tensor:
    return (i + (max(old - new, 0) + 1) // 2).clamp(max=old - 1)


@ruled
def repeats_the_first(i: Tensor, old: int, new: int) -> Tensor:
    return (i + (old - new if new > old else (old - new) // 2)).clamp(min=0)


@ruled
def repeats_both(i: Tensor, old: int, new: int) -> Tensor:
    return (i + (old - new) // 2 if old > new else i - (new - old) // 2).clamp(0, old - 1)


@ruled
def starts_again(i: Tensor, old: int, new: int) -> Tensor:
    return (i + max(old - new, 0) // 2) % old


@ruled
def mirrors(i: Tensor, old: int, new: int) -> Tensor:
    i = i + max(old - new, 0) // 2
    return torch.where(i < old, i, 2 * old - 1 - i).clamp(min=0)


@ruled
def reflects(i: Tensor, old: int, new: int) -> Tensor:
    i = i + max(old - new, 0) // 2
    return torch.where(i < old, i, 2 * old - 2 - i).clamp(min=0)


@ruled
def starts_below_zero(i: Tensor, old: int, new: int) -> Tensor:
    """A slice whose start counts from the end."""
    kept = torch.arange(old, device=i.device)[(old - new) // 2 :]
    return kept[i.clamp(max=len(kept) - 1)]


@ruled
def stretches(i: Tensor, old: int, new: int) -> Tensor:
    return i * old // new


@ruled
def only_cuts(i: Tensor, old: int, new: int) -> Tensor:
    return i[:old] + max(old - new, 0) // 2


@ruled
def only_repeats(i: Tensor, old: int, new: int) -> Tensor:
    return (i if new > old else torch.arange(old, device=i.device)).clamp(max=old - 1)


def zeros_around(x: Tensor, size: Size) -> Tensor:
    kept = only_cuts(x, size)
    return F.pad(kept, (0, size[1] - kept.shape[3], 0, size[0] - kept.shape[2]))


def rows_before_columns(x: Tensor, size: Size) -> Tensor:
    kept = only_cuts(x, size)
    return F.pad(kept, (0, size[0] - kept.shape[2], 0, size[1] - kept.shape[3]), mode="replicate")


def width_first(x: Tensor, size: Size) -> Tensor:
    return oracle(x, (size[1], size[0]))


def blends(x: Tensor, size: Size) -> Tensor:
    return F.interpolate(x, size, mode="bilinear")


def cut_off(x: Tensor, size: Size) -> Tensor:
    return oracle(x, size).detach()


CROPPING = (
    Wrong(
        "keeps the first rows",
        keeps_the_start,
        says="what is too much is cut off at the end; it is cut off on both sides, so that the middle stays.",
        look="at which row does the middle begin?",
    ),
    Wrong(
        "keeps the last rows",
        keeps_the_end,
        says="what is too much is cut off at the start; it is cut off on both sides, so that the middle stays.",
        look="at which row does the middle begin?",
    ),
    Wrong(
        "cuts the odd row off above",
        odd_one_above,
        says="of an odd number of rows one more is cut off above; it is below.",
        look="3 // 2 is 1. Is that what goes above?",
    ),
    Wrong(
        "never cuts",
        only_repeats,
        says="an axis that is too long stays as it is.",
        look="each axis is cut or lengthened by itself.",
    ),
)

REPEATING = (
    Wrong(
        "never repeats",
        only_cuts,
        says="an axis that is too short stays as it is.",
        look="each axis is cut or lengthened by itself.",
    ),
    Wrong(
        "puts zeros where rows are missing",
        zeros_around,
        says="the missing rows are zeros: a dark edge, which the next convolution will see. The last row is repeated.",
        look="F.pad has a mode for it.",
    ),
    Wrong(
        "repeats the first row",
        repeats_the_first,
        says="the first row or column is repeated; it is the last.",
        look="F.pad takes (left, right, top, bottom).",
    ),
    Wrong(
        "repeats on both sides",
        repeats_both,
        says="missing rows are shared between above and below; they all come below (and at the right).",
        look="only cutting is shared.",
    ),
    Wrong(
        "starts again from the first row",
        starts_again,
        says="after the last row comes the first again; the last is repeated.",
        look="F.pad's mode.",
    ),
    Wrong(
        "mirrors the border",
        mirrors,
        says="after the last row come those before it, as in a mirror; the last is repeated.",
        look="with two rows too few it shows.",
    ),
)

PADDING = (
    Wrong(
        "reflects the border",
        reflects,
        says='after the last row comes the one before it (F.pad\'s mode "reflect"); the last is repeated.',
        look="F.pad has another mode for it.",
    ),
    Wrong(
        "cuts from a negative row",
        starts_below_zero,
        says="where an axis is too short, it is cut all the same: (rows − wanted) // 2 is negative, and a slice that "
        "starts at −1 starts at the last row.",
        look="what should your start be where nothing is to be cut?",
    ),
    Wrong(
        "lengthens columns for rows",
        rows_before_columns,
        says="missing rows are added as columns, and columns as rows.",
        look="F.pad begins with the last axis: (left, right, top, bottom).",
    ),
)

OTHERS = (
    Wrong(
        "stretches the map",
        stretches,
        says="rows are repeated or left out evenly, all over the map: what belongs together moves apart.",
        look="nothing moves, but for the cut: only the border changes.",
    ),
    Wrong(
        "blends the map to its new size",
        blends,
        says="the map is interpolated, so that every value changes; only the border may.",
        look="cut, or repeat.",
    ),
    Wrong(
        "takes the width for the height",
        width_first,
        says="the result has size[1] rows; it should have size[0].",
        look="size is (height, width).",
    ),
    Wrong(
        "cuts the gradient off",
        cut_off,
        says="the values are right, but no gradient reaches x.",
        look="detach, or a new tensor that numbers are copied to.",
    ),
)

FIT = Exercise(
    id="unet.fit_to",
    cases=cases,
    oracle=oracle,
    wrong=(*CROPPING, *REPEATING, *PADDING, *OTHERS),
    hints=(
        "Two steps: cut what is too long, then lengthen what is too short. A map that fits passes both unchanged.",
        "spare = max(rows − wanted, 0); the middle begins at spare // 2.",
        'F.pad(x, (0, right, 0, below), mode="replicate").',
    ),
    points=2,
    minutes=12,
    forbidden=("torchvision", "scipy", "skimage", "cv2", *NETWORKS),
    may_alias=True,  # a map that fits is the answer, and a cut may be a view
)

EXERCISES = (FIT,)
