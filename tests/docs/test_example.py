"""The worked example of CONTRIBUTING.md, followed word by word in a copy of the lessons."""

from __future__ import annotations

import importlib.util
import shutil
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
import torch

from autograder import goldens, selftest
from autograder.judge import judge
from autograder.runner import in_this_process
from autograder.spec import Exercise, Golden
from autograder.weave import build
from autograder.weave.build import registered
from tests.docs.pages import ROOT, example, fences, page

TEXT = page("CONTRIBUTING.md")
REFERENCE, LESSON, SPEC = "solutions/warmup.py", "solutions/warmup.md", "autograder/exercises/warmup/greys.py"
ALTERNATIVES = "tests/alternatives/warmup.py"
CPU = torch.device("cpu")


def loaded(path, name):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A checkout with the example in it."""
    root = tmp_path_factory.mktemp("checkout")
    ignored = shutil.ignore_patterns("__pycache__", "notebooks")
    shutil.copytree(ROOT / "solutions", root / "solutions", ignore=ignored)
    reference, lesson, spec = (root / name for name in (REFERENCE, LESSON, SPEC))
    reference.write_text(f"{reference.read_text()}\n\n{example(TEXT, REFERENCE)}")
    before, place, after = lesson.read_text().partition("## Where it breaks")
    assert place
    lesson.write_text(f"{before}{example(TEXT, LESSON)}\n{place}{after}")
    spec.parent.mkdir(parents=True)
    spec.write_text(example(TEXT, SPEC))
    return root


@pytest.fixture(scope="module")
def grey(copy) -> Exercise:
    [exercise] = loaded(copy / SPEC, "example_spec").EXERCISES
    return exercise


@pytest.fixture(scope="module")
def reference(copy):
    return loaded(copy / REFERENCE, "example_reference").grey


def test_weave_makes_its_cells(copy, grey):
    def specs(module):
        return [*registered(module), *([grey] if module == "warmup" else [])]

    build(copy, lessons=["warmup"], specs=specs)
    for folder, solved in (("solutions/notebooks", True), ("course", False)):
        notebook = nbformat.read(copy / folder / "00_start" / "00_start.ipynb", as_version=4)
        sources = [cell.source for cell in notebook.cells]
        [stub] = [source for source in sources if "def grey(" in source]
        assert ("keepdim=True" in stub) is solved
        assert ("raise NotImplementedError()" in stub) is not solved
        assert "check(grey)" in sources
    assert build(copy, lessons=["warmup"], specs=specs, check_only=True) == []


def test_the_exercise_is_sound(grey, reference):
    space = {"torch": torch}
    exec(example(TEXT, ALTERNATIVES), space)
    row = selftest.run(grey, reference, space["ALTERNATIVES"][grey.id], (0, 1, 2), CPU)
    assert row.faults == []
    assert row.reference
    assert row.stub
    assert row.wrong == row.rejected == row.named == 3
    assert row.alternatives == row.accepted == 1


def test_the_names_stand_nowhere_in_the_course(grey):
    from autograder import registry

    assert grey.name not in {item.name for item in registry.all_exercises()}


def test_a_golden_can_be_recorded_in_its_place(grey, reference, tmp_path):
    [snippet] = [block for block in fences(TEXT, "python") if "Golden(" in block]
    oracle = eval(f"dict({snippet})", {"Golden": Golden, "Path": Path, "__file__": str(tmp_path / "greys.py")})[
        "oracle"
    ]
    golden = replace(grey, oracle=oracle, speed=replace(grey.speed, baseline=grey.oracle))
    assert goldens.record(golden, reference).is_file()
    verdict = judge(golden, in_this_process(golden, reference, CPU), seed=3)
    assert verdict.status == "right"
