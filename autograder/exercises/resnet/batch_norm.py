"""Batch normalisation as a pure function of given statistics (Ioffe and Szegedy 2015, algorithm 1)."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from autograder.exercises.resnet._ready_made import NETWORKS, NORMS
from autograder.spec import Case, Exercise, Ref, Rng, Speed, Step, Value, Wrong, of_call

EPS = 1e-5
ALL = ("x", "weight", "bias", "mean", "variance")
FLOAT64 = torch.float64


def across(values: Tensor, x: Tensor) -> Tensor:
    """One value a channel, shaped to meet x."""
    return values.reshape(-1, *[1] * (x.ndim - 2))


def formula(x: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor, eps: float = EPS) -> Tensor:
    """The textbook's formula, in x's own precision."""
    return across(weight, x) * (x - across(mean, x)) / across(variance + eps, x).sqrt() + across(bias, x)


def oracle(x: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor, eps: float = EPS) -> Tensor:
    return formula(x.double(), weight.double(), bias.double(), mean.double(), variance.double(), eps).to(x.dtype)


def in_library(x: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor, eps: float = EPS) -> Tensor:
    """What is timed against."""
    return F.batch_norm(x, mean, variance, weight, bias, training=False, eps=eps)


def channels(rng: Rng, count: int, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    """Weight, bias, mean and variance of `count` channels, none of them near 0 or 1."""
    return {
        "weight": rng.uniform(count, low=0.3, high=2.0, dtype=dtype) * (1 - 2 * rng.integers(0, 2, count)),
        "bias": rng.normal(count, dtype=dtype),
        "mean": rng.uniform(count, low=0.5, high=2.0, dtype=dtype),
        "variance": rng.uniform(count, low=1.3, high=4.0, dtype=dtype),
    }


def one(name: str, x: Tensor, given: dict[str, Tensor], *gradients: str, **eps: Value) -> Case:
    """Terms: of a weight's gradient. Scale: of the largest term of a sum."""
    inputs: dict[str, Value] = {"x": x, **given, **eps}
    return of_call(name, **inputs, gradients=gradients, terms=x[:, 0].numel(), scale=30.0)


def cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "one channel of two values, by hand",
        x=torch.tensor([1.0, 3.0]).reshape(1, 1, 1, 2),
        weight=torch.tensor([2.0]),
        bias=torch.tensor([10.0]),
        mean=torch.tensor([2.0]),
        variance=torch.tensor([4.0]),
        eps=0.0,
        expect=torch.tensor([9.0, 11.0]).reshape(1, 1, 1, 2),
        note="2·(1 − 2)/√4 + 10 = 9 and 2·(3 − 2)/√4 + 10 = 11",
    )
    yield one("two channels, a large eps", rng.normal(1, 2, 3, 4), channels(rng, 2), *ALL, eps=0.7)
    yield one("three images", rng.normal(3, 4, 2, 5), channels(rng, 4), *ALL)
    yield one("as many images, channels, rows and columns", rng.normal(3, 3, 3, 3), channels(rng, 3), *ALL)
    yield one("vectors", rng.normal(5, 4), channels(rng, 4), *ALL)
    yield one("sequences", rng.normal(2, 3, 7), channels(rng, 3))
    yield one("volumes", rng.normal(2, 3, 2, 4, 3), channels(rng, 3), "x")
    flat = channels(rng, 2) | {"variance": torch.tensor([0.0, 1.5])}
    x = rng.normal(2, 2, 3, 3)
    x[:, 0] = flat["mean"][0] + 1e-3 * x[:, 0]
    yield one("a channel of variance 0", x, flat)
    yield one("not contiguous", rng.strided(2, 3, 4, 5), channels(rng, 3), "x")
    far = channels(rng, 3, FLOAT64) | {"mean": rng.uniform(3, low=50.0, high=100.0, dtype=FLOAT64)}
    yield one("float64, far from 0", 75.0 + rng.normal(2, 3, 5, 4, dtype=FLOAT64), far, *ALL)


def without_root(x: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor, eps: float = EPS) -> Tensor:
    return oracle(x, weight / (variance + eps).sqrt(), bias, mean, variance, eps)


def eps_outside(x: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor, eps: float = EPS) -> Tensor:
    return oracle(x, weight, bias, mean, (variance.sqrt() + eps).square(), 0.0)


def eps_left_out(x: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor, eps: float = EPS) -> Tensor:
    return oracle(x, weight, bias, mean, variance, 0.0)


