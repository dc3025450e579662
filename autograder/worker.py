"""Runs an answer in a process of its own, with limits: one child per exercise, so that what breaks costs only that.

The child is forked from a server that has imported torch and never computes (where the system can fork; else it
is started afresh). Plain values go in and come out as bytes; nothing from the child is ever unpickled.
This is no sandbox: the code that runs here is trusted not to attack the machine.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

import torch
from tqdm import tqdm

from autograder import answer, failures, lender, mine, references, registry, steady, wire
from autograder.lending import lent
from autograder.limits import PATIENCE, time_limit
from autograder.runner import in_this_process, timeout
from autograder.slicing import Cell
from autograder.spec import Case, Exercise, Failure, SpeedResult, Trace

GRACE = 3.0  # seconds past the answer's own limit until the child is killed
START = 60.0  # seconds for the first child, which waits until torch is imported
DEFINING = 10.0  # seconds for the cells that define the answer
ATTEMPTS = 4  # at starting a child
EXTRA_MEMORY = 4 << 30  # address space beyond what torch itself has mapped


@dataclass(frozen=True)
class Job:
    """What a child needs to know. library: the student's own folder, or "" for references only."""

    exercise_id: str
    cells: tuple[tuple[str, str], ...]
    library: str = ""


class WorkerError(RuntimeError):
    """No child could be had."""


class Worker:
    """A child that runs one exercise's cases on one answer. Use as a context."""

    def __init__(self, exercise: Exercise, cells: Sequence[Cell], library: Path | None = None) -> None:
        self._exercise = exercise
        job = Job(exercise.id, tuple((cell.place, cell.source) for cell in cells), str(library or ""))
        self._connection, self._process = _child(job)
        self._ready = False
        self._failure: Failure | None = None

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.join()
        self._connection.close()

    def prepare(self) -> Failure | None:
        """Defines the answer in the child; the failure if that doesn't work.

        Raises WorkerError if there is no child to do it, which is never the answer's fault.
        """
        if not self._ready:
            reply = self._reply(START)
            if reply != "started":
                why = reply.message if isinstance(reply, Failure) else "it sent something unreadable"
                raise WorkerError(f"the process for {self._exercise.id} didn't start: {why}")
            reply = self._reply(PATIENCE * DEFINING + GRACE)
            self._ready = True
            if reply != "ready":
                unreadable = Failure("crashed", "your answer's process sent something unreadable")
                self._failure = reply if isinstance(reply, Failure) else unreadable
        return self._failure

    def run(self, case: Case) -> Trace:
        """Carries a case out in the child."""
        failure = self.prepare()
        if failure is not None:
            return Trace(failure=failure)
        asked = replace(case, expect={}, note="")  # what was worked out by hand is not for the answer to see
        reply = self._ask(asked, PATIENCE * self._exercise.time_limit + GRACE)
        if isinstance(reply, Trace):
            return reply
        if isinstance(reply, Failure) and reply.kind == "timeout":
            return Trace(failure=timeout(self._exercise, case))
        return Trace(failure=reply if isinstance(reply, Failure) else Failure("crashed", "unreadable output"))

    def speed(self, seed: int) -> SpeedResult | Failure | None:
        """Times the answer in the child; None where there is no budget, a Failure if it breaks on the timed input."""
        if self._exercise.speed is None:
            return None
        reply = self._ask({"speed": seed}, 10 * self._exercise.time_limit)
        unreadable = Failure("crashed", "your answer's process sent something unreadable")
        return reply if isinstance(reply, SpeedResult | Failure) else unreadable

    def _ask(self, message: Any, seconds: float) -> Any:
        try:
            self._connection.send_bytes(wire.encode(message))
        except (OSError, ValueError):
            return self._ending()
        return self._reply(seconds)

    def _reply(self, seconds: float) -> Any:
        try:
            if not self._connection.poll(seconds):
                self._process.kill()
                return Failure("timeout", f"stopped after {seconds:g} s without a word")
            return wire.decode(self._connection.recv_bytes(wire.MOST_BYTES))
        except (EOFError, OSError):
            return self._ending()
        except wire.WireError:
            self._process.kill()
            return Failure("crashed", "your answer's process sent something unreadable")

    def _ending(self) -> Failure:
        self._process.join(GRACE)
        code = self._process.exitcode
        if code is not None and code < 0:
            why = {-9: "it was killed, most likely for using too much memory", -11: "a segmentation fault"}
            return Failure("crashed", f"your answer's process ended: {why.get(code, f'signal {-code}')}")
        return Failure("crashed", "your answer ended its own process (does it call exit?)")


