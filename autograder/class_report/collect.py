"""The facts that a class report rests on: marks sheets, nbgrader's gradebook, the release, what was handed in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from autograder import marks, registry
from autograder.class_report.places import Places, places
from autograder.class_report.plain import checked_exercises
from autograder.class_report.roster import CHECK, HandMarks, roster
from autograder.marks import Mark, Sheet
from autograder.registry import UnknownExercise

NOT_TRIED = ("unsolved", "missing")
RIGHT = ("accepted", "right", "slow")
UNREADABLE = "The file of marks can't be read. Grading again writes it anew."


class NothingGradedError(LookupError):
    """There are no marks to report on; the message says what to run."""


@dataclass(frozen=True)
class Asked:
    """An exercise as this class was asked it. timed: it has a budget of time or memory."""

    id: str
    points: float
    timed: bool

    @property
    def name(self) -> str:
        """The exercise's name, "conv2d"."""
        return self.id.partition(".")[2]


@dataclass(frozen=True)
class Person:
    """A student: the sheets of marks, the notebooks handed in, and what people and nbgrader did to the marks."""

    id: str
    name: str = ""
    sheets: tuple[Sheet, ...] = ()
    handed: frozenset[str] = frozenset()
    by_hand: HandMarks = field(default_factory=HandMarks)

    @cached_property
    def marks(self) -> Mapping[str, Mark]:
        """The judge's marks by exercise."""
        return {key: mark for sheet in self.sheets for key, mark in sheet.marks.items()}

    def manual(self, exercise: str) -> float | None:
        """The points that a person gave an exercise, in place of the judge's."""
        return self.by_hand.checks.get(f"{CHECK}{exercise.replace('.', '-')}")

    def points(self, exercise: str) -> float:
        """What an exercise earned in the end."""
        given = self.manual(exercise)
        mark = self.marks.get(exercise)
        return given if given is not None else (mark.points if mark is not None else 0.0)

    @cached_property
    def graded(self) -> bool:
        """Whether the judge has marked anything of this student's."""
        return bool(self.marks)


@dataclass(frozen=True)
class Facts:
    """A class and a lesson. gradebook: nbgrader's gradebook was there to read."""

    places: Places
    lesson: str
    asked: tuple[Asked, ...]
    people: tuple[Person, ...]
    gradebook: bool

    @cached_property
    def graded(self) -> tuple[Person, ...]:
        """The students with marks."""
        return tuple(person for person in self.people if person.graded)

    @cached_property
    def points(self) -> float:
        """What all exercises are worth together."""
        return sum(item.points for item in self.asked)

    def marks_of(self, exercise: str) -> list[tuple[Person, Mark]]:
        """Everybody's mark of an exercise."""
        return [(person, person.marks[exercise]) for person in self.people if exercise in person.marks]

    def total(self, person: Person) -> float:
        """A student's points of all exercises, without questions and penalties."""
        return sum(person.points(item.id) for item in self.asked)

    def share(self, person: Person) -> float:
        """The same, of what could be had."""
        return self.total(person) / self.points if self.points else 0.0


def collect(course: Path, lesson: str) -> Facts:
    """Gathers a lesson's facts. Raises NothingGradedError."""
    where = places(course, lesson)
    book = roster(where.gradebook, lesson)
    sheets = _sheets(course, lesson)
    if not any(sheet.marks for found in sheets.values() for sheet in found):
        raise NothingGradedError(_nothing(course, lesson, bool(where.submitted)))
    handed = {name: frozenset(file.stem for file in path.glob("*.ipynb")) for name, path in where.submitted.items()}
    students = sorted({*book.names, *sheets, *handed})
    people = tuple(
        Person(
            id,
            book.names.get(id, ""),
            tuple(sheets.get(id, ())),
            handed.get(id, frozenset()),
            book.by_hand.get(id, HandMarks()),
        )
        for id in students
    )
    return Facts(where, lesson, _asked(where, people), people, book.found)


def _sheets(course: Path, lesson: str) -> dict[str, list[Sheet]]:
    """Sheets by student, those that can't be read as empty ones that say so."""
    found: dict[str, list[Sheet]] = {}
    for path in sorted((course / marks.FOLDER / lesson).glob("*/*.json")):
        sheet = marks.load(course, lesson, path.parent.name, path.stem)
        if not (sheet.marks or sheet.notes or sheet.submission):
            sheet = Sheet(path.parent.name, lesson, path.stem, notes=(UNREADABLE,))
        found.setdefault(path.parent.name, []).append(sheet)
    return found


def _asked(where: Places, people: tuple[Person, ...]) -> tuple[Asked, ...]:
    """The exercises in the order of the lesson; those that only the marks know come last."""
    every = [mark for person in people for mark in person.marks.values()]
    points = {mark.exercise: mark.max_points for mark in every}
    order = dict.fromkeys(id for id in _released_ids(where) if id in points)
    order |= dict.fromkeys(sorted(points))
    budget = {mark.exercise for mark in every if mark.speed}
    return tuple(Asked(id, points[id], id in budget or _has_budget(id)) for id in order)


def _released_ids(where: Places) -> Iterator[str]:
    for path in where.released:
        yield from checked_exercises(path)


def _has_budget(exercise: str) -> bool:
    try:
        return registry.find(exercise).speed is not None
    except UnknownExercise:
        return False


def _nothing(course: Path, lesson: str, handed_in: bool) -> str:
    known = sorted(path.name for path in (course / marks.FOLDER).glob("*") if any(path.glob("*/*.json")))
    where = f"Nothing of {lesson} has been graded in {course.resolve()} yet."
    if known:
        return f"{where} There are marks of {', '.join(known)}. To grade {lesson}: p2v grade {lesson}"
    if not handed_in:
        return f"{where} Nobody handed in {lesson} here either: is this the course folder? If not, say --course FOLDER."
    return f"{where} Run this first: p2v grade {lesson}"
