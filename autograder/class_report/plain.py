"""Reads notebooks of any condition quickly: no validation, no words about what is wrong (grading says that)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from autograder.notebook import METADATA

LARGEST = 100_000_000  # bytes


def code_cells(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The code cells of a notebook file: text and metadata. None where it can't be read, or isn't of nbformat 4."""
    try:
        raw = json.loads(path.read_bytes()) if path.stat().st_size <= LARGEST else None
    except (OSError, ValueError, RecursionError, MemoryError):
        return
    cells = raw.get("cells") if isinstance(raw, dict) else None
    for cell in cells if isinstance(cells, list) else ():
        if not isinstance(cell, dict) or cell.get("cell_type") != "code":
            continue
        source, metadata = cell.get("source"), cell.get("metadata")
        if isinstance(source, list) and all(isinstance(line, str) for line in source):
            source = "".join(source)
        if isinstance(source, str):
            yield source.strip(), metadata if isinstance(metadata, dict) else {}


def code_sources(path: Path) -> Iterator[str]:
    """The code that a notebook holds besides check cells."""
    for source, metadata in code_cells(path):
        if not _is_check(metadata):
            yield source


def checked_exercises(path: Path) -> Iterator[str]:
    """The exercises that a notebook's check cells ask for, in order."""
    for _, metadata in code_cells(path):
        ours = metadata.get(METADATA)
        if _is_check(metadata) and isinstance(ours, dict) and ours.get("exercise"):
            yield str(ours["exercise"])


def _is_check(metadata: Mapping[str, Any]) -> bool:
    marks = metadata.get("nbgrader")
    return isinstance(marks, dict) and bool(marks.get("grade")) and not marks.get("solution")
