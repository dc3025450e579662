"""Reads cells out of notebook files and running kernels."""

from __future__ import annotations

import inspect
import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat

from autograder.slicing import Cell

METADATA = "pixels_to_voxels"


class NotebookError(ValueError):
    """A file that can't be read as a notebook."""


def read(path: Path, *, outputs: bool = True) -> Any:
    """The notebook in `path`. Raises NotebookError, which says what is wrong with the file.

    outputs: False leaves them out, unread, since nbformat takes long over many.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # nbformat mends missing and doubled cell ids, and warns of it
            return nbformat.reads(text if outputs else _without_outputs(text), as_version=4)
    except FileNotFoundError:
        raise NotebookError(f"{path}: there is no such notebook") from None
    except UnicodeDecodeError:
        raise NotebookError(f"{path}: the file is not UTF-8 text, so it is no notebook that JupyterLab saved") from None
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise NotebookError(
            f"{path}: this is no valid notebook ({reason}); open it in JupyterLab and save it"
        ) from None


def _without_outputs(text: str) -> str:
    content = json.loads(text)
    if not isinstance(content, dict):
        raise ValueError("it holds no cells")
    cells = content.get("cells")
    for cell in cells if isinstance(cells, list) else []:
        if isinstance(cell, dict) and "outputs" in cell:
            cell["outputs"] = []
    if isinstance(content.get("metadata"), dict):
        content["metadata"].pop("widgets", None)
    return json.dumps(content)


def is_check_cell(cell: Any) -> bool:
    """Whether a cell is one of ours that checks an answer, and so never part of it."""
    marks = cell.metadata.get("nbgrader") or {}
    return bool(cell.cell_type == "code" and marks.get("grade") and not marks.get("solution"))


def code_cells(notebook: Any) -> list[Cell]:
    """The code of a notebook that may belong to answers, cells numbered from 1 as the student counts them."""
    found = []
    number = 0
    for cell in notebook.cells:
        added = bool(
            (cell.metadata.get(METADATA) or {}).get("added")
        )  # by grading, so the student has no number for it
        number += not added
        if cell.cell_type == "code" and not is_check_cell(cell) and isinstance(cell.source, str):
            found.append(Cell("a given cell" if added else f"cell {number}", cell.source))
    return found


def exercise_ids(notebook: Any) -> list[str]:
    """The ids of the exercises that a notebook's check cells ask for, in order."""
    found = []
    for cell in notebook.cells:
        exercise = (cell.metadata.get(METADATA) or {}).get("exercise")
        if exercise and is_check_cell(cell):
            found.append(str(exercise))
    return list(dict.fromkeys(found))


def running_shell() -> Any | None:
    """The IPython that this runs in, in a kernel or a terminal, or None in a script."""
    module = sys.modules.get("IPython")
    return module.get_ipython() if module is not None else None


def executed_cells(shell: Any) -> list[Cell]:
    """What a running IPython has executed so far, oldest first."""
    history = shell.history_manager.input_hist_raw
    return [Cell(f"cell {number}", source) for number, source in enumerate(history) if number and source.strip()]


def cells_of(answer: Callable[..., Any], shell: Any | None) -> list[Cell]:
    """The source that an answer lives in: the cells that IPython ran, else its module's file."""
    if shell is not None:
        return executed_cells(shell)
    module = sys.modules.get(answer.__module__)
    try:
        return [Cell(str(getattr(module, "__file__", "your code")), inspect.getsource(module))] if module else []
    except (OSError, TypeError):
        return []
