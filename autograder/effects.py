"""Which names a top-level statement changes without binding them: tables filled, objects registered, globals set."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence

Function = ast.FunctionDef | ast.AsyncFunctionDef
CHANGES_ARGUMENTS = (
    *("setattr", "delattr", "update_wrapper", "shuffle", "heapify", "heappush", "heappop", "heappushpop"),
    *("insort", "insort_left", "insort_right", "fill_diagonal", "put", "put_along_axis", "copyto"),
)


def functions_of(nodes: Iterable[ast.stmt]) -> dict[str, Function]:
    """The functions that statements define, by name; the last counts."""
    return {node.name: node for node in nodes if isinstance(node, Function)}


def changed_by(node: ast.stmt, functions: Mapping[str, Function]) -> frozenset[str]:
    """The names whose objects a statement may change: by their methods, as arguments, or through a function it calls.

    functions: the notebook's own. Calls count where their result is thrown away or they decorate, not in demos that
    print or draw a result.
    """
    if isinstance(node, Function | ast.ClassDef):
        decorators = [item.func if isinstance(item, ast.Call) else item for item in node.decorator_list]
        return frozenset(name for item in decorators for name in _through(item, (), functions))
    return frozenset(
        name
        for item in ast.walk(node)
        if isinstance(item, ast.Expr) and isinstance(item.value, ast.Call)
        for name in _by_call(item.value, functions)
    )


def _by_call(call: ast.Call, functions: Mapping[str, Function]) -> Iterator[str]:
    yield from _through(call.func, call.args, functions)
    yield from (name for item in call.keywords if item.arg == "out" for name in base(item.value))
    called = last_name(call.func)
    if called in CHANGES_ARGUMENTS or (called.endswith("_") and not called.endswith("__")):
        yield from (name for item in call.args for name in base(item))


def _through(called: ast.expr, arguments: Sequence[ast.expr], functions: Mapping[str, Function]) -> Iterator[str]:
    """What a call changes: the object whose method it is, or what the notebook's own function changes."""
    if isinstance(called, ast.Attribute):
        yield from base(called)
    elif isinstance(called, ast.Name) and called.id in functions:
        changed = frozenset(_changed_inside(functions[called.id]))
        own = [item.arg for item in functions[called.id].args.args]
        yield from changed - set(own)
        for parameter, value in zip(own, arguments, strict=False):
            yield from base(value) if parameter in changed else ()


def _changed_inside(function: Function) -> Iterator[str]:
    """The names, parameters or global, that a function's body changes."""
    for item in ast.walk(function):
        if isinstance(item, ast.Global):
            yield from item.names
        elif isinstance(item, ast.Attribute | ast.Subscript) and isinstance(item.ctx, ast.Store | ast.Del):
            yield from base(item)
        elif isinstance(item, ast.Expr) and isinstance(item.value, ast.Call):
            yield from _by_call(item.value, {})


def base(node: ast.expr) -> Iterator[str]:
    """The name that attributes and items are taken of: `a` in `a.b[0].c`."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    if isinstance(node, ast.Name):
        yield node.id


def last_name(node: ast.expr) -> str:
    """The last part of a dotted name, "" of anything else."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
