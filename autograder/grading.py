"""Grades cells, whoever wrote them: the judge stays here, the answer runs in a worker."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from autograder.judge import judge, with_speed
from autograder.slicing import Cell
from autograder.spec import Exercise, Verdict
from autograder.worker import Worker

TRUSTS = "graded without a sandbox: the answers were trusted not to attack this machine"


def grade(exercise: Exercise, cells: Sequence[Cell], *, seed: int, library: Path | None = None) -> Verdict:
    """The complete verdict on the answer that `cells` define, speed included.

    library: a student's accepted answers, for what the exercise needs of others; None takes the references, so that
    one mistake never costs twice. What crashes, hangs or floods costs this exercise and nothing else.
    """
    start = time.perf_counter()
    with Worker(exercise, cells, library) as worker:
        verdict = judge(exercise, worker.run, seed=seed)
        verdict = replace(verdict, seconds=time.perf_counter() - start)
        if verdict.status == "right":
            verdict = with_speed(exercise, verdict, worker.speed(seed))
    return verdict
