"""Notebooks as students hand them in, made from the released ones."""

from __future__ import annotations

import copy
from collections.abc import Mapping

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"


class Paper:
    """A released notebook that a student works on. `solved` holds the reference's cell of each exercise."""

    def __init__(self, released: NotebookNode, source: NotebookNode) -> None:
        self.notebook = copy.deepcopy(released)
        self.solved = {name: _solved(cell.source) for name, cell in _exercises(source).items()}

    @property
    def exercises(self) -> list[str]:
        """The names of the exercises, in order."""
        return list(_exercises(self.notebook))

    def answer(self, name: str) -> NotebookNode:
        """An exercise's cell."""
        return _exercises(self.notebook)[name]

    def cell(self, grade_id: str) -> NotebookNode:
        """A cell by its nbgrader id, the last one of several."""
        return [cell for cell in self.notebook.cells if _id(cell) == grade_id][-1]

    def check(self, name: str) -> NotebookNode:
        """The cell that checks an exercise."""
        return next(cell for cell in self.notebook.cells if _id(cell).startswith("check-") and _name(cell) == name)

    def solve(self, *names: str) -> Paper:
        """Writes the reference's answers; to all exercises if none is named."""
        return self.write({name: self.solved[name] for name in names or self.exercises})

    def write(self, answers: Mapping[str, str]) -> Paper:
        """Writes answers."""
        for name, text in answers.items():
            self.answer(name).source = text
        return self

    def reply(self, grade_id: str, text: str) -> Paper:
        """Answers an interview question."""
        self.cell(grade_id).source = text
        return self

    def add(self, source: str, after: NotebookNode | None = None) -> NotebookNode:
        """Adds a code cell, below `after` or at the end."""
        cell = new_code_cell(source)
        place = len(self.notebook.cells) if after is None else self._place(after) + 1
        self.notebook.cells.insert(place, cell)
        return cell

    def delete(self, *cells: NotebookNode) -> None:
        """Deletes cells."""
        for cell in cells:
            del self.notebook.cells[self._place(cell)]

    def move(self, cell: NotebookNode, below: NotebookNode) -> None:
        """Puts a cell below another."""
        self.delete(cell)
        self.notebook.cells.insert(self._place(below) + 1, cell)

    def _place(self, cell: NotebookNode) -> int:
        return next(index for index, item in enumerate(self.notebook.cells) if item is cell)


def notebooks(papers: Mapping[str, Paper]) -> dict[str, NotebookNode]:
    """What is handed in of papers."""
    return {name: paper.notebook for name, paper in papers.items()}


def _exercises(notebook: NotebookNode) -> dict[str, NotebookNode]:
    found = {}
    for cell in notebook.cells:
        ours = cell.metadata.get("pixels_to_voxels", {})
        if ours.get("role") == "solution":
            found.setdefault(_name(cell), cell)
    return found


def _name(cell: NotebookNode) -> str:
    return str(cell.metadata.get("pixels_to_voxels", {}).get("exercise", "")).rpartition(".")[2]


def _id(cell: NotebookNode) -> str:
    return str(cell.metadata.get("nbgrader", {}).get("grade_id", ""))


def _solved(source: str) -> str:
    return "\n".join(line for line in source.splitlines() if line.strip() not in (BEGIN, END))
