"""The references, if they are installed: packages announced under the entry point group `p2v.references`.

The judge never imports the solutions by name, so that a class release can leave them out.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from graphlib import TopologicalSorter
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from autograder import slicing
from autograder.slicing import Cell

GROUP = "p2v.references"


@cache
def packages() -> tuple[str, ...]:
    """Names of the packages that hold references."""
    return tuple(item.value for item in entry_points(group=GROUP))


def reference(lesson: str, name: str) -> Any:
    """The reference's object, `reference("lenet", "conv2d")`. Raises LookupError where it isn't installed."""
    for package in packages():
        try:
            return getattr(importlib.import_module(f"{package}.{lesson}"), name)
        except (ImportError, AttributeError):
            continue
    raise LookupError(f"no reference for {lesson}.{name} is installed")


def source(lesson: str, name: str) -> str:
    """The reference's text. Raises LookupError where it isn't installed."""
    return inspect.getsource(reference(lesson, name))


@cache
def standalone(lesson: str, name: str) -> str:
    """The text of a module that holds the reference `name` and what it needs, of earlier lessons too, and no other.

    Raises LookupError where it isn't installed.
    """
    found = reference(lesson, name)
    package = next(package for package in packages() if f"{package}.{lesson}" in sys.modules)
    main = Path(str(sys.modules[f"{package}.{lesson}"].__file__))
    files = sorted(main.parent.glob("[!_]*.py")) if main.name == "__init__.py" else [main]
    sources = {file.stem: file.read_text(encoding="utf-8") for file in files}
    earlier = dict.fromkeys(item for text in sources.values() for item in _from_other_lessons(package, lesson, text))
    cells = [Cell(".".join(item), standalone(*item)) for item in earlier]
    cells += [
        Cell(stem, _without_imports_of(package, sources[stem]))
        for stem in _imported_first(f"{package}.{lesson}", sources)
    ]
    return slicing.source_of(slicing.needed(cells, found.__name__))


def _imports_of(package: str, source: str) -> Iterator[ast.ImportFrom]:
    """The lines that import from a package, or from a lesson of it."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{package}."):
            yield node


def _imported_first(lesson: str, sources: Mapping[str, str]) -> Iterator[str]:
    """A lesson's files, each after those that it imports from. lesson: dotted, with its package."""
    needed = {
        stem: [str(node.module).rpartition(".")[2] for node in _imports_of(lesson, text)]
        for stem, text in sources.items()
    }
    yield from TopologicalSorter(needed).static_order()


def _from_other_lessons(package: str, lesson: str, source: str) -> Iterator[tuple[str, str]]:
    """Lesson and name of what a file imports from other lessons of its package."""
    for node in _imports_of(package, source):
        other = str(node.module).split(".")[1]
        if other != lesson:
            yield from ((other, alias.name) for alias in node.names)


def _without_imports_of(package: str, source: str) -> str:
    """A file's text without the lines that import from its own package: what they name is put before it."""
    lines = source.split("\n")
    for node in _imports_of(package, source):
        for number in range(node.lineno - 1, node.end_lineno or node.lineno):
            lines[number] = ""
    return "\n".join(lines)
