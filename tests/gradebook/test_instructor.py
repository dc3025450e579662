"""What an instructor does besides autograde: late work, marks by hand, formgrader, validation, the exchange."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import nbformat
import pytest
from nbgrader.api import Gradebook

from autograder import marks
from autograder.gradebook import TRUSTED, RecordGrading
from tests.gradebook.classroom import Classroom
from tests.gradebook.marks import exported, in_words, marks_of, points_of
from tests.gradebook.papers import Paper

pytestmark = pytest.mark.slow
LESSON = "00_start"
QUESTION = "answer-warmup-unshuffled"
FULL = {"standardize": 2.0, "one_hot": 1.0, "accuracy": 2.0, "batches": 2.0}
TRANSPOSED = "def one_hot(labels, num_classes):\n    return (torch.arange(num_classes)[:, None] == labels).float()"


def paper(room):
    return Paper(room.released(LESSON, LESSON), room.source(LESSON, LESSON))


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    """A graded class of two: both right, one of them late, where late work counts nothing."""
    room = Classroom(tmp_path_factory.mktemp("instructor"))
    room.run("generate_assignment", LESSON)
    with Gradebook(room.database, "p2v") as gradebook:
        gradebook.update_or_create_assignment(LESSON, duedate="2024-01-31 12:00:00 UTC")
    solved = {LESSON: paper(room).solve().reply(QUESTION, "First only zeros, then only ones.").notebook}
    room.hand_in("prompt", LESSON, solved, when="2024-01-31 11:00:00 UTC")
    room.hand_in("late", LESSON, solved, when="2024-01-31 13:00:00 UTC")
    room.run("autograde", LESSON, "--LateSubmissionPlugin.penalty_method=zero")
    return room


def test_late_work_is_penalised(room):
    room.run("export")
    rows = exported(room.folder / "grades.csv")
    assert points_of(room.database, "late", LESSON) == points_of(room.database, "prompt", LESSON) == FULL
    assert float(rows["late", LESSON]["raw_score"]) == 7.0
    assert float(rows["late", LESSON]["score"]) == 0.0
    assert float(rows["prompt", LESSON]["score"]) == 7.0


def test_marks_by_hand_count_and_survive_grading_again(room):
    assert marks_of(room.database, "prompt", LESSON)[QUESTION].to_do
    with Gradebook(room.database, "p2v") as gradebook:
        grade = gradebook.find_grade(QUESTION, LESSON, LESSON, "prompt")
        grade.manual_score, grade.needs_manual_grade = 1.5, False
        gradebook.find_grade("check-warmup-batches", LESSON, LESSON, "prompt").extra_credit = 0.25
        gradebook.find_comment(QUESTION, LESSON, LESSON, "prompt").manual_comment = "What of the validation set?"
        gradebook.db.commit()
    room.run("autograde", LESSON, "--student", "prompt", "--force")
    room.run("generate_feedback", LESSON, "--student", "prompt")
    with Gradebook(room.database, "p2v") as gradebook:
        assert gradebook.find_submission(LESSON, "prompt").score == 7.0 + 1.5 + 0.25
    mark = marks_of(room.database, "prompt", LESSON)[QUESTION]
    assert (mark.manual, mark.score) == (1.5, 1.5)
    words = in_words(room.feedback("prompt", LESSON, LESSON))
    assert "What of the validation set?" in words
    assert "1.5 / 2.0" in words


def without_namespaces(room, *arguments):
    """Runs nbgrader where no user namespaces can be made; its exit code and what it prints."""
    closed = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$0" "$@"'
    program = str(Path(sys.executable).parent / "nbgrader")
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "sh", "-c", closed, program, *arguments],
        cwd=room.folder,
        env=room.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    return done.returncode, done.stdout


def files(room):
    return {
        path: path.stat().st_mtime_ns for place in ("autograded", ".p2v") for path in (room.folder / place).rglob("*")
    }


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="takes away what only Linux has")
def test_without_a_sandbox_grading_refuses_to_start_and_says_what_to_do(room):
    before = files(room)
    status, told = without_namespaces(room, "autograde", LESSON, "--force")
    assert status == 1
    assert "Submitted code can't be shut in on this machine, so nothing was graded." in told
    assert "sysctl -w user.max_user_namespaces=10000" in told
    assert "--JudgeExercises.trust=True" in told
    assert "Traceback" not in told
    assert files(room) == before


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="takes away what only Linux has")
def test_trust_is_said_aloud_and_recorded_beside_what_an_instructor_wrote(room):
    with Gradebook(room.database, "p2v") as gradebook:
        gradebook.find_comment("warmup-batches", LESSON, LESSON, "late").manual_comment = "Nicely done."
        gradebook.db.commit()
    options = ["--student", "late", "--force", "--JudgeExercises.trust=True"]
    status, told = without_namespaces(room, "autograde", LESSON, *options)
    assert status == 0, told
    assert told.count("graded without a sandbox") == 1
    assert points_of(room.database, "late", LESSON) == FULL
    with Gradebook(room.database, "p2v") as gradebook:
        ordinary = gradebook.find_comment("warmup-one_hot", LESSON, LESSON, "late")
        written = gradebook.find_comment("warmup-batches", LESSON, LESSON, "late")
        assert (ordinary.comment, written.comment) == (TRUSTED, "Nicely done.")
        assert written.auto_comment == TRUSTED
    room.run("generate_feedback", LESSON, "--student", "late")
    words = in_words(room.feedback("late", LESSON, LESSON))
    assert words.count(TRUSTED) >= len(FULL)
    assert "Nicely done." in words
    sheet = marks.load(room.folder, LESSON, "late", LESSON)
    assert sheet.entered
    assert {mark.sandboxed for mark in sheet.marks.values()} == {False}


def test_grading_in_the_sandbox_again_takes_the_remark_away(room):
    room.run("autograde", LESSON, "--student", "late", "--force")
    with Gradebook(room.database, "p2v") as gradebook:
        assert gradebook.find_comment("warmup-one_hot", LESSON, LESSON, "late").comment is None
        assert gradebook.find_comment("warmup-batches", LESSON, LESSON, "late").comment == "Nicely done."
    assert {mark.sandboxed for mark in marks.load(room.folder, LESSON, "late", LESSON).marks.values()} == {True}


def test_what_the_program_failed_on_waits_for_a_human(room, monkeypatch):
    monkeypatch.chdir(room.folder)
    notebook = nbformat.read(room.folder / "autograded" / "late" / LESSON / f"{LESSON}.ipynb", as_version=4)
    notebook.metadata.pixels_to_voxels["faults"] = ["check-warmup-one_hot"]
    about = {"notebook": LESSON, "assignment": LESSON, "student": "late", "db_url": room.database}
    RecordGrading().preprocess(notebook, {"nbgrader": about})
    waiting = {name for name, mark in marks_of(room.database, "late", LESSON).items() if mark.to_do}
    assert waiting == {"check-warmup-one_hot", QUESTION}


@contextmanager
def formgrader(room):
    """A Jupyter server on this machine; gives a function that asks it and returns status and text."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    options = [f"--ServerApp.port={port}", "--ServerApp.ip=127.0.0.1", "--ServerApp.token=key", "--allow-root"]
    program = str(Path(sys.executable).parent / "jupyter-server")
    log = (room.home / "server.log").open("w")
    command = [program, "--no-browser", *options]
    server = subprocess.Popen(command, cwd=room.folder, env=room.environment(), stdout=log, stderr=log)

    def ask(path, *, post=False):
        headers = {"Authorization": "token key"}
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers, data=b"" if post else None)
        try:
            with urllib.request.urlopen(request, timeout=120) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    try:
        for _ in range(240):
            try:
                ask("/api/status")
                break
            except OSError:
                assert server.poll() is None, (room.home / "server.log").read_text()
                time.sleep(0.25)
        yield ask
    finally:
        server.terminate()
        server.wait(30)
        log.close()


