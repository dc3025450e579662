"""Places made of sines and cosines of rows and columns."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from autograder.exercises.vit._ready_made_a import LIBRARIES
from autograder.spec import Case, Exercise, Rng, Value, Wrong, of_call

Grid = tuple[int, int]
FLOAT64 = torch.float64
BASE = 10_000.0


def frequencies(count: int, base: float) -> Tensor:
    return torch.tensor([base ** (-k / count) for k in range(count)], dtype=FLOAT64)


def rows_and_columns(grid: Grid) -> tuple[Tensor, Tensor]:
    cells = [(y, x) for y in range(grid[0]) for x in range(grid[1])]
    y, x = torch.tensor(cells, dtype=FLOAT64).unbind(1)
    return y, x


def angles(grid: Grid, waves: Tensor) -> tuple[Tensor, Tensor]:
    """Of the rows and of the columns: each (n, frequencies)."""
    y, x = rows_and_columns(grid)
    return y[:, None] * waves, x[:, None] * waves


def four_quarters(y: Tensor, x: Tensor) -> Tensor:
    return torch.cat([y.sin(), x.sin(), y.cos(), x.cos()], dim=1).float()


def oracle(grid: Grid, dim: int, base: float = BASE) -> Tensor:
    return four_quarters(*angles(grid, frequencies(dim // 4, base)))


def case(name: str, grid: Grid, dim: int, **base: Value) -> Case:
    """The scale is the largest angle's: its rounding is what a sine is wrong by."""
    return of_call(name, grid=grid, dim=dim, **base, scale=float(max(grid)))


def cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "two cells side by side, by hand",
        grid=(1, 2),
        dim=4,
        expect=torch.tensor([[0.0, 0.0, 1.0, 1.0], [0.0, math.sin(1.0), 1.0, math.cos(1.0)]]),
        note="the second cell has y = 0, x = 1 and ω = 1: sin 0, sin 1, cos 0, cos 1",
    )
    yield case("2 × 3 cells, two frequencies", (2, 3), 8)
    yield case("3 × 3 cells", (3, 3), 16)
    yield case("upright, three frequencies", (4, 2), 12)
    yield case("another base", (3, 5), 24, base=100.0)
    yield case("one column", (6, 1), 8)
    yield case("one cell", (1, 1), 8)
    yield case("a long grid", (2, 24), 20)
    yield case("ViT-Tiny's", (14, 14), 192)
    height, width, quarter = (int(rng.integers(2, 7)) for _ in range(3))
    yield case("a grid by chance", (height, width), 4 * quarter, base=float(50 * height))


