"""What a class's marks come to: how hard each exercise was, which mistakes were made, which checks are in doubt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import fmean, median

from autograder import marks
from autograder.class_report.collect import NOT_TRIED, RIGHT, Asked, Facts, Person
from autograder.marks import Mark

FEWEST, SHARE = 3, 0.2  # of those who tried: so many that fail in one way put the check in doubt
FEWEST_TRIES = 5  # from which on it says something that nobody succeeds
NEAR = 1.25  # times the limit


@dataclass(frozen=True)
class Hardness:
    """An exercise. tried: a solution was handed in. solved: all cases right. share: mean of points, of all graded."""

    asked: Asked
    graded: int
    tried: int
    solved: int
    share: float


def hardness(facts: Facts) -> list[Hardness]:
    """All exercises, the hardest first."""
    found = []
    for asked in facts.asked:
        every = facts.marks_of(asked.id)
        points = [person.points(asked.id) / asked.points for person, _ in every if asked.points]
        tried = [mark for _, mark in every if mark.status not in NOT_TRIED]
        solved = sum(mark.status in RIGHT for mark in tried)
        found.append(Hardness(asked, len(every), len(tried), solved, fmean(points) if points else 0.0))
    return sorted(found, key=lambda item: (item.share, item.solved))


@dataclass(frozen=True)
class Mistake:
    """A named mistake, who made it, and how many tried the exercise."""

    exercise: str
    name: str
    students: tuple[str, ...]
    tried: int


def mistakes(facts: Facts) -> list[Mistake]:
    """The named mistakes, the commonest first."""
    found = []
    for asked in facts.asked:
        every = facts.marks_of(asked.id)
        tried = sum(mark.status not in NOT_TRIED for _, mark in every)
        made: dict[str, list[str]] = {}
        for person, mark in every:
            if mark.mistake:
                made.setdefault(mark.mistake, []).append(person.id)
        found += [Mistake(asked.id, name, tuple(students), tried) for name, students in made.items()]
    return sorted(found, key=lambda item: -len(item.students))


TIERS = ("gold", "within", "over", "inconclusive", "not timed")


@dataclass(frozen=True)
class Speed:
    """The right answers to an exercise by tier, and how they compare with the limit; NaN where none was timed."""

    asked: Asked
    counts: dict[str, int]
    ratio: float
    limit: float


def speeds(facts: Facts) -> list[Speed]:
    """The exercises with a budget, in the order of the lesson."""
    return [_speed(facts, asked) for asked in facts.asked if asked.timed]


def _speed(facts: Facts, asked: Asked) -> Speed:
    right = [mark for _, mark in facts.marks_of(asked.id) if mark.status in RIGHT]
    timed = [mark.speed for mark in right if mark.speed]
    ratios = [float(item["ratio"]) for item in timed]
    limits = [float(item["limit"]) for item in timed]
    counts = Counter(tier(mark) for mark in right)
    none = float("nan")
    return Speed(asked, dict(counts), median(ratios) if ratios else none, limits[-1] if limits else none)


def tier(mark: Mark) -> str:
    """One of TIERS for a right answer; "over" also where it takes too much memory."""
    if not mark.speed:
        return "not timed"
    status = str(mark.speed.get("status"))
    if mark.status == "slow" and status == "within":
        return "over"
    return "gold" if status == "within" and mark.speed.get("tier") == "gold" else status


@dataclass(frozen=True)
class Doubt:
    """An exercise whose check may be at fault: why it is listed, what to look at, and whose answers show it."""

    exercise: str
    why: str
    look: str
    examples: tuple[tuple[Person, Mark], ...]


def doubts(facts: Facts) -> list[Doubt]:
    """The exercises to look at before marks are given out."""
    return [doubt for asked in facts.asked for doubt in _doubts(asked, facts.marks_of(asked.id))]


def _doubts(asked: Asked, every: Sequence[tuple[Person, Mark]]) -> Iterator[Doubt]:
    tried = [(person, mark) for person, mark in every if mark.status not in NOT_TRIED]
    if faults := tuple(item for item in tried if item[1].status == "fault"):
        why = f"The grading program itself failed on {len(faults)} of {len(tried)} answers; they count 0 for now."
        yield Doubt(asked.id, why, "Grade these again. If it fails again, mark them by hand.", faults)
    yield from _one_case(asked, tried)
    slow = tuple(item for item in tried if _just_over(item[1]))
    if _many(slow, tried):
        why = f"{len(slow)} of {len(tried)} answers are right and miss the speed limit by less than a quarter."
        look = "Is the limit too tight for the machine that graded? p2v calibrate measures it; then grade these again."
        yield Doubt(asked.id, why, look, slow)
    right = any(mark.status in RIGHT for _, mark in tried)
    if len(tried) >= FEWEST_TRIES and not right:
        why = f"None of the {len(tried)} who tried got it right."
        yield Doubt(asked.id, why, "Does the text say everything that the check wants?", tuple(tried))


def _one_case(asked: Asked, tried: Sequence[tuple[Person, Mark]]) -> Iterator[Doubt]:
    """Nearly right answers that fail in one way which has no name."""
    groups: dict[str, list[tuple[Person, Mark]]] = {}
    for person, mark in tried:
        if mark.failing and not mark.mistake and mark.status == "not yet" and 0 < mark.passed == mark.cases - 1:
            groups.setdefault(mark.failing, []).append((person, mark))
    for case, found in groups.items():
        if _many(found, tried):
            why = (
                f"{len(found)} of {len(tried)} answers are right in all cases but one, and it is the same: “{case}”. "
                "No named mistake explains it."
            )
            look = (
                "Is this case within what the text asks for, and is its expected value right? If the check is wrong, "
                "mend it and grade again. If it is right, the mistake deserves a name."
            )
            yield Doubt(asked.id, why, look, tuple(found))


def _many(found: Sequence[object], tried: Sequence[object]) -> bool:
    return len(found) >= FEWEST and len(found) >= SHARE * len(tried)


def _just_over(mark: Mark) -> bool:
    speed = mark.speed or {}
    return speed.get("status") == "over" and float(speed["ratio"]) <= NEAR * float(speed["limit"])


@dataclass(frozen=True)
class Change:
    """A mark that grading again has changed, and why."""

    person: Person
    before: Mark
    after: Mark
    why: str


def changes(facts: Facts) -> list[Change]:
    """What grading again has changed, the latest first."""
    found = []
    for person in facts.people:
        for sheet in person.sheets:
            for exercise, earlier in sheet.history.items():
                row = [*earlier, *([sheet.marks[exercise]] if exercise in sheet.marks else [])]
                pairs = pairwise(row)
                found += [Change(person, one, two, reason(one, two)) for one, two in pairs if _differ(one, two)]
    return sorted(found, key=lambda item: item.after.when, reverse=True)


def _differ(one: Mark, two: Mark) -> bool:
    return (one.points, one.max_points, one.status) != (two.points, two.max_points, two.status)


def reason(before: Mark, after: Mark) -> str:
    """Why a mark differs from the one before."""
    whys = [
        "another submission" if before.source != after.source else "",
        "another version of the check" if before.spec != after.spec else "",
        "another version of the judge" if before.judge != after.judge else "",
        "the speed was judged too" if after.timed and not before.timed else "",
        "other points" if before.max_points != after.max_points else "",
        "it was a fault of the grading program" if before.status == "fault" else "",
    ]
    return ", ".join(filter(None, whys)) or ("other cases" if before.seed != after.seed else "measured again")


@dataclass(frozen=True)
class Judged:
    """Marks that were made in the same way. current: the check and the judge are those installed here."""

    judge: str
    spec: str
    sandboxed: bool
    timed: bool
    marks: int
    students: int
    exercises: tuple[str, ...]
    first: str
    last: str
    current: bool


def judged(facts: Facts) -> list[Judged]:
    """How the marks were made, the commonest way first."""
    ways: dict[Mark, list[tuple[Person, Mark]]] = {}
    for person in facts.people:
        for mark in person.marks.values():
            way = Mark("", 0, 0, "", judge=mark.judge, spec=mark.spec, sandboxed=mark.sandboxed, timed=mark.timed)
            ways.setdefault(way, []).append((person, mark))
    return sorted((_way(way, found) for way, found in ways.items()), key=lambda item: -item.marks)


def _way(way: Mark, found: Sequence[tuple[Person, Mark]]) -> Judged:
    times = sorted(mark.when for _, mark in found)
    exercises = tuple(dict.fromkeys(mark.exercise for _, mark in found))
    now = replace(way, judge=marks.judge_version(), spec=marks.spec_hash(exercises[0]))
    students = len({person.id for person, _ in found})
    return Judged(
        way.judge,
        way.spec,
        way.sandboxed,
        way.timed,
        len(found),
        students,
        exercises,
        times[0],
        times[-1],
        current=way == now,
    )
