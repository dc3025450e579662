"""The judge's hold on the zygote: starts it, asks it for children, and learns how they ended."""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import weakref
from dataclasses import dataclass
from functools import cache

from autograder.sandbox import zygote
from autograder.sandbox.channel import Channel

START = 120.0  # seconds that importing torch may take on a slow disk
ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "HOME": "/nonexistent",
    "LANG": "C.UTF-8",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "TORCHDYNAMO_DISABLE": "1",  # compiling needs a compiler, processes and files
    "CUDA_VISIBLE_DEVICES": "",
    "MPLBACKEND": "agg",
    "MPLCONFIGDIR": os.environ.get("MPLCONFIGDIR", os.path.expanduser("~/.cache/matplotlib")),  # its list of fonts
}


class SandboxError(RuntimeError):
    """No process could be had: the machine's fault, never an answer's."""


@dataclass(frozen=True)
class Ending:
    """How a process ended: by itself with `code`, or by `signal`. peak: its largest resident memory in bytes."""

    code: int | None
    signal: int | None
    peak: int


class Zygote:
    """A running zygote; the `number`th of this judge."""

    def __init__(self, number: int) -> None:
        self.number = number
        self._control, theirs = socket.socketpair()
        self._trouble = tempfile.TemporaryFile()  # noqa: SIM115  # it lives as long as the process
        command = [sys.executable, "-I", "-m", "autograder.sandbox.zygote", str(theirs.fileno())]
        self._process = subprocess.Popen(
            command,
            pass_fds=[theirs.fileno()],
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._trouble,
            start_new_session=True,  # an interrupt at the terminal is the judge's to handle
        )
        theirs.close()
        self._channels: weakref.WeakSet[Channel] = weakref.WeakSet()
        self._control.settimeout(START)
        self._answer()
        atexit.register(self._close, os.getpid())

    def fork(self, *, sibling: bool = False) -> tuple[Channel, int]:
        """A new child: a channel to it, and its process id."""
        ours, theirs = socket.socketpair()
        with theirs:
            request = zygote.REQUEST.pack(zygote.SIBLING if sibling else zygote.FORK, 0)
            try:
                socket.send_fds(self._control, [request], [theirs.fileno()])
            except OSError:
                raise self._lost() from None
        process, _, _ = self._answer()
        channel = Channel(ours)
        self._channels.add(channel)
        return channel, process

    def end(self, process: int) -> Ending:
        """Kills a child, if it still runs, and says how it ended."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)  # no other process can have this id before it is reaped
        try:
            self._control.sendall(zygote.REQUEST.pack(zygote.REAP, process))
        except OSError:
            raise self._lost() from None
        _, status, peak = self._answer()
        number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else None
        return Ending(os.WEXITSTATUS(status) if os.WIFEXITED(status) else None, number, peak << 10)

    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def _answer(self) -> tuple[int, int, int]:
        found = b""
        while len(found) < zygote.REPLY.size:
            try:
                part = self._control.recv(zygote.REPLY.size - len(found))
            except OSError:
                raise self._lost() from None
            if not part:
                raise self._lost()
            found += part
        process, status, peak = zygote.REPLY.unpack(found)
        return process, status, peak

    def _close(self, judge: int) -> None:
        """Ends it and all its children with the judge, not with what the judge has forked."""
        if os.getpid() != judge:
            return
        for channel in self._channels:
            channel.close()
        self._control.close()
        self._process.kill()
        self._process.wait()
        self._trouble.close()

    def _lost(self) -> SandboxError:
        self._process.kill()
        self._process.wait()
        self._trouble.seek(0)
        said = self._trouble.read().decode(errors="replace").strip().splitlines()
        why = said[-1] if said else f"exit code {self._process.returncode}"
        return SandboxError(f"the process that answers are forked from ended: {why}")


@cache
def _zygote_of(judge: int, attempt: int) -> Zygote:
    return Zygote(attempt)


def running_zygote() -> Zygote:
    """This process's zygote, started where there is none."""
    judge = os.getpid()
    for attempt in range(1000):
        found = _zygote_of(judge, attempt)
        if found.alive():
            return found
    raise SandboxError("the process that answers are forked from ended too often")


def cpu_seconds(process: int) -> float:
    """The CPU time that a process has used, all its threads, on the kernel's clock for it."""
    return time.clock_gettime_ns((~process << 3) | 2) / 1e9
