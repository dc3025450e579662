"""What a notebook accepts, the sandbox accepts; what it refuses by name, the sandbox refuses by that name."""

import sys
from pathlib import Path

import pytest
import torch

from autograder import answer, cli, registry, report
from autograder.grading import correctness
from autograder.judge import judge
from autograder.notebook import code_cells, exercise_ids, read
from autograder.runner import in_this_process
from autograder.slicing import Cell
from tests.honest.mistakes import MISTAKES
from tests.honest.notebooks import cells_of

SOLVED = sorted((Path(__file__).resolve().parents[2] / "solutions" / "notebooks").glob("*/*.ipynb"))
REFERENCES = [(path, name) for path in SOLVED for name in exercise_ids(read(path))]
# Other ways to train a goal's network are right in this process (tests/autograder/test_exercises.py); five minutes more
# of training would say nothing else about the sandbox, in which each goal's reference trains.
ALTERNATIVES = [
    (key, item) for key, answers in cli.alternatives().items() if not registry.find(key).live for item in answers
]
CPU = torch.device("cpu")


def demand_right(exercise, cells):
    verdict = correctness(exercise, cells, seed=3)
    assert verdict.status == "right", report.text(verdict, exercise)


@pytest.mark.parametrize(("path", "name"), REFERENCES, ids=lambda value: str(getattr(value, "stem", value)))
def test_solved_notebooks_are_right(path, name):
    demand_right(registry.find(name), code_cells(read(path)))


@pytest.mark.parametrize(("name", "item"), ALTERNATIVES, ids=lambda value: getattr(value, "__name__", value))
def test_alternatives_are_right(name, item):
    """The alternative's whole module is one cell; another binds it to the exercise's name."""
    exercise = registry.find(name)
    source = Path(str(sys.modules[item.__module__].__file__)).read_text(encoding="utf-8")
    demand_right(exercise, [Cell("cell 1", source), Cell("cell 2", f"{exercise.name} = {item.__name__}")])


@pytest.mark.parametrize("wrong", MISTAKES, ids=lambda wrong: f"{wrong.exercise}: {wrong.mistake}")
def test_mistakes_get_the_same_name(wrong, monkeypatch):
    exercise = registry.find(wrong.exercise)
    boxed = correctness(exercise, cells_of(wrong.code), seed=3)
    assert boxed.status == "not yet"
    assert boxed.diagnosis is not None, report.text(boxed, exercise)
    assert boxed.diagnosis.name == wrong.mistake
    here = judge(exercise, in_this_process(exercise, defined_here(exercise, wrong.code, monkeypatch), CPU), seed=3)
    assert here.diagnosis == boxed.diagnosis
    assert here.points == boxed.points


def defined_here(exercise, code, monkeypatch):
    """The answer, defined in this process as a worker would."""
    from autograder import mine, references

    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])  # put back afterwards
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    mine.install(mine.Library(Path("nowhere"), references.reference, notify=lambda _: None))
    needs = {need.partition(".")[2]: need.partition(".")[0] for need in exercise.needs}
    found = answer.define(exercise.name, cells_of(code), needs, exercise.forbidden)
    assert callable(found), found
    return found
