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
from solutions.vit import quadratic_weighted_kappa

WANTED_SENSITIVITY = 0.95
REFERABLE = 2  # from this grade on an eye doctor should look


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


def five_guesses(answers: Answers) -> dict[str, float]:
    """Accuracy, and the share of images whose class is among the five that are thought most likely."""
    logits, labels = answers
    guesses = logits.topk(min(5, logits.shape[1]), dim=1).indices
    return {**accuracy(answers), "accuracy of five guesses": float((guesses == labels[:, None]).any(1).float().mean())}


def judged_with_five(validation: Answers, test: Answers) -> dict[str, float]:
    """The last word on very many classes."""
    return {**five_guesses(test), **judged(validation, test)}


def graded(answers: Answers) -> dict[str, float]:
    """Scores of grades, which have an order: `kappa`, quadratic weighted, and how many grades the answers are off."""
    logits, labels = answers
    said = logits.argmax(dim=1)
    return {
        "kappa": float(quadratic_weighted_kappa(labels, said, logits.shape[1])),
        "grades off": float((said - labels).abs().float().mean()),
        **accuracy(answers),
    }


def graded_last(validation: Answers, test: Answers) -> dict[str, float]:
    """The last word on grades. Probabilities are those with the temperature, which is chosen on the validation answers.

    Beside the likeliest grade, the expected one, rounded: it is never far off, which kappa rewards. And how well the
    probability of grade 2 or more tells those eyes from the others.
    """
    found = judged(validation, test)
    logits, labels = test
    chances = (logits / found["temperature"]).softmax(dim=1)
    expected = (chances * torch.arange(logits.shape[1])).sum(dim=1).round().long()
    referable = labels >= REFERABLE
    both = 0 < int(referable.sum()) < len(labels)
    return {
        **graded(test),
        "kappa of the expected grade": float(quadratic_weighted_kappa(labels, expected, logits.shape[1])),
        "auc of grade 2 or more": float(roc_auc(chances[:, REFERABLE:].sum(dim=1), referable.long()))
        if both
        else float("nan"),
        **found,
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
