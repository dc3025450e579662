"""The trusted process that baselines are timed in: forked like an answer's, with nothing sealed and no sandbox."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from autograder import registry, steady, wire
from autograder.driver import run_case
from autograder.sandbox import channel
from autograder.sandbox.child import CHANNEL
from autograder.timing import cpu_seconds


def serve() -> None:
    """Carries out cases on baselines. Each reply gives the seconds inside the baseline's calls, and the outputs."""
    torch.set_num_threads(1)
    steady.settle()
    while True:
        message = wire.decode(channel.read(CHANNEL))
        exercise = registry.find(message["exercise"])
        spent: list[float] = []

        @contextmanager
        def guard(spent: list[float] = spent) -> Iterator[None]:
            start = cpu_seconds()
            yield
            spent.append(cpu_seconds() - start)

        with torch.no_grad():
            trace = run_case(message["case"], exercise.baseline, guard=guard)
        channel.write(CHANNEL, wire.encode({"inside": sum(spent), "trace": trace}))
