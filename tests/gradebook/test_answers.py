"""Whatever an answer does, it costs that exercise and no other, and the feedback says why."""

from __future__ import annotations

import pytest

from autograder.sandbox import worker
from tests.gradebook import desk

IGNORING = """
import signal


def relu(x):
    for number in range(1, 32):
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            pass
    while True:
        try:
            while True:
                x = x + 0
        except BaseException:
            pass
"""
HOARDING = """
def relu(x):
    kept = []
    while True:
        kept.append(bytearray(b'1' * 2**24))
"""
THREADS = """
import threading, time


def relu(x):
    while True:
        threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
"""
SORTING = """
import sys


def relu(x):
    sys.setrecursionlimit(10**9)
    return max([x], key=relu)
"""
FLOODING = "import os\n\n\ndef relu(x):\n    while True:\n        print('x' * 10**6)"
HUGE = "import torch\n\n\ndef relu(x):\n    return torch.zeros(1).expand(10**6, 10**4)"
LOOPING = """
def forever():
    while True:
        pass


SIZE = forever()


def relu(x):
    return SIZE
"""
ANSWERS = {
    "an exception": ("def relu(x):\n    return 1 / 0", "your code raised ZeroDivisionError"),
    "exit": ("import sys\n\n\ndef relu(x):\n    sys.exit(0)", "your code asked Python to exit"),
    "a hard exit": ("import os\n\n\ndef relu(x):\n    os._exit(0)", "Your answer ended its own process"),
    "exit at the top": ("import os\n\nSIZE = os._exit(0)\n\n\ndef relu(x):\n    return SIZE", "ended its own process"),
    "a segfault": (
        "import faulthandler\n\n\ndef relu(x):\n    return faulthandler._read_null()",
        "a segmentation fault",
    ),
    "an endless loop": ("def relu(x):\n    while True:\n        pass", "stopped after 1 s"),
    "a loop that ignores signals": (IGNORING, "stopped after 1 s"),
    "a long sleep": ("import time\n\n\ndef relu(x):\n    time.sleep(10**6)", "stopped after 1 s"),
    "a loop at the top": (LOOPING, "stopped after 1 s, while the cells ran that define relu"),
    "much memory at once": ("def relu(x):\n    return bytearray(10**13)", "your code raised MemoryError"),
    "memory bit by bit": (HOARDING, "your code raised MemoryError"),
    "a fork bomb": ("import os\n\n\ndef relu(x):\n    while True:\n        os.fork()", "PermissionError"),
    "a bomb of threads": (THREADS, "your code raised RuntimeError"),
    "another program": ("import os\n\n\ndef relu(x):\n    return os.execv('/bin/sh', ['sh'])", "PermissionError"),
    "a flood of output": (FLOODING, "stopped after 1 s"),
    "a huge result": (HUGE, "lenet.relu not yet"),
    "deep recursion": ("def relu(x):\n    return relu(x)", "your code raised RecursionError"),
    "deep recursion in C": (SORTING, "Your answer's process ended"),
    "a syntax error": ("def relu(x)\n    return x", "lenet.relu"),
    "no answer at all": ("", "there is no relu yet"),
}
PATIENCE = {"memory bit by bit": 10.0}  # to fill a gigabyte takes longer than a second where pages come slowly


@pytest.mark.parametrize("kind", ANSWERS)
def test_what_an_answer_does_costs_that_exercise_and_no_other(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(worker, "DEFINING", desk.HURRY)
    monkeypatch.setattr(desk, "HURRY", PATIENCE.get(kind, desk.HURRY))
    monkeypatch.setitem(worker.SandboxWorker.__init__.__kwdefaults__, "memory", 1 << 30)
    answer, reason = ANSWERS[kind]
    one = desk.paper().solve("leaky_relu").write({"relu": answer})
    graded = desk.grade(desk.hand_in(one.notebook, tmp_path), "relu", "leaky_relu", patch=monkeypatch.setattr)
    assert graded.points == {"relu": 0.0, "leaky_relu": 1.0}
    assert reason in graded.words, graded.words
    assert "Traceback" not in graded.words


LOUD = """
import os, sys, warnings


def relu(x):
    warnings.warn('careful')
    print('careful', file=sys.stderr)
    os.write(1, b'past Python')
    os.write(2, b'past Python')
    return torch.where(x > 0, x, 0 * x)
"""


def test_warnings_and_noise_cost_nothing(tmp_path, monkeypatch):
    one = desk.paper().write({"relu": LOUD})
    graded = desk.grade(desk.hand_in(one.notebook, tmp_path), "relu", patch=monkeypatch.setattr)
    assert graded.points == {"relu": 1.0}
    assert "careful" in graded.words


def test_a_failure_says_how_to_draw_its_cases_again_and_a_right_answer_does_not(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    one = desk.paper().solve("leaky_relu").write({"relu": "def relu(x):\n    return x.abs()"})
    path = desk.hand_in(one.notebook, tmp_path)
    marks = desk.grade(path, "relu", "leaky_relu", patch=monkeypatch.setattr, student="ada")
    assert marks.words.count("p2v check 01_lenet --seed 7") == 1
