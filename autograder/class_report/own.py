"""What each student wrote for each exercise, without what was released; and its structure, without names and layout."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from autograder.class_report.collect import SUBMITTED, Facts, released
from autograder.class_report.plain import load
from autograder.notebook import code_cells
from autograder.slicing import Cell, Statement, needed, statements

RUN = 8  # nodes of the syntax tree in a row, compared as one piece
DEEPEST = 200
KEPT_NAMES = frozenset(dir(builtins)) | {"torch", "math", "F", "nn", "np", "self"}


@dataclass(frozen=True)
class Answer:
    """One student's own code for one exercise. pieces: its structure, as hashes."""

    student: str
    exercise: str
    text: str
    pieces: frozenset[int]


@dataclass(frozen=True)
class Given:
    """What the released notebooks hold: whole cells, statements, and the pieces of their structure."""

    cells: frozenset[str]
    texts: frozenset[str]
    pieces: frozenset[int]


def own_answers(facts: Facts) -> dict[str, list[Answer]]:
    """All answers by exercise, an exercise's ordered by student."""
    given = given_in(released(facts.course, facts.lesson))
    names = frozenset(item.name for item in facts.asked)
    found: dict[str, list[Answer]] = {item.id: [] for item in facts.asked}
    known: dict[str, frozenset[int]] = {}
    for person in facts.people:
        folder = facts.course / SUBMITTED / person.id / facts.lesson
        cells = [cell for name in sorted(person.handed) for cell in own_cells(folder / f"{name}.ipynb", given)]
        mine = list(statements(cells))
        defined = {name for item in mine for name in item.binds}
        for asked in facts.asked:
            if asked.name not in defined:
                continue
            parts = [item for item in needed(cells, asked.name, given=names) if item.text not in given.texts]
            text = "\n\n".join(item.text for item in parts if not isinstance(item.node, ast.Import | ast.ImportFrom))
            if text not in known:
                known[text] = pieces_of(parts, names) - given.pieces
            found[asked.id].append(Answer(person.id, asked.id, text, known[text]))
    return found


def given_in(paths: Iterable[Path]) -> Given:
    """What was released to everybody."""
    cells = [cell for path in paths if (notebook := load(path)) is not None for cell in code_cells(notebook)]
    parts = list(statements(cells))
    sources = frozenset(cell.source.strip() for cell in cells)
    return Given(sources, frozenset(item.text for item in parts), pieces_of(parts, frozenset()))


def own_cells(path: Path, given: Given) -> list[Cell]:
    """The code cells of a submission that differ from everything released."""
    notebook = load(path)
    cells = code_cells(notebook) if notebook is not None else []
    return [cell for cell in cells if cell.source.strip() not in given.cells]


def pieces_of(parts: Sequence[Statement], names: frozenset[str]) -> frozenset[int]:
    """All runs of the structure of some statements; the same whatever variables are called and however it is laid out.

    names: those that mean the same to everybody, besides Python's own.
    """
    found: set[int] = set()
    for item in parts:
        if not isinstance(item.node, ast.Import | ast.ImportFrom):
            labels = list(_labels(item.node, KEPT_NAMES | names, 0))
            found.update(hash(tuple(labels[at : at + RUN])) for at in range(len(labels) - RUN + 1))
    return frozenset(found)


LEFT_OUT: Mapping[str, tuple[str, ...]] = {  # fields that the stub gives, or that change nothing
    "FunctionDef": ("args", "returns", "type_params"),
    "AsyncFunctionDef": ("args", "returns", "type_params"),
    "Lambda": ("args",),
    "AnnAssign": ("annotation",),
}


def _labels(node: ast.AST, kept: frozenset[str], depth: int) -> Iterator[str]:
    """The nodes of a syntax tree from the outside in, in the order of the text."""
    kind = type(node).__name__
    if isinstance(node, ast.expr_context | ast.Load) or depth > DEEPEST:
        return
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return  # a docstring, or an idle constant
    yield _label(node, kind, kept)
    left_out = LEFT_OUT.get(kind, ())
    for name, value in ast.iter_fields(node):
        if name in left_out:
            continue
        for child in value if isinstance(value, list) else (value,):
            if isinstance(child, ast.AST):
                yield from _labels(child, kept, depth + 1)


def _label(node: ast.AST, kind: str, kept: frozenset[str]) -> str:
    if isinstance(node, ast.Name):
        return node.id if node.id in kept else "name"
    if isinstance(node, ast.Attribute):
        own = isinstance(node.value, ast.Name) and node.value.id == "self"
        return ".own" if own else f".{node.attr}"
    if isinstance(node, ast.Constant):
        return repr(node.value)[:40]
    if isinstance(node, ast.keyword):
        return f"{node.arg}="
    return kind
