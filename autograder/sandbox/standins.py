"""What a released notebook's first cell imports, as far as an answer may use it where it is graded.

The real packages hold data and the judge, and are out of reach there. An answer that moves its tensors to `device`,
or draws a `LiveCurve` while it trains, is none the worse for it.
"""

from __future__ import annotations

import sys
import threading
from multiprocessing import context
from types import ModuleType
from typing import Any

import torch

LESSON = ("case", "check", "compare", "hint", "progress", "reveal", "start")


class LiveCurve:
    """A curve that nobody looks at; it keeps the numbers that it is given."""

    def __init__(self, title: str = "Training", ylabel: str = "loss") -> None:
        self.epochs: list[int] = []
        self.train: list[float] = []
        self.validation: list[float] = []

    def __call__(self, epoch: int, train_loss: float, val_loss: float) -> None:
        """Adds an epoch."""
        self.epochs.append(epoch + 1)
        self.train.append(train_loss)
        self.validation.append(val_loss)


def install() -> None:
    """Puts the stand-ins in the places of `p2v_data` and `autograder.lesson`, and lets pools of threads start."""
    data = ModuleType("p2v_data")
    vars(data).update(device=lambda: torch.device("cpu"), threads=torch.get_num_threads, cores=lambda: 1)
    lesson = ModuleType("autograder.lesson")
    vars(lesson).update(dict.fromkeys(LESSON, _nothing), LiveCurve=LiveCurve)
    for module in (data, lesson):
        sys.modules[module.__name__] = module
    vars(sys.modules["autograder"])["lesson"] = lesson
    setattr(context.BaseContext, "Lock", lambda _: threading.Lock())  # noqa: B010  # there is one process only


def _nothing(*_: Any, **__: Any) -> None:
    return None
