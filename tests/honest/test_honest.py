"""No false alarms: unusual but honest answers get full marks in the sandbox."""

import pytest

from autograder import registry, report
from autograder.grading import correctness, grade
from tests.honest import dense, layers, training, warmup

ANSWERS = [*warmup.ANSWERS, *layers.ANSWERS, *dense.ANSWERS, *training.ANSWERS]


@pytest.mark.parametrize("honest", ANSWERS, ids=lambda honest: f"{honest.exercise}: {honest.about}")
def test_an_honest_answer_gets_full_marks(honest):
    exercise = registry.find(honest.exercise)
    judge = grade if honest.timed else correctness
    verdict = judge(exercise, honest.cells, seed=7)
    assert verdict.status == ("accepted" if honest.timed else "right"), report.text(verdict, exercise)
    assert verdict.points == exercise.points
