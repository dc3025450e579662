"""Cuts out of a notebook's cells what one definition needs, and nothing that runs for its own sake."""

from __future__ import annotations

import ast
import builtins
import re
import symtable
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True)
class Cell:
    """A code cell: where it stands ("cell 14") and its source."""

    place: str
    source: str


@dataclass(frozen=True)
class Statement:
    """A top-level statement: its text (decorators included), the names it binds, and the global names it uses.

    fills: the names whose objects it may change by calling their methods (`TABLE.append(1)`).
    """

    cell: Cell
    node: ast.stmt
    text: str
    binds: frozenset[str]
    reads: frozenset[str]
    fills: frozenset[str]


def first_line(node: ast.stmt) -> int:
    """The first line of a statement, counting decorators."""
    decorators = getattr(node, "decorator_list", [])
    return int(min([node.lineno, *(item.lineno for item in decorators)]))


def statements(cells: Iterable[Cell]) -> Iterator[Statement]:
    """The top-level statements of all cells that are Python; magics are left out, broken cells skipped."""
    for cell in cells:
        yield from _statements_of(cell)


@lru_cache(maxsize=4096)
def _statements_of(cell: Cell) -> tuple[Statement, ...]:
    source = without_magics(cell.source)
    try:
        tree = ast.parse(source)
        texts = list(_texts(source, tree.body))
        reads = [_read(text) for text in texts]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()
    clean = Cell(cell.place, source)
    return tuple(
        Statement(clean, node, text, frozenset(_bound(node)), names, frozenset(_filled(node)))
        for node, text, names in zip(tree.body, texts, reads, strict=True)
    )


def _texts(source: str, body: list[ast.stmt]) -> Iterator[str]:
    """The statements as written, or written anew where several share a line."""
    lines = source.split("\n")
    spans = [(first_line(node), node.end_lineno or node.lineno) for node in body]
    used = Counter(line for span in spans for line in set(span))
    for node, (first, last) in zip(body, spans, strict=True):
        shared = used[first] > 1 or used[last] > 1
        yield ast.unparse(node) if shared else "\n".join(lines[first - 1 : last])


RUN_THEIR_BODY = ("%%time", "%%capture", "%%prun")  # in the notebook's namespace, so they may hold definitions
MAGIC = re.compile(r"\s*[%!?]|.*\?\s*$|\s*[\w.,\s\[\]]+=\s*[%!]")


def without_magics(source: str) -> str:
    """The source with IPython's line magics and shell lines blanked (line numbers stay); most cell magics blank it all.

    Only lines that Python can't read are taken for magics: `% n` may continue a product, `?` may end a comment.
    """
    lines = source.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    first = next((number for number, line in enumerate(lines) if line.strip()), 0)
    margin = lines[first][: len(lines[first]) - len(lines[first].lstrip())]  # IPython takes it off every line
    lines = [line.removeprefix(margin) for line in lines]
    if lines[first].lstrip().startswith("%%"):
        if lines[first].split()[0] not in RUN_THEIR_BODY:
            return ""
        lines[first] = ""
    while (number := _unreadable_line(lines)) is not None and MAGIC.match(lines[number]):
        indent = lines[number][: len(lines[number]) - len(lines[number].lstrip())]
        lines[number] = f"{indent}pass" if indent else ""
    return "\n".join(lines)


def _unreadable_line(lines: list[str]) -> int | None:
    """The index of the line that Python stops at, or None if it reads all of them (or can't say)."""
    try:
        ast.parse("\n".join(lines))
    except SyntaxError as error:
        return min(error.lineno, len(lines)) - 1 if error.lineno else None
    except (ValueError, RecursionError, MemoryError):
        return None
    return None


