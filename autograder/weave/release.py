"""The students' notebooks: stripped by nbgrader's own generate_assignment, then searched for what must not be there."""

from __future__ import annotations

import ast
import io
import logging
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from autograder.weave.markers import BEGIN, END, given_statements
from autograder.weave.notebook import Woven, written
from autograder.weave.problems import Problems

STUB = "# YOUR CODE HERE\nraise NotImplementedError()"  # nbgrader's
TELLING = 25  # characters from which on a line says something of its own


def release(notebooks: Iterable[Woven], problems: Problems) -> dict[str, str]:
    """The released text of each notebook, by its path ("01_lenet/01_lenet.ipynb")."""
    woven = list(notebooks)
    with tempfile.TemporaryDirectory(prefix="p2v-weave-") as folder:
        root = Path(folder)
        for item in woven:
            path = root / "source" / item.lesson.notebook
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(item.text, encoding="utf-8")
        _generate(root)
        released: dict[str, str] = {}
        for item in woven:
            notebook = nbformat.read(root / "release" / item.lesson.notebook, as_version=4)
            verify(item, notebook, problems)
            released[item.lesson.notebook] = written(notebook)
    return released


def _generate(root: Path) -> None:
    """Runs generate_assignment on all assignments in a folder. A gradebook is left out, as it changes no notebook."""
    from nbgrader.converters import GenerateAssignment
    from nbgrader.converters.base import NbGraderException
    from nbgrader.coursedir import CourseDirectory
    from nbgrader.preprocessors import SaveCells

    folders = {"root": str(root), "source_directory": "source", "release_directory": "release"}
    course = CourseDirectory(**folders, assignment_id="*", db_url=f"sqlite:///{root / 'unused.db'}")
    converter = GenerateAssignment(coursedir=course, no_database=True)
    converter.preprocessors = [item for item in converter.preprocessors if item is not SaveCells]
    said = io.StringIO()
    handler = logging.StreamHandler(said)
    handler.setLevel(logging.ERROR)
    converter.log.addHandler(handler)
    try:
        converter.start()
    except NbGraderException as error:
        raise RuntimeError(f"nbgrader generate_assignment failed:\n{said.getvalue()}") from error
    finally:
        converter.log.removeHandler(handler)


def verify(woven: Woven, notebook: NotebookNode, problems: Problems) -> None:
    """Refuses a release that tells more than it should, or whose stubs lost more than their bodies."""
    path = woven.lesson.path
    asked_cells = {id: cell for cell in notebook.cells if (id := _ours(cell).get("exercise")) if _is(cell, "solution")}
    for id, answer in woven.answers.items():
        cell = asked_cells.get(id)
        if cell is None:
            problems.add(path, 0, f"the release lacks the cell of {id}")
        elif reason := _wrong_stub(_without_markers(answer.text), cell.source):
            problems.add(path, 0, f"the release of {id}: {reason}")
    for line in _told(woven, notebook):
        problems.add(path, 0, f"the release gives away {line!r}")
    if any(cell.get("outputs") for cell in notebook.cells):
        problems.add(path, 0, "the release holds outputs")


def _told(woven: Woven, notebook: NotebookNode) -> Iterator[str]:
    """First lines of bodies that stand in the release as a whole, and lines of marking guides."""
    texts = ["\n".join(_telling(cell.source.split("\n"))) for cell in notebook.cells]
    for answer in woven.answers.values():
        for body in answer.bodies:
            telling = _telling(body)
            block = "\n".join(telling)
            if len(block) >= TELLING and any(f"\n{block}\n" in f"\n{text}\n" for text in texts):
                yield telling[0]
    guides = {line for guide in woven.guides for line in _telling(guide.split("\n")) if len(line) >= TELLING}
    yield from sorted(guides & {line for text in texts for line in text.split("\n")})


def _telling(lines: Iterable[str]) -> list[str]:
    """Lines without indentation, blank ones and comments left out."""
    return [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]


def _wrong_stub(solved: str, stub: str) -> str:
    """Why a stub is not the solution with its bodies replaced; "" if it is."""
    if BEGIN in stub or END in stub or "MARK SCHEME" in stub:
        return "a marker is left"
    try:
        wanted, got = _definition(solved), _definition(stub)
    except (SyntaxError, IndexError) as error:
        return f"it is no definition ({error})"
    if type(wanted) is not type(got) or wanted.name != got.name:
        return "the definition has changed"
    return _differs(wanted, got)


def _definition(text: str) -> ast.FunctionDef | ast.ClassDef:
    return [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef | ast.ClassDef)][-1]


def _differs(wanted: ast.FunctionDef | ast.ClassDef, got: ast.FunctionDef | ast.ClassDef) -> str:
    if ast.get_docstring(wanted, clean=False) != ast.get_docstring(got, clean=False):
        return f"{wanted.name!r} lost its docstring"
    if isinstance(wanted, ast.FunctionDef) and isinstance(got, ast.FunctionDef):
        return _function_differs(wanted, got)
    if ast.dump(_head(wanted)) != ast.dump(_head(got)) or len(wanted.body) != len(got.body):
        return f"class {wanted.name!r} lost more than the bodies of its methods"
    for one, other in zip(wanted.body, got.body, strict=True):
        if isinstance(one, ast.FunctionDef) and isinstance(other, ast.FunctionDef):
            if reason := _differs(one, other):
                return reason
        elif ast.dump(one) != ast.dump(other):
            return f"class {wanted.name!r} lost {ast.unparse(one)!r}"
    return ""


def _function_differs(wanted: ast.FunctionDef, got: ast.FunctionDef) -> str:
    if ast.dump(_head(wanted)) != ast.dump(_head(got)):
        return f"{wanted.name!r} lost its signature or decorators"
    if [ast.dump(item) for item in wanted.body] == [ast.dump(item) for item in got.body]:
        return ""  # given
    kept = given_statements(wanted)
    rest = [ast.unparse(item) for item in got.body[kept:]]
    same = [ast.dump(item) for item in wanted.body[:kept]] == [ast.dump(item) for item in got.body[:kept]]
    return "" if same and rest == [STUB.split("\n")[1]] else f"the body of {wanted.name!r} is not the stub"


def _head(node: ast.FunctionDef | ast.ClassDef) -> ast.AST:
    """The node without its body."""
    copy = ast.parse(ast.unparse(node)).body[0]
    assert isinstance(copy, ast.FunctionDef | ast.ClassDef)
    copy.body = [ast.Pass()]
    return copy


def _without_markers(text: str) -> str:
    return "\n".join(line for line in text.split("\n") if line.strip() not in (BEGIN, END))


def _ours(cell: NotebookNode) -> Mapping[str, str]:
    found: Mapping[str, str] = cell.metadata.get("pixels_to_voxels", {})
    return found


def _is(cell: NotebookNode, role: str) -> bool:
    return _ours(cell).get("role") == role
