"""What an exercise's named wrong answers give on its cases, worked out once for all the answers that are judged."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from functools import cached_property

import torch

from autograder.driver import run_case
from autograder.spec import Case, Exercise, Outputs, Trace, Value, Wrong

MOST_BYTES = 32 << 20  # kept for one exercise and seed; the largest of the course needs 26 MB, all together 150
OBJECT = 100  # bytes that anything else than a tensor's numbers counts


class Outcome:
    """What came of a case, and what the exercise's measure finds in it: looked at once, when it is asked for."""

    def __init__(self, exercise: Exercise, case: Case, trace: Trace) -> None:
        self.case = case
        self.trace = trace
        self._exercise = exercise

    @cached_property
    def measured(self) -> Outputs | None:
        """What the measure finds; None in outputs of a shape that it wasn't written for."""
        return self._found_in(self.trace.outputs)

    def measured_as(self, outputs: Outputs) -> Outputs | None:
        """Likewise, had the outputs been these."""
        return self.measured if outputs is self.trace.outputs else self._found_in(outputs)

    def _found_in(self, outputs: Outputs) -> Outputs | None:
        try:
            return self._exercise.measure(self.case, outputs)
        except Exception:  # whatever it stumbles over
            return None


class Mistakes:
    """Runs wrong answers on the cases of one exercise and seed, and keeps what came of it.

    Wrong answers are the course's own, and cases copy their inputs for each run, so no submission ever holds what is
    kept here. What `outcome` gives must not be changed.

    most: bytes to keep; the least recently used goes first, and is worked out again when it is asked for.
    """

    def __init__(self, exercise: Exercise, device: torch.device, most: int = MOST_BYTES) -> None:
        self.bytes = 0
        self._exercise = exercise
        self._device = device
        self._most = most
        self._kept: OrderedDict[tuple[int, Wrong], tuple[Outcome, int]] = OrderedDict()

    def outcome(self, case: Case, wrong: Wrong) -> Outcome:
        """What the wrong answer gives on a case; the same each time."""
        key = (id(case), wrong)  # no other case has this id as long as the outcome, which holds this one, is kept
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key][0]
        made = Outcome(self._exercise, case, run_case(case, wrong.answer, device=self._device))
        found = None if made.trace.failure is not None else made.measured
        size = OBJECT + _bytes([made.trace.outputs, found])
        if size <= self._most:
            self._kept[key] = made, size
            self.bytes += size
        while self.bytes > self._most:
            _, (_, freed) = self._kept.popitem(last=False)
            self.bytes -= freed
        return made


def _bytes(value: Value) -> int:
    """Roughly how much memory plain values take, each counted once."""
    known = {id(item): item for item in _parts(value)}
    return sum(OBJECT + _own_bytes(item) for item in known.values())


def _parts(value: Value) -> Iterator[Value]:
    """A value and all that is in it."""
    yield value
    if isinstance(value, tuple | list | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _parts(item)


def _own_bytes(value: Value) -> int:
    if isinstance(value, torch.Tensor):
        return value.nbytes
    return len(value) if isinstance(value, str) else 0
