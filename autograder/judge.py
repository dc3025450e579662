"""Decides: runs an exercise's cases through a runner, compares with the oracle, names the mistake.

Knows nothing of notebooks, processes or clocks: those are the runner's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch

from autograder.compare import Comparison, far_larger, type_name
from autograder.diagnose import diagnose
from autograder.driver import exact_arithmetic, plain, run_case
from autograder.goldens import cases_of
from autograder.mistakes import Mistakes
from autograder.spec import (
    Case,
    CaseResult,
    Exercise,
    Failure,
    FirstWrongStage,
    Golden,
    Mismatch,
    Outputs,
    Problem,
    Rng,
    SpecError,
    SpeedResult,
    Trace,
    Verdict,
)
from autograder.spec.verdict import Status

RunCase = Callable[[Case], Trace]
STOPS_ALL = ("unsolved", "missing", "signature", "forbidden", "crashed")  # nothing is learnt from further cases
MOST_TIMEOUTS = 1


@dataclass(frozen=True)
class Expected:
    """The right outputs of a case, what the measure finds in them, and its worth: 0 if a trivial answer passes."""

    outputs: Outputs
    measured: Outputs
    worth: float


class Paper:
    """An exercise's cases of one seed: what is expected of each, and what mistakes give, for any number of answers."""

    def __init__(self, exercise: Exercise, seed: int, device: torch.device | None = None) -> None:
        self.exercise = exercise
        self.seed = seed
        self.device = device or torch.device("cpu")
        self.cases = cases_of(exercise, seed)
        self.mistakes = Mistakes(exercise, self.device)
        self._expected: dict[str, Expected] = {}

    def expected(self, case: Case) -> Expected:
        """What is expected of a case."""
        if case.name not in self._expected:
            outputs = expected_outputs(self.exercise, case, self.device)
            measured = self.exercise.measure(case, outputs)
            self._expected[case.name] = Expected(outputs, measured, _worth(self.exercise, case, outputs, measured))
        return self._expected[case.name]


def judge(
    exercise: Exercise,
    run: RunCase,
    *,
    seed: int = 0,
    device: torch.device | None = None,
    run_stages: RunCase | None = None,
    paper: Paper | None = None,
) -> Verdict:
    """The verdict on correctness; speed is judged apart, when an answer is right.

    run: carries a case out on the answer. run_stages: likewise, recording the stages of a module.
    paper: of this exercise, seed and device, where there is one already.
    """
    device = device or torch.device("cpu")
    with exact_arithmetic():
        paper = paper or Paper(exercise, seed, device)
        cases = paper.cases
        results: list[CaseResult] = []
        traces: list[Trace] = []
        timeouts = 0
        for case in cases:
            trace = run(case)
            if trace.failure is not None and trace.failure.kind in STOPS_ALL:
                return _stopped(exercise, trace, trace.failure, len(cases), seed, device)
            results.append(_result(exercise, case, trace, paper))
            traces.append(trace)
            timeouts += trace.failure is not None and trace.failure.kind == "timeout"
            if timeouts >= MOST_TIMEOUTS:
                break
        unjudged = len(cases) - len(results)
        return _verdict(exercise, results, traces, unjudged, paper, run_stages)


def _verdict(
    exercise: Exercise,
    results: list[CaseResult],
    traces: list[Trace],
    unjudged: int,
    paper: Paper,
    run_stages: RunCase | None,
) -> Verdict:
    right = unjudged == 0 and all(result.passed for result in results)
    loudest = max(traces, key=lambda trace: trace.printed_lines)
    failing = next((result for result in results if not result.passed), None)
    diagnosis = None if right else diagnose(exercise, results, traces, paper.mistakes)
    stage = None
    if failing is not None and run_stages is not None and isinstance(exercise.oracle, type):
        stage = first_wrong_stage(exercise, failing.case, run_stages, paper.device)
    notes = () if unjudged == 0 else (f"{unjudged} more cases were not run, since each might take as long",)
    return Verdict(
        exercise.id,
        "right" if right else "not yet",
        exercise.points,
        points=_points(exercise, results, unjudged),
        results=tuple(results),
        diagnosis=diagnosis,
        stage=stage,
        operators=max(trace.operators for trace in traces),
        seed=paper.seed,
        device=str(paper.device),
        printed_lines=loudest.printed_lines,
        printed=loudest.printed,
        notes=notes,
    )


