"""Log-uniform numbers, judged by where their logarithms fall."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from autograder.exercises.resnet.draws import drawn, draws_of, even, mean, repeated, repeats
from autograder.spec import Case, Exercise, Outputs, Rng, Wrong

READY_MADE = ("scipy.stats", "torch.distributions", "optuna", "hyperopt", "ray", "skopt", "sklearn")
Draws = Callable[..., Tensor]


def uniform(n: int, seed: int, generator: torch.Generator | None = None) -> Tensor:
    generator = generator or torch.Generator().manual_seed(seed)
    return torch.rand(n, generator=generator, dtype=torch.float64)


def oracle(low: float, high: float, n: int, seed: int = 0) -> Tensor:
    return low * (high / low) ** uniform(n, seed)


def cases(rng: Rng) -> Iterator[Case]:
    yield drawn(
        "from 0.001 to 1, by hand",
        rng,
        note="three factors of ten: a third of the numbers in 0.001 … 0.01, a third in 0.01 … 0.1, a third in 0.1 … 1",
        low=0.001,
        high=1.0,
        n=2000,
    )
    yield drawn("from 1 to 10,000", rng, low=1.0, high=1e4, n=2000)
    yield drawn("from 2 to 2.2", rng, low=2.0, high=2.2, n=2000)
    yield drawn("one value only", rng, low=0.5, high=0.5, n=4)
    yield drawn("no numbers", rng, low=0.5, high=5.0, n=0)
    yield repeated(rng, low=0.01, high=100.0, n=10)


def measure(case: Case, outputs: Outputs) -> Outputs:
    """Where the logarithms lie between those of the ends."""
    if "again" in outputs:
        return repeats(outputs)
    low, high, n = case.inputs["low"], case.inputs["high"], case.inputs["n"]
    (values,) = draws_of(outputs)
    if values.shape != (n,):
        raise ValueError("another shape")
    facts: Outputs = {
        "dtype": str(values.dtype),
        "all between the ends": bool(((values >= low * (1 - 1e-9)) & (values <= high * (1 + 1e-9))).all()),
    }
    if n < 100:
        return facts | {"how many": len(values)}
    within = (values / low).log() / math.log(high / low)
    thirds = (3 * within.nan_to_num(nan=-1.0)).floor().clamp(-1, 3).long()
    return facts | {
        "mean of the logarithm": mean(within, 0.5, math.sqrt(1 / 12)),
        "spread of the logarithm": mean((within - 0.5).square(), 1 / 12, math.sqrt(1 / 180)),
        "a third in each third": even(thirds, 3),
        "values differ": len(values.unique()) > 0.9 * n,
    }


def plain(low: float, high: float, n: int, seed: int = 0) -> Tensor:
    return low + (high - low) * uniform(n, seed)


def inverse(low: float, high: float, n: int, seed: int = 0) -> Tensor:
    return 1 / (1 / high + (1 / low - 1 / high) * uniform(n, seed))


def grid(low: float, high: float, n: int, seed: int = 0) -> Tensor:
    steps = torch.randint(0, 4, (n,), generator=torch.Generator().manual_seed(seed)).double()
    return low * (high / low) ** (steps / 3)


def logarithms(low: float, high: float, n: int, seed: int = 0) -> Tensor:
    return oracle(low, high, n, seed).log()


def wrong_base(low: float, high: float, n: int, seed: int = 0) -> Tensor:
    return 10 ** (math.log(low) + math.log(high / low) * uniform(n, seed))


def one_for_all(low: float, high: float, n: int, seed: int = 0) -> Tensor:
    return oracle(low, high, 1, seed).repeat(n)


def normal(low: float, high: float, n: int, seed: int = 0) -> Tensor:
    z = torch.randn(n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return low * (high / low) ** (0.5 + z / 6).clamp(0, 1)


def other_seed(low: float, high: float, n: int, seed: int = 0) -> Tensor:
    return oracle(low, high, n, 0)


def seeds_global(low: float, high: float, n: int, seed: int = 0) -> Tensor:
    return low * (high / low) ** uniform(n, seed, torch.manual_seed(seed))


LOG_UNIFORM = Exercise(
    id="resnet.log_uniform",
    cases=cases,
    oracle=oracle,
    measure=measure,
    wrong=(
        Wrong(
            "draws the numbers uniformly",
            plain,
            says="the numbers themselves are uniform: nine in ten lie in the last factor of ten.",
            look="draw the logarithm uniformly, then take exp.",
        ),
        Wrong(
            "draws one over the number uniformly",
            inverse,
            says="now nearly all numbers lie near the lower end.",
            look="it is the logarithm that should be uniform.",
        ),
        Wrong(
            "draws from a grid",
            grid,
            says="only a few values come, again and again.",
            look="any number between the ends may come.",
        ),
        Wrong("gives the logarithms", logarithms, says="these are the logarithms.", look="exp undoes log."),
        Wrong(
            "mixes two bases",
            wrong_base,
            says="the logarithm is to base e and the power to base 10, so numbers fall outside.",
            look="exp and log, or 10 ** and log10.",
        ),
        Wrong("draws one number", one_for_all, says="all n numbers are the same.", look="draw n of them."),
        Wrong(
            "draws a normal logarithm",
            normal,
            says="the logarithms crowd in the middle: they are normal, not uniform.",
            look="torch.rand.",
        ),
        Wrong(
            "ignores the seed",
            other_seed,
            says="every seed gives the same numbers.",
            look="hand seed to your generator.",
        ),
        Wrong(
            "seeds torch's global generator",
            seeds_global,
            says="the numbers are right, but torch.manual_seed changed the random numbers of everything else.",
            look="torch.Generator().manual_seed(seed) makes a generator of your own.",
        ),
    ),
    hints=(
        "torch.rand(n, generator=…, dtype=torch.float64) is uniform in 0 … 1. Stretch it from log(low) to log(high).",
        "exp(log(low) + (log(high) − log(low)) · share).",
    ),
    points=1,
    minutes=6,
    forbidden=READY_MADE,
)

EXERCISES = (LOG_UNIFORM,)
