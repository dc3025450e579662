"""What every exercise gets for free, from its spec alone."""

from dataclasses import replace

import pytest
import torch

from autograder import cli, registry, selftest
from autograder.driver import run_case
from autograder.home import repo_root
from autograder.judge import compare_outputs, expected_outputs
from autograder.notebook import exercise_ids, read
from autograder.sandbox.stopwatch import SUMMED

QUICK_SECONDS = 2.0
EXERCISES = registry.all_exercises()
ALTERNATIVES = cli.alternatives()


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.id)
def test_exercise(exercise):
    expected_outputs(exercise, next(iter(exercise.cases(registry_rng()))), torch.device("cpu"))
    alternatives = ALTERNATIVES.get(exercise.id, ())
    row = selftest.run(exercise, cli.reference_of(exercise), alternatives, (0, 1, 2), torch.device("cpu"))
    assert row.faults == []
    assert row.reference
    assert row.stub
    assert row.wrong == row.rejected == row.named
    assert row.alternatives == row.accepted
    if not exercise.live:
        assert row.seconds < QUICK_SECONDS


@pytest.mark.parametrize("exercise", [item for item in EXERCISES if item.speed], ids=lambda exercise: exercise.id)
def test_what_is_timed_is_compared_too(exercise):
    """As grading does: an answer that is quick and wrong is worth nothing."""
    case = exercise.speed.case(registry_rng())
    case = replace(case, terms=max(case.terms, SUMMED))
    expected = expected_outputs(exercise, case, torch.device("cpu"))
    trace = run_case(case, cli.reference_of(exercise))
    assert trace.failure is None
    assert compare_outputs(exercise, case, expected, trace.outputs) is None


def registry_rng():
    from autograder.spec import Rng

    return Rng(0)


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.id)
def test_needs_exist_and_come_from_other_exercises(exercise):
    known = {item.id for item in EXERCISES}
    assert set(exercise.needs) <= known - {exercise.id}


@pytest.mark.parametrize("lesson", registry.lessons())
def test_exercises_stand_in_the_notebooks_order_after_what_they_need(lesson):
    folders = sorted((repo_root() / "course").glob(f"{registry.number(lesson):02}_*"))
    notebooks = [read(path) for folder in folders for path in sorted(folder.glob("*.ipynb"))]
    order = [item.id for item in registry.exercises(lesson)]
    assert order == [name for notebook in notebooks for name in exercise_ids(notebook)]
    for place, item in enumerate(registry.exercises(lesson)):
        assert {need for need in item.needs if need.startswith(f"{lesson}.")} <= set(order[:place])


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.id)
def test_the_first_case_is_worked_out_by_hand(exercise):
    """Whole networks excepted: nobody works sixty thousand weights by hand."""
    if isinstance(exercise.oracle, type) and issubclass(exercise.oracle, torch.nn.Module):
        return
    first = next(iter(exercise.cases(registry_rng())))
    assert first.expect or first.note or exercise.live, "no hand-computed value and no arithmetic in the first case"


def test_alternatives_belong_to_exercises():
    assert set(ALTERNATIVES) <= {item.id for item in EXERCISES}


def test_names_are_found_in_any_case_and_typos_get_an_offer():
    assert registry.find("CONV2D").id == registry.find("lenet.conv2d").id == "lenet.conv2d"
    with pytest.raises(registry.UnknownExercise, match="did you mean conv2d"):
        registry.find("conv3d")