def _stopped(
    exercise: Exercise, trace: Trace, failure: Failure, cases: int, seed: int, device: torch.device
) -> Verdict:
    statuses: dict[str, Status] = {"unsolved": "unsolved", "missing": "missing", "forbidden": "forbidden"}
    status = statuses.get(failure.kind, "not yet")
    return Verdict(
        exercise.id,
        status,
        exercise.points,
        failure=failure,
        seed=seed,
        device=str(device),
        printed_lines=trace.printed_lines,
        printed=trace.printed,
        notes=(f"none of the {cases} cases could be judged",),
    )


def expected_outputs(exercise: Exercise, case: Case, device: torch.device) -> Outputs:
    """What the oracle gives for a case, with the values worked out by hand in their place."""
    if isinstance(exercise.oracle, Golden):
        return dict(case.expect)
    trace = run_case(case, exercise.oracle, device=device)
    if trace.failure is not None:
        raise SpecError(f"{exercise.id}, case {case.name!r}: the oracle failed: {trace.failure.message}")
    return {**trace.outputs, **case.expect}


def _result(exercise: Exercise, case: Case, trace: Trace, paper: Paper) -> CaseResult:
    expected = paper.expected(case)
    return CaseResult(case, _problem(exercise, case, trace, expected), worth=expected.worth)


def _problem(exercise: Exercise, case: Case, trace: Trace, expected: Expected) -> Problem | None:
    broken = _broken_rule(exercise, case, trace)
    if broken is not None:
        return broken
    mismatch = _compare(exercise, case, expected.outputs, expected.measured, trace.outputs)
    if mismatch is None:
        return None
    if mismatch.path.startswith("gradient of") and mismatch.got is None:
        wrt = mismatch.path.removeprefix("gradient of ")
        return Problem("gradient", f"no gradient reaches {wrt}", mismatch=mismatch)
    return Problem("mismatch", mismatch.message, mismatch=mismatch)


def _broken_rule(exercise: Exercise, case: Case, trace: Trace) -> Problem | None:
    failure = trace.failure
    if trace.changed:
        return Problem("changed", f"your answer changed its input {', '.join(trace.changed)}")
    if failure is not None:
        if "leaf Variable that requires grad" in failure.message:
            if any(item.verb == "step" for item in case.steps):
                message = "parameters that record gradients can't be changed in place, except under torch.no_grad()"
                return Problem("failure", message, failure=failure)
            return Problem("changed", "your answer changed its input in place", failure=failure)
        return Problem("failure", failure.message, failure=failure)
    if trace.misplaced:
        name, where = trace.misplaced[0]
        return Problem("device", f"{name} is on {where}, but the inputs are not")
    if trace.aliases and not exercise.may_alias:
        output, name = trace.aliases[0]
        return Problem("alias", f"your answer's {output} shares memory with its input {name}")
    return None


def compare_outputs(exercise: Exercise, case: Case, expected: Outputs, got: Outputs) -> Mismatch | None:
    """How the measured outputs differ, or None."""
    return _compare(exercise, case, expected, exercise.measure(case, expected), got)


def _compare(exercise: Exercise, case: Case, expected: Outputs, wanted: Outputs, got: Outputs) -> Mismatch | None:
    """As `compare_outputs`, with what the measure finds in the expected outputs."""
    rule = Comparison(exercise.tolerance, case.terms, case.scale)
    found = None if far_larger(got, expected) else _measured(exercise, case, got)
    if found is not None:
        return rule.outputs(wanted, found)
    plain_difference = rule.outputs(expected, got)
    if plain_difference is not None:
        return plain_difference
    kinds = ", ".join(f"{name}: {type_name(value)}" for name, value in got.items())
    return Mismatch("type", "the result", None, None, f"what came can't be read ({kinds})")


def _measured(exercise: Exercise, case: Case, got: Outputs) -> Outputs | None:
    try:
        return exercise.measure(case, got)
    except Exception:  # the measure meets outputs of a form that it wasn't written for
        return None


