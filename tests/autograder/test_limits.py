"""Time limits: who is stopped, who isn't, and that nothing rings afterwards."""

import signal
import sys
import threading
import time
import warnings

import pytest
import torch

from autograder import limits
from autograder.failures import TimeLimit
from autograder.limits import time_limit

ALARMS = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no alarms")


def spin(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


def in_a_thread(function):
    found = []
    thread = threading.Thread(target=lambda: found.append(function()))
    thread.start()
    thread.join()
    return found[0]


def is_stopped():
    try:
        with time_limit(0.1):
            spin(5)
    except TimeLimit:
        return True
    return False


def test_endless_work_is_stopped_in_the_main_thread_and_in_others():
    assert is_stopped()
    assert in_a_thread(is_stopped)


def test_code_that_catches_everything_is_stopped_too():
    caught = []

    def stubborn():
        while len(caught) < 3:
            try:
                spin(5)
            except BaseException as error:
                caught.append(error)
        spin(5)

    with pytest.raises(TimeLimit), time_limit(0.1):
        stubborn()


@ALARMS
def test_waiting_is_stopped_later(monkeypatch):
    monkeypatch.setattr(limits, "PATIENCE", 2.0)
    start = time.monotonic()
    with pytest.raises(TimeLimit), time_limit(0.1):
        time.sleep(5)
    assert 0.15 < time.monotonic() - start < 4


@ALARMS
def test_processor_time_of_many_threads_is_not_held_against_an_answer():
    """The processor's clock runs faster than the wall's there: an alarm alone stops nobody before his time."""
    with time_limit(30):
        signal.raise_signal(signal.SIGPROF)


@ALARMS
def test_nothing_rings_when_the_block_is_left():
    before = [signal.getsignal(number) for number in (signal.SIGPROF, signal.SIGALRM)]
    for _ in range(20):
        with pytest.raises(TimeLimit), time_limit(0.01):
            spin(1)
    assert [signal.getsignal(number) for number in (signal.SIGPROF, signal.SIGALRM)] == before
    assert signal.getitimer(signal.ITIMER_PROF) == signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert not in_a_thread(lambda: [is_stopped() for _ in range(3)].count(False))
    spin(0.5)


def test_printed_lines_are_counted_and_the_first_kept():
    with limits.captured() as printed:
        for number in range(10_000):
            print("line", number, torch.ones(1))
    assert printed.lines == 10_000
    assert printed.first.splitlines()[0].startswith("line 0")
    assert len(printed.first.splitlines()) == limits.KEPT_LINES


def test_a_warning_stops_no_answer_whatever_the_process_does_with_warnings():
    seen = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with limits.captured():
            warnings.showwarning = lambda message, *_: seen.append(str(message))
            warnings.warn("only a word", UserWarning, stacklevel=1)
    assert seen == ["only a word"]
