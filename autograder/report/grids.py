"""Tensors written out: whole where they are small, else the few rows and columns around the worst value."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from autograder.report.parts import Grid
from autograder.report.words import dtype, shape
from autograder.spec import Mismatch

MOST_ROWS, MOST_COLUMNS = 5, 7
WIDEST = 52  # characters of a row, so that two grids stand side by side
Writer = Callable[[float], str]


def input_grid(name: str, value: Tensor) -> Grid | None:
    """An input written out, if it is one small plane of values (axes of length 1 in front don't count)."""
    plane = _only_plane(value)
    if plane is None:
        return None
    write = writer(plane)
    cells = tuple(tuple(write(item) for item in row) for row in plane.tolist())
    return Grid(f"{name} {shape(value)} {dtype(value)}", cells, name=name)


def compared(mismatch: Mismatch) -> tuple[Grid, Grid] | None:
    """Expected and got around the worst value, the wrong values of got marked; None where there are no values."""
    expected, got = mismatch.expected, mismatch.got
    if not (isinstance(expected, Tensor) and isinstance(got, Tensor)) or expected.shape != got.shape:
        return None
    wrong = ~got.isfinite() if mismatch.kind == "nonfinite" else differing(mismatch)
    lead = mismatch.where[:-2] if expected.ndim >= 2 else ()
    planes = [_plane(item, lead) for item in (expected, got, wrong)]
    at = (0,) * (2 - min(2, expected.ndim)) + mismatch.where[-2:]
    for most in range(MOST_COLUMNS, 0, -1):
        rows, columns = _window(at[0], planes[0].shape[0], MOST_ROWS), _window(at[1], planes[0].shape[1], most)
        one, other, marks = (plane[rows.start : rows.stop, columns.start : columns.stop] for plane in planes)
        write = writer(torch.cat([one.to(torch.float64), other.to(torch.float64)]), mismatch, expected.dtype)
        cells = [tuple(tuple(write(item) for item in row) for row in values.tolist()) for values in (one, other)]
        widest = max(len(text) for both in cells for row in both for text in row)
        if (widest + 3) * len(columns) <= WIDEST:
            break
    place = _slice(expected, lead, rows, columns)
    title = f"{place} of {shape(expected)}" if place else f" {shape(expected)}"
    marked = frozenset((row, column) for row, column in marks.nonzero().tolist())
    return (
        Grid(f"expected{title}", cells[0], frozenset(), tuple(rows), tuple(columns)),
        Grid(f"got{title}", cells[1], marked, tuple(rows), tuple(columns)),
    )


def unequal_shapes(mismatch: Mismatch) -> tuple[Grid, Grid] | None:
    """Expected and got of different shapes, where both are small enough to write out."""
    grids = [
        input_grid(title, value)
        for title, value in (("expected", mismatch.expected), ("got", mismatch.got))
        if isinstance(value, Tensor) and value.ndim >= 1
    ]
    if len(grids) != 2 or grids[0] is None or grids[1] is None:
        return None
    return grids[0], grids[1]


def differing(mismatch: Mismatch) -> Tensor:
    """Which values of two tensors of one shape differ by more than is allowed; NaN differs from everything."""
    one, other = mismatch.expected.to(torch.float64), mismatch.got.to(torch.float64)
    wrong: Tensor = ~((one - other).abs() <= mismatch.allowed) & (one != other)
    return wrong


def worst_plane(value: Tensor, where: tuple[int, ...]) -> Tensor | None:
    """The plane of the last two axes that holds the worst value; None for fewer than two axes."""
    return _plane(value, where[:-2]) if value.ndim >= 2 else None


def is_whole(mismatch: Mismatch) -> bool:
    """Whether the grids show the whole plane of the worst value, so that a picture adds nothing."""
    expected = mismatch.expected
    if not isinstance(expected, Tensor) or expected.ndim < 2:
        return True
    rows, columns = expected.shape[-2:]
    return rows <= MOST_ROWS and columns <= MOST_COLUMNS


def writer(values: Tensor, mismatch: Mismatch | None = None, kind: torch.dtype | None = None) -> Writer:
    """How to write all of these numbers alike, with enough digits to tell the difference."""
    kind = kind or values.dtype
    if not kind.is_floating_point:
        return lambda value: str(bool(value)) if kind is torch.bool else str(int(value))
    numbers = values.to(torch.float64)
    finite = numbers[numbers.isfinite()].abs()
    largest = float(finite.max()) if finite.numel() else 0.0
    decimals = _decimals(numbers[numbers.isfinite()], largest)
    if mismatch is not None and 0.0 < mismatch.largest < math.inf:
        decimals = max(decimals, 1 - math.floor(math.log10(mismatch.largest)))
    if largest >= 1e6 or decimals > 9:
        digits = min(16, max(3, decimals + math.floor(math.log10(largest)) if largest > 0 else 3))
        return lambda value: f"{value:.{digits}e}" if math.isfinite(value) else _odd(value)
    return lambda value: f"{value + 0.0:.{decimals}f}" if math.isfinite(value) else _odd(value)


def _decimals(finite: Tensor, largest: float) -> int:
    if finite.numel() == 0 or bool((finite == finite.round(decimals=1)).all()):
        return 1
    return min(12, max(1, 3 - math.floor(math.log10(largest)))) if largest > 0 else 1


def _odd(value: float) -> str:
    return "NaN" if math.isnan(value) else ("inf" if value > 0 else "-inf")


def _only_plane(value: Tensor) -> Tensor | None:
    if value.ndim == 0 or value.numel() == 0 or value.is_complex():
        return None
    plane = _plane(value, (0,) * (value.ndim - 2))
    small = plane.shape[0] <= MOST_ROWS and plane.shape[1] <= MOST_COLUMNS
    return plane if small and plane.numel() == value.numel() else None


def _plane(value: Tensor, lead: tuple[int, ...]) -> Tensor:
    for index in lead:
        value = value[index]
    return value.reshape(1, -1) if value.ndim < 2 else value


def _window(at: int, length: int, most: int) -> range:
    start = max(0, min(at - most // 2, length - most))
    return range(start, min(length, start + most))


def _slice(value: Tensor, lead: tuple[int, ...], rows: range, columns: range) -> str:
    """ "[0, 2, 1:6]", as one would write it to see these values; "" where the grid shows everything."""
    if value.numel() == len(rows) * len(columns):
        return ""
    shown = [rows, columns] if value.ndim >= 2 else [columns]
    lengths = value.shape[-len(shown) :]
    last = [
        ":" if len(item) == length else f"{item.start}:{item.stop}" for item, length in zip(shown, lengths, strict=True)
    ]
    while last and last[-1] == ":":
        last.pop()
    return f"[{', '.join([*map(str, lead), *last])}]"
