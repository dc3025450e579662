"""Keeps quiet about what the compiler in torch says of itself when Python ends: hundreds of lines of "leaked"."""

from __future__ import annotations

import atexit
import os
from functools import cache


@cache
def after_all() -> None:
    """From the end of this process's own work on, nothing is written to standard error any more."""
    atexit.register(_mute)


def _mute() -> None:
    with open(os.devnull, "w", encoding="utf-8") as nothing:
        os.dup2(nothing.fileno(), 2)
