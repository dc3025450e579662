"""Makes whatever students hand in gradable, for nbgrader (see nbgrader_config.py), and says in words what was wrong.

nbgrader alone loses a submission whose cells lack ids or flags, and stops the whole class at others.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any
from uuid import uuid4

from nbconvert.exporters import NotebookExporter
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from nbgrader.api import Gradebook
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets import Any as Anything

from autograder.gradebook import JudgeExercises
from autograder.notebook import METADATA, NotebookError, read

SCHEMA = 3  # of nbgrader's cell metadata
LONGEST_NOTE, MOST_NAMED = 500, 8
ADDED = {METADATA: {"added": True}}
LANGUAGE = {"language_info": {"name": "python"}}
CELL_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")


class SubmissionReader(NotebookExporter):
    """Reads a submitted file; one that is no notebook becomes an empty notebook that says so.

    nbgrader makes it before it touches anything, so this is where grading refuses to start.
    """

    def __init__(self, config: Any = None, **options: Any) -> None:
        super().__init__(config=config, **options)  # type: ignore[no-untyped-call]
        JudgeExercises(parent=self).require_protection()

    def from_filename(self, filename: str, resources: Any = None, **options: Any) -> tuple[Any, Any]:
        """The notebook as text, and nbconvert's resources."""
        path = Path(filename)
        notebook = opened(path)
        if "unreadable" in _ours(notebook):
            self.log.error("%s could not be read: %s", filename, _ours(notebook)["unreadable"])
        place = {"metadata": {"name": path.stem, "path": str(path.parent)}}
        resources = {**(resources or {}), **place}
        found: tuple[Any, Any] = self.from_notebook_node(notebook, resources, **options)  # type: ignore[no-untyped-call]
        return found


def opened(path: Path) -> NotebookNode:
    """The notebook in a submitted file, well formed; an empty one that says why if the file is none."""
    try:
        return well_formed(read(path, outputs=False))
    except NotebookError as error:
        reason = str(error).partition(": ")[2]
    empty: NotebookNode = new_notebook(metadata={**LANGUAGE, METADATA: {"unreadable": reason}})
    return empty


def well_formed(notebook: Any) -> NotebookNode:
    """A notebook that any tool can read: cells without text or of no known kind are left out.

    Of metadata only nbgrader's and ours are kept: nothing else matters to grading, and anything may stand there.
    """
    listed = notebook.get("cells")
    found = [_mended(cell) for cell in (listed if isinstance(listed, list) else [])]
    cells = [cell for cell in found if cell is not None]
    ids = set[str]()
    for cell in cells:
        if not isinstance(cell.get("id"), str) or not CELL_ID.fullmatch(cell["id"]) or cell["id"] in ids:
            cell["id"] = uuid4().hex[:8]
        ids.add(cell["id"])
    metadata = {**LANGUAGE, **_kept(notebook.get("metadata"), ("kernelspec", METADATA))}
    clean: NotebookNode = new_notebook(cells=cells, metadata=metadata)
    return clean


def _mended(cell: Any) -> NotebookNode | None:
    if not isinstance(cell, NotebookNode) or not isinstance(cell.get("source"), str):
        return None
    kind = cell.get("cell_type")
    if kind not in ("code", "markdown", "raw"):
        return None
    mended = NotebookNode(cell_type=kind, id=cell.get("id"), source=cell["source"])
    mended["metadata"] = _kept(cell.get("metadata"), ("nbgrader", METADATA))
    if kind == "code":
        mended["outputs"] = cell["outputs"] if isinstance(cell.get("outputs"), list) else []
        mended["execution_count"] = None
    elif _are_attachments(cell.get("attachments")):
        mended["attachments"] = cell["attachments"]
    return mended


def _kept(metadata: Any, names: Sequence[str]) -> NotebookNode:
    given = metadata if isinstance(metadata, NotebookNode) else NotebookNode()
    return NotebookNode({name: given[name] for name in names if isinstance(given.get(name), NotebookNode)})


