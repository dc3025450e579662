"""What an exercise's named wrong answers give on its cases, worked out once for all the answers that are judged."""

from __future__ import annotations

from collections import OrderedDict

import torch

from autograder.driver import run_case
from autograder.spec import Case, Trace, Value, Wrong

MOST_BYTES = 32 << 20  # kept for one exercise and seed; the largest of the course needs 26 MB, all together 150
OBJECT = 100  # bytes that anything else than a tensor's numbers counts


class Mistakes:
    """Runs wrong answers on the cases of one exercise and seed, and keeps what came of it.

    Wrong answers are the course's own, and cases copy their inputs for each run, so no submission ever holds what is
    kept here. What `trace` gives must not be changed.

    most: bytes to keep; the least recently used goes first, and is worked out again when it is asked for.
    """

    def __init__(self, device: torch.device, most: int = MOST_BYTES) -> None:
        self.bytes = 0
        self._device = device
        self._most = most
        self._kept: OrderedDict[tuple[int, Wrong], tuple[Case, Trace, int]] = OrderedDict()

    def trace(self, case: Case, wrong: Wrong) -> Trace:
        """What the wrong answer gives on a case; the same each time."""
        key = (id(case), wrong)  # no other case has this id as long as this one is kept beside its trace
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key][1]
        made = run_case(case, wrong.answer, device=self._device)
        size = OBJECT + _bytes(made.outputs)
        if size <= self._most:
            self._kept[key] = case, made, size
            self.bytes += size
        while self.bytes > self._most:
            _, (*_, freed) = self._kept.popitem(last=False)
            self.bytes -= freed
        return made


def _bytes(value: Value) -> int:
    """Roughly how much memory a plain value takes."""
    if isinstance(value, torch.Tensor):
        return OBJECT + value.nbytes
    if isinstance(value, str):
        return OBJECT + len(value)
    if isinstance(value, tuple | list | dict):
        return OBJECT + sum(_bytes(item) for item in (value.values() if isinstance(value, dict) else value))
    return OBJECT
