"""A learning rate that waits for the loss to stand still: torch's own schedule is the oracle."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from autograder.exercises.resnet.rates import READY_MADE
from autograder.spec import Case, Exercise, Ref, Rng, Value, Wrong, attribute, call, new


class Plateau:
    """torch's own schedule, around an optimiser of one number."""

    def __init__(
        self, lr: float, factor: float = 0.1, patience: int = 10, threshold: float = 1e-4, min_lr: float = 0.0
    ) -> None:
        self._optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr)
        self._schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(
            self._optimizer, factor=factor, patience=patience, threshold=threshold, min_lr=min_lr, eps=0.0
        )

    @property
    def lr(self) -> float:
        return float(self._optimizer.param_groups[0]["lr"])

    def step(self, loss: float) -> float:
        self._schedule.step(loss)
        return self.lr


class StaleAttribute(Plateau):
    """Gives the right rates, and keeps the first one in `lr`."""

    def __init__(
        self, lr: float, factor: float = 0.1, patience: int = 10, threshold: float = 1e-4, min_lr: float = 0.0
    ) -> None:
        super().__init__(lr, factor, patience, threshold, min_lr)
        self._first = lr

    @property
    def lr(self) -> float:
        return self._first

    def step(self, loss: float) -> float:
        super().step(loss)
        return super().lr


class Habits:
    """A schedule with the habits of mistakes, named by the keyword that a subclass gives."""

    more_than: bool = True  # more than `patience` epochs, or as many
    begins_anew: bool = True
    forgets_best: bool = False
    compares_with: str = "best"
    threshold_is: str = "relative"
    keeps_minimum: bool = True
    in_a_row: bool = True
    returns: str = "after"

    def __init__(
        self, lr: float, factor: float = 0.1, patience: int = 10, threshold: float = 1e-4, min_lr: float = 0.0
    ) -> None:
        self.lr, self.factor, self.patience = lr, factor, patience
        self.threshold, self.min_lr = threshold, min_lr
        self.best, self.bad = math.inf, 0

    def step(self, loss: float) -> float:
        before = self.lr
        bars = {"relative": self.best * (1 - self.threshold), "absolute": self.best - self.threshold, "none": self.best}
        better = loss < bars[self.threshold_is]
        if better:
            self.bad = 0 if self.in_a_row else self.bad
        else:
            self.bad += 1
        if better or self.compares_with == "last":
            self.best = loss
        if self.bad > self.patience or (not self.more_than and self.bad == self.patience):
            self.lr = max(self.lr * self.factor, self.min_lr if self.keeps_minimum else 0.0)
            self.bad = 0 if self.begins_anew else self.bad
            self.best = math.inf if self.forgets_best else self.best
        return before if self.returns == "before" else self.lr


def habit(name: str, says: str, look: str, **habits: Any) -> Wrong:
    """A wrong answer: `Habits` with some of them changed."""
    return Wrong(name, type("ReduceOnPlateau", (Habits,), habits), says=says, look=look)


LOOKED_AT = "patience 0, half the rate, then a look at lr"


def epochs(
    name: str, losses: Sequence[float], *, expect: Sequence[float] = (), note: str = "", **options: Value
) -> Case:
    """A schedule that is told one loss after the other; the outputs are its rates."""
    steps = [new("schedule", **{key: Ref(key) for key in options})]
    names = [f"rate after epoch {i}" for i in range(len(losses))]
    steps += [call(out, loss, target="schedule", method="step") for out, loss in zip(names, losses, strict=True)]
    if name == LOOKED_AT:
        steps.append(attribute("the attribute lr", "lr", "schedule"))
    return Case(name, tuple(steps), inputs=options, expect=dict(zip(names, expect, strict=False)), note=note)


