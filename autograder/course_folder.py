"""A course folder as nbgrader sees it: what was released, what was handed in, and entering marks in the gradebook."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import nbgrader.api
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.apps import NbGrader, NbGraderAPI
from nbgrader.utils import capture_log, temp_attrs

from autograder import marks, packs
from autograder.entering import Enter
from autograder.gradebook import by_grade_id
from autograder.nbgrader_settings import JUDGE
from autograder.notebook import code_cells
from autograder.slicing import Cell
from autograder.spec import Exercise
from autograder.submitted import SourceCell, opened, released_cells, restored
from p2v_data import UserError

CONFIG = "nbgrader_config.py"


class CourseFolderError(UserError):
    """There is nothing to grade in this folder, and why."""


class NotEnteredError(Exception):
    """nbgrader couldn't enter a student's marks."""


@dataclass(frozen=True)
class Handed:
    """One notebook of one submission. cells: its code. submission: a hash of the file and when it was handed in.

    present: False if there is no such file.
    """

    student: str
    notebook: str
    submission: str
    cells: tuple[Cell, ...] = ()
    source: str = ""
    notes: tuple[str, ...] = ()
    present: bool = True


class CourseFolder:
    """The course whose nbgrader_config.py lies in `folder`. Raises CourseFolderError if none lies there."""

    def __init__(self, folder: Path, lesson: str, *, trust: bool = False) -> None:
        if not (folder / CONFIG).is_file():
            told = f"{folder} is no course folder: it holds no {CONFIG}. `p2v classroom init FOLDER` makes one."
            raise CourseFolderError(told)
        self.folder, self.lesson = folder, lesson
        app = NbGrader(log_level=logging.WARNING)
        app.initialize([], root=str(folder))
        config = app.config
        config.JudgeExercises.trust = trust
        packs.use(packs.from_settings(config.JudgeExercises.get("pack", ""), folder), if_none=True)
        if JUDGE not in config.Autograde.get("autograde_preprocessors", []):
            raise CourseFolderError(f"{folder / CONFIG} doesn't have exercises judged by {JUDGE}.")
        config.Exporter.optimistic_validation = True  # of a notebook once, not after each step
        self._course = app.coursedir
        self._api = NbGraderAPI(app.coursedir, config=config, log_level=logging.WARNING)

    @cached_property
    def released(self) -> Mapping[str, Mapping[str, SourceCell]]:
        """The lesson's notebooks with their released cells, from the gradebook; filled now if it lacks them."""
        if not self._known():
            self._generate()
        with self._gradebook() as gradebook:
            notebooks = gradebook.find_assignment(self.lesson).notebooks
            return {item.name: released_cells(item) for item in notebooks}

    def exercises(self, notebook: str) -> tuple[Exercise, ...]:
        """What a notebook asks for."""
        cells = self.released[notebook].items()
        known = by_grade_id()
        pack = packs.chosen()
        return tuple(pack.applied(known[name]) for name, cell in cells if name in known and cell.marks["grade"])

    def students(self) -> list[str]:
        """Who handed something in."""
        return sorted(self._api.get_submitted_students(self.lesson))

    def absent(self) -> list[str]:
        """Who is in the gradebook but handed nothing in."""
        with self._gradebook() as gradebook:
            known = {student.id for student in gradebook.students}
        return sorted(known - set(self.students()))

    def handed(self, student: str, notebook: str) -> Handed:
        """What a student handed in as `notebook`, restored as nbgrader does it."""
        folder = self._place(self._course.submitted_directory, student)
        path = folder / f"{notebook}.ipynb"
        missing = [f"{name}.ipynb" for name in self.released if not (folder / f"{name}.ipynb").exists()]
        stamp = folder / "timestamp.txt"
        when = stamp.read_bytes() if stamp.is_file() else b""
        if path.name in missing:
            told = f"{path.name} was not handed in. What it asks for counts 0."
            return Handed(student, notebook, _hash(b"", when), notes=(told,), present=False)
        content = path.read_bytes() if path.is_file() else b""
        found = opened(path)
        release = self._place(self._course.release_directory, ".") / path.name
        notes = restored(found, release, self.released[notebook], missing)
        cells = tuple(code_cells(found))
        return Handed(student, notebook, _hash(content, when), cells, marks.source_hash(cells), tuple(notes))

    def entered(self) -> set[str]:
        """Whose marks nbgrader has: in its gradebook, and as graded notebooks, which are written last."""
        with self._gradebook() as gradebook:
            known = {item.student.id for item in gradebook.assignment_submissions(self.lesson)}
        return {name for name in known if self._is_written(name)}

    def enter(self, student: str) -> None:
        """Has nbgrader autograde a student with the marks that are stored. Raises NotEnteredError."""
        course = temp_attrs(self._course, assignment_id=self.lesson, student_id=student)
        with course, temp_attrs(nbgrader.api, create_engine=_same_engine):
            result = capture_log(Enter(self._course, parent=self._api, released=self.released, force=True))
        if not result["success"]:
            raise NotEnteredError(_reason(result))
        for notebook in self.released:
            sheet = marks.load(self.folder, self.lesson, student, notebook)
            if not sheet.entered:
                marks.save(self.folder, replace(sheet, entered=marks.now()))

    def _is_written(self, student: str) -> bool:
        """Whether everything that a student handed in is there as a graded notebook."""
        course = self._course
        handed, graded = (
            self._place(step, student) for step in (course.submitted_directory, course.autograded_directory)
        )
        names = [f"{name}.ipynb" for name in self.released if (handed / f"{name}.ipynb").exists()]
        return graded.is_dir() and all((graded / name).is_file() for name in names)

    def _known(self) -> bool:
        with self._gradebook() as gradebook:
            try:
                return bool(gradebook.find_assignment(self.lesson).notebooks)
            except MissingEntry:
                return False

    def _generate(self) -> None:
        result = self._api.generate_assignment(self.lesson)
        if not result["success"] or not self._known():
            source = self._place(self._course.source_directory, ".")
            told = f"{self.lesson} can't be graded: nbgrader makes no assignment of {source}: {_reason(result)}"
            raise CourseFolderError(told)

    def _gradebook(self) -> Any:
        return Gradebook(self._course.db_url, self._course.course_id)

    def _place(self, step: str, student: str) -> Path:
        return Path(self._course.format_path(step, student, self.lesson))


# nbgrader connects 13 times for a student, and each time would put the same queries into SQL anew.
_same_engine = lru_cache(maxsize=4)(nbgrader.api.create_engine)


def _hash(content: bytes, when: bytes) -> str:
    return hashlib.sha256(content + b"\0" + when).hexdigest()[:16]


def _reason(result: Mapping[str, Any]) -> str:
    """The line that says most of why nbgrader failed: the last exception in its log, else the one that ended it.

    Raises KeyboardInterrupt where that was it.
    """
    if "KeyboardInterrupt" in str(result.get("error")):
        raise KeyboardInterrupt
    texts = [str(result.get(part) or "") for part in ("log", "error")]
    log, error = ([line.strip() for line in text.splitlines() if line.strip()] for text in texts)
    raised = [[line for line in lines if _names_an_exception(line)] for lines in (log, error)]
    return next((lines[-1] for lines in (*raised, log, error) if lines), "no reason was given")


def _names_an_exception(line: str) -> bool:
    return line.partition(":")[0].endswith(("Error", "Exception", "Entry"))
