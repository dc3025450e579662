"""The report in a terminal: plain text, at most a screenful."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import replace

from autograder.report.parts import (
    Code,
    FailingCase,
    Grid,
    Grids,
    Headline,
    Inputs,
    Measure,
    Part,
    Passed,
    Pictures,
    Preformatted,
    Say,
    Stages,
)
from autograder.report.words import clean, one_line

MOST_LINES = 24
_MEASURED = {True: "✓", False: "✗", None: "…"}
GAP = "    "


def render(parts: Sequence[Part], width: int) -> str:
    """The parts as text. Where they are more than a screenful, those that matter least give way."""
    kept = list(parts)
    while True:
        lines = [line for part in kept for line in lines_of(part, width)]
        losable = [part for part in kept if part.rank > 0]
        if len(lines) <= MOST_LINES or not losable:
            break
        _shorten(kept, max(reversed(losable), key=lambda part: part.rank))
    if len(lines) > MOST_LINES:
        last = lines_of(parts[-1], width)[:3] if isinstance(parts[-1], Say) else []
        lines = [*lines[: MOST_LINES - 1 - len(last)], "  …", *last]
    return "\n".join(line.rstrip() for line in lines)


def _shorten(parts: list[Part], least: Part) -> None:
    """Takes out the part that matters least; inputs stay, without their values."""
    place = parts.index(least)
    if isinstance(least, Inputs):
        parts[place] = replace(least, grids=(), rank=0)
    else:
        del parts[place]


def lines_of(part: Part, width: int) -> list[str]:
    """One part's lines."""
    match part:
        case Headline():
            return _headline(part, width)
        case Passed():
            return _names("✓", part.names, width, most=2)
        case FailingCase():
            return _failing(part, width)
        case Inputs():
            return _inputs(part, width)
        case Grids():
            return _grids(part, width)
        case Measure():
            return _with_aside(f"{part.label} {_MEASURED[part.ok]} {part.text}", part.aside, width)
        case Say():
            return _with_aside(f"{part.label}: {part.text}" if part.label else part.text, part.aside, width)
        case Code():
            return _code(part, width)
        case Preformatted():
            return _preformatted(part, width)
        case Stages():
            return _stages(part, width)
        case Pictures():
            return []


def _headline(part: Headline, width: int) -> list[str]:
    lines = textwrap.wrap(f"{part.name}    {part.says}", width - 2, initial_indent="  ", subsequent_indent="      ")
    if part.aside and len(lines[0]) + len(part.aside) + 3 <= width:
        lines[0] = lines[0] + part.aside.rjust(width - len(lines[0]))
    elif part.aside:
        lines.append(f"      {part.aside}")
    return lines


def _with_aside(text: str, aside: str, width: int) -> list[str]:
    lines = textwrap.wrap(text, width - 2, initial_indent="  ", subsequent_indent="  ")
    if aside and lines and len(lines[-1]) + len(GAP) + len(aside) <= width:
        lines[-1] += GAP + aside
    elif aside:
        lines += textwrap.wrap(aside, width - 2, initial_indent="  ", subsequent_indent="  ")
    return lines


def _names(sign: str, names: Sequence[str], width: int, most: int) -> list[str]:
    """✓ one    ✓ two    ✓ and 3 more, on at most so many lines."""
    shown = [f"{sign} {one_line(name, 60)}" for name in names]
    for count in range(len(shown), 0, -1):
        more = [f"{sign} and {len(shown) - count} more"] if count < len(shown) else []
        lines = _flow([*shown[:count], *more], width)
        if len(lines) <= most:
            return lines
    return [f"  {sign} {len(names)} cases"]


def _flow(items: Sequence[str], width: int) -> list[str]:
    """Items in lines, none broken in two."""
    lines: list[str] = []
    for item in items:
        if lines and len(lines[-1]) + len(GAP) + len(item) <= width:
            lines[-1] += GAP + item
        else:
            lines.append(f"  {item}"[:width])
    return lines


