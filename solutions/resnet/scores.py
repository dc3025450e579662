"""How well two classes are told apart, by scores or at a threshold.

Labels are 1 (positive: the class that is looked for) and 0. A sample is called positive if its score is at or above the
threshold, so equal scores pass it together.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor


def threshold_counts(
    scores: Float[Tensor, "N"], labels: Int[Tensor, "N"]
) -> tuple[Float[Tensor, "T"], Int[Tensor, "T"], Int[Tensor, "T"]]:
    """Set the threshold at every distinct score, from the highest down, and count:
    (thresholds, hits, alarms).

    `hits[k]` positive and `alarms[k]` negative samples have a score of at least
    `thresholds[k]`; int64. Scores 0.9 0.4 0.4 0.1 of labels 1 1 0 0: thresholds 0.9 0.4
    0.1, hits 1 2 2, alarms 0 1 2.

    Peer: scikit-learn's `roc_curve`, before it divides.
    """
    scores, order = scores.sort(descending=True)
    last = torch.ones_like(scores, dtype=torch.bool)  # of a run of equal scores
    last[:-1] = scores[:-1] != scores[1:]
    hits = labels[order].long().cumsum(0)
    seen = torch.arange(1, len(scores) + 1, device=scores.device)
    return scores[last], hits[last], (seen - hits)[last]


def roc_auc(scores: Float[Tensor, "N"], labels: Int[Tensor, "N"]) -> Float[Tensor, ""]:
    """The area under the ROC curve (the share of positives found over the share of
    negatives that raise an alarm), its points joined by straight lines; 0 to 1, float32.

    It is the probability that a random positive sample scores above a random negative one,
    equal scores counting half. Scores 0.9 0.4 0.4 0.1 of labels 1 1 0 0: of 4 pairs three
    are right and one is equal, 3.5 / 4 = 0.875.

    Raises ValueError if a class is missing. Peer: scikit-learn's `roc_auc_score`.
    """
    _, hits, alarms = threshold_counts(scores, labels)
    if len(hits) == 0 or hits[-1] == 0 or alarms[-1] == 0:
        raise ValueError("expected both classes among the labels, got one or none")
    start = hits.new_zeros(1)  # a threshold above all scores
    hits, alarms = torch.cat([start, hits]).double(), torch.cat([start, alarms]).double()
    return (torch.trapezoid(hits, alarms) / (hits[-1] * alarms[-1])).float()


def average_precision(scores: Float[Tensor, "N"], labels: Int[Tensor, "N"]) -> Float[Tensor, ""]:
    """The area under the precision-recall curve as a sum of steps: Σ (Rₖ − Rₖ₋₁) · Pₖ over
    the thresholds from the highest down, with R₋₁ = 0; nothing is interpolated. 0 to 1,
    float32.

    Scores 0.9 0.4 0.4 0.1 of labels 1 1 0 0: recall 1/2, 1, 1 and precision 1, 2/3, 1/2
    give 1/2 · 1 + 1/2 · 2/3 = 0.833.

    Raises ValueError if no label is positive. Peer: scikit-learn's
    `average_precision_score`.
    """
    _, hits, alarms = threshold_counts(scores, labels)
    if len(hits) == 0 or hits[-1] == 0:
        raise ValueError("expected at least one positive label, got none")
    gained = hits.diff(prepend=hits.new_zeros(1))
    return (gained * (hits / (hits + alarms).double())).sum().div(hits[-1]).float()


def f_beta(predicted: Int[Tensor, "N"], labels: Int[Tensor, "N"], beta: float = 2.0) -> Float[Tensor, ""]:
    """The weighted harmonic mean of precision and recall, in which recall counts `beta`
    times as much: (1 + β²) · hits / ((1 + β²) · hits + β² · misses + alarms); 0 to 1,
    float32.

    0 / 0 counts as 0. Predicted 1 1 0 0 0 of labels 1 0 1 1 0, β = 2: 5·1 / (5·1 + 4·2 + 1)
    = 5/14 = 0.357.

    Peer: scikit-learn's `fbeta_score`.
    """
    said, true = predicted.bool(), labels.bool()
    hits, misses, alarms = ((said & true).sum(), (~said & true).sum(), (said & ~true).sum())
    weighted = (1 + beta**2) * hits.double()
    return (weighted / (weighted + beta**2 * misses + alarms)).nan_to_num().float()


def recall_at_precision(
    scores: Float[Tensor, "N"], labels: Int[Tensor, "N"], precision: float = 0.9
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """The largest recall that a threshold reaches with at least this precision, and the
    highest such threshold.

    Thresholds are the scores. The recall is float32, the threshold has the scores' dtype;
    if no threshold is precise enough they are 0 and infinity. Scores 0.9 0.4 0.4 0.1 of
    labels 1 1 0 0, precision 0.6: threshold 0.4 has 2 hits in 3 answers, recall 1.

    Raises ValueError if no label is positive. Peer: torchmetrics'
    `BinaryRecallAtFixedPrecision`.
    """
    thresholds, hits, alarms = threshold_counts(scores, labels)
    if len(hits) == 0 or hits[-1] == 0:
        raise ValueError("expected at least one positive label, got none")
    found = torch.where(hits / (hits + alarms).double() >= precision, hits, 0)
    best = found.argmax()  # the first of equal ones: the highest threshold
    if found[best] == 0:
        return torch.zeros((), device=scores.device), scores.new_tensor(torch.inf)
    return (found[best].double() / hits[-1]).float(), thresholds[best]


def sensitivity_specificity(
    predicted: Int[Tensor, "N"], labels: Int[Tensor, "N"]
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """The share of the ill (label 1) that are found, and the share of the healthy (0) that
    are left alone, float32.

    0 / 0 counts as 0. Predicted 1 1 0 0 0 of labels 1 0 1 1 0: one of 3 ill is found, one
    of 2 healthy left alone.

    Source: Yerushalmy 1947. Peer: scikit-learn's `recall_score` of either class.
    """
    said, ill = predicted.bool(), labels.bool()
    sensitivity = (said & ill).sum() / ill.sum()
    specificity = (~said & ~ill).sum() / (~ill).sum()
    return sensitivity.nan_to_num(), specificity.nan_to_num()
