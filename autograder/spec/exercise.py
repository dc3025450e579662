"""What an exercise is: its cases, its oracle, and everything a report may say about an answer."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from autograder.spec.case import Case
from autograder.spec.values import Outputs, Rng

Answer: TypeAlias = Callable[..., Any]  # a function or a class
Cases: TypeAlias = Callable[[Rng], Iterable[Case]]


class SpecError(ValueError):
    """A specification that contradicts itself; raised when it is registered, never at grading time."""


@dataclass(frozen=True)
class Wrong:
    """A mistake that plausible students make.

    name: a few words that complete "your answer …", unique in its exercise ("flips the kernel").
    answer: a real answer that makes this mistake and no other.
    says: what went wrong, to the student. look: where to look next; not the solution.
    """

    name: str
    answer: Answer
    says: str
    look: str


@dataclass(frozen=True)
class Speed:
    """A budget for CPU time (on a GPU: device time), as a ratio to a baseline measured in the same run.

    case: the work to time, sized so that the baseline takes at least 1 ms. limit: the largest ratio that is
    within budget. gold: the stretch tier, or None. baseline: what is timed against; None is the oracle.
    """

    case: Callable[[Rng], Case]
    limit: float
    gold: float | None = None
    baseline: Answer | None = None
    against: str = ""  # the baseline's name in reports, "F.conv2d"

    def __post_init__(self) -> None:
        if self.limit < 1.0:
            raise SpecError(f"speed limit {self.limit} is below the baseline itself")
        if self.gold is not None and not 1.3 <= self.gold < self.limit:
            raise SpecError(f"gold tier {self.gold} must be at least 1.3 (the noise) and below the limit {self.limit}")


@dataclass(frozen=True)
class Memory:
    """A budget for the peak bytes of live tensors during one call of the speed case, over the bytes of its inputs."""

    limit: float


@dataclass(frozen=True)
class Tolerance:
    """How far a value may be off: factor · eps(dtype) · (4 + √terms) · scale, scale being the largest magnitude.

    absolute: overrides the formula for named outputs, where a measured quantity has its own law.
    relative: likewise, as a share of the expected magnitude.
    """

    factor: float = 4.0
    absolute: dict[str, float] = field(default_factory=dict)
    relative: dict[str, float] = field(default_factory=dict)


def as_they_are(case: Case, outputs: Outputs) -> Outputs:
    """The default measure: outputs are compared as they are."""
    return outputs


@dataclass(frozen=True)
class Golden:
    """An oracle that was recorded from the reference (`p2v record ID`), where no trusted library gives the answer.

    file: where the record lies. seeds: how many seeds are recorded; others are taken modulo this.
    """

    file: Path
    seeds: int = 5


@dataclass(frozen=True, kw_only=True)
class Exercise:
    """A graded function or class. Its id is `lesson.name`; the name is unique in the course.

    cases: fresh cases from a random generator, the smallest first.
    oracle: what the answer must equal, with the same parameters as the answer.
    measure: maps a case's outputs to what is compared; for answers that are right in many ways (random order, say).
    forbidden: operators ("aten::convolution*") and dotted names ("torch.nn.functional.conv2d", "scipy.signal")
        that would make the answer not from scratch; shell patterns.
    needs: ids of earlier exercises that the answer may call. may_alias: the answer may return its input or a view.
    time_limit: seconds for one case. live: a long training, which shows its own output (progress bars)
        and whose operators are not watched.
    """

    id: str
    cases: Cases
    oracle: Answer | Golden
    wrong: tuple[Wrong, ...]
    hints: tuple[str, ...]
    points: int
    minutes: int
    needs: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()
    measure: Callable[[Case, Outputs], Outputs] = as_they_are
    tolerance: Tolerance = Tolerance()
    speed: Speed | None = None
    memory: Memory | None = None
    may_alias: bool = False
    time_limit: float = 5.0
    live: bool = False

    @property
    def lesson(self) -> str:
        """The lesson's module name, "lenet"."""
        return self.id.partition(".")[0]

    @property
    def name(self) -> str:
        """The function's or class's name, "conv2d"."""
        return self.id.partition(".")[2]

    @property
    def baseline(self) -> Answer:
        """What the answer is timed against. Raises SpecError where there is nothing."""
        if self.speed is not None and self.speed.baseline is not None:
            return self.speed.baseline
        if isinstance(self.oracle, Golden):
            raise SpecError(f"{self.id}: a recorded oracle can't be timed; the speed budget needs a baseline")
        return self.oracle

    def __post_init__(self) -> None:
        lesson, _, name = self.id.partition(".")
        if not (lesson.isidentifier() and name.isidentifier()):
            raise SpecError(f"exercise id {self.id!r}: expected lesson.name, both Python names")
        names = [wrong.name for wrong in self.wrong]
        if len(set(names)) != len(names):
            raise SpecError(f"{self.id}: two wrong answers have the same name")
        if not 1 <= len(self.hints) <= 4:
            raise SpecError(f"{self.id}: expected one to four hints, got {len(self.hints)}")
        if self.points < 1 or self.minutes < 1:
            raise SpecError(f"{self.id}: points and minutes must be at least 1")
        if self.memory is not None and self.speed is None:
            raise SpecError(f"{self.id}: a memory budget is measured on the speed case, but there is none")
        if self.speed is not None:
            _ = self.baseline
        self._check_parameters()

    def _check_parameters(self) -> None:
        """Wrong answers take the oracle's parameters, so that they run on the same cases."""
        wanted = parameter_names(self.oracle)
        for wrong in self.wrong:
            got = parameter_names(wrong.answer)
            if wanted is not None and got is not None and got != wanted:
                raise SpecError(f"{self.id}: wrong answer {wrong.name!r} takes {got}, the oracle takes {wanted}")


def parameter_names(answer: Answer | Golden) -> list[str] | None:
    """The names of an answer's parameters, or None where Python can't tell (built-ins) or they vary (*args)."""
    if isinstance(answer, Golden):
        return None
    try:
        parameters = inspect.signature(answer).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(item.kind in (item.VAR_POSITIONAL, item.VAR_KEYWORD) for item in parameters):
        return None
    return [item.name for item in parameters]
