"""The lesson's goal: a network that reads handwritten digits it has not seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import p2v_data
from autograder.exercises.forbidden import DATA, TRAINERS
from autograder.exercises.goals import Goal, logits_and_truth
from autograder.spec import Case, Exercise, Outputs, Ref, Rng, Wrong, call, mode, new, seed

CLASSES = 10
GOAL = Goal(
    "held-out digits",
    below=(
        (0.20, "no better than guessing"),
        (0.90, "between 20 and 90 % right"),
        (0.95, "between 90 and 95 % right"),
    ),
    passed="at least 95 % right",
    unanswered="some digits are never answered",
)


def goal_cases(rng: Rng) -> Iterator[Case]:
    """Trains once. The labels of the held-out digits stay with the judge, as what is expected."""
    digits = p2v_data.digits()
    start = int(rng.integers(0, 1000, 1))
    yield Case(
        "1,000 digits that were held out",
        (
            seed(start),
            new("model", images=Ref("images"), labels=Ref("labels"), seed=Ref("seed")),
            mode("model", "eval"),
            call("logits", Ref("held_out"), target="model"),
        ),
        inputs={
            "images": digits.train.images,
            "labels": digits.train.labels,
            "seed": start,
            "held_out": digits.test.images,
        },
        expect={"logits": F.one_hot(digits.test.labels, CLASSES).float()},
    )


def goal_measure(case: Case, outputs: Outputs) -> Outputs:
    """One sentence on the predictions: whether the goal is reached, or how far off they are."""
    return {GOAL.what: GOAL.finding(*logits_and_truth(case, outputs))}


class NearestExample(nn.Module):
    """Answers with the class of the nearest of a few examples: nothing is trained."""

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        super().__init__()
        self.register_buffer("examples", images.flatten(1))
        self.register_buffer("classes", F.one_hot(labels, CLASSES).bool())

    examples: Tensor
    classes: Tensor

    def forward(self, x: Tensor) -> Tensor:
        nearness = -torch.cdist(x.flatten(1), self.examples)
        return torch.stack([self._best(nearness[:, members]) for members in self.classes.T], dim=1)

    @staticmethod
    def _best(nearness: Tensor) -> Tensor:
        return nearness.amax(1) if nearness.shape[1] else nearness.new_full((len(nearness),), -1e6)


def mean_digits(images: Tensor, labels: Tensor, seed: int = 0) -> nn.Module:
    means = torch.stack([images[labels == k].mean(0) for k in range(CLASSES)])
    return NearestExample(means, torch.arange(CLASSES, device=labels.device))


def a_few_examples(images: Tensor, labels: Tensor, seed: int = 0) -> nn.Module:
    return NearestExample(images[:1500], labels[:1500])


def first_five_classes(images: Tensor, labels: Tensor, seed: int = 0) -> nn.Module:
    order = labels.argsort(stable=True)[: len(labels) // 2 : 4]
    return NearestExample(images[order], labels[order])


def untrained(images: Tensor, labels: Tensor, seed: int = 0) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(images[0].numel(), CLASSES))


def constant(value: float, classes: int) -> Callable[..., nn.Module]:
    """An answer whose network gives this number for every class of every image."""

    class Constant(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.new_full((len(x), classes), value)

    def answer(images: Tensor, labels: Tensor, seed: int = 0) -> nn.Module:
        return Constant()

    return answer


overflowing = constant(float("nan"), CLASSES)


TRAIN_LENET = Exercise(
    id="lenet.train_lenet",
    cases=goal_cases,
    oracle=mean_digits,  # its logits give way to what the case expects
    measure=goal_measure,
    wrong=(
        Wrong(
            "never learns",
            untrained,
            "the network is no better than guessing (under 20 %): either its weights never change, or images and "
            "labels no longer belong together, or the steps are so large that it forgets everything.",
            "does the training loss fall? If so, are images and labels shuffled by the same permutation?",
        ),
        Wrong(
            "has seen some digits only",
            first_five_classes,
            "some digits are never answered, as if they had not been among the training data.",
            "take the validation part at random, and count the labels of what is left.",
        ),
        Wrong(
            "stops far too early",
            mean_digits,
            "the network has learnt something, but fewer than 90 % are right. Comparing with the average image of "
            "each digit gives 80 % without any training.",
            "look at the curves: if both losses still fall, train on or take larger steps; if they jump, smaller ones.",
        ),
        Wrong(
            "stops a little too early",
            a_few_examples,
            "nearly there: between 90 and 95 % are right.",
            "a few more epochs, all images but a small validation part, and the best weights put back.",
        ),
        Wrong(
            "overflows",
            overflowing,
            "the logits are NaN or infinite: training blew up.",
            "a smaller learning rate; and is your cross-entropy safe for large logits?",
        ),
    ),
    hints=(
        "You have all the parts: LeNet5, Adam, cross_entropy, fit. Shuffle, set a tenth aside, cut into batches.",
        "batches = list(zip(images[train].split(50), labels[train].split(50))), with train from torch.randperm.",
        "Adam with lr 0.001 to 0.003, batches of 32 to 64 and ten epochs reach about 97 %.",
    ),
    points=5,
    minutes=30,
    needs=("lenet.LeNet5", "lenet.cross_entropy", "lenet.Adam", "lenet.fit"),
    forbidden=(*TRAINERS, *DATA, "mlxtend", "sklearn", "torchvision.models", "timm"),
    time_limit=120.0,
    live=True,
)

EXERCISES = (TRAIN_LENET,)
