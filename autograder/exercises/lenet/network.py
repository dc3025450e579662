"""LeNet-5 against the same network of torch.nn layers, weights injected under the same names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from autograder.exercises.forbidden import AFFINE, POOLING, RECTIFIERS
from autograder.spec import Case, Exercise, Ref, Rng, Speed, Step, Value, Wrong, backward, call, load, mode, new, state


class Oracle(nn.Module):
    def __init__(self, in_channels: int = 1, num_classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, 6, 5, padding=2)
        self.relu1: nn.Module = nn.ReLU()
        self.pool1: nn.Module = nn.MaxPool2d(2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.relu2: nn.Module = nn.ReLU()
        self.pool2: nn.Module = nn.MaxPool2d(2)
        self.fc1 = nn.Linear(400, 120)
        self.relu3: nn.Module = nn.ReLU()
        self.fc2 = nn.Linear(120, 84)
        self.relu4: nn.Module = nn.ReLU()
        self.fc3 = nn.Linear(84, num_classes)

    def as_vectors(self, maps: Tensor) -> Tensor:
        return maps.flatten(1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool1(self.relu1(self.conv1(x)))
        x = self.pool2(self.relu2(self.conv2(x)))
        x = self.relu3(self.fc1(self.as_vectors(x)))
        logits: Tensor = self.fc3(self.relu4(self.fc2(x)))
        return logits


def weights(
    rng: Rng, in_channels: int = 1, num_classes: int = 10, dtype: torch.dtype = torch.float32
) -> dict[str, Tensor]:
    """Random weights, of a size that keeps every stage's values near 1."""
    found = {}
    for name, like in Oracle(in_channels, num_classes).state_dict().items():
        fan_in = like[0].numel() if like.ndim > 1 else 4
        found[name] = rng.normal(*like.shape, dtype=dtype) * (2 / fan_in) ** 0.5
    return found


def one_call(
    name: str,
    x: Tensor,
    found: Mapping[str, Tensor],
    *then: Step,
    train: bool = False,
    options: Mapping[str, Value] | None = None,
) -> Case:
    steps = (
        new("net", **(options or {})),
        load("net", found),
        mode("net", "train" if train else "eval"),
        call("logits", Ref("x"), target="net"),
        *then,
    )
    terms = 784 * len(x) if then else 400
    return Case(name, steps, inputs={"x": x}, terms=terms)


def cases(rng: Rng) -> Iterator[Case]:
    yield one_call("one image", rng.normal(1, 1, 28, 28), weights(rng))
    yield one_call("three images", rng.normal(3, 1, 28, 28), weights(rng))
    yield one_call(
        "train mode, weights unchanged by the call", rng.normal(2, 1, 28, 28), weights(rng), state("net"), train=True
    )
    colour, options = rng.normal(2, 3, 28, 28), {"in_channels": 3, "num_classes": 7}
    yield one_call("colour images, 7 classes", colour, weights(rng, 3, 7), options=options)
    yield one_call("a blank image", torch.zeros(1, 1, 28, 28), weights(rng))
    yield one_call("not contiguous", rng.strided(2, 1, 28, 28), weights(rng))
    # in float64 only: where two pixels of a window nearly tie, rounding decides who gets the gradient
    double = weights(rng, dtype=torch.float64)
    gradients = backward("logits", "x", "net")
    yield one_call("float64, gradients", rng.normal(2, 1, 28, 28, dtype=torch.float64), double, gradients, train=True)


class NoActivations(Oracle):
    def __init__(self, in_channels: int = 1, num_classes: int = 10) -> None:
        super().__init__(in_channels, num_classes)
        self.relu1 = self.relu2 = self.relu3 = self.relu4 = nn.Identity()


class LinearConvolutions(Oracle):
    def __init__(self, in_channels: int = 1, num_classes: int = 10) -> None:
        super().__init__(in_channels, num_classes)
        self.relu1 = self.relu2 = nn.Identity()


class LinearEnd(Oracle):
    def __init__(self, in_channels: int = 1, num_classes: int = 10) -> None:
        super().__init__(in_channels, num_classes)
        self.relu3 = self.relu4 = nn.Identity()


class TanhUnits(Oracle):
    def __init__(self, in_channels: int = 1, num_classes: int = 10) -> None:
        super().__init__(in_channels, num_classes)
        self.relu1 = self.relu2 = self.relu3 = self.relu4 = nn.Tanh()


