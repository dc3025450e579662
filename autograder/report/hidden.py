"""Keeps what a class's private cases hold out of reports: of a hidden case only its name and its outcome stay."""

from __future__ import annotations

from dataclasses import replace

from autograder.spec import CaseResult, Problem, Verdict

KEPT_BACK = Problem("failure", "what this case puts in and expects is not shown")


def concealed(verdict: Verdict) -> Verdict:
    """The verdict as its author may see it; the same one where no case is hidden.

    What the answer printed or raised on a hidden case could quote its inputs, so that goes too.
    """
    if not any(result.case.hidden for result in verdict.results):
        return verdict
    first = verdict.first_failing
    hides_first = first is not None and first.case.hidden
    return replace(
        verdict,
        results=tuple(map(_bare, verdict.results)),
        stage=None if hides_first else verdict.stage,
        printed="",
    )


def _bare(result: CaseResult) -> CaseResult:
    if not result.case.hidden:
        return result
    case = replace(result.case, inputs={}, expect={}, note="")
    return replace(result, case=case, problem=None if result.passed else KEPT_BACK)
