"""Cuts out of a notebook's cells what one definition needs, and nothing that runs for its own sake."""

from __future__ import annotations

import ast
import builtins
import re
import symtable
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from autograder import effects


@dataclass(frozen=True)
class Cell:
    """A code cell: where it stands ("cell 14") and its source."""

    place: str
    source: str


@dataclass(frozen=True)
class Statement:
    """A top-level statement: its text (decorators included), the names it binds, and the global names it uses.

    now: those of `reads` that it uses as it runs; the others are used when a function in it is called.
    """

    cell: Cell
    node: ast.stmt
    text: str
    binds: frozenset[str]
    reads: frozenset[str]
    now: frozenset[str]


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
    clean = Cell(cell.place, source)
    try:
        return tuple(_statement(clean, *item) for item in _texts(source, ast.parse(source).body))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ()


def _statement(cell: Cell, node: ast.stmt, text: str) -> Statement:
    now, later = _read(node, text)
    return Statement(cell, node, text, frozenset(_bound(node)), now | later, now)


def _texts(source: str, body: list[ast.stmt]) -> Iterator[tuple[ast.stmt, str]]:
    """The statements as written, or written anew where several share a line. Each name of an import stands alone."""
    lines = source.split("\n")
    spans = [(first_line(node), node.end_lineno or node.lineno) for node in body]
    used = Counter(line for span in spans for line in set(span))
    for node, (first, last) in zip(body, spans, strict=True):
        if isinstance(node, ast.Import | ast.ImportFrom) and len(node.names) > 1:
            yield from ((one, ast.unparse(one)) for one in _one_name_each(node))
        else:
            shared = used[first] > 1 or used[last] > 1
            yield node, ast.unparse(node) if shared else "\n".join(lines[first - 1 : last])


def _one_name_each(node: ast.Import | ast.ImportFrom) -> Iterator[ast.stmt]:
    for name in node.names:
        one = (
            ast.Import([name])
            if isinstance(node, ast.Import)
            else ast.ImportFrom(module=node.module, names=[name], level=node.level)
        )
        yield ast.copy_location(one, node)


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
    Of several bindings of a name, the last before its use counts, with those before that it builds on
    (`f = faster(f)`). What a function uses, it uses when it is called: there the notebook's last binding counts.
    """
    notebook = _Notebook(list(statements(cells)), name, set(given) - {name})
    end = len(notebook.every)
    wanted, known = {(name, end)}, set[tuple[str, int]]()
    kept: set[int] = set()
    while wanted - known:
        current, before = (wanted - known).pop()
        known.add((current, before))
        found = notebook.bindings(current, before)
        if not found and before < end:  # cells were run in another order
            wanted.add((current, end))
        for index in found:
            item = notebook.every[index]
            kept.add(index)
            wanted |= {(read, index if read in item.now else before) for read in notebook.wants(item)}
    if kept:
        kept |= {index for index, item in enumerate(notebook.every) if "*" in item.binds}  # these can't be known
    return [notebook.every[index] for index in sorted(kept)]


def reduced(cells: Sequence[Cell], found: Iterable[Statement]) -> list[Cell]:
    """The cells with all lines blanked but those of the statements that are needed: they define the same."""
    spans: dict[Cell, set[int]] = {}
    for item in found:
        first, last = first_line(item.node), item.node.end_lineno or item.node.lineno
        spans.setdefault(item.cell, set()).update(range(first - 1, last))
    return [_only(cell, spans) for cell in cells]


def _only(cell: Cell, spans: Mapping[Cell, set[int]]) -> Cell:
    clean = next((item.cell for item in _statements_of(cell)), cell)
    kept = spans.get(clean, set())
    lines = clean.source.split("\n")[: max(kept, default=-1) + 1]
    return Cell(cell.place, "\n".join(line if number in kept else "" for number, line in enumerate(lines)))


class _Notebook:
    """All statements of a notebook, asked for what binds a name. provided: names that come from elsewhere."""

    def __init__(self, every: list[Statement], name: str, provided: set[str]) -> None:
        self.every = every
        self._name = name
        self._provided = provided
        self._defined = {bound for item in every if not _is_import(item) for bound in item.binds}
        self._imported = {bound for item in every if _is_import(item) for bound in item.binds}
        self._libraries = {bound for item in every if _is_library(item.node) for bound in item.binds}
        functions = effects.functions_of(item.node for item in every)
        self._changes = [effects.changed_by(item.node, functions) for item in every]

    def wants(self, item: Statement) -> set[str]:
        """What a statement uses of the notebook, what it borrows from the library under another name included."""
        return set(item.reads - BUILTINS | self._borrowed(item)) - self._provided

    def _borrowed(self, item: Statement) -> set[str]:
        """The student's own answers that a statement takes from the library: `import mine.lenet as m; m.relu(x)`."""
        through = self._libraries & item.reads
        found = set(_taken_from_library(item.node))
        if through:
            found |= {part.attr for part in ast.walk(item.node) if isinstance(part, ast.Attribute)}
        return found & self._defined

    def bindings(self, name: str, before: int) -> list[int]:
        """The statements before one that bind or change `name`, back to one that needs none before."""
        found = []
        for index in range(before - 1, -1, -1):
            item = self.every[index]
            if name not in item.binds and (name not in self._changes[index] or name in self._imported):
                continue
            if item.binds and item.binds <= self._provided:
                continue
            if _lent(item) and (name == self._name or name in self._defined):
                continue
            found.append(index)
            if _replaces(item, name):
                break
        return found


