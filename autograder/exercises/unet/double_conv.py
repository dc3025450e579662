"""Two convolutions in a row."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from autograder.exercises.attention._modules import module_case, weights
from autograder.exercises.unet._named import names_compared, with_names
from autograder.exercises.unet._ready_made import NETWORKS
from autograder.exercises.vit._vit import under_other_names
from autograder.spec import Case, Exercise, Rng, Speed, Wrong

FLOAT64 = torch.float64


class Oracle(nn.Module):
    """Each step is a method of its own, for the wrong answers to change."""

    def __init__(self, in_channels: int, out_channels: int, norm: str = "batch", padding: int = 1) -> None:
        super().__init__()
        self.padding = padding
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, bias=norm == "none")
        self.norm1 = self.norm(norm, out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, bias=norm == "none")
        self.norm2 = self.norm(norm, out_channels)

    def norm(self, norm: str, channels: int) -> nn.Module:
        if norm == "none":
            return nn.Identity()
        return nn.BatchNorm2d(channels) if norm == "batch" else nn.InstanceNorm2d(channels, affine=True)

    def first(self, x: Tensor) -> Tensor:
        """The first convolution."""
        return F.conv2d(x, self.conv1.weight, self.conv1.bias, padding=self.padding)

    def second(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.conv2.weight, self.conv2.bias, padding=self.padding)

    def inner(self, x: Tensor) -> Tensor:
        """Between the two convolutions."""
        return torch.relu(self.norm1(x))

    def outer(self, x: Tensor) -> Tensor:
        """Behind the second."""
        return torch.relu(self.norm2(x))

    def forward(self, x: Tensor) -> Tensor:
        return self.outer(self.second(self.inner(self.first(x))))


def case(
    rng: Rng,
    name: str,
    x: Tensor,
    out_channels: int,
    *,
    norm: str = "batch",
    padding: int = 1,
    train: bool = False,
    gradients: tuple[str, ...] = (),
) -> Case:
    options = {"in_channels": x.shape[1], "out_channels": out_channels, "norm": norm, "padding": padding}
    found = weights(rng, Oracle(x.shape[1], out_channels, norm), x.dtype)
    return module_case(name, {"x": x}, found, options=options, train=train, gradients=gradients)


def by_hand() -> Case:
    middle = torch.zeros(1, 1, 3, 3)
    middle[0, 0, 1, 1] = 1
    found = {"conv1.weight": torch.ones(1, 1, 3, 3), "conv1.bias": torch.tensor([-2.0])}
    found |= {"conv2.weight": 3 * middle, "conv2.bias": torch.tensor([-1.0])}
    return module_case(
        "one channel, no norm, by hand",
        {"x": torch.tensor([[[[0.0, 0.0, 0.0, 1.0, 2.0]]]])},
        found,
        options={"in_channels": 1, "out_channels": 1, "norm": "none"},
        expect=torch.tensor([[[[0.0, 0.0, 0.0, 2.0, 2.0]]]]),
        note="last column: 1 + 2 = 3, − 2 = 1, ReLU 1; then 3·1 − 1 = 2. First: 0 − 2, ReLU 0; then 3·0 − 1, ReLU 0",
    )


def cases(rng: Rng) -> Iterator[Case]:
    yield by_hand()
    yield with_names(case(rng, "batch norm, not square, its parts' names", rng.normal(1, 2, 4, 5), 3))
    yield case(rng, "batch of 3, as many channels as before", rng.normal(3, 2, 5, 4), 2)
    yield case(rng, "batch norm in training", rng.normal(2, 3, 4, 4), 4, train=True)
    yield case(rng, "instance norm", rng.normal(2, 2, 5, 4), 3, norm="instance")
    yield case(rng, "no norm", rng.normal(2, 2, 4, 6), 3, norm="none")
    yield case(rng, "no padding", rng.normal(1, 2, 7, 6), 2, padding=0)
    yield case(rng, "not contiguous", rng.strided(2, 3, 4, 5), 2)
    double, larger = (rng.normal(2, 2, *size, dtype=FLOAT64) for size in ((4, 5), (5, 6)))
    both = ("x", "net")
    yield case(rng, "float64, gradients, in training", double, 3, train=True, gradients=both)
    yield case(rng, "float64, gradients, no norm, no padding", larger, 2, norm="none", padding=0, gradients=both)


class NotBentBetween(Oracle):
    def inner(self, x: Tensor) -> Tensor:
        out: Tensor = self.norm1(x)
        return out


class NotBentBehind(Oracle):
    def outer(self, x: Tensor) -> Tensor:
        out: Tensor = self.norm2(x)
        return out


class BentBeforeTheNorm(Oracle):
    def inner(self, x: Tensor) -> Tensor:
        out: Tensor = self.norm1(torch.relu(x))
        return out

    def outer(self, x: Tensor) -> Tensor:
        out: Tensor = self.norm2(torch.relu(x))
        return out


class Leaky(Oracle):
    def inner(self, x: Tensor) -> Tensor:
        return F.leaky_relu(self.norm1(x), 0.1)

    def outer(self, x: Tensor) -> Tensor:
        return F.leaky_relu(self.norm2(x), 0.1)


class OneNorm(Oracle):
    def outer(self, x: Tensor) -> Tensor:
        return torch.relu(self.norm1(x))


class NoNorms(Oracle):
    """They are there, but nothing goes through them."""

    def inner(self, x: Tensor) -> Tensor:
        return torch.relu(x)

    def outer(self, x: Tensor) -> Tensor:
        return torch.relu(x)


class NoSecondNorm(Oracle):
    def outer(self, x: Tensor) -> Tensor:
        return torch.relu(x)


class AlwaysPadded(Oracle):
    def __init__(self, in_channels: int, out_channels: int, norm: str = "batch", padding: int = 1) -> None:
        super().__init__(in_channels, out_channels, norm)


class SecondAlwaysPadded(Oracle):
    def second(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.conv2.weight, self.conv2.bias, padding=1)


class AlwaysBatch(Oracle):
    def norm(self, norm: str, channels: int) -> nn.Module:
        return super().norm("none" if norm == "none" else "batch", channels)


class OneConvolution(Oracle):
    def second(self, x: Tensor) -> Tensor:
        edge = 1 - self.padding
        return x[..., edge : x.shape[2] - edge, edge : x.shape[3] - edge]


OtherNames = under_other_names(Oracle, {"conv1": "a", "norm1": "b", "conv2": "c", "norm2": "d"})
ORDER = "convolution, norm, ReLU, twice."

WRONG = (
    Wrong(
        "leaves out the first ReLU",
        NotBentBetween,
        says="nothing bends between the convolutions: together they could be one.",
        look=ORDER,
    ),
    Wrong("leaves out the second ReLU", NotBentBehind, says="nothing bends behind the second norm.", look=ORDER),
    Wrong(
        "bends before the norms", BentBeforeTheNorm, says="each ReLU stands before its norm; it follows it.", look=ORDER
    ),
    Wrong(
        "bends by a leaky ReLU",
        Leaky,
        says="a part of what is below zero passes; a ReLU lets nothing through.",
        look="F.relu.",
    ),
    Wrong(
        "uses norm1 twice",
        OneNorm,
        says="norm1 follows both convolutions; each has its own, with its own statistics.",
        look="which parts does forward call?",
    ),
    Wrong(
        "never uses the norms",
        NoNorms,
        says="the norms are there, but nothing goes through them.",
        look="which parts does forward call?",
    ),
    Wrong("leaves out the second norm", NoSecondNorm, says="nothing goes through norm2.", look=ORDER),
    Wrong(
        "leaves out the second convolution",
        OneConvolution,
        says="nothing goes through conv2.",
        look="which parts does forward call?",
    ),
    Wrong(
        "always pads",
        AlwaysPadded,
        says="padding is 1 whatever was asked for; with 0 the map loses two pixels on each side.",
        look="hand it on to both convolutions.",
    ),
    Wrong(
        "always pads the second convolution",
        SecondAlwaysPadded,
        says="padding 0 reaches the first convolution only.",
        look="hand it on to both convolutions.",
    ),
    Wrong(
        "always takes batch norm",
        AlwaysBatch,
        says='the norm is a batch norm even where "instance" is asked for.',
        look="norm_layer is given.",
    ),
    Wrong(
        "gives its parts other names",
        OtherNames,
        says="it works, but its parts should be called conv1, norm1, conv2 and norm2, and not all are: weights are "
        "loaded by these names.",
        look="the contract.",
    ),
)

DOUBLE_CONV = Exercise(
    id="unet.DoubleConv",
    cases=cases,
    oracle=Oracle,
    measure=names_compared,
    wrong=WRONG,
    hints=(
        "Four parts in __init__, two lines in forward.",
        'nn.Conv2d(in_channels, out_channels, 3, padding=padding, bias=norm == "none"), and norm_layer.',
        "F.relu(self.norm1(self.conv1(x))) is the first line.",
    ),
    points=2,
    minutes=12,
    forbidden=NETWORKS,
    speed=Speed(
        case=lambda rng: case(rng, "speed", rng.normal(2, 16, 64, 64), 16), limit=2.0, against="the same layers"
    ),
)

EXERCISES = (DOUBLE_CONV,)
