"""Plugs our judge into nbgrader, where it would otherwise execute the notebook (see nbgrader_config.py).

nbgrader keeps the gradebook, late penalties, feedback and formgrader: it reads marks off the check cells' outputs,
and those are written here. No check cell of a submission is ever executed.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Sequence
from functools import cache
from typing import Any

from nbformat.v4 import new_output
from nbgrader import utils
from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets import Integer

from autograder import registry, report
from autograder.grading import TRUSTS, grade
from autograder.notebook import code_cells
from autograder.report.headline import points as points_in_words
from autograder.slicing import Cell
from autograder.spec import Exercise, Verdict


class JudgeExercises(NbGraderPreprocessor):  # type: ignore[misc]  # nbgrader is untyped
    """Writes the judge's verdict into each check cell: the report, and the points as the cell's result."""

    seed = Integer(-1, help="Seed of the cases; -1 draws a fresh one for each notebook.").tag(config=True)

    def preprocess(self, nb: Any, resources: Any) -> tuple[Any, Any]:
        """Judges every exercise that the notebook holds a check cell for."""
        seed = self.seed if self.seed >= 0 else secrets.randbits(31)
        cells = code_cells(nb)
        known = by_grade_id()
        _say_once(self.log, TRUSTS)
        for cell in nb.cells:
            if utils.is_grade(cell) and cell.cell_type == "code":
                cell.outputs = self._judged(known.get(cell.metadata.nbgrader["grade_id"]), cells, seed)
        return nb, resources

    def _judged(self, exercise: Exercise | None, cells: Sequence[Cell], seed: int) -> list[Any]:
        if exercise is None:
            return _outputs("This cell checks no exercise of the course.", "", 0.0)
        try:
            verdict = grade(exercise, cells, seed=seed)
            text, html = _texts(verdict, exercise)
        except Exception:
            self.log.exception("The judge itself failed on %s; look at this submission yourself.", exercise.id)
            return _outputs(f"{exercise.id}: {OUR_FAULT}", "", 0.0)
        self.log.info("%s", report.one_line(verdict))
        return _outputs(text, html, verdict.points)


OUR_FAULT = (
    "the grading program failed on this exercise, which is no fault of yours. "
    "It counts 0 until your instructor has looked at it."
)


@cache
def _say_once(log: logging.Logger, text: str) -> None:
    log.warning("%s", text)


def by_grade_id() -> dict[str, Exercise]:
    """Exercises by the ids that weaving gives their check cells."""
    return {f"check-{item.id.replace('.', '-')}": item for item in registry.all_exercises()}


def _texts(verdict: Verdict, exercise: Exercise) -> tuple[str, str]:
    marks = f"Marked {points_in_words(verdict)}, on cases drawn with seed {verdict.seed}."
    return f"{report.text(verdict, exercise)}\n  {marks}", f"{report.html(verdict, exercise)}<p>{marks}</p>"


def _outputs(text: str, html: str, points: float) -> list[Any]:
    data = {"text/plain": text, **({"text/html": html} if html else {})}
    return [
        new_output("display_data", data=data),
        new_output("execute_result", data={"text/plain": repr(round(points, 4))}, execution_count=1),
    ]
