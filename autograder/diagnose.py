"""Recognises a known mistake: the wrong answer that gives what the student's gives, case by case."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from autograder.compare import Comparison, far_larger
from autograder.mistakes import Mistakes, Outcome
from autograder.spec import CaseResult, Diagnosis, Exercise, Outputs, Trace, Wrong

FEWEST = 2  # failing cases that a mistake must explain by their values where others raise errors
Named = tuple[Wrong, int]  # how many failing cases it explains


def diagnose(
    exercise: Exercise, results: Sequence[CaseResult], traces: Sequence[Trace], mistakes: Mistakes
) -> Diagnosis | None:
    """The named mistake that explains every failing case, or None.

    A first answer often leaves an option out and raises an error where it is used. If no mistake explains those cases
    too, the one that explains all the others is named, as long as the first failing case and one more are among them.
    Of several, the one that contradicts the fewest passing cases; the first listed wins a draw.

    mistakes: what wrong answers give on these cases.
    """
    outcomes = [Outcome(exercise, r.case, t) for r, t in zip(results, traces, strict=True)]
    failing = [item for item, result in zip(outcomes, results, strict=True) if not result.passed]
    passing = [item for item, result in zip(outcomes, results, strict=True) if result.passed]
    named = _named(exercise, failing, passing, mistakes)
    answered = [item for item in failing if item.trace.failure is None]
    if named is None and FEWEST <= len(answered) < len(failing) and failing[0].trace.failure is None:
        failing = answered
        named = _named(exercise, failing, passing, mistakes)
    if named is None:
        return None
    wrong, explained = named
    raised = sum(not r.passed for r in results) - len(failing)
    return Diagnosis(wrong.name, wrong.says, wrong.look, explains=explained, raised=raised)


def _named(
    exercise: Exercise, failing: Sequence[Outcome], passing: Sequence[Outcome], mistakes: Mistakes
) -> Named | None:
    best: tuple[int, Named] | None = None
    for wrong in exercise.wrong:
        explained = _explained(exercise, wrong, failing, mistakes)
        if not explained:
            continue
        contradicted = sum(not _same(exercise, wrong, item, mistakes) for item in passing)
        if best is None or contradicted < best[0]:
            best = (contradicted, (wrong, explained))
        if contradicted == 0:
            break
    return best[1] if best is not None else None


def _explained(exercise: Exercise, wrong: Wrong, failing: Sequence[Outcome], mistakes: Mistakes) -> int:
    """How many failing cases the mistake reproduces; 0 if it contradicts one, or has none right by its values.

    Ours may raise where another writing of the same mistake goes on. Such cases say nothing, as long as the first
    failing case agrees, and two by their values.
    """
    if all(item.trace.failure is not None for item in failing):
        return 0
    agreed: list[Outcome] = []
    for item in failing:
        same = _same(exercise, wrong, item, mistakes)
        if same:
            agreed.append(item)
        elif same is not None or not agreed:
            return 0
    by_values = sum(item.trace.failure is None for item in agreed)
    return len(agreed) if len(agreed) == len(failing) or by_values >= FEWEST else 0


def _same(exercise: Exercise, wrong: Wrong, answer: Outcome, mistakes: Mistakes) -> bool | None:
    """Whether the mistake gives what the answer gave; None where it raises and the answer didn't."""
    mistake = mistakes.outcome(answer.case, wrong)
    trace, made = answer.trace, mistake.trace
    if made.failure is not None and trace.failure is None:
        return None
    if trace.failure is not None or made.failure is not None:
        return made.failure is not None
    if made.changed != trace.changed or bool(made.aliases) != bool(trace.aliases):
        return False
    theirs, ours = _unused_as_zero(trace.outputs, made.outputs), _unused_as_zero(made.outputs, trace.outputs)
    if far_larger(theirs, ours):
        return False
    expected, got = mistake.measured_as(ours), answer.measured_as(theirs)
    rule = Comparison(exercise.tolerance, answer.case.terms, answer.case.scale, lenient=True)
    return expected is not None and got is not None and rule.outputs(expected, got) is None


def _unused_as_zero(outputs: Outputs, other: Outputs) -> Outputs:
    """Outputs in which a gradient that never reached its input is 0, where the other outputs have a number for it."""
    zeros = {
        name: torch.zeros_like(like)
        for name, value in outputs.items()
        if value is None and isinstance(like := other.get(name), torch.Tensor)
    }
    return {**outputs, **zeros} if zeros else outputs
