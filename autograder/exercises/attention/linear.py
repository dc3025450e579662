"""Linear attention: what grows with the tokens' number, not with its square. Peak memory is part of the grade."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from autograder.exercises.attention._ready_made import ATTENTION
from autograder.spec import Case, Exercise, Memory, Rng, Speed, Wrong, of_call


def phi(x: Tensor) -> Tensor:
    return F.elu(x) + 1


def weighted(weights: Tensor, v: Tensor) -> Tensor:
    return weights / weights.sum(-1, keepdim=True) @ v


def oracle(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """By the weights of all pairs, as the definition has it."""
    return weighted(phi(q) @ phi(k).transpose(-1, -2), v)


def by_sums(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """What is timed against."""
    ones = torch.ones_like(v[..., :1])
    found = torch.einsum(
        "...nd,...dm->...nm", phi(q), torch.einsum("...jd,...je->...de", phi(k), torch.cat([v, ones], -1))
    )
    return found[..., :-1] / found[..., -1:]


def case(
    name: str, rng: Rng, *batch: int, n: int = 5, m: int = 5, d: int = 4, e: int = 4, gradients: tuple[str, ...] = ()
) -> Case:
    q, k, v = rng.normal(*batch, n, d), rng.normal(*batch, m, d), rng.normal(*batch, m, e)
    return of_call(name, q=q, k=k, v=v, gradients=gradients, terms=n + m + d)


def cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "one query, two keys, by hand",
        q=torch.tensor([[0.0]]),
        k=torch.tensor([[0.0], [1.0]]),
        v=torch.tensor([[10.0], [40.0]]),
        expect=torch.tensor([[30.0]]),
        note="φ(0) = 1, φ(1) = 2: weights 1/3 and 2/3; 1/3 · 10 + 2/3 · 40 = 30",
        terms=2,
    )
    yield case("5 tokens", rng, gradients=("q", "k", "v"))
    yield case("batch and heads", rng, 2, 3, n=6, m=6)
    yield case("more keys, wider values", rng, 2, n=3, m=7, d=4, e=6)
    yield case("one number a token", rng, 2, d=1, e=1)
    yield of_call("values all alike", q=rng.normal(4, 3), k=rng.normal(6, 3), v=torch.full((6, 2), 2.5), terms=12)
    q, k, v = (rng.strided(2, 5, 4) for _ in range(3))
    yield of_call("not contiguous", q=q, k=k, v=v, terms=14)
    q, k, v = (rng.normal(2, 6, 5, dtype=torch.float64) for _ in range(3))
    yield of_call("float64", q=q, k=k, v=v, gradients=("q", "k", "v"), terms=17)


def without_one(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return weighted(F.elu(q) @ F.elu(k).transpose(-1, -2), v)


def rectified(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return weighted(q.relu() @ k.relu().transpose(-1, -2) + 1e-6, v)


def keys_as_they_are(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return weighted(phi(q) @ k.transpose(-1, -2), v)


def queries_as_they_are(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return weighted(q @ phi(k).transpose(-1, -2), v)


def unnormalised(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return phi(q) @ (phi(k).transpose(-1, -2) @ v)


def by_count(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return unnormalised(q, k, v) / k.shape[-2]


def softmax(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return F.scaled_dot_product_attention(q, k, v)


def softmax_of_both(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return q.softmax(-1) @ (k.softmax(-2).transpose(-1, -2) @ v)


def scaled(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return oracle(q * q.shape[-1] ** -0.5, k, v)


def exponential(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return weighted(q.exp() @ k.exp().transpose(-1, -2), v)


def never_quite_one(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    weights = phi(q) @ phi(k).transpose(-1, -2)
    return weights / (weights.sum(-1, keepdim=True) + 1e-6) @ v


def over_queries(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    weights = phi(q) @ phi(k).transpose(-1, -2)
    return weights / weights.sum(-2, keepdim=True) @ v


LINEAR = Exercise(
    id="attention.linear_attention",
    cases=cases,
    oracle=oracle,
    wrong=(
        Wrong(
            "forgets the 1",
            without_one,
            says="φ is elu alone, which is negative for negative numbers; weights then have any sign.",
            look="elu(x) + 1.",
        ),
        Wrong(
            "takes relu for φ",
            rectified,
            says="φ is relu, under which half of the numbers are 0; here it is elu(x) + 1.",
            look="F.elu.",
        ),
        Wrong(
            "leaves the keys as they are",
            keys_as_they_are,
            says="φ is applied to the queries alone.",
            look="φ(q) · φ(k).",
        ),
        Wrong(
            "leaves the queries as they are",
            queries_as_they_are,
            says="φ is applied to the keys alone.",
            look="φ(q) · φ(k).",
        ),
        Wrong(
            "doesn't divide",
            unnormalised,
            says="the weights of a query don't add up to 1.",
            look="divide by φ(q) · (the sum of all φ(k)).",
        ),
        Wrong(
            "divides by the number of keys",
            by_count,
            says="the result is divided by the number of keys, not by the sum of the weights.",
            look="with all values alike, the result must be that value.",
        ),
        Wrong(
            "takes the softmax",
            softmax,
            says="this is ordinary attention: right for the other exercise, and quadratic.",
            look="φ(q) (φ(k)ᵀ v): the keys meet the values first.",
        ),
        Wrong(
            "takes softmaxes of queries and keys",
            softmax_of_both,
            says="q and k each go through a softmax (another paper's way); here φ(x) = elu(x) + 1.",
            look="F.elu.",
        ),
        Wrong(
            "scales",
            scaled,
            says="the queries are divided by √d first; there is no softmax here that would saturate.",
            look="φ(q), of q as it is.",
        ),
        Wrong(
            "takes the exponential for φ",
            exponential,
            says="φ is exp; here it is elu(x) + 1, which equals exp only below 0.",
            look="above 0, φ(x) = x + 1.",
        ),
        Wrong(
            "adds a little to the denominator",
            never_quite_one,
            says="something like 1e-6 is added to the denominator, so that weights add up to a little less than 1.",
            look="φ is above 0 (in float32 down to −17), so there is no 0 / 0 to avoid.",
        ),
        Wrong(
            "divides by the sum over the queries",
            over_queries,
            says="the weights that reach one key add up to 1; those of one query must.",
            look="sum φ(k) over the keys.",
        ),
    ),
    hints=(
        "A product of three matrices may be worked out from either side: (φ(q) φ(k)ᵀ) v or φ(q) (φ(k)ᵀ v).",
        "The denominator is a product too: φ(q) @ (φ(k) summed over the tokens).",
        "k.sum(-2).unsqueeze(-1) is (…, d, 1), so that q @ … is (…, n, 1).",
    ),
    points=3,
    minutes=15,
    forbidden=ATTENTION,
    speed=Speed(
        case=lambda rng: case("speed", rng, 2, n=4096, m=4096, d=32, e=32),
        limit=4.0,
        baseline=by_sums,
        against="the same by einsum",
    ),
    memory=Memory(limit=6.0),  # φ(q), φ(k), the result and their steps; the weights of all pairs would be 42 times
)

EXERCISES = (LINEAR,)
