"""Batch normalisation as a layer with a memory, against `nn.BatchNorm2d`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from autograder.exercises.resnet._ready_made import NETWORKS, NORMS
from autograder.spec import (
    Case,
    Exercise,
    Ref,
    Rng,
    Speed,
    Step,
    Value,
    Wrong,
    attribute,
    backward,
    call,
    load,
    mode,
    new,
    state,
)

FLOAT64 = torch.float64


class Oracle(nn.BatchNorm2d):
    """torch's, with our order of parameters."""

    def __init__(self, channels: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__(channels, eps, momentum)

    def moved(self, old: Tensor, new_value: Tensor) -> Tensor:
        """A running statistic after a batch."""
        assert self.momentum is not None
        return (1 - self.momentum) * old + self.momentum * new_value

    def remember(self, x: Tensor, *, unbiased: bool = True) -> None:
        """One batch into the running statistics."""
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        with torch.no_grad():
            variance, mean = torch.var_mean(x, (0, 2, 3), correction=int(unbiased))
            self.running_mean.copy_(self.moved(self.running_mean, mean))
            self.running_var.copy_(self.moved(self.running_var, variance))
            self.num_batches_tracked += 1

    def normalised(self, x: Tensor, *, own: bool) -> Tensor:
        """x by its own statistics, or by the running ones."""
        running = (None, None) if own else (self.running_mean, self.running_var)
        return F.batch_norm(x, *running, self.weight, self.bias, own, 0.0, self.eps)


def weights(rng: Rng, channels: int, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    return {
        "weight": rng.uniform(channels, low=0.5, high=2.0, dtype=dtype),
        "bias": rng.normal(channels, dtype=dtype),
        "running_mean": rng.normal(channels, dtype=dtype),
        "running_var": rng.uniform(channels, low=1.5, high=4.0, dtype=dtype),
        "num_batches_tracked": rng.integers(3, 9),
    }


def one(
    name: str, found: Mapping[str, Tensor], *steps: Step, x: Tensor, options: Mapping[str, Value] | None = None
) -> Case:
    given = {"channels": x.shape[1], **(options or {})}
    program = (new("norm", **given), load("norm", found), *steps)
    return Case(name, program, inputs={"x": x}, terms=x[:, 0].numel(), scale=30.0)


OUT, GRADIENTS, AFTERWARDS = call("out", Ref("x"), target="norm"), backward("out", "x", "norm"), state("norm")
TRAIN, EVAL = mode("norm", "train"), mode("norm", "eval")
EPS = attribute("the attribute eps", "eps", "norm")


def by_hand() -> Case:
    """One channel, two values, two batches alike."""
    x = torch.tensor([1.0, 3.0]).reshape(2, 1, 1, 1)
    one_wide = 1 / math.sqrt(1 + 1e-5)
    steps = (new("norm", channels=1), TRAIN, OUT, AFTERWARDS)
    return Case(
        "one channel of two values, by hand",
        steps,
        inputs={"x": x},
        expect={
            "out": torch.tensor([-one_wide, one_wide]).reshape(2, 1, 1, 1),
            "state": {
                "weight": torch.ones(1),
                "bias": torch.zeros(1),
                "running_mean": torch.tensor([0.2]),
                "running_var": torch.tensor([1.1]),
                "num_batches_tracked": torch.tensor(1),
            },
        },
        note="mean 2, variance 1 for the output: (1 − 2)/√(1 + 0.00001) ≈ −1; running mean 0.9·0 + 0.1·2 = 0.2, "
        "running variance 0.9·1 + 0.1·2 = 1.1, as the unbiased variance is 2",
    )


def cases(rng: Rng) -> Iterator[Case]:
    yield by_hand()
    x = 1 + 2 * rng.normal(3, 2, 4, 5)
    yield one("training", weights(rng, 2), TRAIN, OUT, AFTERWARDS, x=x)
    yield one("evaluation", weights(rng, 3), EVAL, OUT, AFTERWARDS, x=rng.normal(2, 3, 3, 4))
    momentum = {"eps": 1e-5, "momentum": 0.3}
    three = [call(f"out {number}", Ref("x"), target="norm") for number in range(3)]
    x = rng.normal(2, 2, 2, 3)
    yield one("three batches, momentum 0.3", weights(rng, 2), TRAIN, *three, AFTERWARDS, x=x, options=momentum)
    then = call("afterwards", Ref("x"), target="norm")
    x = rng.normal(2, 4, 3, 3)
    yield one("training, then evaluation", weights(rng, 4), TRAIN, OUT, EVAL, then, AFTERWARDS, x=x)
    x = rng.normal(3, 3, 3, 3)
    yield one("as many images, channels, rows and columns", weights(rng, 3), TRAIN, OUT, AFTERWARDS, x=x)
    x = rng.normal(2, 2, 3, 4)
    yield one("a large eps", weights(rng, 2), TRAIN, EPS, OUT, x=x, options={"eps": 0.6})
    yield one("not contiguous", weights(rng, 3), TRAIN, OUT, AFTERWARDS, x=rng.strided(2, 3, 4, 5))
    yield one("one image", weights(rng, 2), TRAIN, OUT, AFTERWARDS, x=rng.normal(1, 2, 3, 5))
    x = 0.5 + rng.normal(3, 2, 4, 3, dtype=FLOAT64)
    yield one("gradients in training, float64", weights(rng, 2, FLOAT64), TRAIN, OUT, GRADIENTS, AFTERWARDS, x=x)
    x = rng.normal(2, 3, 4, 3, dtype=FLOAT64)
    yield one("gradients in evaluation, float64", weights(rng, 3, FLOAT64), EVAL, OUT, GRADIENTS, AFTERWARDS, x=x)
    x = 0.5 + rng.normal(2, 2, 4, 3, dtype=FLOAT64)
    steps = (TRAIN, OUT, EVAL, then, backward("afterwards", "x", "norm"), AFTERWARDS)
    yield one("gradients in evaluation after training, float64", weights(rng, 2, FLOAT64), *steps, x=x)


class MomentumReversed(Oracle):
    def moved(self, old: Tensor, new_value: Tensor) -> Tensor:
        assert self.momentum is not None
        return self.momentum * old + (1 - self.momentum) * new_value

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.remember(x)
        return self.normalised(x, own=self.training)


class BiasedMemory(Oracle):
    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.remember(x, unbiased=False)
        return self.normalised(x, own=self.training)


class UnbiasedOutput(Oracle):
    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return self.normalised(x, own=False)
        self.remember(x)
        variance, mean = torch.var_mean(x, (0, 2, 3), keepdim=True)
        out: Tensor = (x - mean) / (variance + self.eps).sqrt() * self.weight[:, None, None] + self.bias[:, None, None]
        return out


class Forgetful(Oracle):
    """Never updates its running statistics."""

    def forward(self, x: Tensor) -> Tensor:
        return self.normalised(x, own=self.training)


class AlwaysLearning(Oracle):
    def forward(self, x: Tensor) -> Tensor:
        out = self.normalised(x, own=self.training)
        self.remember(x)
        return out


class AlwaysOwn(Oracle):
    """The batch's own statistics in evaluation as well."""

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.remember(x)
        return self.normalised(x, own=True)


class AlwaysRunning(Oracle):
    """The running statistics in training as well, after they were updated."""

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.remember(x)
        assert self.running_mean is not None
        assert self.running_var is not None
        mean, variance = self.running_mean.clone(), self.running_var.clone()
        return F.batch_norm(x, mean, variance, self.weight, self.bias, False, 0.0, self.eps)


class NotCounting(Oracle):
    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.remember(x)
            assert self.num_batches_tracked is not None
            self.num_batches_tracked -= 1
        return self.normalised(x, own=self.training)


class Detached(Oracle):
    """Right values; no gradient through mean and variance."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return self.normalised(x, own=False)
        self.remember(x)
        variance, mean = torch.var_mean(x.detach(), (0, 2, 3), correction=0)
        return F.batch_norm(x, mean, variance, self.weight, self.bias, False, 0.0, self.eps)


class KeepsTheGraph(Oracle):
    """Running statistics through which gradients flow."""

    def forward(self, x: Tensor) -> Tensor:
        assert self.running_mean is not None
        assert self.running_var is not None
        variance, mean = torch.var_mean(x, (0, 2, 3), correction=0)
        if self.training:
            m = x.numel() / x.shape[1]
            self.running_mean = self.moved(self.running_mean, mean)
            self.running_var = self.moved(self.running_var, variance * m / (m - 1))
            assert self.num_batches_tracked is not None
            self.num_batches_tracked += 1
        else:
            mean, variance = self.running_mean, self.running_var
        scale = self.weight / (variance + self.eps).sqrt()
        out: Tensor = (x - mean[:, None, None]) * scale[:, None, None] + self.bias[:, None, None]
        return out


class EachImage(Oracle):
    """Every image by its own statistics."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return self.normalised(x, own=False)
        self.remember(x)
        out: Tensor = F.instance_norm(x, weight=self.weight, bias=self.bias, eps=self.eps)
        return out


class StartsAtZero(Oracle):
    """Running variance 0 at first."""

    def __init__(self, channels: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__(channels, eps, momentum)
        assert self.running_var is not None
        self.running_var.zero_()


WRONG = (
    Wrong(
        "takes momentum the other way round",
        MomentumReversed,
        "the running statistics keep the share momentum and take 1 − momentum from the batch; it is the reverse.",
        "momentum 0.1 means slow: nine tenths of the old value stay.",
    ),
    Wrong(
        "remembers the biased variance",
        BiasedMemory,
        "the running variance takes in the variance divided by m; there it should be divided by m − 1.",
        "it is meant for other images, so it is an estimate: unbiased. The output's own variance is not.",
    ),
    Wrong(
        "normalises by the unbiased variance",
        UnbiasedOutput,
        "in training the batch is divided by the root of the variance over m − 1; it should be over m.",
        "torch's var and std have correction=1 unless told otherwise.",
    ),
    Wrong(
        "never updates the running statistics",
        Forgetful,
        "running_mean, running_var and num_batches_tracked stay as they were in training.",
        "buffers are changed in place, or assigned to self. A local name is forgotten at the end of forward.",
    ),
    Wrong(
        "updates the running statistics in evaluation too",
        AlwaysLearning,
        "a batch in evaluation mode moves the running statistics; nothing may change there.",
        "self.training tells the mode.",
    ),
    Wrong(
        "normalises by the batch in evaluation too",
        AlwaysOwn,
        "in evaluation the batch's own statistics are used, so an image's answer depends on its neighbours.",
        "self.training tells the mode.",
    ),
    Wrong(
        "normalises by the running statistics in training",
        AlwaysRunning,
        "in training the running statistics are used; there the batch goes by its own.",
        "the running ones are for evaluation.",
    ),
    Wrong(
        "doesn't count the batches",
        NotCounting,
        "num_batches_tracked stays as it was.",
        "one more for each batch in training mode.",
    ),
    Wrong(
        "lets no gradient through the statistics",
        Detached,
        "the values are right, but mean and variance are cut off from the gradient (detach, .data or no_grad).",
        "only the running statistics are updated under no_grad.",
    ),
    Wrong(
        "keeps the graph of every batch",
        KeepsTheGraph,
        "the values are right, but gradients flow into the running statistics: every batch that ever came is kept in "
        "memory, and the layer can't be copied.",
        "update them under torch.no_grad(), or from mean.detach().",
    ),
    Wrong(
        "takes each image by itself",
        EachImage,
        "mean and variance are taken over each image alone (that is instance norm); they go over the batch too.",
        "the axes are 0, 2 and 3.",
    ),
    Wrong(
        "starts from a running variance of 0",
        StartsAtZero,
        "a new layer's running variance is 0; it starts at 1.",
        "weight 1, bias 0, running mean 0, running variance 1, no batch tracked.",
    ),
)


def speed_case(rng: Rng) -> Case:
    """Several batches through one layer in training, each with an output of its own."""
    inputs = {f"x {number}": rng.uniform(4, 16, 32, 32) for number in range(6)}
    calls = (call(f"out {number}", Ref(f"x {number}"), target="norm") for number in range(6))
    steps = (new("norm", channels=16), load("norm", weights(rng, 16)), TRAIN, *calls, AFTERWARDS)
    return Case("speed", steps, inputs=inputs)


BATCH_NORM_2D = Exercise(
    id="resnet.BatchNorm2d",
    cases=cases,
    oracle=Oracle,
    wrong=WRONG,
    hints=(
        "register_buffer(name, tensor) keeps a tensor that moves and is saved with the module, but isn't learned.",
        "In training: mean and variance over axes 0, 2, 3 (correction=0), update the buffers, then batch_norm with the "
        "batch's own. In evaluation: batch_norm with the running ones.",
        "new = (1 − momentum) · old + momentum · batch's, under torch.no_grad(); for the variance the batch's times "
        "m / (m − 1). And num_batches_tracked += 1.",
    ),
    points=4,
    minutes=25,
    needs=("resnet.batch_norm", "resnet.batch_norm_backward"),
    forbidden=(*NORMS, *NETWORKS),
    speed=Speed(case=speed_case, limit=6.0, gold=2.0, against="nn.BatchNorm2d"),
)

EXERCISES = (BATCH_NORM_2D,)