def _worth(exercise: Exercise, case: Case, outputs: Outputs, measured: Outputs) -> float:
    """0 if zeros, ones or the echoed input would pass this case, gradients left aside: it proves nothing on its own."""
    forward = {name: value for name, value in outputs.items() if not name.startswith("gradient of")}
    wanted = measured if len(forward) == len(outputs) else exercise.measure(case, forward)
    for kind in TRIVIAL:
        if _compare(exercise, case, forward, wanted, trivial_outputs(case, outputs, kind)) is None:
            return 0.0
    return 1.0


TRIVIAL = ("zeros", "ones", "echo")


def trivial_outputs(case: Case, outputs: Outputs, kind: str) -> Outputs:
    """Outputs of the right form that took no thought: zeros, ones, or the first input echoed."""
    tensors = [value for value in case.inputs.values() if isinstance(value, torch.Tensor)]

    def replaced(value: object) -> object:
        if isinstance(value, torch.Tensor):
            if kind == "echo":
                return plain(tensors[0].to(value.dtype)) if tensors and tensors[0].shape == value.shape else value * 0
            return torch.zeros_like(value) if kind == "zeros" else torch.ones_like(value)
        if isinstance(value, bool):
            return kind == "ones"
        if isinstance(value, int | float):
            return type(value)(kind == "ones")
        if isinstance(value, tuple | list):
            return type(value)(replaced(item) for item in value)
        if isinstance(value, dict):
            return {key: replaced(item) for key, item in value.items()}
        return value

    return {name: replaced(value) for name, value in outputs.items() if not name.startswith("gradient of")}


def _points(exercise: Exercise, results: Sequence[CaseResult], unjudged: int) -> float:
    """Points for correctness: all if every case passes, else a share of those cases that prove something."""
    if unjudged == 0 and all(result.passed for result in results):
        return float(exercise.points)
    worth = sum(result.worth for result in results) + unjudged
    earned = sum(result.worth for result in results if result.passed)
    return round(PARTIAL * exercise.points * earned / worth, 2) if worth else 0.0


PARTIAL = 0.5  # an answer that is wrong somewhere earns at most half
SLOW = 0.8  # a right answer that is over its budget


def with_speed(exercise: Exercise, verdict: Verdict, speed: SpeedResult | Failure | None) -> Verdict:
    """The verdict on a right answer, completed by its speed (None where there is no budget).

    A Failure means that the answer broke on the timed input: one more case, and that one is wrong.
    """
    if verdict.status != "right":
        return verdict
    if isinstance(speed, Failure):
        assert exercise.speed is not None
        case = replace(exercise.speed.case(Rng(verdict.seed)), name="the larger input that is timed")
        broken = CaseResult(case, Problem("failure", speed.message, failure=speed))
        points = round(PARTIAL * verdict.max_points, 2)
        return replace(verdict, status="not yet", points=points, results=(*verdict.results, broken))
    if speed is None:
        return replace(verdict, status="accepted")
    if speed.status == "over" or speed.over_memory:
        return replace(verdict, status="slow", speed=speed, points=round(SLOW * verdict.max_points, 2))
    return replace(verdict, status="accepted", speed=speed)


def first_wrong_stage(
    exercise: Exercise, case: Case, run_stages: RunCase, device: torch.device
) -> FirstWrongStage | None:
    """The first named submodule whose output differs from the oracle's of the same name, in order of execution.

    A submodule that serves more than once (one ReLU for all places, say) has no one output, and is left out.
    """
    if isinstance(exercise.oracle, Golden):
        return None
    wanted = run_case(case, exercise.oracle, device=device, stages=True).stages
    found = run_stages(case).stages
    times = Counter(stage.name for stage in found)
    got = {stage.name: stage for stage in found if times[stage.name] == 1}
    rule = Comparison(exercise.tolerance, case.terms, case.scale)
    agreed: list[str] = []
    for stage in wanted:
        own = got.get(stage.name)
        if own is None:
            continue
        entered = rule.outputs(stage.inputs, own.inputs)
        mismatch = entered or rule.outputs(stage.output, own.output)
        if mismatch is not None:
            return FirstWrongStage(stage.name, tuple(agreed), mismatch, entered_wrong=entered is not None)
        agreed.append(stage.name)
    return None
