"""Grades what one student hands in, by the steps that nbgrader takes for us, without nbgrader's database."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from autograder import gradebook, registry
from autograder.gradebook import JudgeExercises
from autograder.notebook import code_cells, is_check_cell
from autograder.submitted import SourceCell, opened, restored
from tests.gradebook.classroom import ROOT, SEED, Handed
from tests.gradebook.marks import in_words
from tests.gradebook.papers import Paper

LESSON = "01_lenet"
HURRY = 1.0  # seconds that an answer may take here


@dataclass(frozen=True)
class Graded:
    """Points by exercise ("conv2d"), what a student reads in the feedback, and the graded notebook."""

    points: Mapping[str, float]
    words: str
    notebook: NotebookNode


def released(part: str, lesson: str = LESSON) -> NotebookNode:
    """A notebook as students get it."""
    return nbformat.read(ROOT / "course" / lesson / f"{part}.ipynb", as_version=4)


def paper(part: str = LESSON, lesson: str = LESSON) -> Paper:
    """A released notebook to work on."""
    source = ROOT / "solutions" / "notebooks" / lesson / f"{part}.ipynb"
    return Paper(released(part, lesson), nbformat.read(source, as_version=4))


def source_cells(notebook: NotebookNode) -> dict[str, SourceCell]:
    """What a gradebook would know of a released notebook's cells."""
    cells = [cell for cell in notebook.cells if "nbgrader" in cell.metadata]
    return {
        cell.metadata.nbgrader["grade_id"]: SourceCell(cell.cell_type, cell.source, cell.metadata.nbgrader)
        for cell in cells
    }


def hand_in(handed: Handed, folder: Path, part: str = LESSON) -> Path:
    """Writes the file of a submission."""
    path = folder / f"{part}.ipynb"
    path.write_bytes(handed if isinstance(handed, bytes) else nbformat.writes(handed).encode())
    return path


def grade(path: Path, *names: str, patch: Callable[..., Any], student: str = "", **settings: Any) -> Graded:
    """Restores and judges a file; of its exercises only the named ones, to save time.

    patch: monkeypatch.setattr. student: whose marks to store, in the folder that we are in.
    """
    wanted = {f"check-lenet-{name}": name for name in names}
    known = {key: registry.find(f"lenet.{name}") for key, name in wanted.items()}
    hurried = {key: replace(item, time_limit=min(item.time_limit, HURRY)) for key, item in known.items()}
    patch(gradebook, "by_grade_id", lambda: hurried)
    notebook = opened(path)
    release = ROOT / "course" / LESSON / path.name
    restored(notebook, release, source_cells(released(path.stem)))
    notebook.cells = [
        cell for cell in notebook.cells if not is_check_cell(cell) or cell.metadata.nbgrader["grade_id"] in wanted
    ]
    about = {"assignment": LESSON, "notebook": path.stem, "student": student}
    resources = {"nbgrader": about} if student else {}
    JudgeExercises(**{"seed": SEED, **settings}).preprocess(notebook, resources)
    checks = [cell for cell in notebook.cells if is_check_cell(cell)]
    points = {wanted[cell.metadata.nbgrader["grade_id"]]: float(cell.outputs[1].data["text/plain"]) for cell in checks}
    told = [cell.outputs[0].data["text/plain"] for cell in checks]
    notes = [cell.source for cell in notebook.cells[:1] if cell.source.startswith("**Notes")]
    return Graded(points, in_words("\n".join([*notes, *told])), notebook)


def code_of(path: Path) -> list[str]:
    """The code that grading finds in a file, cell by cell."""
    notebook = opened(path)
    restored(notebook, ROOT / "course" / LESSON / path.name, source_cells(released(path.stem)))
    return [cell.source for cell in code_cells(notebook)]
