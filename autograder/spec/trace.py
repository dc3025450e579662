"""What came of running a case on an answer: plain outputs, or the reason why there are none."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from autograder.spec.values import Outputs

FailureKind = Literal["unsolved", "missing", "signature", "raised", "timeout", "forbidden", "crashed", "output"]


@dataclass(frozen=True)
class Line:
    """A line of the student's: where it stands ("cell 14") and its text."""

    place: str
    number: int
    text: str


@dataclass(frozen=True)
class Failure:
    """Why a case has no outputs. `lines` are the student's own, innermost last."""

    kind: FailureKind
    message: str
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True)
class Stage:
    """What went into and came out of one named submodule."""

    name: str
    inputs: Outputs
    output: Outputs


@dataclass(frozen=True)
class Trace:
    """The result of one case.

    changed: inputs whose values the answer changed. aliases: (output, input) pairs that share memory.
    misplaced: outputs on another device than the inputs, with that device.
    printed: how many lines the answer printed, and the first of them.
    """

    outputs: Outputs = field(default_factory=dict)
    failure: Failure | None = None
    changed: tuple[str, ...] = ()
    aliases: tuple[tuple[str, str], ...] = ()
    misplaced: tuple[tuple[str, str], ...] = ()
    printed_lines: int = 0
    printed: str = ""
    operators: int = 0
    stages: tuple[Stage, ...] = ()