def test_formgrader_shows_the_class_and_grades_at_a_click(room):
    with formgrader(room) as ask:
        assignments = json.loads(ask("/formgrader/api/assignments")[1])
        [lesson] = [item for item in assignments if item["name"] == LESSON]
        assert (lesson["num_submissions"], lesson["max_score"]) == (2, 9.0)
        for page in ("", "/manage_assignments", f"/manage_submissions/{LESSON}", f"/gradebook/{LESSON}/{LESSON}"):
            status, text = ask(f"/formgrader{page}")
            assert (status, "nbgrader" in text) == (200, True)
        submitted = json.loads(ask(f"/formgrader/api/submitted_notebooks/{LESSON}/{LESSON}")[1])
        status, text = ask(f"/formgrader/submissions/{submitted[0]['id']}")
        assert status == 200
        assert "warmup.one_hot" in in_words(text)
        status, text = ask(f"/formgrader/api/submission/{LESSON}/late/autograde", post=True)
        assert (status, json.loads(text)["success"]) == (200, True), text
    assert points_of(room.database, "late", LESSON) == FULL


def test_validation_passes_a_right_notebook_and_names_what_fails_in_a_wrong_one(room):
    right, wrong = paper(room).solve(), paper(room).solve("standardize", "accuracy", "batches")
    wrong.write({"one_hot": TRANSPOSED})
    for name, work in (("right", right), ("wrong", wrong)):
        work.reply(QUESTION, "First only zeros, then only ones.")
        nbformat.write(work.notebook, room.folder / f"{name}.ipynb")
    assert "Success! Your notebook passes all the tests." in room.run("validate", "right.ipynb")
    told = room.run("validate", "wrong.ipynb")
    assert "FAILED ON 1 CELL" in told
    assert "check(one_hot)" in told
    assert "the result is transposed" in told
    assert "Traceback" not in told
    assert "autograder" not in told


def test_the_exchange_carries_a_lesson_there_and_back(room):
    room.run("release_assignment", LESSON)
    desk = room.home / "desk"
    desk.mkdir()
    student = Classroom.__new__(Classroom)
    student.folder, student.home = desk, room.home
    (desk / "nbgrader_config.py").write_text((room.folder / "nbgrader_config.py").read_text())
    student.run("fetch_assignment", LESSON)
    fetched = desk / LESSON / f"{LESSON}.ipynb"
    assert fetched.read_text() == (room.folder / "course" / LESSON / f"{LESSON}.ipynb").read_text()
    student.run("submit", LESSON)
    room.run("collect", LESSON)
    [collected] = [path for path in (room.folder / "submitted").iterdir() if path.name not in ("prompt", "late")]
    room.run("autograde", LESSON, "--student", collected.name)
    assert sum(points_of(room.database, collected.name, LESSON).values()) == 0
    room.run("generate_feedback", LESSON, "--student", collected.name)
    room.run("release_feedback", LESSON, "--student", collected.name)
    student.run("fetch_feedback", LESSON)
    assert list((desk / LESSON / "feedback").rglob("*.html"))
