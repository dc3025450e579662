"""Every notebook runs from top to bottom: as released, with friendly answers; with its solutions, all accepted."""

import time
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from autograder.notebook import is_check_cell

ROOT = Path(__file__).resolve().parents[2]
SOLVED = sorted((ROOT / "solutions" / "notebooks").glob("*/*.ipynb"))
RELEASED = sorted((ROOT / "course").glob("*/*.ipynb"))
SECONDS = 600  # for a cell
LONGEST = 360.0  # for a notebook: twice what we aim at on a quiet machine with two cores


def executed(path, tmp_path, monkeypatch):
    monkeypatch.setenv("P2V_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    notebook = nbformat.read(path, as_version=4)
    start = time.monotonic()
    NotebookClient(notebook, timeout=SECONDS, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert time.monotonic() - start < LONGEST
    return notebook


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


def test_there_are_notebooks():
    assert [path.name for path in SOLVED] == [path.name for path in RELEASED]
    assert len(RELEASED) >= 3


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("path", SOLVED, ids=lambda path: path.stem)
def test_solutions_are_accepted(path, tmp_path, monkeypatch):
    notebook = executed(path, tmp_path, monkeypatch)
    checks = {cell.source: shown(cell) for cell in notebook.cells if is_check_cell(cell)}
    assert checks
    assert {source: text for source, text in checks.items() if "accepted," not in text} == {}
    assert stderr(notebook) == []


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("path", RELEASED, ids=lambda path: path.stem)
def test_released_notebooks_run_and_say_what_is_not_solved(path, tmp_path, monkeypatch):
    notebook = executed(path, tmp_path, monkeypatch)
    checks = {cell.source: shown(cell) for cell in notebook.cells if is_check_cell(cell)}
    assert checks
    assert {source: text for source, text in checks.items() if "not solved yet" not in text} == {}
    assert stderr(notebook) == []
