"""What grading found out about each exercise of each submission, kept on disk: for going on, again, and reports."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from autograder import packs, report
from autograder.files import write_whole
from autograder.report.headline import points as points_in_words
from autograder.slicing import Cell
from autograder.spec import Exercise, Verdict

FOLDER = Path(".p2v") / "grading"  # in the course folder
FAULT = "fault"  # the status of a mark where the grading program itself failed
WAITING = "waiting"  # of one that stands in no sheet: a long training that is yet to be judged
OUR_FAULT = (
    "the grading program failed on this exercise, which is no fault of yours. "
    "It counts 0 until your instructor has looked at it."
)


@dataclass(frozen=True)
class Mark:
    """One exercise of one submission: the points, why, and what they rest on.

    status: as in `Verdict`; "fault" if the grading program itself failed. mistake: its name, or "". failing: the first
    failing case's name. passed, cases: how many cases were right, of how many. speed: status, ratio, low, high, limit,
    tier. source, spec: hashes of what was handed in and of the check. judge: the program's version. sandboxed: False if
    the code was trusted. timed: the speed was judged too.
    """

    exercise: str
    points: float
    max_points: float
    status: str
    mistake: str = ""
    failing: str = ""
    problem: str = ""
    passed: int = 0
    cases: int = 0
    seed: int = 0
    sandboxed: bool = True
    timed: bool = True
    seconds: float = 0.0
    speed: Mapping[str, Any] | None = None
    source: str = ""
    spec: str = ""
    judge: str = ""
    when: str = ""
    text: str = ""
    html: str = ""


@dataclass(frozen=True)
class Sheet:
    """All marks of one notebook of one submission. history: earlier marks by exercise, oldest first, without reports.

    submission: a hash of the file and when it was handed in. notes: what was found wrong with the file. entered: when
    nbgrader's gradebook got all that, or "" if it has yet to.
    """

    student: str
    lesson: str
    notebook: str
    submission: str = ""
    marks: Mapping[str, Mark] = field(default_factory=dict)
    history: Mapping[str, tuple[Mark, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    entered: str = ""

    def with_mark(self, mark: Mark) -> Sheet:
        """The sheet with a mark put in; one that it replaces goes into the history."""
        history = dict(self.history)
        before = self.marks.get(mark.exercise)
        if before is not None and replace(before, when="") != replace(mark, when=""):
            earlier = replace(before, text="", html="")
            history[mark.exercise] = (*history.get(mark.exercise, ()), earlier)
        return replace(self, marks={**self.marks, mark.exercise: mark}, history=history)

    def without_mark(self, exercise: str) -> Sheet:
        """The sheet without an exercise's mark, which goes into the history."""
        others = dict(self.marks)
        earlier = replace(others.pop(exercise), text="", html="")
        return replace(
            self, marks=others, history={**self.history, exercise: (*self.history.get(exercise, ()), earlier)}
        )


def mark_of(verdict: Verdict, exercise: Exercise, *, source: str, sandboxed: bool, timed: bool) -> Mark:
    """A verdict as it is kept, with the report that goes into the feedback."""
    words = f"Marked {points_in_words(verdict)}, on cases drawn with seed {verdict.seed}."
    failing = verdict.first_failing
    speed = verdict.speed
    facts = ("status", "ratio", "low", "high", "limit", "tier")
    trouble = verdict.failure or (failing.problem if failing is not None else None)
    return Mark(
        exercise.id,
        points=verdict.points,
        max_points=float(verdict.max_points),
        status=verdict.status,
        mistake=verdict.diagnosis.name if verdict.diagnosis is not None else "",
        failing=failing.case.name if failing is not None else "",
        problem=trouble.message if trouble is not None else "",
        passed=verdict.passed,
        cases=len(verdict.results),
        seed=verdict.seed,
        sandboxed=sandboxed,
        timed=timed,
        seconds=round(verdict.seconds, 3),
        speed=None if speed is None else {name: getattr(speed, name) for name in facts},
        source=source,
        spec=spec_hash(exercise.id),
        judge=judge_version(),
        when=now(),
        text=f"{report.text(verdict, exercise)}\n  {words}",
        html=f"{report.html(verdict, exercise)}<p>{words}</p>",
    )


def now() -> str:
    """The present time, as it is kept."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def source_hash(cells: Sequence[Cell]) -> str:
    """A fingerprint of a notebook's code."""
    text = json.dumps([(cell.place, cell.source) for cell in cells])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@cache
def spec_hash(exercise_id: str) -> str:
    """A fingerprint of the check of an exercise: the lesson's spec modules, and the class's case pack."""
    lesson = exercise_id.partition(".")[0]
    found = find_spec(f"autograder.exercises.{lesson}")
    folders = list(found.submodule_search_locations or []) if found is not None else []
    files = sorted(path for folder in folders for path in Path(folder).glob("*.py"))
    texts = [path.read_bytes() for path in files]
    return hashlib.sha256(b"".join([*texts, packs.chosen().digest.encode()])).hexdigest()[:16]


@cache
def judge_version() -> str:
    """The version of this program."""
    return version("pixels-to-voxels")


def fault(exercise: Exercise, source: str, *, sandboxed: bool) -> Mark:
    """The mark where the grading program itself failed: nothing yet, and no mistake of the student's."""
    return Mark(
        exercise.id,
        points=0.0,
        max_points=float(exercise.points),
        status=FAULT,
        sandboxed=sandboxed,
        source=source,
        spec=spec_hash(exercise.id),
        judge=judge_version(),
        when=now(),
        text=f"{exercise.id}: {OUR_FAULT}",
    )


def stored(sheet: Sheet, exercise_id: str, source: str) -> Mark | None:
    """The mark that an exercise has already, if it still holds: for this code, by this check and program."""
    mark = sheet.marks.get(exercise_id)
    key = (source, spec_hash(exercise_id), judge_version())
    if mark is None or mark.status == FAULT or (mark.source, mark.spec, mark.judge) != key:
        return None
    return mark


def path_of(course: Path, lesson: str, student: str, notebook: str) -> Path:
    """Where a sheet lies."""
    return course / FOLDER / lesson / student / f"{notebook}.json"


def save(course: Path, sheet: Sheet) -> None:
    """Writes a sheet, whole or not at all."""
    plain = {key: vars(mark) for key, mark in sheet.marks.items()}
    history = {key: [vars(mark) for mark in marks] for key, marks in sheet.history.items()}
    text = json.dumps({**vars(sheet), "marks": plain, "history": history}, ensure_ascii=False)
    write_whole(text.encode(), path_of(course, sheet.lesson, sheet.student, sheet.notebook))


def load(course: Path, lesson: str, student: str, notebook: str) -> Sheet:
    """A sheet; an empty one where there is none, or none that can be read."""
    try:
        return _read(path_of(course, lesson, student, notebook))
    except (OSError, ValueError, TypeError, KeyError):
        return Sheet(student, lesson, notebook)


def sheets(course: Path, lesson: str) -> Iterator[Sheet]:
    """All sheets of a lesson, by student and notebook."""
    for path in sorted((course / FOLDER / lesson).glob("*/*.json")):
        yield _read(path)


def _read(path: Path) -> Sheet:
    raw = json.loads(path.read_text(encoding="utf-8"))
    marks = {key: Mark(**value) for key, value in raw.pop("marks").items()}
    history = {key: tuple(Mark(**item) for item in items) for key, items in raw.pop("history").items()}
    return Sheet(**{**raw, "notes": tuple(raw["notes"])}, marks=marks, history=history)
