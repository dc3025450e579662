"""A report card of many cases, class by class."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from autograder.exercises.unet import per_class
from autograder.exercises.unet._masks import blobs, disturbed
from autograder.exercises.unet._surfaces import READY_MADE, ROUNDING, Spacing
from autograder.exercises.unet.label_counting import oracle as count
from autograder.exercises.unet.overlaps import dice_oracle, iou_oracle
from autograder.spec import Case, Exercise, Rng, Tolerance, Wrong, of_call

Card = dict[str, Tensor]
Pick = Callable[[Tensor, Tensor, Tensor], Tensor]  # of tp, fp and fn: which cases count


def measured(true: Tensor, predicted: Tensor, classes: int, spacing: Spacing) -> tuple[Tensor, ...]:
    """tp, fp, fn and HD95 of each case and class but the background."""
    rows = [count(t, p, classes) for t, p in zip(true, predicted, strict=True)]
    tp, fp, fn = (torch.stack(column)[:, 1:] for column in zip(*rows, strict=True))
    distance = [per_class.oracle(t, p, classes, spacing) for t, p in zip(true, predicted, strict=True)]
    return tp, fp, fn, torch.stack(distance)


def occurs(tp: Tensor, fp: Tensor, fn: Tensor) -> Tensor:
    return tp + fp + fn > 0


def means(values: Tensor, chosen: Tensor, none: float) -> Tensor:
    """The mean of each column's chosen values, `none` where there are none."""
    columns = [column[keep] for column, keep in zip(values.T, chosen.T, strict=True)]
    return torch.stack([part.mean() if len(part) else part.new_tensor(none) for part in columns])


def by(
    *,
    counts: Pick = occurs,
    far: Pick | None = None,
    nowhere: tuple[float, float] = (1.0, 0.0),
    missed: float = math.inf,
    finish: Callable[[Card], Card] = lambda card: card,
) -> Callable[..., Card]:
    """The card, with one of its rules changed. far: which cases' distances count; missed: what stands for none."""

    def answer(true: Tensor, predicted: Tensor, classes: int, spacing: Spacing = None) -> Card:
        tp, fp, fn, distance = measured(true, predicted, classes, spacing)
        chosen = counts(tp, fp, fn)
        seen = (counts if far is None else far)(tp, fp, fn)
        mean = means(distance, seen & distance.isfinite(), nowhere[1])
        all_infinite = seen.any(0) & ~(seen & distance.isfinite()).any(0)
        card = {
            "cases": chosen.sum(0),
            "iou": means(iou_oracle(tp, fp, fn), chosen, nowhere[0]),
            "dice": means(dice_oracle(tp, fp, fn), chosen, nowhere[0]),
            "infinite": distance.isinf().sum(0),
            "hd95": mean.masked_fill(all_infinite, missed),
        }
        return finish(card)

    return answer


oracle = by()


def cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "two cases of one row, by hand",
        true=torch.tensor([[[1, 1, 0]], [[0, 0, 1]]]),
        predicted=torch.tensor([[[1, 1, 0]], [[0, 0, 0]]]),
        classes=2,
        expect={
            "cases": torch.tensor([2]),
            "iou": torch.tensor([0.5]),
            "dice": torch.tensor([0.5]),
            "infinite": torch.tensor([1]),
            "hd95": torch.tensor([0.0], dtype=torch.float64),
        },
        note="IoU and Dice (1 + 0) / 2; the second case is missed, so HD95 is the first one's",
    )
    labels = torch.stack([blobs(rng, 3, 12, 11) for _ in range(3)])
    yield of_call(
        "two classes, uneven spacing",
        true=labels,
        predicted=torch.stack([disturbed(rng, part, 0.05) for part in labels]),
        classes=3,
        spacing=(0.5, 1.5),
    )
    volumes = torch.stack([blobs(rng, 3, 5, 8, 7) for _ in range(2)])
    said = torch.stack([disturbed(rng, part, 0.03) for part in volumes])
    yield of_call("volumes", true=volumes, predicted=said, classes=3, spacing=(3.0, 1.0, 0.8))
    yield of_call("missed, made up, nowhere", **special(rng), classes=6)
    yield of_call("one case", true=labels[:1], predicted=labels[1:2], classes=3)
    large = labels[:2].clone()
    large[1] = large[1].masked_fill(large[1] == 1, 0)
    large[1, :2, :2] = 1
    yield of_call("a small object and a large one", true=large, predicted=large.roll(1, 2), classes=3)


