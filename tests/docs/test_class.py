"""The instructor's commands in README.md, run as they stand there, on the shortest lesson."""

from __future__ import annotations

import pytest

from tests.docs.pages import fences, page, section
from tests.gradebook.classroom import Classroom
from tests.gradebook.marks import exported

LESSON = "00_start"
TEXT = section(page("README.md"), "For instructors")


@pytest.mark.slow
def test_from_release_to_feedback(tmp_path):
    room = Classroom(tmp_path)
    [block] = fences(TEXT, "sh")
    steps = [line.partition("#")[0].replace("01_lenet", LESSON).split()[1:] for line in block.splitlines()]
    assert len(steps) == 5
    for step in steps:
        if step[0] == "collect":
            room.run("fetch_assignment", LESSON, "--course", "p2v")
            room.run("submit", LESSON, "--course", "p2v")
        room.run(*step)
    assert "`nbgrader export`" in TEXT
    room.run("export")
    [student] = [path.name for path in (room.folder / "submitted").iterdir()]
    assert "not solved yet" in room.feedback(student, LESSON, LESSON)
    assert float(exported(room.folder / "grades.csv")[student, LESSON]["score"]) == 0
