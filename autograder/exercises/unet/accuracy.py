"""One number for all classes: of the pixels, or of the classes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from autograder.exercises.unet._ready_made import SCORES
from autograder.exercises.unet.overlaps import dice_oracle, iou_oracle, share
from autograder.spec import Case, Exercise, Rng, Wrong, of_call

Score = Callable[[Tensor, Tensor, Tensor], Tensor]


def table(rng: Rng, classes: int, *, right: int = 60, wrong: int = 12) -> Tensor:
    """A confusion matrix, most of it on the diagonal."""
    return rng.integers(1, wrong, classes, classes) + torch.diag(rng.integers(1, right, classes))


def counts(confusion: Tensor) -> dict[str, Any]:
    tp = confusion.diagonal().clone()
    return {"tp": tp, "fp": confusion.sum(0) - tp, "fn": confusion.sum(1) - tp}


def without(confusion: Tensor, *classes: int) -> Tensor:
    """The table, with classes that nobody has or says."""
    out = confusion.clone()
    out[list(classes)] = 0
    out[:, list(classes)] = 0
    return out


# --- pixel accuracy --------------------------------------------------------------------------------------------------


def accuracy_oracle(tp: Tensor, fp: Tensor, fn: Tensor) -> Tensor:
    return share(tp.sum(), tp.sum() + fn.sum())


def accuracy_cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "four pixels, by hand",
        tp=torch.tensor([1, 1, 0]),
        fp=torch.tensor([0, 2, 0]),
        fn=torch.tensor([1, 0, 1]),
        expect=torch.tensor(0.5),
        note="tp + fn is 2, 1, 1: four pixels, of which 1 + 1 + 0 are right: 2 / 4",
    )
    yield of_call("five classes", **counts(table(rng, 5)))
    yield of_call("two classes", **counts(table(rng, 2)))
    yield of_call("nearly all is background", **counts(torch.tensor([[9000, 3, 5], [40, 8, 1], [25, 0, 2]])))
    yield of_call("a class that is nowhere", **counts(without(table(rng, 4), 2)))
    yield of_call("all right", **counts(torch.diag(rng.integers(1, 9, 3))))
    yield of_call("all wrong", **counts(table(rng, 3) * (1 - torch.eye(3, dtype=torch.int64))), scale=1.0)
    yield of_call("no pixel", **counts(torch.zeros(3, 3, dtype=torch.int64)))
    yield of_call("counts beyond int32", **counts(2_000_000_000 + table(rng, 3)))


def mean_recall(tp: Tensor, fp: Tensor, fn: Tensor) -> Tensor:
    return share(tp, tp + fn, float("nan")).mean()


def errors_twice(tp: Tensor, fp: Tensor, fn: Tensor) -> Tensor:
    return share(tp.sum(), (tp + fp + fn).sum())


def foreground_alone(tp: Tensor, fp: Tensor, fn: Tensor) -> Tensor:
    return accuracy_oracle(tp[1:], fp[1:], fn[1:])


def with_true_negatives(tp: Tensor, fp: Tensor, fn: Tensor) -> Tensor:
    pixels = (tp + fn).sum()
    return share(pixels - fp - fn, pixels.expand_as(tp)).mean()


def each_class(tp: Tensor, fp: Tensor, fn: Tensor) -> Tensor:
    return share(tp, tp + fn, float("nan"))


def nan_for_nothing(tp: Tensor, fp: Tensor, fn: Tensor) -> Tensor:
    return share(tp.sum(), (tp + fn).sum(), float("nan"))


def zero_for_nothing(tp: Tensor, fp: Tensor, fn: Tensor) -> Tensor:
    return share(tp.sum(), (tp + fn).sum(), 0.0)


def error_rate(tp: Tensor, fp: Tensor, fn: Tensor) -> Tensor:
    return share(fn.sum(), (tp + fn).sum())


PIXEL_ACCURACY = Exercise(
    id="unet.pixel_accuracy",
    cases=accuracy_cases,
    oracle=accuracy_oracle,
    wrong=(
        Wrong(
            "averages the classes' recalls",
            mean_recall,
            says="each class counts the same, however many pixels it has; here each pixel counts the same.",
            look="add up before you divide.",
        ),
        Wrong(
            "counts errors twice",
            errors_twice,
            says="below stands tp + fp + fn of all classes; a wrong pixel is in it twice, as fn and as another's fp.",
            look="how many pixels are there?",
        ),
        Wrong(
            "leaves the background out",
            foreground_alone,
            says="class 0 isn't counted; pixel accuracy is of all pixels.",
            look="that is also what is wrong with this score.",
        ),
        Wrong(
            "counts every other class's pixels as right",
            with_true_negatives,
            says="for each class, all pixels that neither are nor are called so count as right: that can hardly fail.",
            look="a pixel is right if its one class is right.",
        ),
        Wrong(
            "gives a number for each class",
            each_class,
            says="there is a share for each class; it is one number.",
            look="add up over the classes, above and below.",
        ),
        Wrong(
            "gives the share of errors",
            error_rate,
            says="this is the share that is wrong.",
            look="tp above.",
        ),
        Wrong(
            "gives nan for no pixel",
            nan_for_nothing,
            says="without any pixel this is 0 / 0 and gives nan; it is 1 there.",
            look="the case without a pixel.",
        ),
        Wrong(
            "gives 0 for no pixel",
            zero_for_nothing,
            says="without any pixel the score is 0; nothing is wrong there, so it is 1.",
            look="the case without a pixel.",
        ),
    ),
    hints=("Every pixel has one true class: count the pixels by tp + fn.", "tp.sum() over (tp + fn).sum()."),
    points=1,
    minutes=6,
    forbidden=SCORES,
)

# --- mean IoU --------------------------------------------------------------------------------------------------------


def mean_of(values: Tensor, keep: Tensor, none: float = 1.0) -> Tensor:
    return values[keep].mean() if keep.any() else torch.tensor(none, device=values.device)


def kept(tp: Tensor, fp: Tensor, fn: Tensor, background: bool) -> Tensor:
    keep = tp + fp + fn > 0
    return keep & ((torch.arange(len(tp), device=tp.device) > 0) | background)


def miou_oracle(tp: Tensor, fp: Tensor, fn: Tensor, background: bool = True) -> Tensor:
    return mean_of(iou_oracle(tp, fp, fn), kept(tp, fp, fn, background))


def miou_cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "four classes, one of them nowhere, by hand",
        tp=torch.tensor([6, 0, 1, 0]),
        fp=torch.tensor([1, 1, 0, 0]),
        fn=torch.tensor([1, 0, 1, 0]),
        expect=torch.tensor(0.41666667),
        note="6/8 = 0.75, 0/1 = 0, 1/2 = 0.5, class 3 left out: (0.75 + 0 + 0.5) / 3 = 0.417",
    )
    yield of_call("without background", **counts(table(rng, 4)), background=False)
    yield of_call("with background", **counts(table(rng, 5)), background=True)
    yield of_call("two classes are nowhere", **counts(without(table(rng, 6), 2, 5)), background=True)
    yield of_call("nowhere, and without background", **counts(without(table(rng, 5), 3)), background=False)
    missed = table(rng, 4)
    missed[:, 2] = 0
    yield of_call("a class that is missed altogether", **counts(missed))
    yield of_call("a class that is made up", **counts(missed.T.clone()))
    yield of_call("no class at all", **counts(torch.zeros(3, 3, dtype=torch.int64)))
    only = torch.diag(torch.tensor([7, 0, 0]))
    yield of_call("nothing but background, which doesn't count", **counts(only), background=False)
    yield of_call("the background is nowhere", **counts(without(table(rng, 4), 0)), background=True)
    yield of_call("the background is nowhere, and doesn't count", **counts(without(table(rng, 4), 0)), background=False)


def choosing(keep: Score, *, none: float = 1.0, score: Score = iou_oracle) -> Callable[..., Tensor]:
    """The mean of other classes, or of another score."""

    def answer(tp: Tensor, fp: Tensor, fn: Tensor, background: bool = True) -> Tensor:
        chosen = keep(tp, fp, fn).clone()
        chosen[0] &= background
        return mean_of(score(tp, fp, fn), chosen, none)

    return answer


def occurs(tp: Tensor, fp: Tensor, fn: Tensor) -> Tensor:
    return tp + fp + fn > 0


def everything(tp: Tensor, fp: Tensor, fn: Tensor) -> Tensor:
    return tp + fp + fn >= 0


def iou_or_zero(tp: Tensor, fp: Tensor, fn: Tensor) -> Tensor:
    return share(tp, tp + fp + fn, 0.0)


def iou_or_nan(tp: Tensor, fp: Tensor, fn: Tensor) -> Tensor:
    return share(tp, tp + fp + fn, float("nan"))


def with_background(tp: Tensor, fp: Tensor, fn: Tensor, background: bool = True) -> Tensor:
    return miou_oracle(tp, fp, fn, True)


def never_background(tp: Tensor, fp: Tensor, fn: Tensor, background: bool = True) -> Tensor:
    return miou_oracle(tp, fp, fn, False)


def other_way(tp: Tensor, fp: Tensor, fn: Tensor, background: bool = True) -> Tensor:
    return miou_oracle(tp, fp, fn, not background)


def first_dropped(tp: Tensor, fp: Tensor, fn: Tensor, background: bool = True) -> Tensor:
    scores = iou_oracle(tp, fp, fn)[occurs(tp, fp, fn)][0 if background else 1 :]
    return mean_of(scores, torch.ones_like(scores, dtype=torch.bool))


def background_as_zero(tp: Tensor, fp: Tensor, fn: Tensor, background: bool = True) -> Tensor:
    scores = iou_oracle(tp, fp, fn)
    scores[0] *= background
    return mean_of(scores, occurs(tp, fp, fn))


def summed(tp: Tensor, fp: Tensor, fn: Tensor, background: bool = True) -> Tensor:
    first = 0 if background else 1
    return iou_oracle(tp[first:].sum(), fp[first:].sum(), fn[first:].sum())


def weighted(tp: Tensor, fp: Tensor, fn: Tensor, background: bool = True) -> Tensor:
    weight = (tp + fn) * kept(tp, fp, fn, background)
    return share((iou_oracle(tp, fp, fn).double() * weight).sum(), weight.sum())


ABSENT = (
    Wrong(
        "counts classes that are nowhere as 1",
        choosing(everything),
        says="a class that is neither in the truth nor in the answer counts as 1, and lifts the mean.",
        look="leave it out, above and below.",
    ),
    Wrong(
        "counts classes that are nowhere as 0",
        choosing(everything, score=iou_or_zero, none=1.0),
        says="a class that is neither in the truth nor in the answer counts as 0, and pulls the mean down.",
        look="divide by the number of classes that occur.",
    ),
    Wrong(
        "gives nan if a class is nowhere",
        choosing(everything, score=iou_or_nan),
        says="a class that is neither in the truth nor in the answer makes the mean nan.",
        look="leave it out, above and below.",
    ),
    Wrong(
        "leaves out classes that the truth lacks",
        choosing(lambda tp, fp, fn: tp + fn > 0),
        says="a class that is only in the answer is left out; it is made up, and gets 0.",
        look="the case with a class that is made up.",
    ),
    Wrong(
        "leaves out classes that the answer lacks",
        choosing(lambda tp, fp, fn: tp + fp > 0),
        says="a class that is only in the truth is left out; it is missed, and gets 0.",
        look="the case with a class that is missed altogether.",
    ),
    Wrong(
        "leaves out classes of which nothing is right",
        choosing(lambda tp, fp, fn: tp > 0),
        says="classes with an IoU of 0 are left out, as if they weren't there; those are the ones to know about.",
        look="tp 0 doesn't say that a class is nowhere.",
    ),
    Wrong(
        "gives nan if nothing is left",
        choosing(occurs, none=float("nan")),
        says="without any class to count the mean is 0 / 0 and gives nan; it is 1 there.",
        look="the case without a class.",
    ),
    Wrong(
        "gives 0 if nothing is left",
        choosing(occurs, none=0.0),
        says="without any class to count the mean is 0; nothing is wrong there, so it is 1.",
        look="the case without a class.",
    ),
)

MEANS = (
    Wrong(
        "always counts the background",
        with_background,
        says="class 0 counts, although background=False.",
        look="where is `background` used?",
    ),
    Wrong(
        "never counts the background",
        never_background,
        says="class 0 never counts; it does unless background=False.",
        look="where is `background` used?",
    ),
    Wrong(
        "takes `background` the other way round",
        other_way,
        says="class 0 is left out with background=True, and counts with background=False.",
        look="which of the two calls should have the fewer classes?",
    ),
    Wrong(
        "drops the first class that occurs",
        first_dropped,
        says="without background, the first of the classes that occur is dropped; where class 0 is nowhere that is "
        "another class.",
        look="leave class 0 out before you choose those that occur.",
    ),
    Wrong(
        "counts the background as 0",
        background_as_zero,
        says="without background, class 0 still counts in the divisor, with 0 above.",
        look="leave it out, above and below.",
    ),
    Wrong(
        "adds up before dividing",
        summed,
        says="counts of all classes are added up first, so that large classes decide; each class counts the same.",
        look="first a score for each class, then the mean.",
    ),
    Wrong(
        "weighs classes by their size",
        weighted,
        says="classes with more pixels weigh more; each class counts the same.",
        look="a plain mean.",
    ),
    Wrong(
        "averages Dice",
        choosing(occurs, score=dice_oracle),
        says="this is the mean of Dice.",
        look="you have iou.",
    ),
)

MEAN_IOU = Exercise(
    id="unet.mean_iou",
    cases=miou_cases,
    oracle=miou_oracle,
    wrong=(*ABSENT, *MEANS),
    hints=(
        "Which classes occur? Those with any count above 0.",
        "Make a mask of the classes that count; without background its first element is False.",
        "(iou · mask).sum() / mask.sum(), and 1 if the mask is empty.",
    ),
    points=2,
    minutes=10,
    needs=("unet.iou",),
    forbidden=SCORES,
)

EXERCISES = (PIXEL_ACCURACY, MEAN_IOU)
