"""Two ways to say how far two sets of pixels overlap."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from autograder.exercises.unet._ready_made import SCORES
from autograder.spec import Case, Exercise, Rng, Wrong, of_call

Score = Callable[[Tensor, Tensor, Tensor], Tensor]


def share(part: Tensor, whole: Tensor, none: float = 1.0) -> Tensor:
    """part / whole in float32, `none` for 0 / 0."""
    return (part.double() / whole.double()).nan_to_num(nan=none).float()


def iou_oracle(tp: Tensor, fp: Tensor, fn: Tensor) -> Tensor:
    return share(tp, tp + fp + fn)


def dice_oracle(tp: Tensor, fp: Tensor, fn: Tensor) -> Tensor:
    return share(2 * tp, 2 * tp + fp + fn)


def counts(rng: Rng, *shape: int, largest: int = 40) -> dict[str, Any]:
    return {name: rng.integers(1, largest, *shape) for name in ("tp", "fp", "fn")}


def score_cases(by_hand: float, note: str) -> Callable[[Rng], Iterator[Case]]:
    def cases(rng: Rng) -> Iterator[Case]:
        by: dict[str, Any] = {"tp": torch.tensor([3]), "fp": torch.tensor([1]), "fn": torch.tensor([2])}
        yield of_call("one class, by hand", **by, expect=torch.tensor([by_hand]), note=note)
        yield of_call("five classes", **counts(rng, 5))
        yield of_call("one number", **counts(rng))
        yield of_call("a table of 3 images and 4 classes", **counts(rng, 3, 4))
        zero, some = torch.zeros(4, dtype=torch.int64), rng.integers(2, 9, 4)
        yield of_call("all right", tp=some, fp=zero, fn=zero.clone())
        wrong: dict[str, Any] = {"tp": zero[:2], "fp": torch.tensor([0, 5]), "fn": torch.tensor([7, 0])}
        yield of_call("all missed, all made up", **wrong, scale=1.0)
        kinds = torch.tensor([[5, 2, 1], [0, 0, 0], [0, 3, 0], [0, 0, 4]])[rng.permutation(4)]
        yield of_call("a class that is nowhere among others", tp=kinds[:, 0], fp=kinds[:, 1], fn=kinds[:, 2])
        yield of_call("nothing anywhere", tp=zero, fp=zero.clone(), fn=zero.clone())
        large = {name: 30_000_001 + value for name, value in counts(rng, 3).items()}
        yield of_call("counts beyond float32's 16,777,216", **large)
        many = {name: 1_500_000_000 + value for name, value in counts(rng, 2).items()}
        yield of_call("counts whose sum is beyond int32", **many)

    return cases


def of(part: Score, whole: Score, none: float = 1.0) -> Score:
    """A score by two formulas."""

    def score(tp: Tensor, fp: Tensor, fn: Tensor) -> Tensor:
        return share(part(tp, fp, fn), whole(tp, fp, fn), none)

    return score


def tp_alone(tp: Tensor, fp: Tensor, fn: Tensor) -> Tensor:
    return tp


def tp_twice(tp: Tensor, fp: Tensor, fn: Tensor) -> Tensor:
    return 2 * tp


def union(tp: Tensor, fp: Tensor, fn: Tensor) -> Tensor:
    return tp + fp + fn


def sizes(tp: Tensor, fp: Tensor, fn: Tensor) -> Tensor:
    return 2 * tp + fp + fn


PRECISION = of(tp_alone, lambda tp, fp, fn: tp + fp)
RECALL = of(tp_alone, lambda tp, fp, fn: tp + fn)


def averaged(score: Score) -> Score:
    return lambda tp, fp, fn: score(tp, fp, fn).mean()


def pooled(score: Score) -> Score:
    return lambda tp, fp, fn: score(tp.sum(), fp.sum(), fn.sum())


def one_if(score: Score, free: Callable[..., Tensor]) -> Score:
    """The score, but 1 where `free` says so."""
    return lambda tp, fp, fn: score(tp, fp, fn).masked_fill(free(tp, fp, fn), 1.0)


def whole_numbers(score: Score) -> Score:
    return lambda tp, fp, fn: score(tp, fp, fn).floor()


def by_rates(tp: Tensor, fp: Tensor, fn: Tensor) -> Tensor:
    """The harmonic mean of precision and recall, as they are: 0 / 0 wherever tp is 0."""
    p, r = tp / (tp + fp), tp / (tp + fn)
    return 2 * p * r / (p + r)


RATES = (
    Wrong(
        "gives the precision",
        PRECISION,
        says="this is tp / (tp + fp), the precision: what is missed doesn't count.",
        look="where does fn come in?",
    ),
    Wrong(
        "gives the recall",
        RECALL,
        says="this is tp / (tp + fn), the recall: what is made up doesn't count.",
        look="where does fp come in?",
    ),
)


def nowhere(part: Score, whole: Score) -> tuple[Wrong, ...]:
    """Mistakes where all counts are 0."""
    return (
        Wrong(
            "gives nan for a class that is nowhere",
            of(part, whole, float("nan")),
            says="where all counts are 0, this is 0 / 0 and gives nan; it is 1 there.",
            look="torch.where, and a divisor that isn't 0.",
        ),
        Wrong(
            "gives 0 for a class that is nowhere",
            of(part, whole, 0.0),
            says="where all counts are 0 the score is 0; nothing is wrong there, so it is 1.",
            look="the case with nothing anywhere.",
        ),
    )


def shared(part: Score, whole: Score) -> tuple[Wrong, ...]:
    """The mistakes that both scores have in common."""
    right = of(part, whole)
    return (
        *RATES,
        *nowhere(part, whole),
        Wrong(
            "gives 1 wherever nothing is right",
            one_if(right, lambda tp, fp, fn: tp == 0),
            says="where tp is 0 the score is 1, also for a class that is missed or made up altogether: that is 0.",
            look="which of the three counts must be 0 for a 1?",
        ),
        Wrong(
            "gives 1 wherever the truth is empty",
            one_if(right, lambda tp, fp, fn: tp + fn == 0),
            says="where the truth lacks the class the score is 1, whatever is made up there: that is 0.",
            look="which of the three counts must be 0 for a 1?",
        ),
        Wrong(
            "averages over the classes",
            averaged(right),
            says="all numbers are averaged to one; each has its own score.",
            look="the result has the shape of the counts.",
        ),
        Wrong(
            "adds the classes up first",
            pooled(right),
            says="the counts of all classes are added up; each has its own score.",
            look="the result has the shape of the counts.",
        ),
        Wrong(
            "adds 1 above and below",
            of(lambda tp, fp, fn: part(tp, fp, fn) + 1, lambda tp, fp, fn: whole(tp, fp, fn) + 1),
            says="1 is added above and below. That helps a loss against 0 / 0, but it lifts the score of small "
            "objects: one that is missed altogether would get more than 0.",
            look="only where all counts are 0 is anything special.",
        ),
        Wrong(
            "adds 0.00001 above and below",
            of(lambda tp, fp, fn: part(tp, fp, fn) + 1e-5, lambda tp, fp, fn: whole(tp, fp, fn) + 1e-5),
            says="0.00001 is added above and below. Against 0 / 0 it helps, but a class that is missed altogether gets "
            "more than 0.",
            look="only where all counts are 0 is anything special.",
        ),
        Wrong(
            "divides in whole numbers",
            whole_numbers(right),
            says="the quotient is rounded down: everything but a perfect score is 0.",
            look="/ divides, // rounds down.",
        ),
    )


IOU = Exercise(
    id="unet.iou",
    cases=score_cases(0.5, "3 / (3 + 1 + 2) = 0.5"),
    oracle=iou_oracle,
    wrong=(
        Wrong(
            "gives Dice",
            dice_oracle,
            says="this is Dice: the intersection counts twice, above and below.",
            look="intersection over union: each pixel counts once.",
        ),
        Wrong(
            "takes the intersection off once too often",
            of(tp_alone, lambda tp, fp, fn: fp + fn),
            says="the union lacks the intersection: tp / (fp + fn).",
            look="fp and fn have nothing in common, so there is nothing to take off.",
        ),
        Wrong(
            "counts the intersection twice below",
            of(tp_alone, sizes),
            says="below stands the sum of both sizes, in which the intersection is counted twice; it is the union.",
            look="each pixel of the union counts once.",
        ),
        *shared(tp_alone, union),
    ),
    hints=("The union has three parts that don't overlap.", "torch.where(union > 0, tp / union.clamp(min=1), 1.0)"),
    points=1,
    minutes=8,
    forbidden=SCORES,
)

DICE = Exercise(
    id="unet.dice",
    cases=score_cases(0.6666667, "2 · 3 / (2 · 3 + 1 + 2) = 6 / 9 = 0.667"),
    oracle=dice_oracle,
    wrong=(
        Wrong(
            "gives the IoU",
            iou_oracle,
            says="this is the IoU; in Dice the intersection counts twice, above and below.",
            look="2 tp, in both places.",
        ),
        Wrong(
            "forgets the 2 above",
            of(tp_alone, sizes),
            says="the intersection counts twice below but once above: a perfect answer gets ½.",
            look="what does a perfect answer get?",
        ),
        Wrong(
            "forgets the 2 below",
            of(tp_twice, union),
            says="the intersection counts twice above but once below: scores rise above 1.",
            look="what does a perfect answer get?",
        ),
        Wrong(
            "gives nan wherever nothing is right",
            by_rates,
            says="the harmonic mean of precision and recall is 0 / 0 where tp is 0, also for a class that is missed.",
            look="with the counts themselves only one case is left where the divisor is 0.",
        ),
        *shared(tp_twice, sizes),
    ),
    hints=("It is the F1 score of lesson 01, of pixels.", "As iou, with 2 · tp above and 2 · tp + fp + fn below."),
    points=1,
    minutes=6,
    forbidden=SCORES,
)

EXERCISES = (IOU, DICE)