class AveragePools(Oracle):
    def __init__(self, in_channels: int = 1, num_classes: int = 10) -> None:
        super().__init__(in_channels, num_classes)
        self.pool1 = self.pool2 = nn.AvgPool2d(2)


class ChannelsLast(Oracle):
    def as_vectors(self, maps: Tensor) -> Tensor:
        return maps.movedim(1, -1).flatten(1)


class ColumnsFirst(Oracle):
    def as_vectors(self, maps: Tensor) -> Tensor:
        return maps.transpose(2, 3).flatten(1)


class BatchMixed(Oracle):
    def as_vectors(self, maps: Tensor) -> Tensor:
        return maps.transpose(0, 1).reshape(len(maps), -1)


class RectifiedLogits(Oracle):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).relu()


class Probabilities(Oracle):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).softmax(1)


class LogProbabilities(Oracle):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).log_softmax(1)


class Standardizing(Oracle):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward((x - 0.5) / 0.5)


LENET5 = Exercise(
    id="lenet.LeNet5",
    cases=cases,
    oracle=Oracle,
    wrong=(
        Wrong(
            "has no activations",
            NoActivations,
            says="there is no activation anywhere, and without them layers collapse into few.",
            look="the table puts a ReLU after conv1, conv2, fc1 and fc2.",
        ),
        Wrong(
            "leaves out the activations after the convolutions",
            LinearConvolutions,
            says="the convolutions go straight into pooling; a ReLU belongs between.",
            look="follow x through conv1, relu1, pool1.",
        ),
        Wrong(
            "leaves out the activations between the linear layers",
            LinearEnd,
            says="the linear layers follow each other directly; a ReLU belongs after fc1 and after fc2.",
            look="two linear layers in a row are one linear layer.",
        ),
        Wrong(
            "uses tanh",
            TanhUnits,
            says="the activations are tanh, as in the paper; here they are ReLU.",
            look="relu1 to relu4 are ReLU modules.",
        ),
        Wrong(
            "pools by the mean",
            AveragePools,
            says="the pools average; here they take the largest.",
            look="pool1 and pool2 are MaxPool2d.",
        ),
        Wrong(
            "flattens channels last",
            ChannelsLast,
            says="the maps are flattened pixel by pixel, channel fastest; trained weights expect channel by channel.",
            look="(N, 16, 5, 5) goes to (N, 400) as it lies in memory, without moving axes.",
        ),
        Wrong(
            "flattens columns before rows",
            ColumnsFirst,
            says="rows and columns change places before flattening.",
            look="(N, 16, 5, 5) goes to (N, 400) as it lies in memory, without moving axes.",
        ),
        Wrong(
            "mixes images when it flattens",
            BatchMixed,
            says="each vector holds pieces of several images: the batch axis isn't kept first.",
            look="flatten(1) starts after the batch axis.",
        ),
        Wrong(
            "rectifies the logits",
            RectifiedLogits,
            says="a ReLU follows fc3, so no logit can be negative.",
            look="the last layer's outputs are the answer.",
        ),
        Wrong(
            "answers in probabilities",
            Probabilities,
            says="a softmax follows fc3; asked are logits, because cross_entropy contains the softmax.",
            look="the last layer's outputs are the answer.",
        ),
        Wrong(
            "answers in log-probabilities",
            LogProbabilities,
            says="a log_softmax follows fc3; asked are logits, because cross_entropy contains it.",
            look="the last layer's outputs are the answer.",
        ),
        Wrong(
            "shifts and scales the image first",
            Standardizing,
            says="the image is shifted and scaled inside the network; it goes into conv1 as it comes.",
            look="preparing the data is the caller's work.",
        ),
    ),
    hints=(
        "__init__ makes the eleven parts under the names of the table; forward sends x through them, in that order.",
        "Follow the shapes: 28 → conv1 28 → pool1 14 → conv2 10 → pool2 5, so 16·5·5 = 400 numbers go into fc1.",
        "Between pool2 and fc1: x.flatten(1). After fc3: nothing.",
    ),
    points=4,
    minutes=20,
    needs=("lenet.conv2d", "lenet.max_pool2d", "lenet.linear", "lenet.relu"),
    forbidden=(*POOLING, *AFFINE, *RECTIFIERS),
    speed=Speed(
        case=lambda rng: one_call("speed", rng.normal(64, 1, 28, 28), weights(rng)),
        limit=3.0,
        against="torch.nn's layers",
    ),
)

EXERCISES = (LENET5,)
