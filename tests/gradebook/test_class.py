"""A whole class of lesson 01 through nbgrader's own commands: release, autograde, feedback, export."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest
import torch
from nbgrader.api import Gradebook

from autograder import interview, registry
from autograder.judge import judge
from autograder.runner import in_this_process
from tests.gradebook.classroom import ROOT, SEED, Classroom
from tests.gradebook.marks import exported, in_words, marks_of, points_of
from tests.gradebook.papers import Paper
from tests.gradebook.students import POINTS, STUDENTS, WRONG, A, B, Marks, handed

pytestmark = pytest.mark.slow
LESSON = "01_lenet"


@dataclass(frozen=True)
class School:
    """A graded class, what each student should get, and what autograde printed."""

    room: Classroom
    expected: dict[str, Marks]
    printed: str

    def words(self, student, notebook=A):
        return in_words(self.room.feedback(student, LESSON, notebook))


@pytest.fixture(scope="module")
def school(tmp_path_factory):
    room = Classroom(tmp_path_factory.mktemp("class"))
    for assignment in ("00_start", LESSON):
        room.run("generate_assignment", assignment)
    expected = {}
    for name, student in STUDENTS.items():
        papers = {part: Paper(room.released(LESSON, part), room.source(LESSON, part)) for part in (A, B)}
        expected[name] = student(papers)
        other = Paper(room.released("00_start", "00_start"), room.source("00_start", "00_start"))
        room.hand_in(name, LESSON, handed(name, papers, other))
    room.hand_in("empty-handed", LESSON, {}, when="2024-01-31 12:00:00 UTC")
    with Gradebook(room.database, "p2v") as gradebook:
        gradebook.add_student("silent")
    printed = room.run("autograde", LESSON)
    room.run("generate_feedback", LESSON)
    room.run("export")
    return School(room, expected, printed)


@pytest.mark.parametrize("student", [name for name in STUDENTS if name != "wrong"])
def test_marks_of_every_exercise(school, student):
    expected = dict.fromkeys(POINTS, 0.0) | school.expected[student]
    got = points_of(school.room.database, student, LESSON)
    assert got == expected


def judged(name):
    """The judge's own verdict on a wrong answer, with no nbgrader in sight."""
    exercise = registry.find(name)
    space = {"torch": torch}
    exec(WRONG[name][1], space)
    return judge(exercise, in_this_process(exercise, space[name], torch.device("cpu")), seed=SEED)


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_answer_is_named_and_earns_what_the_judge_says(school, name):
    exercise, verdict = registry.find(name), judged(name)
    mistake = next(item for item in exercise.wrong if item.name == WRONG[name][0])
    assert verdict.diagnosis.name == mistake.name
    assert points_of(school.room.database, "wrong", LESSON)[name] == pytest.approx(verdict.points)
    assert 0 <= verdict.points <= exercise.points / 2
    assert in_words(mistake.says) in school.words("wrong", A) + school.words("wrong", B)


def test_what_is_not_wrong_in_a_named_way_earns_nothing(school):
    got = points_of(school.room.database, "wrong", LESSON)
    assert {name for name, points in got.items() if points} <= set(WRONG)


REASONS = [
    ("perfect", A, "lenet.conv2d accepted, 5 of 5 points"),
    ("perfect", B, "lenet.train_lenet accepted, 5 of 5 points"),
    ("blank", A, "lenet.conv2d not solved yet"),
    ("blank", B, "lenet.fit not solved yet"),
    ("partly", B, "lenet.confusion_matrix right but slow"),
    ("crashing", A, "Your answer ended its own process"),
    ("crashing", A, "Your answer's process ended: a segmentation fault"),
    ("crashing", A, "your code raised RecursionError"),
    ("crashing", A, "your code raised ZeroDivisionError"),
    ("crashing", A, "your code raised FileNotFoundError"),
    ("endless", A, "lenet.relu stopped after 5 s"),
    ("tampering", A, "The locked cell check(pad2d) had been changed; it was put back"),
    ("tampering", A, "Missing cells, which were put back as they were released: given-lenet-_out_size"),
    ("tampering", A, "there is no leaky_relu yet"),
    ("tampering", A, "your code raised NameError"),
    ("tampering", A, "lenet.tanh not solved yet"),
    ("mistaken", A, "This file is called 01_lenet.ipynb, but it is 00_start.ipynb."),
    ("mistaken", A, "Not handed in: 01_lenet_b.ipynb."),
    ("rearranging", A, "There are several cells lenet-tanh; the last one counts."),
    ("rearranging", A, "lenet.avg_pool2d not from scratch: solutions"),
    ("noisy", A, "3,000 lines"),
    ("unreadable", A, "01_lenet.ipynb could not be read: this is no valid notebook"),
    ("unreadable", B, "01_lenet_b.ipynb could not be read: the file is not UTF-8 text"),
]


