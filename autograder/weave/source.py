"""The reference, read as text: definitions with their exact source lines. Nothing is imported or run."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from autograder.weave.names import free_names
from autograder.weave.problems import Problems

Node: TypeAlias = ast.FunctionDef | ast.ClassDef | ast.Assign | ast.AnnAssign


@dataclass(frozen=True, order=True)
class Import:
    """`import module as alias`, or `from module import name as alias` where there is a name."""

    module: str
    name: str
    alias: str

    @property
    def bound(self) -> str:
        """The name it binds."""
        return self.alias or self.name or self.module.partition(".")[0]

    @property
    def clause(self) -> str:
        """What stands after `import`: "functional as F"."""
        what = self.name or self.module
        return f"{what} as {self.alias}" if self.alias else what


@dataclass(frozen=True)
class Definition:
    """A top-level function, class or value of a reference module.

    path: its file, relative to the checkout; line: its first. text: its exact source, decorators included.
    free: the global names it reads. imports: what its file imports from libraries, by bound name.
    course: names that its file imports from reference modules, with the lesson's module each comes from.
    """

    module: str
    name: str
    path: str
    line: int
    text: str
    free: tuple[str, ...]
    imports: Mapping[str, Import]
    course: Mapping[str, str]

    @property
    def kind(self) -> Literal["function", "class", "value"]:
        """What it defines."""
        node = self.node
        if isinstance(node, ast.ClassDef):
            return "class"
        return "function" if isinstance(node, ast.FunctionDef) else "value"

    @property
    def node(self) -> Node:
        """Its syntax tree, with lines counted from 1 in `text`."""
        node = ast.parse(self.text).body[0]
        assert isinstance(node, Node)
        return node


@dataclass(frozen=True)
class Reference:
    """The reference of one lesson: `solutions/NAME.py`, or the files of the package `solutions/NAME/`."""

    module: str
    paths: tuple[str, ...]
    definitions: Mapping[str, Definition]


def read_reference(solutions: Path, module: str, problems: Problems) -> Reference | None:
    """Reads the reference of a lesson as text; None where there is none. Paths are relative to the folder above."""
    single, package = solutions / f"{module}.py", solutions / module
    files = [single] if single.is_file() else sorted(package.glob("*.py"))
    if not files:
        return None
    definitions: dict[str, Definition] = {}
    for file in files:
        path = file.relative_to(solutions.parent).as_posix()
        for item in _definitions(file.read_text(encoding="utf-8"), path, module, problems):
            other = definitions.setdefault(item.name, item)
            if other is not item:
                problems.add(path, item.line, f"{item.name!r} is defined in {other.path}:{other.line} already")
    return Reference(module, tuple(file.relative_to(solutions.parent).as_posix() for file in files), definitions)


def _definitions(text: str, path: str, module: str, problems: Problems) -> Iterator[Definition]:
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        problems.add(path, error.lineno or 0, f"not Python: {error.msg}")
        return
    lines = text.split("\n")
    imports, course = _imports(tree, module)
    for node in tree.body:
        name = _defined_name(node)
        if name is None or (name.startswith("__") and name.endswith("__")):
            continue
        assert isinstance(node, Node)
        first = min([node.lineno, *(item.lineno for item in getattr(node, "decorator_list", ()))])
        body = "\n".join(lines[first - 1 : _last_line(node, lines)])
        yield Definition(module, name, path, first, body, tuple(free_names(body)), imports, course)


def _defined_name(node: ast.stmt) -> str | None:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return node.name
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return targets[0].id if len(targets) == 1 and isinstance(targets[0], ast.Name) else None


def _last_line(node: Node, lines: list[str]) -> int:
    """The last line of a definition, comments that trail in its block included."""
    last = node.end_lineno or node.lineno
    for number in range(last, len(lines)):
        line = lines[number]
        if line.strip() and not (line[0].isspace() and line.lstrip().startswith("#")):
            break
        if line.strip():
            last = number + 1
    return last


def _imports(tree: ast.Module, module: str) -> tuple[dict[str, Import], dict[str, str]]:
    """What a file imports from libraries, and which names from reference modules."""
    libraries: list[Import] = []
    course: dict[str, str] = {}
    for node in tree.body:
        if isinstance(node, ast.Import):
            libraries += [Import(item.name, "", item.asname or "") for item in node.names]
        elif isinstance(node, ast.ImportFrom):
            top, _, rest = (node.module or "").partition(".")
            if node.level or top == "solutions":
                lesson = module if node.level else rest.partition(".")[0]
                course |= {item.name: lesson for item in node.names if item.asname is None}
            elif top != "__future__":
                libraries += [Import(node.module or "", item.name, item.asname or "") for item in node.names]
    return {item.bound: item for item in libraries if not item.module.startswith("solutions")}, course
