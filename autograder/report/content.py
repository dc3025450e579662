"""A report as a list of parts, made from a verdict once; the text and the HTML form render the same list."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence

from autograder.report.budgets import right_answer
from autograder.report.evidence import evidence, inputs_of, stage_parts
from autograder.report.headline import headline, is_absent, is_right, stands_alone
from autograder.report.hidden import concealed
from autograder.report.parts import Code, FailingCase, Part, Passed, Preformatted, Say
from autograder.report.problems import explain, try_it
from autograder.report.words import clean, counted, listed, one_line
from autograder.spec import CaseResult, Exercise, Failure, Mismatch, Verdict

SAVED = "saved"  # the note of whoever put an accepted answer into the student's library


def content(
    verdict: Verdict, exercise: Exercise, *, saved: bool = False, notes: Sequence[str] = ()
) -> tuple[Part, ...]:
    """Everything that a report says, in order.

    saved: the answer has joined the student's own library. notes: further sentences from whoever ran the check.
    """
    verdict = concealed(verdict)
    parts: list[Part] = [headline(verdict)]
    if is_right(verdict):
        parts += right_answer(verdict, exercise, saved or SAVED in verdict.notes)
    elif verdict.failure is not None or not verdict.results:
        parts += _without_cases(verdict, exercise)
    else:
        parts += _failing(verdict, exercise)
    known = [note for note in verdict.notes if note != SAVED] if verdict.results else []
    parts += [Say("", one_line(_said(note)), rank=5) for note in (*known, *notes) if note]
    parts += _printed(verdict)
    return tuple(sorted(parts, key=_is_next))


def _is_next(part: Part) -> bool:
    return isinstance(part, Say) and part.label == "Next"


def hint_text(exercise: Exercise, number: int) -> str:
    """The hint of this number, from 1; past the last one, what to do without."""
    total, name = len(exercise.hints), exercise.name
    if number > total:
        return (
            f"{name} has no more hints ({counted(total, 'hint')} so far). Run the check and look at the first failing "
            f"case, case({name}): the smallest case that fails says most."
        )
    number = max(1, number)
    more = f"hint({name}) once more for the next one." if number < total else "This is the last one."
    return f"{name}, hint {number} of {total}: {exercise.hints[number - 1]}\n{more}"


def _failing(verdict: Verdict, exercise: Exercise) -> Iterator[Part]:
    passed = tuple(result.case.name for result in verdict.results if result.passed)
    failing = [result for result in verdict.results if not result.passed]
    first = failing[0]
    if passed:
        yield Passed(passed)
    if first.case.hidden:
        yield from _private(verdict, failing, exercise)
        return
    yield FailingCase(first.case.name, try_it(first.case, exercise), tuple(item.case.name for item in failing[1:]))
    yield from inputs_of(first.case, exercise.name, written=_is_by_hand(first))
    yield from _why(verdict, first, exercise)


def _private(verdict: Verdict, failing: Sequence[CaseResult], exercise: Exercise) -> Iterator[Part]:
    names = "; ".join(one_line(result.case.name, 60) for result in failing)
    kind = "case" if len(failing) == 1 else "cases"
    yield Say("", f"✗ {names}    ({kind} of your class, not shown; all the course's own are right)")
    yield from _went_wrong(verdict, "", exercise)
    yield _next(_step(verdict, "read the exercise again: what does it ask that no case here has tried?"), exercise)


def _is_by_hand(result: CaseResult) -> bool:
    """Whether it helps to see the case's values: where the answer gave other values, or other shapes."""
    found = result.problem.mismatch if result.problem else None
    return found is not None and found.kind in ("value", "nonfinite", "shape") and result.problem is not None


def _why(verdict: Verdict, first: CaseResult, exercise: Exercise) -> Iterator[Part]:
    explained = explain(first, exercise)
    brief = verdict.stage is not None
    shown = list(evidence(first, _mismatches(verdict), brief=brief, why=not verdict.diagnosis))
    said = explained.what == "The result differs." or (brief and explained.what.endswith(" differs."))
    if not (shown and said):
        yield Say("", explained.what)
    yield from shown
    yield from _code(first.problem.failure if first.problem else None)
    if first.case.note and _is_by_hand(first):
        yield Say("By hand", one_line(first.case.note), rank=1)
    if verdict.stage is not None:
        yield from stage_parts(verdict.stage)
    yield from _went_wrong(verdict, explained.cause, exercise)
    yield _next(_step(verdict, explained.step), exercise)


def _step(verdict: Verdict, step: str) -> str:
    if verdict.diagnosis is not None:
        return verdict.diagnosis.look
    if verdict.stage is None:
        return step
    name = one_line(verdict.stage.name, 60)
    if verdict.stage.entered_wrong:
        return f"look at what stands before {name} in forward."
    return f"look at {name}: how it is made, and what it is called with."


def _mismatches(verdict: Verdict) -> list[Mismatch]:
    """The mismatches of all failing cases, the first one first."""
    problems = [result.problem for result in verdict.results if result.problem is not None]
    return [problem.mismatch for problem in problems if problem.mismatch is not None]


