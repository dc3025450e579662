"""Progress survives what happens to files."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from autograder.progress import Progress


def test_best_result_and_first_solution_stay(tmp_path):
    record = Progress(tmp_path)
    for status, points, tier in (("not yet", 1.0, ""), ("accepted", 5.0, "gold"), ("not yet", 0.0, "")):
        record.add("check", "lenet.conv2d", status=status, points=points, tier=tier)
    record.add("hint", "lenet.conv2d", number=2)
    record.add("hint", "lenet.conv2d", number=1)
    standing = record.standing("lenet.conv2d")
    assert (standing.status, standing.points, standing.tier) == ("solved", 5.0, "gold")
    assert (standing.hints, standing.checks) == (2, 3)


def test_nothing_yet(tmp_path):
    assert Progress(tmp_path / "none").standing("lenet.conv2d").status == "new"


def test_a_torn_line_spoils_only_itself(tmp_path):
    record = Progress(tmp_path)
    record.add("check", "a.b", status="accepted", points=1.0)
    with (tmp_path / "progress.jsonl").open("ab") as file:
        file.write(b'\n{"time": 1, "kind": "che')
    record.add("check", "a.c", status="accepted", points=2.0)
    assert [event["exercise"] for event in record.events()] == ["a.b", "a.c"]


def _add_many(folder, name):
    for _ in range(200):
        Progress(Path(folder)).add("check", name, status="accepted", points=1.0)


def test_two_notebooks_at_once(tmp_path):
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_add_many, args=(str(tmp_path), f"a.{name}")) for name in "xy"]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    names = [event["exercise"] for event in Progress(tmp_path).events()]
    assert (names.count("a.x"), names.count("a.y")) == (200, 200)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_killed_at_any_moment(tmp_path):
    code = (
        "import sys; from pathlib import Path; from autograder.progress import Progress\n"
        "n = 0\n"
        "while True:\n"
        "    Progress(Path(sys.argv[1])).add('check', 'a.b', status='accepted', points=float(n)); n += 1\n"
        "    print(n, flush=True)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE)
    child.stdout.readline()
    time.sleep(0.3)
    os.kill(child.pid, signal.SIGKILL)
    said = [int(line) for line in child.stdout.read().split()]
    child.wait()
    child.stdout.close()
    events = Progress(tmp_path).events()
    assert len(events) >= max(said, default=1)
    assert Progress(tmp_path).standing("a.b").status == "solved"


def test_time_leaves_breaks_out(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(time, "time", lambda: now[0])
    record = Progress(tmp_path)
    for moment in (0, 60, 120, 10_000, 10_030):
        now[0] = moment
        record.add("check", "lenet.relu", status="not yet")
    assert record.seconds("lenet") == 150
    assert record.seconds("resnet") == 0
