"""Marks from nbgrader's gradebook as tables that learning platforms import. Late penalties and marks by hand count."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nbgrader.api import Gradebook, MissingEntry

from p2v_data import UserError

STUDENT_ID = "student_id"
KEYS = ("SIS Login ID", "Username", "Email address", "ID number", "SIS User ID", "Student ID", "ID")  # of platforms
Row = Sequence[str]


class ExportError(UserError):
    """There is nothing to export, or a table of ids that can't be read."""


@dataclass(frozen=True)
class Line:
    """A student's result. score is None if nothing was handed in. own: the platform's fields, by its names."""

    student: str
    first: str = ""
    last: str = ""
    email: str = ""
    raw: float | None = None
    penalty: float = 0.0
    submitted: str = ""
    to_mark: bool = False
    own: Mapping[str, str] = field(default_factory=dict)

    @property
    def score(self) -> float | None:
        """What counts."""
        return None if self.raw is None else max(0.0, self.raw - self.penalty)

    @property
    def name(self) -> str:
        """ "Lovelace, Ada", as far as it is known."""
        return ", ".join(filter(None, [self.last, self.first])) or self.own.get("Student", "") or self.student


@dataclass(frozen=True)
class Marks:
    """A lesson's results. most: the points there are."""

    lesson: str
    most: float
    lines: tuple[Line, ...]


def read_marks(gradebook: Gradebook, lesson: str, ids: Mapping[str, Mapping[str, str]] | None = None) -> Marks:
    """The marks of everyone in the gradebook, in the order of their ids. Raises ExportError for an unknown lesson."""
    try:
        assignment = gradebook.find_assignment(lesson)
    except MissingEntry:
        known = ", ".join(item.name for item in gradebook.assignments) or "none"
        raise ExportError(f"The gradebook knows no {lesson}; it has {known}.") from None
    lines = [_line(gradebook, lesson, student, (ids or {}).get(student.id, {})) for student in gradebook.students]
    return Marks(lesson, float(assignment.max_score), tuple(sorted(lines, key=lambda line: line.student)))


def _line(gradebook: Gradebook, lesson: str, student: object, own: Mapping[str, str]) -> Line:
    known = {key: str(getattr(student, key) or "") for key in ("id", "first_name", "last_name", "email")}
    line = Line(known["id"], known["first_name"], known["last_name"], known["email"], own=own)
    try:
        found = gradebook.find_submission(lesson, line.student)
    except MissingEntry:
        return line
    return Line(
        *(line.student, line.first, line.last, line.email),
        raw=float(found.score),
        penalty=float(found.late_submission_penalty or 0.0),
        submitted="" if found.timestamp is None else f"{found.timestamp:%Y-%m-%d %H:%M:%S} UTC",
        to_mark=bool(found.needs_manual_grade),
        own=own,
    )


def read_ids(path: Path) -> dict[str, dict[str, str]]:
    """A platform's fields by student id, from a CSV file: its own export, or a table of two columns.

    A column `student_id` says who; without it, the first of the columns by which platforms know people does. In a
    table of two columns the first is the student's id and the second the platform's. Raises ExportError.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            head, *rows = [row for row in csv.reader(file) if any(cell.strip() for cell in row)]
    except (OSError, UnicodeDecodeError, csv.Error, ValueError) as error:
        raise ExportError(f"{path}: expected a table of ids (CSV, UTF-8): {error}") from None
    names = [name.strip() for name in head]
    keys = [name for name in (STUDENT_ID, *KEYS) if name in names]
    if not keys and len(names) == 2:
        return {who.strip(): {"": lms.strip()} for who, lms, *_ in (row for row in (head, *rows) if len(row) > 1)}
    if not keys:
        raise ExportError(f"{path}: expected a column {STUDENT_ID} or one of {', '.join(KEYS)}; got {', '.join(names)}")
    found: dict[str, dict[str, str]] = {}
    for row in rows:
        fields = {name: cell.strip() for name, cell in zip(names, row, strict=False)}
        for key in keys[:1] if STUDENT_ID in names else keys:
            if fields.get(key) and "Points Possible" not in fields.get("Student", ""):
                found.setdefault(fields[key], fields)
    return found


def platform_names(ids: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """The table the other way round: student ids by whatever the platform calls people, for collecting."""
    return {value: student for student, fields in ids.items() for value in (student, *fields.values()) if value}


def export(marks: Marks, form: str, *, column: str = "", missing_as_zero: bool = False) -> str:
    """The marks as a table in a platform's form: "canvas", "moodle", "blackboard" or "csv".

    column: the name of the platform's column; the lesson's if left out. missing_as_zero: who handed nothing in gets 0
    instead of an empty cell. Raises ExportError for another form.
    """
    if form not in FORMS:
        raise ExportError(f"format: expected one of {', '.join(FORMS)}, got {form!r}")
    out = io.StringIO(newline="")
    dialect = "unix" if form == "blackboard" else "excel"  # "unix" puts everything between quotes
    csv.writer(out, dialect, lineterminator="\r\n").writerows(FORMS[form](marks, column, missing_as_zero))
    return out.getvalue()


def _canvas(marks: Marks, column: str, zero: bool) -> Iterator[Row]:
    yield ("Student", "ID", "SIS User ID", "SIS Login ID", "Section", column or marks.lesson)
    yield ("    Points Possible", "", "", "", "", number(marks.most))
    for line in marks.lines:
        own = line.own
        ids = (own.get("ID", own.get("", "")), own.get("SIS User ID", ""), own.get("SIS Login ID", line.student))
        yield (line.name, *ids, own.get("Section", ""), _score(line, zero))


def _moodle(marks: Marks, column: str, zero: bool) -> Iterator[Row]:
    yield ("First name", "Last name", "ID number", "Email address", column or marks.lesson)
    for line in marks.lines:
        own, other = line.own, line.own.get("", "")
        email = own.get("Email address", other if "@" in other else line.email)
        id_number = own.get("ID number", "" if "@" in other else other or line.student)
        yield (line.first, line.last, id_number, email, _score(line, zero))


def _blackboard(marks: Marks, column: str, zero: bool) -> Iterator[Row]:
    heading = column or f"{marks.lesson} [Total Pts: {number(marks.most)} Score]"
    yield ("Last Name", "First Name", "Username", "Student ID", heading)
    for line in marks.lines:
        username = line.own.get("Username", line.own.get("", "") or line.student)
        yield (line.last, line.first, username, line.own.get("Student ID", ""), _score(line, zero))


def _plain(marks: Marks, column: str, zero: bool) -> Iterator[Row]:
    heads = ("student_id", "lms_id", "last_name", "first_name", "email", "lesson", "submitted")
    yield (*heads, "raw_score", "late_penalty", column or "score", "max_score", "waits_for_marking")
    for line in marks.lines:
        own = line.own.get("", line.own.get("ID", ""))
        raw = "" if line.raw is None else number(line.raw)
        yield (
            *(line.student, own, line.last, line.first, line.email, marks.lesson, line.submitted),
            *(raw, number(line.penalty), _score(line, zero), number(marks.most), "yes" if line.to_mark else "no"),
        )


FORMS: dict[str, Callable[[Marks, str, bool], Iterator[Row]]] = {
    "canvas": _canvas,
    "moodle": _moodle,
    "blackboard": _blackboard,
    "csv": _plain,
}


def _score(line: Line, zero: bool) -> str:
    if line.score is None:
        return "0" if zero else ""
    return number(line.score)


def number(value: float) -> str:
    """A mark with at most four decimals and a point, never an exponent."""
    return f"{value:.4f}".rstrip("0").rstrip(".")
