"""How widely a query looks: the entropy of its weights."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from autograder.spec import Case, Exercise, Rng, Speed, Wrong, of_call


def oracle(weights: Tensor) -> Tensor:
    terms: Tensor = torch.special.xlogy(weights, weights)
    return -terms.sum(-1)


def shares(rng: Rng, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return (2 * rng.normal(*shape, dtype=dtype)).softmax(-1)


def with_zeros(rng: Rng, *shape: int) -> Tensor:
    """Half of the weights are exactly 0, as behind a mask."""
    scores = rng.normal(*shape)
    scores[..., ::2] = -torch.inf
    return scores.softmax(-1)


def case(name: str, weights: Tensor, *gradients: str) -> Case:
    return of_call(name, weights=weights, gradients=gradients, terms=weights.shape[-1])


def cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "½, ¼ and ¼, by hand",
        weights=torch.tensor([[0.5, 0.25, 0.25]]),
        expect=torch.tensor([1.5 * math.log(2)]),
        note="0.5 · log 2 + 0.25 · log 4 + 0.25 · log 4 = 1.5 · 0.693 = 1.04",
        terms=3,
    )
    yield case("four queries", shares(rng, 4, 6), "weights")
    yield case("as many keys as queries", shares(rng, 5, 5))
    yield case("all keys alike, and one key alone", torch.stack([torch.full((8,), 0.125), torch.eye(8)[3]]))
    yield case("weights of 0", with_zeros(rng, 3, 6))
    yield case("batch, heads", shares(rng, 2, 3, 4, 7))
    yield case("not contiguous", shares(rng, 5, 4, 3).transpose(0, 1))
    yield case("float64", shares(rng, 2, 4, 30, dtype=torch.float64), "weights")


def in_bits(weights: Tensor) -> Tensor:
    return oracle(weights) / math.log(2)


def negative(weights: Tensor) -> Tensor:
    return -oracle(weights)


def not_a_number(weights: Tensor) -> Tensor:
    return -(weights * weights.log()).sum(-1)


def with_a_little(weights: Tensor) -> Tensor:
    return -(weights * (weights + 1e-9).log()).sum(-1)


def over_queries(weights: Tensor) -> Tensor:
    return oracle(weights.transpose(-1, -2))


def averaged(weights: Tensor) -> Tensor:
    return oracle(weights) / weights.shape[-1]


def of_all(weights: Tensor) -> Tensor:
    return oracle(weights).mean()


def a_share(weights: Tensor) -> Tensor:
    return oracle(weights) / math.log(weights.shape[-1])


def exponentiated(weights: Tensor) -> Tensor:
    return oracle(weights).exp()


def unweighted(weights: Tensor) -> Tensor:
    return -weights.clamp(min=1e-12).log().sum(-1)


def softened(weights: Tensor) -> Tensor:
    return oracle(weights.softmax(-1))


def at_the_largest(weights: Tensor) -> Tensor:
    return -weights.amax(-1).log()


ENTROPY = Exercise(
    id="attention.attention_entropy",
    cases=cases,
    oracle=oracle,
    wrong=(
        Wrong(
            "counts in bits",
            in_bits,
            says="the logarithm is that to base 2; here it is the natural one.",
            look="torch.log.",
        ),
        Wrong("has the wrong sign", negative, says="the minus is missing.", look="log p is never above 0."),
        Wrong(
            "gives NaN at a weight of 0",
            not_a_number,
            says="0 · log 0 is 0 · (−∞) = NaN; a weight of 0 adds 0.",
            look="torch.special.xlogy, or a clamp inside the logarithm.",
        ),
        Wrong(
            "adds a little inside the logarithm",
            with_a_little,
            says="something like 1e-9 is added to all weights, not only to those of 0; that is seen in float64.",
            look="torch.special.xlogy, or a clamp inside the logarithm.",
        ),
        Wrong(
            "sums over the queries",
            over_queries,
            says="the sum runs over the queries; the weights of one query are along the last axis.",
            look="which axis adds up to 1?",
        ),
        Wrong(
            "averages over the keys",
            averaged,
            says="the terms are averaged; they are summed.",
            look="the weights in front are the average already.",
        ),
        Wrong(
            "gives one number for all",
            of_all,
            says="the entropies of all queries are averaged; each query has its own.",
            look="the result has the weights' shape without the last axis.",
        ),
        Wrong(
            "divides by the largest value it can have",
            a_share,
            says="the entropy is divided by log m, so that it lies between 0 and 1; asked are nats.",
            look="all keys alike give log m.",
        ),
        Wrong(
            "gives the number of keys",
            exponentiated,
            says="this is the exponential of the entropy, a number of keys; asked is the entropy.",
            look="one key alone gives 0.",
        ),
        Wrong(
            "forgets the weights in front",
            unweighted,
            says="every −log p counts alike; each counts by its p.",
            look="−Σ p log p.",
        ),
        Wrong(
            "takes a softmax first",
            softened,
            says="the weights went through a softmax once more; they are probabilities already.",
            look="no softmax here.",
        ),
        Wrong(
            "looks at the largest weight only",
            at_the_largest,
            says="only the largest weight counts; all do.",
            look="a sum over the last axis.",
        ),
    ),
    hints=(
        "−Σ p log p over the last axis.",
        "At p = 0 the product is 0, but log 0 is −∞: torch.special.xlogy(p, p) knows that.",
    ),
    points=1,
    minutes=6,
    forbidden=("aten::special_entr", "torch.special.entr", "torch.distributions", "scipy"),
    speed=Speed(case=lambda rng: case("speed", shares(rng, 4, 256, 256)), limit=4.0, against="xlogy and a sum"),
)

EXERCISES = (ENTROPY,)
