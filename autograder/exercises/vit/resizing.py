"""Positions for a grid of another size."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from autograder.exercises.vit._ready_made_a import LIBRARIES
from autograder.spec import Case, Exercise, Rng, Value, Wrong, of_call

Grid = tuple[int, int]
FLOAT64 = torch.float64
RIGHT: dict[str, Any] = {"mode": "bicubic", "antialias": True}


def square(pos_embed: Tensor, extra: int) -> Grid:
    side = math.isqrt(pos_embed.shape[1] - extra)
    return side, side


def resized(places: Tensor, old_grid: Grid, grid: Grid, rule: dict[str, Any]) -> Tensor:
    """Places (1, n, dim) on another grid, in double precision; each of the dim channels is one image of a batch."""
    pictures = places[0].double().T.reshape(-1, 1, *old_grid)
    return F.interpolate(pictures, grid, **rule).flatten(1).T[None].to(places.dtype)


def oracle(pos_embed: Tensor, grid: Grid, old_grid: Grid | None = None, extra: int = 1) -> Tensor:
    return made(pos_embed, grid, old_grid, extra)


def made(
    pos_embed: Tensor,
    grid: Grid,
    old_grid: Grid | None,
    extra: int,
    resize: Callable[[Tensor, Grid, Grid, dict[str, Any]], Tensor] = resized,
    rule: dict[str, Any] = RIGHT,
) -> Tensor:
    old_grid = old_grid or square(pos_embed, extra)
    if old_grid == grid:
        return pos_embed
    first, places = pos_embed[:, :extra], pos_embed[:, extra:]
    return torch.cat([first, resize(places, old_grid, grid, rule)], dim=1)


def case(name: str, pos_embed: Tensor, grid: Grid, *gradients: str, **given: Value) -> Case:
    return of_call(name, pos_embed=pos_embed, grid=grid, **given, gradients=gradients, terms=16)


def cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "2 × 2 places become one, by hand",
        pos_embed=torch.tensor([[[9.0], [1.0], [2.0], [3.0], [6.0]]]),
        grid=(1, 1),
        expect=torch.tensor([[[9.0], [3.0]]]),
        note="all four places are as far from the middle: (1 + 2 + 3 + 6) / 4 = 3; the class token's 9 stays",
        terms=4,
    )
    yield case("3 × 3 become 5 × 5", rng.normal(1, 10, 2), (5, 5))
    yield case("6 × 6 become 3 × 2", rng.normal(1, 37, 4), (3, 2), "pos_embed")
    yield case("4 × 4 become 4 × 7", rng.normal(1, 17, 3), (4, 7), "pos_embed")
    yield case("an old grid of 2 × 8", rng.normal(1, 17, 3), (3, 10), old_grid=(2, 8))
    yield case("6 × 3 become 4 × 5", rng.normal(1, 19, 5), (4, 5), old_grid=(6, 3))
    yield case("as many places, another shape", rng.normal(1, 13, 4), (3, 4), old_grid=(2, 6))
    yield case("no class token", rng.normal(1, 9, 4), (4, 4), extra=0)
    yield case("four registers", rng.normal(1, 20, 3), (6, 6), extra=4)
    yield case("the same grid", rng.normal(1, 7, 4), (2, 3), old_grid=(2, 3))
    yield case("as wide as there are places", rng.normal(1, 10, 9), (2, 2))
    yield case("not contiguous", rng.strided(1, 17, 6), (5, 3))
    yield case("float64", rng.normal(1, 26, 3, dtype=FLOAT64), (7, 3), "pos_embed")


def by(**rule: Any) -> Callable[..., Tensor]:
    """The oracle with another rule for resizing."""

    def answer(pos_embed: Tensor, grid: Grid, old_grid: Grid | None = None, extra: int = 1) -> Tensor:
        return made(pos_embed, grid, old_grid, extra, rule=rule)

    return answer


def through(resize: Callable[[Tensor, Grid, Grid, dict[str, Any]], Tensor]) -> Callable[..., Tensor]:
    """The oracle with another way from a row of places to a picture and back."""

    def answer(pos_embed: Tensor, grid: Grid, old_grid: Grid | None = None, extra: int = 1) -> Tensor:
        return made(pos_embed, grid, old_grid, extra, resize)

    return answer


def smoothed_when_smaller(places: Tensor, old_grid: Grid, grid: Grid, rule: dict[str, Any]) -> Tensor:
    smaller = grid[0] * grid[1] < old_grid[0] * old_grid[1]
    return resized(places, old_grid, grid, {"mode": "bicubic", "antialias": smaller})


def not_turned(places: Tensor, old_grid: Grid, grid: Grid, rule: dict[str, Any]) -> Tensor:
    _, count, dim = places.shape
    return resized(places.reshape(1, dim, count).transpose(1, 2), old_grid, grid, rule)


def axes_swapped(places: Tensor, old_grid: Grid, grid: Grid, rule: dict[str, Any]) -> Tensor:
    return resized(places, (old_grid[1], old_grid[0]), grid, rule)


def read_by_columns(places: Tensor, old_grid: Grid, grid: Grid, rule: dict[str, Any]) -> Tensor:
    new = resized(places, old_grid, grid, rule)
    turned: Tensor = new.unflatten(1, grid)
    return turned.transpose(1, 2).flatten(1, 2)


def width_first(places: Tensor, old_grid: Grid, grid: Grid, rule: dict[str, Any]) -> Tensor:
    return resized(places, old_grid, (grid[1], grid[0]), rule)


def back_by_reshape(places: Tensor, old_grid: Grid, grid: Grid, rule: dict[str, Any]) -> Tensor:
    new = resized(places, old_grid, grid, rule)
    return new.transpose(1, 2).reshape(new.shape)


def along_the_row(places: Tensor, old_grid: Grid, grid: Grid, rule: dict[str, Any]) -> Tensor:
    return resized(places, (1, places.shape[1]), (1, grid[0] * grid[1]), rule)


def class_resized(pos_embed: Tensor, grid: Grid, old_grid: Grid | None = None, extra: int = 1) -> Tensor:
    if (old_grid or square(pos_embed, extra)) == grid:
        return pos_embed
    count = extra + grid[0] * grid[1]
    return resized(pos_embed, (1, pos_embed.shape[1]), (1, count), RIGHT)


def class_last(pos_embed: Tensor, grid: Grid, old_grid: Grid | None = None, extra: int = 1) -> Tensor:
    right = oracle(pos_embed, grid, old_grid, extra)
    return torch.cat([right[:, extra:], right[:, :extra]], dim=1)


def extra_from_the_end(pos_embed: Tensor, grid: Grid, old_grid: Grid | None = None, extra: int = 1) -> Tensor:
    return made(pos_embed.roll(extra, dims=1), grid, old_grid, extra)


def class_lost(pos_embed: Tensor, grid: Grid, old_grid: Grid | None = None, extra: int = 1) -> Tensor:
    return oracle(pos_embed, grid, old_grid, extra)[:, extra:]


def one_kept(pos_embed: Tensor, grid: Grid, old_grid: Grid | None = None, extra: int = 1) -> Tensor:
    right = oracle(pos_embed, grid, old_grid, extra)
    return torch.cat([pos_embed[:, :1], right[:, extra:]], dim=1)


def by_the_count(pos_embed: Tensor, grid: Grid, old_grid: Grid | None = None, extra: int = 1) -> Tensor:
    if pos_embed.shape[1] == extra + grid[0] * grid[1]:
        return pos_embed
    return oracle(pos_embed, grid, old_grid, extra)


def always_square(pos_embed: Tensor, grid: Grid, old_grid: Grid | None = None, extra: int = 1) -> Tensor:
    return made(pos_embed, grid, square(pos_embed, extra), extra)


RULES = (
    Wrong(
        "puts corners on corners",
        by(mode="bicubic", antialias=True, align_corners=True),
        says="align_corners=True lays the centres of the corner places on each other; a patch's place is its middle, "
        "and the whole grid covers the image.",
        look="leave align_corners out.",
    ),
    Wrong(
        "puts corners on corners and leaves out antialias",
        by(mode="bicubic", align_corners=True),
        says="align_corners=True lays the centres of the corner places on each other; a patch's place is its middle, "
        "and the whole grid covers the image. And antialias is left out.",
        look="leave align_corners out; F.interpolate has an argument for the other.",
    ),
    Wrong(
        "leaves out antialias",
        by(mode="bicubic"),
        says="bicubic, but without antialias: where the grid shrinks, places in between are skipped (and where it "
        "grows, torch's two bicubic kernels differ a little).",
        look="F.interpolate has an argument for it.",
    ),
    Wrong(
        "smooths only what becomes smaller",
        through(smoothed_when_smaller),
        says="antialias is only used where the grid shrinks. Where it grows, torch's bicubic with antialias still has "
        "another kernel (a = −0.5, not −0.75), and the published models used it.",
        look="antialias in every case.",
    ),
    Wrong(
        "is bilinear",
        by(mode="bilinear", antialias=True),
        says="the mode is bilinear; it is bicubic.",
        look="the argument mode.",
    ),
    Wrong(
        "takes the nearest place",
        by(mode="nearest"),
        says="each new place copies an old one: neighbours become equal.",
        look="F.interpolate takes the nearest unless its mode says otherwise.",
    ),
)

SHAPES = (
    Wrong(
        "makes a picture by a reshape",
        through(not_turned),
        says="(n, dim) was reshaped to (dim, rows, columns): numbers of one place land in different places.",
        look="first (rows, columns, dim), then move dim to the front: permute or movedim.",
    ),
    Wrong(
        "swaps the old grid's axes",
        through(axes_swapped),
        says="the old places were laid out with as many rows as there are columns.",
        look="a grid is (rows, columns); so is old_grid.",
    ),
    Wrong(
        "reads the new grid column by column",
        through(read_by_columns),
        says="the resized picture is right, but is read column by column; tokens come row by row.",
        look="the order of the axes before you flatten them.",
    ),
    Wrong(
        "takes the width for the height",
        through(width_first),
        says="the new picture has grid[1] rows; it should have grid[0].",
        look="F.interpolate's size is (rows, columns), as grid is.",
    ),
    Wrong(
        "goes back by a reshape",
        through(back_by_reshape),
        says="(dim, rows, columns) was reshaped to (n, dim): each row is a piece of one channel.",
        look="move dim to the end first, then flatten.",
    ),
    Wrong(
        "resizes along the row of tokens",
        through(along_the_row),
        says="the places were stretched as one long row; a place's neighbours are above and below it too.",
        look="lay them out on the old grid first.",
    ),
)

EXTRAS = (
    Wrong(
        "resizes the class token's row too",
        class_resized,
        says="the class token's row was stretched with the others, and has mixed with the first patch's. It has no "
        "place in the image.",
        look="split off the first `extra` rows; resize the rest; put them together.",
    ),
    Wrong(
        "puts the class token's row at the end",
        class_last,
        says="the extra rows stand last; they stay first.",
        look="the order in torch.cat.",
    ),
    Wrong(
        "takes the last rows for the extra ones",
        extra_from_the_end,
        says="the last `extra` rows were left alone; those without a place are the first.",
        look="pos_embed[:, :extra] and pos_embed[:, extra:].",
    ),
    Wrong(
        "loses the class token's row",
        class_lost,
        says="the extra rows are missing in the result.",
        look="M = extra + grid[0] · grid[1].",
    ),
    Wrong(
        "keeps exactly one extra row",
        one_kept,
        says="one row is kept whatever `extra` says; there may be none, or several (registers).",
        look="where does `extra` stand in your answer?",
    ),
    Wrong(
        "compares numbers of places",
        by_the_count,
        says="2 × 6 places stay as they are where 3 × 4 are asked for: as many, but not the same grid.",
        look="compare the grids.",
    ),
    Wrong(
        "always takes a square for the old grid",
        always_square,
        says="old_grid is ignored, and a square is assumed.",
        look="only without old_grid is the old one square.",
    ),
)

INTERPOLATE = Exercise(
    id="vit.interpolate_pos_embed",
    cases=cases,
    oracle=oracle,
    wrong=(*RULES, *SHAPES, *EXTRAS),
    hints=(
        "Four steps: split off the first `extra` rows, lay the rest out as a picture, resize, and back.",
        "places.unflatten(1, old_grid).movedim(-1, 1) is (1, dim, rows, columns).",
        'nn.functional.interpolate(picture, grid, mode="bicubic", antialias=True).',
    ),
    points=3,
    minutes=18,
    forbidden=LIBRARIES,
    may_alias=True,  # the same grid gives pos_embed itself
)

EXERCISES = (INTERPOLATE,)
