"""Layer normalisation: each token by its own mean and variance (Ba, Kiros and Hinton 2016)."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from autograder.exercises.resnet._ready_made import NETWORKS, NORMS
from autograder.spec import Case, Exercise, Ref, Rng, Speed, Step, Value, Wrong, of_call

EPS = 1e-6
ALL = ("x", "weight", "bias")
FLOAT64 = torch.float64


def in_library(x: Tensor, weight: Tensor, bias: Tensor, eps: float = EPS) -> Tensor:
    """What is timed against."""
    return F.layer_norm(x, x.shape[-1:], weight, bias, eps)


def oracle(x: Tensor, weight: Tensor, bias: Tensor, eps: float = EPS) -> Tensor:
    return in_library(x.double(), weight.double(), bias.double(), eps).to(x.dtype)


def scale_and_shift(rng: Rng, dim: int, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    """Weight and bias, none of them near 0 or 1."""
    signs = 1 - 2 * rng.integers(0, 2, dim)
    return {
        "weight": rng.uniform(dim, low=1.3, high=2.0, dtype=dtype) * signs,
        "bias": 1 + rng.uniform(dim, dtype=dtype),
    }


def case(name: str, rng: Rng, x: Tensor, *gradients: str, scale: float = 10.0, **eps: Value) -> Case:
    inputs: dict[str, Value] = {"x": x, **scale_and_shift(rng, x.shape[-1], x.dtype), **eps}
    return of_call(name, **inputs, gradients=gradients, terms=x.numel(), scale=scale)


def cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "one token of two numbers, by hand",
        x=torch.tensor([[1.0, 3.0]]),
        weight=torch.tensor([2.0, 2.0]),
        bias=torch.tensor([0.0, 5.0]),
        eps=0.0,
        expect=torch.tensor([[-2.0, 7.0]]),
        note="mean 2, variance ((1 − 2)² + (3 − 2)²) / 2 = 1: −1 and 1; 2·(−1) + 0 = −2 and 2·1 + 5 = 7",
    )
    yield case("4 tokens, a large eps", rng, 2 * rng.normal(4, 3), *ALL, eps=0.7)
    yield case("batch of 2, 5 tokens", rng, 1 + 2 * rng.normal(2, 5, 6), *ALL)
    yield case("as many images, tokens and numbers", rng, 1 + 2 * rng.normal(4, 4, 4), *ALL)
    yield case("one vector", rng, 3 * rng.normal(7), "x")
    yield case("tokens in a picture", rng, 2 * rng.normal(2, 3, 4, 5))
    spread = torch.tensor([0.01, 1.0, 100.0])[:, None]
    yield case("tokens of very different size", rng, spread * rng.normal(2, 3, 8))
    flat = rng.normal(2, 3, 4)
    flat[:, 1] = 0.5
    yield case("a token of equal numbers", rng, flat)
    yield case("small numbers: eps counts", rng, 1e-3 * rng.normal(3, 4, 6), eps=1e-5)
    yield case("eps is 1e-6 unless told otherwise", rng, 1e-3 * rng.normal(3, 4, 6))
    yield case("far from 0", rng, 3000 + rng.normal(4, 10, 12), scale=3000.0)
    yield case("not contiguous", rng, rng.strided(2, 5, 6), "x")
    yield case("float64", rng, 2 + 3 * rng.normal(2, 4, 10, dtype=FLOAT64), *ALL)


def finished(normal: Tensor, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return (normal * weight.double() + bias.double()).to(x.dtype)


def over(x: Tensor, eps: float, *axes: int, correction: int = 0) -> Tensor:
    """x, normalised over some axes, in double precision."""
    exact = x.double()
    variance, mean = torch.var_mean(exact, axes, correction=correction, keepdim=True)
    return (exact - mean) / (variance + eps).sqrt()


def unbiased(x: Tensor, weight: Tensor, bias: Tensor, eps: float = EPS) -> Tensor:
    return finished(over(x, eps, -1, correction=1), x, weight, bias)


def eps_outside(x: Tensor, weight: Tensor, bias: Tensor, eps: float = EPS) -> Tensor:
    exact = x.double()
    deviation = exact - exact.mean(-1, keepdim=True)
    return finished(deviation / (exact.std(-1, correction=0, keepdim=True) + eps), x, weight, bias)


def std_of_torch(x: Tensor, weight: Tensor, bias: Tensor, eps: float = EPS) -> Tensor:
    exact = x.double()
    deviation = exact - exact.mean(-1, keepdim=True)
    return finished(deviation / (exact.std(-1, keepdim=True) + eps), x, weight, bias)


def eps_left_out(x: Tensor, weight: Tensor, bias: Tensor, eps: float = EPS) -> Tensor:
    return finished(over(x, 0.0, -1), x, weight, bias)


def eps_of_torch(x: Tensor, weight: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    return oracle(x, weight, bias, eps)


def eps_fixed(x: Tensor, weight: Tensor, bias: Tensor, eps: float = EPS) -> Tensor:
    return oracle(x, weight, bias, EPS)


def over_the_tokens(x: Tensor, weight: Tensor, bias: Tensor, eps: float = EPS) -> Tensor:
    return finished(over(x.reshape(-1, x.shape[-1]), eps, 0).reshape(x.shape), x, weight, bias)


def over_the_image(x: Tensor, weight: Tensor, bias: Tensor, eps: float = EPS) -> Tensor:
    axes = range(1, x.ndim) if x.ndim > 2 else range(x.ndim)
    return finished(over(x, eps, *axes), x, weight, bias)


def over_everything(x: Tensor, weight: Tensor, bias: Tensor, eps: float = EPS) -> Tensor:
    return finished(over(x, eps, *range(x.ndim)), x, weight, bias)


def by_the_variance(x: Tensor, weight: Tensor, bias: Tensor, eps: float = EPS) -> Tensor:
    exact = x.double()
    variance, mean = torch.var_mean(exact, -1, correction=0, keepdim=True)
    return finished((exact - mean) / (variance + eps), x, weight, bias)


def not_centred(x: Tensor, weight: Tensor, bias: Tensor, eps: float = EPS) -> Tensor:
    exact = x.double()
    return finished(exact / (exact.square().mean(-1, keepdim=True) + eps).sqrt(), x, weight, bias)


def not_weighed(x: Tensor, weight: Tensor, bias: Tensor, eps: float = EPS) -> Tensor:
    return oracle(x, 0 * weight + 1, bias, eps)


def not_shifted(x: Tensor, weight: Tensor, bias: Tensor, eps: float = EPS) -> Tensor:
    return oracle(x, weight, 0 * bias, eps)


def weighs_bias(x: Tensor, weight: Tensor, bias: Tensor, eps: float = EPS) -> Tensor:
    return oracle(x, weight, weight * bias, eps)


def statistics_fixed(x: Tensor, weight: Tensor, bias: Tensor, eps: float = EPS) -> Tensor:
    exact = x.double()
    variance, mean = torch.var_mean(exact.detach(), -1, correction=0, keepdim=True)
    return finished((exact - mean) / (variance + eps).sqrt(), x, weight, bias)


def cancels(x: Tensor, weight: Tensor, bias: Tensor, eps: float = EPS) -> Tensor:
    mean = x.mean(-1, keepdim=True)
    variance = x.square().mean(-1, keepdim=True) - mean.square()
    return (x - mean) / (variance + eps).sqrt() * weight + bias


def speed_case(rng: Rng) -> Case:
    """Several batches through one norm, each with an output of its own."""
    given = scale_and_shift(rng, 192)
    inputs = {f"x {number}": rng.normal(2, 197, 192) for number in range(8)} | given
    names: dict[str, Value] = {name: Ref(name) for name in given}
    steps = tuple(Step("call", out=f"out {number}", kwargs={"x": Ref(f"x {number}")} | names) for number in range(8))
    return Case("speed", steps, inputs=inputs, terms=192)


OVER = "a token is a row of the last axis: mean(-1, keepdim=True)."
ROOT = "√(variance + eps)."

SPREAD = (
    Wrong(
        "divides the variance by dim − 1",
        unbiased,
        says="the variance is divided by dim − 1 (unbiased); here it is divided by dim.",
        look="torch's var and std have correction=1 unless told otherwise.",
    ),
    Wrong(
        "divides by the variance",
        by_the_variance,
        says="each token is divided by its variance; the standard deviation is its root.",
        look=ROOT,
    ),
    Wrong(
        "doesn't take the mean off",
        not_centred,
        says="the mean is never taken off. (That is RMSNorm, which newer language models use.)",
        look="the result, before weight and bias, has mean 0.",
    ),
    Wrong(
        "loses digits far from 0",
        cancels,
        says="the variance is the mean of x² less the square of the mean: two large numbers that are almost equal, and "
        "their difference keeps few digits.",
        look="take the mean off first, then square.",
    ),
    Wrong(
        "takes the statistics for constants",
        statistics_fixed,
        says="values are right, but mean and variance send no gradient back: each number of a token also moves them.",
        look="detach, no_grad, item or float cut the way back.",
    ),
)

SMALL = (
    Wrong(
        "adds eps to the standard deviation",
        eps_outside,
        says="eps stands beside the root; it belongs under it, beside the variance.",
        look=ROOT,
    ),
    Wrong(
        "divides by torch's std plus eps",
        std_of_torch,
        says="two things at once: torch's std divides by dim − 1, and eps stands beside the root. Many tutorials have "
        "it so; no published weights were trained so.",
        look="the variance, divided by dim; eps added; then the root.",
    ),
    Wrong(
        "leaves eps out",
        eps_left_out,
        says="eps is never used: a token of equal numbers is divided by 0.",
        look=ROOT,
    ),
    Wrong(
        "starts from an eps of 1e-5",
        eps_of_torch,
        says="eps is 1e-5 unless told otherwise, as in nn.LayerNorm; vision transformers are trained with 1e-6.",
        look="the signature.",
    ),
    Wrong(
        "always takes 1e-6",
        eps_fixed,
        says="eps is always 1e-6, whatever is asked for.",
        look="where does `eps` stand in your answer?",
    ),
)

AXES = (
    Wrong(
        "normalises over the tokens",
        over_the_tokens,
        says="mean and variance are taken over all tokens, number by number, as a batch norm does; here each token has "
        "its own, over its own numbers.",
        look=OVER,
    ),
    Wrong(
        "normalises the whole image",
        over_the_image,
        says="all tokens of an image share one mean and one variance; each token has its own.",
        look=OVER,
    ),
    Wrong(
        "normalises everything at once",
        over_everything,
        says="the whole batch shares one mean and one variance: the answer for an image depends on the others.",
        look=OVER,
    ),
)

AFTER = (
    Wrong("forgets the weight", not_weighed, says="weight is never used.", look="x̂ · weight + bias."),
    Wrong("forgets the bias", not_shifted, says="bias is never used.", look="x̂ · weight + bias."),
    Wrong(
        "multiplies the bias by the weight",
        weighs_bias,
        says="the bias is added before weight multiplies; it comes after.",
        look="x̂ · weight + bias.",
    ),
)

LAYER_NORM = Exercise(
    id="vit.layer_norm",
    cases=cases,
    oracle=oracle,
    wrong=(*AXES, *SPREAD, *SMALL, *AFTER),
    hints=(
        "As batch_norm, over another axis: the statistics are a token's own, so there are no running ones.",
        "deviation = x − x.mean(-1, keepdim=True); the variance is the mean of its square.",
        "deviation · (variance + eps).rsqrt() · weight + bias.",
    ),
    points=2,
    minutes=10,
    forbidden=(*NORMS, *NETWORKS),
    speed=Speed(case=speed_case, limit=24.0, gold=4.0, baseline=in_library, against="F.layer_norm"),
)

EXERCISES = (LAYER_NORM,)
