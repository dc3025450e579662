"""The trusted side's view of an answer in the sandbox: give it a case, get a trace back, whatever it tries."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from types import TracebackType
from typing import Any

from autograder import references, registry, wire
from autograder.lending import lent
from autograder.limits import PATIENCE
from autograder.runner import timeout
from autograder.sandbox import seal
from autograder.sandbox.channel import Channel, Ended, Overdue, TooLong
from autograder.sandbox.clock import cpu_seconds, cpu_seconds_at_rest
from autograder.sandbox.parent import ForkServer, SandboxError, running_zygote
from autograder.slicing import Cell
from autograder.spec import Case, Exercise, Failure, Trace

START = 60.0  # seconds until the child is confined
DEFINING = 10.0  # seconds for the cells that define the answer
GRACE = 3.0  # seconds on the clock beyond `PATIENCE` times the limit
MEMORY = 4 << 30  # bytes of address space beyond torch's own
UNREADABLE = Failure("crashed", "your answer's process sent something unreadable")


GO, OUTPUTS = wire.encode({"go": True}), wire.encode({"outputs": True})


@dataclass(frozen=True)
class Times:
    """CPU seconds of a timed case: of its program, and of bringing its inputs and fetching its outputs."""

    work: float
    data: float


NEVER = Times(math.inf, math.inf)


class SandboxWorker:
    """A confined child that holds one answer. Use as a context. timed: gets the child ready for timing."""

    def __init__(self, exercise: Exercise, cells: Sequence[Cell], *, timed: bool = False, memory: int = MEMORY) -> None:
        self._exercise = exercise
        self._server: ForkServer = running_zygote().sealed(seals(tuple(exercise.forbidden), tuple(exercise.needs)))
        self._channel: Channel
        self._channel, self._process = self._server.fork()
        self._ended: Failure | None = None
        own = {"cells": [(cell.place, cell.source) for cell in cells], "memory": memory, "timed": timed}
        self._job = {**_job(exercise, cells), **own}
        self._ready = False
        self._failure: Failure | None = None
        self.peak = 0

    def __enter__(self) -> SandboxWorker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()
        self._channel.close()

    def prepare(self) -> Failure | None:
        """Defines the answer in the child; the failure if that doesn't work.

        Raises SandboxError if the child couldn't be confined, which is never the answer's fault.
        """
        if not self._ready:
            self._ready = True
            reply = self._ask(self._job, START, START)
            if reply != "confined":
                why = reply.message if isinstance(reply, Failure) else "it sent something unreadable"
                raise SandboxError(f"the process for {self._exercise.id} could not be confined: {why}")
            reply = self._reply(self._overdue(DEFINING, PATIENCE * DEFINING + GRACE))
            if reply != "ready":
                self._failure = reply if isinstance(reply, Failure) else UNREADABLE
                if self._failure.kind == "timeout":
                    told = f"stopped after {DEFINING:g} s, while the cells ran that define {self._exercise.name}"
                    self._failure = replace(self._failure, message=told)
        return self._failure

    def run(self, case: Case) -> Trace:
        """Carries a case out in the child. What was worked out by hand stays here."""
        return self._trace(replace(case, expect={}, note=""), case)

    def run_stages(self, case: Case) -> Trace:
        """Likewise, recording the stages of a module."""
        return self._trace({"stages": replace(case, expect={}, note="")}, case)

    def timed(self, load: bytes, limit: float) -> tuple[Times, Trace | Failure]:
        """Has a timed case carried out (`load`: the encoded request that brings it); its times, and what came of it."""
        wall = PATIENCE * limit + GRACE
        clock = [self._cpu(cpu_seconds_at_rest)]
        reply: Trace | Failure | str = ""
        for message in (load, GO, OUTPUTS):
            reply = self._exchange(message, limit, wall)
            clock.append(self._cpu(cpu_seconds_at_rest))
            if isinstance(reply, Failure):
                break
        times = Times(work=clock[2] - clock[1], data=clock[-1] - clock[2] + clock[1] - clock[0]) if clock[3:] else NEVER
        return times, reply if isinstance(reply, Trace | Failure) else UNREADABLE

    def _trace(self, message: Any, case: Case) -> Trace:
        failure = self.prepare()
        if failure is not None:
            return Trace(failure=failure)
        limit = self._exercise.time_limit
        reply = self._ask(message, limit, PATIENCE * limit + GRACE)
        if isinstance(reply, Trace):
            return reply
        if isinstance(reply, Failure) and reply.kind == "timeout":
            return Trace(failure=timeout(self._exercise, case))
        return Trace(failure=reply if isinstance(reply, Failure) else UNREADABLE)

    def _ask(self, message: Any, cpu: float, wall: float) -> Trace | Failure | str:
        return self._exchange(wire.encode(message), cpu, wall)

    def _exchange(self, message: bytes, cpu: float, wall: float) -> Trace | Failure | str:
        if self._ended is not None:
            return self._ended
        overdue = self._overdue(cpu, wall)
        try:
            self._channel.send(message, overdue)
        except (Ended, Overdue):
            return self._stopped()
        return self._reply(overdue)

    def _reply(self, overdue: Callable[[], bool]) -> Trace | Failure | str:
        if self._ended is not None:
            return self._ended
        try:
            return wire.decode_reply(self._channel.receive(overdue, wire.MOST_BYTES))
        except Overdue:
            self._end()
            self._ended = Failure("timeout", "stopped")
            return self._ended
        except Ended:
            return self._stopped()
        except (TooLong, wire.WireError):
            self._end()
            self._ended = UNREADABLE
            return UNREADABLE

    def _overdue(self, cpu: float, wall: float) -> Callable[[], bool]:
        """Whether the child has used up its time: `cpu` seconds of work and of the clock, or `wall` on the clock."""
        used, start = self._cpu(), time.monotonic()

        def over() -> bool:
            passed = time.monotonic() - start
            return passed > wall or (passed > cpu and self._cpu() - used > cpu)

        return over

    def _cpu(self, read: Callable[[int], float] = cpu_seconds) -> float:
        try:
            return read(self._process) if self._ended is None else 0.0
        except OSError:
            return 0.0

    def _stopped(self) -> Failure:
        ending = self._server.end(self._process)
        self.peak = ending.peak
        if ending.signal == signal.SIGSEGV:
            self._ended = Failure("crashed", "your answer's process ended: a segmentation fault")
        elif ending.signal is not None:
            said = "it was killed, most likely for using too much memory"
            why = said if ending.signal == signal.SIGKILL else f"signal {ending.signal}"
            self._ended = Failure("crashed", f"your answer's process ended: {why}")
        else:
            self._ended = Failure("crashed", "your answer ended its own process (does it call exit?)")
        return self._ended

    def _end(self) -> None:
        if self._ended is None:
            self.peak = self._server.end(self._process).peak
            self._ended = Failure("crashed", "your answer's process was ended")


@cache
def seals(forbidden: tuple[str, ...], needs: tuple[str, ...]) -> bytes:
    """What a process is told that children are forked from: what they may not use, and what answers start from."""
    return wire.encode(
        {
            "forbidden": (*forbidden, *references.packages()),
            "kernels": seal.kernels(forbidden),
            "needs": [need.partition(".")[::2] for need in needs],
            "lent": _texts(needs),
        }
    )


def _job(exercise: Exercise, cells: Sequence[Cell]) -> Mapping[str, Any]:
    """What a child is told: the exercise's name, what it may not use, and the references that it may have besides."""
    return {
        "name": exercise.name,
        "forbidden": (*exercise.forbidden, *references.packages()),
        "needs": [need.partition(".")[::2] for need in exercise.needs],
        "lent": _texts(lent(exercise, cells)),
        "live": exercise.live,
    }


def _texts(names: Iterable[str]) -> dict[str, dict[str, str]]:
    """References' texts by lesson and name."""
    texts: dict[str, dict[str, str]] = {lesson: {} for lesson in registry.lessons()}
    for other in names:
        lesson, _, name = other.partition(".")
        texts[lesson][name] = references.standalone(lesson, name)
    return texts