def _are_attachments(found: Any) -> bool:
    bundles = found.values() if isinstance(found, Mapping) else [None]
    return all(isinstance(item, Mapping) and all(isinstance(data, str) for data in item.values()) for item in bundles)


@dataclass(frozen=True)
class SourceCell:
    """A cell as it was released: its nbgrader metadata and its text."""

    kind: str
    text: str
    marks: Mapping[str, Any]

    @property
    def kept(self) -> bool:
        """Whether it is put back where it is missing: what is graded, and what is given."""
        return bool(self.marks["grade"] or self.marks["locked"])

    @property
    def called(self) -> str:
        """How to speak of it: a check by its text, everything else by its id."""
        short = self.kind == "code" and self.marks["grade"] and "\n" not in self.text and len(self.text) < 60
        return self.text if short else str(self.marks["grade_id"])


class RestoreCells(NbGraderPreprocessor):  # type: ignore[misc]  # nbgrader is untyped
    """Gives each released cell its metadata back, puts missing ones in, and notes what it found at the top.

    Of cells with one id the last counts; what else pretends to be a released cell becomes an ordinary one.
    """

    released = Anything(None, help="The lesson's notebooks with their released cells; None asks the gradebook.")

    def preprocess(self, nb: Any, resources: Any) -> tuple[Any, Any]:
        """Restores a submitted notebook, whatever was done to it."""
        about = resources["nbgrader"]
        if self.released is None:
            with Gradebook(about["db_url"]) as gradebook:
                released = released_cells(gradebook.find_notebook(about["notebook"], about["assignment"]))
                names = [item.name for item in gradebook.find_assignment(about["assignment"]).notebooks]
        else:
            released, names = self.released[about["notebook"]], list(self.released)
        folder = Path(resources["metadata"]["path"])
        absent = [f"{name}.ipynb" for name in names if not (folder / f"{name}.ipynb").exists()]
        course = CourseDirectory(config=self.config)
        place = Path(course.format_path(course.release_directory, ".", about["assignment"]))
        for note in restored(nb, place / f"{about['notebook']}.ipynb", released, absent):
            self.log.warning("%s: %s", about["student"], note)
        return nb, resources


def restored(notebook: Any, release: Path, released: Mapping[str, SourceCell], absent: Sequence[str] = ()) -> list[str]:
    """Restores a notebook in place, with what had to be done at its top and in its metadata; a sentence each.

    release: the released file, where the class keeps it. absent: the files that should have been handed in beside it.
    """
    name = release.name
    notes = [*_about_the_file(notebook, name), *_about_the_release(notebook, release), *_about_others(absent)]
    notes = [note[:LONGEST_NOTE] for note in [*notes, *restore(notebook, released)]]
    if notes:
        lines = "\n".join(f"* {escape(note, quote=False)}" for note in notes)
        notebook.cells.insert(0, new_markdown_cell(f"**Notes from grading**\n\n{lines}", metadata=ADDED))
    notebook.metadata[METADATA] = {**_ours(notebook), "notes": notes}
    return notes


def released_cells(notebook: Any) -> dict[str, SourceCell]:
    """What the gradebook knows of a released notebook's cells, by their nbgrader ids."""
    points = {cell.name: cell.max_score for cell in notebook.grade_cells}
    solutions = {cell.name for cell in notebook.solution_cells}
    found = {}
    for cell in notebook.source_cells:
        marks = {"schema_version": SCHEMA, "grade_id": cell.name, "task": False, "locked": cell.locked}
        marks |= {"grade": cell.name in points, "solution": cell.name in solutions}
        marks |= {"checksum": cell.checksum, "cell_type": cell.cell_type}
        if cell.name in points:
            marks["points"] = points[cell.name]
        found[cell.name] = SourceCell(cell.cell_type, cell.source, marks)
    return found


