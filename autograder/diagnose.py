"""Recognises a known mistake: the wrong answer that gives what the student's gives, case by case."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from autograder.compare import Comparison
from autograder.driver import run_case
from autograder.spec import Case, CaseResult, Diagnosis, Exercise, Trace, Wrong


def diagnose(
    exercise: Exercise, results: Sequence[CaseResult], traces: Sequence[Trace], device: torch.device
) -> Diagnosis | None:
    """The named mistake that explains every failing case, or None.

    Of several, the one that contradicts the fewest passing cases; the first listed wins a draw.
    """
    failing = [(r.case, t) for r, t in zip(results, traces, strict=True) if not r.passed]
    passing = [(r.case, t) for r, t in zip(results, traces, strict=True) if r.passed]
    best: tuple[int, Wrong] | None = None
    for wrong in exercise.wrong:
        if not _explains(exercise, wrong, failing, device):
            continue
        contradicted = sum(not _same(exercise, wrong, case, trace, device) for case, trace in passing)
        if best is None or contradicted < best[0]:
            best = (contradicted, wrong)
        if contradicted == 0:
            break
    if best is None:
        return None
    wrong = best[1]
    return Diagnosis(wrong.name, wrong.says, wrong.look, explains=len(failing))


def _explains(exercise: Exercise, wrong: Wrong, failing: Sequence[tuple[Case, Trace]], device: torch.device) -> bool:
    """Whether the mistake reproduces every failing case, at least one of them by its values."""
    by_values = [case for case, trace in failing if trace.failure is None]
    return bool(by_values) and all(_same(exercise, wrong, case, trace, device) for case, trace in failing)


def _same(exercise: Exercise, wrong: Wrong, case: Case, trace: Trace, device: torch.device) -> bool:
    made = run_case(case, wrong.answer, device=device)
    if trace.failure is not None or made.failure is not None:
        return trace.failure is not None and made.failure is not None
    if made.changed != trace.changed or bool(made.aliases) != bool(trace.aliases):
        return False
    rule = Comparison(exercise.tolerance, case.terms, case.scale, lenient=True)
    try:
        expected, got = exercise.measure(case, made.outputs), exercise.measure(case, trace.outputs)
    except Exception:  # the measure meets outputs of a shape that it wasn't written for
        return False
    return rule.outputs(expected, got) is None
