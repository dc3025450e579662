"""The three gradients of layer normalisation, by hand."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from autograder.exercises.forbidden import AUTOGRAD
from autograder.exercises.resnet._ready_made import NETWORKS, NORMS
from autograder.exercises.resnet.batch_norm_backward import Gradients, measure, several
from autograder.exercises.vit.token_norm import EPS, in_library
from autograder.spec import Case, Exercise, Rng, Speed, Value, Wrong, of_call

FLOAT64 = torch.float64


def by_autograd(grad_out: Tensor, x: Tensor, weight: Tensor, eps: float = EPS) -> Gradients:
    with torch.enable_grad():
        tokens, scale = x.detach().requires_grad_(), weight.detach().requires_grad_()
        shift = torch.zeros_like(weight).requires_grad_()
        out = in_library(tokens, scale, shift, eps)
        dx, dweight, dbias = torch.autograd.grad(out, (tokens, scale, shift), grad_out)
        return dx, dweight, dbias


def oracle(grad_out: Tensor, x: Tensor, weight: Tensor, eps: float = EPS) -> Gradients:
    dx, dweight, dbias = by_autograd(grad_out.double(), x.double(), weight.double(), eps)
    return dx.to(x.dtype), dweight.to(x.dtype), dbias.to(x.dtype)


class Parts:
    """What the formula is made of, in double precision: for wrong answers that put it together in other ways."""

    def __init__(self, grad_out: Tensor, x: Tensor, weight: Tensor, eps: float, correction: int = 0) -> None:
        self.grad, self.weight, self.dtype = grad_out.double(), weight.double(), x.dtype
        variance, mean = torch.var_mean(x.double(), -1, correction=correction, keepdim=True)
        self.steepness = (variance + eps).rsqrt()
        self.normal = (x.double() - mean) * self.steepness
        self.tokens = tuple(range(x.ndim - 1))

    def summed(self, values: Tensor, *axes: int) -> Tensor:
        """Over all tokens, or over some axes."""
        axes = axes or self.tokens
        return (values.sum(axes) if axes else values).to(self.dtype)

    def dx(self, g: Tensor, mean: float = 1.0, spread: float = 1.0) -> Tensor:
        """The formula, with shares of its terms."""
        through_mean = g.mean(-1, keepdim=True) * mean
        through_variance = self.normal * (g * self.normal).mean(-1, keepdim=True) * spread
        return ((g - through_mean - through_variance) * self.steepness).to(self.dtype)

    def gradients(self, mean: float = 1.0, spread: float = 1.0) -> Gradients:
        dx = self.dx(self.grad * self.weight, mean, spread)
        return dx, self.summed(self.grad * self.normal), self.summed(self.grad)


def case(name: str, rng: Rng, x: Tensor, **eps: Value) -> Case:
    dim, dtype = x.shape[-1], x.dtype
    weight = rng.uniform(dim, low=0.5, high=2.0, dtype=dtype) * (1 - 2 * rng.integers(0, 2, dim))
    inputs: dict[str, Value] = {"grad_out": 0.5 + rng.normal(*x.shape, dtype=dtype), "x": x, "weight": weight, **eps}
    return of_call(name, **inputs, terms=x.numel(), scale=10.0)


def cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "one token of three numbers, by hand",
        grad_out=torch.tensor([[0.0, 3.0, 2.0]]),
        x=torch.tensor([[0.0, 2.0, 4.0]]),
        weight=torch.tensor([1.0, 2.0, 3.0]),
        eps=4 / 3,
        expect=(torch.tensor([[-1.0, 1.0, 0.0]]), torch.tensor([0.0, 0.0, 2.0]), torch.tensor([0.0, 3.0, 2.0])),
        note="variance 8/3, σ = √(8/3 + 4/3) = 2, x̂ = −1, 0, 1; g = 0, 6, 6 has mean 4, g·x̂ = 0, 0, 6 has mean 2; "
        "dx = (0 − 4 + 2)/2, (6 − 4 − 0)/2, (6 − 4 − 2)/2 = −1, 1, 0",
        terms=3,
    )
    yield case("4 tokens", rng, 1 + rng.normal(4, 3))
    yield case("4 tokens, a large eps", rng, 1 + 2 * rng.normal(4, 5), eps=0.7)
    yield case("batch of 2, 5 tokens", rng, 0.5 + 1.5 * rng.normal(2, 5, 6))
    yield case("as many images, tokens and numbers", rng, 0.5 + 1.5 * rng.normal(4, 4, 4))
    yield case("one vector", rng, 2 * rng.normal(7))
    yield case("tokens in a picture", rng, 1 + 2 * rng.normal(2, 3, 4, 5))
    flat = rng.normal(2, 3, 4)
    flat[:, 1] = 0.5
    yield case("a token of equal numbers", rng, flat, eps=0.1)
    yield case("not contiguous", rng, 1 + rng.strided(2, 5, 6))
    yield case("float64", rng, 0.5 + 1.5 * rng.normal(3, 4, 10, dtype=FLOAT64))


def statistics_fixed(grad_out: Tensor, x: Tensor, weight: Tensor, eps: float = EPS) -> Gradients:
    return Parts(grad_out, x, weight, eps).gradients(mean=0.0, spread=0.0)


def mean_fixed(grad_out: Tensor, x: Tensor, weight: Tensor, eps: float = EPS) -> Gradients:
    return Parts(grad_out, x, weight, eps).gradients(mean=0.0)


def variance_fixed(grad_out: Tensor, x: Tensor, weight: Tensor, eps: float = EPS) -> Gradients:
    return Parts(grad_out, x, weight, eps).gradients(spread=0.0)


def not_divided(grad_out: Tensor, x: Tensor, weight: Tensor, eps: float = EPS) -> Gradients:
    dim = float(x.shape[-1])
    return Parts(grad_out, x, weight, eps).gradients(mean=dim, spread=dim)


def weight_forgotten(grad_out: Tensor, x: Tensor, weight: Tensor, eps: float = EPS) -> Gradients:
    _, dweight, dbias = oracle(grad_out, x, weight, eps)
    parts = Parts(grad_out, x, weight, eps)
    return parts.dx(parts.grad), dweight, dbias


def weight_afterwards(grad_out: Tensor, x: Tensor, weight: Tensor, eps: float = EPS) -> Gradients:
    dx, dweight, dbias = weight_forgotten(grad_out, x, weight, eps)
    return dx * weight, dweight, dbias


def weight_in_dweight(grad_out: Tensor, x: Tensor, weight: Tensor, eps: float = EPS) -> Gradients:
    dx, dweight, dbias = oracle(grad_out, x, weight, eps)
    return dx, dweight * weight, dbias * weight


def over_the_tokens(grad_out: Tensor, x: Tensor, weight: Tensor, eps: float = EPS) -> Gradients:
    parts = Parts(grad_out, x, weight, eps)
    g, tokens = parts.grad * parts.weight, parts.tokens
    if not tokens:
        return parts.gradients(mean=0.0, spread=0.0)
    through_variance = parts.normal * (g * parts.normal).mean(tokens, keepdim=True)
    dx = (g - g.mean(tokens, keepdim=True) - through_variance) * parts.steepness
    return dx.to(x.dtype), *parts.gradients()[1:]


def unbiased(grad_out: Tensor, x: Tensor, weight: Tensor, eps: float = EPS) -> Gradients:
    return Parts(grad_out, x, weight, eps, correction=1).gradients()


def from_raw_x(grad_out: Tensor, x: Tensor, weight: Tensor, eps: float = EPS) -> Gradients:
    parts = Parts(grad_out, x, weight, eps)
    dx, _, dbias = parts.gradients()
    return dx, parts.summed(parts.grad * x.double()), dbias


def over_images_only(grad_out: Tensor, x: Tensor, weight: Tensor, eps: float = EPS) -> Gradients:
    parts = Parts(grad_out, x, weight, eps)
    dx, dweight, dbias = parts.gradients()
    if x.ndim < 3:
        return dx, dweight, dbias
    return dx, parts.summed(parts.grad * parts.normal, 0), parts.summed(parts.grad, 0)


def over_the_numbers(grad_out: Tensor, x: Tensor, weight: Tensor, eps: float = EPS) -> Gradients:
    parts = Parts(grad_out, x, weight, eps)
    return parts.gradients()[0], parts.summed(parts.grad * parts.normal, -1), parts.summed(parts.grad, -1)


def sums_of_a_vector(grad_out: Tensor, x: Tensor, weight: Tensor, eps: float = EPS) -> Gradients:
    dx, dweight, dbias = oracle(grad_out, x, weight, eps)
    return (dx, dweight.sum(), dbias.sum()) if x.ndim == 1 else (dx, dweight, dbias)


def averaged(grad_out: Tensor, x: Tensor, weight: Tensor, eps: float = EPS) -> Gradients:
    dx, dweight, dbias = oracle(grad_out, x, weight, eps)
    count = x.numel() // x.shape[-1]
    return dx, dweight / count, dbias / count


def eps_forgotten(grad_out: Tensor, x: Tensor, weight: Tensor, eps: float = EPS) -> Gradients:
    return Parts(grad_out, x, weight, 0.0).gradients()


def reordered(grad_out: Tensor, x: Tensor, weight: Tensor, eps: float = EPS) -> Gradients:
    dx, dweight, dbias = oracle(grad_out, x, weight, eps)
    return dx, dbias, dweight


TERMS = (
    Wrong(
        "takes the statistics for constants",
        statistics_fixed,
        says="dx is weight / σ · grad_out, as if mean and variance were given numbers. They are measured on the token, "
        "so each of its numbers also moves them.",
        look="shift a token by 1: nothing changes, so its dx must sum to 0.",
    ),
    Wrong(
        "forgets the way through the mean",
        mean_fixed,
        says="the gradient that comes back through the mean is missing in dx.",
        look="shift a token by 1: nothing changes, so its dx must sum to 0.",
    ),
    Wrong(
        "forgets the way through the variance",
        variance_fixed,
        says="the gradient that comes back through the variance is missing in dx.",
        look="stretch a token about its mean: nothing changes (but for eps), so Σ dx · x̂ is almost 0.",
    ),
    Wrong(
        "doesn't divide by dim",
        not_divided,
        says="the two terms of dx that come through mean and variance are sums; they are means.",
        look="each number has only a share of 1 / dim in its token's mean.",
    ),
    Wrong(
        "takes the means over the tokens",
        over_the_tokens,
        says="the means in dx run over the tokens, as in batch norm; a token's dx depends on that token alone.",
        look="mean(-1, keepdim=True), as on the way forward.",
    ),
    Wrong(
        "divides the variance by dim − 1",
        unbiased,
        says="the variance is divided by dim − 1 (unbiased); tokens are normalised by the one divided by dim.",
        look="torch's var has correction=1 unless told otherwise.",
    ),
    Wrong(
        "forgets eps",
        eps_forgotten,
        says="eps is never used.",
        look="σ is √(variance + eps) on the way forward; so it is on the way back.",
    ),
)

WEIGHTS = (
    Wrong(
        "forgets the weight in dx",
        weight_forgotten,
        says="dx lacks the weight.",
        look="weight multiplies on the way forward, so it multiplies on the way back.",
    ),
    Wrong(
        "multiplies by the weight too late",
        weight_afterwards,
        says="dx is multiplied by weight at the end, as batch norm allows: there a channel has one weight. In a token "
        "every number has its own, so weight belongs inside the means.",
        look="first g = grad_out · weight, then the means of g and of g · x̂.",
    ),
    Wrong(
        "multiplies dweight and dbias by the weight",
        weight_in_dweight,
        says="dweight and dbias have a factor weight; they come from grad_out itself.",
        look="out = x̂ · weight + bias: what stands beside weight, and what beside bias?",
    ),
    Wrong(
        "multiplies with x for dweight",
        from_raw_x,
        says="dweight is Σ grad_out · x; weight multiplies the normalised x̂, not x.",
        look="what stood beside weight on the way forward?",
    ),
)

SUMS = (
    Wrong(
        "sums over the images only",
        over_images_only,
        says="dweight and dbias still have an axis of tokens; one weight serves all tokens of all images.",
        look="sum over every axis but the last.",
    ),
    Wrong(
        "sums over the numbers of a token",
        over_the_numbers,
        says="dweight and dbias have one number a token; weight and bias have one for each of the dim numbers.",
        look="sum over every axis but the last.",
    ),
    Wrong(
        "adds up a single token",
        sums_of_a_vector,
        says="where x is one token, there are no axes to sum over, and torch's sum over no axes adds up everything.",
        look="make a list of tokens first: reshape(-1, dim), then sum(0).",
    ),
    Wrong(
        "averages dweight and dbias",
        averaged,
        says="dweight and dbias are means; they are sums (a mean loss has put its share into grad_out).",
        look="moving a bias by 1 moves that number of every token by 1.",
    ),
    Wrong(
        "returns the gradients in another order",
        reordered,
        says="dweight and dbias have changed places.",
        look="return (dx, dweight, dbias).",
    ),
)

LAYER_NORM_BACKWARD = Exercise(
    id="vit.layer_norm_backward",
    cases=cases,
    oracle=oracle,
    measure=measure,
    wrong=(*TERMS, *WEIGHTS, *SUMS),
    hints=(
        "First x̂ as on the way forward. dbias and dweight are sums of grad_out and of grad_out · x̂ over all tokens.",
        "With g = grad_out · weight: if mean and variance were constants, dx would be g / σ. Two terms come off: one "
        "through the mean, one through the variance.",
        "dx = (g − mean of g − x̂ · mean of g · x̂) / σ, the means over a token's numbers.",
    ),
    points=4,
    minutes=25,
    may_alias=True,  # of a single vector, dbias is grad_out itself
    forbidden=(*NORMS, *AUTOGRAD, *NETWORKS),
    speed=Speed(
        case=lambda rng: several(rng, 4, 2, 197, 192, channels=192),
        limit=8.0,
        gold=2.5,
        baseline=by_autograd,
        against="F.layer_norm and autograd",
    ),
)

EXERCISES = (LAYER_NORM_BACKWARD,)
