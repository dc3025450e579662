"""Watches an answer run: counts the operators it calls, and stops it at one that the exercise forbids.

Here the aim is feedback, on the student's own machine: two of torch's modes see what ordinary code calls.
Dotted names that torch doesn't dispatch (`scipy.signal`, `nn.MultiheadAttention`) are found in the source.
"""

from __future__ import annotations

import ast
import fnmatch
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import lru_cache
from types import TracebackType
from typing import Any

from torch.overrides import TorchFunctionMode, resolve_name
from torch.utils._python_dispatch import TorchDispatchMode

from autograder.failures import ForbiddenCall, caller_lines
from autograder.spec import Line


def matches(name: str, patterns: Iterable[str]) -> bool:
    """Whether a dotted or operator name, or a package that holds it, is among the patterns."""
    return _matches(name, tuple(patterns))


@lru_cache(maxsize=1 << 14)  # every operator of an answer is asked about, thousands of times the same few
def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) or name.startswith(f"{pattern}.") for pattern in patterns)


@lru_cache(maxsize=1 << 14)
def _name(function: Any) -> str:
    return str(resolve_name(function) or getattr(function, "__name__", function))


class Watch:
    """A context in which operators are counted and forbidden ones raise `ForbiddenCall`.

    operators: how many were dispatched so far. hit: the first forbidden call, kept even if the answer swallows it.
    """

    def __init__(self, patterns: Sequence[str] = ()) -> None:
        self.patterns = tuple(patterns)
        self.operators = 0
        self.hit: ForbiddenCall | None = None
        self._stack = ExitStack()

    def __enter__(self) -> Watch:
        self._stack.enter_context(_Functions(self))
        self._stack.enter_context(_Operators(self))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def see(self, name: str) -> None:
        """Raises if `name` is forbidden."""
        if self.patterns and matches(name, self.patterns):
            found = ForbiddenCall(name, caller_lines())
            self.hit = self.hit or found
            raise found


class _Functions(TorchFunctionMode):
    """Sees torch's Python functions, composite ones included."""

    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self._watch = watch

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if self._watch.patterns:
            self._watch.see(_name(func))
        return func(*args, **(kwargs or {}))


class _Operators(TorchDispatchMode):
    """Sees the operators that reach the dispatcher."""

    def __init__(self, watch: Watch) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        self._watch = watch

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        self._watch.operators += 1
        if self._watch.patterns:
            self._watch.see(func._schema.name)
        return func(*args, **(kwargs or {}))


def find_in_source(source: str, patterns: Sequence[str], place: str) -> tuple[str, Line] | None:
    """The first forbidden dotted name that a cell's source uses, with its line, or None.

    Follows the source's own imports (`import torch.nn.functional as F`); the usual ones count as made.
    """
    dotted = [pattern for pattern in patterns if "::" not in pattern]
    if not dotted:
        return None
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return None
    aliases = dict(USUAL_IMPORTS) | dict(_imports(tree))
    lines = source.splitlines()
    for node in ast.walk(tree):
        for name in _dotted_names(node, aliases):
            if matches(name, dotted):
                number = getattr(node, "lineno", 1)
                return name, Line(place, number, lines[number - 1].strip())
    return None


USUAL_IMPORTS = {"torch": "torch", "nn": "torch.nn", "F": "torch.nn.functional", "np": "numpy", "p2v_data": "p2v_data"}


def _imports(tree: ast.AST) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for item in node.names:
                if item.asname:
                    yield item.asname, item.name
                else:
                    top = item.name.partition(".")[0]
                    yield top, top
        elif isinstance(node, ast.ImportFrom) and node.module:
            for item in node.names:
                yield item.asname or item.name, f"{node.module}.{item.name}"


def _dotted_names(node: ast.AST, aliases: Mapping[str, str]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (item.name for item in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        yield from (f"{node.module}.{item.name}" for item in node.names)
    elif isinstance(node, ast.Attribute):
        parts = [node.attr]
        inner = node.value
        while isinstance(inner, ast.Attribute):
            parts.append(inner.attr)
            inner = inner.value
        if isinstance(inner, ast.Name) and inner.id in aliases:
            yield ".".join([aliases[inner.id], *reversed(parts)])
    elif isinstance(node, ast.Name) and node.id in aliases and aliases[node.id].count("."):
        yield aliases[node.id]
