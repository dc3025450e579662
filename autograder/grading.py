"""Grades cells, whoever wrote them: the judge stays here, the answer runs in a process of its own."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from autograder import registry
from autograder.judge import Paper, judge, with_speed
from autograder.sandbox import stopwatch
from autograder.sandbox.slicer import Slice, slices
from autograder.sandbox.worker import SandboxWorker
from autograder.slicing import Cell
from autograder.spec import Exercise, Failure, Trace, Verdict
from autograder.timing import one_thread
from autograder.worker import Worker

MOST_PAPERS, MOST_NOTEBOOKS = 100, 200  # kept, for the next exercise or submission
TRUSTS = "graded without a sandbox: the answers were trusted not to attack this machine"


def grade_trusting(exercise: Exercise, cells: Sequence[Cell], *, seed: int, library: Path | None = None) -> Verdict:
    """The complete verdict on an answer whose author is trusted: a student's on their own machine.

    library: a student's accepted answers, for what the exercise needs of others; None takes the references.
    """
    start = time.perf_counter()
    with Worker(exercise, cells, library) as worker:
        verdict = judge(exercise, worker.run, seed=seed)
        verdict = replace(verdict, seconds=time.perf_counter() - start)
        if verdict.status == "right":
            verdict = with_speed(exercise, verdict, worker.speed(seed))
    return verdict


def grade(exercise: Exercise, cells: Sequence[Cell], *, seed: int) -> Verdict:
    """The complete verdict on the answer that `cells` define, whoever wrote them; it runs in the sandbox.

    What the exercise needs of others are the references, so that one mistake never costs twice. What crashes, hangs,
    floods or attacks costs this exercise and nothing else.
    Raises SandboxError if there is no sandbox, which is never the answer's fault.
    """
    return with_speed_judged(exercise, cells, correctness(exercise, cells, seed=seed))


def correctness(exercise: Exercise, cells: Sequence[Cell], *, seed: int) -> Verdict:
    """The verdict without the speed, which is the second half of `grade`: a right answer stays "right"."""
    start = time.perf_counter()
    cut = _cut(exercise, tuple(cells))
    if cut.unsolved is not None:
        nothing = Trace(failure=Failure("unsolved", "", (cut.unsolved,)))
        return judge(exercise, lambda _: nothing, seed=seed, paper=_paper(exercise, seed))
    with one_thread(), SandboxWorker(exercise, cut.cells) as worker:
        paper = _paper(exercise, seed)
        verdict = judge(exercise, worker.run, seed=seed, run_stages=worker.run_stages, paper=paper)
    return replace(verdict, seconds=time.perf_counter() - start)


def _cut(exercise: Exercise, cells: tuple[Cell, ...]) -> Slice:
    """The cells that the exercise needs. A notebook is cut once for all exercises of its lesson."""
    return _slices_of(cells, exercise.lesson).get(exercise.id) or Slice(cells)


@lru_cache(maxsize=MOST_NOTEBOOKS)
def _slices_of(cells: tuple[Cell, ...], lesson: str) -> Mapping[str, Slice]:
    return slices(registry.exercises(lesson), cells)


_papers: OrderedDict[str, Paper] = OrderedDict()


def _paper(exercise: Exercise, seed: int) -> Paper:
    """The paper of an exercise and seed, kept for the next submission of a class that is graded with one seed."""
    paper = _papers.get(exercise.id)
    if paper is None or paper.seed != seed or paper.exercise is not exercise:
        paper = _papers[exercise.id] = Paper(exercise, seed)
    _papers.move_to_end(exercise.id)
    while len(_papers) > MOST_PAPERS:
        _papers.popitem(last=False)
    return paper


def with_speed_judged(exercise: Exercise, cells: Sequence[Cell], verdict: Verdict) -> Verdict:
    """The verdict on a right answer, completed by its speed; any other verdict as it is."""
    if verdict.status != "right":
        return verdict
    return with_speed(exercise, verdict, stopwatch.speed_of(exercise, _cut(exercise, tuple(cells)).cells, verdict.seed))
