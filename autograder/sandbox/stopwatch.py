"""Judges speed from outside: the CPU clocks of the answer's process and of a trusted sibling, read around each request.

Inputs are fresh and outputs are checked in every round, so nothing is gained by keeping results or leaving work out.
What the answer's process does while its inputs come or its outputs go counts as work where it exceeds what that costs
the sibling.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import torch

from autograder import calibration, timing, wire
from autograder.failures import TimeLimit
from autograder.judge import compare_outputs, expected_outputs
from autograder.sandbox.channel import Ended, Overdue
from autograder.sandbox.clock import cpu_seconds_at_rest
from autograder.sandbox.parent import SandboxError, Zygote, running_zygote
from autograder.sandbox.worker import GO, OUTPUTS, SandboxWorker, Times
from autograder.slicing import Cell
from autograder.spec import Case, Exercise, Failure, Outputs, Rng, Speed, SpeedResult, Trace

CPU = torch.device("cpu")
MOST_BYTES = 1 << 30
LONGEST = 120.0  # seconds on the clock for a baseline, the first of which imports the course
DATA_FACTOR, DATA_EXTRA = 1.5, 0.001  # times the sibling's cost of data, and seconds, that are nobody's work
SUMMED = 4096  # terms for the tolerance of a timed case, which is larger than those that decide


@dataclass(frozen=True)
class Ran(Times):
    """What a baseline took, and what it gave."""

    outputs: Outputs


class Sibling:
    """The trusted process that baselines run in. usable: as far as is known."""

    def __init__(self) -> None:
        self.usable = True
        self._zygote = running_zygote()
        self._channel, self._process = self._zygote.fork(sibling=True)
        self._warm: set[str] = set()

    def timed(self, exercise: Exercise, case: Case) -> Ran:
        """A case on the exercise's baseline, which is run before it is first timed. Raises SandboxError if it fails."""
        load = wire.encode({"exercise": exercise.id, "load": case})
        if exercise.id not in self._warm:
            self._run(exercise, load)
            self._warm.add(exercise.id)
        return self._run(exercise, load)

    def _run(self, exercise: Exercise, load: bytes) -> Ran:
        clock = [cpu_seconds_at_rest(self._process)]
        reply = None
        for message in (load, GO, OUTPUTS):
            reply = self._reply(message)
            clock.append(cpu_seconds_at_rest(self._process))
        if not isinstance(reply, Trace) or reply.failure is not None:
            why = reply.failure.message if isinstance(reply, Trace) and reply.failure is not None else "no reply"
            raise SandboxError(f"the baseline of {exercise.id} fails: {why}")
        return Ran(clock[2] - clock[1], clock[3] - clock[2] + clock[1] - clock[0], reply.outputs)

    def _reply(self, message: bytes) -> Any:
        late = time.monotonic() + LONGEST
        try:
            self._channel.send(message, lambda: time.monotonic() > late)
            return wire.decode(self._channel.receive(lambda: time.monotonic() > late, MOST_BYTES))
        except (Ended, Overdue) as error:
            self.usable = False
            raise SandboxError(f"the process that baselines are timed in is lost ({type(error).__name__})") from None

    def end(self) -> None:
        """Ends its process."""
        self._zygote.end(self._process)
        self._channel.close()


@cache
def _sibling_of(zygote: Zygote) -> Sibling:
    return Sibling()


def sibling() -> Sibling:
    """This process's sibling, forked from the running zygote; another where it was lost."""
    if not _sibling_of(running_zygote()).usable:
        replace_sibling()
    return _sibling_of(running_zygote())


def replace_sibling() -> None:
    """Ends this process's sibling; another takes its place. A few in a thousand are slow as long as they live."""
    _sibling_of(running_zygote()).end()
    _sibling_of.cache_clear()


@dataclass
class Rounds:
    """One answer against its baseline, round after round."""

    exercise: Exercise
    budget: Speed
    worker: SandboxWorker
    seed: int
    data: list[float] = field(default_factory=list)
    _round: int = 0
    _case: Case | None = None
    _given: Outputs = field(default_factory=dict)

    def base(self) -> float:
        """Runs the baseline on fresh inputs; the CPU seconds of its program."""
        self._round += 1
        self._case = self.budget.case(Rng(self.seed * 1000 + self._round))
        ran = sibling().timed(self.exercise, self._case)
        self.data.append(ran.data)
        self._given = ran.outputs
        return max(ran.work, 1e-9)

    def answer(self, limit: float) -> float:
        """Runs the answer on the inputs that the baseline had last; the CPU seconds that count."""
        assert self._case is not None
        asked = replace(self._case, expect={}, note="")
        times, reply = self.worker.timed(wire.encode({"load": asked}), limit)
        failure = reply if isinstance(reply, Failure) else reply.failure
        if failure is not None:
            raise TimeLimit if failure.kind == "timeout" else timing.TimedCaseFailed(failure)
        assert isinstance(reply, Trace)
        self._check(reply)
        usual = DATA_FACTOR * min(self.data) + DATA_EXTRA
        return max(times.work + max(0.0, times.data - usual), 1e-9)

    def _check(self, trace: Trace) -> None:
        assert self._case is not None
        case = replace(self._case, terms=max(self._case.terms, SUMMED))
        known = self.exercise.baseline is self.exercise.oracle
        expected = self._given if known else expected_outputs(self.exercise, self._case, CPU)
        mismatch = compare_outputs(self.exercise, case, expected, trace.outputs)
        if mismatch is not None:
            told = f"while it was timed, it gave another result: {mismatch.message}"
            raise timing.TimedCaseFailed(Failure("output", told))


def speed_of(exercise: Exercise, cells: Sequence[Cell], seed: int) -> SpeedResult | Failure | None:
    """The speed of a right answer against the exercise's budget, or None where there is none.

    An answer is over its budget only if it is so in two processes: something may have interfered with the first.
    A Failure if it can't carry out the timed case, which is larger than those before, or gives a wrong result there.
    """
    if exercise.speed is None:
        return None
    first = _measured(exercise, exercise.speed, cells, seed)
    if isinstance(first, Failure) or first.status != "over":
        return first
    second = _measured(exercise, exercise.speed, cells, seed, timing.AGAIN)
    return second if isinstance(second, Failure) else min(first, second, key=lambda found: found.ratio)


def _measured(
    exercise: Exercise, budget: Speed, cells: Sequence[Cell], seed: int, fewest: int = timing.FEWEST
) -> SpeedResult | Failure:
    pairs = _pairs(exercise, budget, cells, seed, fewest)
    if isinstance(pairs, list) and calibration.disturbed(exercise.id, min(base for _, base in pairs)):
        replace_sibling()
        pairs = _pairs(exercise, budget, cells, seed, fewest)
    return pairs if isinstance(pairs, Failure) else timing.decide(pairs, budget)


def _pairs(
    exercise: Exercise, budget: Speed, cells: Sequence[Cell], seed: int, fewest: int
) -> list[tuple[float, float]] | Failure:
    with SandboxWorker(exercise, cells, timed=True) as worker:
        failure = worker.prepare()
        if failure is not None:
            return failure
        rounds = Rounds(exercise, budget, worker, seed)
        try:
            with timing.one_thread():
                return timing.outside_rounds(rounds.answer, rounds.base, budget, fewest)
        except timing.TimedCaseFailed as failed:
            return failed.failure
