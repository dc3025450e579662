"""Losses for wrong targets and for hard pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from autograder.exercises.unet._losses import FLOAT16, FLOAT64, case, finished, kept, with_ignored
from autograder.exercises.unet._ready_made import LOSSES
from autograder.exercises.unet.dice_losses import LOG3
from autograder.exercises.unet.focal_losses import log_p, mean_of, nothing_kept_is_nan, over_all
from autograder.spec import Case, Exercise, Rng, Speed, Wrong, of_call

HUBER = (
    *LOSSES,
    *("aten::*huber*", "aten::*smooth_l1*", "torch.nn.functional.huber_loss", "torch.nn.functional.smooth_l1_loss"),
    *("torch.nn.HuberLoss", "torch.nn.SmoothL1Loss", "scipy.special"),
)


def huber(predicted: Tensor, target: Tensor, delta: float = 1.0, reduction: str = "mean") -> Tensor:
    return F.huber_loss(predicted, target, reduction=reduction, delta=delta)


def of_error(each: Callable[[Tensor, float], Tensor]) -> Callable[..., Tensor]:
    def answer(predicted: Tensor, target: Tensor, delta: float = 1.0, reduction: str = "mean") -> Tensor:
        return finished(each(predicted - target, delta), reduction)

    return answer


def regression(rng: Rng, name: str, *shape: int, dtype: torch.dtype = torch.float32, **options: Any) -> Case:
    inputs: dict[str, Any] = {
        "predicted": 2 * rng.normal(*shape, dtype=dtype),
        "target": rng.normal(*shape, dtype=dtype),
    }
    terms = inputs["target"].numel()
    return of_call(name, **inputs, **options, gradients=("predicted", "target"), terms=terms)


def huber_cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "errors of ½ and −3, by hand",
        predicted=torch.tensor([1.5, 2.0]),
        target=torch.tensor([1.0, 5.0]),
        expect=torch.tensor(1.3125),
        note="0.5² / 2 = 0.125 and 1 · (3 − 1/2) = 2.5; (0.125 + 2.5) / 2 = 1.3125",
        terms=2,
    )
    yield regression(rng, "each value", 2, 3, 4, reduction="none")
    yield regression(rng, "delta 0.3, sum", 5, 4, delta=0.3, reduction="sum")
    yield regression(rng, "delta 2.5, float64", 3, 7, dtype=FLOAT64, delta=2.5)
    far = torch.tensor([1e30, -1e30, 3.0, 0.25])
    yield of_call("errors whose square overflows", predicted=far, target=torch.zeros(4), gradients=("predicted",))
    target = rng.normal(3, 4)
    yield of_call("no error at all", predicted=target.clone(), target=target, delta=0.5, gradients=("predicted",))
    yield of_call("not contiguous", predicted=rng.strided(4, 3), target=rng.normal(4, 3), delta=0.7)


HUBER_LOSS = Exercise(
    id="unet.huber_loss",
    cases=huber_cases,
    oracle=huber,
    wrong=(
        Wrong(
            "is the smooth L1 loss",
            of_error(lambda e, d: F.huber_loss(e, torch.zeros_like(e), reduction="none", delta=d) / d),
            says="the result is divided by delta: F.smooth_l1_loss. Huber's line has slope delta.",
            look="the small errors: e² / 2.",
        ),
        Wrong(
            "forgets the half",
            of_error(lambda e, d: 2 * F.huber_loss(e, torch.zeros_like(e), reduction="none", delta=d)),
            says="everything is twice as large: the parabola is e² / 2.",
            look="e² / 2, and a line that goes on from there.",
        ),
        Wrong(
            "jumps at delta",
            of_error(lambda e, d: torch.where(e.abs() <= d, e.clamp(-d, d).square() / 2, d * e.abs())),
            says="the line is delta · e, so that the loss jumps where the pieces meet.",
            look="the line must have delta² / 2 at e = delta.",
        ),
        Wrong(
            "has a line of slope 1",
            of_error(lambda e, d: torch.where(e.abs() <= d, e.clamp(-d, d).square() / 2, e.abs() - d / 2)),
            says="beyond delta the loss is |e| − delta / 2, with slope 1; the line has slope delta.",
            look="delta · (e − delta / 2).",
        ),
        Wrong(
            "swaps the pieces",
            of_error(lambda e, d: torch.where(e.abs() > d, e.square() / 2, d * (e.abs() - d / 2))),
            says="small errors get the line and large ones the parabola.",
            look="e² / 2 up to delta.",
        ),
        Wrong(
            "always takes delta 1",
            of_error(lambda e, d: F.huber_loss(e, torch.zeros_like(e), reduction="none")),
            says="delta changes nothing.",
            look="where does delta stand in your answer?",
        ),
        Wrong(
            "forgets the absolute value",
            of_error(lambda e, d: e.clamp(max=d) * (e - e.clamp(max=d) / 2)),
            says="errors below −delta are still squared.",
            look="abs().",
        ),
        Wrong(
            "is the absolute error",
            of_error(lambda e, d: e.abs()),
            says="this is |e|, with a corner at 0.",
            look="a parabola for small errors.",
        ),
        Wrong(
            "is half the squared error",
            of_error(lambda e, d: e.square() / 2),
            says="this is a parabola everywhere; one wrong target in a thousand decides.",
            look="a line from delta on.",
        ),
        Wrong(
            "bends smoothly",
            of_error(lambda e, d: d * (torch.hypot(e, torch.full_like(e, d)) - d)),
            says="this is the pseudo-Huber loss, close to it but not equal.",
            look="two pieces.",
        ),
        Wrong(
            "always gives the mean",
            lambda predicted, target, delta=1.0, reduction="mean": huber(predicted, target, delta),
            says="`reduction` changes nothing.",
            look="`reduced`.",
        ),
    ),
    hints=(
        "With c = the error's size, but at most delta: what is c · (e − c / 2) if e ≤ delta, and what if not?",
        "(predicted − target).abs(), clamp(max=delta).",
    ),
    points=2,
    minutes=10,
    forbidden=HUBER,
    speed=Speed(
        case=lambda rng: of_call("speed", predicted=rng.normal(1000, 1000), target=rng.normal(1000, 1000)),
        limit=8.0,
        against="F.huber_loss",
    ),
)


# --- labels that are wrong -------------------------------------------------------------------------------------------


def powered(log: Tensor, q: float) -> Tensor:
    return -torch.expm1(q * log) / q


def by(each: Callable[[Tensor, float], Tensor] = powered, **change: Any) -> Callable[..., Tensor]:
    """The loss of log p, or with changes of it (`log`) or of the end (`last`)."""
    log, last = change.get("log", log_p), change.get("last", mean_of)

    def answer(
        logits: Tensor, labels: Tensor, q: float = 0.7, reduction: str = "mean", ignore_index: int | None = None
    ) -> Tensor:
        losses = each(log(logits, labels, ignore_index), q)
        result: Tensor = last(losses, labels, ignore_index, reduction)
        return result

    return answer


def gce_cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "one pixel, p = ¼, q = ½, by hand",
        logits=torch.full((1, 1, 1, 1), -LOG3),
        labels=torch.ones(1, 1, 1, dtype=torch.long),
        q=0.5,
        expect=torch.tensor(1.0),
        note="√¼ = ½: (1 − ½) / ½ = 1",
    )
    yield case(rng, "one channel, two labels", 2, 1, 3, 4, reduction="none")
    yield case(rng, "three classes, q = 1", 2, 3, 5, 3, q=1.0)
    yield case(rng, "q = 0.000001: the cross-entropy, sum", 2, 4, 3, 2, q=1e-6, reduction="sum")
    labels = with_ignored(rng, rng.integers(0, 3, 2, 4, 4), 255)
    yield case(rng, "label 255 ignored, mean", 2, 3, 4, 4, labels=labels, ignore_index=255, q=0.3)
    yield case(rng, "all ignored", 1, 2, 2, 3, labels=torch.full((1, 2, 3), 9), ignore_index=9)
    yield case(rng, "logits of ±10,000", logits=1e4 * rng.normal(2, 3, 3, 3).sign())
    yield case(rng, "one logit of ±10,000", logits=1e4 * rng.normal(2, 1, 3, 3).sign(), q=0.2)
    yield case(rng, "a volume in float16", 1, 2, 3, 4, 2, dtype=FLOAT16)
    yield case(rng, "not contiguous, float64", logits=2 * rng.strided(2, 3, 3, 4, dtype=FLOAT64))


def ignored_counts(losses: Tensor, labels: Tensor, ignore_index: int | None, reduction: str) -> Tensor:
    return mean_of(losses.where(kept(labels, ignore_index), 1.0), labels, ignore_index, reduction)


GENERALISED_CROSS_ENTROPY = Exercise(
    id="unet.generalised_cross_entropy",
    cases=gce_cases,
    oracle=by(),
    wrong=(
        Wrong(
            "doesn't divide by q",
            by(lambda log, q: -torch.expm1(q * log)),
            says="1 − p^q isn't divided by q.",
            look="without it the loss vanishes with q.",
        ),
        Wrong(
            "divides p^q alone",
            by(lambda log, q: 1 - (q * log).exp() / q),
            says="only p^q is divided by q; it is the whole difference.",
            look="brackets.",
        ),
        Wrong(
            "multiplies by q",
            by(lambda log, q: -torch.expm1(q * log) * q),
            says="1 − p^q is multiplied by q; it is divided.",
            look="(1 − p^q) / q.",
        ),
        Wrong(
            "takes the power of 1 − p",
            by(lambda log, q: (-torch.expm1(log)).clamp(min=1e-30) ** q / q),
            says="the power is taken of 1 − p; it is taken of p, and subtracted from 1.",
            look="1 − p^q.",
        ),
        Wrong(
            "is the cross-entropy",
            by(lambda log, q: -log),
            says="this is −log p: q changes nothing.",
            look="(1 − p^q) / q.",
        ),
        Wrong(
            "is always 1 − p",
            by(lambda log, q: -torch.expm1(log)),
            says="this is the loss for q = 1.",
            look="the power.",
        ),
        Wrong(
            "has the sign wrong",
            by(lambda log, q: -powered(log, q)),
            says="a loss is positive; this one is negative.",
            look="1 − p^q.",
        ),
        Wrong(
            "has an infinite slope where p is 0",
            by(lambda log, q: (1 - log.exp() ** q) / q),
            says="where p is rounded to 0 the slope of p^q is infinite, and the gradient NaN.",
            look="p^q = exp(q · log p): don't compute p.",
        ),
        Wrong(
            "loses digits",
            by(lambda log, q: (1 - (q * log).exp()) / q),
            says="for a small q, p^q is so close to 1 that 1 − p^q has few digits left, and then it is divided by q.",
            look="torch.expm1.",
        ),
        Wrong(
            "divides by ignored pixels too",
            by(last=over_all),
            says="the mean is over all pixels, also those that are ignored.",
            look="`over_kept`.",
        ),
        Wrong(
            "divides by 0 where all is ignored",
            by(last=nothing_kept_is_nan),
            says="with nothing but ignored pixels the mean is 0 / 0.",
            look="`over_kept`.",
        ),
        Wrong(
            "counts ignored pixels",
            by(last=ignored_counts),
            says="ignored pixels add to the sum.",
            look="with log p = 0 their loss is 0 by itself.",
        ),
    ),
    hints=(
        "log_p, kept = pixel_log_p(logits, labels, ignore_index), and p^q = exp(q · log p).",
        "exp(x) − 1 is torch.expm1(x), accurate for small x.",
    ),
    points=2,
    minutes=10,
    needs=("unet.focal_loss",),
    forbidden=LOSSES,
)

EXERCISES = (HUBER_LOSS, GENERALISED_CROSS_ENTROPY)
