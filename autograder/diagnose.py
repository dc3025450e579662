"""Recognises a known mistake: the wrong answer that gives what the student's gives, case by case."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from autograder.compare import Comparison
from autograder.driver import run_case
from autograder.spec import Case, CaseResult, Diagnosis, Exercise, Outputs, Trace, Wrong

FEWEST = 2  # failing cases that a mistake must explain by their values where others raise errors
Run = tuple[Case, Trace]


def diagnose(
    exercise: Exercise, results: Sequence[CaseResult], traces: Sequence[Trace], device: torch.device
) -> Diagnosis | None:
    """The named mistake that explains every failing case, or None.

    A first answer often leaves an option out and raises an error where it is used. If no mistake explains those cases
    too, the one that explains all the others is named, as long as the first failing case and one more are among them.
    Of several, the one that contradicts the fewest passing cases; the first listed wins a draw.
    """
    failing = [(r.case, t) for r, t in zip(results, traces, strict=True) if not r.passed]
    passing = [(r.case, t) for r, t in zip(results, traces, strict=True) if r.passed]
    wrong = _named(exercise, failing, passing, device)
    answered = [(case, trace) for case, trace in failing if trace.failure is None]
    if wrong is None and FEWEST <= len(answered) < len(failing) and failing[0][1].failure is None:
        failing = answered
        wrong = _named(exercise, failing, passing, device)
    if wrong is None:
        return None
    raised = sum(not r.passed for r in results) - len(failing)
    return Diagnosis(wrong.name, wrong.says, wrong.look, explains=len(failing), raised=raised)


def _named(exercise: Exercise, failing: Sequence[Run], passing: Sequence[Run], device: torch.device) -> Wrong | None:
    best: tuple[int, Wrong] | None = None
    for wrong in exercise.wrong:
        if not _explains(exercise, wrong, failing, device):
            continue
        contradicted = sum(not _same(exercise, wrong, case, trace, device) for case, trace in passing)
        if best is None or contradicted < best[0]:
            best = (contradicted, wrong)
        if contradicted == 0:
            break
    return best[1] if best is not None else None


def _explains(exercise: Exercise, wrong: Wrong, failing: Sequence[Run], device: torch.device) -> bool:
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
    theirs, ours = _unused_as_zero(trace.outputs, made.outputs), _unused_as_zero(made.outputs, trace.outputs)
    try:
        expected, got = exercise.measure(case, ours), exercise.measure(case, theirs)
    except Exception:  # the measure meets outputs of a shape that it wasn't written for
        return False
    return rule.outputs(expected, got) is None


def _unused_as_zero(outputs: Outputs, other: Outputs) -> Outputs:
    """Outputs in which a gradient that never reached its input is 0, where the other outputs have a number for it."""
    return {
        name: torch.zeros_like(like) if value is None and isinstance(like := other.get(name), torch.Tensor) else value
        for name, value in outputs.items()
    }
