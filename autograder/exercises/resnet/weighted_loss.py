"""Binary cross-entropy from logits, with a weight for positives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from autograder.exercises.resnet._ready_made_c import BINARY_LOSSES
from autograder.spec import Case, Exercise, Rng, Speed, Wrong, of_call

FLOAT64 = torch.float64
LOG2 = 0.6931471805599453


def oracle(logits: Tensor, target: Tensor, pos_weight: Tensor | None = None) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits, target, pos_weight=pos_weight)


def _case(rng: Rng, name: str, *shape: int, size: float = 2.0, dtype: torch.dtype = torch.float32, **more: Any) -> Case:
    """Logits that are seldom 0, and labels."""
    logits = size * rng.normal(*shape, dtype=dtype)
    inputs = {"target": (rng.uniform(*shape) < 0.4).to(dtype), **more}
    return of_call(name, logits=logits, **inputs, gradients=("logits",), terms=logits.numel())


def cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "two undecided samples, by hand",
        logits=torch.zeros(2),
        target=torch.tensor([1.0, 0.0]),
        pos_weight=torch.tensor(3.0),
        expect=torch.tensor(2 * LOG2),
        note="σ(0) = 1/2; positive: 3 · log 2, negative: log 2; mean (3 + 1)/2 · 0.693 = 1.386",
        terms=2,
    )
    yield _case(rng, "no weight", 7)
    yield _case(rng, "a weight of 5", 4, 3, pos_weight=torch.tensor(5.0))
    yield _case(rng, "a weight for each of 3 labels", 6, 3, pos_weight=rng.uniform(3, low=0.2, high=20.0))
    yield _case(rng, "a weight below 1, float64", 3, 2, 5, dtype=FLOAT64, pos_weight=torch.tensor(0.1, dtype=FLOAT64))
    soft = rng.uniform(5, 4)
    yield _case(rng, "targets between 0 and 1", 5, 4, target=soft, pos_weight=torch.tensor(2.0))
    yield of_call(
        "logits of ±10,000",
        logits=torch.tensor([1e4, -1e4, 1e4, -1e4]),
        target=torch.tensor([1.0, 0.0, 0.0, 1.0]),
        pos_weight=torch.tensor(2.0),
        gradients=("logits",),
        terms=4,
    )
    yield of_call(
        "sure and right: a loss that is tiny, not 0",
        logits=torch.tensor([16.0, 18.0, 20.0], dtype=FLOAT64),
        target=torch.ones(3, dtype=FLOAT64),
        gradients=("logits",),
        terms=3,
        scale=1.0,  # the oracle's own gradient is rounded at this size
    )
    logits = 3 * rng.strided(4, 6, dtype=FLOAT64)
    yield of_call("not contiguous", logits=logits, target=(rng.uniform(4, 6) < 0.5).double(), gradients=("logits",))


def by_formula(logits: Tensor, target: Tensor, pos_weight: Tensor | None = None) -> Tensor:
    p = logits.sigmoid()
    weight = 1.0 if pos_weight is None else pos_weight
    return -(weight * target * p.log() + (1 - target) * (1 - p).log()).mean()


def clipped(logits: Tensor, target: Tensor, pos_weight: Tensor | None = None) -> Tensor:
    return F.binary_cross_entropy(
        logits.sigmoid().clamp(1e-7, 1 - 1e-7),
        target,
        None if pos_weight is None else 1 + (pos_weight - 1) * target,
    )


def _shifted(**change: Callable[..., Tensor | None]) -> Callable[..., Tensor]:
    """The right loss of changed arguments."""

    def answer(logits: Tensor, target: Tensor, pos_weight: Tensor | None = None) -> Tensor:
        given: dict[str, Any] = {"logits": logits, "target": target, "pos_weight": pos_weight}
        return oracle(**{**given, **{name: how(**given) for name, how in change.items()}})

    return answer


def weights_negatives(logits: Tensor, target: Tensor, pos_weight: Tensor | None = None) -> Tensor:
    return oracle(-logits, 1 - target, pos_weight)


def weights_all(logits: Tensor, target: Tensor, pos_weight: Tensor | None = None) -> Tensor:
    each = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return (each if pos_weight is None else each * pos_weight).mean()


def over_the_weights(logits: Tensor, target: Tensor, pos_weight: Tensor | None = None) -> Tensor:
    weight = torch.ones_like(target) if pos_weight is None else 1 + (pos_weight - 1) * target
    each = F.binary_cross_entropy_with_logits(logits, target, pos_weight=pos_weight, reduction="none")
    return each.sum() / weight.sum()


def summed(logits: Tensor, target: Tensor, pos_weight: Tensor | None = None) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits, target, pos_weight=pos_weight, reduction="sum")


def unreduced(logits: Tensor, target: Tensor, pos_weight: Tensor | None = None) -> Tensor:
    return F.binary_cross_entropy_with_logits(logits, target, pos_weight=pos_weight, reduction="none")


def positives_only(logits: Tensor, target: Tensor, pos_weight: Tensor | None = None) -> Tensor:
    each = -F.logsigmoid(logits) * target
    return (each if pos_weight is None else each * pos_weight).mean()


def sign_lost(logits: Tensor, target: Tensor, pos_weight: Tensor | None = None) -> Tensor:
    return -oracle(logits, target, pos_weight)


def speed_case(rng: Rng) -> Case:
    target = (rng.uniform(200, 500) < 0.1).float()
    return of_call("speed", logits=3 * rng.normal(200, 500), target=target, pos_weight=torch.tensor(9.0))


BCE_WITH_LOGITS = Exercise(
    id="resnet.bce_with_logits",
    cases=cases,
    oracle=oracle,
    wrong=(
        Wrong(
            "overflows",
            by_formula,
            says="σ(x) is rounded to 1 for large x, and log(1 − 1) is −∞. This is the book's formula.",
            look="−log σ(x) = log(1 + exp(−x)): a logarithm of a sum of exponentials, as in log_softmax.",
        ),
        Wrong(
            "clips the probabilities",
            clipped,
            says="probabilities are kept away from 0 and 1, so confident mistakes cost too little, without gradient.",
            look="don't compute σ at all: −log σ(x) = log(1 + exp(−x)).",
        ),
        Wrong(
            "weights the negatives",
            weights_negatives,
            says="pos_weight multiplies the loss of the negative samples.",
            look="it belongs to the term with `target`, not with `1 − target`.",
        ),
        Wrong(
            "weights all samples",
            weights_all,
            says="pos_weight multiplies the whole loss, positives and negatives alike.",
            look="it belongs to the term with `target` only.",
        ),
        Wrong(
            "ignores pos_weight",
            _shifted(pos_weight=lambda **given: None),
            says="pos_weight is never used.",
            look="it multiplies the term with `target`.",
        ),
        Wrong(
            "divides by the sum of the weights",
            over_the_weights,
            says="the sum is divided by the sum of the weights (as cross_entropy does it); here it is a plain mean "
            "over all values.",
            look="mean().",
        ),
        Wrong("gives the sum", summed, says="the values are summed; their mean is asked for.", look="mean()."),
        Wrong("gives a loss for each value", unreduced, says="the mean over all values is missing.", look="mean()."),
        Wrong(
            "leaves the negatives out",
            positives_only,
            says="negative samples cost nothing, so “positive” would always be the best answer.",
            look="the second term, with 1 − target.",
        ),
        Wrong(
            "takes a probability for a logit",
            _shifted(logits=lambda **given: given["logits"].sigmoid()),
            says="the sigmoid is applied twice.",
            look="the logits go straight into log(1 + exp(…)).",
        ),
        Wrong("has the sign wrong", sign_lost, says="a loss is positive; this one is negative.", look="a minus."),
    ),
    hints=(
        "−log σ(x) = log(1 + exp(−x)), and −log(1 − σ(x)) = log(1 + exp(x)).",
        "log(1 + exp(x)) = log(exp(0) + exp(x)): torch.logaddexp(zero, x) never overflows.",
    ),
    points=3,
    minutes=15,
    forbidden=BINARY_LOSSES,
    speed=Speed(case=speed_case, limit=4.0, against="F.binary_cross_entropy_with_logits"),
)

EXERCISES = (BCE_WITH_LOGITS,)
