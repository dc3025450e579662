"""The page that an instructor reads after grading a class: `p2v class-report LESSON`."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

from autograder.class_report.collect import NothingGradedError, collect
from autograder.class_report.own import own_answers
from autograder.class_report.page import page
from autograder.class_report.similarity import similarity
from autograder.class_report.tables import marks_csv, totals_csv
from autograder.files import write_whole

__all__ = ["FOLDER", "NothingGradedError", "Written", "write"]

FOLDER = "class-report"  # in the course folder


@dataclass(frozen=True)
class Written:
    """The files of a report, and for how many students."""

    page: Path
    marks: Path
    totals: Path
    students: int


def write(course: Path, lesson: str, out: Path | None = None) -> Written:
    """Writes a lesson's page, and two CSV files beside it. Raises NothingGradedError and OSError.

    out: the page's file, or a folder for it; FOLDER in the course folder if left out.
    """
    facts = collect(course, lesson)
    target = out if out is not None else course / FOLDER
    if target.suffix not in (".html", ".htm"):
        target = target / f"{lesson}.html"
    done = Written(
        target,
        target.with_name(f"{target.stem}-marks.csv"),
        target.with_name(f"{target.stem}-totals.csv"),
        len(facts.people),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python's own, about the students' code
        text = page(facts, similarity(own_answers(facts)))
    write_whole(text.encode(errors="replace"), done.page)
    write_whole(marks_csv(facts), done.marks)
    write_whole(totals_csv(facts), done.totals)
    return done
