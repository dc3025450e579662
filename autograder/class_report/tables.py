"""The report's figures as CSV files, for spreadsheets and further work."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence

from autograder.class_report.collect import NOT_TRIED, RIGHT, Asked, Facts, Person
from autograder.class_report.figures import tier

ABOUT = (
    "status",
    "mistake",
    "passed",
    "cases",
    "problem",
    "seed",
    "sandboxed",
    "timed",
    "source",
    "spec",
    "judge",
    "when",
)
MARKS = (
    *("student", "name", "notebook", "exercise", "points", "max_points", "points_by_hand", "failing_case"),
    *("tier", "ratio", "limit", *ABOUT),
)
TOTALS = (
    *("student", "name", "points", "max_points", "share", "questions", "questions_to_mark", "late_penalty", "total"),
    *("tried", "solved", "handed_in", "notes"),
)
FORMULA = ("=", "+", "-", "@")  # how a cell begins that a spreadsheet would run
HIDDEN_FORMULA = re.compile(r"(;\s*)(?=[=+\-@])")  # one that begins a cell where ";" parts them, as in much of Europe


def marks_csv(facts: Facts) -> bytes:
    """A row for each student and exercise, graded or not."""
    return _written(MARKS, (_mark(person, asked) for person in facts.people for asked in facts.asked))


def totals_csv(facts: Facts) -> bytes:
    """A row for each student."""
    return _written(TOTALS, (_total(facts, person) for person in facts.people))


def _mark(person: Person, asked: Asked) -> dict[str, object]:
    row: dict[str, object] = {"student": person.id, "name": person.name, "exercise": asked.id}
    row |= {"points": round(person.points(asked.id), 4), "max_points": asked.points}
    row["points_by_hand"] = person.manual(asked.id)
    mark = person.marks.get(asked.id)
    if mark is None:
        return row | {"status": "not graded" if person.handed else "not handed in"}
    speed: Mapping[str, object] = mark.speed or {}
    row |= {name: getattr(mark, name) for name in ABOUT}
    row["notebook"] = next(sheet.notebook for sheet in person.sheets if asked.id in sheet.marks)
    row |= {"failing_case": mark.failing, "ratio": speed.get("ratio"), "limit": speed.get("limit")}
    return row | {"tier": tier(mark) if asked.timed and mark.status in RIGHT else ""}


def _total(facts: Facts, person: Person) -> dict[str, object]:
    points, given = facts.total(person), person.by_hand
    tried = [mark for mark in person.marks.values() if mark.status not in NOT_TRIED]
    return {
        "student": person.id,
        "name": person.name,
        "points": round(points, 4),
        "max_points": facts.points,
        "share": round(facts.share(person), 4),
        "questions": given.questions,
        "questions_to_mark": given.waiting,
        "late_penalty": given.penalty,
        "total": round(max(0.0, points + given.questions - given.penalty), 4),
        "tried": len(tried),
        "solved": sum(mark.status in RIGHT for mark in tried),
        "handed_in": " ".join(sorted(person.handed)),
        "notes": " ".join(note for sheet in person.sheets for note in sheet.notes),
    }


def _written(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> bytes:
    """UTF-8 with a mark at the start by which spreadsheets know it."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _harmless(value) for name, value in row.items()})
    return text.getvalue().encode("utf-8-sig", errors="replace")


def _harmless(value: object) -> object:
    """Text on one line, and such that a spreadsheet takes it for text: much of it is the students'."""
    if not isinstance(value, str):
        return value
    text = HIDDEN_FORMULA.sub(r"\1'", " ".join(value.split()))
    return f"'{text}" if text.startswith(FORMULA) else text
