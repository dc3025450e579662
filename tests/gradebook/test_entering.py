"""Marks that are stored end in gradebook, graded notebooks and feedback as nbgrader's autograde would put them there.

Nothing is judged here: marks are made up, and both ways are made to take them.
"""

from __future__ import annotations

import random
import shutil
import signal
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
from nbgrader.api import Gradebook

from autograder import class_grading, marks
from autograder.class_grading import Wishes
from autograder.course_folder import CourseFolder, NotEnteredError
from autograder.marks import FAULT, Mark, Sheet
from tests.gradebook.classroom import Classroom
from tests.gradebook.marks import in_words, marks_of
from tests.gradebook.papers import Paper
from tests.gradebook.students import STUDENTS, A, B, handed

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]
LESSON = "01_lenet"
CLASS = ("perfect", "blank", "tampering", "mistaken", "rearranging", "unreadable")
DUE, LATE = "2024-01-31 12:00:00 UTC", "2024-01-31 13:00:00 UTC"
QUESTION = "answer-lenet-why_padding"
STOPS = 8
SERVER = """
import os, signal, sys
from pathlib import Path
from autograder import class_grading
from autograder.class_grading import Wishes
from autograder.sandbox import protections

WRITING = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.chmod", "sqlite3.connect"}

def stop_at(moment, how):
    left = moment
    def watch(event, arguments):
        nonlocal left
        if event in WRITING or (event == "open" and arguments[2] & os.O_ACCMODE):
            left -= 1
            if not left:
                os.kill(os.getpid(), how)
    sys.addaudithook(watch)

protections.protections()  # which takes files of its own
print("ready", flush=True)
for line in sys.stdin:
    process = os.fork()
    if not process:
        code = 99
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            stop_at(*map(int, line.split()))
            code = class_grading.main(Path.cwd(), sys.argv[1], Wishes(), 1, None)
        finally:
            os._exit(code)
    print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), flush=True)
"""


def made_up(course, student, dice):
    """Stores marks for all that a student handed in."""
    for notebook in course.released:
        found = course.handed(student, notebook)
        sheet = Sheet(student, LESSON, notebook, found.submission, notes=found.notes)
        for exercise in course.exercises(notebook) if found.present else ():
            right = dice.random() < 0.5
            mark = Mark(
                exercise.id,
                points=float(exercise.points) if right else round(dice.uniform(0, exercise.points / 2), 2),
                max_points=float(exercise.points),
                status="accepted" if right else "not yet",
                source=found.source,
                spec=marks.spec_hash(exercise.id),
                judge=marks.judge_version(),
                when=marks.now(),
                text=f"{exercise.id}: why",
                html="" if right else "<p>why</p>",
            )
            sheet = sheet.with_mark(mark)
        marks.save(course.folder, sheet)


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    """A class with marks, yet to be entered; one student's a second time, with what an instructor added by hand."""
    room = Classroom(tmp_path_factory.mktemp("class"))
    with (room.folder / "nbgrader_config.py").open("a") as config:
        config.write("c.JudgeExercises.reuse = True\nc.LateSubmissionPlugin.penalty_method = 'zero'\n")
    room.run("generate_assignment", LESSON)
    other = Paper(room.released("00_start", "00_start"), room.source("00_start", "00_start"))
    for name in CLASS:
        papers = {part: Paper(room.released(LESSON, part), room.source(LESSON, part)) for part in (A, B)}
        STUDENTS[name](papers)
        room.hand_in(name, LESSON, handed(name, papers, other), when=LATE if name == "rearranging" else "")
    course = CourseFolder(room.folder, LESSON)
    dice = random.Random(5)
    for name in CLASS:
        made_up(course, name, dice)
    with Gradebook(room.database, "p2v") as gradebook:
        gradebook.update_or_create_assignment(LESSON, duedate=DUE)
    room.run("autograde", LESSON, "--student", "perfect")
    with Gradebook(room.database, "p2v") as gradebook:
        grade = gradebook.find_grade(QUESTION, A, LESSON, "perfect")
        grade.manual_score, grade.needs_manual_grade = 1.5, False
        gradebook.find_grade("check-lenet-relu", A, LESSON, "perfect").extra_credit = 0.25
        gradebook.find_comment(QUESTION, A, LESSON, "perfect").manual_comment = "And the corners?"
        gradebook.db.commit()
    for sheet in list(marks.sheets(room.folder, LESSON)):
        marks.save(room.folder, replace(sheet, entered=""))
    return room


def copied(room, place):
    """The same class elsewhere."""
    other = Classroom.__new__(Classroom)
    other.folder, other.home = place / "course folder", room.home
    shutil.copytree(room.folder, other.folder)
    return other


