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
from collections import OrderedDict
from dataclasses import dataclass
from functools import cache

from autograder import wire
from autograder.sandbox import zygote
from autograder.sandbox.channel import Channel, Ended, Overdue, TooLong, ends
from autograder.spec import Failure

START = 120.0  # seconds that importing torch may take on a slow disk
MOST_SEALED = 80  # kept; each takes some 20 MB
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


class ForkServer:
    """A process that others are forked from at the judge's request. what: says which, in an error."""

    def __init__(self, control: socket.socket, what: str) -> None:
        self._control, self._what = control, what
        control.settimeout(START)
        self._channels: weakref.WeakSet[Channel] = weakref.WeakSet()
        self._usable = True

    def fork(self, *, sibling: bool = False) -> tuple[Channel, int]:
        """A new child: a channel to it, and its process id."""
        end, process = self._forked(zygote.SIBLING if sibling else zygote.FORK)
        channel = Channel(end)
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
        """Whether it still answers, as far as is known."""
        return self._usable

    def close(self) -> None:
        """Leaves it and its children to end."""
        for channel in self._channels:
            channel.close()
        self._control.close()

    def _forked(self, request: bytes) -> tuple[socket.socket, int]:
        ours, theirs = ends()
        with theirs:
            try:
                socket.send_fds(self._control, [zygote.REQUEST.pack(request, 0)], [theirs.fileno()])
            except OSError:
                ours.close()
                raise self._lost() from None
        return ours, self._answer()[0]

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

    def _lost(self) -> SandboxError:
        self._usable = False
        return SandboxError(f"{self._what} ended{self._trouble()}")

    def _trouble(self) -> str:
        return ""


class Zygote(ForkServer):
    """A running zygote."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        super().__init__(ours, "the process that answers' processes come from")
        self._sealed: OrderedDict[bytes, tuple[ForkServer, int]] = OrderedDict()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  # it lives as long as the process
        command = [sys.executable, "-I", "-m", "autograder.sandbox.zygote", str(theirs.fileno())]
        self._process = subprocess.Popen(
            command,
            pass_fds=[theirs.fileno()],
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._errors,
            start_new_session=True,  # an interrupt at the terminal is the judge's to handle
        )
        theirs.close()
        self._answer()
        atexit.register(self._close, os.getpid())

    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def sealed(self, job: bytes) -> ForkServer:
        """What children are forked from in which the job's seals are made (see `child.seal`); kept for the next.

        Raises SandboxError where they can't be made.
        """
        found, process = self._sealed.pop(job, (None, 0))
        if found is None or not found.alive():
            if found is not None:
                self._forget(found, process)
            found, process = self._seal(job)
        self._sealed[job] = found, process
        while len(self._sealed) > MOST_SEALED:
            self._forget(*self._sealed.popitem(last=False)[1])
        return found

    def _seal(self, job: bytes) -> tuple[ForkServer, int]:
        end, process = self._forked(zygote.SEAL)
        channel, late = Channel(end), time.monotonic() + START
        try:
            channel.send(job, lambda: time.monotonic() > late)
            reply = wire.decode_reply(channel.receive(lambda: time.monotonic() > late, wire.MOST_BYTES))
        except (Ended, Overdue, TooLong, wire.WireError) as error:
            reply = type(error).__name__
        if reply != "sealed":
            channel.close()
            self.end(process)
            why = reply.message if isinstance(reply, Failure) else str(reply)
            raise SandboxError(f"what an exercise forbids could not be sealed: {why}")
        return ForkServer(end, "the process that an exercise's answers are forked from"), process

    def _forget(self, server: ForkServer, process: int) -> None:
        server.close()
        self.end(process)

    def _close(self, judge: int) -> None:
        """Ends it and all its children with the judge, not with what the judge has forked."""
        if os.getpid() != judge:
            return
        for server, _ in self._sealed.values():
            server.close()
        self.close()
        self._process.kill()
        self._process.wait()
        self._errors.close()

    def _trouble(self) -> str:
        self._process.kill()
        self._process.wait()
        self._errors.seek(0)
        said = self._errors.read().decode(errors="replace").strip().splitlines()
        return f": {said[-1] if said else f'exit code {self._process.returncode}'}"


@cache
def _zygote_of(judge: int, attempt: int) -> Zygote:
    return Zygote()


def running_zygote() -> Zygote:
    """This process's zygote, started where there is none."""
    judge = os.getpid()
    for attempt in range(1000):
        found = _zygote_of(judge, attempt)
        if found.alive():
            return found
    raise SandboxError("the process that answers are forked from ended too often")
