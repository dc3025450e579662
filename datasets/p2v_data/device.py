"""Where the course computes: the device, and the number of CPU threads."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from p2v_data.errors import DeviceError

if TYPE_CHECKING:
    import torch

FEW_CORES = 4
MOST_THREADS = 8
CGROUP_LIMIT = Path("/sys/fs/cgroup/cpu.max")


def device() -> torch.device:
    """The device that everything in the course runs on: CUDA, else Apple's GPU, else the CPU.

    The environment variable P2V_DEVICE (``cpu``, ``cuda``, ``cuda:1``, ``mps``) overrides the choice.

    Raises:
        DeviceError: P2V_DEVICE names no device, or one that this machine doesn't have.
    """
    import torch

    wanted = os.environ.get("P2V_DEVICE", "").strip().lower()
    if wanted:
        return _wanted(wanted)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def _wanted(name: str) -> torch.device:
    import torch

    kind, colon, index = name.partition(":")
    if kind not in ("cpu", "cuda", "mps") or (colon and not index.isdecimal()):
        raise DeviceError(
            f"P2V_DEVICE={name!r} names no device. Expected cpu, cuda, cuda:NUMBER or mps. "
            "Correct it, or unset it and the course chooses by itself."
        )
    if kind == "cuda":
        available = torch.cuda.device_count() if torch.cuda.is_available() else 0
    else:
        available = int(kind == "cpu" or torch.backends.mps.is_available())
    if int(index or 0) >= available:
        found = f"{available} {kind} device(s), numbered from 0" if available else f"no {kind} device"
        raise DeviceError(
            f"P2V_DEVICE={name!r}, but torch {torch.__version__} finds {found} here. "
            "Check the driver and the torch build, or unset P2V_DEVICE and the course chooses by itself."
        )
    return torch.device(name)


def threads() -> int:
    """Sets the number of threads torch computes with on the CPU, and returns it.

    The one place that does so. Small networks train up to 8 times slower with two threads than with one when two
    cores are busy, so 4 cores or fewer get one thread; more cores get half as many threads, at most 8.
    The environment variable P2V_THREADS overrides the number.

    Raises:
        DeviceError: P2V_THREADS isn't a whole number from 1.
    """
    import torch

    wanted = os.environ.get("P2V_THREADS", "").strip()
    if wanted and not (wanted.isdecimal() and int(wanted) >= 1):
        raise DeviceError(
            f"P2V_THREADS={wanted!r} is no number of threads. Expected a whole number from 1. "
            "Correct it, or unset it and the course chooses by itself."
        )
    count = int(wanted) if wanted else _threads_for(cores())
    torch.set_num_threads(count)
    return count


def _threads_for(core_count: int) -> int:
    return 1 if core_count <= FEW_CORES else min(core_count // 2, MOST_THREADS)


def cores() -> int:
    """CPU cores this process may use: those it is allowed on, within a container's limit."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(allowed, _container_cores() or allowed)


def _container_cores() -> int | None:
    try:
        quota, period = CGROUP_LIMIT.read_text().split()
        return max(1, int(quota) // int(period))
    except (OSError, ValueError):  # not in a container, or "max": no limit
        return None
