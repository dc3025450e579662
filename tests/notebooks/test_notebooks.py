"""Every notebook runs from top to bottom as released, with friendly answers; then its solutions are all accepted.

The solutions follow in the same kernel, one after another, as a student's do. What a lesson demonstrates isn't run
again after them: those cells are the same in both notebooks, and took from `mine` the reference, which is the
solution's own text. That demonstrations run on accepted answers too is tried in `ALSO_FROM_TOP_TO_BOTTOM`.
"""

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from autograder.notebook import is_check_cell

ROOT = Path(__file__).resolve().parents[2]
SOLVED = sorted((ROOT / "solutions" / "notebooks").glob("*/*.ipynb"), reverse=True)  # the longest first
RELEASED = sorted((ROOT / "course").glob("*/*.ipynb"), reverse=True)
ALSO_FROM_TOP_TO_BOTTOM = ("00_start", "01_lenet")
SECONDS = 900  # for a cell
LONGEST = 360.0  # processor seconds of a notebook: twice what we aim at


def executed(notebook, tmp_path, monkeypatch):
    monkeypatch.setenv("P2V_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    before = processor_seconds()
    NotebookClient(notebook, timeout=SECONDS, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert processor_seconds() - before < LONGEST
    assert stderr(notebook) == []


def processor_seconds():
    """Of kernels that have ended: what else the machine does counts for nothing. Windows doesn't tell, and says 0."""
    times = os.times()
    return times.children_user + times.children_system


def shown(cell):
    """What a cell shows in the end, as text; a progress bar's or a warning's lines included."""
    return "\n".join(
        output.get("text", "") or output.get("data", {}).get("text/plain", "") for output in cell.get("outputs", ())
    )


def stderr(notebook):
    return [
        (cell.id, output.text)
        for cell in notebook.cells
        for output in cell.get("outputs", ())
        if output.output_type == "stream" and output.name == "stderr" and "Warning" in output.text
    ]


def work_in(released, solved):
    """The cells of a solved notebook that the released one doesn't have, and those that check them."""
    assert [cell.id for cell in released] == [cell.id for cell in solved]
    pairs = zip(released, solved, strict=True)
    return [
        own for given, own in pairs if own.cell_type == "code" and (own.source != given.source or is_check_cell(own))
    ]


def demand(words, cells):
    """That every check among the cells says these words."""
    checks = {cell.source: shown(cell) for cell in cells if is_check_cell(cell)}
    assert checks
    assert {source: text for source, text in checks.items() if words not in text} == {}


def test_there_are_notebooks():
    assert [path.name for path in SOLVED] == [path.name for path in RELEASED]
    assert len(RELEASED) >= 3
    assert {path.stem for path in RELEASED} >= set(ALSO_FROM_TOP_TO_BOTTOM)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(("path", "solved"), [*zip(RELEASED, SOLVED, strict=True)], ids=lambda path: path.stem)
def test_released_notebooks_run_and_then_their_solutions_are_accepted(path, solved, tmp_path, monkeypatch):
    notebook = nbformat.read(path, as_version=4)
    released = list(notebook.cells)
    work = work_in(released, nbformat.read(solved, as_version=4).cells)
    notebook.cells.extend(work)
    executed(notebook, tmp_path, monkeypatch)
    demand("not solved yet", released)
    demand("accepted,", work)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("name", ALSO_FROM_TOP_TO_BOTTOM)
def test_solved_notebooks_run_from_top_to_bottom(name, tmp_path, monkeypatch):
    notebook = nbformat.read(next(path for path in SOLVED if path.stem == name), as_version=4)
    executed(notebook, tmp_path, monkeypatch)
    demand("accepted,", notebook.cells)
