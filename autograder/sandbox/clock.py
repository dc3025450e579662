"""The CPU time that another process has used."""

from __future__ import annotations

import time
from pathlib import Path

TICK = 0.012  # seconds; kernels tick every 1 to 10 ms
NAP = 5e-5  # seconds


def cpu_seconds(process: int) -> float:
    """The CPU time that a process has used, all its threads, on the kernel's clock for it.

    While the process runs, this may lack what it has used since the last tick: all of a job of a few milliseconds.
    """
    return time.clock_gettime_ns((~process << 3) | 2) / 1e9


def cpu_seconds_at_rest(process: int) -> float:
    """Likewise, with nothing lacking: read once the process waits for something, or after a tick if it doesn't."""
    late = time.monotonic() + TICK
    while _runs(process) and time.monotonic() < late:
        time.sleep(NAP)
    return cpu_seconds(process)


def _runs(process: int) -> bool:
    """Whether a process's first thread runs, or would if there were a core for it."""
    try:
        line = Path(f"/proc/{process}/stat").read_bytes()
    except OSError:  # it is gone, or hidden
        return False
    return line[line.rindex(b")") + 2 :].startswith(b"R")