@pytest.mark.parametrize(("student", "notebook", "reason"), REASONS)
def test_the_reason_stands_in_the_feedback(school, student, notebook, reason):
    assert reason in school.words(student, notebook)


def test_lines_are_named_by_the_students_own_cell_numbers(school):
    path = school.room.folder / "submitted" / "crashing" / LESSON / f"{A}.ipynb"
    cells = json.loads(path.read_text())["cells"]
    number = next(n for n, cell in enumerate(cells, start=1) if "SLOPE = 1 / 0" in "".join(cell["source"]))
    assert f"cell {number}, line 1" in school.words("crashing")


def test_no_feedback_shows_what_is_ours(school):
    every = [(student, notebook) for student in STUDENTS for notebook in (A, B)]
    every.remove(("mistaken", B))
    for student, notebook in every:
        page = school.room.feedback(student, LESSON, notebook)
        assert "Traceback (most recent call last)" not in page
        for hidden in (str(ROOT), "autograder/judge.py", "BEGIN SOLUTION", "MARK SCHEME", "forkserver"):
            assert hidden not in page


def test_no_feedback_shows_the_solution_or_the_marking_guide(school):
    solution = Paper(school.room.released(LESSON, A), school.room.source(LESSON, A)).solved["unfold2d"]
    telling = [line.strip() for line in solution.splitlines() if len(line.strip()) > 40][-1]
    words = school.words("blank")
    assert telling not in words
    for item in interview.questions("lenet"):
        for text in (item.marking_guide, item.key_points):
            assert text.strip().splitlines()[0].lstrip("*- 1.") not in words


def test_nothing_stops_the_class_and_nothing_is_lost(school):
    folders = {path.name for path in (school.room.folder / "autograded").iterdir()}
    assert folders == set(STUDENTS)
    assert "ERROR" not in "\n".join(line for line in school.printed.splitlines() if "unreadable" not in line)
    assert "without a sandbox" not in school.printed
    assert "leaked" not in school.printed


def test_the_exported_table_holds_every_students_sum(school):
    rows = exported(school.room.folder / "grades.csv")
    for student in STUDENTS:
        sums = sum(points_of(school.room.database, student, LESSON).values())
        assert float(rows[student, LESSON]["raw_score"]) == pytest.approx(sums)
        assert float(rows[student, LESSON]["max_score"]) == sum(POINTS.values()) + 20


@pytest.mark.parametrize("student", ["empty-handed", "silent"])
def test_who_hands_in_nothing_gets_nothing_and_stops_nobody(school, student):
    row = exported(school.room.folder / "grades.csv").get((student, LESSON))
    assert row is None or float(row["score"]) == 0.0
    assert student not in {path.name for path in (school.room.folder / "autograded").iterdir()}


def test_only_answered_questions_wait_for_a_human(school):
    waiting = {name for name, mark in marks_of(school.room.database, "perfect", LESSON).items() if mark.to_do}
    assert waiting == {"answer-lenet-why_padding", "answer-lenet-data_leakage"}
    assert not any(mark.to_do for mark in marks_of(school.room.database, "tampering", LESSON).values())


def test_grading_again_with_the_same_seed_gives_the_same_marks(school):
    before = points_of(school.room.database, "wrong", LESSON)
    printed = school.room.run("autograde", LESSON, "--student", "wrong", "--notebook", B, "--force")
    assert "lenet.log_softmax" in printed
    assert points_of(school.room.database, "wrong", LESSON) == before