def _went_wrong(verdict: Verdict, cause: str, exercise: Exercise) -> Iterator[Part]:
    diagnosis = verdict.diagnosis
    if diagnosis is not None:
        yield Say("What went wrong", f"{diagnosis.says} {_explains(diagnosis.explains, diagnosis.raised)}")
    elif cause:
        yield Say("Likely cause", cause)
    elif exercise.wrong and verdict.stage is None and any(item.kind == "value" for item in _mismatches(verdict)[:1]):
        yield Say("What went wrong", "no known mistake matches; see above where yours differs.")


def _explains(failing: int, raised: int) -> str:
    if failing == 1 and not raised:
        return "That explains the failing case."
    cases = f"{'Both' if failing == 2 else f'All {failing}'} failing cases"
    if raised:
        return f"{cases} with a result are explained by this; in {raised} more your code raised an error."
    return f"{cases} are explained by this."


def _without_cases(verdict: Verdict, exercise: Exercise) -> Iterator[Part]:
    """The parts of a verdict without judged cases: something stopped the check."""
    failure = verdict.failure
    if verdict.status == "unsolved":
        minutes = counted(exercise.minutes, "minute")
        yield Say("", f"It is meant to take about {minutes}.", aside=f"hint({exercise.name}) for a nudge")
        return
    if failure is None or verdict.status == "missing":
        if verdict.status == "missing" and not is_absent(verdict):
            yield _next(f"define your own {exercise.name} in the cell above and run it, then run this one.", exercise)
        elif verdict.status != "missing":
            yield _next("run the check once more; if nothing changes, restart the kernel first.", exercise)
        return
    if not stands_alone(verdict):
        yield from _alone(failure, exercise)
        return
    yield from _code(failure)
    steps = {"forbidden": _forbidden, "signature": _signature, "crashed": _crashed}
    yield from steps[failure.kind](failure, exercise) if failure.kind in steps else _other(failure, exercise)


def _alone(failure: Failure, exercise: Exercise) -> Iterator[Part]:
    yield Say("", _said(one_line(failure.message)))
    yield from _code(failure)
    yield Say("Likely cause", "it uses what only this kernel still has, from a cell changed or deleted since.")
    yield _next("write all that it needs into its cell, then restart the kernel and run the cells.", exercise)


def _forbidden(failure: Failure, exercise: Exercise) -> Iterator[Part]:
    own = [need.partition(".")[2] for need in exercise.needs]
    may = f" You may call your own {listed(own)}." if own else ""
    yield _next(f"build it from simpler operations: that is what this exercise is about.{may}", exercise)


def _signature(failure: Failure, exercise: Exercise) -> Iterator[Part]:
    yield Say("", _said(one_line(failure.message)))
    wanted = parameters(exercise)
    step = f"let the def line take {exercise.name}{wanted}." if wanted else "take the def line from the exercise again."
    yield _next(step, exercise)


def _crashed(failure: Failure, exercise: Exercise) -> Iterator[Part]:
    yield Say("", _said(one_line(failure.message)))
    yield _next(
        "look for a size that grows without bound, and try small inputs first. Nothing else was lost.", exercise
    )


def _other(failure: Failure, exercise: Exercise) -> Iterator[Part]:
    if "\n" in failure.message.strip():
        yield Preformatted("", clean(failure.message, 2000))
    elif failure.message and failure.kind != "timeout":
        yield Say("", _said(one_line(failure.message)))
    yield _next(f"run your code on a small input of your own first; case({exercise.name}) gives one.", exercise)


def parameters(exercise: Exercise) -> str:
    """The exercise's parameters as a def line has them, without types: "(x, weight, bias=None)"; "" if unknown."""
    try:
        wanted = inspect.signature(exercise.oracle)  # type: ignore[arg-type]  # a Golden raises TypeError
    except (TypeError, ValueError):
        return ""
    bare = [item.replace(annotation=inspect.Parameter.empty) for item in wanted.parameters.values()]
    return str(wanted.replace(parameters=bare, return_annotation=inspect.Signature.empty))


def _next(step: str, exercise: Exercise) -> Say:
    return Say("Next", _stopped(step), aside=f"hint({exercise.name}) for a nudge")


def _code(failure: Failure | None) -> Iterator[Part]:
    if failure is not None and failure.lines:
        yield Code(failure.lines)


def _printed(verdict: Verdict) -> Iterator[Part]:
    if verdict.printed_lines:
        first = one_line(verdict.printed.strip().partition("\n")[0], 80)
        said = f"Your code printed {counted(verdict.printed_lines, 'line')}"
        quote = f"; the first: {first}" if verdict.printed_lines > 1 else f": {first}"
        yield Say("", said + (quote if first else ""), rank=3)


def _said(text: str) -> str:
    """A sentence: a capital first and a stop last."""
    return _stopped(text[:1].upper() + text[1:])


def _stopped(text: str) -> str:
    return text if not text or text.endswith((".", "!", "?", "…", ")")) else f"{text}."
