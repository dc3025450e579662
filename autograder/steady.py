"""Makes a freshly forked process compute as fast as one that has run for a while, so that its times mean something."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

M_MMAP_MAX, M_TRIM_THRESHOLD = -4, -1  # of malloc.h
MADV_POPULATE_READ = 22  # of linux/mman.h, since 5.14


def settle() -> None:
    """Call once in a child before anything is timed. Does nothing where the system isn't Linux."""
    keep_memory()
    if sys.platform == "linux":
        _map_constants()


def keep_memory() -> None:
    """Lets glibc keep what is freed. A new process gives blocks of a few hundred kilobytes back to the system at
    every call, and the page faults would count as the answer's time. Dask's workers are told to do so for ever."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)


def _map_constants() -> None:
    """Maps torch's read-only data, which a fork leaves unmapped until it is read.

    AVX-512 code reads constants through masks. A read whose mask is empty never faults, so the page stays unmapped,
    and on AMD's processors each such read costs a hundred nanoseconds: `torch.expm1` took 12 times as long in a child.
    """
    madvise = ctypes.CDLL(None).madvise
    madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    for line in Path("/proc/self/maps").read_text().splitlines():
        span, permissions, *rest = line.split()
        if permissions == "r--p" and "/libtorch_cpu" in rest[-1]:  # that of CUDA is six times as large
            start, end = (int(edge, 16) for edge in span.split("-"))
            madvise(start, end - start, MADV_POPULATE_READ)
