"""What notebooks import: `check`, `hint`, `case`, `compare`, `progress`, `reveal`, `start` and `LiveCurve`."""

from __future__ import annotations

import os
from collections import namedtuple
from collections.abc import Callable
from functools import cache
from typing import Any

import p2v_data
from autograder import display, references, registry, report, worker
from autograder.driver import made_inputs
from autograder.goldens import cases_of
from autograder.live import LiveCurve
from autograder.notebook import running_shell
from autograder.registry import UnknownExercise
from autograder.session import Session, open_session
from autograder.spec import Case, Exercise, Verdict

__all__ = ["LiveCurve", "case", "check", "compare", "hint", "progress", "reveal", "start"]

VALIDATE_WIDTH = 82  # `nbgrader validate` cuts longer lines
Target = str | Callable[..., Any]


class _SaysOnly(BaseException):
    """Notebooks show what it says, without our lines of code."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


class NotAccepted(_SaysOnly, AssertionError):
    """Raised by `check` while nbgrader validates or grades, so that its verdict is true."""


class Stopped(_SaysOnly, KeyboardInterrupt):
    """The student stopped a check."""


class NotRunError(_SaysOnly, NotImplementedError):
    """A function was called before the cell that defines it was run."""


class NotRunYet:
    """Stands for an exercise whose cell hasn't been run."""

    def __init__(self, exercise_id: str) -> None:
        self.exercise_id = exercise_id
        self.__name__ = exercise_id.partition(".")[2]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise NotRunError(f"the cell that defines {self.__name__} hasn't been run yet: run it first")

    def __repr__(self) -> str:
        return f"<{self.exercise_id}: its cell hasn't been run yet>"


@cache
def session() -> Session:
    """This process's session."""
    return open_session(running_shell())


def start(lesson: str, seed: int = 0) -> None:
    """Prepares a notebook: accepted answers are there again after a restart, names of others say what to run.

    seed: of the cases that `check` draws here, in a copy for one student of a class. Grading draws its own.
    """
    here = session()
    here.seed = seed
    p2v_data.threads()
    worker.warm_up()
    if here.shell is None:
        return
    names = here.shell.user_ns
    for exercise in registry.exercises(lesson):
        if exercise.name not in names:
            own = here.library.own(exercise)
            names[exercise.name] = NotRunYet(exercise.id) if own is None else own
    here.note("start", f"{lesson}.")


def check(target: Target, answer: Callable[..., Any] | None = None, *, seed: int | None = None) -> None:
    """Judges an answer and says what is right, what exactly is wrong, and how fast it is.

    check(conv2d) finds the exercise by the function's name; check("lenet.conv2d", f) takes any function.
    seed: draws other cases; the same seed gives the same ones. None takes the notebook's.
    """
    strict = os.environ.get("NBGRADER_EXECUTION") in ("validate", "autograde")
    found = _resolve(target, answer)
    if found is None:
        if strict:
            raise NotAccepted("There is no exercise to check here; the message above says why.")
        return
    exercise, candidate = found
    drawn = session().seed if seed is None else seed
    try:
        with display.Panel() as panel:
            verdict = session().judge(exercise, candidate, drawn, lambda verdict: panel.show(verdict, exercise))
    except KeyboardInterrupt:
        raise Stopped(f"{exercise.id}: you stopped this check. Nothing is lost; run it again when you like.") from None
    if strict:
        if verdict.status != "accepted":
            raise NotAccepted(report.text(verdict, exercise, width=VALIDATE_WIDTH))
    elif verdict.status != "accepted":
        display.hint_button(exercise, lambda: _next_hint(exercise))


def hint(target: Target, number: int | None = None) -> None:
    """Shows the next hint of an exercise, or the one with this number."""
    found = _resolve(target, None)
    if found is None:
        return
    exercise = found[0]
    if number is None:
        display.say(_next_hint(exercise))
    elif 1 <= number <= len(exercise.hints):
        session().note("hint", exercise.id, number=number)
        display.say(report.hint_text(exercise, number))
    else:
        display.say(f"{exercise.id} has hints 1 to {len(exercise.hints)}.")


