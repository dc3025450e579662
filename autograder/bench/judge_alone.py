"""Where one answer's time goes: a process of its own, judging, timing; for every exercise, on the reference."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass

from autograder import registry
from autograder.bench.submissions import Lesson
from autograder.grading import correctness, with_speed_judged
from autograder.notebook import code_cells, exercise_ids
from autograder.sandbox.worker import SandboxWorker

SEED = 7


@dataclass(frozen=True)
class Spent:
    """Seconds on the clock for one right answer.

    start: forking, confining and defining, once. correctness, timing: each pass, its start included. first: what
    correctness took the first time in this process, when what is expected has to be worked out.
    """

    exercise: str
    start: float
    first: float
    correctness: float
    timing: float
    status: str


def measured(lesson: Lesson) -> Iterator[Spent]:
    """Measures all exercises of a lesson, one after another."""
    for notebook in lesson.solved.values():
        cells = code_cells(notebook)
        for name in exercise_ids(notebook):
            exercise = registry.find(name)
            clock = [time.perf_counter()]
            correctness(exercise, cells, seed=SEED)
            clock.append(time.perf_counter())
            with SandboxWorker(exercise, cells) as worker:
                worker.prepare()
            clock.append(time.perf_counter())
            verdict = correctness(exercise, cells, seed=SEED)
            clock.append(time.perf_counter())
            verdict = with_speed_judged(exercise, cells, verdict)
            clock.append(time.perf_counter())
            first, start, again, timing = (after - before for before, after in itertools.pairwise(clock))
            yield Spent(exercise.id, start, first, again, timing, verdict.status)
