"""What the cheats get where nothing confines them: each in a process that is forked off, with a judge of its own.

Run as `python -m tests.adversary.outside FOLDER`. Prints the points by the cheats' names, and what they broke.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import signal
import sys
from dataclasses import replace
from pathlib import Path

import sklearn.metrics  # noqa: F401  # here once, or in every process that is forked off
import torch

from autograder import answer, registry
from autograder.judge import judge, with_speed
from autograder.runner import carry_out
from autograder.slicing import Cell
from autograder.spec import Case, Failure, Trace
from autograder.timing import measure_speed
from tests.adversary.cheat import Cheat, all_cheats
from tests.adversary.world import World, world

SEED = 7
PATIENCE = 20.0  # seconds


def points(cheat: Cheat, bait: World) -> float | None:
    """The points of one cheat, or None if its process never says."""
    reading, writing = os.pipe()
    process = os.fork()
    if not process:
        try:
            os.setsid()
            os.write(writing, json.dumps(_judged(cheat, bait)).encode())
        finally:
            os._exit(0)
    os.close(writing)
    ready, _, _ = select.select([reading], [], [], PATIENCE)
    said = os.read(reading, 100) if ready else b""
    os.close(reading)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process, signal.SIGKILL)
    os.waitpid(process, 0)
    return float(said) if said else None


def _judged(cheat: Cheat, bait: World) -> float:
    exercise = replace(registry.find(cheat.exercise), forbidden=())
    found = answer.define(exercise.name, [Cell("cell 1", bait.aimed(cheat.source))], {}, ())
    if isinstance(found, Failure):
        return 0.0

    def run(case: Case) -> Trace:
        return carry_out(case, found, torch.device("cpu"), ())

    verdict = judge(exercise, run, seed=SEED)
    if cheat.timed and verdict.status == "right":
        verdict = with_speed(exercise, verdict, measure_speed(exercise, found, torch.device("cpu"), SEED))
    return verdict.points


def main(folder: Path) -> None:
    """Tries all cheats that claim to work."""
    torch.set_num_threads(1)
    gc.freeze()
    with world(folder) as bait:
        got = {cheat.name: points(cheat, bait) for cheat in all_cheats() if cheat.outside}
        print(json.dumps({"points": got, "damage": bait.damage()}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