def needed(cells: Iterable[Cell], name: str, *, given: Iterable[str] = ()) -> list[Statement]:
    """The statements that the definition of `name` needs, in order; empty if nothing defines it.

    given: names that are provided from elsewhere, so that their definitions are left out.
    Of several bindings of a name, the last counts, with those before that it builds on (`f = faster(f)`).
    """
    every = list(statements(cells))
    defined = {bound for item in every if not _is_import(item) for bound in item.binds}
    imported = {bound for item in every if _is_import(item) for bound in item.binds}
    provided = set(given) - {name}
    wanted, known = {name}, set[str]()
    kept: set[int] = set()
    while wanted - known:
        current = (wanted - known).pop()
        known.add(current)
        for index in range(len(every) - 1, -1, -1):
            item = every[index]
            if current not in item.binds and (current not in item.fills or current in imported):
                continue
            if _only_provides(item, provided) or (_lent(item) and (current == name or current in defined)):
                continue
            kept.add(index)
            wanted |= item.reads - provided - BUILTINS
            if _replaces(item, current):
                break
    if kept:
        kept |= {index for index, item in enumerate(every) if "*" in item.binds}  # what those bind can't be known
    return [every[index] for index in sorted(kept)]


def _is_import(item: Statement) -> bool:
    return isinstance(item.node, ast.Import | ast.ImportFrom)


def _lent(item: Statement) -> bool:
    """Whether a statement borrows from the library (`from mine.lenet import conv2d`), which defines nothing."""
    node = item.node
    return isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == LIBRARY


def _replaces(item: Statement, name: str) -> bool:
    """Whether a statement binds `name` without regard to what it was before."""
    node = item.node
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom):
        return True
    plain = isinstance(node, ast.Assign) and any(isinstance(to, ast.Name) and to.id == name for to in node.targets)
    return plain and name not in item.reads


BUILTINS = frozenset(dir(builtins))
LIBRARY = "mine"


def _only_provides(item: Statement, provided: set[str]) -> bool:
    return bool(item.binds) and item.binds <= provided


def source_of(found: Sequence[Statement]) -> str:
    """A module's text from the statements: imports first, each once, then the rest in order."""
    imports = list(dict.fromkeys(item.text for item in found if _is_import(item)))
    rest = [item.text for item in found if not _is_import(item)]
    parts = ["\n".join(imports)] if imports else []
    return "\n\n\n".join([*parts, *rest]) + "\n"


def defines(cells: Iterable[Cell], name: str) -> bool:
    """Whether any cell binds `name` at its top level other than by importing it."""
    return any(name in item.binds and not _is_import(item) for item in statements(cells))


def _bound(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
        return
    for item in ast.walk(node):
        if isinstance(item, ast.Name) and isinstance(item.ctx, ast.Store | ast.Del):
            yield item.id
        elif isinstance(item, ast.Import | ast.ImportFrom):
            yield from ((alias.asname or alias.name).partition(".")[0] for alias in item.names)
        elif isinstance(item, ast.FunctionDef | ast.ClassDef):
            yield item.name
        elif isinstance(item, ast.Attribute | ast.Subscript) and isinstance(item.ctx, ast.Store):
            yield from _base(item)


def _filled(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return
    for item in ast.walk(node):
        if isinstance(item, ast.Expr) and isinstance(item.value, ast.Call):
            yield from _base(item.value.func) if isinstance(item.value.func, ast.Attribute) else ()


def _base(node: ast.expr) -> Iterator[str]:
    """The name that attributes and items are taken of: `a` in `a.b[0].c`."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    if isinstance(node, ast.Name):
        yield node.id


def _read(text: str) -> frozenset[str]:
    """The global names that a statement uses, those inside its functions included; their local names are not."""
    return frozenset(_globals(symtable.symtable(text, "<cell>", "exec")))


def _globals(table: symtable.SymbolTable) -> Iterator[str]:
    outermost = table.get_type() == "module"
    for symbol in table.get_symbols():
        if symbol.is_referenced() and (outermost or symbol.is_global()):
            yield symbol.get_name()
    for inner in table.get_children():
        yield from _globals(inner)
