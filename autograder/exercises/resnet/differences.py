"""The paired bootstrap: an interval is right if it is as wide as the law says, whatever the draws.

With B draws, the share p of means below a limit has the standard error √(p(1 − p)/B). For N = 40 pairs the means are
nearly normal, and a limit then strays by 1/φ(1.96) = 17 times that share of their own standard deviation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from autograder.spec import Case, Exercise, Outputs, Ref, Rng, Step, Tolerance, Value, Wrong, call, draw, seed

FLOAT64 = torch.float64
DRAWS = 10_000
STRAY = 17.1 * math.sqrt(0.025 * 0.975 / DRAWS)  # standard error of a limit, in standard deviations of the means
Triple = tuple[float, float, float]
LOW, HIGH = "low, in standard errors below the difference", "high, in standard errors above it"
TOLERANCE = Tolerance(absolute={LOW: 8 * STRAY, HIGH: 8 * STRAY})  # both the answer's stray and the oracle's


def means_of(values: Any, draws: int, seed: int, size: int | None = None) -> Any:
    """Means of so many values drawn with replacement, `draws` times."""
    random = np.random.default_rng(seed)
    return values[random.integers(len(values), size=(draws, size or len(values)))].mean(1)


def limits(means: Any, tail: float = 0.025) -> tuple[float, float]:
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)


def differences(one: Tensor, other: Tensor) -> Any:
    return (one - other).double().cpu().numpy()


def oracle(one: Tensor, other: Tensor, draws: int = 10_000, seed: int = 0) -> Triple:
    found = differences(one, other)
    return float(found.mean()), *limits(means_of(found, draws, seed))


def pairs(rng: Rng, n: int, gain: float, *, together: float = 3.0, dtype: torch.dtype = FLOAT64) -> dict[str, Tensor]:
    """Two results of each of n problems: some problems are far harder than others."""
    hardness = together * rng.normal(n, dtype=FLOAT64)
    other = hardness + 0.3 * rng.normal(n, dtype=FLOAT64)
    return {"one": (hardness + gain + 0.3 * rng.normal(n, dtype=FLOAT64)).to(dtype), "other": other.to(dtype)}


def _case(name: str, inputs: dict[str, Value], start: int, *after: Step) -> Case:
    given = {**inputs, "draws": DRAWS, "seed": start}
    refs: dict[str, Value] = {key: Ref(key) for key in given}
    steps = (seed(11), call("interval", **refs), *after)
    return Case(name, steps, inputs=given, terms=40, scale=10.0)


def cases(rng: Rng) -> Iterator[Case]:
    starts = [int(value) for value in rng.permutation(1000)[:7]]
    yield Case(
        "two pairs, by hand",
        (call("interval", one=Ref("one"), other=Ref("other")),),
        inputs={"one": torch.tensor([3.0, 5.0]), "other": torch.tensor([2.0, 2.0])},
        expect={"interval": (2.0, 1.0, 3.0)},
        note="differences 1 and 3, mean 2; a round draws 1 1, 1 3, 3 1 or 3 3: means 1, 2, 2, 3, a quarter each, so "
        "2.5 % at either end fall into the 1s and the 3s",
    )
    yield _case("40 pairs", pairs(rng, 40, 0.2), starts[0])
    yield _case("one is worse", pairs(rng, 40, -0.5), starts[1], draw("random"))
    yield _case("60 pairs, float32", pairs(rng, 60, 0.1, dtype=torch.float32), starts[2])
    yield _case("pairs that have little in common", pairs(rng, 50, 1.0, together=0.1), starts[3])
    fixed = {**pairs(rng, 40, 0.2), "draws": DRAWS, "seed": starts[4]}
    refs: dict[str, Value] = {key: Ref(key) for key in fixed}
    steps = (
        *(seed(11), call("one run", **refs), seed(12), call("again", **refs)),
        call("other seed", **{**refs, "seed": starts[5]}),
    )
    yield Case("the same seed twice, then another", steps, inputs=fixed)


def measure(case: Case, outputs: Outputs) -> Outputs:
    """The difference as it is, the limits in standard errors."""
    if "again" in outputs:
        one, again, other = (tuple(outputs[name]) for name in ("one run", "again", "other seed"))
        return {"equal for equal seeds": one == again, "equal for other seeds": one == other}
    difference, low, high = outputs["interval"]
    found = differences(case.inputs["one"], case.inputs["other"])
    if len(found) < 10:
        return {"interval": (difference, low, high)}
    error = float(found.std()) / math.sqrt(len(found))
    facts: Outputs = {"difference": difference, LOW: (found.mean() - low) / error, HIGH: (high - found.mean()) / error}
    if "random" in outputs:
        facts["torch's next random number"] = outputs["random"]
    return facts


def _with(limits_of: Callable[[Any, Any, int, int], tuple[float, float]]) -> Callable[..., Triple]:
    """An answer whose limits come from both sides' values, the number of draws and the seed."""

    def answer(one: Tensor, other: Tensor, draws: int = 10_000, seed: int = 0) -> Triple:
        a, b = one.double().cpu().numpy(), other.double().cpu().numpy()
        return float((a - b).mean()), *limits_of(a, b, draws, seed)

    return answer


