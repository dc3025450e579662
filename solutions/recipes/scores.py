"""What a network's answers are worth."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from solutions.resnet import (
    average_precision,
    ece,
    f_beta,
    roc_auc,
    sensitivity_specificity,
    temperature_scaling,
    threshold_counts,
)

WANTED_SENSITIVITY = 0.95


class Answers(NamedTuple):
    """What a network said, and what is true."""

    logits: Float[Tensor, "N K"]
    labels: Int[Tensor, "N"]


def accuracy(answers: Answers) -> dict[str, float]:
    """The share of right answers, and the mean cross-entropy."""
    logits, labels = answers
    right = (logits.argmax(dim=1) == labels).float().mean()
    return {"accuracy": float(right), "loss": float(F.cross_entropy(logits, labels))}


def judged(validation: Answers, test: Answers) -> dict[str, float]:
    """The last word where all classes count the same: accuracy, its mean over the classes, and calibration.

    The temperature is chosen on the validation answers.
    """
    logits, labels = test
    right = (logits.argmax(dim=1) == labels).float()
    of_class = [right[labels == kind].mean() for kind in labels.unique()]
    temperature = temperature_scaling(*validation)
    return {
        **accuracy(test),
        "mean accuracy of a class": float(torch.stack(of_class).mean()),
        "calibration error": float(ece(logits.softmax(dim=1), labels)),
        "temperature": temperature,
        "calibration error with temperature": float(ece((logits / temperature).softmax(dim=1), labels)),
    }


def positive_score(answers: Answers) -> Float[Tensor, "N"]:
    """The probability of class 1 of two."""
    return answers.logits.softmax(dim=1)[:, 1]


def screening(answers: Answers) -> dict[str, float]:
    """Scores of a test for class 1 at every threshold (`auc`, `average precision`) and at ½."""
    scores, labels = positive_score(answers), answers.labels
    both = 0 < int(labels.sum()) < len(labels)
    curve = {
        "auc": float(roc_auc(scores, labels)) if both else float("nan"),
        "average precision": float(average_precision(scores, labels)) if both else float("nan"),
    }
    return {**accuracy(answers), **curve}


def screened(validation: Answers, test: Answers) -> dict[str, float]:
    """The last word on a test for class 1: at the threshold ½, and at one chosen on the validation answers.

    That one is the highest which finds 95 % of the positive validation images. Recall is the same as sensitivity.
    """
    threshold = sensitive_threshold(positive_score(validation), validation.labels)
    found = {**screening(test), "threshold": threshold}
    for name, at in (("at ½", 0.5), ("at the threshold", threshold)):
        predicted = (positive_score(test) >= at).long()
        sensitivity, specificity = sensitivity_specificity(predicted, test.labels)
        found[f"precision {name}"] = float(f_beta(predicted, test.labels, beta=0.0))
        found[f"sensitivity {name}"] = float(sensitivity)
        found[f"specificity {name}"] = float(specificity)
    found["calibration error"] = float(ece(test.logits.softmax(dim=1), test.labels))
    return found


def sensitive_threshold(
    scores: Float[Tensor, "N"], labels: Int[Tensor, "N"], wanted: float = WANTED_SENSITIVITY
) -> float:
    """The highest score that, as a threshold, finds at least this share of class 1; 0 if there is none of it."""
    thresholds, hits, _ = threshold_counts(scores, labels)
    enough = hits >= wanted * int(labels.sum())
    return float(thresholds[enough][0]) if int(labels.sum()) else 0.0
