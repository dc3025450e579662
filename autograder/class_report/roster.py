"""Who is in the class, and what was marked by hand: nbgrader's gradebook, read and never written."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

STUDENTS = "select id, coalesce(first_name, ''), coalesce(last_name, '') from student"
GRADES = """
select submitted_assignment.student_id, base_cell.name, grade.auto_score, grade.manual_score,
       coalesce(grade.extra_credit, 0), grade.needs_manual_grade
from grade
join base_cell on base_cell.id = grade.cell_id
join submitted_notebook on submitted_notebook.id = grade.notebook_id
join submitted_assignment on submitted_assignment.id = submitted_notebook.assignment_id
join assignment on assignment.id = submitted_assignment.assignment_id
where assignment.name = ?
"""
PENALTIES = """
select submitted_assignment.student_id, sum(coalesce(submitted_notebook.late_submission_penalty, 0))
from submitted_notebook
join submitted_assignment on submitted_assignment.id = submitted_notebook.assignment_id
join assignment on assignment.id = submitted_assignment.assignment_id
where assignment.name = ? group by submitted_assignment.student_id
"""
CHECK = "check-"  # how weaving begins the ids of check cells


@dataclass
class HandMarks:
    """What people gave a student, and nbgrader took off.

    checks: marks that replace the judge's, by the check cell's id. questions: points of cells that only people mark,
    extra credit included. waiting: how many of those nobody has marked. penalty: points taken off for being late.
    """

    checks: dict[str, float] = field(default_factory=dict)
    questions: float = 0.0
    waiting: int = 0
    penalty: float = 0.0


@dataclass(frozen=True)
class Roster:
    """The gradebook's students by id, with their names, and what was marked by hand. found: there is a gradebook."""

    names: Mapping[str, str] = field(default_factory=dict)
    by_hand: Mapping[str, HandMarks] = field(default_factory=dict)
    found: bool = False


def roster(path: Path, lesson: str) -> Roster:
    """The gradebook in a file; an empty one where there is none that can be read."""
    if not path.is_file():
        return Roster()
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=20)) as database:
            names = {key: f"{first} {last}".strip() for key, first, last in database.execute(STUDENTS)}
            return Roster(names, _by_hand(database, lesson), found=True)
    except sqlite3.Error:
        return Roster()


def _by_hand(database: sqlite3.Connection, lesson: str) -> dict[str, HandMarks]:
    found: dict[str, HandMarks] = {}
    for student, cell, auto, manual, extra, waits in database.execute(GRADES, (lesson,)):
        marks = found.setdefault(student, HandMarks())
        if cell.startswith(CHECK):
            if manual is not None:
                marks.checks[cell] = manual
        else:
            marks.questions += manual if manual is not None else (auto or 0.0)
            marks.waiting += bool(waits)
        marks.questions += extra
    for student, penalty in database.execute(PENALTIES, (lesson,)):
        found.setdefault(student, HandMarks()).penalty = penalty
    return found
