"""Puts nbgrader's solution markers around the bodies that a student has to write."""

from __future__ import annotations

import ast
import tokenize
from dataclasses import dataclass

from autograder.weave.marks import ExerciseMark
from autograder.weave.problems import nearest
from autograder.weave.source import Definition

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"


class CannotAsk(ValueError):
    """A definition that can't become an exercise as it stands."""


@dataclass(frozen=True)
class Asked:
    """A definition as it stands in a solution cell.

    text: with markers. bodies: the lines between them, one list for each function or method that is asked.
    """

    text: str
    bodies: tuple[tuple[str, ...], ...]


def asked(definition: Definition, mark: ExerciseMark) -> Asked:
    """The solution cell of an exercise. Raises CannotAsk."""
    lines = definition.text.split("\n")
    node = definition.node
    if isinstance(node, ast.FunctionDef):
        if mark.ask is not None or mark.given:
            raise CannotAsk(f"{definition.name!r} is a function: ask= and given= are for classes")
        functions = [node]
    elif isinstance(node, ast.ClassDef):
        functions = _methods(node, mark)
    else:
        raise CannotAsk(f"{definition.name!r} is a value, neither a function nor a class")
    bodies: list[tuple[str, ...]] = []
    for function in reversed(functions):
        span = _body_span(function, lines)
        if span is None:
            continue
        first, last = span
        indent = " " * function.body[-1].col_offset
        bodies.insert(0, tuple(lines[first:last]))
        lines[first:last] = [indent + BEGIN, *lines[first:last], indent + END]
    if not bodies:
        raise CannotAsk(f"{definition.name!r} leaves nothing to write")
    return Asked("\n".join(lines), tuple(bodies))


def _methods(node: ast.ClassDef, mark: ExerciseMark) -> list[ast.FunctionDef]:
    methods = {item.name: item for item in node.body if isinstance(item, ast.FunctionDef)}
    for name in (*(mark.ask or ()), *mark.given):
        if name not in methods:
            raise CannotAsk(f"{node.name!r} has no method {name!r}{nearest(name, methods)}")
    wanted = set(methods) - set(mark.given) if mark.ask is None else set(mark.ask)
    return [item for item in node.body if isinstance(item, ast.FunctionDef) and item.name in wanted]


def given_statements(function: ast.FunctionDef) -> int:
    """How many statements at the head of a body are given: the docstring, then `super().__init__(…)`."""
    count = 1 if ast.get_docstring(function, clean=False) is not None else 0
    if len(function.body) > count and _calls_super_init(function.body[count]):
        count += 1
    return count


def _calls_super_init(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and ast.unparse(statement).startswith("super().__init__(")


def _body_span(function: ast.FunctionDef, lines: list[str]) -> tuple[int, int] | None:
    """First and past-last index of the lines to write; None where nothing is left (a docstring, `super()` alone)."""
    given = given_statements(function)
    if len(function.body) == given:
        return None
    before = function.body[given - 1].end_lineno if given else _head_end(function, lines)
    first = before or function.lineno
    if function.body[given].lineno <= first:
        raise CannotAsk(f"the body of {function.name!r} must begin on a line of its own")
    while not lines[first].strip():
        first += 1
    return first, _block_end(function, lines)


def _head_end(function: ast.FunctionDef, lines: list[str]) -> int:
    """The number of the line on which the signature ends."""
    tokens = tokenize.generate_tokens(iter(f"{line}\n" for line in lines[function.lineno - 1 :]).__next__)
    end = next(token for token in tokens if token.type == tokenize.NEWLINE)
    return function.lineno + end.start[0] - 1


def _block_end(function: ast.FunctionDef, lines: list[str]) -> int:
    """Past the last line of a body, comments that trail in its block included."""
    last = function.end_lineno or function.lineno
    depth = function.body[-1].col_offset
    for index in range(last, len(lines)):
        line = lines[index]
        if line.strip() and not (line.lstrip().startswith("#") and len(line) - len(line.lstrip()) >= depth):
            break
        if line.strip():
            last = index + 1
    return last