def _failing(part: FailingCase, width: int) -> list[str]:
    first = _flow([f"✗ {one_line(part.name, 70)}", f"first failing case, {part.try_it} to try it"], width)
    return [*_names("✗", part.others, width, most=1), *first] if part.others else first


def _inputs(part: Inputs, width: int) -> list[str]:
    written = {grid.name for grid in part.grids}
    lines = _flow([f"{name} {text}" for name, text in part.items if name not in written], width - 4)[:3]
    lines = [*_side_by_side(part.grids, width), *(f"    {line}" for line in lines)]
    if part.program:
        lines += textwrap.wrap(part.program, width - 2, initial_indent="      ", subsequent_indent="      ")[:2]
    return lines


def _grids(part: Grids, width: int) -> list[str]:
    grids = [replace(grid, marked=frozenset()) for grid in part.grids] if part.everywhere else part.grids
    lines = _side_by_side(grids, width)
    if not part.fact:
        return lines
    reach = max((len(line) for line in lines), default=0)
    height = 1 + max(len(grid.cells) for grid in part.grids)
    if len(lines) == height and reach + len(part.fact) + 5 <= width:
        lines[1] = f"{lines[1]:<{reach}}   ← {part.fact}"
        return lines
    return lines + textwrap.wrap(part.fact, width - 2, initial_indent="      ", subsequent_indent="      ")


def _side_by_side(grids: Sequence[Grid], width: int) -> list[str]:
    """Grids beside each other, as many as there is width for, the rest below."""
    rows: list[list[str]] = []
    room = 0
    for block in map(_block, grids):
        wide = max(map(len, block)) + len(GAP)
        if not rows or room + wide > width - 2:
            rows.append([])
            room = 0
        room += wide
        rows[-1] = _beside(rows[-1], block)
    return [f"      {line}" for row in rows for line in row]


def _beside(left: list[str], right: list[str]) -> list[str]:
    if not left:
        return right
    wide = max(map(len, left))
    height = max(len(left), len(right))
    padded = [[*block, *[""] * (height - len(block))] for block in (left, right)]
    return [f"{one:<{wide}}{GAP}{other}" for one, other in zip(*padded, strict=True)]


def _block(grid: Grid) -> list[str]:
    """A grid's lines: wrong values stand between asterisks, columns are aligned."""
    room = " " if grid.marked else ""
    cells = [
        [f"*{text}*" if (r, c) in grid.marked else f"{text}{room}" for c, text in enumerate(row)]
        for r, row in enumerate(grid.cells)
    ]
    wide = max((len(text) for row in cells for text in row), default=0)
    return [grid.title, *("  " + "  ".join(f"{text:>{wide}}" for text in row) for row in cells)]


def _code(part: Code, width: int) -> list[str]:
    lines = []
    for line in part.lines:
        place = f"{one_line(line.place, 40)}, line {line.number}:"
        lines.append(f"      {place}   {one_line(line.text, max(20, width - len(place) - 10))}")
    return lines


def _preformatted(part: Preformatted, width: int) -> list[str]:
    rows = clean(part.text, 4000).splitlines()
    shown = rows if len(rows) <= 12 else [*rows[:11], f"  … and {len(rows) - 11} more"]
    return [f"    {row}"[:width] for row in shown]


def _stages(part: Stages, width: int) -> list[str]:
    passed = [f"{one_line(name, 40)} ✓" for name in part.agreed]
    if len(passed) > 6:
        passed = [*passed[:1], f"… {len(passed) - 5} more ✓", *passed[-4:]]
    wrong = f"✗ here → {part.wrong}" if part.between else f"{part.wrong} ✗"
    way = " → ".join(["input ✓", *passed, wrong, "(not compared further)"])
    return textwrap.wrap(way, width - 2, initial_indent="      ", subsequent_indent="      ")[:3]
