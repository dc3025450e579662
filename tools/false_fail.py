"""Shows how often a fast enough answer is marked slow while this machine is busy with other things.

python tools/false_fail.py                    # 3,000 verdicts, a quarter of an hour on two cores
python tools/false_fail.py --trials 300       # a first look
python tools/false_fail.py --keep trials.jsonl --minutes 30   # in several sittings; those before count
python tools/false_fail.py --exercise lenet.relu --exercise lenet.conv2d --load none

Answers are references, and references that do their work several times over, so that they come near to what is asked
of answers that must pass: the limit over 1.3. Every verdict is a final one, as grading gives it, from outside and on
inputs of its own, on every core at once, while other processes compute and copy memory there too. It ends with 1 if
the rate is too high.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from scipy.stats import beta
from tqdm import tqdm

from autograder import calibration, cluster, machine, references, registry
from autograder.sandbox import stopwatch
from autograder.slicing import Cell
from autograder.spec import Exercise, SpeedResult
from autograder.timing import one_thread

ALLOWED = 0.001
MARGIN = 1.3  # limits lie this far above the slowest answer that should pass
COPIED = 64 << 20  # bytes


@dataclass
class Answer:
    """An answer that must pass. repeats: how often it does its work. ratio: to the baseline, when nothing else ran."""

    exercise: Exercise
    repeats: int
    cells: tuple[Cell, ...]
    ratio: float
    seen: Counter[str] = field(default_factory=Counter)


def references_of(exercise: Exercise) -> Answer:
    """The reference. Its ratio is measured, so this takes a moment."""
    cells = (Cell("cell 1", references.standalone(exercise.lesson, exercise.name)),)
    return Answer(exercise, 1, cells, _ratio(exercise, cells))


def slower(answer: Answer) -> Answer | None:
    """The same answer doing its work as often as an answer may that must pass; None if once is all."""
    exercise, text = answer.exercise, answer.cells[0].source
    assert exercise.speed is not None
    most = exercise.speed.limit / MARGIN
    repeats = int(most / answer.ratio)
    own = f"def {exercise.name}("
    while repeats > 1 and text.count(own) == 1:
        again = text.replace(own, f"def _once_{exercise.name}(") + REPEATED.format(name=exercise.name, repeats=repeats)
        cells = (Cell("cell 1", again),)
        ratio = _ratio(exercise, cells)
        if ratio <= most:
            return Answer(exercise, repeats, cells, ratio)
        repeats -= 1
    return None


REPEATED = """

def {name}(*arguments, **options):
    for _ in range({repeats}):
        found = _once_{name}(*arguments, **options)
    return found
"""


def _ratio(exercise: Exercise, cells: Sequence[Cell]) -> float:
    found = stopwatch.speed_of(exercise, cells, seed=0)
    if not isinstance(found, SpeedResult):
        raise SystemExit(f"{exercise.id}: an answer that must pass breaks on the timed input: {found}")
    return found.ratio


@dataclass(frozen=True)
class Trial:
    """A verdict to be passed in another process. number: which of the answers it is on. end: seconds since 1970."""

    number: int
    exercise: str
    cells: tuple[Cell, ...]
    seed: int
    end: float


def verdict(trial: Trial) -> tuple[int, str]:
    """What grading says of an answer's speed: "within", "over", "inconclusive" or "broke"; "" when time is up."""
    if time.time() > trial.end:
        return trial.number, ""
    found = stopwatch.speed_of(registry.find(trial.exercise), trial.cells, trial.seed)
    return trial.number, found.status if isinstance(found, SpeedResult) else "broke"


def settle() -> None:
    """Readies a process that passes verdicts, as a class's worker is."""
    torch.set_num_threads(1)
    cluster.settle()


def compute() -> None:
    """Keeps a core busy."""
    while True:
        sum(range(100_000))


