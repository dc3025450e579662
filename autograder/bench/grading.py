"""Grading measured: nbgrader as it comes against ours, on the same submissions, with what was to be reached."""

from __future__ import annotations

import os
import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from autograder.bench import folders, submissions
from autograder.bench.folders import Folder
from autograder.bench.meter import Cost
from autograder.bench.submissions import KINDS, Lesson

WHOLE, BARE = "nbgrader, whole notebooks", "nbgrader, without demos"
SHORT = "nbgrader, without demos and trainings"  # the same work as our first pass
FEW = 2 * len(KINDS)  # submissions of a small class, which tells what grading costs before the first
ANSWERS, SPEED = "ours, correctness", "ours, trainings and timing too"


@dataclass(frozen=True)
class Wishes:
    """What to measure. stock: submissions that nbgrader itself grades. large: a class to reckon up to; 0 for none."""

    submissions: int = 100
    stock: int = 5
    large: int = 500
    repeats: int = 2
    workers: tuple[int, ...] = (1, 2)

    @property
    def rounded(self) -> tuple[int, int]:
        """The numbers of submissions for ours and nbgrader, such that there are as many of each kind."""
        ours, stock = (max(1, round(number / len(KINDS))) * len(KINDS) for number in (self.submissions, self.stock))
        return ours, stock


@dataclass(frozen=True)
class Row:
    """One way of grading, measured once or several times. workers: 0 where nbgrader grades, which has no such thing."""

    name: str
    submissions: int
    workers: int
    costs: tuple[Cost, ...]

    @property
    def seconds(self) -> float:
        """Seconds for each submission, the median of all runs."""
        return statistics.median(cost.seconds for cost in self.costs) / self.submissions

    @property
    def spread(self) -> tuple[float, float]:
        """The same in the quickest and in the slowest run."""
        found = [cost.seconds / self.submissions for cost in self.costs]
        return min(found), max(found)

    @property
    def cpu(self) -> float:
        """CPU seconds for each submission, the median of all runs."""
        return statistics.median(cost.cpu for cost in self.costs) / self.submissions

    @property
    def peak(self) -> int:
        """The most memory of all runs, in bytes."""
        return max(cost.peak for cost in self.costs)


@dataclass(frozen=True)
class Target:
    """What was to be reached, and what was. at_least: else at most. extrapolated: reckoned from fewer submissions."""

    what: str
    wanted: float
    found: float
    unit: str
    at_least: bool = True
    extrapolated: bool = False

    @property
    def reached(self) -> bool:
        """Whether it was."""
        return self.found >= self.wanted if self.at_least else self.found <= self.wanted


def measured(lesson: Lesson, wishes: Wishes, say: Callable[[str], None]) -> Iterator[Row]:
    """Measures one way of grading after another. say: is told what is about to be measured."""
    ours, stock = wishes.rounded
    few = FEW if wishes.large and ours > FEW else 0
    with tempfile.TemporaryDirectory(prefix="p2v-bench-") as place:
        short = submissions.without_trainings(lesson)
        for name, theirs in ((WHOLE, lesson), (BARE, lesson), (SHORT, short)) if wishes.stock else ():
            folder = Folder(Path(place) / name, theirs, stock, folders.STOCK, demos=name == WHOLE)
            yield _row(name, stock, 0, wishes.repeats, folder.autograde, say)
        sizes = [(few, wishes.workers[-1:])] * bool(few) + [(ours, wishes.workers)]
        classes = [(Folder(Path(place) / f"ours, {size}", lesson, size, folders.OURS), size, by) for size, by in sizes]
        for name, timing in ((ANSWERS, False), (SPEED, True)):
            for folder, size, by in classes:
                for workers in by:
                    yield _row(name, size, workers, wishes.repeats, partial(folder.grade, workers, timing=timing), say)


def _row(
    name: str, submissions: int, workers: int, repeats: int, grade: Callable[[], Cost], say: Callable[[str], None]
) -> Row:
    costs = []
    for turn in range(repeats):
        with_workers = f", {workers} workers" if workers else ""
        say(f"{name}{with_workers}: {submissions} submissions, run {turn + 1} of {repeats}")
        costs.append(grade())
        say(f"    {costs[-1].seconds:.0f} s")
    return Row(name, submissions, workers, tuple(costs))


def targets(rows: Sequence[Row], large: int, gain: float) -> list[Target]:
    """What was to be reached, as far as these rows tell. The workers compared are the fewest and the most.

    gain: what the machine itself gives so many processes at once.
    """
    found = []
    for name, peer, times, minutes in ((ANSWERS, SHORT, 10.0, 15.0), (SPEED, BARE, 3.0, 45.0)):
        stock = next((row for row in rows if row.name == peer), None)
        every = [row for row in rows if row.name == name]
        if not every:
            continue
        size = max(row.submissions for row in every)
        same = sorted((row for row in every if row.submissions == size), key=lambda row: row.workers)
        few, many = same[0], same[-1]
        if stock is not None:
            against = f"{name}, {many.workers} workers, times as quick as {peer}"
            found.append(Target(against, times, stock.seconds / many.seconds, "×"))
            found.append(Target(f"{name}, times less CPU time than {peer}", times, stock.cpu / many.cpu, "×"))
        if many.workers > few.workers:
            gained = few.seconds / many.seconds
            wanted = 0.9 * many.workers / few.workers
            against = f"{name}, {many.workers} workers against {few.workers}"
            found.append(Target(against, wanted, gained, "×"))
            found.append(
                Target(f"{against}, of the {gain:.2f} × that this machine gives", 90, 100 * gained / gain, "%")
            )
        if large:
            took = reckoned([row for row in every if row.workers == many.workers], large) / 60
            what = f"{name}, {large} submissions, {many.workers} workers"
            found.append(Target(what, minutes, took, "min", at_least=False, extrapolated=many.submissions != large))
    return found


def reckoned(rows: Sequence[Row], size: int) -> float:
    """Seconds for a class of `size`: on the line through the smallest and the largest class that were graded."""
    small, large = (pick(rows, key=lambda row: row.submissions) for pick in (min, max))
    took = large.seconds * large.submissions
    if small.submissions == large.submissions:
        return took * size / large.submissions
    each = (took - small.seconds * small.submissions) / (large.submissions - small.submissions)
    return took + each * (size - large.submissions)


def cores() -> tuple[int, ...]:
    """One worker, and as many as there are cores, but no more than two: the targets are set for two."""
    return (1,) if (os.cpu_count() or 1) < 2 else (1, 2)
