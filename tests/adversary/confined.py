"""What the cheats get in the sandbox, and what they leave behind.

Run as `python -m tests.adversary.confined FOLDER` it tries a part of every family, as whoever runs it. Prints why there
is no sandbox ("" if there is one) and what came of each cheat by its name.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from autograder import registry
from autograder.grading import correctness, grade
from autograder.sandbox import protections
from autograder.sandbox.parent import running_zygote
from autograder.slicing import Cell
from tests.adversary.cheat import FAMILIES, Cheat, family
from tests.adversary.outside import SEED
from tests.adversary.world import World, world

TIME_LIMIT = 1.0  # seconds for a case, so that what hangs holds nobody up for long
RIGHTS = ("reading", "changing", "network", "processes")  # where it matters who somebody is
EVERY = 4, 8  # which of their cheats stand for all, and which of other families


@dataclass(frozen=True)
class Outcome:
    """What came of a cheat. said: what the student is told. left: processes that stayed."""

    points: float
    said: str
    damage: list[str]
    left: list[int]


def outcome(cheat: Cheat, bait: World) -> Outcome:
    """Grades a cheat as any submission is graded."""
    exercise = replace(registry.find(cheat.exercise), time_limit=TIME_LIMIT)
    cells = [Cell("cell 1", bait.aimed(cheat.source))]
    verdict = (grade if cheat.timed else correctness)(exercise, cells, seed=SEED)
    problems = [result.problem for result in verdict.results if result.problem][:1]
    return Outcome(verdict.points, repr((verdict.status, verdict.failure, problems)), bait.damage(), list(left()))


def left() -> Iterator[int]:
    """Processes in the answers' network besides the zygote and the one that baselines are timed in."""
    zygote = running_zygote()._process.pid
    network = _network(zygote)
    for process in (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()):
        if process != zygote and _network(process) in (network, "hidden") and not _is_sibling(process):
            yield process


def _network(process: int) -> str:
    """The network that a process is in. Only a confined process hides it from its own user."""
    try:
        return os.readlink(f"/proc/{process}/ns/net")
    except PermissionError:
        return "hidden" if f"\nUid:\t{os.getuid()}\t" in _status(process) else "another user's"
    except OSError:
        return "gone"


def _is_sibling(process: int) -> bool:
    """Whether a process is the trusted one: it alone is in no other filter of system calls than the judge."""
    return _filters(process) == _filters(os.getpid())


def _filters(process: int) -> str:
    return _status(process).partition("Seccomp_filters:")[2].partition("\n")[0]


def _status(process: int) -> str:
    try:
        return Path(f"/proc/{process}/status").read_text()
    except OSError:
        return ""


def part() -> list[Cheat]:
    """Some cheats of every family, and more where rights matter."""
    return [cheat for name in FAMILIES for cheat in family(name)[:: -EVERY[name not in RIGHTS]]]


def main(folder: Path) -> None:
    """Tries a part of all cheats."""
    refusal = protections.refusal()
    with world(folder) as bait:
        found = {} if refusal else {cheat.name: asdict(outcome(cheat, bait)) for cheat in part()}
    print(json.dumps([refusal, found]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
