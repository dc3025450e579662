import json
import os
import sys

import pytest

from autograder.bench import folders, grading, judge_alone, meter, shown, submissions
from autograder.bench.grading import ANSWERS, BARE, SHORT, SPEED, WHOLE, Row, Wishes
from autograder.bench.meter import CommandError, Cost
from autograder.notebook import code_cells, exercise_ids
from autograder.slicing import defines
from tools import false_fail

linux = pytest.mark.skipif(sys.platform != "linux", reason="memory and CPU time are read as Linux gives them")


@pytest.fixture(scope="module")
def lesson():
    return submissions.lesson("01_lenet")


def handed(lesson, kind, name="01_lenet", student="student0000"):
    return submissions.submission(kind, lesson.released[name], lesson.solved[name], student)


def text(notebook):
    return "\n".join(cell.source for cell in code_cells(notebook))


def test_a_class_is_the_same_every_time_and_no_two_students_write_the_same(lesson):
    assert handed(lesson, "wrong") == handed(lesson, "wrong")
    assert handed(lesson, "right") != handed(lesson, "right", student="student0005")


def test_as_many_of_each_kind():
    kinds = [kind for _, kind in submissions.students(20)]
    assert {kinds.count(kind) for kind in submissions.KINDS} == {4}
    assert Wishes(submissions=98, stock=1).rounded == (100, 5)


def test_a_blank_submission_is_what_was_released(lesson):
    assert handed(lesson, "blank") == lesson.released["01_lenet"]


def test_solutions_replace_the_stubs_and_markers_are_gone(lesson):
    right = text(handed(lesson, "right"))
    assert "NotImplementedError" not in right
    assert submissions.BEGIN not in right
    blank, half = (text(handed(lesson, kind)).count("raise NotImplementedError") for kind in ("blank", "partly"))
    assert 0 < half <= blank - len(exercise_ids(lesson.solved["01_lenet"])) // 2


@pytest.mark.parametrize("kind", ["wrong", "slow"])
def test_what_is_wrong_or_slow_is_defined_again_with_the_right_one_beside_it(lesson, kind):
    found = [cell for name in lesson.solved for cell in code_cells(handed(lesson, kind, name))]
    for name in submissions.SLOW if kind == "slow" else submissions.WRONG:
        assert defines(found, name)
        assert defines(found, f"_right_{name}")


def test_demos_can_be_left_out(lesson, tmp_path):
    submissions.hand_in(lesson, 1, tmp_path / "with")
    submissions.hand_in(lesson, 1, tmp_path / "without", demos=False)
    whole, bare = (tmp_path / part / "student0000/01_lenet/01_lenet.ipynb" for part in ("with", "without"))
    assert bare.stat().st_size < whole.stat().st_size


def test_trainings_can_be_left_out(lesson):
    name = "01_lenet_b"
    whole, short = (
        submissions.submission("right", item.released[name], item.solved[name], "ada")
        for item in (lesson, submissions.without_trainings(lesson))
    )
    assert "def train_lenet" in text(whole)
    assert "def train_lenet" not in text(short)
    assert len(exercise_ids(short)) == len(exercise_ids(whole)) - 1


def test_submissions_need_solutions():
    with pytest.raises(submissions.CourseNotFoundError, match="99_none"):
        submissions.lesson("99_none")


@linux
def test_the_cost_of_a_command_includes_what_it_leaves_running(tmp_path, monkeypatch):
    monkeypatch.setattr(meter, "LOOK", 0.1)
    work = "import time; block = bytearray(60 << 20)\nwhile time.process_time() < 0.5: pass"
    leave = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {work!r}]); import time; time.sleep(0.5)"
    cost = meter.measured([sys.executable, "-c", leave], tmp_path, os.environ)
    assert cost.cpu >= 0.4
    assert cost.peak > 60 << 20
    assert cost.seconds >= 0.5


@linux
def test_a_command_that_fails_says_why(tmp_path):
    with pytest.raises(CommandError, match="no such thing"):
        meter.measured([sys.executable, "-c", "raise SystemExit('no such thing')"], tmp_path, os.environ)


GIB = 1 << 30
ROWS = [
    Row(WHOLE, 5, 0, (Cost(600, 700, GIB),)),
    Row(BARE, 5, 0, (Cost(300, 350, GIB), Cost(400, 350, GIB), Cost(310, 350, 2 * GIB))),
    Row(SHORT, 5, 0, (Cost(200, 350, GIB),)),
    Row(ANSWERS, 100, 1, (Cost(300, 290, GIB),)),
    Row(ANSWERS, 100, 2, (Cost(160, 290, GIB),)),
    Row(SPEED, 100, 1, (Cost(1000, 900, GIB),)),
    Row(SPEED, 100, 2, (Cost(900, 900, GIB),)),
]


