"""Plugs our judge into nbgrader, where it would otherwise execute the notebook (see nbgrader_config.py).

nbgrader keeps the gradebook, late penalties, feedback and formgrader: it reads marks off the check cells' outputs,
and those are written here. No check cell of a submission is ever executed.
"""

from __future__ import annotations

import secrets
from typing import Any

from nbformat.v4 import new_output
from nbgrader import utils
from nbgrader.preprocessors import DeduplicateIds, NbGraderPreprocessor
from traitlets import Integer

from autograder import registry, report
from autograder.grading import TRUSTS, grade
from autograder.notebook import code_cells
from autograder.spec import Exercise, Verdict


class DropDuplicateIds(DeduplicateIds):  # type: ignore[misc]  # nbgrader is untyped
    """Like nbgrader's own, but leaves no empty metadata behind, which would stop the whole class."""

    def preprocess_cell(self, cell: Any, resources: Any, cell_index: int) -> tuple[Any, Any]:
        """Takes nbgrader's metadata off a cell whose id stands further down again."""
        cell, resources = super().preprocess_cell(cell, resources, cell_index)
        if cell.metadata.get("nbgrader") == {}:
            del cell.metadata["nbgrader"]
        return cell, resources


class JudgeExercises(NbGraderPreprocessor):  # type: ignore[misc]  # nbgrader is untyped
    """Writes the judge's verdict into each check cell: the report, and the points as the cell's result."""

    seed = Integer(-1, help="Seed of the cases; -1 draws a fresh one for each submission.").tag(config=True)

    def preprocess(self, nb: Any, resources: Any) -> tuple[Any, Any]:
        """Judges every exercise that the notebook holds a check cell for."""
        seed = self.seed if self.seed >= 0 else secrets.randbits(31)
        cells = code_cells(nb)
        known = by_grade_id()
        self.log.warning("%s", TRUSTS)
        for cell in nb.cells:
            if not (utils.is_grade(cell) and cell.cell_type == "code"):
                continue
            exercise = known.get(cell.metadata.nbgrader["grade_id"])
            if exercise is None:
                cell.outputs = _outputs("this cell checks no exercise of the course", "", 0.0)
                continue
            verdict = grade(exercise, cells, seed=seed)
            self.log.info("%s", report.one_line(verdict))
            cell.outputs = _outputs(*_texts(verdict, exercise), verdict.points)
        return nb, resources


def by_grade_id() -> dict[str, Exercise]:
    """Exercises by the ids that weaving gives their check cells."""
    return {f"check-{item.id.replace('.', '-')}": item for item in registry.all_exercises()}


def _texts(verdict: Verdict, exercise: Exercise) -> tuple[str, str]:
    marks = f"{verdict.points:g} of {verdict.max_points} points; the cases were drawn with seed {verdict.seed}."
    return f"{report.text(verdict, exercise)}\n  {marks}", f"{report.html(verdict, exercise)}<p>{marks}</p>"


def _outputs(text: str, html: str, points: float) -> list[Any]:
    data = {"text/plain": text, **({"text/html": html} if html else {})}
    return [
        new_output("display_data", data=data),
        new_output("execute_result", data={"text/plain": repr(round(points, 4))}, execution_count=1),
    ]
