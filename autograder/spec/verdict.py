"""What the judge found. Reports are made from this alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from autograder.spec.case import Case
from autograder.spec.trace import Failure
from autograder.spec.values import Value

Status = Literal["accepted", "right", "slow", "not yet", "forbidden", "unsolved", "missing"]
SpeedStatus = Literal["within", "over", "inconclusive"]
MismatchKind = Literal["type", "length", "keys", "shape", "dtype", "nonfinite", "value"]


@dataclass(frozen=True)
class Mismatch:
    """How an output differs. `where` is the index of the worst value, `path` leads into tuples and dicts."""

    kind: MismatchKind
    path: str
    expected: Value
    got: Value
    message: str
    where: tuple[int, ...] = ()
    count: int = 0
    total: int = 0
    largest: float = 0.0
    allowed: float = 0.0


@dataclass(frozen=True)
class Problem:
    """Why a case failed: a mismatch of outputs, a failure to run, or a broken rule (`kind`), in one sentence."""

    kind: Literal["mismatch", "failure", "changed", "alias", "device", "gradient"]
    message: str
    mismatch: Mismatch | None = None
    failure: Failure | None = None


@dataclass(frozen=True)
class CaseResult:
    """One case's outcome. `worth` is 0 where a trivial answer (zeros, ones, an echo) would pass."""

    case: Case
    problem: Problem | None
    worth: float = 1.0

    @property
    def passed(self) -> bool:
        """Whether the case was right."""
        return self.problem is None


@dataclass(frozen=True)
class Diagnosis:
    """A named mistake that explains every failing case but those that `raised` an error of their own."""

    name: str
    says: str
    look: str
    explains: int
    raised: int = 0


@dataclass(frozen=True)
class FirstWrongStage:
    """The first named submodule whose output differs, and those before it that agreed.

    entered_wrong: the stage's input differed already, so the fault lies between it and the stage before.
    """

    name: str
    agreed: tuple[str, ...]
    mismatch: Mismatch
    entered_wrong: bool


@dataclass(frozen=True)
class SpeedResult:
    """The ratio of the answer's time to the baseline's, with its spread, against the budget."""

    status: SpeedStatus
    ratio: float
    low: float
    high: float
    limit: float
    gold: float | None
    against: str
    answer_ms: float
    operators: int
    memory_ratio: float | None = None
    memory_limit: float | None = None

    @property
    def tier(self) -> str:
        """ "gold" if the whole spread reaches the gold tier, else ""."""
        return "gold" if self.gold is not None and self.status == "within" and self.high <= self.gold else ""

    @property
    def over_memory(self) -> bool:
        """Whether the peak of live tensors exceeds its budget."""
        return self.memory_ratio is not None and self.memory_limit is not None and self.memory_ratio > self.memory_limit


@dataclass(frozen=True)
class Verdict:
    """The judge's whole finding on one answer.

    status: "right" is correct with the speed not judged yet; "slow" is correct but over its budget.
    points: of `max_points`, partial credit included.
    """

    exercise_id: str
    status: Status
    max_points: int
    points: float = 0.0
    results: tuple[CaseResult, ...] = ()
    failure: Failure | None = None
    diagnosis: Diagnosis | None = None
    stage: FirstWrongStage | None = None
    speed: SpeedResult | None = None
    operators: int = 0
    seconds: float = 0.0
    seed: int = 0
    device: str = "cpu"
    printed_lines: int = 0
    printed: str = ""
    notes: tuple[str, ...] = field(default_factory=tuple)

    @property
    def first_failing(self) -> CaseResult | None:
        """The first failing case; cases come smallest first."""
        return next((result for result in self.results if not result.passed), None)

    @property
    def passed(self) -> int:
        """How many cases passed."""
        return sum(result.passed for result in self.results)
