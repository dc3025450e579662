"""Who may import whom (ARCHITECTURE.md)."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CORE = (
    "compare",
    "diagnose",
    "judge",
    "mistakes",
    "registry",
    "report",
    "goldens",
    "driver",
    "failures",
    "forbid",
    "probes",
    "wire",
)
EDGES = (
    "runner",
    "worker",
    "session",
    "lesson",
    "display",
    "gradebook",
    "cli",
    "weave",
    "notebook",
    "mine",
    "progress",
)


def imported(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (item.name for item in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{item.name}" for item in node.names)


def modules(folder):
    return sorted(path for path in (ROOT / folder).rglob("*.py") if "notebooks" not in path.parts)


@pytest.mark.parametrize(
    ("folder", "never"),
    [
        ("solutions", ("autograder", "tests")),
        ("autograder", ("solutions", "tests")),
        ("datasets/p2v_data", ("autograder", "solutions", "tests")),
        ("autograder/spec", ("autograder.judge", "autograder.runner", "autograder.driver", "autograder.lesson")),
    ],
)
def test_rooms_keep_to_their_arrows(folder, never):
    found = modules(folder)
    assert found
    for path in found:
        for name in imported(path):
            assert not any(name == room or name.startswith(f"{room}.") for room in never), f"{path}: {name}"


def test_specs_see_only_the_words_and_the_oracles():
    allowed = ("autograder.spec", "autograder.exercises", "autograder.probes")
    for path in modules("autograder/exercises"):
        for name in imported(path):
            if name == "autograder" or name.startswith("autograder."):
                assert name.startswith(allowed), f"{path}: {name}"


def test_the_core_knows_no_edge():
    for name in CORE:
        place = ROOT / "autograder" / name
        for path in sorted(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]:
            for other in imported(path):
                assert not any(other == f"autograder.{edge}" for edge in EDGES), f"{path}: {other}"


def test_only_notebooks_lie_where_nbgrader_looks():
    """Every other file in an assignment's source folder would be released as it is, solutions included."""
    files = [path for path in (ROOT / "solutions" / "notebooks").rglob("*") if path.is_file()]
    assert files
    assert {path.suffix for path in files if ".ipynb_checkpoints" not in path.parts} == {".ipynb"}


@pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is Linux's")
def test_where_answers_are_forked_nothing_is_known_of_checks_and_references():
    """What the zygote holds, an answer finds: every child is a copy of it."""
    listing = "import sys, autograder.sandbox.zygote; print(*sys.modules, sep='\\n')"
    done = subprocess.run([sys.executable, "-I", "-c", listing], capture_output=True, text=True, check=True)
    known = done.stdout.split()
    assert "autograder.sandbox.child" in known
    judging = ("judge", "compare", "diagnose", "mistakes")
    secret = (*judging, "registry", "exercises", "references", "packs", "marks", "gradebook")
    never = ("solutions", "tests", "p2v_data", "nbgrader", *(f"autograder.{name}" for name in secret))
    assert not [name for name in known if any(name == item or name.startswith(f"{item}.") for item in never)]
