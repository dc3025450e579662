"""This machine in words, without its name or paths, for what was measured on it."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path


def described() -> str:
    """Processor, cores and software."""
    software = f"{platform.system()}, Python {platform.python_version()}, PyTorch {version('torch')}, on the CPU"
    return f"{processor()}, {os.cpu_count()} cores, {software}"


def processor() -> str:
    """The processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()
