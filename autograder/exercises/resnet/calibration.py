"""Expected calibration error, by counting in NumPy (and against netcal in `tests/peers/test_resnet_c.py`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from autograder.exercises.resnet._ready_made_c import CALIBRATORS
from autograder.spec import Case, Exercise, Rng, Speed, Wrong, of_call

FLOAT64 = torch.float64
Answer = Callable[..., Tensor]


class Bins:
    """Share of the samples, accuracy and mean confidence of each bin that has samples."""

    def __init__(self, confidence: Any, right: Any, places: Any, bins: int) -> None:
        members = [places == place for place in range(bins)]
        members = [chosen for chosen in members if chosen.any()]
        self.share = np.array([chosen.mean() for chosen in members])
        self.accuracy = np.array([right[chosen].mean() for chosen in members])
        self.confidence = np.array([confidence[chosen].mean() for chosen in members])

    @property
    def gap(self) -> Any:
        return np.abs(self.accuracy - self.confidence)


def right_places(confidence: Any, bins: int) -> Any:
    """Bin b ends at, and includes, (b + 1) / bins."""
    return np.clip(np.ceil(confidence * bins) - 1, 0, bins - 1)


def reading(
    summary: Callable[[Bins], Any],
    places: Callable[[Any, int], Any] = right_places,
    confidence: Callable[[Any, Any], tuple[Any, Any]] | None = None,
) -> Answer:
    """An answer from what the bins hold. confidence: from probabilities and labels, else of the predicted class."""

    def answer(probabilities: Tensor, labels: Tensor, bins: int = 15) -> Tensor:
        p, truth = probabilities.double().cpu().numpy(), labels.cpu().numpy()
        sure, right = (p.max(1), p.argmax(1) == truth) if confidence is None else confidence(p, truth)
        found = summary(Bins(sure, right.astype(float), places(sure, bins), bins))
        return torch.tensor(float(found), dtype=torch.float32, device=labels.device)

    return answer


def weighted(found: Bins) -> Any:
    return (found.share * found.gap).sum()


oracle = reading(weighted)


def drawn(rng: Rng, n: int, classes: int, size: float = 2.0, dtype: torch.dtype = torch.float32) -> dict[str, Any]:
    """Probabilities of logits of this size, and labels drawn from logits of size 1: overconfident above 1."""
    logits = rng.normal(n, classes, dtype=FLOAT64)
    shares = logits.softmax(1).cumsum(1)
    labels = (rng.uniform(n, 1, dtype=FLOAT64) > shares[:, :-1]).sum(1)
    return {"probabilities": (size * logits).softmax(1).to(dtype), "labels": labels}


def cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "four samples, two bins, by hand",
        probabilities=torch.tensor([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.4, 0.6]]),
        labels=torch.tensor([0, 0, 0, 0]),
        bins=2,
        expect=torch.tensor(0.225),
        note="confidences 0.9 0.8 0.6 0.6, all in the second bin; right, wrong, right, wrong: |2/4 − 2.9/4| = 0.225",
        terms=4,
    )
    yield of_call("200 samples, 15 bins by default", **drawn(rng, 200, 4), terms=200)
    yield of_call("10 classes, 10 bins", **drawn(rng, 300, 10), bins=10, terms=300)
    yield of_call("too little confidence", **drawn(rng, 300, 3, 0.3), bins=20, terms=300)
    yield of_call("one bin", **drawn(rng, 60, 5), bins=1, terms=60)
    yield of_call("float64, not contiguous", **_transposed(drawn(rng, 150, 3, dtype=FLOAT64)), bins=7, terms=150)
    sure = drawn(rng, 40, 3)
    sure["probabilities"][:12] = torch.tensor([1.0, 0.0, 0.0])
    yield of_call("some are certain: probability 1", **sure, bins=5, terms=40)
    yield of_call("one sample", probabilities=torch.tensor([[0.3, 0.7]]), labels=torch.tensor([1]), bins=4)


def _transposed(inputs: dict[str, Any]) -> dict[str, Any]:
    return {**inputs, "probabilities": inputs["probabilities"].T.contiguous().T}


def equal_counts(confidence: Any, bins: int) -> Any:
    """Bins that hold equally many samples."""
    ranks = confidence.argsort(kind="stable").argsort(kind="stable")
    return ranks * bins // len(confidence)


def certain_left_out(confidence: Any, bins: int) -> Any:
    """Bins that end before their upper edge, the last one too."""
    return np.floor(confidence * bins)


def from_chance(confidence: Any, bins: int) -> Any:
    """Bins from one half to 1."""
    return np.clip(np.ceil((confidence - 0.5) * 2 * bins) - 1, 0, bins - 1)


def of_the_label(p: Any, truth: Any) -> tuple[Any, Any]:
    return p[np.arange(len(truth)), truth], p.argmax(1) == truth


def of_every_class(p: Any, truth: Any) -> tuple[Any, Any]:
    return p.flatten(), (np.arange(p.shape[1])[None, :] == truth[:, None]).flatten()


def bins_ignored(probabilities: Tensor, labels: Tensor, bins: int = 15) -> Tensor:
    return oracle(probabilities, labels)


def speed_case(rng: Rng) -> Case:
    return of_call("speed", **drawn(rng, 60_000, 5))


ECE = Exercise(
    id="resnet.ece",
    cases=cases,
    oracle=oracle,
    wrong=(
        Wrong(
            "gives every bin the same weight",
            reading(lambda found: found.gap.mean()),
            says="a bin with one sample counts as much as one with a thousand; weight bins by their share of samples.",
            look="count of the bin / N.",
        ),
        Wrong(
            "gives the largest gap",
            reading(lambda found: found.gap.max()),
            says="this is the maximum calibration error (MCE); the expected one is a weighted mean.",
            look="sum of share · gap.",
        ),
        Wrong(
            "lets gaps cancel",
            reading(lambda found: abs((found.share * (found.accuracy - found.confidence)).sum())),
            says="bins that are too sure and bins that are not sure enough cancel; this is only the difference of the "
            "overall accuracy and confidence.",
            look="the absolute value of each bin's gap, before they are added.",
        ),
        Wrong(
            "squares the gaps",
            reading(lambda found: np.sqrt((found.share * found.gap**2).sum())),
            says="this is the root of the mean squared gap; the mean of absolute gaps is asked for.",
            look="abs.",
        ),
        Wrong(
            "takes the label's probability for the confidence",
            reading(weighted, confidence=of_the_label),
            says="the confidence is the probability of the class that is *answered*, whether it is right or not.",
            look="max over the classes.",
        ),
        Wrong(
            "counts every class's probability",
            reading(weighted, confidence=of_every_class),
            says="all N·K probabilities are sorted into bins; only the largest of each sample is.",
            look="max over the classes first.",
        ),
        Wrong(
            "fills bins equally",
            reading(weighted, equal_counts),
            says="the bins hold equally many samples; here they are equally wide.",
            look="the bin is found from the confidence alone, not from its rank.",
        ),
        Wrong(
            "loses those that are certain",
            reading(weighted, certain_left_out),
            says="samples with confidence 1 fall behind the last bin and are lost.",
            look="clamp the bin's number, or include each bin's upper edge.",
        ),
        Wrong(
            "bins from one half",
            reading(weighted, from_chance),
            says="bins start at 0.5; they cover 0 to 1. (With three classes a confidence may be below one half.)",
            look="the width of a bin is 1 / bins.",
        ),
        Wrong("ignores bins", bins_ignored, says="15 bins are always used.", look="bins is a parameter."),
    ),
    hints=(
        "probabilities.max(dim=1) gives confidences and answers; the bin is ceil(confidence · bins) − 1.",
        "In each bin: |number right − sum of confidences|. Added up and divided by N, that is the weighted mean: the "
        "bin's own count cancels.",
        "index_add, bincount with weights, or a loop over the bins.",
    ),
    points=2,
    minutes=15,
    forbidden=CALIBRATORS,
    speed=Speed(case=speed_case, limit=4.0, against="NumPy, bin by bin"),
)

EXERCISES = (ECE,)
