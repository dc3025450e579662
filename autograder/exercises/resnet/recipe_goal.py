"""The goal of part b: a network that reads handwritten digits after a hundred labelled ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import p2v_data
from autograder.exercises.forbidden import DATA, TRAINERS
from autograder.exercises.lenet.goal import NearestExample, mean_digits, overflowing
from autograder.exercises.resnet.crops import READY_MADE
from autograder.spec import Case, Exercise, Outputs, Ref, Rng, Wrong, call, draw, mode, new, seed

CLASSES, EACH = 10, 10
GOAL, PLAIN, CHANCE = 0.88, 0.80, 0.25
PASSED = "at least 88 % right"


def goal_cases(rng: Rng) -> Iterator[Case]:
    """Trains once, on digits drawn anew. The labels of the held-out ones stay with the judge, as what is expected."""
    start = int(rng.integers(0, 1000, 1))
    few = p2v_data.digits(train=CLASSES * EACH, seed=start)
    yield Case(
        "1,000 digits that were held out",
        (
            seed(start + 1),  # not the training's own: else to seed with that would change nothing
            new("model", images=Ref("images"), labels=Ref("labels"), seed=Ref("seed")),
            draw("random"),
            mode("model", "eval"),
            call("logits", Ref("held_out"), target="model"),
        ),
        inputs={"images": few.train.images, "labels": few.train.labels, "seed": start, "held_out": few.test.images},
        expect={"logits": F.one_hot(few.test.labels, CLASSES).float()},
    )


def goal_measure(case: Case, outputs: Outputs) -> Outputs:
    """One sentence on the predictions: whether the goal is reached, or how far off they are. Then the random state."""
    logits, truth = outputs["logits"], case.expect["logits"]
    if logits.shape != truth.shape:
        raise ValueError(f"expected logits of shape {tuple(truth.shape)}, got {tuple(logits.shape)}")
    finding = _finding(logits, truth.argmax(1))
    return {"held-out digits": finding} | (random_state(case, outputs) if finding == PASSED else {})


def random_state(case: Case, outputs: Outputs) -> Outputs:
    """Whether torch's next random number is the first one after the seed that the case sets."""
    untouched = float(torch.rand((), generator=torch.Generator().manual_seed(case.steps[0].args[0])))
    return {"torch's random state is as it was": outputs["random"] == untouched}


def _finding(logits: Tensor, truth: Tensor) -> str:
    if not bool(logits.isfinite().all()):
        return "logits that are not finite"
    answered = logits.argmax(1)
    accuracy = float((answered == truth).double().mean())
    if accuracy >= GOAL:
        return PASSED
    if accuracy < CHANCE:
        return "hardly better than guessing"
    if len(answered.unique()) < CLASSES:
        return "some digits are never answered"
    return "between 80 and 88 % right" if accuracy >= PLAIN else "between 25 and 80 % right"


def first_five_classes(images: Tensor, labels: Tensor, seed: int = 0) -> nn.Module:
    kept = labels < CLASSES // 2
    return NearestExample(images[kept], labels[kept])


def seeds_for_all(images: Tensor, labels: Tensor, seed: int = 0) -> nn.Module:
    """Reads well (it has all the course's digits by heart), and seeds torch's global generator."""
    torch.manual_seed(seed)
    known = p2v_data.digits().train
    return NearestExample(known.images.to(images), known.labels.to(labels))


def untrained(images: Tensor, labels: Tensor, seed: int = 0) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(images[0].numel(), CLASSES))


def _wrong(name: str, answer: Callable[..., nn.Module], says: str, look: str) -> Wrong:
    return Wrong(name, answer, says=says, look=look)


TRAIN_WITH_RECIPE = Exercise(
    id="resnet.train_with_recipe",
    cases=goal_cases,
    oracle=mean_digits,  # its logits give way to what the case expects
    measure=goal_measure,
    wrong=(
        _wrong(
            "hardly learns",
            untrained,
            "the network is hardly better than guessing (under 25 %): either its weights don't change, or images and "
            "labels no longer belong together, or the steps are too large.",
            "does the training loss fall? Is the same order applied to images and labels?",
        ),
        _wrong(
            "has seen some digits only",
            first_five_classes,
            "some digits are never answered, as if they had not been among the training data.",
            "are all hundred images used in every epoch?",
        ),
        _wrong(
            "learns a hundred digits by heart",
            mean_digits,
            "fewer than 80 % are right. That is what a plain training reaches: it knows its hundred digits, and little "
            "more. (Comparing with the average image of each digit gives 70 to 74 %.)",
            "does every epoch see the digits in another form? Are they still digits (not mirrored, not cut to pieces)? "
            "Is the network in training mode?",
        ),
        _wrong(
            "moves torch's global random state",
            seeds_for_all,
            "it reads well enough, but whoever draws random numbers after this training gets others than before it.",
            "with torch.random.fork_rng(devices=[]): seed and make the network in there; all other draws come from a "
            "generator of your own.",
        ),
        _wrong(
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
