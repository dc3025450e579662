"""Makes a freshly forked process compute as fast as one that has run for a while, so that its times mean something."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_MMAP_MAX = -1, -3, -4  # of malloc.h
LARGEST_THRESHOLD = 32 << 20  # bytes, to which glibc itself raises M_MMAP_THRESHOLD, M_TRIM_THRESHOLD to twice that
MADV_POPULATE_READ, MADV_POPULATE_WRITE = 22, 23  # of linux/mman.h, since 5.14
HEAP = 48 << 20  # bytes: what a timed case and its messages take
PAGE = 4096


def settle() -> None:
    """Call once in a child before anything is timed. Does nothing where the system isn't Linux."""
    keep_memory()
    if sys.platform == "linux":
        _fill_heap()
        _map_constants()


def keep_memory() -> None:
    """Lets glibc keep what is freed. A new process gives blocks of a few hundred kilobytes back to the system at
    every call, and the page faults would count as the answer's time. Dask's workers are told to do so for ever."""
    mallopt = _of_glibc("mallopt")
    if mallopt is not None:
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)


@contextmanager
def kept_memory() -> Iterator[None]:
    """Likewise for as long as this context lasts, in a process that goes on: a notebook's kernel.

    Whether it would give memory back at every call depends on what it freed before, and triples some answers' times.
    """
    mallopt, trim = _of_glibc("mallopt"), _of_glibc("malloc_trim")
    keep_memory()
    try:
        yield
    finally:
        if mallopt is not None and trim is not None:
            mallopt(M_MMAP_MAX, 65536)  # glibc's own
            mallopt(M_MMAP_THRESHOLD, LARGEST_THRESHOLD)
            mallopt(M_TRIM_THRESHOLD, 2 * LARGEST_THRESHOLD)
            trim(0)


def _of_glibc(name: str) -> Callable[..., Any] | None:
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None


def _fill_heap() -> None:
    """Has the kernel give the memory that the first rounds would ask for: thousands of page faults, which a process
    that has run for a while doesn't have."""
    library = ctypes.CDLL(None)
    library.malloc.restype, library.malloc.argtypes = ctypes.c_void_p, (ctypes.c_size_t,)
    library.free.argtypes = (ctypes.c_void_p,)
    block = library.malloc(HEAP)
    if block:
        _madvise(block, block + HEAP, MADV_POPULATE_WRITE)
        library.free(block)


def _map_constants() -> None:
    """Maps torch's read-only data, which a fork leaves unmapped until it is read.

    AVX-512 code reads constants through masks. A read whose mask is empty never faults, so the page stays unmapped,
    and on AMD's processors each such read costs a hundred nanoseconds: `torch.expm1` took 12 times as long in a child.
    """
    for line in Path("/proc/self/maps").read_text().splitlines():
        span, permissions, *rest = line.split()
        if permissions == "r--p" and "/libtorch_cpu" in rest[-1]:  # that of CUDA is six times as large
            start, end = (int(edge, 16) for edge in span.split("-"))
            _madvise(start, end, MADV_POPULATE_READ)


def _madvise(start: int, end: int, advice: int) -> None:
    """Advises the kernel on the whole pages between two addresses. What it doesn't know it leaves."""
    madvise = ctypes.CDLL(None).madvise
    madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    start = -(-start // PAGE) * PAGE
    madvise(start, (end - start) // PAGE * PAGE, advice)
