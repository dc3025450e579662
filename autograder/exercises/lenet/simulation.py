"""What a training loop must give on the probes' tiny model, worked out in NumPy from the model's own formula.

`Habits` are the ways in which loops differ; all but the default are mistakes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from autograder.probes.training import CentredRegression

Array = NDArray[np.float64]
Batches = Sequence[tuple[Tensor, Tensor]]
Loop = Callable[..., dict[str, Any]]


@dataclass(frozen=True)
class Habits:
    """How a loop does what it does. The defaults are right."""

    zeroes: Literal["batch", "epoch", "never"] = "batch"
    trains_in: Literal["train", "train first", "eval"] = "train"
    validates_in: Literal["eval", "train"] = "eval"
    validates_with_gradients: bool = False
    steps_on_validation: bool = False
    mean_over: Literal["samples", "batches", "last batch"] = "samples"
    restores: Literal["all", "parameters", "nothing"] = "all"
    judged_by: Literal["val_loss", "train_loss"] = "val_loss"
    better_than: Literal["best", "last"] = "best"
    forgives: bool = True  # a better epoch starts the count of bad ones anew
    extra_patience: int = 0
    stops: bool = True
    ties_are_better: bool = False
    first_epoch: int = 0
    calls_back: Literal["every epoch", "better epochs", "never"] = "every epoch"
    swaps_arguments: bool = False


class Simulation:
    """The state of one training run: parameters, running mean, velocity, gathered gradients, journal."""

    def __init__(self, model: CentredRegression, optimizer: torch.optim.Optimizer, habits: Habits) -> None:
        options = optimizer.param_groups[0]
        self.model, self.habits = model, habits
        self.lr, self.momentum, self.rate = float(options["lr"]), float(options["momentum"]), model.rate
        self.theta = np.append(_array(model.weight), _array(model.bias))  # weight, then bias
        self.mean = _array(model.running_mean)
        self.velocity = np.zeros_like(self.theta)
        self.gathered = np.zeros_like(self.theta)

    def batch(self, x: Array, y: Array, *, training: bool, learns: bool, gradients: bool) -> float:
        """One forward pass, the backward pass and the step if it `learns`; the loss before the step."""
        self.model.note(training, gradients)
        if training:
            self.mean = self.mean + self.rate * (x.mean(0) - self.mean)
        inputs = np.column_stack([x - (x.mean(0) if training else self.mean), np.ones(len(x))])
        error = inputs @ self.theta - y
        too_high = error < 0 if self.habits.swaps_arguments else error > 0
        costs = (1.0 + too_high) / len(x)
        if learns:
            self.gathered = inputs.T @ (2.0 * costs * error) + (0.0 if self.habits.zeroes == "batch" else self.gathered)
            self.velocity = self.momentum * self.velocity + self.gathered
            self.theta = self.theta - self.lr * self.velocity
        return float(costs @ error**2)

    def train(self, batches: Sequence[tuple[Array, Array]], epoch: int) -> float:
        habits = self.habits
        if habits.zeroes == "epoch":
            self.gathered = np.zeros_like(self.theta)
        training = habits.trains_in == "train" or (habits.trains_in == "train first" and epoch == 0)
        return self._mean(
            [self.batch(x, y, training=training, learns=True, gradients=True) for x, y in batches], batches
        )

    def validate(self, batches: Sequence[tuple[Array, Array]]) -> float:
        habits = self.habits
        learns = habits.steps_on_validation
        losses = [
            self.batch(
                x,
                y,
                training=habits.validates_in == "train",
                learns=learns,
                gradients=learns or habits.validates_with_gradients,
            )
            for x, y in batches
        ]
        return self._mean(losses, batches)

    def _mean(self, losses: list[float], batches: Sequence[tuple[Array, Array]]) -> float:
        if self.habits.mean_over == "last batch":
            return losses[-1]
        if self.habits.mean_over == "batches":
            return sum(losses) / len(losses)
        return sum(loss * len(x) for loss, (x, _) in zip(losses, batches, strict=True)) / sum(
            len(x) for x, _ in batches
        )

    def write_back(self, theta: Array, mean: Array) -> None:
        with torch.no_grad():
            self.model.weight.copy_(torch.from_numpy(theta[:-1]))
            self.model.bias.copy_(torch.tensor(theta[-1]))
            self.model.running_mean.copy_(torch.from_numpy(mean))


def loop(habits: Habits) -> Loop:
    """A training loop with these habits, for the probes' model alone."""

    def answer(
        model: CentredRegression,
        optimizer: torch.optim.Optimizer,
        loss_fn: Callable[[Tensor, Tensor], Tensor],
        train: Batches,
        val: Batches,
        epochs: int,
        patience: int = 3,
        on_epoch: Callable[[int, float, float], None] | None = None,
    ) -> dict[str, Any]:
        run = Simulation(model, optimizer, habits)
        learned, held_out = _arrays(train), _arrays(val)
        history: dict[str, Any] = {"train_loss": [], "val_loss": []}
        watch = _Watch(habits, patience)
        kept = (run.theta, run.mean)
        for epoch in range(epochs):
            history["train_loss"].append(run.train(learned, epoch))
            history["val_loss"].append(run.validate(held_out))
            better = watch.see(history[habits.judged_by][-1], epoch)
            kept = (run.theta, run.mean) if better else kept
            if on_epoch is not None and (habits.calls_back == "every epoch" or better) and habits.calls_back != "never":
                on_epoch(epoch + habits.first_epoch, history["train_loss"][-1], history["val_loss"][-1])
            if watch.enough:
                break
        theta, mean = (run.theta, run.mean) if habits.restores == "nothing" else kept
        run.write_back(theta, run.mean if habits.restores == "parameters" else mean)
        return history | {"best_epoch": watch.best_epoch + habits.first_epoch}

    return answer


class _Watch:
    """Which epoch is the best so far, and whether it is time to stop."""

    def __init__(self, habits: Habits, patience: int) -> None:
        self.habits, self.patience = habits, patience + habits.extra_patience
        self.best, self.last, self.best_epoch, self.bad = math.inf, math.inf, -1, 0

    @property
    def enough(self) -> bool:
        return self.habits.stops and self.bad >= self.patience

    def see(self, loss: float, epoch: int) -> bool:
        best = loss <= self.best if self.habits.ties_are_better else loss < self.best
        better = loss < self.last if self.habits.better_than == "last" else best
        self.last = loss
        if best:
            self.best, self.best_epoch = loss, epoch
        if better and self.habits.forgives:
            self.bad = 0
        elif not better:
            self.bad += 1
        return best


def _array(value: Tensor) -> Array:
    return value.detach().cpu().double().numpy().copy()


def _arrays(batches: Batches) -> list[tuple[Array, Array]]:
    return [(_array(x), _array(y)) for x, y in batches]
