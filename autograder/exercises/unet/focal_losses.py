"""Focal loss, alone and beside Dice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from autograder.exercises.unet._losses import FLOAT16, FLOAT64, at_least_float32, case, finished, kept, with_ignored
from autograder.exercises.unet._ready_made import LOSSES
from autograder.exercises.unet.dice_losses import LOG3
from autograder.exercises.unet.dice_losses import oracle as dice_loss
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


# --- beside Dice -----------------------------------------------------------------------------------------------------


def both(**change: Any) -> Callable[..., Tensor]:
    """The two losses, with some arguments replaced: `dice` and `focal` map names to values."""
    for_dice, for_focal, join = change.get("dice", {}), change.get("focal", {}), change.get("join", joined)

    def answer(
        logits: Tensor,
        labels: Tensor,
        gamma: float = 2.0,
        alpha: float | None = None,
        focal_weight: float = 1.0,
        reduction: str = "mean",
        batch: bool = False,
        include_background: bool = True,
        ignore_index: int | None = None,
        smooth: float = 1e-5,
    ) -> Tensor:
        options: dict[str, Any] = {"reduction": reduction, "ignore_index": ignore_index}
        of_dice = {**options, "batch": batch, "include_background": include_background, "smooth": smooth, **for_dice}
        of_focal = {**options, "gamma": gamma, "alpha": alpha, **for_focal}
        one, other = dice_loss(logits, labels, **of_dice), oracle(logits, labels, **of_focal)
        if of_dice["reduction"] == "none":
            one = change.get("shape", spread)(one, labels)
        result: Tensor = join(one, other, focal_weight)
        return result

    return answer


def joined(dice: Tensor, focal: Tensor, weight: float) -> Tensor:
    return dice + weight * focal


def spread(dice: Tensor, labels: Tensor) -> Tensor:
    return dice.mean(-1).reshape([-1] + [1] * (labels.ndim - 1))


def dice_focal_cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "one pixel, p = ¼, by hand",
        logits=torch.full((1, 1, 1, 1), -LOG3),
        labels=torch.ones(1, 1, 1, dtype=torch.long),
        focal_weight=2.0,
        expect=torch.tensor(1 - 0.50001 / 1.25001 + 2 * 0.5625 * 1.3862943611),
        note="Dice: 1 − 2 · 0.25 / (0.25 + 1) = 0.6; focal: 0.780 (see there); 0.6 + 2 · 0.780 = 2.160",
    )
    yield case(rng, "three classes, mean", 2, 3, 4, 5, focal_weight=0.5, gamma=3.0, alpha=0.7)
    yield case(rng, "without background, sum", 2, 3, 3, 4, include_background=False, reduction="sum")
    yield case(rng, "each pixel", 3, 3, 4, 3, reduction="none", focal_weight=2.0)
    yield case(rng, "each pixel, the batch as a whole", 2, 3, 4, 3, reduction="none", batch=True)
    yield case(rng, "the batch as a whole, mean", 3, 1, 4, 3, batch=True, smooth=1.0)
    labels = with_ignored(rng, rng.integers(0, 3, 2, 4, 4), 255)
    yield case(rng, "label 255 ignored", 2, 3, 4, 4, labels=labels, ignore_index=255)
    nothing = torch.full((2, 1, 3, 3), -1e4)
    yield case(rng, "nothing there, nothing predicted", logits=nothing, labels=torch.zeros(2, 3, 3, dtype=torch.long))
    yield case(rng, "logits of ±10,000", logits=1e4 * rng.normal(2, 3, 3, 3).sign())
    yield case(rng, "a volume in float16", 1, 2, 3, 4, 2, dtype=FLOAT16, reduction="none", gamma=1.0)
    yield case(rng, "not contiguous, float64", logits=2 * rng.strided(2, 3, 3, 4, dtype=FLOAT64))


def dropped(name: str, part: str, option: str, value: Any) -> Wrong:
    whose = "Dice loss" if part == "dice" else "focal loss"
    says = f"`{option}` isn't handed on to the {whose}."
    return Wrong(name, both(**{part: {option: value}}), says=says, look=f"which options does {whose} take?")


DICE_FOCAL_LOSS = Exercise(
    id="unet.dice_focal_loss",
    cases=dice_focal_cases,
    oracle=both(),
    wrong=(
        Wrong(
            "forgets the weight",
            both(join=lambda dice, focal, weight: dice + focal),
            says="focal_weight changes nothing.",
            look="dice + focal_weight · focal.",
        ),
        Wrong(
            "weights the Dice part",
            both(join=lambda dice, focal, weight: weight * dice + focal),
            says="focal_weight multiplies the Dice loss.",
            look="dice + focal_weight · focal.",
        ),
        Wrong(
            "shares out the weight",
            both(join=lambda dice, focal, weight: (dice + weight * focal) / (1 + weight)),
            says="the sum is divided by the sum of the weights; it is a plain sum.",
            look="dice + focal_weight · focal.",
        ),
        Wrong(
            "multiplies the two",
            both(join=lambda dice, focal, weight: dice * (weight * focal)),
            says="the losses are multiplied; they are added.",
            look="+.",
        ),
        Wrong(
            "adds the whole batch's Dice to each pixel",
            both(shape=lambda dice, labels: dice.mean()),
            says='with "none" each pixel gets the mean Dice loss of all samples; it is that of its own sample.',
            look="(N, K) to (N, 1, …, 1).",
        ),
        Wrong(
            "adds the sum of the classes",
            both(shape=lambda dice, labels: dice.sum(-1).reshape([-1] + [1] * (labels.ndim - 1))),
            says='with "none" the classes\' Dice losses are summed; their mean is asked for.',
            look="mean(−1).",
        ),
        dropped("forgets gamma", "focal", "gamma", 2.0),
        dropped("forgets alpha", "focal", "alpha", None),
        dropped("forgets the batch", "dice", "batch", False),
        dropped("forgets smooth", "dice", "smooth", 1e-5),
        dropped("always counts the background", "dice", "include_background", True),
        dropped("counts ignored pixels in Dice", "dice", "ignore_index", None),
        dropped("takes Dice's mean for its sum", "dice", "reduction", "mean"),
    ),
    hints=(
        "Call both with everything they take, by name: reduction=reduction, ….",
        'For "none" the shapes differ: (N, K) or (K,), and (N, *spatial). Average the classes, then give the result as '
        "many axes as labels have.",
    ),
    points=2,
    minutes=12,
    needs=("unet.soft_dice_loss", "unet.focal_loss"),
    forbidden=LOSSES,
)

EXERCISES = (FOCAL_LOSS, DICE_FOCAL_LOSS)
