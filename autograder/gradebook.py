"""Plugs our judge into nbgrader, where it would otherwise execute the notebook (see nbgrader_config.py).

nbgrader keeps the gradebook, late penalties, feedback and formgrader: it reads marks off the check cells' outputs,
and those are written here. No check cell of a submission is ever executed.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from nbformat.v4 import new_output
from nbgrader import utils
from nbgrader.api import Gradebook
from nbgrader.converters.base import NbGraderException
from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets import Bool, Integer, Unicode

from autograder import marks, packs, quiet_end, registry, report
from autograder.grading import TRUSTS, grade, grade_trusting
from autograder.marks import FAULT, WAITING, Mark, Sheet
from autograder.notebook import METADATA, code_cells
from autograder.sandbox import protections
from autograder.slicing import Cell
from autograder.spec import Exercise

TRUSTED = "Graded without a sandbox: the instructor trusted this submission."
COURSE = Path()  # nbgrader works in the course folder


class JudgeExercises(NbGraderPreprocessor):  # type: ignore[misc]  # nbgrader is untyped
    """Writes the judge's verdict into each check cell: the report, and the points as the cell's result."""

    seed = Integer(-1, help="Seed of the cases; -1 draws a fresh one for each run of the program.").tag(config=True)
    trust = Bool(False, help="Grade without a sandbox: submitted code can do all that you can.").tag(config=True)
    pack = Unicode("", help="Folder of a private case pack; P2V_PACK, where it is set, names another.").tag(config=True)
    reuse = Bool(False, help="Take marks that are stored for the same code, check and judge.").tag(config=True)

    def require_protection(self) -> None:
        """Raises NbGraderException, after saying why, if untrusted work can't be shut in or the pack is faulty."""
        quiet_end.after_all()
        refusal = "" if self.trust else protections.refusal()
        if refusal:
            self.log.error("%s", refusal)
            raise NbGraderException(refusal)
        try:
            packs.use(self.pack, if_none=True)
        except packs.PackError as error:
            self.log.error("%s", error)
            raise NbGraderException(str(error)) from None

    def preprocess(self, nb: Any, resources: Any) -> tuple[Any, Any]:
        """Judges every exercise that the notebook holds a check cell for, and stores the marks."""
        self.require_protection()
        if self.trust:
            _say_once(self.log, TRUSTS)
        cells = code_cells(nb)
        sheet = _sheet(resources)
        record = _record(nb)
        faults = []
        for cell in nb.cells:
            if utils.is_grade(cell) and cell.cell_type == "code":
                name = cell.metadata.nbgrader["grade_id"]
                exercise = by_grade_id().get(name)
                if exercise is None:
                    cell.outputs = _outputs("This cell checks no exercise of the course.", "", 0.0)
                    continue
                mark = self._mark(packs.chosen().applied(exercise), cells, sheet)
                sheet = sheet.with_mark(mark) if mark.status != WAITING else sheet
                faults += [name] * (mark.status in (FAULT, WAITING))
                cell.outputs = _shown(mark, sheet.lesson, float(cell.metadata.nbgrader["points"]))
        notes = tuple(str(note) for note in record.get("notes", ()))
        if sheet.student:
            marks.save(COURSE, replace(sheet, notes=notes, entered=""))
        nb.metadata[METADATA] = {**record, "sandboxed": not self.trust, "faults": faults}
        return nb, resources

    def _seed(self) -> int:
        of_pack = packs.chosen().seed
        return self.seed if self.seed >= 0 else seed_of_this_run() if of_pack is None else of_pack

    def _mark(self, exercise: Exercise, cells: Sequence[Cell], sheet: Sheet) -> Mark:
        source = marks.source_hash(cells)
        kept = marks.stored(sheet, exercise.id, source) if self.reuse else None
        if kept is not None and kept.sandboxed != self.trust and (kept.timed or kept.status != "right"):
            return kept
        try:
            judge = grade_trusting if self.trust else grade
            verdict = judge(exercise, cells, seed=self._seed())
            mark = marks.mark_of(verdict, exercise, source=source, sandboxed=not self.trust, timed=True)
        except Exception:
            self.log.exception("The judge itself failed on %s; look at this submission yourself.", exercise.id)
            return marks.fault(exercise, source, sandboxed=not self.trust)
        self.log.info("%s", report.one_line(verdict))
        return mark


class RecordGrading(NbGraderPreprocessor):  # type: ignore[misc]  # nbgrader is untyped
    """After SaveAutoGrades: says in the gradebook what was trusted, and what an instructor must look at.

    An instructor's own comments stay; so does everything that nbgrader entered.
    """

    def preprocess(self, nb: Any, resources: Any) -> tuple[Any, Any]:
        """Adds to the comments and grades of one graded notebook."""
        about = resources["nbgrader"]
        where = (about["notebook"], about["assignment"], about["student"])
        record = _record(nb)
        with Gradebook(about["db_url"]) as gradebook:
            for cell in nb.cells:
                name = cell.metadata.get("nbgrader", {}).get("grade_id")
                if name in record["faults"]:
                    gradebook.find_grade(name, *where).needs_manual_grade = True
                if not record["sandboxed"] and utils.is_solution(cell) and not utils.is_grade(cell):
                    comment = gradebook.find_comment(name, *where)
                    comment.auto_comment = " ".join(filter(None, [comment.auto_comment, TRUSTED]))
            gradebook.db.commit()
        marks.save(COURSE, replace(_sheet(resources), entered=marks.now()))
        return nb, resources


@cache
def seed_of_this_run() -> int:
    """One seed for everything that this process grades, drawn afresh in each."""
    return secrets.randbits(31)


@cache
def _say_once(log: logging.Logger, text: str) -> None:
    log.warning("%s", text)


@cache
def by_grade_id() -> dict[str, Exercise]:
    """Exercises by the ids that weaving gives their check cells."""
    return {f"check-{item.id.replace('.', '-')}": item for item in registry.all_exercises()}


def _record(notebook: Any) -> Mapping[str, Any]:
    """What is kept about grading in a notebook's own metadata. RestoreCells has taken out what a student put there."""
    found = notebook.metadata.get(METADATA)
    return found if isinstance(found, Mapping) else {}


def _sheet(resources: Any) -> Sheet:
    about = resources.get("nbgrader")
    if about is None:
        return Sheet("", "", "")
    return marks.load(COURSE, about["assignment"], about["student"], about["notebook"])


NOTHING_TO_REPRODUCE = ("accepted", "unsolved", "missing", FAULT, WAITING)


def _shown(mark: Mark, lesson: str, worth: float) -> list[Any]:
    """A mark as the check cell's outputs, with how to draw the cases of a failure again.

    worth: the cell's points in nbgrader's gradebook, which may be those of an earlier release.
    """
    more = []
    if lesson and mark.status not in NOTHING_TO_REPRODUCE:
        more.append(f"The course's own cases again: p2v check {lesson} --seed {mark.seed}")
    if not mark.sandboxed:
        more.append(TRUSTED)
    text = "\n  ".join([mark.text, *more])
    html = mark.html + "".join(f"<p>{escape(line)}</p>" for line in more)
    return _outputs(text, html if mark.html else "", mark.points / mark.max_points * worth if mark.max_points else 0.0)


def _outputs(text: str, html: str, points: float) -> list[Any]:
    data = {"text/plain": text, **({"text/html": html} if html else {})}
    return [
        new_output("display_data", data=data),
        new_output("execute_result", data={"text/plain": repr(round(points, 4))}, execution_count=1),
    ]