def test_targets_are_reckoned_from_the_rows():
    found = {aim.what: aim for aim in grading.targets(ROWS, 500, 1.9)}
    assert found[f"{ANSWERS}, 2 workers, times as quick as {SHORT}"].found == pytest.approx(40 / 1.6)
    assert found[f"{SPEED}, 2 workers, times as quick as {BARE}"].found == pytest.approx(62 / 9)
    assert found[f"{ANSWERS}, 2 workers against 1"].reached
    assert found[f"{ANSWERS}, 2 workers against 1, of the 1.90 × that this machine gives"].found == pytest.approx(
        98.7, 0.01
    )
    assert not found[f"{SPEED}, 2 workers against 1"].reached
    large = found[f"{ANSWERS}, 500 submissions, 2 workers"]
    assert large.extrapolated
    assert large.found == pytest.approx(800 / 60)
    assert large.reached
    assert not found[f"{SPEED}, 500 submissions, 2 workers"].reached


def test_what_a_large_class_takes_lies_on_the_line_through_two():
    small, large = Row(ANSWERS, 10, 2, (Cost(40, 1, GIB),)), Row(ANSWERS, 100, 2, (Cost(220, 1, GIB),))
    assert grading.reckoned([large, small], 500) == pytest.approx(20 + 2 * 500)
    assert grading.reckoned([large], 500) == pytest.approx(1100)


def test_one_process_at_once_gains_nothing():
    assert 0.5 < meter.gain(1, rounds=5) < 2  # a median: another program may run in some of them


def test_without_nbgrader_there_is_nothing_to_compare_with():
    assert all("nbgrader" not in aim.what for aim in grading.targets(ROWS[3:], 0, 1.9))


def test_the_spread_and_the_most_memory_of_several_runs():
    assert ROWS[1].spread == (60, 80)
    assert ROWS[1].seconds == 62
    assert ROWS[1].peak == 2 * GIB


SPENT = [judge_alone.Spent("lenet.relu", 0.1, 0.3, 0.2, 0.4, "accepted")]


def test_tables_and_json_hold_everything(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    aims = grading.targets(ROWS, 500, 1.9)
    shown.show(ROWS, aims, SPENT)
    printed = capsys.readouterr().out
    assert all(row.name in printed for row in ROWS)
    assert all(aim.what in printed for aim in aims)
    assert "extrapolated" in printed
    assert "lenet.relu" in printed
    found = json.loads(json.dumps(shown.content(ROWS, aims, SPENT)))
    assert len(found["grading"]) == len(ROWS)
    assert found["judge alone"][0]["timing"] == 0.4
    assert {aim["reached"] for aim in found["targets"]} == {True, False}


def test_a_grading_is_measured_in_a_folder_as_it_was_before(tmp_path, monkeypatch, lesson):
    commands = []
    monkeypatch.setattr(meter, "measured", lambda command, place, env: commands.append(command) or Cost(1, 1, 1))
    folder = folders.Folder(tmp_path, lesson, 5, folders.OURS)
    (folder.place / "gradebook.db").write_text("")
    (folder.place / ".p2v" / "grading").mkdir(parents=True)
    folder.grade(2, timing=False)
    assert "generate_assignment" in commands[0]
    assert commands[1][-3:] == ["--workers", "2", "--no-timing"]
    assert not (folder.place / "gradebook.db").exists()
    assert not (folder.place / ".p2v").exists()
    assert len(list((folder.place / "submitted").glob("*/01_lenet/*.ipynb"))) == 10


def test_every_way_of_grading_is_measured_once(monkeypatch, lesson):
    seen = []

    def measured(command, place, env):
        seen.append((command[3], len(list((place / "submitted").iterdir())), "--no-timing" in command, command[-2]))
        return Cost(1, 1, 1)

    monkeypatch.setattr(meter, "measured", measured)
    rows = list(grading.measured(lesson, Wishes(submissions=15, stock=5, repeats=1), lambda _: None))
    assert [(row.name, row.submissions, row.workers) for row in rows] == [
        *[(name, 5, 0) for name in (WHOLE, BARE, SHORT)],
        *[(name, size, workers) for name in (ANSWERS, SPEED) for size, workers in ((10, 2), (15, 1), (15, 2))],
    ]
    assert [item[1:] for item in seen if item[0] == "grade"] == [
        (size, first, str(workers)) for first in (True, False) for size, workers in ((10, 2), (15, 1), (15, 2))
    ]


def test_the_bound_on_a_rate():
    assert false_fail.upper_bound(0, 3000) == pytest.approx(0.001, rel=0.01)
    assert false_fail.upper_bound(1, 100) > 0.01
    assert false_fail.upper_bound(0, 0) == 1.0


def test_verdicts_of_earlier_sittings_count(tmp_path):
    kept = tmp_path / "trials.jsonl"
    line = '{"exercise": "lenet.relu", "repeats": 2, "ratio": 3.0, "said": "within"}\n'
    kept.write_text(line + line.replace("within", "over"), encoding="utf-8")
    [answer] = false_fail.recalled([], kept)
    assert (answer.exercise.id, answer.repeats, answer.ratio) == ("lenet.relu", 2, 3.0)
    assert answer.seen == {"within": 1, "over": 1}
    assert false_fail.recalled([answer], tmp_path / "none") == [answer]
