"""Notebook cells with nbgrader's metadata and ours. Ids are derived, so that a rebuild gives the same bytes."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

from autograder.workspace import digest

Role: TypeAlias = Literal[
    "title", "imports", "text", "demo", "given", "solution", "check", "question", "answer", "reveal"
]

SCHEMA = 3  # of nbgrader's cell metadata


def title(source: str) -> NotebookNode:
    """The first cell."""
    return _cell("title", "title", source)


def prose(number: int, source: str) -> NotebookNode:
    """The lesson's text; the number counts texts."""
    return _cell("text", f"text-{number:03}", source)


def demo(number: int, source: str) -> NotebookNode:
    """A code cell to run and play with; the number counts demos."""
    return _cell("demo", f"demo-{number:03}", source, digest=digest(source))


def imports(source: str) -> NotebookNode:
    """The locked first code cell."""
    return _locked(_cell("imports", "imports", source), "imports")


def given(module: str, names: tuple[str, ...], source: str) -> NotebookNode:
    """A locked cell of definitions; called after the first of them."""
    id = f"given-{module}-{names[0]}"
    return _locked(_cell("given", id, source, given=[f"{module}.{name}" for name in names]), id)


def solution(exercise: str, source: str) -> NotebookNode:
    """The cell that the student writes."""
    id = exercise.replace(".", "-")
    return _graded(_cell("solution", id, source, exercise=exercise), id, solution=True)


def check(exercise: str, points: int) -> NotebookNode:
    """The locked cell that judges it. Without points nbgrader doesn't grade it: it is there for practice."""
    id = f"check-{exercise.replace('.', '-')}"
    call = f"check({exercise.partition('.')[2]})"
    cell = _cell("check", id, call if points else f"{call}  # for practice: not graded", exercise=exercise)
    return _locked(cell, id, points or None)


def question(id: str, source: str) -> NotebookNode:
    """The locked text of an interview question."""
    name = f"question-{id.replace('.', '-')}"
    return _locked(_cell("question", name, source, question=id), name)


def answer(id: str, points: int, mark_scheme: str) -> NotebookNode:
    """The Markdown cell for its answer, marked by hand. What is in it is the instructor's; nbgrader replaces it."""
    name = f"answer-{id.replace('.', '-')}"
    source = f"=== BEGIN MARK SCHEME ===\n\n{mark_scheme}\n\n=== END MARK SCHEME ==="
    return _graded(_cell("answer", name, source, question=id), name, solution=True, points=points)


def reveal(id: str) -> NotebookNode:
    """The cell that shows key points to someone who studies alone."""
    name = f"reveal-{id.replace('.', '-')}"
    return _locked(_cell("reveal", name, f'reveal("{id}")', question=id), name)


def _cell(role: Role, id: str, source: str, **ours: Any) -> NotebookNode:
    metadata = {"pixels_to_voxels": {"role": role, **ours}}
    cell: NotebookNode
    if role in ("title", "text", "question", "answer"):
        cell = new_markdown_cell(source, id=id, metadata=metadata)
    else:
        cell = new_code_cell(source, id=id, metadata=metadata)
    return cell


def _locked(cell: NotebookNode, grade_id: str, points: int | None = None) -> NotebookNode:
    cell.metadata |= {"editable": False, "deletable": False}
    return _graded(cell, grade_id, points=points, locked=True)


def _graded(
    cell: NotebookNode, grade_id: str, *, points: int | None = None, solution: bool = False, locked: bool = False
) -> NotebookNode:
    nbgrader: dict[str, Any] = {"schema_version": SCHEMA, "grade_id": grade_id, "task": False}
    nbgrader |= {"grade": points is not None, "solution": solution, "locked": locked}
    if points is not None:
        nbgrader["points"] = points
    cell.metadata["nbgrader"] = nbgrader
    return cell