def multiplies(x: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor, eps: float = EPS) -> Tensor:
    return oracle(x, weight * (variance + eps), bias, mean, variance, eps)


def weighs_bias(x: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor, eps: float = EPS) -> Tensor:
    return oracle(x, weight, weight * bias, mean, variance, eps)


def not_weighed(x: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor, eps: float = EPS) -> Tensor:
    return oracle(x, torch.ones_like(weight) + 0 * weight, bias, mean, variance, eps)


def not_shifted(x: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor, eps: float = EPS) -> Tensor:
    return oracle(x, weight, 0 * bias, mean, variance, eps)


def exchanged(x: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor, eps: float = EPS) -> Tensor:
    return oracle(x, bias, weight, mean, variance, eps)


def own_statistics(x: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor, eps: float = EPS) -> Tensor:
    spread, centre = torch.var_mean(x, [0, *range(2, x.ndim)], correction=0)
    return oracle(x, weight, bias, centre + 0 * mean, spread + 0 * variance, eps)


def along_columns(x: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor, eps: float = EPS) -> Tensor:
    return oracle(x.movedim(-1, 1), weight, bias, mean, variance, eps).movedim(1, -1)


def in_place(x: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor, eps: float = EPS) -> Tensor:
    out = oracle(x, weight, bias, mean, variance, eps)
    x.data.copy_(out.detach())
    return out


def speed_case(rng: Rng) -> Case:
    """Several batches through one norm, each with an output of its own."""
    given = channels(rng, 16)
    inputs = {f"x {number}": rng.uniform(4, 16, 40, 40) for number in range(6)} | given
    names: dict[str, Value] = {name: Ref(name) for name in given}
    steps = tuple(Step("call", out=f"out {number}", kwargs={"x": Ref(f"x {number}")} | names) for number in range(6))
    return Case("speed", steps, inputs=inputs)


SHAPE = "values.reshape(-1, 1, 1) meets (N, C, H, W) at axis 1; x.ndim says how many ones are needed."

BATCH_NORM = Exercise(
    id="resnet.batch_norm",
    cases=cases,
    oracle=oracle,
    wrong=(
        Wrong(
            "divides by the variance",
            without_root,
            says="x − mean is divided by the variance; the standard deviation is its root.",
            look="a channel of variance 4 is 2 wide.",
        ),
        Wrong(
            "adds eps to the standard deviation",
            eps_outside,
            says="eps stands beside the root; it belongs under it, beside the variance.",
            look="√(variance + eps). Pretrained weights expect exactly this.",
        ),
        Wrong(
            "leaves eps out",
            eps_left_out,
            says="eps is never used, so a channel of variance 0 is divided by 0.",
            look="√(variance + eps).",
        ),
        Wrong(
            "multiplies by the standard deviation",
            multiplies,
            says="the channel is made wider by its standard deviation; it should be made as wide as weight says.",
            look="divide by the root.",
        ),
        Wrong(
            "multiplies the bias by the weight",
            weighs_bias,
            says="the bias is added before weight multiplies; it comes after.",
            look="weight · x̂ + bias.",
        ),
        Wrong("ignores the weight", not_weighed, says="weight is never used.", look="weight · x̂ + bias."),
        Wrong("ignores the bias", not_shifted, says="bias is never used.", look="weight · x̂ + bias."),
        Wrong(
            "takes weight for bias",
            exchanged,
            says="weight and bias have changed places.",
            look="weight multiplies, bias is added.",
        ),
        Wrong(
            "measures x itself",
            own_statistics,
            says="mean and variance are measured on x; here they are given, and may be those of other images.",
            look="who measures them is the next exercises' business.",
        ),
        Wrong(
            "works along the columns",
            along_columns,
            says="the channels' values meet the last axis of x; the channel is axis 1.",
            look=SHAPE,
        ),
        Wrong(
            "changes its input",
            in_place,
            says="the values are right, but x itself was changed.",
            look="x -= … and x.sub_(…) write into the caller's tensor.",
        ),
    ),
    hints=(
        "Four vectors, one value a channel each. Give them a shape in which they meet axis 1 of x.",
        SHAPE,
        "Everything that concerns a channel alone can be worked out first: scale = weight / √(variance + eps), "
        "shift = bias − mean · scale. Then two passes over x are left.",
    ),
    points=2,
    minutes=12,
    forbidden=(*NORMS, *NETWORKS),
    speed=Speed(case=speed_case, limit=8.0, gold=2.5, baseline=in_library, against="F.batch_norm"),
)

EXERCISES = (BATCH_NORM,)
