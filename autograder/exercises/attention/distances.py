"""Relative position biases: one number for each distance, for tokens in a row and in a window."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from autograder.spec import Case, Exercise, Rng, Speed, Wrong, of_call


def row_oracle(table: Tensor, n: int) -> Tensor:
    rows = [table[torch.arange(i + n - 1, i - 1, -1, device=table.device)] for i in range(n)]
    return torch.stack(rows).movedim(-1, 0)


def window_oracle(table: Tensor, h: int, w: int) -> Tensor:
    """By a grid of the table: the picture of a query's biases is a window of it, turned by 180°."""
    grid = table.unflatten(0, (2 * h - 1, 2 * w - 1)).flip(0, 1)
    windows = grid.unfold(0, h, 1).unfold(1, w, 1)  # (h, w, heads, h, w); the last query's first
    ordered: Tensor = windows.flip(0, 1).permute(2, 0, 1, 3, 4)
    return ordered.flatten(3).flatten(1, 2).contiguous()


def row_case(name: str, rng: Rng, n: int, heads: int, *gradients: str, dtype: torch.dtype = torch.float32) -> Case:
    return of_call(name, table=rng.normal(2 * n - 1, heads, dtype=dtype), n=n, gradients=gradients, terms=n)


def row_cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "two tokens, by hand",
        table=torch.tensor([[5.0], [6.0], [7.0]]),
        n=2,
        expect=torch.tensor([[[6.0, 5.0], [7.0, 6.0]]]),
        note="query 0, key 1: 0 − 1 + 2 − 1 = 0, the row with 5",
    )
    yield row_case("5 tokens, 3 heads", rng, 5, 3, "table")
    yield row_case("as many heads as tokens", rng, 4, 4)
    yield row_case("one token", rng, 1, 3)
    yield of_call("not contiguous", table=rng.strided(7, 2), n=4, gradients=("table",), terms=4)
    yield row_case("float64", rng, 8, 2, "table", dtype=torch.float64)


def window_case(
    name: str, rng: Rng, h: int, w: int, heads: int, *gradients: str, dtype: torch.dtype = torch.float32
) -> Case:
    table = rng.normal((2 * h - 1) * (2 * w - 1), heads, dtype=dtype)
    return of_call(name, table=table, h=h, w=w, gradients=gradients, terms=h * w)


def window_cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "2 × 2 tokens, by hand",
        table=torch.arange(9.0)[:, None],
        h=2,
        w=2,
        expect=torch.tensor([[[4.0, 3.0, 1.0, 0.0], [5.0, 4.0, 2.0, 1.0], [7.0, 6.0, 4.0, 3.0], [8.0, 7.0, 5.0, 4.0]]]),
        note="query 1 at (0, 1), key 2 at (1, 0): (0 − 1 + 1) · 3 + (1 − 0 + 1) = 2",
    )
    yield window_case("3 × 3, 2 heads", rng, 3, 3, 2, "table")
    yield window_case("2 × 4", rng, 2, 4, 3)
    yield window_case("4 × 2", rng, 4, 2, 3)
    yield window_case("a row of 5", rng, 1, 5, 2)
    yield window_case("a column of 4", rng, 4, 1, 2)
    yield of_call("not contiguous", table=rng.strided(15, 2), h=2, w=3, gradients=("table",), terms=6)
    yield window_case("float64", rng, 3, 5, 4, "table", dtype=torch.float64)


# --- wrong answers ---------------------------------------------------------------------------------------------------


def row_turned(table: Tensor, n: int) -> Tensor:
    return row_oracle(table, n).transpose(1, 2)


def row_from_zero(table: Tensor, n: int) -> Tensor:
    place = torch.arange(n, device=table.device)
    return table[place[:, None] - place[None, :]].movedim(-1, 0)


def row_absolute(table: Tensor, n: int) -> Tensor:
    place = torch.arange(n, device=table.device)
    return table[(place[:, None] - place[None, :]).abs()].movedim(-1, 0)


def row_heads_last(table: Tensor, n: int) -> Tensor:
    return row_oracle(table, n).movedim(0, -1)


def row_of_the_query(table: Tensor, n: int) -> Tensor:
    return table[:n].T[:, :, None].expand(-1, -1, n)


def row_one_off(table: Tensor, n: int) -> Tensor:
    place = torch.arange(n, device=table.device)
    return table[(place[:, None] - place[None, :] + n) % (2 * n - 1)].movedim(-1, 0)


