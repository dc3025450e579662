"""The three gradients of attention by hand."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from autograder.exercises.attention._ready_made import ATTENTION
from autograder.exercises.forbidden import AUTOGRAD
from autograder.spec import Case, Exercise, Outputs, Rng, Speed, Wrong, of_call

Gradients = tuple[Tensor, ...]


def oracle(grad_out: Tensor, q: Tensor, k: Tensor, v: Tensor) -> Gradients:
    exact = by_autograd(grad_out.double(), q.double(), k.double(), v.double())
    return tuple(gradient.to(grad_out.dtype) for gradient in exact)


def by_autograd(grad_out: Tensor, q: Tensor, k: Tensor, v: Tensor) -> Gradients:
    with torch.enable_grad():
        q, k, v = (part.detach().requires_grad_() for part in (q, k, v))
        return torch.autograd.grad(F.scaled_dot_product_attention(q, k, v), (q, k, v), grad_out)


def case(
    name: str, rng: Rng, *batch: int, n: int = 4, m: int = 4, d: int = 3, e: int = 3, dtype: torch.dtype = torch.float32
) -> Case:
    def drawn(rows: int, width: int) -> Tensor:
        return rng.normal(*batch, rows, width, dtype=dtype)

    return of_call(name, grad_out=drawn(n, e), q=drawn(n, d), k=drawn(m, d), v=drawn(m, e), terms=n + m + d + e)


def cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "one query, two keys, by hand",
        grad_out=torch.tensor([[1.0]]),
        q=torch.tensor([[1.0]]),
        k=torch.tensor([[0.0], [0.0]]),
        v=torch.tensor([[0.0], [4.0]]),
        expect=(torch.tensor([[0.0]]), torch.tensor([[-1.0], [1.0]]), torch.tensor([[0.5], [0.5]])),
        note="weights ½, ½; dP = 0, 4; row sum ½·0 + ½·4 = 2; dS = ½·(0 − 2), ½·(4 − 2) = −1, 1; dk = −1·1, 1·1",
        terms=2,
    )
    yield case("4 tokens", rng)
    yield case("4 tokens, wider", rng, d=6, e=6)
    yield case("batch of 3", rng, 3, n=5, m=5, d=4, e=4)
    yield case("5 keys, other width of values", rng, n=3, m=5, d=4, e=2)
    yield case("batch and heads, one query", rng, 2, 3, n=1, m=6)
    yield of_call(
        "not contiguous",
        grad_out=rng.strided(2, 4, 3),
        q=rng.strided(2, 4, 3),
        k=rng.strided(2, 4, 3),
        v=rng.strided(2, 4, 3),
        terms=14,
    )
    yield of_call(
        "scores above 100",
        grad_out=rng.normal(3, 3),
        q=60 * torch.eye(3),
        k=6 * torch.eye(3),
        v=rng.normal(3, 3),
        terms=12,
        scale=100.0,
    )
    yield case("float64", rng, 2, 2, n=5, m=7, d=6, e=4, dtype=torch.float64)


def measure(case: Case, outputs: Outputs) -> Outputs:
    """The three gradients by name."""
    dq, dk, dv = outputs["out"]
    return {"dq": dq, "dk": dk, "dv": dv}


def parts(grad_out: Tensor, q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor, float]:
    """The weights, the gradient that reaches them, and the scale."""
    scale = q.shape[-1] ** -0.5
    return (q @ k.transpose(-1, -2) * scale).softmax(-1), grad_out @ v.transpose(-1, -2), scale


def finish(weights: Tensor, dscores: Tensor, grad_out: Tensor, q: Tensor, k: Tensor) -> Gradients:
    return dscores @ k, dscores.transpose(-1, -2) @ q, weights.transpose(-1, -2) @ grad_out


def no_sum(grad_out: Tensor, q: Tensor, k: Tensor, v: Tensor) -> Gradients:
    weights, dweights, scale = parts(grad_out, q, k, v)
    return finish(weights, weights * dweights * scale, grad_out, q, k)


def plain_sum(grad_out: Tensor, q: Tensor, k: Tensor, v: Tensor) -> Gradients:
    weights, dweights, scale = parts(grad_out, q, k, v)
    return finish(weights, weights * (dweights - dweights.sum(-1, keepdim=True)) * scale, grad_out, q, k)


def column_sum(grad_out: Tensor, q: Tensor, k: Tensor, v: Tensor) -> Gradients:
    weights, dweights, scale = parts(grad_out, q, k, v)
    shared = (weights * dweights).sum(-2, keepdim=True)
    return finish(weights, weights * (dweights - shared) * scale, grad_out, q, k)


def like_a_sigmoid(grad_out: Tensor, q: Tensor, k: Tensor, v: Tensor) -> Gradients:
    weights, dweights, scale = parts(grad_out, q, k, v)
    return finish(weights, weights * (1 - weights) * dweights * scale, grad_out, q, k)


def no_softmax(grad_out: Tensor, q: Tensor, k: Tensor, v: Tensor) -> Gradients:
    weights, dweights, scale = parts(grad_out, q, k, v)
    return finish(weights, dweights * scale, grad_out, q, k)


def unscaled(grad_out: Tensor, q: Tensor, k: Tensor, v: Tensor) -> Gradients:
    dq, dk, dv = oracle(grad_out, q, k, v)
    return dq * q.shape[-1] ** 0.5, dk * q.shape[-1] ** 0.5, dv


def scaled_twice(grad_out: Tensor, q: Tensor, k: Tensor, v: Tensor) -> Gradients:
    dq, dk, dv = oracle(grad_out, q, k, v)
    return dq * q.shape[-1] ** -0.5, dk * q.shape[-1] ** -0.5, dv


def forgot_scale_before(grad_out: Tensor, q: Tensor, k: Tensor, v: Tensor) -> Gradients:
    root = q.shape[-1] ** 0.5
    dq, dk, dv = oracle(grad_out, q * root, k, v)
    return dq, dk / root, dv


def weights_not_turned(grad_out: Tensor, q: Tensor, k: Tensor, v: Tensor) -> Gradients:
    weights, _, _ = parts(grad_out, q, k, v)
    return *oracle(grad_out, q, k, v)[:2], weights @ grad_out


def scores_not_turned(grad_out: Tensor, q: Tensor, k: Tensor, v: Tensor) -> Gradients:
    weights, dweights, scale = parts(grad_out, q, k, v)
    dscores = weights * (dweights - (weights * dweights).sum(-1, keepdim=True)) * scale
    return dscores @ k, dscores @ q, oracle(grad_out, q, k, v)[2]


def other_order(grad_out: Tensor, q: Tensor, k: Tensor, v: Tensor) -> Gradients:
    dq, dk, dv = oracle(grad_out, q, k, v)
    return dk, dq, dv


def of_the_sum(grad_out: Tensor, q: Tensor, k: Tensor, v: Tensor) -> Gradients:
    return oracle(torch.ones_like(grad_out), q, k, v)


ATTEND_BACKWARD = Exercise(
    id="attention.attention_backward",
    cases=cases,
    oracle=oracle,
    measure=measure,
    wrong=(
        Wrong(
            "forgets that the weights share one sum",
            no_sum,
            says="dS is P ∘ dP alone: raising one score takes weight from all others of its row, and that is missing.",
            look="subtract from dP, in each row, one number that all its weights share.",
        ),
        Wrong(
            "subtracts the plain sum of dP",
            plain_sum,
            says="the number subtracted from each row is the sum of dP; each dP counts by its weight.",
            look="the row's sum of P ∘ dP.",
        ),
        Wrong(
            "sums over the queries",
            column_sum,
            says="the sum runs down the columns; the softmax made rows add up to 1, so rows share a sum.",
            look="which axis did the softmax run over?",
        ),
        Wrong(
            "takes the softmax for a sigmoid",
            like_a_sigmoid,
            says="dS = P (1 − P) dP holds for a sigmoid, where each weight is alone; here they share a sum.",
            look="a score's influence on the *other* weights of its row.",
        ),
        Wrong(
            "jumps over the softmax",
            no_softmax,
            says="dP goes on as if it were the gradient of the scores; the softmax stands between.",
            look="dS from P and dP.",
        ),
        Wrong(
            "forgets the scale in dq and dk",
            unscaled,
            says="dq and dk are √d too large: the scores were divided by √d, so their gradients are too.",
            look="follow q on its way to the scores: every factor comes back.",
        ),
        Wrong(
            "scales twice",
            scaled_twice,
            says="dq and dk are √d too small: the factor 1 / √d came in twice.",
            look="is the scale in dS and in dq?",
        ),
        Wrong(
            "works out the weights without the scale",
            forgot_scale_before,
            says="the weights themselves are those of scores that were not divided by √d.",
            look="forward first: softmax(q kᵀ / √d).",
        ),
        Wrong(
            "doesn't turn the weights for dv",
            weights_not_turned,
            says="dv is P times grad_out; value j collects from all queries that looked at it, along column j of P.",
            look="which index is summed: the query's.",
        ),
        Wrong(
            "doesn't turn dS for dk",
            scores_not_turned,
            says="dk is dS times q; key j collects from all queries, along column j of dS.",
            look="which index is summed: the query's.",
        ),
        Wrong(
            "returns dk before dq",
            other_order,
            says="dq and dk have changed places.",
            look="return (dq, dk, dv).",
        ),
        Wrong(
            "ignores grad_out",
            of_the_sum,
            says="the result is the gradient of the outputs' plain sum; grad_out says how much each output matters.",
            look="dv and dP both have a factor from grad_out.",
        ),
    ),
    hints=(
        "Write the forward pass as three lines, and go back through them in the opposite order.",
        "out = P v is a product of matrices: dv = Pᵀ grad_out, dP = grad_out vᵀ, as in linear_backward.",
        "Through the softmax, row by row: dS = P ∘ (dP − sum(P ∘ dP)). Then S = q kᵀ / √d is a product again.",
    ),
    points=4,
    minutes=25,
    forbidden=(*ATTENTION, *AUTOGRAD),
    speed=Speed(
        case=lambda rng: case("speed", rng, 2, 4, n=160, m=160, d=32, e=32),
        limit=4.0,
        baseline=by_autograd,
        against="F.scaled_dot_product_attention and autograd",
    ),
)

EXERCISES = (ATTEND_BACKWARD,)
