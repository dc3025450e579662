"""Focal loss."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from autograder.exercises.unet._losses import FLOAT16, FLOAT64, at_least_float32, case, finished, kept, with_ignored
from autograder.exercises.unet._ready_made import LOSSES
from autograder.exercises.unet.dice_losses import LOG3
from autograder.spec import Case, Exercise, Rng, Speed, Wrong, of_call

Power = Callable[[Tensor, Tensor, float], Tensor]


def log_p(logits: Tensor, labels: Tensor, ignore_index: int | None) -> Tensor:
    """Of each pixel's own label, by two channels where there is one; 0 where it is ignored."""
    x = at_least_float32(logits)
    if x.shape[1] == 1:
        x = torch.cat([torch.zeros_like(x), x], dim=1)
    use = kept(labels, ignore_index)
    own = F.log_softmax(x, dim=1).take_along_dim(labels.where(use, 0)[:, None], 1)[:, 0]
    return own.where(use, 0)


def factor(log: Tensor, x: Tensor, gamma: float) -> Tensor:
    """(1 − p)^gamma, by double where."""
    wrong = -torch.expm1(log)
    some = wrong > 0
    return torch.where(some, torch.where(some, wrong, 1.0) ** gamma, 0.0 if gamma else 1.0)


def mean_of(losses: Tensor, labels: Tensor, ignore_index: int | None, reduction: str) -> Tensor:
    if reduction == "mean":
        return losses.sum() / kept(labels, ignore_index).sum().clamp(min=1)
    return finished(losses, reduction)


def by(power: Power = factor, **change: Any) -> Callable[..., Tensor]:
    """The loss with this factor, or with changes of log p (`log`), of the weight (`weight`) or of the end (`last`)."""
    log, weight, last = change.get("log", log_p), change.get("weight", balanced), change.get("last", mean_of)

    def answer(
        logits: Tensor,
        labels: Tensor,
        gamma: float = 2.0,
        alpha: float | None = None,
        reduction: str = "mean",
        ignore_index: int | None = None,
    ) -> Tensor:
        found = log(logits, labels, ignore_index)
        losses = -power(found, logits, gamma) * found
        if alpha is not None:
            losses = losses * weight(labels, alpha)
        result: Tensor = last(losses, labels, ignore_index, reduction)
        return result

    return answer


def balanced(labels: Tensor, alpha: float) -> Tensor:
    return 1 - alpha + (2 * alpha - 1) * (labels > 0)


oracle = by()


def cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "one pixel, p = ¼, by hand",
        logits=torch.full((1, 1, 1, 1), -LOG3),
        labels=torch.ones(1, 1, 1, dtype=torch.long),
        expect=torch.tensor(0.5625 * 1.3862943611),
        note="σ(−log 3) = ¼: (1 − ¼)² · log 4 = 0.5625 · 1.386 = 0.780",
    )
    yield case(rng, "one channel, two labels", 2, 1, 3, 4, reduction="none")
    yield case(rng, "three classes, alpha 0.8", 2, 3, 5, 3, alpha=0.8)
    yield case(rng, "alpha 0, one channel, each pixel", 2, 1, 3, 4, alpha=0.0, reduction="none")
    yield case(rng, "gamma 0: the cross-entropy, sum", 2, 4, 3, 2, gamma=0.0, reduction="sum")
    yield case(rng, "gamma 0.5, alpha 0.25, one channel", 3, 1, 4, 2, gamma=0.5, alpha=0.25)
    labels = with_ignored(rng, rng.integers(0, 3, 2, 4, 4), 255)
    yield case(rng, "label 255 ignored, mean", 2, 3, 4, 4, labels=labels, ignore_index=255)
    labels = with_ignored(rng, rng.integers(0, 2, 2, 3, 5), 0)
    yield case(rng, "label 0 ignored, one channel", 2, 1, 3, 5, labels=labels, ignore_index=0, reduction="none")
    yield case(rng, "all ignored", 1, 2, 2, 3, labels=torch.full((1, 2, 3), 9), ignore_index=9)
    yield case(rng, "one logit of ±10,000, gamma 0.5", logits=1e4 * rng.normal(2, 1, 3, 3).sign(), gamma=0.5)
    yield case(rng, "three logits of ±10,000, gamma 1.5", logits=1e4 * rng.normal(1, 3, 4, 3).sign(), gamma=1.5)
    yield case(rng, "a volume in float16", 1, 2, 3, 4, 2, dtype=FLOAT16)
    yield case(rng, "not contiguous, float64", logits=2 * rng.strided(2, 3, 3, 4, dtype=FLOAT64), gamma=3.0)


