"""Notebooks are cut in a confined process, which also tells what nobody has begun."""

from __future__ import annotations

from dataclasses import replace

import pytest

from autograder import grading, registry
from autograder.grading import correctness
from autograder.judge import judge
from autograder.sandbox import protections
from autograder.sandbox.slicer import slices
from autograder.sandbox.worker import SandboxWorker
from autograder.slicing import Cell
from autograder.spec import Line

RELU = registry.find("lenet.relu")
IMPORTS = Cell("cell 1", "import torch\nfrom torch import Tensor")
STUB = """def relu(x: Tensor) -> Tensor:
    '''The positive part.'''
    # YOUR CODE HERE
    raise NotImplementedError()"""
AT = Line("cell 2", 4, "raise NotImplementedError()")

pytestmark = pytest.mark.skipif(bool(protections.missing()), reason="this machine has no sandbox")


def cut(*sources):
    cells = [IMPORTS, *(Cell(f"cell {number}", source) for number, source in enumerate(sources, 2))]
    return slices([RELU], cells)["lenet.relu"]


def test_a_stub_is_told_without_running_it():
    assert cut(STUB).unsolved == AT
    assert cut(STUB, "import os\nos._exit(1)", "print(relu(torch.ones(1)))").unsolved == AT


@pytest.mark.parametrize(
    "sources",
    [
        ["def relu(x):\n    return x.clamp(min=0)"],
        [STUB, "def relu(x):\n    return x.clamp(min=0)"],
        [STUB, "relu = torch.nn.ReLU()"],
        [STUB, "from helpers import *"],
        [STUB, "from torch import relu"],
        [f"import functools\n@functools.singledispatch\n{STUB}"],
        [f"{STUB}\n    return x.clamp(min=0)"],
        ["def relu(x):\n    raise NotImplementedError('a branch is missing')"],
        ["def relu(x):\n    raise ValueError()"],
        ["class relu:\n    def __new__(cls, x):\n        raise NotImplementedError()"],
    ],
    ids=["answer", "second", "assigned", "star", "imported", "decorated", "goes on", "says more", "error", "class"],
)
def test_what_may_be_an_answer_is_run(sources):
    found = cut(*sources)
    assert found.unsolved is None
    assert [cell.place for cell in found.cells][-1] == f"cell {len(sources) + 1}"


def test_the_verdict_is_the_one_that_running_it_gives(monkeypatch):
    cells = (IMPORTS, Cell("cell 2", STUB))
    with SandboxWorker(RELU, cells) as worker:
        ran = judge(RELU, worker.run, seed=5)
    monkeypatch.setattr(grading, "SandboxWorker", None)
    assert replace(correctness(RELU, cells, seed=5), seconds=0.0) == replace(ran, seconds=0.0)
    assert ran.status == "unsolved"
