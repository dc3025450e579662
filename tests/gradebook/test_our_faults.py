"""What goes wrong on our side is never marked as the student's mistake."""

from __future__ import annotations

import logging

import pytest
from nbformat.v4 import new_code_cell, new_notebook

from autograder import gradebook
from autograder.gradebook import OUR_FAULT, JudgeExercises
from autograder.grading import grade
from autograder.slicing import Cell
from autograder.worker import WorkerError
from tests.autograder.toys import DOUBLE


def checked(name):
    marks = {"grade_id": name, "grade": True, "solution": False, "locked": True, "points": 1}
    return new_notebook(cells=[new_code_cell("check(relu)", metadata={"nbgrader": marks})])


def broken(*_, **__):
    raise ZeroDivisionError("broken on purpose")


def test_a_judge_that_fails_says_so_to_the_student_and_in_the_log(monkeypatch, caplog):
    monkeypatch.setattr(gradebook, "grade", broken)
    notebook = checked("check-lenet-relu")
    judge = JudgeExercises()
    judge.log = logging.getLogger("grading")
    judge.preprocess(notebook, {})
    report, points = notebook.cells[0].outputs
    assert OUR_FAULT in report.data["text/plain"]
    assert "ZeroDivisionError" not in report.data["text/plain"]
    assert points.data["text/plain"] == "0.0"
    assert "look at this submission yourself" in caplog.text
    assert "broken on purpose" in caplog.text


def test_a_check_of_nothing_gets_nothing():
    notebook = checked("check-lenet-nothing")
    JudgeExercises().preprocess(notebook, {})
    report, points = notebook.cells[0].outputs
    assert "checks no exercise" in report.data["text/plain"]
    assert points.data["text/plain"] == "0.0"


def test_a_process_that_does_not_start_is_no_wrong_answer():
    answer = Cell("cell 1", "def double(x):\n    return 2 * x")
    with pytest.raises(WorkerError, match="didn't start"):
        grade(DOUBLE, [answer], seed=1)  # which no process can find, as it is not registered
