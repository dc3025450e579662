"""Class weights, compared with scikit-learn."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from autograder.exercises.resnet._ready_made_c import SCORES
from autograder.spec import Case, Exercise, Rng, Wrong, of_call


def oracle(labels: Tensor, num_classes: int) -> Tensor:
    from sklearn.utils.class_weight import compute_class_weight

    weights = torch.zeros(num_classes)
    kinds = labels.unique().cpu().numpy()
    if len(kinds):
        found = compute_class_weight("balanced", classes=kinds, y=labels.cpu().numpy())
        weights[torch.from_numpy(kinds)] = torch.from_numpy(found).float()
    return weights.to(labels.device)


def drawn(rng: Rng, *counts: int) -> Tensor:
    """So many labels of each class, mixed."""
    labels = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    return labels[rng.permutation(len(labels))]


def cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "three of one, one of another, by hand",
        labels=torch.tensor([0, 0, 0, 1]),
        num_classes=2,
        expect=torch.tensor([4 / 6, 2.0]),
        note="4 samples, 2 classes: 4 / (2·3) = 0.667 and 4 / (2·1) = 2",
    )
    yield of_call("3 classes", labels=drawn(rng, 5, 8, 3), num_classes=3)
    yield of_call("a class in the middle that never occurs", labels=drawn(rng, 6, 0, 2), num_classes=3)
    yield of_call("the last two never occur", labels=drawn(rng, 7, 2), num_classes=4)
    yield of_call("one class in a thousand", labels=drawn(rng, 2997, 3), num_classes=2)
    yield of_call("all the same class", labels=torch.full((6,), 1), num_classes=3)
    yield of_call("10 classes, as they come", labels=rng.integers(0, 10, 200), num_classes=10)


def _counts(labels: Tensor, num_classes: int) -> Tensor:
    return torch.bincount(labels, minlength=num_classes).float()


def shares(labels: Tensor, num_classes: int) -> Tensor:
    return _counts(labels, num_classes) / len(labels)


def plain_inverse(labels: Tensor, num_classes: int) -> Tensor:
    return (1 / _counts(labels, num_classes)).nan_to_num(posinf=0.0)


def not_over_classes(labels: Tensor, num_classes: int) -> Tensor:
    return len(labels) * plain_inverse(labels, num_classes)


def infinite_for_absent(labels: Tensor, num_classes: int) -> Tensor:
    return len(labels) / (_counts(labels, num_classes) * len(labels.unique()))


def absent_counted(labels: Tensor, num_classes: int) -> Tensor:
    return not_over_classes(labels, num_classes) / num_classes


def absent_as_one(labels: Tensor, num_classes: int) -> Tensor:
    return torch.where(_counts(labels, num_classes) == 0, 1.0, oracle(labels, num_classes))


def summing_to_one(labels: Tensor, num_classes: int) -> Tensor:
    found = plain_inverse(labels, num_classes)
    return found / found.sum()


def largest_as_one(labels: Tensor, num_classes: int) -> Tensor:
    return _counts(labels, num_classes).max() * plain_inverse(labels, num_classes)


def present_only(labels: Tensor, num_classes: int) -> Tensor:
    return oracle(labels, num_classes)[labels.unique()]


CLASS_WEIGHTS = Exercise(
    id="resnet.class_weights",
    cases=cases,
    oracle=oracle,
    wrong=(
        Wrong(
            "gives the classes' shares",
            shares,
            says="a frequent class weighs most here; it should weigh least.",
            look="the count belongs below the line.",
        ),
        Wrong(
            "gives one over the count",
            plain_inverse,
            says="the weights stand in the right proportion, but the loss shrinks with the number of samples.",
            look="multiply with N, and divide by the number of classes.",
        ),
        Wrong(
            "forgets the number of classes",
            not_over_classes,
            says="all weights are K times too large.",
            look="over all samples the weights should come to N.",
        ),
        Wrong(
            "gives infinity to an absent class",
            infinite_for_absent,
            says="a class without samples has the weight N / 0.",
            look="its weight is 0; torch.where.",
        ),
        Wrong(
            "counts absent classes",
            absent_counted,
            says="K counts classes without samples too, so the weights of all samples come to less than N.",
            look="how many counts are above 0?",
        ),
        Wrong(
            "gives an absent class weight 1",
            absent_as_one,
            says="a class without samples weighs 1; here it is 0.",
            look="the last argument of torch.where.",
        ),
        Wrong(
            "makes the weights sum to 1",
            summing_to_one,
            says="the weights of the *classes* sum to 1; those of all *samples* should sum to N.",
            look="N / (K · count).",
        ),
        Wrong(
            "gives the most frequent class 1",
            largest_as_one,
            says="weights are relative to the most frequent class, so the loss grows with the imbalance.",
            look="N / (K · count).",
        ),
        Wrong(
            "leaves absent classes out",
            present_only,
            says="there is no weight for classes without samples; num_classes weights are asked for.",
            look="bincount has an argument for the least length.",
        ),
    ),
    hints=(
        "Count each class, as in confusion_matrix.",
        "len(labels) / (present.sum() · counts), with 0 where the count is 0.",
    ),
    points=1,
    minutes=8,
    forbidden=SCORES,
)

EXERCISES = (CLASS_WEIGHTS,)
