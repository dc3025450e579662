"""`p2v grade`: marks from workers, stored as they come, and never lost, doubled or half-written."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import cloudpickle
import dask
import psutil
import pytest
from distributed import LocalCluster
from nbgrader.api import Gradebook

from autograder import class_grading, cluster, marks
from autograder.class_grading import RefusedError, Wishes
from autograder.cluster import Cluster, ClusterError, Job, Outcome
from autograder.course_folder import CourseFolder
from autograder.marks import Mark, Sheet
from autograder.sandbox import protections
from autograder.slicing import Cell
from p2v_data import UserError
from tests.gradebook.classroom import Classroom
from tests.gradebook.marks import marks_of, points_of
from tests.gradebook.papers import Paper

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]
LESSON, SEED = "00_start", 7
QUESTION = "answer-warmup-unshuffled"
TRANSPOSED = "def one_hot(labels, num_classes):\n    return (torch.arange(num_classes)[:, None] == labels).float()"
LEAVES = "import os\n\n\ndef accuracy(logits, target):\n    os._exit(0)"
FULL = {"standardize": 2.0, "one_hot": 1.0, "accuracy": 2.0, "batches": 2.0}
POINTS = {
    "ada": FULL,
    "bob": {"standardize": 2.0, "accuracy": 2.0},
    "cy": {"one_hot": 1.0, "batches": 2.0},
    "dee": {},
    "eve": {},
}
KILLS = 5
SERVER = """
import os, sys
from pathlib import Path
from autograder import class_grading
from autograder.class_grading import Wishes
print("ready", flush=True)
for line in sys.stdin:
    process = os.fork()
    if not process:
        os.setpgid(0, 0)
        code = class_grading.main(Path.cwd(), sys.argv[1], Wishes(seed=int(sys.argv[2])), None, sys.argv[3])
        os._exit(code)
    print(process, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), flush=True)
