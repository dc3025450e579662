"""Areas under the curves over all thresholds, compared with scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from autograder.exercises.resnet._ranked import (
    Score,
    breaking_ties,
    cases_of,
    counts_oracle,
    curve,
    drawn,
    number,
    on_cpu,
    positives_swapped,
)
from autograder.exercises.resnet._ready_made_c import SCORES
from autograder.spec import Exercise, Speed, Wrong, of_call


def auc_oracle(scores: Tensor, labels: Tensor) -> Tensor:
    from sklearn.metrics import roc_auc_score

    return torch.tensor(roc_auc_score(*on_cpu(scores, labels)), dtype=torch.float32, device=scores.device)


def ap_oracle(scores: Tensor, labels: Tensor) -> Tensor:
    from sklearn.metrics import average_precision_score

    return torch.tensor(average_precision_score(*on_cpu(scores, labels)), dtype=torch.float32, device=scores.device)


# --- roc_auc ---------------------------------------------------------------------------------------------------------


def _pairs(equal: float) -> Score:
    """The share of pairs in the right order, equal ones counting so much."""

    def answer(scores: Tensor, labels: Tensor) -> Tensor:
        gap = scores[labels == 1][:, None] - scores[labels == 0][None, :]
        return ((gap > 0).double() + equal * (gap == 0)).mean().float()

    return answer


def gini(scores: Tensor, labels: Tensor) -> Tensor:
    return 2 * auc_oracle(scores, labels) - 1


def over_all_pairs(scores: Tensor, labels: Tensor) -> Tensor:
    share = (labels == 1).double().mean() * (labels == 0).double().mean()
    return (auc_oracle(scores, labels).double() * 2 * share).float()


def balanced_accuracy(scores: Tensor, labels: Tensor) -> Tensor:
    """At the threshold where it is best."""
    fpr, tpr, _ = curve(scores, labels)
    return number(((tpr + 1 - fpr) / 2).max(), scores)


def without_start(scores: Tensor, labels: Tensor) -> Tensor:
    fpr, tpr, _ = curve(scores, labels)
    return number(np.trapezoid(tpr[1:], fpr[1:]), scores)


def against_thresholds(scores: Tensor, labels: Tensor) -> Tensor:
    _, tpr, thresholds = curve(scores, labels)
    return number(-np.trapezoid(tpr[1:], thresholds[1:]), scores)


ROC_AUC = Exercise(
    id="resnet.roc_auc",
    cases=cases_of(torch.tensor(0.875), "pairs: 0.9 > 0.4, 0.9 > 0.1, 0.4 = 0.4, 0.4 > 0.1: (1 + 1 + ½ + 1)/4 = 0.875"),
    oracle=auc_oracle,
    wrong=(
        Wrong(
            "counts equal scores as right",
            _pairs(1.0),
            says="a positive and a negative sample with equal scores count as a full success; they count half.",
            look="join the points by straight lines: the mean of two heights, not the higher one.",
        ),
        Wrong(
            "counts equal scores as wrong",
            _pairs(0.0),
            says="a positive and a negative sample with equal scores count nothing; they count half.",
            look="join the points by straight lines: the mean of two heights, not the lower one.",
        ),
        Wrong(
            "lets the order of equal scores decide",
            breaking_ties(auc_oracle),
            says="equal scores are told apart by where they stand in the input.",
            look="threshold_counts takes equal scores together.",
        ),
        Wrong(
            "takes 0 for positive",
            positives_swapped(auc_oracle),
            says="this is 1 minus the area: the classes have changed places.",
            look="hits upwards, alarms to the right.",
        ),
        Wrong("gives the Gini coefficient", gini, says="this is 2 · AUC − 1.", look="the area itself is asked for."),
        Wrong(
            "divides by all pairs",
            over_all_pairs,
            says="the area is divided by n²/2; only pairs of one positive and one negative count.",
            look="positives times negatives.",
        ),
        Wrong(
            "gives the best balanced accuracy",
            balanced_accuracy,
            says="this is (sensitivity + specificity)/2 at the best threshold; the area takes all thresholds.",
            look="torch.trapezoid.",
        ),
        Wrong(
            "leaves out the start of the curve",
            without_start,
            says="the curve starts at the first score; it should start at (0, 0), above all scores.",
            look="put a 0 before hits and alarms.",
        ),
        Wrong(
            "integrates over the thresholds",
            against_thresholds,
            says="the area is taken along the thresholds; it should be along the alarm rate: only order counts.",
            look="torch.trapezoid(y, x): what is x?",
        ),
    ),
    hints=(
        "hits and alarms of threshold_counts, each with a 0 in front, are the curve before division.",
        "torch.trapezoid(hits, alarms) / (positives · negatives).",
    ),
    points=2,
    minutes=10,
    needs=("resnet.threshold_counts",),
    forbidden=SCORES,
    speed=Speed(case=lambda rng: of_call("speed", **drawn(rng, 30_000)), limit=3.0, against="scikit-learn"),
)

# --- average_precision -----------------------------------------------------------------------------------------------


def pr(scores: Tensor, labels: Tensor) -> tuple[Any, Any]:
    """Precision and recall from the highest threshold down, the first point with recall 0 left out."""
    _, hits, alarms = (part.double().cpu().numpy() for part in counts_oracle(scores, labels))
    return hits / (hits + alarms), hits / hits[-1]


def by_trapezoids(scores: Tensor, labels: Tensor) -> Tensor:
    precision, recall = pr(scores, labels)
    return number(np.trapezoid(np.append(1.0, precision), np.append(0.0, recall)), scores)


def interpolated(scores: Tensor, labels: Tensor) -> Tensor:
    precision, recall = pr(scores, labels)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    return number((np.diff(recall, prepend=0.0) * best).sum(), scores)


def eleven_points(scores: Tensor, labels: Tensor) -> Tensor:
    precision, recall = pr(scores, labels)
    return number(np.mean([precision[recall >= level].max() for level in np.linspace(0, 1, 11)]), scores)


def mean_precision(scores: Tensor, labels: Tensor) -> Tensor:
    return number(pr(scores, labels)[0].mean(), scores)


def precision_before(scores: Tensor, labels: Tensor) -> Tensor:
    precision, recall = pr(scores, labels)
    return number((np.diff(recall, prepend=0.0) * np.append(1.0, precision[:-1])).sum(), scores)


def first_step_left_out(scores: Tensor, labels: Tensor) -> Tensor:
    precision, recall = pr(scores, labels)
    return number((np.diff(recall) * precision[1:]).sum(), scores)


def not_over_positives(scores: Tensor, labels: Tensor) -> Tensor:
    return (ap_oracle(scores, labels).double() * labels.double().mean()).float()


AVERAGE_PRECISION = Exercise(
    id="resnet.average_precision",
    cases=cases_of(
        torch.tensor(5 / 6), "recall 1/2, 1, 1; precision 1/1, 2/3, 2/4; 1/2 · 1 + 1/2 · 2/3 + 0 · 1/2 = 0.833"
    ),
    oracle=ap_oracle,
    wrong=(
        Wrong(
            "joins the points by straight lines",
            by_trapezoids,
            says="the area is taken under straight lines between the points; precision doesn't move in straight lines, "
            "and the result is too good. Steps are asked for.",
            look="Σ (Rₖ − Rₖ₋₁) · Pₖ.",
        ),
        Wrong(
            "interpolates",
            interpolated,
            says="each step takes the best precision at this recall *or any higher* (as Pascal VOC does); here it is "
            "the precision at this threshold.",
            look="leave out the running maximum.",
        ),
        Wrong(
            "reads eleven points",
            eleven_points,
            says="this is the mean over eleven fixed recalls (Pascal VOC 2007); here every threshold counts.",
            look="Σ (Rₖ − Rₖ₋₁) · Pₖ.",
        ),
        Wrong(
            "averages over thresholds",
            mean_precision,
            says="each threshold's precision counts the same; it should count by the recall it adds.",
            look="thresholds that find nothing new add nothing.",
        ),
        Wrong(
            "takes the precision before each step",
            precision_before,
            says="a step of recall is multiplied with the precision of the threshold above it.",
            look="Pₖ belongs to Rₖ − Rₖ₋₁, the same k.",
        ),
        Wrong(
            "leaves out the first step",
            first_step_left_out,
            says="what the highest threshold finds isn't counted.",
            look="the recall before the first threshold is 0: diff has an argument `prepend`.",
        ),
        Wrong(
            "lets the order of equal scores decide",
            breaking_ties(ap_oracle),
            says="equal scores are told apart by where they stand in the input.",
            look="threshold_counts takes equal scores together.",
        ),
        Wrong(
            "takes 0 for positive",
            positives_swapped(ap_oracle),
            says="the classes have changed places: label 1 is positive.",
            look="hits, not alarms.",
        ),
        Wrong(
            "divides by all samples",
            not_over_positives,
            says="recall is hits over all *positive* samples, not over all samples.",
            look="hits[-1].",
        ),
    ),
    hints=(
        "hits.diff(prepend=0) is how many positives each threshold adds.",
        "Σ added · hits / (hits + alarms), divided by the number of positives.",
    ),
    points=2,
    minutes=10,
    needs=("resnet.threshold_counts",),
    forbidden=SCORES,
    speed=Speed(case=lambda rng: of_call("speed", **drawn(rng, 30_000)), limit=3.0, against="scikit-learn"),
)

EXERCISES = (ROC_AUC, AVERAGE_PRECISION)
