"""The tests that every exercise gets for free: from its spec, its reference and its alternatives alone."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from autograder.driver import run_case
from autograder.goldens import cases_of
from autograder.judge import TRIVIAL, Paper, expected_outputs, judge, trivial_outputs
from autograder.limits import captured
from autograder.runner import in_this_process
from autograder.spec import Answer, Case, Exercise, Outputs, SpeedResult, Trace, Verdict, Wrong
from autograder.timing import measure_speed

Reference = Callable[[Exercise], Answer]


@dataclass
class Row:
    """One exercise's outcome. `faults` say what is wrong with the exercise; an empty list is what we want."""

    id: str
    live: bool = False
    reference: bool = False
    stub: bool = False
    wrong: int = 0
    rejected: int = 0
    named: int = 0
    alternatives: int = 0
    accepted: int = 0
    seconds: float = 0.0
    speed: float | None = None
    faults: list[str] = field(default_factory=list)


def run(
    exercise: Exercise, reference: Answer, alternatives: Sequence[Answer], seeds: Iterable[int], device: torch.device
) -> Row:
    """Everything that must hold for one exercise, over several seeds."""
    row = Row(exercise.id, live=exercise.live, wrong=len(exercise.wrong), alternatives=len(alternatives))
    seeds = tuple(seeds)[:1] if exercise.live else tuple(seeds)  # a live one trains: one seed is all that time allows
    papers = _check_reference(row, exercise, reference, seeds, device)
    _check_trivial(row, papers[0])
    for wrong in exercise.wrong:
        verdicts = [_judge_wrong(wrong, paper) for paper in papers]
        rejected = all(verdict.status == "not yet" for verdict in verdicts)
        named = all(verdict.diagnosis is not None and verdict.diagnosis.name == wrong.name for verdict in verdicts)
        row.rejected += rejected
        row.named += named
        if not rejected:
            row.faults.append(f"wrong answer {wrong.name!r} is not rejected: {verdicts[0].status}")
        elif not named:
            names = {verdict.diagnosis.name if verdict.diagnosis else "nothing" for verdict in verdicts}
            row.faults.append(f"wrong answer {wrong.name!r} is taken for {' and '.join(sorted(names))}")
    for answer in alternatives:
        verdicts = [_judge(exercise, answer, paper) for paper in papers]
        failed = [verdict for verdict in verdicts if verdict.status != "right"]
        row.accepted += not failed
        if failed:
            row.faults.append(f"alternative {answer.__name__} is refused: {_why(failed[0])}")
    return row


def _check_reference(
    row: Row, exercise: Exercise, reference: Answer, seeds: Sequence[int], device: torch.device
) -> list[Paper]:
    """Judges the reference as a student's check does, from drawing the cases on; gives the papers that this left."""
    papers, verdicts, times = [], [], []
    for seed in seeds:
        start = time.perf_counter()
        papers.append(Paper(exercise, seed, device))
        verdicts.append(_judge(exercise, reference, papers[-1]))
        times.append(time.perf_counter() - start)
    row.seconds = min(times)  # warm, and the least disturbed
    failed = [verdict for verdict in verdicts if verdict.status != "right"]
    row.reference = not failed
    if failed:
        row.faults.append(f"the reference is refused: {_why(failed[0])}")
    elif exercise.speed is not None:
        speed = measure_speed(exercise, reference, device, seeds[0])
        assert isinstance(speed, SpeedResult), f"{exercise.id}: the reference fails the timed case: {speed}"
        row.speed = speed.ratio
        if speed.status == "over" or speed.over_memory:
            row.faults.append(f"the reference is over its own budget: {speed}")
    stubbed = _judge(exercise, stub, papers[0])
    row.stub = stubbed.status == "unsolved"
    if not row.stub:
        row.faults.append(f"the stub is not recognised: {_why(stubbed)}")
    return papers


def _check_trivial(row: Row, paper: Paper) -> None:
    for kind in (*TRIVIAL, "noise"):

        def answer(case: Case, kind: str = kind) -> Trace:
            expected = paper.expected(case).outputs
            return Trace(outputs=_noise(expected) if kind == "noise" else trivial_outputs(case, expected, kind))

        verdict = judge(paper.exercise, answer, seed=paper.seed, device=paper.device, paper=paper)
        if verdict.points or verdict.status == "right":
            row.faults.append(f"{kind} earns {verdict.points} points")


def _noise(outputs: Outputs) -> Outputs:
    generator = torch.Generator().manual_seed(1)

    def like(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            if value.dtype.is_floating_point:
                return torch.randn(value.shape, generator=generator, dtype=value.dtype)
            return torch.randint(0, 100_000, value.shape, generator=generator).to(value.dtype)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return type(value)(torch.randint(1_000, 100_000, (), generator=generator))
        if isinstance(value, tuple | list):
            return type(value)(like(item) for item in value)
        if isinstance(value, dict):
            return {key: like(item) for key, item in value.items()}
        return value

    return {name: like(value) for name, value in outputs.items()}


def stub(*args: Any, **kwargs: Any) -> Any:
    """What a released notebook holds in place of an answer."""
    raise NotImplementedError


def _judge(exercise: Exercise, answer: Answer, paper: Paper) -> Verdict:
    run = in_this_process(exercise, answer, paper.device)
    return judge(exercise, run, seed=paper.seed, device=paper.device, paper=paper)


def _judge_wrong(wrong: Wrong, paper: Paper) -> Verdict:
    """The verdict on a wrong answer, which may call what is forbidden: watching it would double its time."""

    def run(case: Case) -> Trace:
        with captured():
            return run_case(case, wrong.answer, device=paper.device)

    return judge(paper.exercise, run, seed=paper.seed, device=paper.device, paper=paper)


def _why(verdict: Verdict) -> str:
    failing = verdict.first_failing
    if failing is not None and failing.problem is not None:
        return f"{failing.case.name}: {failing.problem.message} (seed {verdict.seed})"
    return f"{verdict.status}: {verdict.failure.message if verdict.failure else ''} (seed {verdict.seed})"


def run_all(
    exercises: Sequence[Exercise],
    reference: Reference,
    alternatives: Mapping[str, Sequence[Answer]],
    *,
    seeds: Iterable[int] = (0, 1, 2),
    device: torch.device | None = None,
    done: Callable[[Row], None] = lambda row: None,
) -> list[Row]:
    """A row per exercise; `done` is called with each as it is ready."""
    rows = []
    for exercise in exercises:
        expected_outputs(exercise, cases_of(exercise, 0)[0], torch.device("cpu"))  # warms up the oracle
        found = alternatives.get(exercise.id, ())
        rows.append(run(exercise, reference(exercise), found, seeds, device or torch.device("cpu")))
        done(rows[-1])
    return rows


def totals(rows: Sequence[Row]) -> dict[str, float]:
    """The one line of totals; the seconds are those of the checks that don't train."""
    times = sorted(row.seconds for row in rows if not row.live) or [0.0]
    return {
        "exercises": len(rows),
        "wrong answers": sum(row.wrong for row in rows),
        "rejected": sum(row.rejected for row in rows),
        "named": sum(row.named for row in rows),
        "alternatives": sum(row.alternatives for row in rows),
        "accepted": sum(row.accepted for row in rows),
        "median check seconds": round(statistics.median(times), 3),
        "p95 check seconds": round(times[min(len(times) - 1, int(0.95 * len(times)))], 3),
        "longest check seconds": round(times[-1], 3),
        "faults": sum(len(row.faults) for row in rows),
    }
