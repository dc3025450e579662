"""What `pytest tests/gpu` runs, run on the CPU, so that it is known to work before a GPU is at hand."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

import p2v_data
from autograder import registry
from autograder.selftest import Row
from tests.gpu import table

CPU = torch.device("cpu")
ROOT = Path(__file__).resolve().parents[2]
NOT_ON_A_GPU_MACHINE = (
    *("nbformat", "IPython", "ipywidgets", "jupyter_client", "nbgrader", "nbconvert", "traitlets"),
    *("typer", "rich", "yaml", "matplotlib", "mlxtend", "pooch", "jaxtyping", "tqdm"),
)
ALONE = f"""
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {NOT_ON_A_GPU_MACHINE}:
            raise ModuleNotFoundError(name, name=name)
sys.path.insert(0, {str(ROOT)!r})
import importlib.util
plain = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name in {NOT_ON_A_GPU_MACHINE} else plain(name, package)
sys.meta_path.insert(0, Missing())
import torch
from tests.gpu import table
from autograder import registry
assert "mlxtend" in table.lacking(registry.find("train_lenet"))
row = table.checked(registry.find("LeNet5"), torch.device("cpu"))
print(table.faults(row), row.named == row.wrong > 0)
"""


@pytest.mark.parametrize("name", ["one_hot", "relu", "SGD"])
def test_the_same_path_on_the_cpu(name):
    exercise = registry.find(name)
    assert table.lacking(exercise) == ""
    row = table.checked(exercise, CPU)
    assert row.faults == []
    assert (row.reference, row.stub, row.named, row.accepted) == (True, True, row.wrong, row.alternatives)
    written = table.markdown([row], CPU)
    assert f"| {exercise.id} | ✓ | {row.wrong}/{row.wrong} |" in written
    assert table.device_name(CPU) in written


def test_it_runs_where_only_torch_and_the_oracles_are():
    done = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.stdout.strip() == "[] True", done.stderr


def test_budgets_are_judged_on_cpus_only_and_still_shown():
    row = Row("toys.slow", faults=[f"{table.OVER_BUDGET}: 9 ×", "the stub is not recognised"])
    assert table.faults(row) == ["the stub is not recognised"]
    assert table.OVER_BUDGET in table.markdown([row], CPU)


def test_missing_data_are_a_reason(monkeypatch):
    def gone(exercise, seed):
        raise p2v_data.DataMissingError("pip install it")

    monkeypatch.setattr(table, "cases_of", gone)
    assert table.lacking(registry.find("relu")) == "pip install it"