def unpaired(a: Any, b: Any, draws: int, seed: int) -> tuple[float, float]:
    return limits(means_of(a, draws, seed) - means_of(b, draws, seed + 1))


def of_single_pairs(a: Any, b: Any, draws: int, seed: int) -> tuple[float, float]:
    return limits(a - b)


def of_90_percent(a: Any, b: Any, draws: int, seed: int) -> tuple[float, float]:
    return limits(means_of(a - b, draws, seed), 0.05)


def smallest_and_largest(a: Any, b: Any, draws: int, seed: int) -> tuple[float, float]:
    means = means_of(a - b, draws, seed)
    return float(means.min()), float(means.max())


def one_standard_error(a: Any, b: Any, draws: int, seed: int) -> tuple[float, float]:
    means = means_of(a - b, draws, seed)
    return float(means.mean() - means.std()), float(means.mean() + means.std())


def without_replacement(a: Any, b: Any, draws: int, seed: int) -> tuple[float, float]:
    mean = float((a - b).mean())
    return mean, mean


def of_half_the_pairs(a: Any, b: Any, draws: int, seed: int) -> tuple[float, float]:
    return limits(means_of(a - b, draws, seed, max(1, len(a) // 2)))


def swapped(one: Tensor, other: Tensor, draws: int = 10_000, seed: int = 0) -> Triple:
    return oracle(other, one, draws, seed)


def no_seed(one: Tensor, other: Tensor, draws: int = 10_000, seed: int = 0) -> Triple:
    return oracle(one, other, draws)


def global_seed(one: Tensor, other: Tensor, draws: int = 10_000, seed: int = 0) -> Triple:
    torch.manual_seed(seed)
    return oracle(one, other, draws, seed)


PAIRED_BOOTSTRAP = Exercise(
    id="resnet.paired_bootstrap",
    cases=cases,
    oracle=oracle,
    measure=measure,
    tolerance=TOLERANCE,
    wrong=(
        Wrong(
            "draws the two apart",
            _with(unpaired),
            says="the two sides are drawn independently, so the interval is as wide as the problems differ from each "
            "other; what belongs together must be drawn together.",
            look="take the differences first, then draw.",
        ),
        Wrong(
            "gives the spread of single differences",
            _with(of_single_pairs),
            says="these are limits of single differences; the interval is one of their *mean*, √N times narrower.",
            look="the mean of N drawn pairs, many times.",
        ),
        Wrong(
            "gives a 90 % interval",
            _with(of_90_percent),
            says="5 % are cut off at either end; 95 % leaves 2.5 %.",
            look="quantiles 0.025 and 0.975.",
        ),
        Wrong(
            "gives the smallest and largest mean",
            _with(smallest_and_largest),
            says="nothing is cut off, so the interval grows with the number of draws.",
            look="quantiles 0.025 and 0.975.",
        ),
        Wrong(
            "gives one standard error to each side",
            _with(one_standard_error),
            says="mean ± one standard deviation of the means covers 68 %.",
            look="quantiles 0.025 and 0.975.",
        ),
        Wrong(
            "draws without replacement",
            _with(without_replacement),
            says="each round holds every pair once, so all rounds have the same mean.",
            look="torch.randint, not torch.randperm.",
        ),
        Wrong(
            "draws half the pairs",
            _with(of_half_the_pairs),
            says="each round holds N/2 pairs, so the interval is √2 times too wide.",
            look="as many as there are.",
        ),
        Wrong("subtracts the wrong way round", swapped, says="this is other − one.", look="one − other."),
        Wrong("ignores the seed", no_seed, says="every seed gives the same limits.", look="hand it to a generator."),
        Wrong(
            "seeds torch's global generator",
            global_seed,
            says="the interval is right, but torch.manual_seed changed the random numbers of everything else.",
            look="torch.Generator().manual_seed(seed) makes a generator of your own.",
        ),
    ),
    hints=(
        "One difference for each pair. torch.randint(N, (draws, N), generator=…) are the indices of all rounds.",
        "differences[indices].mean(dim=1) are the means; .quantile gives the limits.",
    ),
    points=2,
    minutes=12,
    forbidden=("scipy.stats", "sklearn"),
)

EXERCISES = (PAIRED_BOOTSTRAP,)
