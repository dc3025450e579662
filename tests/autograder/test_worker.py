"""The worker: what breaks there costs one exercise, and is told in words."""

import inspect
import subprocess
import sys

import pytest

import solutions.lenet.layers as layers
from autograder import registry
from autograder.grading import grade
from autograder.slicing import Cell

AVG = registry.find("avg_pool2d")
IMPORTS = Cell("cell 1", "import torch\nimport torch.nn.functional as F")
REFERENCE = Cell("cell 2", inspect.getsource(layers))
HEAD = "def avg_pool2d(x, kernel_size, stride=None, padding=0, count_include_pad=False):\n"


def graded(*bodies):
    return grade(AVG, [IMPORTS, *(Cell(f"cell {n}", body) for n, body in enumerate(bodies, start=2))], seed=1)


def test_the_reference_is_accepted():
    verdict = grade(AVG, [REFERENCE], seed=1)
    assert (verdict.status, verdict.points) == ("accepted", AVG.points)


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ("", "missing", "no cell defines avg_pool2d"),
        ("avg_pool2d = 3", "missing", "not a function"),
        (HEAD + "    raise NotImplementedError()", "unsolved", ""),
        (HEAD + "    import os; os._exit(0)", "not yet", "ended its own process"),
        (HEAD + "    import faulthandler; faulthandler._read_null()", "not yet", "segmentation fault"),
        (HEAD + "    return avg_pool2d(x, 2)", "not yet", "calls itself without end"),
        (HEAD + "    raise ValueError('mine')", "not yet", "ValueError: mine"),
        (HEAD + "    return bytearray(10**11)", "not yet", "MemoryError"),
        (HEAD + "    return F.avg_pool2d(x, kernel_size)", "forbidden", "avg_pool2d"),
        (
            HEAD + "    from solutions.lenet import avg_pool2d as a\n    return a(x, kernel_size)",
            "forbidden",
            "solutions",
        ),
        ("LIMIT = undefined_name\n" + HEAD + "    return x * LIMIT", "not yet", "NameError"),
        ("import sys\nEXIT = sys.exit(0)\n" + HEAD + "    return EXIT", "not yet", "exit"),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="signals and limits are POSIX")
def test_what_breaks_is_told(body, status, words):
    verdict = graded(body)
    failing = verdict.first_failing
    failure = verdict.failure or (failing.problem.failure if failing else None)
    assert verdict.status == status
    assert verdict.points == 0
    assert words in failure.message


def test_an_endless_answer_is_stopped_even_if_it_catches_everything():
    body = HEAD + "    while True:\n        try:\n            pass\n        except BaseException:\n            pass"
    assert "stopped after" in graded(body).first_failing.problem.message


def test_demos_and_training_do_not_run():
    body = "raise SystemExit\n" + inspect.getsource(layers.avg_pool2d)
    helpers = "print('a demo' * 10**6)\nwhile True: pass"
    assert grade(AVG, [REFERENCE, Cell("cell 3", helpers), Cell("cell 4", body)], seed=1).status == "accepted"


def test_what_an_exercise_needs_is_the_reference_even_if_the_students_is_wrong():
    exercise = registry.find("conv2d")
    broken = "\n".join(f"def {need.partition('.')[2]}(*a, **k):\n    return None" for need in exercise.needs)
    verdict = grade(exercise, [REFERENCE, Cell("cell 3", broken)], seed=1)
    assert verdict.status == "accepted"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork server and no process groups")
def test_an_interrupt_of_all_processes_leaves_the_server_alive():
    script = (
        "import os, signal, time\n"
        "from autograder import registry\n"
        "from autograder.worker import Worker, warm_up\n"
        "from autograder.slicing import Cell\n"
        "os.setpgrp()\n"
        "warm_up()\n"
        "try:\n"
        "    time.sleep(0.7)\n"
        "    os.killpg(0, signal.SIGINT)\n"
        "    time.sleep(5)\n"
        "except KeyboardInterrupt:\n"
        "    pass\n"
        "cell = Cell('cell 1', 'def relu(x):\\n    return x.clamp(min=0)')\n"
        "with Worker(registry.find('lenet.relu'), [cell]) as worker:\n"
        "    print('failure:', worker.prepare())\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert done.stdout == "failure: None\n"
    assert done.stderr == ""
