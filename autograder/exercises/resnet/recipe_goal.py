"""The goal of part b: a network that reads handwritten digits after a hundred labelled ones."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

import p2v_data
from autograder.exercises.forbidden import DATA, TRAINERS
from autograder.exercises.goals import Goal, held_out_case
from autograder.exercises.lenet.goal import NearestExample, mean_digits, overflowing, untrained
from autograder.exercises.resnet.crops import READY_MADE
from autograder.spec import Case, Exercise, Rng, Wrong

CLASSES, EACH = 10, 10
GOAL = Goal(
    "held-out digits",
    below=(
        (0.25, "hardly better than guessing"),
        (0.80, "between 25 and 80 % right"),
        (0.88, "between 80 and 88 % right"),
    ),
    passed="at least 88 % right",
    unanswered="some digits are never answered",
)


def goal_cases(rng: Rng) -> Iterator[Case]:
    """On digits drawn anew."""
    start = int(rng.integers(0, 1000, 1))
    few = p2v_data.digits(train=CLASSES * EACH, seed=start)
    yield held_out_case("1,000 digits that were held out", few, start)


def first_five_classes(images: Tensor, labels: Tensor, seed: int = 0) -> nn.Module:
    kept = labels < CLASSES // 2
    return NearestExample(images[kept], labels[kept])


def seeds_for_all(images: Tensor, labels: Tensor, seed: int = 0) -> nn.Module:
    """Reads well (it has all the course's digits by heart), and seeds torch's global generator."""
    torch.manual_seed(seed)
    known = p2v_data.digits().train
    return NearestExample(known.images.to(images), known.labels.to(labels))


TRAIN_WITH_RECIPE = Exercise(
    id="resnet.train_with_recipe",
    cases=goal_cases,
    oracle=mean_digits,  # its logits give way to what the case expects
    measure=GOAL.measure,
    wrong=(
        Wrong(
            "hardly learns",
            untrained,
            "the network is hardly better than guessing (under 25 %): either its weights don't change, or images and "
            "labels no longer belong together, or the steps are too large.",
            "does the training loss fall? Is the same order applied to images and labels?",
        ),
        Wrong(
            "has seen some digits only",
            first_five_classes,
            "some digits are never answered, as if they had not been among the training data.",
            "are all hundred images used in every epoch?",
        ),
        Wrong(
            "learns a hundred digits by heart",
            mean_digits,
            "fewer than 80 % are right. That is what a plain training reaches: it knows its hundred digits, and little "
            "more. (Comparing with the average image of each digit gives 70 to 74 %.)",
            "does every epoch see the digits in another form? Are they still digits (not mirrored, not cut to pieces)? "
            "Is the network in training mode?",
        ),
        Wrong(
            "moves torch's global random state",
            seeds_for_all,
            "it reads well enough, but whoever draws random numbers after this training gets others than before it.",
            "with torch.random.fork_rng(devices=[]): seed and make the network in there; all other draws come from a "
            "generator of your own.",
        ),
        Wrong(
            "overflows",
            overflowing,
            "the logits are NaN or infinite: training blew up.",
            "a smaller learning rate, a longer warm-up.",
        ),
    ),
    hints=(
        "Two loops: over epochs, and over pieces of a random order. Each epoch draws all hundred images anew with "
        "random_resized_crop, scale=(0.6, 1.0), and a new seed.",
        "Labels: 0.9 · one-hot + 0.01. F.cross_entropy takes such labels too, and those that mixup has made of them.",
        "AdamW with lr 4e-3 and weight decay 0.05, a hundred epochs of two batches, cosine_warmup at every step: "
        'optimizer.param_groups[0]["lr"] = …',
    ),
    points=5,
    minutes=30,
    needs=(
        "resnet.BasicBlock",
        "resnet.random_resized_crop",
        "resnet.mixup",
        "resnet.cosine_warmup",
    ),
    forbidden=(*TRAINERS, *DATA, *READY_MADE, "mlxtend", "sklearn"),
    time_limit=120.0,
    live=True,
)

EXERCISES = (TRAIN_WITH_RECIPE,)
