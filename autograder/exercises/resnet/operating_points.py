"""The recall that is to be had at a precision, and the threshold for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from autograder.exercises.resnet._ranked import HAND, counts_oracle, drawn, one_by_one
from autograder.exercises.resnet._ready_made_c import SCORES
from autograder.spec import Case, Exercise, Rng, Wrong, of_call

FLOAT64 = torch.float64
Pair = tuple[Tensor, Tensor]


class Curve:
    """Precision and recall at every threshold, from the highest down."""

    def __init__(self, scores: Tensor, labels: Tensor) -> None:
        self.thresholds, hits, alarms = counts_oracle(scores, labels)
        self.precision, self.recall = hits / (hits + alarms).double(), hits / hits[-1].double()

    def at(self, index: int | None) -> Pair:
        """Recall and threshold of one of them; recall 0 and an infinite threshold for none."""
        if index is None:
            return torch.zeros((), device=self.recall.device), self.thresholds.new_tensor(torch.inf)
        return self.recall[index].float(), self.thresholds[index]

    def best(self, good: Tensor, value: Tensor) -> int | None:
        """Among those that are good, the first with the largest value."""
        if not bool(good.any()):
            return None
        return int(torch.where(good, value, value.new_tensor(-1.0)).argmax())


Choice = Callable[[Curve, float], Pair]


def choosing(choice: Choice) -> Callable[..., Pair]:
    def answer(scores: Tensor, labels: Tensor, precision: float = 0.9) -> Pair:
        return choice(Curve(scores, labels), precision)

    return answer


def _right(curve: Curve, precision: float) -> Pair:
    return curve.at(curve.best(curve.precision >= precision, curve.recall))


def cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "four samples, by hand", **HAND, precision=0.6, expect=(torch.tensor(1.0), torch.tensor(0.4)),
        note="at 0.9: 1 of 1 right, recall 1/2; at 0.4: 2 of 3 right, 0.667 ≥ 0.6, recall 2/2; at 0.1: 2 of 4, too few",
    )  # fmt: skip
    shaky: dict[str, Any] = {
        "scores": torch.tensor([0.9, 0.8, 0.7, 0.6, 0.5, 0.4]),
        "labels": torch.tensor([1, 0, 1, 1, 1, 0]),
    }
    yield of_call("precision falls and rises again", **shaky, precision=0.75)
    yield of_call("exactly as precise as asked", **shaky, precision=0.8)
    yield of_call("the first answer is wrong", scores=shaky["scores"], labels=1 - shaky["labels"], precision=0.5)
    yield of_call("no threshold is good enough", scores=shaky["scores"], labels=1 - shaky["labels"], precision=0.6)
    tail: dict[str, Any] = {"scores": torch.tensor([5.0, 4.0, 3.0, 2.0, 1.0]), "labels": torch.tensor([1, 1, 0, 0, 0])}
    yield of_call("lower thresholds add alarms only", **tail, precision=0.4)
    slow: dict[str, Any] = {"scores": torch.arange(9.0, 0.0, -1.0), "labels": torch.tensor([0, 1, 1, 1, 1, 0, 0, 0, 1])}
    yield of_call("the best is neither the first nor the most precise", **slow, precision=0.55)
    together: dict[str, Any] = {
        "scores": torch.tensor([0.9, 0.5, 0.5, 0.5, 0.5]),
        "labels": torch.tensor([1, 1, 0, 0, 1]),
    }
    yield of_call("equal scores stand or fall together", **together, precision=0.75)
    yield of_call("200 samples", **drawn(rng, 200), precision=0.7)
    yield of_call("many equal scores", **drawn(rng, 80, levels=4), precision=0.6)
    yield of_call("precision 0.9 by default, float64", **_clear(rng, 150))


def _clear(rng: Rng, n: int) -> dict[str, Any]:
    """Scores that tell the classes apart rather well."""
    found = drawn(rng, n, dtype=FLOAT64)
    return {"scores": found["scores"] + found["labels"], "labels": found["labels"]}


def _until_it_falls(curve: Curve, precision: float) -> Pair:
    good = (curve.precision >= precision).long().cumprod(0).bool()
    return curve.at(curve.best(good, curve.recall))


def _strictly(curve: Curve, precision: float) -> Pair:
    return curve.at(curve.best(curve.precision > precision, curve.recall))


def _most_precise(curve: Curve, precision: float) -> Pair:
    return curve.at(curve.best(curve.precision >= precision, curve.precision))


def _first(curve: Curve, precision: float) -> Pair:
    return curve.at(curve.best(curve.precision >= precision, torch.ones_like(curve.recall)))


def _nearest(curve: Curve, precision: float) -> Pair:
    return curve.at(int((curve.precision - precision).abs().argmin()))


def _lowest(curve: Curve, precision: float) -> Pair:
    good = (curve.precision >= precision).nonzero().flatten()
    return curve.at(int(good[-1]) if len(good) else None)


def _gives_precision(curve: Curve, precision: float) -> Pair:
    index = curve.best(curve.precision >= precision, curve.recall)
    recall, threshold = curve.at(index)
    return recall if index is None else curve.precision[index].float(), threshold


def _next_threshold(curve: Curve, precision: float) -> Pair:
    """The threshold one below, as happens where a curve has an extra point in front."""
    index = curve.best(curve.precision >= precision, curve.recall)
    recall, threshold = curve.at(index)
    return recall, threshold if index is None else curve.thresholds[min(index + 1, len(curve.thresholds) - 1)]


def _swapped(curve: Curve, precision: float) -> Pair:
    """The best precision at a recall of at least so much."""
    index = curve.best(curve.recall >= precision, curve.precision)
    return curve.at(index) if index is None else (curve.precision[index].float(), curve.thresholds[index])


def ties_broken(scores: Tensor, labels: Tensor, precision: float = 0.9) -> Pair:
    curve: Any = Curve(one_by_one(scores), labels)
    curve.thresholds = scores.sort(descending=True).values
    return _right(curve, precision)


RECALL_AT_PRECISION = Exercise(
    id="resnet.recall_at_precision",
    cases=cases,
    oracle=choosing(_right),
    wrong=(
        Wrong(
            "stops where the precision first falls",
            choosing(_until_it_falls),
            says="the search ends at the first threshold that isn't precise enough; precision goes up and down, and a "
            "lower threshold may be good again.",
            look="look at all thresholds.",
        ),
        Wrong(
            "wants more than the precision asked for",
            choosing(_strictly),
            says="a threshold with exactly this precision isn't accepted.",
            look="at least: ≥.",
        ),
        Wrong(
            "takes the most precise threshold",
            choosing(_most_precise),
            says="the threshold with the best precision is chosen; among all that are precise enough, the one with the "
            "best recall is asked for.",
            look="argmax of what?",
        ),
        Wrong(
            "takes the first that is precise enough",
            choosing(_first),
            says="the highest threshold that is precise enough is chosen; a lower one may find more.",
            look="the largest recall among them.",
        ),
        Wrong(
            "takes the nearest precision",
            choosing(_nearest),
            says="the threshold whose precision is nearest is chosen, even if it is below what was asked for.",
            look="at least this precision.",
        ),
        Wrong(
            "takes the lowest of equally good thresholds",
            choosing(_lowest),
            says="of several thresholds with the same recall the lowest is given; the highest raises fewest alarms.",
            look="argmax gives the first of equal values: in which order are yours?",
        ),
        Wrong(
            "gives the precision",
            choosing(_gives_precision),
            says="the precision at that threshold comes back; its recall is asked for.",
            look="the first of the two results.",
        ),
        Wrong(
            "is one threshold off",
            choosing(_next_threshold),
            says="the recall is right, but the threshold is the next one.",
            look="do your lists start at the same place? Some curves have an extra first or last point.",
        ),
        Wrong(
            "gives the precision at that recall",
            choosing(_swapped),
            says="precision and recall have changed places: this is the best precision at such a recall or more.",
            look="which of the two has a lower limit?",
        ),
        Wrong(
            "lets the order of equal scores decide",
            ties_broken,
            says="equal scores are told apart by where they stand in the input; no threshold can do that.",
            look="threshold_counts takes equal scores together.",
        ),
    ),
    hints=(
        "threshold_counts gives hits and alarms; precision and recall follow for all thresholds at once.",
        "Set the recall to 0 where the precision is too low, and take argmax. Is the best 0? Then there is none.",
    ),
    points=2,
    minutes=12,
    needs=("resnet.threshold_counts",),
    forbidden=SCORES,
)

EXERCISES = (RECALL_AT_PRECISION,)
