"""Judges speed from outside: the CPU clocks of the answer's process and of a trusted sibling, read around each request.

Inputs are fresh in every round, and outputs are compared with the baseline's, so nothing is gained by keeping results.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache

from autograder import timing, wire
from autograder.failures import TimeLimit
from autograder.judge import compare_outputs
from autograder.sandbox.parent import SandboxError, cpu_seconds, running_zygote
from autograder.sandbox.worker import SandboxWorker
from autograder.slicing import Cell
from autograder.spec import Case, Exercise, Failure, Rng, Speed, SpeedResult, Trace

MOST_BYTES = 1 << 30


class Sibling:
    """The trusted process that baselines run in."""

    def __init__(self) -> None:
        self._zygote = running_zygote()
        self._channel, self.process = self._zygote.fork(sibling=True)

    def timed(self, exercise: Exercise, case: Case) -> tuple[float, float, Trace]:
        """CPU seconds of the whole request and of the baseline's calls alone, and the outputs."""
        start = cpu_seconds(self.process)
        self._channel.send(wire.encode({"exercise": exercise.id, "case": case}), lambda: False)
        reply = wire.decode(self._channel.receive(lambda: False, MOST_BYTES))
        return cpu_seconds(self.process) - start, reply["inside"], reply["trace"]

    def alive(self) -> bool:
        """Whether its zygote, and so it, still runs."""
        return self._zygote.alive()


@cache
def _first_sibling(zygote: int) -> Sibling:
    return Sibling()


def _sibling() -> Sibling:
    return _first_sibling(id(running_zygote()))


@dataclass
class Rounds:
    """One answer against its baseline, round after round."""

    exercise: Exercise
    budget: Speed
    worker: SandboxWorker
    seed: int
    overheads: list[float] = field(default_factory=list)
    _round: int = 0
    _case: Case | None = None
    _outputs: Trace | None = None

    def base(self) -> float:
        """Runs the baseline on fresh inputs; the CPU seconds inside it."""
        self._round += 1
        self._case = self.budget.case(Rng(self.seed * 1000 + self._round))
        whole, inside, self._outputs = _sibling().timed(self.exercise, self._case)
        if self._outputs.failure is not None:
            raise SandboxError(f"the baseline of {self.exercise.id} fails: {self._outputs.failure.message}")
        self.overheads.append(whole - inside)
        return max(inside, 1e-9)

    def answer(self, limit: float) -> float:
        """Runs the answer on the inputs that the baseline had last; the CPU seconds, less what sending them costs."""
        assert self._case is not None
        assert self._outputs is not None
        asked = replace(self._case, expect={}, note="")
        spent, reply = self.worker.timed(wire.encode({"timed": asked}), limit)
        failure = reply if isinstance(reply, Failure) else reply.failure
        if failure is not None:
            raise TimeLimit if failure.kind == "timeout" else timing.TimedCaseFailed(failure)
        assert isinstance(reply, Trace)
        mismatch = compare_outputs(self.exercise, self._case, self._outputs.outputs, reply.outputs)
        if mismatch is not None:
            told = f"while it was timed, it gave another result: {mismatch.message}"
            raise timing.TimedCaseFailed(Failure("output", told))
        return max(spent - min(self.overheads), 1e-9)


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
    second = _measured(exercise, exercise.speed, cells, seed)
    return second if isinstance(second, Failure) else min(first, second, key=lambda found: found.ratio)


def _measured(exercise: Exercise, budget: Speed, cells: Sequence[Cell], seed: int) -> SpeedResult | Failure:
    with SandboxWorker(exercise, cells, timed=True) as worker:
        failure = worker.prepare()
        if failure is not None:
            return failure
        rounds = Rounds(exercise, budget, worker, seed)
        try:
            pairs = timing.outside_rounds(rounds.answer, rounds.base, budget)
        except timing.TimedCaseFailed as failed:
            return failed.failure
    return timing.decide(pairs, budget)
