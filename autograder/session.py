"""A student's session: judges answers in this process, keeps accepted ones, remembers what was last tried."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from autograder import home, mine, references, registry, slicing
from autograder.answer import forbidden_in
from autograder.goldens import cases_of
from autograder.judge import judge, with_speed
from autograder.notebook import cells_of
from autograder.progress import Progress
from autograder.report.content import SAVED
from autograder.runner import in_this_process
from autograder.slicing import Cell
from autograder.spec import Exercise, Failure, Verdict
from autograder.spec.verdict import Status
from autograder.timing import measure_speed
from autograder.worker import Worker, WorkerError

Show = Callable[[Verdict], None]


class Session:
    """Judges for one student, whose files are in `workspace`. shell: the running IPython, if there is one.

    seed: of the cases that checks draw where none is asked for; a class may give each student another.
    """

    def __init__(self, workspace: Path, shell: Any | None = None, notify: Callable[[str], None] = print) -> None:
        self.shell = shell
        self.seed = 0
        self._notify = notify
        self.library = mine.Library(workspace / mine.PACKAGE, references.reference, notify)
        self.progress = Progress(workspace / ".p2v")
        self.last: dict[str, Verdict] = {}
        mine.install(self.library)

    @property
    def device(self) -> torch.device:
        """Where checks run: the chosen device, but for Apple's, which lacks the float64 that checks need."""
        from p2v_data import device

        chosen = device()
        return chosen if chosen.type == "cuda" else torch.device("cpu")

    def judge(self, exercise: Exercise, answer: Callable[..., Any] | None, seed: int, show: Show) -> Verdict:
        """The verdict on an answer. `show` gets it twice: as soon as correctness is known, and when it is complete."""
        start = time.perf_counter()
        cells = cells_of(answer, self.shell) if callable(answer) else []
        with _own_random_numbers():
            verdict = self._correctness(exercise, answer, cells, seed)
            verdict = shown = replace(verdict, seconds=time.perf_counter() - start)
            show(shown)
            if verdict.status == "right" and answer is not None:
                verdict = with_speed(exercise, verdict, measure_speed(exercise, answer, self.device, seed))
        if verdict.status == "accepted":
            verdict = self._keep(exercise, answer, cells, verdict)
        self.last[exercise.id] = verdict
        if verdict is not shown:
            show(verdict)
        tier = verdict.speed.tier if verdict.speed is not None else ""
        self.note("check", exercise.id, status=verdict.status, points=verdict.points, tier=tier)
        return verdict

    def note(self, kind: str, exercise_id: str, **facts: str | float | int) -> None:
        """Adds an event to the progress; a disk that takes none is told of, and stops nobody."""
        try:
            self.progress.add(kind, exercise_id, **facts)
        except OSError as error:
            self._notify(f"Your progress can't be written: {error}. Is the disk full, or the folder another user's?")

    def _correctness(
        self, exercise: Exercise, answer: Callable[..., Any] | None, cells: list[Cell], seed: int
    ) -> Verdict:
        if answer is None:
            return _failed(exercise, Failure("missing", f"{exercise.name} isn't defined yet"), seed)
        if not callable(answer):
            kind = type(answer).__name__
            return _failed(exercise, Failure("missing", f"{exercise.name} is a {kind}, not a function or class"), seed)
        if _is_reference(exercise, answer):
            return _failed(exercise, Failure("missing", f"this {exercise.name} is the reference, not yours"), seed)
        hit = _forbidden_in_source(exercise, cells)
        if hit is not None:
            return _failed(exercise, hit, seed)
        device = self.device
        return judge(
            exercise,
            in_this_process(exercise, answer, device),
            seed=seed,
            device=device,
            run_stages=in_this_process(exercise, answer, device, stages=True),
        )

    def _keep(self, exercise: Exercise, answer: Any, cells: list[Cell], verdict: Verdict) -> Verdict:
        """Saves an accepted answer to the student's library, if it runs in a clean process; else says why not."""
        found = slicing.needed(cells, exercise.name, given=_needed_names(exercise))
        if not found or not slicing.defines(cells, exercise.name):
            if answer is self.library.own(exercise):
                return verdict
            return _noted(verdict, f"not saved for later lessons: no cell that was run here defines {exercise.name}")
        source = library_source(exercise, found)
        failure = self._try_alone(exercise, source)
        if failure is not None:
            message = f"right here, but not on its own in a clean process: {failure.message}"
            return replace(verdict, status="not yet", points=0.0, failure=replace(failure, message=message))
        try:
            self.library.save(exercise, source)
        except OSError as error:
            return _noted(verdict, f"not saved for later lessons: the file can't be written ({error})")
        return _noted(verdict, SAVED)

    def _try_alone(self, exercise: Exercise, source: str) -> Failure | None:
        try:
            with Worker(exercise, [Cell("saved answer", source)], self.library.folder) as worker:
                failure = worker.prepare()
                if failure is None and not exercise.live:
                    failure = worker.run(cases_of(exercise, 0)[0]).failure
        except WorkerError as error:
            return Failure("crashed", str(error))
        return failure


def library_source(exercise: Exercise, found: list[slicing.Statement]) -> str:
    """The text of an accepted answer's file: what it uses of other exercises is imported from `mine`.

    That is what it needs, and whatever else the cells don't define: after a restart, names come from the library.
    """
    bound = {name for item in found for name in item.binds}
    used = {name for item in found for name in item.reads} - bound
    lines: dict[str, list[str]] = {}
    for other in registry.all_exercises():
        if other.name in used and other.id != exercise.id:
            lines.setdefault(other.lesson, []).append(other.name)
    imports = [f"from {mine.PACKAGE}.{lesson} import {', '.join(sorted(names))}\n" for lesson, names in lines.items()]
    return "".join(imports) + slicing.source_of(found)


def _noted(verdict: Verdict, note: str) -> Verdict:
    return replace(verdict, notes=(*verdict.notes, note))


def _needed_names(exercise: Exercise) -> set[str]:
    return {need.partition(".")[2] for need in exercise.needs}


def _failed(exercise: Exercise, failure: Failure, seed: int) -> Verdict:
    status: Status = "forbidden" if failure.kind == "forbidden" else "missing"
    return Verdict(exercise.id, status, exercise.points, failure=failure, seed=seed)


def _is_reference(exercise: Exercise, answer: Callable[..., Any]) -> bool:
    try:
        return references.reference(exercise.lesson, exercise.name) is answer
    except LookupError:
        return False


def _forbidden_in_source(exercise: Exercise, cells: list[Cell]) -> Failure | None:
    found = slicing.needed(cells, exercise.name, given=_needed_names(exercise))
    return forbidden_in(found, (*exercise.forbidden, *references.packages()))


@contextmanager
def _own_random_numbers() -> Iterator[None]:
    """Leaves the student's random numbers and gradient mode as they were."""
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        yield


def open_session(shell: Any | None = None) -> Session:
    """The session of whoever works here."""
    return Session(home.find_workspace(), shell)
