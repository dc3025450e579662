"""Runs cases on an answer: in this process (a notebook's kernel), or in a worker process with limits."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import torch
import torch._dynamo  # torch would import it during the first timed call, and a time limit could tear it

from autograder import failures
from autograder.driver import run_case
from autograder.forbid import Watch
from autograder.limits import captured, time_limit
from autograder.spec import Case, Exercise, Failure, Trace


def in_this_process(
    exercise: Exercise, answer: Callable[..., Any], device: torch.device, *, stages: bool = False
) -> Callable[[Case], Trace]:
    """A function that runs a case here, under the exercise's time limit, with its forbidden operators watched.

    A long training (`live`) is not watched: that would double its time.
    """

    def run(case: Case) -> Trace:
        watch = Watch(exercise.forbidden)
        with captured(live=exercise.live) as printed:
            try:
                with time_limit(exercise.time_limit):
                    guard = nullcontext if exercise.live else lambda: watch
                    trace = run_case(case, answer, device=device, guard=guard, stages=stages)
            except failures.TimeLimit:
                trace = Trace(failure=timeout(exercise, case))
        if watch.hit is not None:
            trace = replace(trace, failure=failures.of_exception(watch.hit))
        return replace(
            trace,
            operators=watch.operators,
            printed_lines=printed.lines,
            printed=printed.first if printed.lines else "",
        )

    return run


def timeout(exercise: Exercise, case: Case) -> Failure:
    """The failure of a case that took too long."""
    return Failure("timeout", f"stopped after {exercise.time_limit:g} s in case “{case.name}”")
