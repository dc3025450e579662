"""Which names a piece of code binds, and which it needs from outside."""

from __future__ import annotations

import ast
import builtins
import symtable
from collections.abc import Iterator

BUILTINS = frozenset(dir(builtins)) | {"__name__", "__file__", "display", "get_ipython"}


def bound_names(code: str) -> set[str]:
    """The global names that running `code` binds. Raises SyntaxError."""
    return {symbol.get_name() for symbol in _global_symbols(code) if symbol.is_assigned() or symbol.is_imported()}


def free_names(code: str) -> dict[str, int]:
    """The global names that `code` reads and never binds, built-ins aside, with the line (from 1) of their first use.

    Raises SyntaxError.
    """
    read = {symbol.get_name() for symbol in _global_symbols(code) if symbol.is_referenced()}
    free = read - bound_names(code) - BUILTINS
    lines: dict[str, int] = {}
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Name) and node.id in free:
            lines[node.id] = min(node.lineno, lines.get(node.id, node.lineno))
    return dict(sorted(lines.items(), key=lambda item: (item[1], item[0])))


def _global_symbols(code: str) -> Iterator[symtable.Symbol]:
    top = symtable.symtable(code, "<cell>", "exec")
    yield from top.get_symbols()
    waiting = list(top.get_children())
    while waiting:
        table = waiting.pop()
        waiting.extend(table.get_children())
        yield from (symbol for symbol in table.get_symbols() if symbol.is_global())
