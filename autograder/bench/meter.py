"""What a command costs: time, CPU time and memory, all processes that it starts included. Linux."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from autograder.sandbox import linux

EVERY, LOOK = 0.1, 3.0  # seconds between two looks at the command, and at its memory
GRACE = 10.0  # seconds for what the command leaves running
PR_SET_CHILD_SUBREAPER = 36
COMPUTING = "sum(number * number for number in range(15_000_000))"  # more than a second


class CommandError(RuntimeError):
    """A measured command failed; the message is the end of what it said."""


@dataclass(frozen=True)
class Cost:
    """Seconds on the clock, CPU seconds, and the most memory of all processes in bytes, looked at every 3 s.

    Of what processes share each counts its part (the kernel's proportional set size).
    """

    seconds: float
    cpu: float
    peak: int


def measured(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Cost:
    """Runs a command and gives its cost. Raises CommandError if it fails."""
    with _adopting(), tempfile.TemporaryFile() as said:
        others, before, start, peak, looked = _own(), _cpu(), time.monotonic(), 0, -LOOK
        process = subprocess.Popen(
            list(command), cwd=folder, env=dict(environment), stdin=subprocess.DEVNULL, stdout=said, stderr=said
        )
        try:
            while process.poll() is None:
                if time.monotonic() - looked > LOOK:
                    peak, looked = max(peak, sum(map(memory, descendants(process.pid)))), time.monotonic()
                time.sleep(EVERY)
            seconds = time.monotonic() - start
        finally:
            process.kill()
            process.wait()
            _reap(others)
        if process.returncode:
            said.seek(0)
            end = said.read().decode(errors="replace")[-3000:]
            raise CommandError(f"{' '.join(command)} ended with {process.returncode}:\n{end}")
        return Cost(seconds, _cpu() - before, peak)


def gain(processes: int, rounds: int = 3) -> float:
    """How many times as much this machine computes with several processes at once, which share nothing: its ceiling.

    Two virtual cores may be two threads of one, and then give far less than twice. The median of some rounds.
    """
    return statistics.median(processes * _together(1) / _together(processes) for _ in range(rounds))


def _together(processes: int) -> float:
    """Seconds until the last of several processes that compute is done."""
    running = [subprocess.Popen([sys.executable, "-c", COMPUTING]) for _ in range(processes)]
    start = time.monotonic()
    for process in running:
        process.wait()
    return time.monotonic() - start


def descendants(process: int) -> set[int]:
    """A process and all that descend from it."""
    found = dict(_processes())
    wanted = {process}
    while more := {child for child, parent in found.items() if parent in wanted} - wanted:
        wanted |= more
    return wanted & found.keys()


def memory(process: int) -> int:
    """A process's memory in bytes; of pages that it shares with others, its part."""
    with contextlib.suppress(OSError):  # it has just ended
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) << 10
    return 0


def _processes() -> Iterator[tuple[int, int]]:
    """Every process with its parent."""
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                fields = Path(entry.path, "stat").read_bytes().rpartition(b")")[2].split()
                yield int(entry.name), int(fields[1])


@contextmanager
def _adopting() -> Iterator[None]:
    """While this context lasts, processes whose parent ends become this one's children, so that they are counted."""
    linux.set_option(PR_SET_CHILD_SUBREAPER, 1)
    try:
        yield
    finally:
        linux.set_option(PR_SET_CHILD_SUBREAPER, 0)


def _reap(others: Set[int]) -> None:
    """Waits for what a command left running, and ends it if need be. others: processes that are none of it."""
    end = time.monotonic() + GRACE
    while rest := _own() - others:
        for process in rest:
            if time.monotonic() > end:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):  # a child's child
                os.waitpid(process, os.WNOHANG)
        time.sleep(0.01)


def _own() -> set[int]:
    return descendants(os.getpid())


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