def special(rng: Rng) -> dict[str, Any]:
    """Four cases: class 1 is right or nowhere, 2 missed once, 3 made up once, 4 always missed, 5 nowhere."""
    true = torch.zeros(4, 8, 9, dtype=torch.int64)
    predicted = true.clone()
    shift = int(rng.integers(1, 4, 1))
    true[:2, :3, :4], predicted[:2, :3, shift : 4 + shift] = 1, 1
    true[1:, 4:6, 1:4], predicted[1:3, 4:6, 1 : 4 + shift] = 2, 2
    true[0, 6:, :3], predicted[0, 6:, shift : 3 + shift], predicted[2, 7, 5:] = 3, 3, 3
    true[2:, 4:7, 8] = 4
    return {"true": true, "predicted": predicted}


def everything(tp: Tensor, fp: Tensor, fn: Tensor) -> Tensor:
    return tp + fp + fn >= 0


def in_truth(tp: Tensor, fp: Tensor, fn: Tensor) -> Tensor:
    return tp + fn > 0


def in_both(tp: Tensor, fp: Tensor, fn: Tensor) -> Tensor:
    return (tp + fn > 0) & (tp + fp > 0)


def hit(tp: Tensor, fp: Tensor, fn: Tensor) -> Tensor:
    return tp > 0


def pooled(true: Tensor, predicted: Tensor, classes: int, spacing: Spacing = None) -> Card:
    tp, fp, fn, _ = (part.sum(0) for part in measured(true, predicted, classes, spacing))
    card = oracle(true, predicted, classes, spacing)
    return {**card, "iou": iou_oracle(tp, fp, fn), "dice": dice_oracle(tp, fp, fn)}


def infinite_mean(card: Card) -> Card:
    return {**card, "hd95": card["hd95"].masked_fill(card["infinite"] > 0, math.inf)}


def infinite_as_zero(card: Card) -> Card:
    finite = card["cases"] - card["infinite"]
    return {**card, "hd95": card["hd95"].nan_to_num(posinf=0.0) * finite / card["cases"].clamp(min=1)}


def finite_counted(card: Card) -> Card:
    return {**card, "infinite": card["cases"] - card["infinite"]}


def all_cases(true: Tensor, predicted: Tensor, classes: int, spacing: Spacing = None) -> Card:
    card = oracle(true, predicted, classes, spacing)
    return {**card, "cases": torch.full_like(card["cases"], len(true))}


def unspaced(true: Tensor, predicted: Tensor, classes: int, spacing: Spacing = None) -> Card:
    return oracle(true, predicted, classes)


def with_background(true: Tensor, predicted: Tensor, classes: int, spacing: Spacing = None) -> Card:
    return oracle(true + 1, predicted + 1, classes + 1, spacing)


def infinite_times_zero(card: Card) -> Card:
    return {**card, "hd95": card["hd95"].masked_fill(card["infinite"] > 0, math.nan)}


def missed_alone(true: Tensor, predicted: Tensor, classes: int, spacing: Spacing = None) -> Card:
    tp, fp, fn, _ = measured(true, predicted, classes, spacing)
    card = oracle(true, predicted, classes, spacing)
    return {**card, "infinite": ((tp + fp == 0) & (fn > 0)).sum(0)}


def absent_as_zero(true: Tensor, predicted: Tensor, classes: int, spacing: Spacing = None) -> Card:
    card = oracle(true, predicted, classes, spacing)
    share = card["cases"] / len(true)
    return {**card, "iou": card["iou"] * share, "dice": card["dice"] * share}


def dice_of_the_mean(card: Card) -> Card:
    return {**card, "dice": 2 * card["iou"] / (1 + card["iou"])}


COUNTED = (
    Wrong(
        "counts cases without the class as perfect",
        by(counts=everything),
        says="a case in which the class is nowhere counts as 1, so that a rare class looks good.",
        look="a case counts for a class if the class is in its truth or in its answer.",
    ),
    Wrong(
        "counts cases without the class as 0",
        absent_as_zero,
        says="IoU and Dice are divided by the number of all cases, so that a case without the class counts as 0.",
        look="divide by the number of cases that count.",
    ),
    Wrong(
        "leaves out cases whose truth lacks the class",
        by(counts=in_truth),
        says="a case in which the class is only in the answer is left out: made up, and nobody hears of it.",
        look="truth or answer.",
    ),
    Wrong(
        "leaves out missed cases",
        by(counts=in_both),
        says="cases in which only the truth, or only the answer, has the class are left out: the misses.",
        look="truth or answer.",
    ),
    Wrong(
        "leaves out cases of which nothing is right",
        by(counts=hit),
        says="cases with an IoU of 0 are left out.",
        look="tp 0 doesn't say that the class is nowhere.",
    ),
    Wrong(
        "says that every case counts",
        all_cases,
        says="“cases” is the number of all cases; it says in how many the class occurs.",
        look="a different number for each class.",
    ),
)

