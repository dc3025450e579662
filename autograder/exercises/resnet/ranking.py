"""Hits and alarms at every threshold."""

from __future__ import annotations

import torch
from torch import Tensor

from autograder.exercises.resnet._ranked import (
    cases_of,
    counts_oracle,
    curve,
    drawn,
    in_float32,
    one_by_one,
    positives_swapped,
)
from autograder.exercises.resnet._ready_made_c import SCORES
from autograder.spec import Exercise, Speed, Wrong, of_call


def rising(scores: Tensor, labels: Tensor) -> tuple[Tensor, ...]:
    return tuple(part.flip(0) for part in counts_oracle(scores, labels))


def strictly_above(scores: Tensor, labels: Tensor) -> tuple[Tensor, ...]:
    thresholds, *counts = counts_oracle(scores, labels)
    return thresholds, *(torch.cat([part.new_zeros(1), part[:-1]]) for part in counts)


def for_each_sample(scores: Tensor, labels: Tensor) -> tuple[Tensor, ...]:
    """A threshold for each sample: equal scores come several times, with counts in between."""
    _, hits, alarms = counts_oracle(one_by_one(scores), labels)
    return scores.sort(descending=True).values, hits, alarms


def all_that_pass(scores: Tensor, labels: Tensor) -> tuple[Tensor, ...]:
    thresholds, hits, alarms = counts_oracle(scores, labels)
    return thresholds, hits, hits + alarms


def not_summed(scores: Tensor, labels: Tensor) -> tuple[Tensor, ...]:
    thresholds, *counts = counts_oracle(scores, labels)
    return thresholds, *(part.diff(prepend=part.new_zeros(1)) for part in counts)


def as_rates(scores: Tensor, labels: Tensor) -> tuple[Tensor, ...]:
    thresholds, hits, alarms = counts_oracle(scores, labels)
    return thresholds, hits / hits[-1], alarms / alarms[-1]


def with_a_start(scores: Tensor, labels: Tensor) -> tuple[Tensor, ...]:
    thresholds, *counts = counts_oracle(scores, labels)
    above = thresholds.new_tensor([torch.inf])
    return torch.cat([above, thresholds]), *(torch.cat([part.new_zeros(1), part]) for part in counts)


def first_of_equal(scores: Tensor, labels: Tensor) -> tuple[Tensor, ...]:
    """The counts at the first of a run of equal scores instead of the last."""
    thresholds, hits, alarms = counts_oracle(scores, labels)
    each = counts_oracle(one_by_one(scores), labels)
    totals = torch.cat([hits.new_zeros(1), (hits + alarms)[:-1]])
    return thresholds, each[1][totals], each[2][totals]


THRESHOLD_COUNTS = Exercise(
    id="resnet.threshold_counts",
    cases=cases_of(
        (torch.tensor([0.9, 0.4, 0.1]), torch.tensor([1, 2, 2]), torch.tensor([0, 1, 2])),
        "scores 0.9 0.4 0.4 0.1 have labels 1 0 1 0; at 0.9: 1 hit; at 0.4: 2 hits, 1 alarm; at 0.1: all",
    ),
    oracle=counts_oracle,
    wrong=(
        Wrong("starts from the lowest", rising, says="thresholds rise; they should fall.", look="descending=True."),
        Wrong(
            "leaves out the samples at the threshold",
            strictly_above,
            says="samples with exactly the threshold's score aren't counted; they pass it.",
            look="at or above: ≥.",
        ),
        Wrong(
            "has a threshold for each sample",
            for_each_sample,
            says="equal scores give several thresholds, with counts that no threshold has.",
            look="a sample passes together with all that have its score: keep the last of each run of equal scores.",
        ),
        Wrong(
            "stops at the first of equal scores",
            first_of_equal,
            says="where scores are equal, the counts stop at the first of them.",
            look="keep the *last* of each run of equal scores: scores[:-1] != scores[1:].",
        ),
        Wrong(
            "counts all that pass as alarms",
            all_that_pass,
            says="the third result counts all samples that pass; only the negative ones are alarms.",
            look="what is left of those that pass when the hits are taken away?",
        ),
        Wrong(
            "counts each threshold by itself",
            not_summed,
            says="the counts are of samples *at* a threshold; those above it pass too.",
            look="cumsum.",
        ),
        Wrong("gives rates", as_rates, says="these are shares; counts are asked for.", look="leave the division out."),
        Wrong(
            "starts above all scores",
            with_a_start,
            says="there is an extra threshold at infinity (as in roc_curve); only the scores are asked for.",
            look="as many thresholds as there are different scores.",
        ),
        Wrong(
            "takes 0 for positive",
            positives_swapped(counts_oracle),
            says="hits and alarms have changed places: label 1 is positive.",
            look="labels.cumsum counts hits.",
        ),
        Wrong(
            "rounds scores to float32",
            in_float32(counts_oracle),
            says="float64 scores are rounded to float32, and different ones become equal.",
            look="sort and compare them as they are.",
        ),
    ),
    hints=(
        "Sort by score, the highest first, and take the labels along: scores.sort gives the order too.",
        "cumsum of the sorted labels counts hits; position + 1 − hits are the alarms.",
        "Keep positions whose next score is different, and the very last.",
    ),
    points=2,
    minutes=15,
    forbidden=SCORES,
    speed=Speed(
        case=lambda rng: of_call("speed", **drawn(rng, 30_000)),
        limit=3.0,
        baseline=lambda scores, labels: curve(scores, labels),
        against="scikit-learn's roc_curve",
    ),
)

EXERCISES = (THRESHOLD_COUNTS,)
