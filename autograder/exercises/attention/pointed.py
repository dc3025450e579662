"""The first goal: a network that reads the digit which a far-away bar means."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import p2v_data
from autograder.exercises.attention._ready_made import PUZZLES
from autograder.exercises.forbidden import DATA, TRAINERS
from autograder.exercises.goals import Goal, held_out_case
from autograder.exercises.lenet.goal import constant
from autograder.spec import Case, Exercise, Rng, Wrong

CLASSES = 3
GOAL = Goal(
    "held-out pictures",
    below=(
        (0.15, "reads the digit that is not meant"),
        (0.42, "no better than guessing"),
        (0.60, "about half right, as if the bar were not there"),
        (0.90, "between 60 and 90 % right"),
    ),
    passed="at least 90 % right",
)


def cases(rng: Rng) -> Iterator[Case]:
    pictures = p2v_data.pointed_digits(seed=int(rng.integers(0, 1000, 1)))
    yield held_out_case("1,000 pictures of digits that were held out", pictures, int(rng.integers(0, 1000, 1)))


class ByTemplate(nn.Module):
    """Answers without being trained: which class's mean picture fits the digit best, at its best place."""

    templates: Tensor

    def __init__(self, templates: Tensor, choose: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.register_buffer("templates", templates)
        self.choose = choose  # from pictures: whether blue is meant

    def forward(self, x: Tensor) -> Tensor:
        both = torch.stack([self._scores(x[:, 0]), self._scores(x[:, 2])], dim=1)  # red, blue
        return both[torch.arange(len(x)), self.choose(x).long()]

    def _scores(self, plane: Tensor) -> Tensor:
        return F.conv2d(plane[:, None], self.templates).amax((2, 3))


def without_bar(x: Tensor) -> Tensor:
    return x[:, 1].sum((1, 2)) == 0


def by_template(images: Tensor, choose: Callable[[Tensor], Tensor]) -> ByTemplate:
    """Templates of length 1 and mean 0, from the digits that the pictures are made of."""
    digit = p2v_data.digits().train
    small = F.avg_pool2d(digit.images, 2)
    means = torch.stack([small[digit.labels == k].mean(0) for k in range(CLASSES)])
    means = means - means.mean((1, 2, 3), keepdim=True)
    return ByTemplate((means / means.flatten(1).norm(dim=1)[:, None, None, None]).to(images), choose)


def obeys(images: Tensor, labels: Tensor, seed: int = 0) -> nn.Module:
    return by_template(images, without_bar)


def seeds_for_all(images: Tensor, labels: Tensor, seed: int = 0) -> nn.Module:
    """Obeys, and seeds torch's global generator."""
    torch.manual_seed(seed)
    return obeys(images, labels)


def reads_red(images: Tensor, labels: Tensor, seed: int = 0) -> nn.Module:
    return by_template(images, lambda x: torch.zeros(len(x)))


def reads_other(images: Tensor, labels: Tensor, seed: int = 0) -> nn.Module:
    return by_template(images, lambda x: ~without_bar(x))


def often_obeys(images: Tensor, labels: Tensor, seed: int = 0) -> nn.Module:
    """Minds the bar in half of the pictures; reads red in the others."""
    return by_template(images, lambda x: without_bar(x) & (torch.arange(len(x), device=x.device) % 2 == 0))


TRAIN_POINTED = Exercise(
    id="attention.train_pointed",
    cases=cases,
    oracle=obeys,  # its logits give way to what the case expects
    measure=GOAL.measure,
    wrong=(
        Wrong(
            "never learns",
            constant(0.0, CLASSES),
            "the network is no better than guessing (a third).",
            "does the training loss fall? Do pictures and labels still belong together?",
        ),
        Wrong(
            "doesn't mind the bar",
            reads_red,
            "about half of the answers are right: it reads one of the two digits, but not the one that is meant.",
            "the news of the bar must reach the places of the digits. Which attention carries it, behind which stage?",
        ),
        Wrong(
            "reads the other digit",
            reads_other,
            "nearly every answer is wrong, which is no accident: it reads the digit that is *not* meant.",
            "are the logits' signs turned, or the channels of the pictures?",
        ),
        Wrong(
            "stops too early",
            often_obeys,
            "it minds the bar, but fewer than 90 % are right.",
            "if both losses still fall, train on; else another rate, or attention elsewhere. Near 75 % the bar may "
            "only be voting, not deciding.",
        ),
        Wrong(
            "moves torch's global random state",
            seeds_for_all,
            "it reads well enough, but whoever draws random numbers after this training gets others than before it.",
            "with torch.random.fork_rng(devices=[]): seed and make the network in there.",
        ),
        Wrong(
            "overflows",
            constant(float("nan"), CLASSES),
            "the logits are NaN or infinite: training blew up.",
            "a smaller rate.",
        ),
    ),
    hints=(
        "The recorded figure shows which attention pays behind which stage. Begin with the best of it.",
        "PlacedNet({1: lambda c: SEBlock(c, 4)}), and train_arm with a rate of 0.01.",
        "Seed inside torch.random.fork_rng(devices=[]), build; then train_arm(model, images, labels, 4, seed, 0.01).",
    ),
    points=4,
    minutes=20,
    needs=("lenet.cross_entropy", "attention.SEBlock", "attention.NonLocalBlock"),
    forbidden=(*TRAINERS, *DATA, *PUZZLES, "mlxtend", "sklearn", "torchvision.models", "timm"),
    time_limit=120.0,
    live=True,
)

EXERCISES = (TRAIN_POINTED,)
