import os
import subprocess
import sys
import time

import pytest

from autograder.sandbox.clock import TICK, cpu_seconds, cpu_seconds_at_rest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox is Linux's")

WORKS = """
import os, time

def work(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass

while os.read(0, 1):
    work(0.003)
    os.write(1, b"x")
    work(0.001)  # as when memory is given back: the reply is out, and the process runs on
"""
ENDLESS = "while True: pass"


@pytest.fixture
def started():
    processes = []

    def start(source):
        processes.append(subprocess.Popen([sys.executable, "-c", source], stdin=-1, stdout=-1, bufsize=0))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def test_a_job_shorter_than_a_tick_is_counted_in_whole(started):
    process = started(WORKS)
    spent = []
    for _ in range(100):
        before = cpu_seconds_at_rest(process.pid)
        process.stdin.write(b"x")
        process.stdout.read(1)
        spent.append(cpu_seconds_at_rest(process.pid) - before)
    assert min(spent) >= 0.004


def test_who_never_rests_is_not_waited_for(started):
    process = started(ENDLESS)
    start = time.monotonic()
    first = cpu_seconds_at_rest(process.pid)
    assert time.monotonic() - start < 20 * TICK
    time.sleep(0.5)
    assert cpu_seconds_at_rest(process.pid) > first + 0.05


def test_the_clock_of_a_process_that_is_gone_is_an_error():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    with pytest.raises(OSError, match="Invalid argument"):
        cpu_seconds_at_rest(process.pid)


def test_it_counts_what_all_threads_used():
    assert cpu_seconds(os.getpid()) == pytest.approx(time.process_time(), abs=0.05)