def restore(notebook: Any, released: Mapping[str, SourceCell]) -> list[str]:
    """Restores a notebook's cells in place; what had to be done, a sentence each."""
    notes: list[str] = []
    present: set[str] = set()
    for cell in reversed(notebook.cells):
        marks = cell.metadata.pop("nbgrader", None)
        name = marks.get("grade_id") if isinstance(marks, Mapping) else None
        source = released.get(name) if isinstance(name, str) else None
        if name is None or source is None:
            continue
        if name in present:
            notes.append(f"There are several cells {source.called}; the last one counts.")
            continue
        if cell.cell_type != source.kind:
            notes.append(
                f"The cell {source.called} was a {cell.cell_type} cell; it was made a {source.kind} cell again."
            )
            _become(cell, source.kind)
        if source.marks["locked"] and cell.source != source.text:
            if cell.source.strip() != source.text.strip():
                notes.append(f"The locked cell {source.called} had been changed; it was put back as it was released.")
            cell.source = source.text
        cell.metadata["nbgrader"] = NotebookNode(source.marks)
        present.add(name)
    missing = [name for name, source in released.items() if source.kept and name not in present]
    for name in missing:
        _insert(notebook, name, released)
    if missing:
        names = ", ".join(released[name].called for name in missing[:MOST_NAMED])
        more = f" and {len(missing) - MOST_NAMED} more" if len(missing) > MOST_NAMED else ""
        notes.append(f"Missing cells, which were put back as they were released: {names}{more}.")
    return notes


def _become(cell: NotebookNode, kind: str) -> None:
    """Makes a cell one of another kind, with what such a cell may have."""
    for name in ("outputs", "execution_count", "attachments"):
        cell.pop(name, None)
    cell["cell_type"] = kind
    if kind == "code":
        cell.update(outputs=[], execution_count=None)


def _insert(notebook: Any, name: str, released: Mapping[str, SourceCell]) -> None:
    """Puts a missing cell below the nearest released cell before it, else at the start."""
    source = released[name]
    make: Callable[..., NotebookNode] = new_code_cell if source.kind == "code" else new_markdown_cell
    cell = make(source.text, metadata={**ADDED, "nbgrader": NotebookNode(source.marks)})
    places = {(item.metadata.get("nbgrader") or {}).get("grade_id"): index for index, item in enumerate(notebook.cells)}
    order = list(released)
    before = (places[other] for other in reversed(order[: order.index(name)]) if other in places)
    notebook.cells.insert(next(before, -1) + 1, cell)


def _ours(notebook: Any) -> Mapping[str, Any]:
    found = notebook.metadata.get(METADATA)
    return found if isinstance(found, Mapping) else {}


def _about_the_file(notebook: Any, name: str) -> Iterator[str]:
    ours = _ours(notebook)
    if "unreadable" in ours:
        yield f"{name} could not be read: {ours['unreadable']}. Nothing in it could be graded."
    other = str(ours.get("notebook", name)).rpartition("/")[2]
    if other != name:
        yield f"This file is called {name}, but it is {other}. What {name} asks for was not found in it."


def _about_the_release(notebook: Any, release: Path) -> Iterator[str]:
    """What to say of a notebook of another release; its ids and cells are then restored like anything changed."""
    try:
        wanted = _release_as_of(release, release.stat().st_mtime_ns)
    except (NotebookError, OSError):  # the class's release isn't kept here
        return
    ours = _ours(notebook)
    same_lesson = ours.get("notebook") == wanted.get("notebook")
    if same_lesson and ours.get("digest") != wanted.get("digest"):
        yield (
            f"This is another release of {release.name} than the one that is graded. Answers count where the exercise "
            "still exists; `p2v update` brings the present release into a working copy."
        )


@lru_cache(maxsize=8)
def _release_as_of(path: Path, changed: int) -> Mapping[str, Any]:
    """What a released notebook says of itself, read once for a class. changed: when its file was."""
    return _ours(read(path))


def _about_others(absent: Sequence[str]) -> Iterator[str]:
    if absent:
        yield f"Not handed in: {', '.join(absent)}. What it asks for counts 0."
