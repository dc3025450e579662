"""The second goal: a network that finds the first digit's like among six, and reads its mark."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import p2v_data
from autograder.exercises.attention._ready_made import PUZZLES
from autograder.exercises.forbidden import DATA, TRAINERS
from autograder.exercises.goals import Goal, held_out_case
from autograder.exercises.lenet.goal import NearestExample, constant
from autograder.spec import Case, Exercise, Rng, Wrong

MARKS, SIDE = 4, 16
GOAL = Goal(
    "held-out strips",
    below=(
        (0.30, "no better than guessing"),
        (0.52, "counts marks, without looking for the digit"),  # the most frequent mark is right in 47 %
        (0.85, "between 52 and 85 % right"),
    ),
    passed="at least 85 % right",
)


def cases(rng: Rng) -> Iterator[Case]:
    strips = p2v_data.marked_digits(seed=int(rng.integers(0, 1000, 1)))
    yield held_out_case("1,000 strips of digits that were held out", strips, int(rng.integers(0, 1000, 1)))


def marks_and_likeness(strips: Tensor) -> tuple[Tensor, Tensor]:
    """How bright each side of the six cells is (N, 6, 4), and how alike each is to the first (N, 6)."""
    cells = strips[:, 0].unflatten(2, (-1, SIDE)).transpose(1, 2)
    sides = torch.stack([cells[:, 1:, 0], cells[:, 1:, :, -1], cells[:, 1:, -1], cells[:, 1:, :, 0]], dim=2)
    digits = F.avg_pool2d(cells[:, :, 1:-1, 1:-1], 2).flatten(2)
    digits = F.normalize(digits - digits.mean(-1, keepdim=True), dim=-1)
    return sides.mean(-1), torch.einsum("nd,nkd->nk", digits[:, 0], digits[:, 1:])


class MostFrequentMark(nn.Module):
    def forward(self, strips: Tensor) -> Tensor:
        return marks_and_likeness(strips)[0].sum(1)


class MostAlike(nn.Module):
    """Nothing is learnt: two handwritings are compared pixel by pixel."""

    def forward(self, strips: Tensor) -> Tensor:
        marks, alike = marks_and_likeness(strips)
        return torch.einsum("nk,nkm->nm", (20 * alike).softmax(-1), marks)


class KnownByHeart(nn.Module):
    """Says which class every digit is, by the nearest of many known ones, and compares classes."""

    def __init__(self, known: NearestExample) -> None:
        super().__init__()
        self.known = known

    def forward(self, strips: Tensor) -> Tensor:
        cells = strips[:, 0].unflatten(2, (-1, SIDE)).transpose(1, 2)[..., 1:-1, 1:-1]
        classes = (4 * self.known(cells.flatten(0, 1))).softmax(-1).unflatten(0, cells.shape[:2])
        alike = torch.einsum("nc,nkc->nk", classes[:, 0], classes[:, 1:])
        return torch.einsum("nk,nkm->nm", alike, marks_and_likeness(strips)[0])


def seeds_for_all(images: Tensor, labels: Tensor, seed: int = 0) -> nn.Module:
    """Finds well (it has many of the course's digits by heart), and seeds torch's global generator."""
    torch.manual_seed(seed)
    digit = p2v_data.digits().train
    small = F.avg_pool2d(digit.images[:2000], 2)
    return KnownByHeart(NearestExample(small.to(images), digit.labels[:2000].to(labels)))


def frequent(images: Tensor, labels: Tensor, seed: int = 0) -> nn.Module:
    return MostFrequentMark()


def alike(images: Tensor, labels: Tensor, seed: int = 0) -> nn.Module:
    return MostAlike()


TRAIN_FINDER = Exercise(
    id="attention.train_finder",
    cases=cases,
    oracle=alike,  # its logits give way to what the case expects
    measure=GOAL.measure,
    wrong=(
        Wrong(
            "never learns",
            constant(0.0, MARKS),
            "the network is no better than guessing (under 30 %).",
            "does the training loss fall? Do strips and labels still belong together?",
        ),
        Wrong(
            "counts marks only",
            frequent,
            "the network answers the most frequent mark of the strip (about 47 %): it doesn't look for the digit.",
            "this is where the loss rests for a while before attention finds its way: train on, or with larger steps.",
        ),
        Wrong(
            "stops too early",
            alike,
            "it looks for the digit, but fewer than 85 % are right.",
            "if both losses still fall, train on; else more strips' worth of epochs or a smaller rate at the end.",
        ),
        Wrong(
            "moves torch's global random state",
            seeds_for_all,
            "it reads well enough, but whoever draws random numbers after this training gets others than before it.",
            "with torch.random.fork_rng(devices=[]): seed and make the network in there.",
        ),
        Wrong(
            "overflows",
            constant(float("nan"), MARKS),
            "the logits are NaN or infinite: training blew up.",
            "a smaller rate.",
        ),
    ),
    hints=(
        "Finder and train_arm are the parts. Watch the loss: it starts at log 4 = 1.39, rests above 1.08 (where it "
        "counts marks and no more), then falls quickly.",
        "train_arm(Finder(), images, labels, epochs, seed, rate) with a rate of about 0.003.",
        "Seed inside torch.random.fork_rng(devices=[]), build, train; eighteen epochs are past the goal.",
    ),
    points=4,
    minutes=20,
    needs=("lenet.cross_entropy", "attention.CrossAttention"),
    forbidden=(*TRAINERS, *DATA, *PUZZLES, "mlxtend", "sklearn", "torchvision.models", "timm"),
    time_limit=120.0,
    live=True,
)

EXERCISES = (TRAIN_FINDER,)
