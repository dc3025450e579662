"""Learning rates that follow from the step: a cosine with a warm-up, and triangles."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

from autograder.spec import Case, Exercise, Ref, Rng, Value, Wrong, call

READY_MADE = ("torch.optim.lr_scheduler", "transformers", "timm", "keras", "tensorflow", "lightning", "ignite")
Rate = Callable[..., float]


def at_steps(name: str, steps: Sequence[int], *, expect: Sequence[float] = (), note: str = "", **inputs: Value) -> Case:
    """One call for each of `steps`, whose rates are the outputs `rate at step …`."""
    given: dict[str, Value] = {key: Ref(key) for key in inputs}
    program = tuple(call(f"rate at step {step}", step=step, **given) for step in steps)
    by_hand = {f"rate at step {step}": rate for step, rate in zip(steps, expect, strict=False)}
    return Case(name, program, inputs=inputs, expect=by_hand, note=note, terms=9)


def some_steps(rng: Rng, total: int, count: int) -> list[int]:
    """A few steps in rising order, the first and the last among them."""
    return sorted({0, total - 1, *rng.permutation(total)[:count].tolist()})


def cosine(step: int, total: int, warmup: int, lr: float, min_lr: float = 0.0) -> float:
    """By the half-angle formula: (1 + cos πt) / 2 = cos²(πt / 2)."""
    if step < warmup:
        return lr * (step + 1) / warmup
    return min_lr + (lr - min_lr) * math.cos(0.5 * math.pi * (step - warmup) / (total - warmup)) ** 2


def cosine_cases(rng: Rng) -> Iterator[Case]:
    yield at_steps(
        "six steps, two of them climbing, by hand",
        range(6),
        expect=(0.5, 1.0, 1.0, 0.8535534, 0.5, 0.1464466),
        note="1·1/2, 1·2/2, then (1 + cos(0/4 · 180°)) / 2 = 1, (1 + cos 45°) / 2 = 0.854, (1 + cos 90°) / 2 = 0.5, …",
        total=6,
        warmup=2,
        lr=1.0,
    )
    yield at_steps("without warm-up", range(5), total=5, warmup=0, lr=0.1)
    yield at_steps("with a lowest rate", range(8), total=8, warmup=3, lr=0.4, min_lr=0.1)
    yield at_steps("warm-up alone, but for the last step", range(4), total=4, warmup=3, lr=3.0)
    total, warmup = 1000, int(rng.integers(20, 200, 1))
    steps = some_steps(rng, total, 12)
    yield at_steps("a thousand steps", steps, total=total, warmup=warmup, lr=float(rng.uniform(1)), min_lr=1e-3)
    yield at_steps("one step", [0], total=1, warmup=0, lr=0.25)


def starts_at_zero(step: int, total: int, warmup: int, lr: float, min_lr: float = 0.0) -> float:
    return lr * step / warmup if step < warmup else cosine(step, total, warmup, lr, min_lr)


def cosine_from_zero(step: int, total: int, warmup: int, lr: float, min_lr: float = 0.0) -> float:
    return cosine(step, total, warmup, lr, min_lr) if step < warmup else cosine(step, total, 0, lr, min_lr)


def no_minimum(step: int, total: int, warmup: int, lr: float, min_lr: float = 0.0) -> float:
    return cosine(step, total, warmup, lr)


def floor_only(step: int, total: int, warmup: int, lr: float, min_lr: float = 0.0) -> float:
    return max(min_lr, cosine(step, total, warmup, lr))


def lands_on_last(step: int, total: int, warmup: int, lr: float, min_lr: float = 0.0) -> float:
    if step < warmup or total - warmup == 1:
        return cosine(step, total, warmup, lr, min_lr)
    return cosine(step, total - 1, warmup, lr, min_lr)


def whole_wave(step: int, total: int, warmup: int, lr: float, min_lr: float = 0.0) -> float:
    if step < warmup:
        return lr * (step + 1) / warmup
    return min_lr + (lr - min_lr) * (1 + math.cos(2 * math.pi * (step - warmup) / (total - warmup))) / 2


def straight_down(step: int, total: int, warmup: int, lr: float, min_lr: float = 0.0) -> float:
    if step < warmup:
        return lr * (step + 1) / warmup
    return lr + (min_lr - lr) * (step - warmup) / (total - warmup)


def climbs_from_minimum(step: int, total: int, warmup: int, lr: float, min_lr: float = 0.0) -> float:
    return min_lr + (lr - min_lr) * (step + 1) / warmup if step < warmup else cosine(step, total, warmup, lr, min_lr)


def no_warmup(step: int, total: int, warmup: int, lr: float, min_lr: float = 0.0) -> float:
    return cosine(step, total, 0, lr, min_lr)


COSINE_WARMUP = Exercise(
    id="resnet.cosine_warmup",
    cases=cosine_cases,
    oracle=cosine,
    wrong=(
        Wrong(
            "starts at 0",
            starts_at_zero,
            says="step 0 has the rate 0: a step that changes nothing.",
            look="after how many of the `warmup` steps is lr reached? Count from 0.",
        ),
        Wrong(
            "counts the cosine from the beginning",
            cosine_from_zero,
            says="the cosine starts at step 0, so the rate jumps down where the warm-up ends.",
            look="how many steps have passed since the warm-up, out of how many?",
        ),
        Wrong("ignores the lowest rate", no_minimum, says="min_lr is never used.", look="the cosine falls to min_lr."),
        Wrong(
            "cuts off at the lowest rate",
            floor_only,
            says="the cosine falls to 0 and is cut off at min_lr; it should reach min_lr just at the end.",
            look="stretch the cosine between lr and min_lr.",
        ),
        Wrong(
            "reaches the lowest rate one step early",
            lands_on_last,
            says="the last step has min_lr already; it would be reached at step `total`, one after the last.",
            look="divide by total − warmup.",
        ),
        Wrong(
            "takes a whole wave",
            whole_wave,
            says="the rate falls and rises again: that is a whole cosine wave.",
            look="from 0 to π.",
        ),
        Wrong(
            "falls in a straight line",
            straight_down,
            says="after the warm-up the rate falls in a straight line.",
            look="(1 + cos(π · share)) / 2.",
        ),
        Wrong(
            "climbs from the lowest rate",
            climbs_from_minimum,
            says="the warm-up starts from min_lr; it climbs from 0: lr · (step + 1) / warmup.",
            look="min_lr belongs to the second part only.",
        ),
        Wrong(
            "leaves the warm-up out", no_warmup, says="there is no warm-up.", look="two cases: step < warmup, or not."
        ),
    ),
    hints=(
        "Two cases: step < warmup, and the rest.",
        "In the rest, share = (step − warmup) / (total − warmup) runs from 0 up to, but not reaching, 1.",
        "min_lr + (lr − min_lr) · (1 + math.cos(math.pi · share)) / 2.",
    ),
    points=2,
    minutes=10,
    forbidden=READY_MADE,
)


def triangle(step: int, step_size: int, low: float, high: float) -> float:
    """Smith's own formula."""
    cycle = math.floor(1 + step / (2 * step_size))
    x = abs(step / step_size - 2 * cycle + 1)
    return low + (high - low) * max(0.0, 1 - x)


