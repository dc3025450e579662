"""What each student wrote for each exercise, without what was released; and its structure, without names and layout."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from autograder.class_report.collect import Facts
from autograder.class_report.plain import code_sources
from autograder.slicing import first_line, without_magics

RUN = 8  # nodes of the syntax tree in a row, compared as one piece
DEEPEST = 200
NAME = "$"
KEPT_NAMES = frozenset(dir(builtins)) | {"torch", "math", "F", "nn", "np", "self"}


@dataclass(frozen=True)
class Answer:
    """One student's own code for one exercise. pieces: its structure, as hashes."""

    student: str
    exercise: str
    text: str
    pieces: frozenset[int]


@dataclass(frozen=True)
class Part:
    """A top-level statement other than an import: the names that it binds, and the nodes of its syntax tree in order.

    Of the labels, those that begin with NAME are names.
    """

    text: str
    binds: frozenset[str]
    labels: tuple[str, ...]

    @property
    def mentions(self) -> set[str]:
        """All names in it."""
        return {label[1:] for label in self.labels if label[0] == NAME}


@dataclass(frozen=True)
class Given:
    """What the released notebooks hold: whole cells, statements, and the pieces of their structure."""

    cells: frozenset[str]
    texts: frozenset[str]
    pieces: frozenset[int]


def own_answers(facts: Facts) -> dict[str, list[Answer]]:
    """All answers by exercise, an exercise's ordered by student."""
    given = given_in(facts.places.released)
    names = frozenset(item.name for item in facts.asked)
    found: dict[str, list[Answer]] = {item.id: [] for item in facts.asked}
    known: dict[str, frozenset[int]] = {}
    for person in facts.people:
        folder = facts.places.submitted.get(person.id, Path())
        mine = [part for name in sorted(person.handed) for part in own_parts(folder / f"{name}.ipynb", given)]
        for asked in facts.asked:
            parts = needed_for(asked.name, mine, names)
            text = "\n\n".join(part.text for part in parts)
            if text and text not in known:
                known[text] = pieces_of(parts, names) - given.pieces
            if text:
                found[asked.id].append(Answer(person.id, asked.id, text, known[text]))
    return found


def given_in(paths: Iterable[Path]) -> Given:
    """What was released to everybody."""
    sources = [source for path in paths for source in code_sources(path)]
    parts = [part for source in sources for part in parts_of(source)]
    return Given(frozenset(sources), frozenset(part.text for part in parts), pieces_of(parts, frozenset()))


def own_parts(path: Path, given: Given) -> list[Part]:
    """What a student added to the released notebook, or changed in it."""
    sources = [source for source in code_sources(path) if source not in given.cells]
    return [part for source in sources for part in parts_of(source) if part.text not in given.texts]


@lru_cache(maxsize=1024)
def parts_of(source: str) -> tuple[Part, ...]:
    """The statements of a cell; none where it is no Python."""
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    try:
        try:
            tree = ast.parse(source)
        except SyntaxError:
            source = without_magics(source)
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    lines = source.split("\n")
    return tuple(
        _part(node, "\n".join(lines[first_line(node) - 1 : node.end_lineno]))
        for node in tree.body
        if not isinstance(node, ast.Import | ast.ImportFrom)
    )


def _part(node: ast.stmt, text: str) -> Part:
    labels: list[str] = []
    _label(node, 0, labels)
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return Part(text, frozenset([node.name]), tuple(labels))
    stored = (item for item in ast.walk(node) if isinstance(item, ast.Name) and isinstance(item.ctx, ast.Store))
    return Part(text, frozenset(item.id for item in stored), tuple(labels))


def needed_for(name: str, parts: Sequence[Part], names: frozenset[str]) -> list[Part]:
    """The last definition of an exercise, then the helpers that it leans on, in order; names: other exercises'."""
    where: dict[str, int] = {bound: place for place, part in enumerate(parts) for bound in part.binds}
    wanted, kept = [name], set[int]()
    while wanted:
        place = where.get(wanted.pop())
        if place is not None and place not in kept:
            kept.add(place)
            wanted += parts[place].mentions - names
    return [parts[place] for place in sorted(kept, key=lambda place: (place != where[name], place))]


def pieces_of(parts: Sequence[Part], names: frozenset[str]) -> frozenset[int]:
    """All runs of the structure of some statements; the same whatever variables are called and however it is laid out.

    names: those that mean the same to everybody, besides Python's own.
    """
    kept = KEPT_NAMES | names
    found: set[int] = set()
    for part in parts:
        labels = [NAME if label[0] == NAME and label[1:] not in kept else label for label in part.labels]
        found.update(map(hash, zip(*(labels[at:] for at in range(RUN)), strict=False)))
    return frozenset(found)


LEFT_OUT: Mapping[type[ast.AST], tuple[str, ...]] = {  # fields that the stub gives, or that change nothing
    ast.FunctionDef: ("args", "returns", "type_params"),
    ast.AsyncFunctionDef: ("args", "returns", "type_params"),
    ast.Lambda: ("args",),
    ast.AnnAssign: ("annotation",),
    ast.Name: ("ctx",),
    ast.Attribute: ("ctx",),
    ast.Subscript: ("ctx",),
    ast.Tuple: ("ctx",),
    ast.List: ("ctx",),
    ast.Starred: ("ctx",),
}


def _label(node: ast.AST, depth: int, labels: list[str]) -> None:
    """Adds the labels of a syntax tree's nodes, from the outside in, in the order of the text."""
    kind = type(node)
    if depth > DEEPEST or (kind is ast.Expr and isinstance(node.value, ast.Constant)):  # type: ignore[attr-defined]
        return  # a docstring, or an idle constant
    name = OWN_LABELS.get(kind)
    labels.append(name(node) if name is not None else kind.__name__)
    left_out = LEFT_OUT.get(kind, ())
    for field in kind._fields:
        if field in left_out:
            continue
        value = getattr(node, field, None)
        if isinstance(value, list):
            for child in value:
                if isinstance(child, ast.AST):
                    _label(child, depth + 1, labels)
        elif isinstance(value, ast.AST):
            _label(value, depth + 1, labels)


def _attribute(node: Any) -> str:
    own = isinstance(node.value, ast.Name) and node.value.id == "self"
    return ".own" if own else f".{node.attr}"


OWN_LABELS: Mapping[type[ast.AST], Callable[[Any], str]] = {  # of the others, the label is the kind of node
    ast.Name: lambda node: f"{NAME}{node.id}",
    ast.Attribute: _attribute,
    ast.Constant: lambda node: f"={node.value!r}"[:40],
    ast.keyword: lambda node: f"{node.arg}=",
}
