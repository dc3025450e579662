"""What a right answer is told: from scratch, speed, memory, and where it was saved."""

from __future__ import annotations

from collections.abc import Iterator

from autograder.report.parts import Measure, Part, Say
from autograder.report.words import counted, ratio
from autograder.spec import Exercise, SpeedResult, Verdict

MANY_OPERATORS = 300  # in one call; a vectorised answer takes some ten


def right_answer(verdict: Verdict, exercise: Exercise, saved: bool) -> Iterator[Part]:
    """The parts after the headline of an answer whose cases are all right."""
    if exercise.forbidden:
        called = counted(verdict.operators, "operator") if verdict.operators else "your calls were watched"
        yield Measure("from scratch", f"({called}, none forbidden)", ok=True)
    if verdict.speed is not None:
        yield _speed(verdict.speed)
        yield from _memory(verdict.speed)
    elif exercise.speed is not None and verdict.status == "right":
        allowed = f"allowed {exercise.speed.limit:g} × {exercise.speed.against}"
        yield Measure("speed", "measuring …", ok=None, aside=allowed)
    if saved:
        yield Say(
            "",
            f"Saved as mine.{exercise.id}: later lessons run on it",
            aside=f"compare({exercise.name}) shows the reference beside yours",
        )
    if verdict.status == "slow":
        yield Say("Next", _step(verdict, exercise), aside=f"hint({exercise.name}) for a nudge")
    elif not saved:
        yield Say("Next", f"go on with the notebook; compare({exercise.name}) shows the reference beside yours.")


def _speed(speed: SpeedResult) -> Measure:
    spread = f"{ratio(speed.low)}–{ratio(speed.high)}"
    if speed.status == "inconclusive":
        return Measure(
            "speed",
            f"inconclusive: something else is using this machine (spread {spread} × {speed.against}, "
            f"allowed {speed.limit:g} ×). Your answer is right; run the check again later.",
            ok=None,
        )
    text = f"{ratio(speed.ratio)} × {speed.against} ({spread}), allowed {speed.limit:g} ×"
    if speed.status == "within":
        gold = f", gold {speed.gold:g} ×" if speed.gold is not None else ""
        return Measure("speed", text + gold + (": gold" if speed.tier else ""), ok=True)
    aside = f"{speed.answer_ms:,.0f} ms, {counted(speed.operators, 'operator')}"
    if speed.operators > MANY_OPERATORS:
        aside = f"you call {speed.operators:,} operators; a loop costs some at every turn"
    return Measure("speed", f"{text}: over", ok=False, aside=aside)


def _memory(speed: SpeedResult) -> Iterator[Measure]:
    if speed.memory_ratio is None:
        return
    text = f"{ratio(speed.memory_ratio).removesuffix('.0')} × the input"
    if speed.memory_limit is not None:
        text += f", allowed {speed.memory_limit:g} ×"
    yield Measure("memory", f"{text}: over" if speed.over_memory else text, ok=not speed.over_memory)


def _step(verdict: Verdict, exercise: Exercise) -> str:
    speed = verdict.speed
    own = [need.partition(".")[2] for need in exercise.needs]
    tools = f" You have {' and '.join(own)}." if own else ""
    if speed is None or speed.operators > MANY_OPERATORS:
        return f"gather first what the loop takes piece by piece, then work on all of it at once.{tools}"
    if speed.status == "over":
        return "few operators, so it is what they move: look for copies, large tensors in between, loops over numbers."
    return "look for the largest tensor in between: print the shapes. expand copies nothing, repeat does."
