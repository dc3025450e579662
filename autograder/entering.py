"""Enters stored marks into nbgrader's gradebook, with one conversion of a notebook where autograding makes two.

`nbgrader autograde` first writes a restored copy, then reads it again to judge it. Here nothing is judged: restoring,
marks and gradebook take one pass, without the checks of what RestoreCells has just made; everything else is nbgrader's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nbgrader.api import BaseCell, Comment, Grade, Gradebook
from nbgrader.converters import Autograde
from nbgrader.converters.base import BaseConverter, NbGraderException
from nbgrader.preprocessors import NbGraderPreprocessor, SaveAutoGrades
from traitlets import Any as Anything

from autograder import marks
from autograder.files import write_whole
from autograder.gradebook import JudgeExercises
from autograder.marks import WAITING, Mark, Sheet
from autograder.nbgrader_settings import JUDGE, RESTORE, THEIRS
from autograder.slicing import Cell
from autograder.spec import Exercise
from autograder.submitted import RestoreCells

YET_TO_COME = "this training takes long and is judged later. It counts 0 until then."
NEEDLESS = (f"{THEIRS}.OverwriteCells", f"{THEIRS}.CheckCellMetadata")  # after RestoreCells


class EnterMarks(JudgeExercises):
    """Writes the marks that are stored into the check cells; judges nothing."""

    def _mark(self, exercise: Exercise, cells: Sequence[Cell], sheet: Sheet) -> Mark:
        mark = sheet.marks.get(exercise.id)
        if mark is None and exercise.live:
            text = f"{exercise.id}: {YET_TO_COME}"
            return Mark(exercise.id, 0.0, float(exercise.points), WAITING, sandboxed=not self.trust, text=text)
        if mark is None or mark.source != marks.source_hash(cells):
            raise NbGraderException(f"{exercise.id}: the file was changed since it was graded; run p2v grade again")
        return mark


class SaveGrades(SaveAutoGrades):  # type: ignore[misc]  # nbgrader is untyped
    """SaveAutoGrades with one query and one commit for a notebook, instead of two for each cell."""

    def preprocess(self, nb: Any, resources: Any) -> tuple[Any, Any]:
        """Saves a notebook's scores and comments."""
        about = resources["nbgrader"]
        self.notebook_id, self.assignment_id, self.student_id = (
            about[name] for name in ("notebook", "assignment", "student")
        )
        with Gradebook(about["db_url"]) as gradebook:
            self.gradebook = _Submitted(gradebook, self.notebook_id, self.assignment_id, self.student_id)
            nb, resources = NbGraderPreprocessor.preprocess(self, nb, resources)
            gradebook.db.commit()
        return nb, resources


class _Submitted:
    """One submitted notebook's part of a gradebook, as far as SaveAutoGrades asks for it."""

    def __init__(self, gradebook: Any, *where: str) -> None:
        notebook = gradebook.find_submission_notebook(*where).id
        self._grades, self._comments = (
            dict(gradebook.db.query(BaseCell.name, kind).join(kind.cell).filter(kind.notebook_id == notebook).all())
            for kind in (Grade, Comment)
        )
        self._gradebook, self.db = gradebook, self

    def find_grade(self, cell: str, *where: str) -> Any:
        return self._grades.get(cell) or self._gradebook.find_grade(cell, *where)

    def find_comment(self, cell: str, *where: str) -> Any:
        return self._comments.get(cell) or self._gradebook.find_comment(cell, *where)

    def commit(self) -> None:
        """Does nothing: SaveGrades commits all at once."""


INSTEAD: Mapping[str, Any] = {JUDGE: EnterMarks, f"{THEIRS}.SaveAutoGrades": SaveGrades}


class Enter(Autograde):  # type: ignore[misc]  # nbgrader is untyped
    """Autograde with its settings, for submissions whose marks are stored. A graded notebook is written last, whole."""

    released = Anything(help="The lesson's notebooks with their released cells.")

    def _init_preprocessors(self) -> None:
        listed = [*self.sanitize_preprocessors, *self.autograde_preprocessors]
        needless = NEEDLESS if RESTORE in listed else ()
        self.exporter._preprocessors = []
        for item in listed:
            if item == RESTORE:
                item = RestoreCells(parent=self.exporter, released=self.released)
            if item not in needless:
                self.exporter.register_preprocessor(INSTEAD.get(item, item))

    def convert_single_notebook(self, notebook_filename: str) -> None:
        """Restores a notebook, writes its marks into it and the gradebook, and it where graded notebooks lie."""
        self._init_preprocessors()
        BaseConverter.convert_single_notebook(self, notebook_filename)

    def write_single_notebook(self, output: str, resources: Any) -> None:
        """Writes a graded notebook, whole and with its permissions or not at all."""
        about = resources["nbgrader"]
        path = Path(self._format_dest(about["assignment"], about["student"])) / f"{about['notebook']}.ipynb"
        aside = path.with_suffix(".part")
        write_whole(output.encode(), aside)
        aside.chmod(int(str(self.permissions), 8))
        aside.replace(path)
