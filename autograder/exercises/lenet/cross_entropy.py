"""Cross-entropy with class weights, ignored labels and label smoothing, as F.cross_entropy defines their meeting."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from autograder.exercises.forbidden import CROSS_ENTROPY
from autograder.exercises.lenet.losses import unshifted
from autograder.spec import Case, Exercise, Rng, Speed, Wrong, of_call

FLOAT64 = torch.float64


def cross_entropy_oracle(
    logits: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
) -> Tensor:
    return F.cross_entropy(logits, target, weight, ignore_index=ignore_index, label_smoothing=label_smoothing)


def cross_entropy_cases(rng: Rng) -> Iterator[Case]:
    yield from plain_cases(rng)
    yield from option_cases(rng)
    yield from combined_cases(rng)


def plain_cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "two samples, two classes, by hand",
        logits=torch.tensor([[0.0, 1.0986123], [0.0, 0.0]]),
        target=torch.tensor([0, 1]),
        gradients=("logits",),
        expect=torch.tensor(1.0397208),
        note="softmax gives (¼, ¾) and (½, ½): (−log ¼ − log ½) / 2 = (1.3863 + 0.6931) / 2 = 1.0397",
        terms=4,
    )
    yield of_call("one sample", logits=rng.normal(1, 5), target=rng.integers(0, 5, 1), gradients=("logits",), terms=5)
    yield of_call("7 samples", logits=rng.normal(7, 4), target=rng.integers(0, 4, 7), gradients=("logits",), terms=28)
    yield of_call(
        "logits near ±10,000",
        logits=1e4 * torch.tensor([[1.0, -1.0, 0.5], [0.2, 0.1, -1.0]]) + rng.normal(2, 3),
        target=torch.tensor([1, 1]),
        gradients=("logits",),
        terms=6,
        scale=2e4,
    )
    yield of_call(
        "float64, not contiguous",
        logits=rng.strided(6, 5, dtype=FLOAT64),
        target=rng.integers(0, 5, 6),
        gradients=("logits",),
        terms=30,
    )


def option_cases(rng: Rng) -> Iterator[Case]:
    """Each option alone."""
    yield of_call(
        "class weights",
        logits=rng.normal(6, 3),
        target=torch.tensor([0, 0, 1, 2, 0, 1]),
        weight=torch.tensor([0.5, 2.0, 3.0]),
        gradients=("logits",),
        terms=18,
    )
    yield of_call(
        "two of five labels ignored (−100)",
        logits=rng.normal(5, 4),
        target=torch.tensor([3, -100, 0, 2, -100]),
        gradients=("logits",),
        terms=20,
    )
    yield of_call(
        "class 0 ignored",
        logits=rng.normal(5, 3),
        target=torch.tensor([0, 2, 1, 0, 2]),
        weight=None,
        ignore_index=0,
        gradients=("logits",),
        terms=15,
    )
    yield of_call(
        "label smoothing 0.2",
        logits=rng.normal(4, 5),
        target=rng.integers(0, 5, 4),
        weight=None,
        ignore_index=-100,
        label_smoothing=0.2,
        gradients=("logits",),
        terms=20,
    )


def combined_cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "weights and ignored labels",
        logits=rng.normal(5, 3),
        target=torch.tensor([0, 255, 1, 2, 255]),
        weight=torch.tensor([0.5, 2.0, 3.0]),
        ignore_index=255,
        gradients=("logits",),
        terms=15,
    )
    yield of_call(
        "label smoothing and ignored labels",
        logits=rng.normal(5, 3),
        target=torch.tensor([1, -100, 0, 2, -100]),
        weight=None,
        ignore_index=-100,
        label_smoothing=0.3,
        gradients=("logits",),
        terms=15,
    )
    yield of_call(
        "everything at once, float64",
        logits=rng.normal(8, 4, dtype=FLOAT64),
        target=torch.tensor([0, 1, 2, 3, -1, 3, 1, -1]),
        weight=rng.uniform(4, low=0.5, high=3.0, dtype=FLOAT64),
        ignore_index=-1,
        label_smoothing=0.1,
        gradients=("logits",),
        terms=32,
    )


# The wrong answers take weight, ignore_index and label_smoothing by name, as the cases do.


def naive(
    logits: Tensor, target: Tensor, weight: Tensor | None = None, label_smoothing: float = 0.0, **options: Any
) -> Tensor:
    log_p = unshifted(logits)
    if label_smoothing:
        return F.cross_entropy(log_p, target, weight, label_smoothing=label_smoothing, **options)
    return F.nll_loss(log_p, target, weight, **options)


def softmax_twice(logits: Tensor, target: Tensor, weight: Tensor | None = None, **options: Any) -> Tensor:
    return F.cross_entropy(F.softmax(logits, -1), target, weight, **options)


def uphill(logits: Tensor, target: Tensor, weight: Tensor | None = None, **options: Any) -> Tensor:
    return -F.cross_entropy(logits, target, weight, **options)


def summed(logits: Tensor, target: Tensor, weight: Tensor | None = None, **options: Any) -> Tensor:
    return F.cross_entropy(logits, target, weight, reduction="sum", **options)


def mean_over_all(logits: Tensor, target: Tensor, weight: Tensor | None = None, **options: Any) -> Tensor:
    return summed(logits, target, weight, **options) / len(target)


def mean_over_kept(
    logits: Tensor, target: Tensor, weight: Tensor | None = None, ignore_index: int = -100, **options: Any
) -> Tensor:
    return summed(logits, target, weight, ignore_index=ignore_index, **options) / (target != ignore_index).sum()


def ignored_in_the_mean(
    logits: Tensor, target: Tensor, weight: Tensor | None = None, ignore_index: int = -100, **options: Any
) -> Tensor:
    kept = target[target != ignore_index]
    total = len(kept) if weight is None else weight[kept].sum()
    loss = F.cross_entropy(logits, target, weight, ignore_index=ignore_index, **options)
    return loss * total / (total + len(target) - len(kept))


def without_weight(logits: Tensor, target: Tensor, weight: Tensor | None = None, **options: Any) -> Tensor:
    return F.cross_entropy(logits, target, **options)


def without_ignoring(
    logits: Tensor, target: Tensor, weight: Tensor | None = None, ignore_index: int = -100, **options: Any
) -> Tensor:
    if bool((target < 0).any() or (target >= logits.shape[1]).any()):
        raise IndexError("a label outside of the classes was looked up")
    return F.cross_entropy(logits, target, weight, **options)


def without_smoothing(
    logits: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
) -> Tensor:
    return F.cross_entropy(logits, target, weight, ignore_index=ignore_index)


def plain(logits: Tensor, target: Tensor, weight: Tensor | None = None, **options: Any) -> Tensor:
    return -F.log_softmax(logits, -1)[torch.arange(len(target), device=target.device), target].mean()


def smoothing_over_the_others(
    logits: Tensor, target: Tensor, weight: Tensor | None = None, label_smoothing: float = 0.0, **options: Any
) -> Tensor:
    more = label_smoothing * logits.shape[1] / (logits.shape[1] - 1)
    return F.cross_entropy(logits, target, weight, label_smoothing=more, **options)


def smoothing_over_ignored_rows(
    logits: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
) -> Tensor:
    hard = F.cross_entropy(logits, target, weight, ignore_index=ignore_index)
    shares = torch.ones_like(logits) if weight is None else weight.expand_as(logits)
    kept = target[target != ignore_index]
    total = len(kept) if weight is None else weight[kept].sum()
    smooth = -(F.log_softmax(logits, -1) * shares).mean(1).sum() / total
    return (1 - label_smoothing) * hard + label_smoothing * smooth


CROSS_ENTROPY_SPEC = Exercise(
    id="lenet.cross_entropy",
    cases=cross_entropy_cases,
    oracle=cross_entropy_oracle,
    wrong=(
        Wrong(
            "overflows",
            naive,
            says="exp of a large logit is infinite, and exp of a very low one is 0.",
            look="your log_softmax has solved this already.",
        ),
        Wrong(
            "applies softmax twice",
            softmax_twice,
            says="the logits become probabilities before the loss takes its own softmax of them.",
            look="logits go into log_softmax as they are.",
        ),
        Wrong(
            "forgets the minus",
            uphill,
            says="the sign is wrong: a log-probability is at most 0, a loss should be at least 0.",
            look="what is the loss of a certain and right prediction, and what of a wrong one?",
        ),
        Wrong(
            "adds up without a mean",
            summed,
            says="this is the sum over samples; the mean is asked for.",
            look="divide by what was counted: samples, or their weights.",
        ),
        Wrong(
            "counts ignored rows and forgets the sum of weights",
            mean_over_all,
            says="the sum is divided by the number of rows. Ignored rows don't count, and with class weights the "
            "mean is a weighted one: divided by the sum of the weights used.",
            look="what would the loss be if every kept row had the loss 1?",
        ),
        Wrong(
            "divides by a count where weights were added",
            mean_over_kept,
            says="with class weights the mean is a weighted one: it is divided by the sum of the weights used, "
            "not by the number of rows.",
            look="what would the loss be if every row had the loss 1?",
        ),
        Wrong(
            "counts ignored rows",
            ignored_in_the_mean,
            says="ignored rows add nothing to the sum, but still count in the mean.",
            look="which rows belong in the denominator?",
        ),
        Wrong(
            "ignores the class weights",
            without_weight,
            says="weight is never used.",
            look="each row's loss is multiplied by the weight of its label.",
        ),
        Wrong(
            "ignores ignore_index",
            without_ignoring,
            says="rows whose label is ignore_index are treated like all others (and −100 is no index at all).",
            look="leave these rows out before anything is looked up or counted.",
        ),
        Wrong(
            "ignores label smoothing",
            without_smoothing,
            says="label_smoothing is never used.",
            look="the target is (1 − ε) on the label plus ε/K on every class.",
        ),
        Wrong(
            "has no options yet",
            plain,
            says="this is the plain loss: weight, ignore_index and label_smoothing change nothing.",
            look="add one option at a time, ignore_index first: keep only the rows that count.",
        ),
        Wrong(
            "smooths over the other classes only",
            smoothing_over_the_others,
            says="ε is shared out among the wrong classes alone; as PyTorch (and Szegedy et al. 2016) define it, every "
            "class gets ε/K, the label too.",
            look="the label's own target is 1 − ε + ε/K.",
        ),
        Wrong(
            "smooths over ignored rows too",
            smoothing_over_ignored_rows,
            says="the smoothing term still adds up rows that are to be ignored.",
            look="drop ignored rows first, then do both terms.",
        ),
    ),
    hints=(
        "log_softmax gives (N, K) log-probabilities; gather picks each row's label out of them.",
        "Keep only the rows with target != ignore_index, first of all. Then nothing else needs to know of them.",
        "Mean = Σ weight[label] · loss / Σ weight[label]. Smoothing mixes in, with share ε, the mean over classes of "
        "−weight[class] · log p[class], over the same denominator.",
    ),
    points=4,
    minutes=25,
    needs=("lenet.log_softmax",),
    forbidden=CROSS_ENTROPY,
    speed=Speed(
        case=lambda rng: of_call(
            "speed", logits=rng.uniform(4096, 100, low=-4, high=4), target=rng.integers(0, 100, 4096)
        ),
        limit=16.0,  # one formula for all options works on several (N, K) tensors
        gold=3.0,
        against="F.cross_entropy",
    ),
)

EXERCISES = (CROSS_ENTROPY_SPEC,)