def with_loss(name: str, says: str, look: str, power: Power = factor, **change: Any) -> Wrong:
    return Wrong(name, by(power, **change), says, look)


def of_positive(logits: Tensor, labels: Tensor, ignore_index: int | None) -> Tensor:
    """The last class's, whatever the label."""
    return log_p(logits, torch.ones_like(labels) * max(1, logits.shape[1] - 1), None).where(
        kept(labels, ignore_index), 0
    )


def clipped_log(logits: Tensor, labels: Tensor, ignore_index: int | None) -> Tensor:
    return log_p(logits, labels, ignore_index).exp().clamp(min=1e-7).log()


def infinite_slope(log: Tensor, x: Tensor, gamma: float) -> Tensor:
    return (-torch.expm1(log)) ** gamma


def own_sigmoids(logits: Tensor, labels: Tensor, ignore_index: int | None) -> Tensor:
    """log p of each class's yes or no, summed."""
    if logits.shape[1] == 1:
        return log_p(logits, labels, ignore_index)
    each = [log_p(logits[:, [c]], (labels == c).long(), None) for c in range(logits.shape[1])]
    return torch.stack(each, 1).sum(1).where(kept(labels, ignore_index), 0)


def over_all(losses: Tensor, labels: Tensor, ignore_index: int | None, reduction: str) -> Tensor:
    return finished(losses, reduction)


def nothing_kept_is_nan(losses: Tensor, labels: Tensor, ignore_index: int | None, reduction: str) -> Tensor:
    if reduction == "mean":
        return losses.sum() / kept(labels, ignore_index).sum()
    return finished(losses, reduction)


def over_positives(losses: Tensor, labels: Tensor, ignore_index: int | None, reduction: str) -> Tensor:
    if reduction == "mean":
        return losses.sum() / ((labels > 0) & kept(labels, ignore_index)).sum().clamp(min=1)
    return finished(losses, reduction)


def speed_case(rng: Rng) -> Case:
    return of_call("speed", logits=rng.normal(2, 4, 16, 64, 64), labels=rng.integers(0, 4, 2, 16, 64, 64))


