"""Marks and reasons, read from where instructors and students find them."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from html import unescape
from pathlib import Path

from nbgrader.api import Gradebook


@dataclass(frozen=True)
class Mark:
    """A cell's marks; None where nobody has given any."""

    auto: float | None
    manual: float | None
    score: float
    to_do: bool


def marks_of(database: str, student: str, assignment: str) -> dict[str, Mark]:
    """A student's marks by the cells' ids."""
    with Gradebook(database, "p2v") as gradebook:
        submission = gradebook.find_submission(assignment, student)
        return {
            grade.name: Mark(grade.auto_score, grade.manual_score, grade.score, grade.needs_manual_grade)
            for notebook in submission.notebooks
            for grade in notebook.grades
        }


def points_of(database: str, student: str, assignment: str) -> dict[str, float | None]:
    """A student's automatic marks by exercise ("conv2d")."""
    marks = marks_of(database, student, assignment)
    return {name.split("-", 2)[2]: mark.auto for name, mark in marks.items() if name.startswith("check-")}


def exported(path: Path) -> dict[tuple[str, str], dict[str, str]]:
    """The rows of an exported table by student and assignment."""
    with path.open(encoding="utf-8", newline="") as file:
        return {(row["student_id"], row["assignment"]): row for row in csv.DictReader(file)}


def in_words(html: str) -> str:
    """What a reader sees of a page, in one line."""
    body = re.sub(r"<(style|script)\b.*?</\1>", " ", html, flags=re.S)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", body)))
