"""CBAM: what, then where."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from autograder.exercises.attention import pooling_twice, spatial
from autograder.exercises.attention._modules import module_case, weights
from autograder.exercises.attention._ready_made import GATES
from autograder.spec import Case, Exercise, Rng, Wrong


class Oracle(nn.Module):
    def __init__(self, channels: int, reduction: int = 16, kernel_size: int = 7) -> None:
        super().__init__()
        self.channel = pooling_twice.Oracle(channels, reduction)
        self.spatial = spatial.Oracle(kernel_size)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.spatial(self.channel(x))
        return out


def by_hand() -> Case:
    """Gates of channels by the maxima alone, since the mean is 0; a spatial kernel that sees one place."""
    kernel = torch.zeros(1, 2, 1, 1)
    kernel[0, 1] = 1.0
    found = {
        "channel.fc1.weight": torch.ones(1, 1, 1, 1),
        "channel.fc2.weight": torch.ones(1, 1, 1, 1),
        "spatial.conv.conv.weight": kernel,
        "spatial.conv.bn.weight": torch.tensor([1.0]),
        "spatial.conv.bn.bias": torch.tensor([0.0]),
        "spatial.conv.bn.running_mean": torch.tensor([0.0]),
        "spatial.conv.bn.running_var": torch.tensor([1.0 - 1e-5]),
        "spatial.conv.bn.num_batches_tracked": torch.tensor(0),
    }
    return module_case(
        "one channel of two pixels, by hand",
        {"x": torch.tensor([[[[2.0, -2.0]]]])},
        found,
        options={"channels": 1, "reduction": 1, "kernel_size": 1},
        expect=torch.tensor([[[[1.503361, -0.258233]]]]),
        note="mean 0, maximum 2: sigmoid(0 + 2) = 0.881, so ±1.762; sigmoid(1.762) = 0.853; 1.762 · 0.853 = 1.503",
    )


def cases(rng: Rng) -> Iterator[Case]:
    yield by_hand()
    small = {"channels": 8, "reduction": 2, "kernel_size": 3}
    yield module_case("8 channels", {"x": rng.normal(2, 8, 5, 6)}, weights(rng, Oracle(8, 2, 3)), options=small)
    yield module_case(
        "reduction 16, a kernel of 7",
        {"x": rng.normal(2, 32, 6, 5)},
        weights(rng, Oracle(32)),
        options={"channels": 32},
    )
    yield module_case("not contiguous", {"x": rng.strided(3, 8, 4, 5)}, weights(rng, Oracle(8, 2, 3)), options=small)
    double = torch.float64
    yield module_case(
        "float64, train mode: batch statistics, and running ones moved",
        {"x": rng.normal(3, 8, 5, 4, dtype=double)},
        weights(rng, Oracle(8, 2, 3), double),
        options=small,
        train=True,
    )
    yield module_case(
        "float64, gradients",
        {"x": rng.normal(2, 8, 4, 5, dtype=double)},
        weights(rng, Oracle(8, 2, 3), double),
        options=small,
        gradients=("x", "net"),
    )


class WhereFirst(Oracle):
    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.channel(self.spatial(x))
        return out


class SideBySide(Oracle):
    def forward(self, x: Tensor) -> Tensor:
        means, highest = x.mean((2, 3), keepdim=True), x.amax((2, 3), keepdim=True)
        return x * self.channel.gates(means, highest) * self.spatial.gate(x)


class Sum(Oracle):
    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.channel(x) + self.spatial(x)
        return out


class WithShortcut(Oracle):
    def forward(self, x: Tensor) -> Tensor:
        return x + super().forward(x)


class OnlyWhat(Oracle):
    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.channel(x)
        return out


class OnlyWhere(Oracle):
    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.spatial(x)
        return out


class MultipliedAgain(Oracle):
    def forward(self, x: Tensor) -> Tensor:
        return x * super().forward(x)


CBAM = Exercise(
    id="attention.CBAM",
    cases=cases,
    oracle=Oracle,
    wrong=(
        Wrong(
            "looks where before what",
            WhereFirst,
            says="the spatial half comes first; channels come first.",
            look="which half should see the other's result?",
        ),
        Wrong(
            "puts both halves side by side",
            SideBySide,
            says="both gates are worked out from the input; the spatial half looks at what the channel half has gated.",
            look="hand the first half's output to the second.",
        ),
        Wrong(
            "adds the halves",
            Sum,
            says="the outputs of the halves are added; they follow each other.",
            look="one after the other.",
        ),
        Wrong(
            "adds the input once more",
            WithShortcut,
            says="the input is added in the end; the shortcut belongs to the residual block around this one.",
            look="two halves, nothing else.",
        ),
        Wrong(
            "gates channels only",
            OnlyWhat,
            says="the spatial half plays no part.",
            look="what happens to self.spatial in forward?",
        ),
        Wrong(
            "gates places only",
            OnlyWhere,
            says="the channel half plays no part.",
            look="what happens to self.channel in forward?",
        ),
        Wrong(
            "multiplies with the input again",
            MultipliedAgain,
            says="each half has multiplied already; your CBAM multiplies once more.",
            look="do the halves answer with gates, or with gated maps?",
        ),
    ),
    hints=("You have both halves.", "self.spatial(self.channel(x))."),
    points=1,
    minutes=4,
    needs=("attention.ChannelAttention", "attention.SpatialAttention"),
    forbidden=GATES,
)

EXERCISES = (CBAM,)
