"""What is wrong with a lesson, by file and line, collected so that all of it is shown at once."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Problem:
    """One reason not to build. `path` is relative to the checkout; `line` counts from 1, 0 means the whole file."""

    path: str
    line: int
    message: str

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line else self.path
        return f"{place}: {self.message}"


class WeaveError(ValueError):
    """The lessons can't be built; nothing was written. `problems` says why, sorted by file and line."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(map(str, self.problems)))


class Problems:
    """Collects problems of one run."""

    def __init__(self) -> None:
        self.found: list[Problem] = []

    def add(self, path: str, line: int, message: str) -> None:
        """Notes a problem."""
        self.found.append(Problem(path, line, message))

    def of(self, paths: Iterable[str]) -> list[Problem]:
        """Those found in the given files."""
        wanted = set(paths)
        return [problem for problem in self.found if problem.path in wanted]


def nearest(name: str, known: Iterable[str]) -> str:
    """ "; did you mean conv2d?", or nothing if no known name is near."""
    near = difflib.get_close_matches(name, sorted(set(known)), n=2, cutoff=0.6)
    return f"; did you mean {' or '.join(near)}?" if near else ""
