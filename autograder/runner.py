"""Runs cases on an answer: in this process (a notebook's kernel), or in a worker process with limits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
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
    """A function that runs a case here, under the exercise's time limit, with its forbidden operators watched."""

    def run(case: Case) -> Trace:
        return carry_out(
            case,
            answer,
            device,
            exercise.forbidden,
            live=exercise.live,
            stages=stages,
            limit=lambda: time_limit(exercise.time_limit),
            too_slow=timeout(exercise, case),
        )

    return run


def carry_out(
    case: Case,
    answer: Callable[..., Any],
    device: torch.device,
    forbidden: Sequence[str],
    *,
    live: bool = False,
    stages: bool = False,
    limit: Callable[[], AbstractContextManager[None]] = nullcontext,
    too_slow: Failure | None = None,
) -> Trace:
    """Runs a case on an answer with its output captured and the forbidden operators watched.

    A long training (`live`) shows its output and is not watched: that would double its time.
    limit: stops the case by `TimeLimit`, which `too_slow` puts into words.
    """
    watch = Watch(forbidden)
    with captured(live=live) as printed:
        try:
            with limit():
                guard = nullcontext if live else lambda: watch
                trace = run_case(case, answer, device=device, guard=guard, stages=stages)
        except failures.TimeLimit:
            trace = Trace(failure=too_slow)
    if watch.hit is not None:
        trace = replace(trace, failure=failures.of_exception(watch.hit))
    return replace(
        trace,
        operators=watch.operators,
        printed_lines=printed.lines,
        printed=printed.first if printed.lines else "",
    )


def timeout(exercise: Exercise, case: Case) -> Failure:
    """The failure of a case that took too long."""
    return Failure("timeout", f"stopped after {exercise.time_limit:g} s in case “{case.name}”")
