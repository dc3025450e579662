"""What an answer may take of the machine: never as much as would leave none to others."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from autograder import registry
from autograder.sandbox import protections
from autograder.sandbox.worker import SandboxWorker
from autograder.slicing import Cell
from tests.adversary import nobody

MOST = 500  # of an answer, and of the processes around it
MANY = """
import threading

def relu(x):
    threading.stack_size(32768)
    end, started = threading.Event(), 0
    try:
        while started < 2 * MOST:
            threading.Thread(target=end.wait, daemon=True).start()
            started += 1
    finally:
        end.set()
    raise ValueError("nobody stopped it")
"""
GRADED = f"""
from autograder import registry
from autograder.grading import correctness
from autograder.sandbox import protections
from autograder.slicing import Cell

refusal = protections.refusal()
cells = [Cell("cell 1", {MANY.replace("MOST", str(MOST))!r})]
print(refusal or correctness(registry.find("lenet.relu"), cells, seed=1).results[0].problem.message)
"""


@pytest.mark.skipif(bool(protections.missing()), reason="there is no sandbox here")
def test_where_memory_runs_out_the_answer_ends_first():
    with SandboxWorker(registry.find("lenet.relu"), [Cell("cell 1", "def relu(x):\n    return x")]) as worker:
        assert worker.prepare() is None
        assert Path(f"/proc/{worker._process}/oom_score_adj").read_text() == "1000\n"


def test_threads_of_an_ordinary_user_are_counted():
    with tempfile.TemporaryDirectory(dir="/tmp") as home:  # pytest's own are closed to others
        if os.geteuid():
            ran = subprocess.run([sys.executable, "-c", GRADED], cwd=nobody.ROOT, capture_output=True, text=True)
        elif obstacle := nobody.obstacle(Path(home)):
            pytest.skip(obstacle)
        else:
            ran = nobody.run(["-c", GRADED], Path(home))
    assert ran.returncode == 0, ran.stderr
    if "can't be shut in" in ran.stdout:
        pytest.skip(ran.stdout)
    assert "can't start new thread" in ran.stdout