"""


def paper(room):
    return Paper(room.released(LESSON, LESSON), room.source(LESSON, LESSON))


@pytest.fixture(scope="module")
def blank(tmp_path_factory):
    """A class that has handed in, and is yet to be graded."""
    room = Classroom(tmp_path_factory.mktemp("class"))
    room.run("generate_assignment", LESSON)
    with Gradebook(room.database, "p2v") as gradebook:
        gradebook.update_or_create_student("zoe")
    papers = {name: paper(room) for name in ("ada", "bob", "cy", "eve")}
    papers["ada"].solve().reply(QUESTION, "First only zeros, then only ones.")
    papers["bob"].solve("standardize", "accuracy").write({"one_hot": TRANSPOSED})
    papers["cy"].solve("one_hot", "batches").write({"accuracy": LEAVES})
    for name, work in papers.items():
        room.hand_in(name, LESSON, {LESSON: work.notebook})
    room.hand_in("dee", LESSON, {LESSON: b"no notebook"})
    return room


def copied(room, place):
    """The same class elsewhere."""
    other = Classroom.__new__(Classroom)
    other.folder, other.home = place / "course folder", room.home
    shutil.copytree(room.folder, other.folder)
    return other


@pytest.fixture(scope="module")
def scheduler():
    """A cluster of two workers that isn't grading's own."""
    with (
        dask.config.set(cluster.SETTINGS),
        LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0", memory_limit=0, silence_logs=50
        ) as found,
    ):
        yield found.scheduler_address


def environment(room):
    return {**room.environment(), "PYTHONWARNINGS": "ignore"}


@pytest.fixture(scope="module")
def graded(blank, tmp_path_factory):
    """The class, graded by the command on one worker of its own; and what it said."""
    room = copied(blank, tmp_path_factory.mktemp("one worker"))
    command = [str(Path(sys.executable).parent / "p2v"), "grade", LESSON, "--workers", "1", "--seed", str(SEED)]
    process = subprocess.Popen(
        command, cwd=room.folder, env=environment(room), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    zygotes = {}
    while process.poll() is None:
        for child in psutil.Process(process.pid).children(recursive=True) if psutil.pid_exists(process.pid) else ():
            try:
                if "autograder.sandbox.zygote" in " ".join(child.cmdline()):
                    zygotes[child.pid] = child
            except psutil.Error:
                continue
        time.sleep(0.2)
    said = process.stdout.read()
    process.stdout.close()
    assert process.returncode == 0, said
    return room, said, list(zygotes.values())


def sheets(room):
    return {sheet.student: sheet for sheet in marks.sheets(room.folder, LESSON)}


def findings(room):
    """All that marks say, but for what differs from one run to the next: times, and how they stand in reports."""
    timeless = {"when": "", "seconds": 0.0, "speed": None, "text": "", "html": ""}
    return {
        student: (sheet.submission, sheet.notes, {key: replace(mark, **timeless) for key, mark in sheet.marks.items()})
        for student, sheet in sheets(room).items()
    }


def points(room):
    return {name: points_of(room.database, name, LESSON) for name in POINTS}


EXPECTED = {name: dict.fromkeys(FULL, 0.0) | found for name, found in POINTS.items()}


def test_a_class_is_graded_whatever_was_handed_in(graded):
    room, said, _ = graded
    assert points(room) == EXPECTED
    assert all(sheet.entered for sheet in sheets(room).values())
    assert all(mark.timed and mark.sandboxed for sheet in sheets(room).values() for mark in sheet.marks.values())
    assert sheets(room)["bob"].marks["warmup.one_hot"].mistake == "puts the classes in the rows"
    assert "ended its own process" in sheets(room)["cy"].marks["warmup.accuracy"].problem
    assert "could not be read" in sheets(room)["dee"].notes[0]
    for told in ("ada", "7 of 7", "Nothing handed in: zoe.", "20 answers judged now"):
        assert told in said
    assert "Traceback" not in said


def test_no_process_outlives_the_grading(graded):
    _, _, zygotes = graded
    assert zygotes
    psutil.wait_procs(zygotes, timeout=10)
    assert not [item for item in zygotes if item.is_running() and item.status() != psutil.STATUS_ZOMBIE]


def test_killed_at_any_moment_nothing_is_lost_doubled_or_half_written(graded, blank, scheduler, tmp_path):
    """Also: two workers of a scheduler find what one worker found."""
    room = copied(blank, tmp_path)
    command = [sys.executable, "-c", SERVER, LESSON, str(SEED), scheduler]
    server = subprocess.Popen(
        command, cwd=room.folder, env=environment(room), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    dice = random.Random()
    try:
        assert server.stdout.readline() == "ready\n"
        for kill in range(KILLS):
            process = start(server)
            time.sleep(dice.uniform(0.2, 3.0 + kill))
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:  # it had done all that it had to
                break
            read_result(server)
            for path in (room.folder / marks.FOLDER / LESSON).rglob("*.json"):
                json.loads(path.read_text())
        else:
            start(server)
            assert read_result(server) == 0
    finally:
        server.stdin.close()
        server.wait(60)
        server.stdout.close()
    assert findings(room) == findings(graded[0])
    assert not [name for sheet in sheets(room).values() for name in sheet.history]
    assert not list((room.folder / ".p2v").rglob("*.part"))
    assert points(room) == EXPECTED
    assert json.loads((room.folder / marks.FOLDER / LESSON / "run.json").read_text())["finished"]


def start(server):
    server.stdin.write("\n")
    server.stdin.flush()
    return int(server.stdout.readline())


def read_result(server):
    """The exit code, which follows whatever the run printed."""
    while True:
        line = server.stdout.readline().strip()
        if line.lstrip("-").isdigit():
            return int(line)
        assert line or server.poll() is None


def run(room, wishes, scheduler):
    """Grades in this process; gives the exit code."""
    return class_grading.main(room.folder, LESSON, wishes, None, scheduler)


@pytest.fixture
def again(graded, scheduler, tmp_path):
    """The graded class, to be graded again: a function that does it and gives whose marks are new."""
    room = copied(graded[0], tmp_path)

    def grade(wishes=Wishes()):  # noqa: B008
        before = sheets(room)
        assert run(room, wishes, scheduler) == 0
        return {
            (student, name)
            for student, sheet in sheets(room).items()
            for name, mark in sheet.marks.items()
            if mark.when != before[student].marks[name].when
        }

    return room, grade


def test_what_has_not_changed_is_not_graded_again(again):
    room, grade = again
    before = sheets(room)
    assert grade() == set()
    assert sheets(room) == before


def test_a_changed_submission_is_graded_again_and_marks_by_hand_stay(again):
    room, grade = again
    with Gradebook(room.database, "p2v") as gradebook:
        question = gradebook.find_grade(QUESTION, LESSON, LESSON, "ada")
        question.manual_score, question.needs_manual_grade = 1.5, False
        gradebook.db.commit()
    path = room.folder / "submitted" / "ada" / LESSON / f"{LESSON}.ipynb"
    path.write_bytes(path.read_bytes().replace(b"def one_hot(", b"def one_hut("))
    assert {student for student, _ in grade()} == {"ada"}
    sheet = sheets(room)["ada"]
    assert sheet.marks["warmup.one_hot"].status == "missing"
    assert [mark.status for mark in sheet.history["warmup.one_hot"]] == ["accepted"]
    assert points(room) == EXPECTED | {"ada": FULL | {"one_hot": 0.0}}
    assert marks_of(room.database, "ada", LESSON)[QUESTION].manual == 1.5


def test_only_what_an_older_check_judged_is_graded_again(again):
    room, grade = again
    sheet = sheets(room)["bob"]
    old = replace(sheet.marks["warmup.one_hot"], spec="older", points=1.0, status="accepted")
    marks.save(room.folder, replace(sheet, marks={**sheet.marks, "warmup.one_hot": old}))
    assert grade() == {("bob", "warmup.one_hot")}
    assert [mark.spec for mark in sheets(room)["bob"].history["warmup.one_hot"]] == ["older"]
    assert points(room) == EXPECTED


def test_without_timing_right_answers_count_in_full_and_timing_completes_them(again):
    room, grade = again
    timed = {name for name, mark in sheets(room)["ada"].marks.items() if mark.speed is not None}
    assert len(grade(Wishes(again=True, speed=False))) == 20
    found = sheets(room)["ada"].marks
    assert {name for name, mark in found.items() if not mark.timed} == timed
    assert {name.partition(".")[2]: mark.points for name, mark in found.items()} == FULL
    assert points(room) == EXPECTED
    assert {name for _, name in grade()} <= timed
    assert all(mark.timed for sheet in sheets(room).values() for mark in sheet.marks.values())


def deadly(job):
    if "b" in job.exercises:
        os._exit(9)
    return [Outcome(name, None, fault="none") for name in job.exercises]


CELLS = (Cell("cell 1", "def accuracy(logits, target):\n    return 0.5"),)


def job(**more):
    plain = Job("ada", LESSON, ("warmup.accuracy",), CELLS, "source", SEED, cluster.fingerprint(["warmup.accuracy"]))
    return replace(plain, **more)


def test_a_worker_that_dies_costs_one_exercise(scheduler, monkeypatch):
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    monkeypatch.setattr(cluster, "judged", deadly)
    jobs = [job(exercises=("a", "b", "c")), job(exercises=("d",))]
    with Cluster(address=scheduler) as found:
        outcomes = [outcome for _, some in found.results(jobs) for outcome in some]
    cloudpickle.unregister_pickle_by_value(sys.modules[__name__])
    assert {item.exercise: item.fault for item in outcomes} == {
        "a": "none",
        "b": cluster.DIED,
        "c": "none",
        "d": "none",
    }
    assert len(outcomes) == 4


def test_a_worker_with_other_checks_is_refused():
    with pytest.raises(ClusterError, match="another version"):
        cluster.judged(job(code="other"))


def test_a_judge_that_fails_is_nobodys_mistake(monkeypatch):
    def broken(*_, **__):
        raise ZeroDivisionError("broken on purpose")

    monkeypatch.setattr(cluster, "correctness", broken)
    [outcome] = cluster.judged(job())
    assert outcome == Outcome("warmup.accuracy", None, fault="ZeroDivisionError: broken on purpose")


def test_trusted_answers_need_no_sandbox(monkeypatch):
    monkeypatch.setattr(protections, "refusal", lambda: "nothing here")
    [outcome] = cluster.judged(job(trust=True))
    assert outcome.mark.status == "not yet"
    assert not outcome.mark.sandboxed


def test_grading_refuses_with_a_reason(blank, tmp_path, monkeypatch, scheduler):
    with pytest.raises(UserError, match="holds no nbgrader_config"):
        class_grading.main(tmp_path, LESSON, Wishes(), 1, None)
    with pytest.raises(UserError, match="Nobody has handed in"):
        class_grading.main(blank.folder, "01_lenet", Wishes(), 1, None)
    with pytest.raises(UserError, match="can't be graded"):
        CourseFolder(blank.folder, "99_nothing").released  # noqa: B018
    with pytest.raises(RefusedError, match="this machine only"):
        run(blank, Wishes(trust=True), scheduler)
    with class_grading.only_one(tmp_path, LESSON), pytest.raises(RefusedError, match="graded already"):
        class_grading.main(tmp_path, LESSON, Wishes(), 1, None)
    monkeypatch.setattr(protections, "refusal", lambda: f"no namespaces; {protections.TO_TRUST} trusts")
    with pytest.raises(RefusedError, match="no namespaces; --trust trusts"):
        run(blank, Wishes(), scheduler)


def test_a_run_keeps_its_seed_until_it_is_finished(tmp_path):
    first = class_grading.begin(tmp_path, LESSON, Wishes())
    assert class_grading.begin(tmp_path, LESSON, Wishes()) == first
    assert class_grading.begin(tmp_path, LESSON, Wishes(seed=first.seed)) == first
    other = class_grading.begin(tmp_path, LESSON, Wishes(seed=5))
    assert (other.seed, other.strict) == (5, True)
    everything = class_grading.begin(tmp_path, LESSON, Wishes(again=True))
    assert everything.since
    assert class_grading.begin(tmp_path, LESSON, Wishes(again=True)) == everything
    class_grading.keep(tmp_path, LESSON, replace(everything, finished=True))
    fresh = class_grading.begin(tmp_path, LESSON, Wishes())
    assert not fresh.strict
    assert fresh.seed != everything.seed


def test_a_sheet_keeps_what_it_no_longer_counts():
    sheet = Sheet("ada", LESSON, LESSON).with_mark(Mark("a", 1.0, 2.0, "accepted")).without_mark("a")
    assert not sheet.marks
    assert [mark.points for mark in sheet.history["a"]] == [1.0]