def _is_import(item: Statement) -> bool:
    return isinstance(item.node, ast.Import | ast.ImportFrom)


def _is_library(node: ast.stmt) -> bool:
    if isinstance(node, ast.ImportFrom):
        return node.module == LIBRARY
    return isinstance(node, ast.Import) and node.names[0].name.partition(".")[0] == LIBRARY


def _taken_from_library(node: ast.stmt) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.ImportFrom) and (part.module or "").partition(".")[0] == LIBRARY:
            yield from (item.name for item in part.names)


def _lent(item: Statement) -> bool:
    """Whether a statement borrows from the library (`from mine.lenet import conv2d`), which defines nothing."""
    node = item.node
    return isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == LIBRARY


def _replaces(item: Statement, name: str) -> bool:
    """Whether a statement binds `name` without regard to what it was before."""
    node = item.node
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom):
        return name in item.binds
    plain = isinstance(node, ast.Assign) and any(isinstance(to, ast.Name) and to.id == name for to in node.targets)
    return plain and name not in item.reads


BUILTINS = frozenset(dir(builtins))
LIBRARY = "mine"


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
            yield from effects.base(item)


def _read(node: ast.stmt, text: str) -> tuple[frozenset[str], frozenset[str]]:
    """The global names that a statement uses as it runs, and those that functions inside it use; no local ones."""
    found = list(_globals(symtable.symtable(text, "<cell>", "exec"), later=False))
    now = {name for name, later in found if not later} | set(_own_namesakes(node))
    return frozenset(now), frozenset(name for name, later in found if later)


COMPREHENSIONS = ("listcomp", "setcomp", "dictcomp", "genexpr")


def _globals(table: symtable.SymbolTable, later: bool) -> Iterator[tuple[str, bool]]:
    outermost = table.get_type() == "module"
    for symbol in table.get_symbols():
        used = symbol.is_referenced() or symbol.is_declared_global()  # `COUNT += 1` refers to it as well
        if used and (outermost or symbol.is_global()):
            yield symbol.get_name(), later
    for inner in table.get_children():
        waits = inner.get_type() == "function" and inner.get_name() not in COMPREHENSIONS
        yield from _globals(inner, later or waits)


def _own_namesakes(node: ast.stmt) -> Iterator[str]:
    """The globals that a class copies under their own name: `class Options: eps = eps`."""
    for item in node.body if isinstance(node, ast.ClassDef) else []:
        if isinstance(item, ast.Assign | ast.AnnAssign) and item.value is not None:
            targets = set(_bound(item))
            yield from (use.id for use in ast.walk(item.value) if isinstance(use, ast.Name) and use.id in targets)
