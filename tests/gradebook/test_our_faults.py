"""What goes wrong on our side is never marked as the student's mistake."""

from __future__ import annotations

import logging
import subprocess
import sys

from nbformat.v4 import new_code_cell, new_notebook

from autograder import gradebook
from autograder.gradebook import JudgeExercises
from autograder.marks import OUR_FAULT


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


BROKEN_SANDBOX = """
import sys
from nbformat.v4 import new_code_cell, new_notebook
from autograder.gradebook import JudgeExercises
from autograder.sandbox import protections
assert protections.missing() == ()
sys.executable = "/bin/false"
marks = {"grade_id": "check-lenet-relu", "grade": True, "solution": False, "locked": True, "points": 1}
answer = new_code_cell("import torch\\n\\n\\ndef relu(x):\\n    return x.clamp_min(0)")
notebook = new_notebook(cells=[answer, new_code_cell("check(relu)", metadata={"nbgrader": marks})])
JudgeExercises().preprocess(notebook, {})
print([output.data["text/plain"] for output in notebook.cells[1].outputs])
"""


def test_a_sandbox_that_does_not_start_is_no_wrong_answer():
    command = [sys.executable, "-c", BROKEN_SANDBOX]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.strip() == str([f"lenet.relu: {OUR_FAULT}", "0.0"])
