"""Brings a newer course into working copies, and fresh stubs into single cells; loses nothing that a student wrote."""

from __future__ import annotations

import copy
import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

from autograder.files import write_whole
from autograder.notebook import METADATA, read
from autograder.spec import Exercise

BACKUPS = Path(".p2v") / "backups"
STUDENTS = ("solution", "answer")  # roles of cells that the student fills in


class WorkspaceError(ValueError):
    """What can't be done in this workspace, and what to do instead."""


@dataclass(frozen=True)
class Updated:
    """A working copy that was brought up to date. backup: the file as it was. kept: the student's own cells."""

    notebook: Path
    backup: Path
    kept: int


def update(course: Path, workspace: Path) -> list[Updated]:
    """Brings every working copy up to the released notebooks; those that are up to date already are left alone."""
    found = []
    for released in sorted(course.glob("*/*.ipynb")):
        working = workspace / released.name
        if not working.is_file():
            continue
        old, new = read(working), read(released)
        merged, kept = merge(old, new)
        if [_identity(cell) for cell in merged.cells] == [_identity(cell) for cell in old.cells]:
            continue
        backup = _set_aside(working, workspace)
        write(merged, working)
        found.append(Updated(working, backup, kept))
    return found


def reset(exercise: Exercise, course: Path, workspace: Path) -> Path:
    """Gives an exercise a fresh stub. What stood there is kept in the copy of the notebook whose path is returned."""
    released = _released_with(exercise, course)
    working = workspace / released.name
    if not working.is_file():
        raise WorkspaceError(f"{working} doesn't exist yet; `p2v lab` makes your working copy of {released.name}")
    notebook = read(working)
    stub = next(cell for cell in read(released).cells if _is_solution_of(cell, exercise.id))
    places = [index for index, cell in enumerate(notebook.cells) if _is_solution_of(cell, exercise.id)]
    backup = _set_aside(working, workspace)
    for index in reversed(places[1:]):  # copies, which would go on defining it; the file set aside has them
        del notebook.cells[index]
    if places:
        notebook.cells[places[0]] = stub
    else:
        notebook.cells.insert(_check_place(notebook, exercise.id), stub)
    write(notebook, working)
    return backup


def merge(old: Any, new: Any) -> tuple[Any, int]:
    """The new notebook with the student's own cells and answers in it, and how many of these there are.

    Cells that the student added follow the cell that they followed; demo cells that the student edited follow
    the new version of them.
    """
    merged = copy.deepcopy(new)
    answers = {key: cell for cell in old.cells if (key := _key(cell)) is not None and _role(cell) in STUDENTS}
    own = _own_cells(old)
    known = {_key(cell) for cell in new.cells}
    cells: list[Any] = list(_copies(own.pop(None, [])))
    kept = len(cells)
    for cell in merged.cells:
        key = _key(cell)
        if key in answers:
            mine = answers[key]
            kept += mine.source != cell.source
            cell.source = mine.source
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = mine.get("outputs", []), mine.get("execution_count")
        cells.append(cell)
        extra = list(_copies(own.pop(key, [])))
        kept += len(extra)
        cells += extra
    homeless = [cell for cells_after in own.values() for cell in cells_after]
    homeless += [cell for key, cell in answers.items() if key not in known]
    cells += list(_copies(homeless))
    merged.cells = cells
    return merged, kept + len(homeless)


def _own_cells(notebook: Any) -> dict[tuple[str, str] | None, list[Any]]:
    """The cells that are the student's, by the course's cell that they follow."""
    found: dict[tuple[str, str] | None, list[Any]] = {}
    last = {_key(cell): index for index, cell in enumerate(notebook.cells)}
    after: tuple[str, str] | None = None
    for index, cell in enumerate(notebook.cells):
        key = _key(cell)
        if key is not None:
            after = key
        copied = key is not None and last[key] != index
        if key is None or copied or _edited(cell):
            found.setdefault(after, []).append(cell)
    return found


def _copies(cells: list[Any]) -> Iterator[Any]:
    """The student's cells as cells of their own, without the course's marks on them."""
    for cell in cells:
        own = copy.deepcopy(cell)
        own.metadata = {key: value for key, value in own.metadata.items() if key not in (METADATA, "nbgrader")}
        own.id = hashlib.sha256(f"{cell.get('id', '')}{cell.source}".encode()).hexdigest()[:12]
        yield nbformat.from_dict(own)


def digest(source: str) -> str:
    """A short fingerprint of a cell's text, which weaving leaves in demo cells so that an edit can be seen."""
    return hashlib.sha256(source.encode()).hexdigest()[:12]


def _edited(cell: Any) -> bool:
    marks = cell.metadata.get(METADATA) or {}
    return "digest" in marks and marks["digest"] != digest(cell.source)


def _role(cell: Any) -> str:
    return str((cell.metadata.get(METADATA) or {}).get("role", ""))


def _key(cell: Any) -> tuple[str, str] | None:
    """What a cell of the course is, in any version of it; None for a cell of the student's."""
    marks = cell.metadata.get(METADATA)
    if not marks or "role" not in marks:
        return None
    role = str(marks["role"])
    name = marks.get("exercise") or marks.get("question")
    if name is None and str(cell.get("id", "")).startswith(role):
        name = cell.id  # a copy that a student made has the marks too, but a random id
    return None if name is None else (role, str(name))


def _identity(cell: Any) -> tuple[Any, ...]:
    return _key(cell), cell.cell_type, cell.source, cell.metadata.get("nbgrader")


def _is_solution_of(cell: Any, exercise_id: str) -> bool:
    return _key(cell) == ("solution", exercise_id)


def _check_place(notebook: Any, exercise_id: str) -> int:
    for index, cell in enumerate(notebook.cells):
        if _key(cell) == ("check", exercise_id):
            return index
    return len(notebook.cells)


def _released_with(exercise: Exercise, course: Path) -> Path:
    for path in sorted(course.glob("*/*.ipynb")):
        if any(_is_solution_of(cell, exercise.id) for cell in read(path).cells):
            return path
    raise WorkspaceError(f"no released notebook in {course} asks for {exercise.id}")


def _set_aside(path: Path, workspace: Path) -> Path:
    folder = workspace / BACKUPS
    stamp = time.strftime("%Y-%m-%d-%H%M%S")
    target = folder / f"{path.stem}.{stamp}{path.suffix}"
    number = 1
    while target.exists():
        number += 1
        target = folder / f"{path.stem}.{stamp}-{number}{path.suffix}"
    write_whole(path.read_bytes(), target)
    return target


def write(notebook: Any, path: Path) -> None:
    """Writes a notebook, whole or not at all."""
    write_whole((nbformat.writes(notebook, version=4) + "\n").encode(), path)
