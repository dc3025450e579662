"""The words that exercises are written in, and the words that verdicts are given in."""

from autograder.spec.case import Case, Step, backward, call, draw, iterate, load, mode, new, of_call, seed, state, step
from autograder.spec.exercise import Answer, Exercise, Golden, Memory, SpecError, Speed, Tolerance, Wrong
from autograder.spec.trace import Failure, Line, Stage, Trace
from autograder.spec.values import Opaque, Outputs, Probe, Ref, Rng, Value
from autograder.spec.verdict import (
    CaseResult,
    Diagnosis,
    FirstWrongStage,
    Mismatch,
    Problem,
    SpeedResult,
    Verdict,
)

__all__ = [
    "Answer",
    "Case",
    "CaseResult",
    "Diagnosis",
    "Exercise",
    "Failure",
    "FirstWrongStage",
    "Golden",
    "Line",
    "Memory",
    "Mismatch",
    "Opaque",
    "Outputs",
    "Probe",
    "Problem",
    "Ref",
    "Rng",
    "SpecError",
    "Speed",
    "SpeedResult",
    "Stage",
    "Step",
    "Tolerance",
    "Trace",
    "Value",
    "Verdict",
    "Wrong",
    "backward",
    "call",
    "draw",
    "iterate",
    "load",
    "mode",
    "new",
    "of_call",
    "seed",
    "state",
    "step",
]
