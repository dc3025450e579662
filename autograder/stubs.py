"""Tells an exercise that nobody has begun from one that has an answer, without running anything."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from autograder.slicing import Statement
from autograder.spec import Line


def stub(found: Sequence[Statement], name: str) -> Line | None:
    """Where a released stub gives up, if the statements define `name` as that and nothing else; None where in doubt.

    found: what the definition of `name` needs.
    """
    own = [item for item in found if name in item.binds]
    if len(own) != 1 or not all(_only_defines(item.node) for item in found):
        return None
    [item] = own
    last = _all_it_does(item.node)
    if last is None:
        return None
    return Line(item.cell.place, last.lineno, item.cell.source.split("\n")[last.lineno - 1].strip())


def _only_defines(node: ast.stmt) -> bool:
    """Whether a statement can do nothing to another's name."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        return all(item.name != "*" for item in node.names)
    return isinstance(node, ast.FunctionDef) and not node.decorator_list


def _all_it_does(node: ast.stmt) -> ast.Raise | None:
    """A function's `raise NotImplementedError()`, if that is its whole body but for the docstring."""
    if not isinstance(node, ast.FunctionDef):
        return None
    body = node.body[1:] if ast.get_docstring(node, clean=False) is not None else node.body
    if len(body) != 1 or not isinstance(body[0], ast.Raise) or body[0].cause is not None:
        return None
    raised = body[0].exc
    if isinstance(raised, ast.Call) and not raised.args and not raised.keywords:
        raised = raised.func
    return body[0] if isinstance(raised, ast.Name) and raised.id == "NotImplementedError" else None
