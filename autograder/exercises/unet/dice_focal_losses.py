"""Focal loss beside Dice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from autograder.exercises.unet._losses import FLOAT16, FLOAT64, case, kept, with_ignored
from autograder.exercises.unet._ready_made import LOSSES
from autograder.exercises.unet.dice_losses import LOG3
from autograder.exercises.unet.dice_losses import oracle as dice_loss
from autograder.exercises.unet.focal_losses import oracle
from autograder.spec import Case, Exercise, Rng, Wrong, of_call


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
        return change.get("last", unchanged)(result, labels, ignore_index)  # type: ignore[no-any-return]

    return answer


def unchanged(losses: Tensor, labels: Tensor, ignore_index: int | None) -> Tensor:
    return losses


def without_ignored(losses: Tensor, labels: Tensor, ignore_index: int | None) -> Tensor:
    return losses.where(kept(labels, ignore_index), 0) if losses.ndim else losses


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
    more: dict[str, Any] = {"labels": labels, "ignore_index": 255, "reduction": "none"}
    yield case(rng, "label 255 ignored, each pixel", 2, 3, 4, 4, **more)
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
            "mixes by 1 − weight and weight",
            both(join=lambda dice, focal, weight: (1 - weight) * dice + weight * focal),
            says="the Dice part is multiplied by 1 − focal_weight; it always counts fully.",
            look="dice + focal_weight · focal.",
        ),
        Wrong(
            "leaves ignored pixels at 0",
            both(last=without_ignored),
            says='with "none" ignored pixels have 0; their focal part is 0, their sample\'s Dice part stays.',
            look="no mask after the sum.",
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
        dropped("takes focal's mean for its sum", "focal", "reduction", "mean"),
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

EXERCISES = (DICE_FOCAL_LOSS,)
