"""Long trainings wait for the second pass of grading, and neither the gradebook nor the student is told otherwise."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from autograder import marks
from autograder.sandbox import protections
from tests.gradebook.classroom import Classroom
from tests.gradebook.marks import in_words, marks_of
from tests.gradebook.papers import Paper

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(protections.missing()), reason="this machine has no sandbox"),
]
LESSON, PART, CELL = "01_lenet", "01_lenet_b", "check-lenet-train_lenet"
UNTRAINED = "def train_lenet(images, labels, seed=0):\n    return nn.Sequential(nn.Flatten(), nn.Linear(784, 10))"


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    room = Classroom(tmp_path_factory.mktemp("waiting"))
    room.run("generate_assignment", LESSON)
    work = Paper(room.released(LESSON, PART), room.source(LESSON, PART)).solve("recall")
    room.hand_in("ada", LESSON, {PART: work.write({"train_lenet": UNTRAINED}).notebook})
    return room


def grade(room, *options):
    command = [str(Path(sys.executable).parent / "p2v"), "grade", LESSON, "--workers", "1", "--seed", "7", *options]
    environment = {**room.environment(), "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        command, cwd=room.folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    room.run("generate_feedback", LESSON, "--force")
    return " ".join(done.stdout.split())


def test_a_training_waits_and_says_so_until_it_is_judged(room):
    said = grade(room, "--no-timing")
    assert "Left to the second pass, which judges speed and long trainings: 2 answers." in said
    assert "lenet.train_lenet" not in marks.load(room.folder, LESSON, "ada", PART).marks
    found = marks_of(room.database, "ada", LESSON)
    assert (found[CELL].auto, found[CELL].to_do) == (0.0, True)
    assert (found["check-lenet-recall"].auto, found["check-lenet-recall"].to_do) == (1.0, False)
    assert "judged later" in in_words(room.feedback("ada", LESSON, PART))

    said = grade(room)
    assert "second pass" not in said
    mark = marks.load(room.folder, LESSON, "ada", PART).marks["lenet.train_lenet"]
    assert (mark.status, mark.mistake) == ("not yet", "never learns")
    assert marks_of(room.database, "ada", LESSON)[CELL].to_do is False
    page = in_words(room.feedback("ada", LESSON, PART))
    assert "no better than guessing" in page
    assert "judged later" not in page