def _child(job: Job) -> tuple[Any, Any]:
    """Our end of a pipe, and the started process at its other end."""
    for _ in range(ATTEMPTS - 1):
        try:
            return _started(job)
        except (EOFError, OSError):  # the server is just ending; the next one is new
            time.sleep(1.0)
    try:
        return _started(job)
    except (EOFError, OSError) as error:
        raise WorkerError(f"no process could be started: {error}") from error


def _started(job: Job) -> tuple[Any, Any]:
    context = _context()
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, job), daemon=True)
    with _no_main_module():
        process.start()
    theirs.close()
    return ours, process


def _context() -> Any:
    if "forkserver" in multiprocessing.get_all_start_methods():
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["autograder.worker_preload"])
        with _single_threaded(), _no_main_module(), _uninterrupted():
            forkserver.ensure_running()
        return context
    return multiprocessing.get_context("spawn")


def warm_up() -> None:
    """Starts the server that children are forked from, so that the first one is quick too."""
    _context()


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Lets a process that starts here never see an interrupt: Jupyter sends one to all of the kernel's processes."""
    resource_tracker.ensure_running()  # which would let interrupts through again, were it started in between
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _single_threaded() -> Iterator[None]:
    """Lets the numeric libraries of a process that starts here use one thread: theirs don't survive a fork."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _no_main_module() -> Iterator[None]:
    """Hides the main program, which multiprocessing would otherwise run again in each child."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _serve(connection: Connection, job: Job) -> None:
    """The child: defines the answer, then carries out case after case."""
    exercise = registry.find(job.exercise_id)  # before the limits: its libraries need room of their own
    _limit_resources()
    connection.send_bytes(wire.encode("started"))
    found = _defined_in_time(exercise, job)
    connection.send_bytes(wire.encode(found if isinstance(found, Failure) else "ready"))
    cpu = torch.device("cpu")
    run = in_this_process(exercise, found, cpu)
    while not isinstance(found, Failure):
        try:
            message = wire.decode(connection.recv_bytes())
        except EOFError:
            return
        if isinstance(message, Case):
            connection.send_bytes(wire.encode_trace(run(message)))
        else:
            from autograder.timing import measure_speed

            steady.settle()
            connection.send_bytes(wire.encode(measure_speed(exercise, found, cpu, message["speed"])))


def _defined_in_time(exercise: Exercise, job: Job) -> Any:
    cells = [Cell(*cell) for cell in job.cells]
    try:
        with time_limit(DEFINING):
            return define(exercise, cells, Path(job.library) if job.library else None)
    except failures.TimeLimit:
        return Failure("timeout", f"stopped after {DEFINING:g} s, while the cells ran that define {exercise.name}")


def _limit_resources() -> None:
    torch.set_num_threads(1)
    tqdm.set_lock(threading.RLock())  # tqdm's own is a semaphore of the system, which outlives a killed process
    os.chdir(tempfile.gettempdir())
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    try:
        import resource
    except ImportError:  # Windows
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
    if sys.platform == "linux":
        mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (mapped + EXTRA_MEMORY, mapped + EXTRA_MEMORY))


def define(exercise: Exercise, cells: Sequence[Cell], library: Path | None) -> Any:
    """The answer that the cells define, or a Failure.

    What it `needs` of other exercises comes from `library` (the student's accepted answers), else the reference.
    """
    folder = Path(os.devnull) if library is None else library
    reference = references.reference if library is not None else _borrowed((*exercise.needs, *lent(exercise, cells)))
    mine.install(mine.Library(folder, reference, notify=lambda _: None))
    needs = {need.partition(".")[2]: need.partition(".")[0] for need in exercise.needs}
    return answer.define(exercise.name, cells, needs, (*exercise.forbidden, *references.packages()))


def _borrowed(ids: Sequence[str]) -> mine.Reference:
    """What `mine` holds in grading: the references of `ids`, else what the cells define themselves."""

    def find(lesson: str, name: str) -> Any:
        if f"{lesson}.{name}" in ids:
            return references.reference(lesson, name)
        try:
            return lender.own(f"{mine.PACKAGE}.{lesson}", name)
        except AttributeError as error:
            raise LookupError(str(error)) from None

    return find
