"""Probes for training loops: a tiny model whose gradient can be written by hand, an optimiser, a loss, a recorder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from autograder.probes.makers import probe


class CentredRegression(nn.Module):
    """Linear regression on centred features: (x − mean) · weight + bias, for x of shape (N, D).

    In train mode `mean` is the batch's, and the running mean moves towards it by `rate` of the way; in eval mode
    `mean` is the running mean. Remembers in which mode it was called, and whether gradients were recorded.
    """

    running_mean: Tensor

    def __init__(self, weight: Tensor, bias: Tensor, rate: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(bias)
        self.register_buffer("running_mean", torch.zeros_like(weight))
        self.rate = rate
        self.passes: list[str] = []

    def forward(self, x: Tensor) -> Tensor:
        self.note(self.training, torch.is_grad_enabled())
        mean = x.mean(0) if self.training else self.running_mean
        if self.training:
            with torch.no_grad():
                self.running_mean += self.rate * (mean - self.running_mean)
        return (x - mean) @ self.weight + self.bias

    def note(self, training: bool, gradients: bool) -> None:
        """Adds one forward pass to the journal."""
        self.passes.append(("train" if training else "eval") + ("" if gradients else ", no gradients"))

    def journal(self) -> list[str]:
        """The mode of every forward pass so far, "train" or "eval, no gradients"."""
        return list(self.passes)


class Recorder(list[Any]):
    """Can be called with anything, and is the list of what it was called with."""

    def __call__(self, *args: Any) -> None:
        self.append(args)

    def __bool__(self) -> bool:
        return True  # even when empty: "if on_epoch:" means "if there is one"


@probe
def centred_regression(weight: Tensor, bias: Tensor, rate: float = 0.5) -> CentredRegression:
    """See `CentredRegression`; weight (D,), bias ()."""
    return CentredRegression(weight, bias, rate)


@probe
def sgd(model: nn.Module, lr: float, momentum: float = 0.0) -> torch.optim.SGD:
    """torch's SGD on the model's parameters."""
    return torch.optim.SGD(model.parameters(), lr=lr, momentum=momentum, foreach=False)


@probe
def lopsided_error() -> Callable[[Tensor, Tensor], Tensor]:
    """The mean of squared errors, where a prediction that is too high counts twice."""

    def lopsided(prediction: Tensor, target: Tensor) -> Tensor:
        error = prediction - target
        return (error.square() * (1 + (error > 0))).mean()

    return lopsided


@probe
def recorder() -> Recorder:
    """An empty `Recorder`."""
    return Recorder()


@probe
def one_by_one(items: list[Any]) -> Iterator[Any]:
    """An iterator that can be gone through once, like `model.parameters()`."""
    return iter(items)