def p2v(room, *arguments):
    done = subprocess.run(
        [str(Path(sys.executable).parent / "p2v"), *arguments],
        cwd=room.folder,
        env={**room.environment(), "PYTHONWARNINGS": "ignore"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def autograded(room, tmp_path_factory):
    """The class after nbgrader's own autograde."""
    other = copied(room, tmp_path_factory.mktemp("autograded"))
    other.run("autograde", LESSON, "--force")
    return other


@pytest.fixture(scope="module")
def entered(room, tmp_path_factory):
    """The class after `p2v grade`, which finds that everything has its mark."""
    other = copied(room, tmp_path_factory.mktemp("entered"))
    assert "0 answers judged now" in p2v(other, "grade", LESSON)
    return other


def written(room, students=CLASS):
    """All that the gradebook has of some students."""
    found = {}
    with Gradebook(room.database, "p2v") as gradebook:
        for student in students:
            submission = gradebook.find_submission(LESSON, student)
            found[student] = (submission.timestamp, submission.score)
            for notebook in submission.notebooks:
                found[student, notebook.name] = (notebook.late_submission_penalty, notebook.score)
                for item in notebook.grades:
                    points = (item.auto_score, item.manual_score, item.extra_credit, item.score)
                    found[student, notebook.name, item.name, "grade"] = (*points, item.needs_manual_grade)
                for item in notebook.comments:
                    comments = (item.auto_comment, item.manual_comment)
                    found[student, notebook.name, item.name, "comment"] = comments
    return found


def files(room, students=CLASS):
    """The graded notebooks, without the ids that grading draws for cells, and what else lies there."""
    found = {}
    for student in students:
        folder = room.folder / "autograded" / student
        for path in folder.rglob("*"):
            content = path.read_bytes() if path.is_file() else b""
            if path.suffix == ".ipynb":
                notebook = nbformat.reads(content.decode(), as_version=4)
                for cell in notebook.cells:
                    del cell["id"]
                content = (notebook, path.stat().st_mode)
            found[student, str(path.relative_to(folder))] = content
    return found


def test_gradebook_and_graded_notebooks_are_those_of_autograde(autograded, entered):
    expected = written(autograded)
    assert any(key[-1] == "grade" and value[-1] for key, value in expected.items())  # something waits for a human
    assert expected["rearranging", A][0] > 0
    assert written(entered) == expected
    assert files(entered) == files(autograded)


def test_feedback_and_export_are_those_of_autograde(autograded, entered):
    told = []
    for room in (autograded, entered):
        room.run("generate_feedback", LESSON, "--student", "perfect")
        room.run("export")
        pages = [in_words(room.feedback("perfect", LESSON, part)) for part in (A, B)]
        told.append((pages, (room.folder / "grades.csv").read_text()))
    assert told[0] == told[1]
    assert "And the corners?" in told[1][0][0]


@pytest.fixture
def server(room, tmp_path):
    """The class, and a function that enters it, ended by a signal at a moment; 0: left alone. It gives the exit code.

    Moments are counted where it is about to write, move or delete a file or to open the gradebook.
    """
    other = copied(room, tmp_path)
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER, LESSON],
        cwd=other.folder,
        env={**other.environment(), "PYTHONWARNINGS": "ignore"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "ready\n"

    def enter(moment=0, how=signal.SIGKILL):
        process.stdin.write(f"{moment} {int(how)}\n")
        process.stdin.flush()
        return int(process.stdout.readline())

    yield other, enter
    process.stdin.close()
    process.wait(60)
    process.stdout.close()


def said_to_be_entered(room):
    """The students whom the next run would leave alone."""
    sheets = [sheet for sheet in marks.sheets(room.folder, LESSON) if not sheet.entered]
    return sorted(CourseFolder(room.folder, LESSON).entered() - {sheet.student for sheet in sheets})


@pytest.mark.parametrize(("how", "code"), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 130)])
def test_stopped_at_any_moment_nothing_is_lost_or_half_entered(server, entered, how, code):
    room, enter = server
    dice = random.Random()
    for _ in range(STOPS):
        ended = enter(dice.randint(1, 120), how)
        there = said_to_be_entered(room)
        assert written(room, there) == written(entered, there)
        assert files(room, there) == files(entered, there)
        if ended == 0:  # it had done all that it had to
            break
        assert ended == code
    else:
        assert enter() == 0
    assert said_to_be_entered(room) == sorted(CLASS)
    assert written(room) == written(entered)
    assert files(room) == files(entered)
    assert not list(room.folder.rglob("*.part"))


def test_a_gradebook_in_use_loses_no_mark(entered, tmp_path, monkeypatch):
    room = copied(entered, tmp_path)
    before = written(room)
    course = CourseFolder(room.folder, LESSON)
    other = sqlite3.connect(room.folder / "gradebook.db", isolation_level=None)
    course.released  # noqa: B018  # read before
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(NotEnteredError, match="database is locked"):
        course.enter("blank")
    other.execute("ROLLBACK")
    other.close()
    assert "blank" not in said_to_be_entered(room)
    monkeypatch.chdir(room.folder)
    assert class_grading.main(room.folder, LESSON, Wishes(), 1, None) == 0
    assert written(room) == before


def test_what_the_program_failed_on_waits_for_a_human(entered, tmp_path):
    room = copied(entered, tmp_path)
    sheet = marks.load(room.folder, LESSON, "blank", A)
    fault = replace(sheet.marks["lenet.relu"], status=FAULT, points=0.0)
    marks.save(room.folder, sheet.with_mark(fault))
    CourseFolder(room.folder, LESSON).enter("blank")
    found = marks_of(room.database, "blank", LESSON)
    assert {name for name, mark in found.items() if mark.to_do} == {"check-lenet-relu"}


def test_marks_of_another_file_are_not_entered(entered, tmp_path):
    room = copied(entered, tmp_path)
    path = room.folder / "submitted" / "blank" / LESSON / f"{A}.ipynb"
    path.write_bytes(path.read_bytes().replace(b"def relu(", b"def rilu("))
    with pytest.raises(NotEnteredError, match="the file was changed since it was graded"):
        CourseFolder(room.folder, LESSON).enter("blank")
    assert "blank" not in said_to_be_entered(room)
