import sys

import pytest
import torch

from autograder import registry, timing
from autograder.slicing import Cell
from autograder.spec import SpeedResult
from autograder.worker import Worker
from solutions.lenet import tanh

SOURCE = """
import torch

def tanh(x):
    growth = torch.expm1(2 * x.clamp(-20.0, 20.0))
    return growth / (growth + 2)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="children are forked on Linux")
def test_a_child_is_as_fast_as_the_kernel():
    exercise = registry.find("lenet.tanh")
    here = timing.measure_speed(exercise, tanh, torch.device("cpu"), 0)
    with Worker(exercise, [Cell("cell 1", SOURCE)]) as worker:
        worker.prepare()
        there = worker.speed(0)
    assert isinstance(here, SpeedResult)
    assert isinstance(there, SpeedResult)
    assert 0.4 < there.ratio / here.ratio < 2.5


def test_the_clock_counts_while_an_alarm_is_set():
    from autograder.limits import time_limit

    with time_limit(10.0):
        start = timing.cpu_seconds()
        sum(range(100_000))
        spent = timing.cpu_seconds() - start
    assert spent > 1e-4
