"""Log-softmax that survives any logits."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from autograder.exercises.forbidden import LOG_SOFTMAX
from autograder.spec import Case, Exercise, Rng, Speed, Wrong, of_call

FLOAT64 = torch.float64


def log_softmax_oracle(x: Tensor, dim: int = -1) -> Tensor:
    return F.log_softmax(x, dim)


def log_softmax_cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "one row of three, by hand",
        x=torch.tensor([[0.0, 0.0, 0.6931472]]),
        gradients=("x",),
        expect=torch.tensor([[-1.3862944, -1.3862944, -0.6931472]]),
        note="0 − log(e⁰ + e⁰ + e^0.693) = 0 − log(1 + 1 + 2) = −1.386",
        terms=3,
    )
    yield of_call("one value, whose share is all", x=rng.normal(1, 1))
    yield of_call("5 rows of 7", x=rng.normal(5, 7), gradients=("x",), terms=7)
    yield of_call("along dim 0", x=rng.normal(4, 6), dim=0, gradients=("x",), terms=4)
    yield of_call(
        "a map of classes, dim 1, not contiguous", x=rng.strided(2, 5, 3, 4), dim=1, gradients=("x",), terms=5
    )
    yield of_call("no rows at all", x=rng.normal(0, 4))
    yield of_call("float64", x=rng.normal(3, 10, dtype=FLOAT64), gradients=("x",), terms=10)
    yield of_call("logits near 10,000", x=1e4 + rng.normal(3, 5), gradients=("x",), terms=5, scale=1e4)
    far = rng.normal(3, 4)
    far[:, 1] -= 500.0
    yield of_call("one class far below the others", x=far, gradients=("x",), terms=4, scale=500.0)
    offset = torch.tensor([[-1000.0], [0.0], [1000.0]])
    yield of_call("rows at very different heights", x=rng.normal(3, 4) + offset, terms=4, scale=1e3)


def unshifted(x: Tensor, dim: int = -1) -> Tensor:
    return x - torch.log(torch.exp(x).sum(dim, keepdim=True))


def log_of_softmax(x: Tensor, dim: int = -1) -> Tensor:
    return torch.log(F.softmax(x, dim))


def log_with(epsilon: float) -> Callable[[Tensor, int], Tensor]:
    def answer(x: Tensor, dim: int = -1) -> Tensor:
        return torch.log(F.softmax(x, dim) + epsilon)

    return answer


def without_log(x: Tensor, dim: int = -1) -> Tensor:
    return F.softmax(x, dim)


def last_dim_always(x: Tensor, dim: int = -1) -> Tensor:
    return F.log_softmax(x, -1)


def over_everything(x: Tensor, dim: int = -1) -> Tensor:
    return F.log_softmax(x.reshape(-1), 0).reshape(x.shape)


def shifted_by_one_maximum(x: Tensor, dim: int = -1) -> Tensor:
    return unshifted(x - x.max(), dim) if x.numel() else x


def mean_for_sum(x: Tensor, dim: int = -1) -> Tensor:
    return F.log_softmax(x, dim) + torch.tensor(float(x.shape[dim])).log()


LOG_SOFTMAX_SPEC = Exercise(
    id="lenet.log_softmax",
    cases=log_softmax_cases,
    oracle=log_softmax_oracle,
    wrong=(
        Wrong(
            "overflows",
            unshifted,
            says="exp of a large logit is infinite (float32 ends at e^88), and exp of a very low one is 0.",
            look="subtract something from every logit of a row first: which number makes exp safe and changes nothing?",
        ),
        Wrong(
            "takes the log of a probability that is 0",
            log_of_softmax,
            says="a small probability is rounded to 0 before the log sees it, and log 0 is −∞.",
            look="log(a / b) = log a − log b: do the division after the log, and a needs no exp at all.",
        ),
        *(
            Wrong(
                f"adds {epsilon:g} inside the log",
                log_with(epsilon),
                says=f"the {epsilon:g} inside the log hides the zeros, but makes every log-probability a little wrong, "
                "and very low ones far too high.",
                look="log(a / b) = log a − log b: then nothing can become 0, and no epsilon is needed.",
            )
            for epsilon in (1e-12, 1e-10, 1e-8, 1e-7)
        ),
        Wrong(
            "leaves out the log",
            without_log,
            says="these are the probabilities; their logarithms are asked for.",
            look="one operation is missing; mind that exp and log may partly cancel.",
        ),
        Wrong(
            "always uses the last axis",
            last_dim_always,
            says="dim is ignored: the sum always runs over the last axis.",
            look="every reduction needs dim, with keepdim=True.",
        ),
        Wrong(
            "sums over everything",
            over_everything,
            says="the sum runs over all values at once; each row along dim should have a sum of its own.",
            look="every reduction needs dim, with keepdim=True.",
        ),
        Wrong(
            "shifts by one maximum for all rows",
            shifted_by_one_maximum,
            says="all rows are shifted by the largest logit of the whole batch, so rows far below it vanish.",
            look="each row needs its own maximum.",
        ),
        Wrong(
            "takes a mean for the sum",
            mean_for_sum,
            says="the exponentials are averaged where they should be added.",
            look="do the probabilities, exp of what you return, add up to 1?",
        ),
    ),
    hints=(
        "Write log(exp(x) / Σ exp(x)) as a difference of two logs.",
        "softmax doesn't change if the same number is taken from all logits of a row; with the row's maximum, "
        "every exp is at most 1, and one of them is 1.",
        "With z = x − max(x): z − log Σ exp(z), maximum and sum along dim with keepdim=True.",
    ),
    points=2,
    minutes=10,
    forbidden=LOG_SOFTMAX,
    speed=Speed(
        case=lambda rng: of_call("speed", x=rng.uniform(4096, 100, low=-4, high=4)),
        limit=5.0,  # three tensors of x's size where F.log_softmax makes one: 3× where memory is what takes time
        against="F.log_softmax",
    ),
)

EXERCISES = (LOG_SOFTMAX_SPEC,)