def rearranged(order: Callable[[Tensor, Tensor], Tensor]) -> Callable[..., Tensor]:
    """The right angles, put together in another way."""

    def answer(grid: Grid, dim: int, base: float = BASE) -> Tensor:
        return order(*angles(grid, frequencies(dim // 4, base))).float()

    return answer


def each_axis_together(y: Tensor, x: Tensor) -> Tensor:
    return torch.cat([y.sin(), y.cos(), x.sin(), x.cos()], dim=1)


def in_turn(y: Tensor, x: Tensor) -> Tensor:
    both = torch.stack([y, x], dim=1)
    return torch.stack([both.sin(), both.cos()], dim=-1).flatten(1)


def columns_first(y: Tensor, x: Tensor) -> Tensor:
    return four_quarters(x, y)


def cosine_first(y: Tensor, x: Tensor) -> Tensor:
    return torch.cat([y.cos(), x.cos(), y.sin(), x.sin()], dim=1)


def whole_turns(y: Tensor, x: Tensor) -> Tensor:
    return four_quarters(2 * math.pi * y, 2 * math.pi * x)


def down_the_columns(grid: Grid, dim: int, base: float = BASE) -> Tensor:
    picture: Tensor = oracle(grid, dim, base).unflatten(0, grid)
    return picture.transpose(0, 1).flatten(0, 1)


def other_waves(make: Callable[[int, float], Tensor]) -> Callable[..., Tensor]:
    """The right order, of other frequencies."""

    def answer(grid: Grid, dim: int, base: float = BASE) -> Tensor:
        return four_quarters(*angles(grid, make(dim // 4, base)))

    return answer


def _steps(count: int) -> Tensor:
    return torch.arange(count, dtype=FLOAT64)


def half_as_far(count: int, base: float) -> Tensor:
    return base ** (-_steps(count) / (2 * count))


def growing(count: int, base: float) -> Tensor:
    return base ** (_steps(count) / count)


def to_the_end(count: int, base: float) -> Tensor:
    return base ** (-_steps(count) / max(1, count - 1))


def evenly_spread(count: int, base: float) -> Tensor:
    return 1 - _steps(count) / count * (1 - 1 / base)


def always_ten_thousand(grid: Grid, dim: int, base: float = BASE) -> Tensor:
    return oracle(grid, dim)


def numbered(grid: Grid, dim: int, base: float = BASE) -> Tensor:
    waves = torch.arange(grid[0] * grid[1], dtype=FLOAT64)[:, None] * frequencies(dim // 2, base)
    return torch.cat([waves.sin(), waves.cos()], dim=1).float()


def from_one(grid: Grid, dim: int, base: float = BASE) -> Tensor:
    waves = frequencies(dim // 4, base)
    y, x = angles(grid, waves)
    return four_quarters(y + waves, x + waves)


SINCOS = Exercise(
    id="vit.sincos_2d",
    cases=cases,
    oracle=oracle,
    wrong=(
        Wrong(
            "keeps sine and cosine of an axis together",
            rearranged(each_axis_together),
            says="the quarters are sin y, cos y, sin x, cos x; both sines come first, then both cosines.",
            look="the order in the contract: sin(y·ω), sin(x·ω), cos(y·ω), cos(x·ω).",
        ),
        Wrong(
            "takes sine and cosine in turn",
            rearranged(in_turn),
            says="sine and cosine of each frequency stand side by side, as in the paper on language; here each quarter "
            "holds one of them for all frequencies.",
            look="cat, not stack and flatten.",
        ),
        Wrong(
            "puts the columns first",
            rearranged(columns_first),
            says="x stands where y should: the quarters are sin x, sin y, cos x, cos y.",
            look="rows before columns, as everywhere in an image's shape.",
        ),
        Wrong(
            "puts the cosine first",
            rearranged(cosine_first),
            says="the cosines come before the sines.",
            look="cell (0, 0) starts with 0, the sine of 0.",
        ),
        Wrong(
            "goes through the cells column by column",
            down_the_columns,
            says="the second row belongs to the cell below the first; it belongs to the one to its right.",
            look="tokens come row by row: x changes fastest.",
        ),
        Wrong(
            "spaces the frequencies half as far",
            other_waves(half_as_far),
            says="the exponent is −k / (dim / 2); a quarter has dim / 4 frequencies, and they span the whole range.",
            look="how many frequencies are there for one axis?",
        ),
        Wrong(
            "makes the frequencies grow",
            other_waves(growing),
            says="the frequencies go from 1 up to almost base: from cell to cell such a wave turns many times.",
            look="the sign of the exponent.",
        ),
        Wrong(
            "ends at 1 / base",
            other_waves(to_the_end),
            says="the last frequency is 1 / base itself: the exponent was divided by the number of frequencies less 1.",
            look="k / (dim / 4), k from 0.",
        ),
        Wrong(
            "spreads the frequencies evenly",
            other_waves(evenly_spread),
            says="the frequencies fall by equal steps; each is the same share of the one before.",
            look="a power of base.",
        ),
        Wrong(
            "ignores base",
            always_ten_thousand,
            says="base is always 10,000.",
            look="where does `base` stand in your answer?",
        ),
        Wrong(
            "numbers the cells in one row",
            numbered,
            says="each cell has one number, as a word in a sentence; two cells above each other are then far apart.",
            look="y and x each have waves of their own.",
        ),
        Wrong("counts from 1", from_one, says="rows and columns count from 1; they count from 0.", look="cell (0, 0)."),
        Wrong(
            "counts in whole turns",
            rearranged(whole_turns),
            says="the angles are multiplied by 2π: the fastest wave turns once a cell, and so never changes.",
            look="ω is in radians a cell.",
        ),
    ),
    hints=(
        "First the dim / 4 frequencies, then y and x of each cell, then the angles y·ω and x·ω: (n, dim / 4) each.",
        "torch.cartesian_prod(torch.arange(rows), torch.arange(columns)) lists the cells row by row.",
        "With y and x the angles: torch.cat([y.sin(), x.sin(), y.cos(), x.cos()], dim=1).",
    ),
    points=2,
    minutes=15,
    forbidden=LIBRARIES,
)

EXERCISES = (SINCOS,)