FOCAL_LOSS = Exercise(
    id="unet.focal_loss",
    cases=cases,
    oracle=oracle,
    wrong=(
        with_loss(
            "weighs by p, not by 1 − p",
            "pixels that are right count most; the factor is small where p is near 1.",
            "(1 − p)^gamma.",
            lambda log, x, gamma: log.exp() ** gamma,
        ),
        with_loss(
            "forgets the factor",
            "this is the cross-entropy, whatever gamma is.",
            "(1 − p)^gamma.",
            lambda log, x, gamma: torch.ones_like(log),
        ),
        with_loss(
            "always takes gamma 2", "gamma changes nothing.", "the power.", lambda log, x, gamma: factor(log, x, 2.0)
        ),
        with_loss(
            "multiplies by gamma",
            "gamma multiplies 1 − p; it is its power.",
            "**.",
            lambda log, x, gamma: gamma * factor(log, x, 1.0),
        ),
        with_loss(
            "cuts the factor's gradient off",
            "the value is right, but (1 − p)^gamma is treated as a constant in the gradient.",
            "detach, no_grad or .data somewhere.",
            lambda log, x, gamma: factor(log, x, gamma).detach(),
        ),
        with_loss(
            "has an infinite slope where p is 1",
            "the gradient is NaN where p is rounded to 1: the slope of x^gamma at 0 is infinite if gamma is below 1.",
            "keep 1 − p just above 0: clamp with torch.finfo(dtype).tiny.",
            infinite_slope,
        ),
        with_loss(
            "asks for label 1 at every pixel",
            "p is the probability of the last class everywhere; each pixel has a label of its own.",
            "pixel_log_p looks it up.",
            log=of_positive,
        ),
        with_loss(
            "clips the probability",
            "p is kept above 1e-7, so that a confident mistake costs too little, and has no gradient.",
            "use log p as `pixel_log_p` gives it, never log(p).",
            log=clipped_log,
        ),
        with_loss(
            "has the sign wrong",
            "a loss is positive; this one is negative.",
            "log p is below 0.",
            lambda log, x, gamma: -factor(log, x, gamma),
        ),
        with_loss(
            "weighs the background by alpha",
            "label 0 gets alpha and the others 1 − alpha; it is the other way round.",
            "alpha is for labels from 1 on.",
            weight=lambda labels, alpha: balanced(labels, 1 - alpha),
        ),
        with_loss(
            "weighs all pixels by alpha",
            "label 0 gets alpha as well; it gets 1 − alpha.",
            "torch.where(labels > 0, …, …).",
            weight=lambda labels, alpha: torch.full(labels.shape, alpha, device=labels.device),
        ),
        with_loss(
            "leaves label 0 at weight 1",
            "label 0 keeps its weight; it gets 1 − alpha.",
            "torch.where(labels > 0, …, …).",
            weight=lambda labels, alpha: torch.where(labels > 0, alpha, 1.0),
        ),
        Wrong(
            "doesn't weigh where alpha is 0",
            lambda logits, labels, gamma=2.0, alpha=None, reduction="mean", ignore_index=None: oracle(
                logits, labels, gamma, alpha or None, reduction, ignore_index
            ),
            says="alpha=0 is taken for no alpha; it gives all labels from 1 on the weight 0.",
            look="`if alpha:` is False for 0, too. Ask `is not None`.",
        ),
        with_loss(
            "weighs label 1 alone by alpha",
            "labels above 1 get 1 − alpha; alpha is for all labels from 1 on.",
            "torch.where(labels > 0, …, …).",
            weight=lambda labels, alpha: torch.where(labels == 1, alpha, 1 - alpha),
        ),
        with_loss(
            "takes a sigmoid for each class",
            "each class has a sigmoid of its own; with K > 1 p comes from a softmax.",
            "pixel_log_p looks after that.",
            log=own_sigmoids,
        ),
        with_loss(
            "divides by ignored pixels too",
            "the mean is over all pixels, also those that are ignored.",
            "kept.sum().",
            last=over_all,
        ),
        with_loss(
            "divides by 0 where all is ignored",
            "with nothing but ignored pixels the mean is 0 / 0.",
            "at least 1 below.",
            last=nothing_kept_is_nan,
        ),
        with_loss(
            "divides by the foreground",
            "the sum is divided by the number of foreground pixels (as for boxes in RetinaNet), not of all kept ones.",
            "kept.sum().",
            last=over_positives,
        ),
    ),
    hints=(
        "log_p, kept = pixel_log_p(logits, labels, ignore_index). p is log_p.exp(), and 1 − p is −expm1(log_p), "
        "which is accurate near 0.",
        "Mind 0^gamma for gamma below 1: its slope is infinite. clamp has gradient 0 below its bound.",
        "The mean is over the kept pixels: `over_kept`.",
    ),
    points=3,
    minutes=15,
    forbidden=LOSSES,
    speed=Speed(case=speed_case, limit=3.0, against="log_softmax and take_along_dim"),
)

EXERCISES = (FOCAL_LOSS,)