MEANS = (
    Wrong(
        "pools the pixels of all cases",
        pooled,
        says="pixels of all cases are put together, so that large objects decide; each case counts the same.",
        look="a score for each case, then the mean.",
    ),
    Wrong(
        "works Dice out from the mean IoU",
        by(finish=dice_of_the_mean),
        says="2J/(1+J) holds for each case, but not for means.",
        look="a mean of each case's Dice.",
    ),
    Wrong(
        "averages distances of 0 from cases without the class",
        by(far=everything),
        says="where the class is nowhere the distance is 0, and it is averaged with the others.",
        look="the same cases count for all columns.",
    ),
    Wrong(
        "lets one miss make the mean infinite",
        by(finish=infinite_mean),
        says="“hd95” is infinite as soon as one case is; the others are averaged, and “infinite” says how many aren't.",
        look="isfinite.",
    ),
    Wrong(
        "counts misses as distance 0",
        by(finish=infinite_as_zero),
        says="infinite distances count as 0: the more is missed, the better it looks.",
        look="they are counted apart, and left out of the mean.",
    ),
    Wrong(
        "multiplies infinite distances by 0",
        by(finish=infinite_times_zero),
        says="“hd95” is nan as soon as one distance is infinite: inf · 0 is nan, and so is every sum with it.",
        look="torch.where instead of a product.",
    ),
    Wrong(
        "counts missed ones alone",
        missed_alone,
        says="“infinite” counts cases in which the class is missed; those in which it is made up are infinite as well.",
        look="isinf.",
    ),
    Wrong(
        "counts the finite ones",
        by(finish=finite_counted),
        says="“infinite” says how many distances are finite.",
        look="isinf.",
    ),
)

SPECIAL = (
    Wrong(
        "gives nan where there is nothing to average",
        by(nowhere=(math.nan, math.nan), missed=math.nan),
        says="a mean of nothing is 0 / 0, nan: for a class without a case, and for one without a finite distance.",
        look="the last column of the table: what stands there if no case counts? And if all are infinite?",
    ),
    Wrong(
        "makes 0 of every nan",
        by(nowhere=(0.0, 0.0), missed=0.0),
        says="every mean of nothing is 0: a class that is nowhere has IoU 0, and one that is always missed distance 0.",
        look="the last column of the table: what stands there if no case counts? And if all are infinite?",
    ),
    Wrong(
        "gives nan for a class that is nowhere",
        by(nowhere=(math.nan, math.nan)),
        says="a class without a single case has 0 / 0 and gets nan; IoU and Dice are 1 there, HD95 is 0.",
        look="“cases” says 0: that is enough of a warning.",
    ),
    Wrong(
        "gives nan for a class that is always missed",
        by(missed=math.nan),
        says="where no distance is finite the mean is 0 / 0 and gives nan; it is infinite.",
        look="the class that is missed in all cases.",
    ),
    Wrong(
        "gives 0 for a class that is always missed",
        by(missed=0.0),
        says="where no distance is finite “hd95” is 0, the best score; it is infinite.",
        look="the class that is missed in all cases.",
    ),
    Wrong(
        "ignores the spacing",
        unspaced,
        says="distances are counted in pixels.",
        look="hand the spacing on.",
    ),
    Wrong(
        "reports the background",
        with_background,
        says="class 0 has a place in the columns; it starts with class 1.",
        look="label_counts counts the background, hd95_per_class doesn't.",
    ),
)

SCORE_CARD = Exercise(
    id="unet.score_card",
    cases=cases,
    oracle=oracle,
    wrong=(*COUNTED, *MEANS, *SPECIAL),
    hints=(
        "Collect tables first, a row a case: tp, fp, fn without their first column, and hd95_per_class.",
        "Which cases count: tp + fp + fn > 0. Which of them go into the mean of distances: those and isfinite.",
        "Mean over a mask: torch.where(mask, values, 0.0).sum(0) / mask.sum(0).clamp(min=1); never inf · 0.",
        "In the end, look at columns of which nothing was chosen: no case, or no finite one.",
    ),
    points=4,
    minutes=25,
    needs=("unet.label_counts", "unet.iou", "unet.dice", "unet.hd95_per_class"),
    forbidden=READY_MADE,
    tolerance=Tolerance(absolute={"out['hd95']": ROUNDING}),
)

EXERCISES = (SCORE_CARD,)
