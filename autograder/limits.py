"""Keeps an answer within its time, and its output within reason."""

from __future__ import annotations

import contextlib
import ctypes
import io
import signal
import threading
import time
import warnings
from collections.abc import Iterator
from types import FrameType

from autograder.failures import TimeLimit

AGAIN = 0.2  # seconds until the limit is raised once more, for code that catches everything
PATIENCE = 3.0
KEPT_LINES = 5
KEPT_WIDTH = 160


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raises `TimeLimit` in this thread when the time is up, and again until the block is left.

    Where the system has alarms, both the processor and the clock must have counted `seconds`, so that neither a busy
    machine nor many threads at once stop anybody early; waiting (sleep, input) ends after `PATIENCE` times as long on
    the clock. Elsewhere they are seconds on the clock.
    """
    if threading.current_thread() is threading.main_thread() and hasattr(signal, "setitimer"):
        with _by_signal(seconds):
            yield
    else:
        with _by_thread(seconds):
            yield


@contextlib.contextmanager
def _by_signal(seconds: float) -> Iterator[None]:
    end = time.monotonic() + seconds
    running = True

    def ring(_: int, __: FrameType | None) -> None:
        if running and time.monotonic() >= end:
            raise TimeLimit

    alarms = ((signal.SIGPROF, signal.ITIMER_PROF, seconds), (signal.SIGALRM, signal.ITIMER_REAL, PATIENCE * seconds))
    before = [signal.signal(number, ring) for number, _, _ in alarms]
    try:
        for _, timer, after in alarms:
            signal.setitimer(timer, after, AGAIN)
        try:
            yield
        finally:
            running = False
    finally:  # reached even if the alarm rang in the line above: none may go on in the student's kernel
        running = False
        for _, timer, _ in alarms:
            signal.setitimer(timer, 0)
        for (number, _, _), handler in zip(alarms, before, strict=True):
            signal.signal(number, handler)


@contextlib.contextmanager
def _by_thread(seconds: float) -> Iterator[None]:
    """Where there are no alarms (Windows) or in a thread: works between two bytecodes, not inside a long call."""
    target = ctypes.c_ulong(threading.get_ident())
    left = threading.Event()
    one_at_a_time = threading.Lock()  # so that none rings after the block was left

    def ring() -> None:
        wait = seconds
        while not left.wait(wait):
            with one_at_a_time:
                if not left.is_set():
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(target, ctypes.py_object(TimeLimit))
            wait = AGAIN

    threading.Thread(target=ring, daemon=True).start()
    try:
        try:
            yield
        finally:
            left.set()
    finally:
        left.set()
        with one_at_a_time:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(target, None)


class Printed(io.TextIOBase):
    """A stream that counts lines and keeps the first few."""

    def __init__(self) -> None:
        self.lines = 0
        self._kept = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.lines += text.count("\n")
        if len(self._kept) < KEPT_LINES * KEPT_WIDTH:
            self._kept += text[: KEPT_LINES * KEPT_WIDTH]
        return len(text)

    @property
    def first(self) -> str:
        """The first lines, each cut to a readable width."""
        return "\n".join(line[:KEPT_WIDTH] for line in self._kept.splitlines()[:KEPT_LINES])


@contextlib.contextmanager
def captured(*, live: bool = False) -> Iterator[Printed]:
    """Collects what is printed instead of showing it; with `live`, it is shown as well as ever.

    Warnings are printed too, whatever the process does with them: a right answer may warn.
    """
    printed = Printed()
    if live:
        yield printed
        return
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed), warnings.catch_warnings():
        warnings.simplefilter("default")
        yield printed