def _window(table: Tensor, h: int, w: int, stride: int, columns: bool = False) -> Tensor:
    token = torch.arange(h * w, device=table.device)
    y, x = (token % h, token // h) if columns else (token // w, token % w)
    row = (y[:, None] - y + h - 1) * stride + (x[:, None] - x + w - 1)
    return table[row % len(table)].movedim(-1, 0)


def window_turned(table: Tensor, h: int, w: int) -> Tensor:
    return window_oracle(table, h, w).transpose(1, 2)


def window_other_width(table: Tensor, h: int, w: int) -> Tensor:
    return _window(table, h, w, 2 * h - 1)


def window_narrow(table: Tensor, h: int, w: int) -> Tensor:
    return _window(table, h, w, w)


def window_no_width(table: Tensor, h: int, w: int) -> Tensor:
    return _window(table, h, w, 1)


def window_columns_first(table: Tensor, h: int, w: int) -> Tensor:
    return _window(table, h, w, 2 * w - 1, columns=True)


def window_x_before_y(table: Tensor, h: int, w: int) -> Tensor:
    token = torch.arange(h * w, device=table.device)
    y, x = token // w, token % w
    row = (x[:, None] - x + w - 1) * (2 * h - 1) + (y[:, None] - y + h - 1)
    return table[row].movedim(-1, 0)


def window_heads_last(table: Tensor, h: int, w: int) -> Tensor:
    return window_oracle(table, h, w).movedim(0, -1)


TURNED = "query minus key: the first of the last two axes is the query's."
HEADS = "the table's last axis becomes the first: permute(2, 0, 1)."

ROW = Exercise(
    id="attention.relative_position_bias_1d",
    cases=row_cases,
    oracle=row_oracle,
    wrong=(
        Wrong(
            "takes key minus query",
            row_turned,
            says="the distance is counted the other way round, so what is left comes out as right.",
            look=TURNED,
        ),
        Wrong(
            "forgets to shift the distance",
            row_from_zero,
            says="distances below 0 are used as they are, and Python counts them from the table's end.",
            look="the smallest distance, −(n − 1), belongs to row 0.",
        ),
        Wrong(
            "takes the distance without its sign",
            row_absolute,
            says="a key to the left and one to the right get the same number; the table has a row for each.",
            look="2 n − 1 rows: how many distances are there?",
        ),
        Wrong("leaves the heads last", row_heads_last, says="the result is (n, n, heads).", look=HEADS),
        Wrong(
            "looks at the query's place only",
            row_of_the_query,
            says="the bias depends on the query's place alone; it depends on the distance.",
            look="the same number all along a diagonal.",
        ),
        Wrong(
            "is one row off",
            row_one_off,
            says="every distance takes the next row of the table.",
            look="distance 0 belongs to the middle row, number n − 1.",
        ),
    ),
    hints=(
        "Make the n × n matrix of distances first: place[:, None] − place[None, :].",
        "table[index] with an n × n index gives (n, n, heads).",
    ),
    points=2,
    minutes=10,
    may_alias=True,
    forbidden=("timm", "torchvision.models", "transformers"),
)

WINDOW = Exercise(
    id="attention.relative_position_bias_2d",
    cases=window_cases,
    oracle=window_oracle,
    wrong=(
        Wrong(
            "takes key minus query",
            window_turned,
            says="the distances are counted the other way round: above comes out as below.",
            look=TURNED,
        ),
        Wrong(
            "counts rows of the table by the height",
            window_other_width,
            says="a step down moves by 2 h − 1 rows of the table; one line of distances has 2 w − 1 entries.",
            look="how many distances across are there?",
        ),
        Wrong(
            "counts rows of the table by w",
            window_narrow,
            says="a step down moves by w rows of the table, as if the window were one long row of tokens; there are "
            "2 w − 1 distances across.",
            look="distances across go from −(w − 1) to w − 1.",
        ),
        Wrong(
            "adds both distances",
            window_no_width,
            says="one step down and one to the right share a number: the two distances are simply added.",
            look="the first distance counts whole lines of the table.",
        ),
        Wrong(
            "numbers the tokens column by column",
            window_columns_first,
            says="tokens are numbered down the columns; they are numbered along the rows.",
            look="token t is at row t // w, column t % w.",
        ),
        Wrong(
            "takes x for the slow distance",
            window_x_before_y,
            says="the distance across counts whole lines of the table; the distance down does.",
            look="which of the two is multiplied?",
        ),
        Wrong("leaves the heads last", window_heads_last, says="the result is (h·w, h·w, heads).", look=HEADS),
    ),
    hints=(
        "Each token t has y = t // w and x = t % w. Then do twice what you did in 1-D.",
        "Two n × n matrices: down = yᵢ − yⱼ + h − 1 and across = xᵢ − xⱼ + w − 1.",
        "table[down · (2 w − 1) + across], then the heads to the front.",
    ),
    points=3,
    minutes=15,
    may_alias=True,
    forbidden=("timm", "torchvision.models", "transformers"),
    speed=Speed(case=lambda rng: window_case("speed", rng, 14, 14, 8), limit=6.0, against="windows of the table"),
)

EXERCISES = (ROW, WINDOW)