def copy() -> None:
    """Keeps the memory busy."""
    there, back = np.ones(COPIED // 8), np.empty(COPIED // 8)
    while True:
        np.copyto(back, there)
        np.copyto(there, back)


LOADS = {"none": (), "cpu": (compute,), "memory": (copy,), "both": (compute, copy)}


@contextmanager
def busy(load: str) -> Iterator[None]:
    """While this context lasts, one process of each kind of the load runs for every core."""
    context = multiprocessing.get_context("spawn")
    burners = [context.Process(target=kind, daemon=True) for kind in LOADS[load] for _ in range(os.cpu_count() or 1)]
    for burner in burners:
        burner.start()
    time.sleep(2.0 * bool(burners))  # until they are at work
    try:
        yield
    finally:
        for burner in burners:
            burner.kill()


def upper_bound(failed: int, trials: int) -> float:
    """The rate that is exceeded with at most 5 % probability (Clopper and Pearson)."""
    return 1.0 if failed >= trials else float(beta.ppf(0.95, failed + 1, trials - failed))


def recalled(answers: Sequence[Answer], keep: Path) -> list[Answer]:
    """The answers, and others from earlier sittings, with what was said of them there."""
    found = {(item.exercise.id, item.repeats): item for item in answers}
    for line in keep.read_text(encoding="utf-8").splitlines() if keep.exists() else ():
        was = json.loads(line)
        past = Answer(registry.find(was["exercise"]), was["repeats"], (), was["ratio"])
        found.setdefault((was["exercise"], was["repeats"]), past).seen[was["said"]] += 1
    return list(found.values())


def _trial(answers: Sequence[Answer], number: int, end: float) -> Trial:
    place = number % len(answers)
    return Trial(place, answers[place].exercise.id, answers[place].cells, 1 + number, end)


def trials(answers: Sequence[Answer], numbers: range, seconds: float, processes: int, keep: Path) -> None:
    """Passes verdicts on the answers in turn, until there are so many or time is up. numbers: of the trials."""
    end = time.time() + seconds
    wanted = (_trial(answers, number, end) for number in numbers)
    context = multiprocessing.get_context("spawn")
    with context.Pool(processes, settle) as pool, suppress(KeyboardInterrupt):  # what was found until then is shown
        found = pool.imap_unordered(verdict, wanted)
        for place, said in tqdm(found, total=len(numbers), unit="verdict", disable=None):
            if said:
                answer = answers[place]
                answer.seen[said] += 1
                line = {"exercise": answer.exercise.id, "repeats": answer.repeats, "ratio": answer.ratio, "said": said}
                with keep.open("a", encoding="utf-8") as stream:
                    stream.write(json.dumps(line) + "\n")


def totals(answers: Sequence[Answer]) -> dict[str, float]:
    """What all trials came to."""
    seen = sum((answer.seen for answer in answers), Counter[str]())
    failed = seen["over"] + seen["broke"]
    bound = upper_bound(failed, seen.total())
    rate = failed / seen.total() if seen else 1.0
    return {
        "trials": seen.total(),
        "false fails": failed,
        "rate": rate,
        "upper bound": bound,
        "inconclusive": seen["inconclusive"],
    }


def table(answers: Sequence[Answer]) -> Table:
    """The trials, answer by answer."""
    found = Table()
    for heading in ("exercise", "answer", "ratio", "limit", "trials", "false fails", "inconclusive"):
        found.add_column(heading, justify="left" if heading in ("exercise", "answer") else "right")
    for answer in answers:
        assert answer.exercise.speed is not None
        kind = "the reference" if answer.repeats == 1 else f"{answer.repeats} times its work"
        failed = answer.seen["over"] + answer.seen["broke"]
        numbers = (answer.seen.total(), failed, answer.seen["inconclusive"])
        limit = f"{answer.exercise.speed.limit:g}"
        found.add_row(answer.exercise.id, kind, f"{answer.ratio:.2f}", limit, *map(str, numbers))
    return found


def main(argv: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--trials", type=int, default=3000)
    parser.add_argument("--minutes", type=float, default=120.0, help="stop after so long, with fewer trials")
    parser.add_argument("--lesson", default="lenet")
    parser.add_argument("--exercise", action="append", help="an exercise's id; may be given several times")
    parser.add_argument("--load", choices=LOADS, default="both", help="what runs on every core meanwhile")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="that pass verdicts at once")
    parser.add_argument(
        "--keep", type=Path, default=Path(os.devnull), help="a file for verdicts, which later runs go on from"
    )
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    names = options.exercise or [item.id for item in calibration.timed_exercises(options.lesson)]
    answers: list[Answer] = []
    with one_thread():
        for name in tqdm(names, desc="answers", disable=None):
            reference = references_of(registry.find(name))
            answers += [answer for answer in (reference, slower(reference)) if answer is not None]
        known = recalled(answers, options.keep)
        done = sum(item.seen.total() for item in known)
        with busy(options.load):
            trials(answers, range(done, options.trials), 60 * options.minutes, options.processes, options.keep)
    found = totals(known)
    say(known, found, options.load, as_json=options.json)
    return int(found["rate"] >= ALLOWED)


def say(answers: Sequence[Answer], found: dict[str, float], load: str, *, as_json: bool) -> None:
    """Prints what was found."""
    calibrated = sum(calibration.expected_seconds(item.exercise.id) is not None for item in answers)
    if as_json:
        rows = [
            {"exercise": item.exercise.id, "repeats": item.repeats, "ratio": item.ratio, **item.seen}
            for item in answers
        ]
        about = {"load": load, "machine": machine.described(), "calibrated": calibrated}
        print(json.dumps({"answers": rows, "totals": found, **about}, indent=1))
        return
    Console().print(table(answers))
    print(
        f"{found['false fails']:g} of {found['trials']:g} verdicts on answers that must pass were “slow” or worse: "
        f"{found['rate']:.3%}, with 95 % confidence below {found['upper bound']:.3%}; {found['inconclusive']:g} "
        f"inconclusive, which costs nothing.\nLoad: {load}; calibrated: {calibrated} of {len(answers)} answers; "
        f"{machine.described()}."
    )


if __name__ == "__main__":
    sys.exit(main())
