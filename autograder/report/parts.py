"""The parts of a report: what is said, free of how it is shown. Both forms render the same list of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

from torch import Tensor

from autograder.spec import Line

Tone = Literal["good", "partly", "bad", "open"]
SYMBOLS: dict[Tone, str] = {"good": "✓", "partly": "◐", "bad": "✗", "open": "○"}


@dataclass(frozen=True)
class Headline:
    """The verdict in a few words. `aside` stands at its end: the seconds, and the device if it isn't the CPU."""

    tone: Tone
    name: str
    says: str
    aside: str = ""
    rank: ClassVar[int] = 0


@dataclass(frozen=True)
class Passed:
    """The names of the cases that were right."""

    names: tuple[str, ...]
    rank: ClassVar[int] = 0


@dataclass(frozen=True)
class FailingCase:
    """The first failing case: its name, the code that tries it, and which others fail."""

    name: str
    try_it: str
    others: tuple[str, ...] = ()
    rank: ClassVar[int] = 0


@dataclass(frozen=True)
class Grid:
    """Values written out in rows and columns. `marked` cells are the wrong ones; `rows`, `columns` their indices."""

    title: str
    cells: tuple[tuple[str, ...], ...]
    marked: frozenset[tuple[int, int]] = frozenset()
    rows: tuple[int, ...] = ()
    columns: tuple[int, ...] = ()
    name: str = ""


@dataclass(frozen=True)
class Inputs:
    """What the case puts in, a few words each; `grids` are the same inputs written out, in text if there is room.

    program: the case's steps, where they are more than one plain call.
    """

    items: tuple[tuple[str, str], ...]
    grids: tuple[Grid, ...] = ()
    program: str = ""
    rank: int = 0


@dataclass(frozen=True)
class Grids:
    """Grids side by side, `fact` beside or below them. everywhere: no value is right, so marks say nothing."""

    grids: tuple[Grid, ...]
    fact: str = ""
    everywhere: bool = False
    rank: int = 0


@dataclass(frozen=True)
class Picture:
    """A plane of values, shown in grey from `low` to `high`, or as heat where they are differences."""

    title: str
    values: Tensor
    low: float
    high: float
    alt: str
    heat: bool = False


@dataclass(frozen=True)
class Pictures:
    """Small images side by side; the text form has the grid of the worst place instead."""

    pictures: tuple[Picture, ...]
    rank: ClassVar[int] = 9


@dataclass(frozen=True)
class Say:
    """A sentence or a few, under a label such as "Next" or without one. Higher ranks give way first in the text."""

    label: str
    text: str
    aside: str = ""
    rank: int = 0


@dataclass(frozen=True)
class Measure:
    """A measured line: speed, memory, from scratch. `ok` is None while it can't be said."""

    label: str
    text: str
    ok: bool | None
    aside: str = ""
    rank: ClassVar[int] = 0


@dataclass(frozen=True)
class Code:
    """The student's own lines, innermost last."""

    lines: tuple[Line, ...]
    rank: ClassVar[int] = 0


@dataclass(frozen=True)
class Preformatted:
    """A table or message whose columns must stay."""

    label: str
    text: str
    rank: ClassVar[int] = 0


@dataclass(frozen=True)
class Stages:
    """The way through a module: the stages that agreed, then the first that doesn't.

    between: the stage's input differed already, so the fault lies before it.
    """

    agreed: tuple[str, ...]
    wrong: str
    between: bool
    rank: ClassVar[int] = 0


Part: TypeAlias = (
    Headline | Passed | FailingCase | Inputs | Grids | Pictures | Say | Measure | Code | Preformatted | Stages
)