def _next_hint(exercise: Exercise) -> str:
    used = session().progress.standing(exercise.id).hints
    number = min(used + 1, len(exercise.hints))
    session().note("hint", exercise.id, number=number)
    return report.hint_text(exercise, number)


def case(target: Target) -> Any:
    """The inputs of the first failing case of the last check (else of the first case), to experiment with.

    conv2d(*case(conv2d)) runs it; case(conv2d).x is one of them.
    """
    found = _resolve(target, None)
    if found is None:
        return None
    exercise = found[0]
    verdict = session().last.get(exercise.id)
    failing = verdict.first_failing if verdict is not None else None
    chosen: Case = failing.case if failing is not None else cases_of(exercise, session().seed)[0]
    device = session().device
    inputs = made_inputs(chosen, device)
    fields = namedtuple(exercise.name, list(inputs))  # type: ignore[misc]  # mypy wants names that it can read
    return type(exercise.name, (fields,), {"__slots__": (), "__repr__": _inputs_in_words})(*inputs.values())


def _inputs_in_words(inputs: Any) -> str:
    """Shapes instead of pages of numbers; `case(conv2d).x` shows those."""
    rows = (f"    {name}: {report.describe(value)}" for name, value in zip(inputs._fields, inputs, strict=True))
    return "\n".join([f"inputs for {type(inputs).__name__}", *rows])


def compare(target: Target) -> None:
    """Shows the reference beside the student's accepted answer."""
    found = _resolve(target, None)
    if found is None:
        return
    exercise = found[0]
    library = session().library
    if not library.has(exercise):
        display.say(f"{exercise.id} isn't accepted yet; the reference is shown beside yours once it is.")
        return
    try:
        theirs = references.source(exercise.lesson, exercise.name)
    except LookupError:
        display.say("The references aren't installed here: your instructor keeps them.")
        return
    display.side_by_side(exercise, library.path(exercise).read_text(encoding="utf-8"), theirs)


def progress(lesson: str | None = None) -> None:
    """Shows what is solved, in which tier, with how many hints and in what time; all lessons or one."""
    if lesson and lesson not in registry.lessons():
        display.say(f"no lesson is called {lesson!r}; there are {', '.join(registry.lessons())}.")
        return
    display.progress(session().progress, [lesson] if lesson else list(registry.lessons()))


def reveal(question: str) -> None:
    """Shows the key points and the marking guide of an interview question, for someone who studies alone."""
    from autograder import interview

    display.markdown(interview.reveal_text(question))


def _resolve(target: Target, answer: Callable[..., Any] | None) -> tuple[Exercise, Any] | None:
    """The exercise and the answer that are meant; None (and a message) if there is no such exercise."""
    name = target if isinstance(target, str) else _name_of(target)
    if name is None:
        display.say(
            f"check takes a function or class of yours, or an exercise's name, but got {type(target).__name__}."
        )
        return None
    try:
        exercise = registry.find(name)
        if not isinstance(target, str) and exercise.name != name:
            raise UnknownExercise(f"{name} is no exercise; did you mean {exercise.name}?")
    except UnknownExercise as error:
        offer = name if name.isidentifier() else "your_function"
        display.say(f'{error} To check a function of another name: check("lenet.conv2d", {offer}).')
        return None
    if answer is None:
        answer = _namespace().get(exercise.name) if isinstance(target, str) else target
    return exercise, None if isinstance(answer, NotRunYet) else answer


def _name_of(target: Callable[..., Any]) -> str | None:
    """The exercise whose name the notebook gave an answer (a lambda, a partial, a function of another name).

    Else the answer's own name; None for what has none.
    """
    own: str | None = getattr(target, "__name__", None)
    names = _namespace()
    given = [item.name for item in registry.all_exercises() if names.get(item.name) is target]
    return given[0] if given and own not in given else own


def _namespace() -> dict[str, Any]:
    """The names of the notebook; empty in a script."""
    shell = session().shell
    return shell.user_ns if shell is not None else {}


def verdict_of(target: Target) -> Verdict | None:
    """The verdict of the last check in this session, for those who want it as data."""
    found = _resolve(target, None)
    return session().last.get(found[0].id) if found is not None else None