def plateau_cases(rng: Rng) -> Iterator[Case]:
    yield epochs(
        "patience 1, by hand",
        [5.0, 4.0, 4.0, 4.0, 3.0, 3.5, 3.2, 3.1],
        expect=(1.0, 1.0, 1.0, 0.1, 0.1, 0.1, 0.01, 0.01),
        note="4.0 and 4.0 are two epochs in a row that are no better than 4.0, and 2 > 1: 1 · 0.1. Then 3.0 is better, "
        "and 3.5 and 3.2 are not: 0.1 · 0.1",
        lr=1.0,
        patience=1,
    )
    yield epochs("always better", [3.0, 2.0, 1.0, 0.5], lr=0.3, patience=0)
    yield epochs(LOOKED_AT, [1.0, 1.0, 0.9, 0.95, 0.95], lr=0.8, factor=0.5, patience=0)
    yield epochs("better in between", [1.0, 1.1, 1.2, 0.9, 1.0, 1.1, 0.8, 1.2, 0.9], lr=1.0, factor=0.5, patience=2)
    drifting = [1.0, 0.995, 0.991, 0.985, 0.97, 0.96, 0.955, 0.945]
    yield epochs("hardly better, threshold 0.02", drifting, lr=1.0, factor=0.5, patience=1, threshold=0.02)
    small = [0.01, 0.0099, 0.0098, 0.0095, 0.0094, 0.0093]
    yield epochs("small losses, threshold 0.03", small, lr=1.0, factor=0.5, patience=1, threshold=0.03)
    yield epochs("a lowest rate", [1.0] * 12, lr=1.0, factor=0.3, patience=1, min_lr=0.05)
    up_and_down = [2.0, 3.0, 2.5, 2.4, 2.3, 2.2, 2.1, 2.0, 1.9]
    yield epochs("falling, but not below the best", up_and_down, lr=1.0, factor=0.1, patience=3)
    losses = (2 * torch.exp(-torch.arange(40) / 15) + rng.uniform(40, high=0.4)).tolist()
    yield epochs("forty epochs", losses, lr=0.5, factor=0.7, patience=3)


REDUCE_ON_PLATEAU = Exercise(
    id="resnet.ReduceOnPlateau",
    cases=plateau_cases,
    oracle=Plateau,
    wrong=(
        habit(
            "waits one epoch less",
            "the rate falls after `patience` bad epochs; it should fall after more than `patience`.",
            "greater, or greater or equal?",
            more_than=False,
        ),
        habit(
            "goes on falling",
            "once the patience is used up, the rate falls after every bad epoch: the count doesn't begin anew.",
            "what happens to the count when the rate falls?",
            begins_anew=False,
        ),
        habit(
            "forgets the best loss",
            "when the rate falls, the best loss is forgotten, and the next one counts as better.",
            "best stays.",
            forgets_best=True,
        ),
        habit(
            "compares with the last epoch",
            "a loss counts as better if it is below that of the epoch before; it must be below the best.",
            "keep the best loss, and change it only when there is a better one.",
            compares_with="last",
        ),
        habit(
            "takes the threshold for a difference",
            "the loss must be better by `threshold` itself; it is a share of the best loss.",
            "best · (1 − threshold).",
            threshold_is="absolute",
        ),
        habit(
            "ignores the threshold",
            "any loss below the best counts as better, however little.",
            "best · (1 − threshold).",
            threshold_is="none",
        ),
        habit("ignores the lowest rate", "min_lr is never used.", "max(…, min_lr).", keeps_minimum=False),
        habit(
            "counts bad epochs that are not in a row",
            "a better epoch doesn't set the count back: all bad epochs add up.",
            "what happens to the count when a loss is better?",
            in_a_row=False,
        ),
        Wrong(
            "leaves lr as it was",
            StaleAttribute,
            says="step returns the right rates, but the attribute lr still holds the first one.",
            look="the rate for the next epoch also stands in self.lr.",
        ),
        habit(
            "returns the old rate",
            "the rate is returned as it was before this epoch.",
            "first count and lower, then return.",
            returns="before",
        ),
    ),
    hints=(
        "Three things to remember: the rate, the best loss so far (at first infinite), and the bad epochs in a row.",
        "Better: new best, count 0. Else: count + 1. Then, if the count is above patience: lower the rate, count 0.",
    ),
    points=2,
    minutes=15,
    forbidden=READY_MADE,
)

EXERCISES = (REDUCE_ON_PLATEAU,)
