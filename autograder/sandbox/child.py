"""The other side: a child that holds one answer and carries out what it is asked, until it is killed.

It knows the cases' inputs, the references that the exercise needs, and nothing else that is worth knowing.
"""

from __future__ import annotations

import os
import resource
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from tqdm import tqdm

from autograder import answer, failures, steady, wire
from autograder.driver import Prepared, run_case
from autograder.lender import Lender
from autograder.runner import carry_out
from autograder.sandbox import channel, linux, standins
from autograder.sandbox.native import stop_ctypes
from autograder.sandbox.readable import readable
from autograder.sandbox.seal import seal_interpreted, seal_names, seal_operators, seal_rewritings
from autograder.slicing import Cell, needed, reduced
from autograder.spec import Case, Failure, Trace, of_call
from autograder.stubs import stub

CHANNEL = 3  # the one descriptor that stays open besides 0, 1 and 2, which lead nowhere
RULES = 4  # the Landlock rules, until they are in force
MOST_THREADS = 500  # of all that was forked from a zygote (Linux 5.14); root's are not counted
CPU = torch.device("cpu")


def seal(job: Mapping[str, Any]) -> None:
    """Makes this process one from which children are forked that may use what the job allows, and nothing else.

    forbidden, kernels: what is sealed. needs, lent: the references that answers start from, and their texts.
    """
    torch.set_num_threads(1)
    tqdm.set_lock(threading.RLock())  # tqdm's own is a semaphore of the system
    _lend(job)
    seal_operators([(name, key) for name, key in job["kernels"]])
    seal_interpreted(job["forbidden"])
    seal_rewritings(job["forbidden"])
    seal_names(job["forbidden"])
    allowed = readable(job["forbidden"])
    os.dup2(linux.ruleset(allowed.files, allowed.listings), RULES)
    _warm_up(tuple(job["forbidden"]))


def _warm_up(forbidden: tuple[str, ...]) -> None:
    """Has torch work out here, once, what it does at a process's first call: 15 ms for each child otherwise."""
    case = wire.decode(wire.encode(of_call("warm-up", x=torch.zeros(2, 3))))
    wire.encode_trace(carry_out(case, torch.clone, CPU, forbidden))


def serve(program: bytes, *, sealed: bool) -> None:
    """Confines this process, defines the answer, then answers message after message.

    program: the seccomp filter. sealed: operators are. The first reply is "confined", or what stands in the way: until
    then nothing of the student's has run. The second is "ready", or why there is no answer.
    """
    job = wire.decode(channel.read(CHANNEL))
    try:
        if job["timed"]:
            steady.settle()
        for lesson, sources in job["lent"].items():
            sys.modules[f"mine.{lesson}"].lend(sources)
        _confine(job, program)
        if sealed:
            stop_ctypes()
    except Exception as error:
        say(Failure("crashed", f"{type(error).__name__}: {error}"))
        return
    say("confined")
    if "slice" in job:
        channel.write(CHANNEL, wire.encode(_slices(job)))
        return
    found = _defined(job)
    say(found if isinstance(found, Failure) else "ready")
    timed = Timed(found)
    while not isinstance(found, Failure):
        message = wire.decode(channel.read(CHANNEL))
        channel.write(CHANNEL, _reply(message, found, job, timed))


def _slices(job: Mapping[str, Any]) -> dict[str, Any]:
    cells = [Cell(place, source) for place, source in job["cells"]]
    return {key: _slice(cells, name, given) for key, name, given in job["slice"]}


def _slice(cells: Sequence[Cell], name: str, given: Sequence[str]) -> tuple[Any, ...]:
    """The cells that an answer needs, and where its stub gives up, if that is all there is."""
    found = needed(cells, name, given=given)
    line = stub(found, name)
    return [(cell.place, cell.source) for cell in reduced(cells, found)], line and (line.place, line.number)


def _confine(job: Mapping[str, Any], program: bytes) -> None:
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    most = mapped + int(job["memory"])
    limits = {resource.RLIMIT_AS: most, resource.RLIMIT_FSIZE: 0, resource.RLIMIT_CORE: 0, resource.RLIMIT_NOFILE: 64}
    limits[resource.RLIMIT_MSGQUEUE] = limits[resource.RLIMIT_MEMLOCK] = 0
    limits[resource.RLIMIT_NPROC] = MOST_THREADS
    for kind, value in limits.items():
        resource.setrlimit(kind, (value, value))
    linux.die_first()
    linux.die_with_parent()
    linux.restrict_files(RULES)
    linux.set_option(linux.PR_SET_DUMPABLE, 0)
    linux.load_filter(program)


def _lend(job: Mapping[str, Any]) -> None:
    """Makes `from mine.lenet import conv2d` work for what the answer may have of others: references, from their text.

    What the exercise needs is made at once, so that it is there whole before anything is sealed.
    """
    sys.modules["mine"] = ModuleType("mine")
    for lesson, sources in job["lent"].items():
        module = sys.modules[f"mine.{lesson}"] = Lender(f"mine.{lesson}", sources)
        setattr(sys.modules["mine"], lesson, module)
    for lesson, name in job["needs"]:
        getattr(sys.modules[f"mine.{lesson}"], name)
    standins.install()


def _defined(job: Mapping[str, Any]) -> Any:
    cells = [Cell(place, source) for place, source in job["cells"]]
    needs = {name: lesson for lesson, name in job["needs"]}
    try:
        return answer.define(job["name"], cells, needs, job["forbidden"])
    except KeyboardInterrupt:
        return Failure("raised", "KeyboardInterrupt")
    except BaseException as error:  # a class of the student's own that derives from it
        return failures.of_exception(error)


class Timed:
    """A timed case in three requests, so that the judge's clocks tell the program's time from that of its data."""

    def __init__(self, found: Any) -> None:
        self._found = found
        self._prepared: Prepared | None = None

    def load(self, case: Case) -> str:
        """Gets the inputs ready."""
        self._prepared = Prepared(case, self._found)
        return "loaded"

    def go(self) -> str:
        """Runs the program."""
        assert self._prepared is not None
        with torch.no_grad():
            self._prepared.go()
        return "done"

    def outputs(self) -> Trace:
        """What came of it."""
        assert self._prepared is not None
        return self._prepared.trace()


def _reply(message: Any, found: Any, job: Mapping[str, Any], timed: Timed) -> bytes:
    try:
        if isinstance(message, Case):
            live, forbidden = bool(job["live"]), tuple(job["forbidden"])
            return wire.encode_trace(carry_out(message, found, CPU, forbidden, live=live))
        if "stages" in message:
            return wire.encode_trace(run_case(message["stages"], found, stages=True))
        if "load" in message:
            return wire.encode(timed.load(message["load"]))
        return wire.encode(timed.go()) if "go" in message else wire.encode_trace(timed.outputs())
    except BaseException as error:
        return wire.encode_trace(Trace(failure=failures.of_exception(error)))


def say(reply: str | Failure) -> None:
    """Tells the judge how far this process is."""
    channel.write(CHANNEL, wire.encode(reply))
