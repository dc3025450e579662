"""What each baseline takes on this machine when nothing interferes, measured once, for noticing when something does."""

from __future__ import annotations

import json
import re
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

from autograder import registry
from autograder.files import write_whole
from autograder.machine import processor
from autograder.marks import now, spec_hash
from autograder.spec import Case, Exercise, Rng
from p2v_data.store import cache_folder

FORKS, ROUNDS, WARM_UP = 5, 6, 2
MISSED = 1.5  # times its typical time: something interferes with the baseline
STEADY = 1.3  # median over smallest of the forks' best rounds, beyond which the machine was too busy to calibrate


@dataclass(frozen=True)
class Baseline:
    """CPU seconds of an exercise's baseline on its timed input: each of several processes gives its best round.

    least, typical: the smallest and the median of those. spec: the check that it holds for.
    """

    least: float
    typical: float
    spec: str

    @property
    def steady(self) -> bool:
        """Whether the processes agreed."""
        return self.typical <= STEADY * self.least


class Spent(Protocol):
    """What a case cost."""

    @property
    def work(self) -> float:
        """CPU seconds of the program."""


class Process(Protocol):
    """A fresh process in which baselines can be timed."""

    def timed(self, exercise: Exercise, case: Case) -> Spent:
        """Carries out a case on the exercise's baseline."""

    def end(self) -> None:
        """Ends the process."""


def expected_seconds(exercise_id: str) -> float | None:
    """What the exercise's baseline typically takes on this machine; None if it isn't calibrated for this check."""
    found = known().get(exercise_id)
    return found.typical if found is not None and found.spec == spec_hash(exercise_id) else None


def disturbed(exercise_id: str, seconds: float) -> bool:
    """Whether the baseline, whose best round took `seconds`, is so slow that something must interfere."""
    expected = expected_seconds(exercise_id)
    return expected is not None and seconds > MISSED * expected


def timed_exercises(lesson: str | None = None) -> list[Exercise]:
    """The exercises of a lesson, or of the course, that have a speed budget."""
    chosen = registry.exercises(lesson) if lesson is not None else registry.all_exercises()
    return [item for item in chosen if item.speed is not None]


def measured(exercise: Exercise, start: Callable[[], Process], forks: int = FORKS) -> Baseline:
    """Times an exercise's baseline in processes that `start` gives, each fresh."""
    best = [_best_round(exercise, start, seed) for seed in range(forks)]
    return Baseline(min(best), statistics.median(best), spec_hash(exercise.id))


def _best_round(exercise: Exercise, start: Callable[[], Process], seed: int) -> float:
    assert exercise.speed is not None
    process = start()
    try:
        cases = (exercise.speed.case(Rng(1000 * seed + number)) for number in range(WARM_UP + ROUNDS))
        return min([process.timed(exercise, case).work for case in cases][WARM_UP:])
    finally:
        process.end()


def calibrate(exercises: Iterable[Exercise], start: Callable[[], Process]) -> Iterator[tuple[Exercise, Baseline]]:
    """Measures and stores baselines, one after another; what was stored of others stays.

    start: gives a fresh process. Raises SandboxError where there can be none.
    """
    found = dict(known())
    for exercise in exercises:
        found[exercise.id] = measured(exercise, start)
        store(found)
        yield exercise, found[exercise.id]


def path() -> Path:
    """Where this machine's calibration lies: one file for each kind of processor and version of torch."""
    kind = re.sub(r"[^A-Za-z0-9.]+", "-", f"{processor()} torch {version('torch')}").strip("-").lower()
    return cache_folder() / "calibration" / f"{kind}.json"


def store(baselines: Mapping[str, Baseline]) -> Path:
    """Writes the calibration, whole or not at all."""
    content = {"when": now(), "baselines": {key: asdict(value) for key, value in sorted(baselines.items())}}
    write_whole(json.dumps(content, indent=1).encode(), path())
    known.cache_clear()
    return path()


@cache
def known() -> Mapping[str, Baseline]:
    """The stored calibration; empty where there is none, or none that can be read."""
    try:
        raw = json.loads(path().read_text(encoding="utf-8"))["baselines"]
        return {
            str(key): Baseline(float(item["least"]), float(item["typical"]), str(item["spec"]))
            for key, item in raw.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