def cyclical_cases(rng: Rng) -> Iterator[Case]:
    yield at_steps(
        "two up, two down, by hand",
        range(9),
        expect=(1.0, 2.0, 3.0, 2.0, 1.0, 2.0, 3.0, 2.0, 1.0),
        note="from 1 to 3 in two steps: 1, 2, 3; back in two: 2, 1; and again",
        step_size=2,
        low=1.0,
        high=3.0,
    )
    yield at_steps("one step up, one down", range(5), step_size=1, low=0.1, high=0.7)
    yield at_steps("five steps", range(23), step_size=5, low=1e-4, high=1e-2)
    size = int(rng.integers(30, 90, 1))
    steps = some_steps(rng, 12 * size, 15)
    yield at_steps("many cycles", steps, step_size=size, low=float(rng.uniform(1)), high=3.0)


def half_as_long(step: int, step_size: int, low: float, high: float) -> float:
    return triangle(2 * step, step_size, low, high)


def sawtooth(step: int, step_size: int, low: float, high: float) -> float:
    return low + (high - low) * (step % (2 * step_size)) / (2 * step_size)


def from_the_top(step: int, step_size: int, low: float, high: float) -> float:
    return triangle(step, step_size, high, low)


def rounded(step: int, step_size: int, low: float, high: float) -> float:
    return low + (high - low) * (1 - math.cos(math.pi * step / step_size)) / 2


def fading(step: int, step_size: int, low: float, high: float) -> float:
    return triangle(step, step_size, low, low + (high - low) / 2 ** (step // (2 * step_size)))


def once(step: int, step_size: int, low: float, high: float) -> float:
    return triangle(step, step_size, low, high) if step < 2 * step_size else low


def from_zero(step: int, step_size: int, low: float, high: float) -> float:
    return max(low, triangle(step, step_size, 0.0, high))


def one_late(step: int, step_size: int, low: float, high: float) -> float:
    return triangle(step + 1, step_size, low, high)


CYCLICAL_LR = Exercise(
    id="resnet.cyclical_lr",
    cases=cyclical_cases,
    oracle=triangle,
    wrong=(
        Wrong(
            "goes up and down within one step_size",
            half_as_long,
            says="a cycle takes step_size steps; it takes step_size up, and as many down.",
            look="how long is a whole cycle?",
        ),
        Wrong(
            "drops at once",
            sawtooth,
            says="the rate climbs all the cycle and drops at once.",
            look="down is as slow as up.",
        ),
        Wrong("starts at the top", from_the_top, says="the rate begins with high and falls.", look="step 0 has low."),
        Wrong(
            "goes in waves",
            rounded,
            says="the way up and down is a cosine; it should be straight.",
            look="equal steps.",
        ),
        Wrong(
            "fades",
            fading,
            says="each cycle is half as high as the one before (Smith's triangular2).",
            look="every cycle reaches high.",
        ),
        Wrong("stops after one cycle", once, says="after the first cycle the rate stays low.", look="% begins again."),
        Wrong(
            "climbs from 0",
            from_zero,
            says="the triangle begins at 0 and is cut off below low.",
            look="low + (high − low) · (0 … 1).",
        ),
        Wrong("is one step ahead", one_late, says="step 0 has the rate of step 1.", look="step 0 has low."),
    ),
    hints=(
        "Where in its cycle is the step? step % (2 · step_size).",
        "The distance to the top, abs(… − step_size), is step_size at the bottom and 0 at the top.",
    ),
    points=1,
    minutes=8,
    forbidden=READY_MADE,
)


EXERCISES = (COSINE_WARMUP, CYCLICAL_LR)
