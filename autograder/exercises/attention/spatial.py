"""CBAM's spatial half: one gate for each place, from the mean and the maximum over its channels."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from autograder.exercises.attention._modules import module_case, weights
from autograder.exercises.attention._ready_made import GATES
from autograder.spec import Case, Exercise, Rng, Speed, Wrong

THREE = {"kernel_size": 3}
FIVE = {"kernel_size": 5}


class Oracle(nn.Module):
    def __init__(self, kernel_size: int = 7) -> None:
        super().__init__()
        kernel = nn.Conv2d(2, 1, kernel_size, padding=kernel_size // 2, bias=False)
        self.conv = nn.Sequential(OrderedDict(conv=kernel, bn=nn.BatchNorm2d(1)))

    def see(self, x: Tensor) -> Tensor:
        return torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], dim=1)

    def gate(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.conv(self.see(x)))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gate(x)


def by_hand() -> Case:
    kernel = torch.zeros(1, 2, 3, 3)
    kernel[0, 0, 1, 1], kernel[0, 1, 1, 2] = 1.0, 2.0
    found = {
        "conv.conv.weight": kernel,
        "conv.bn.weight": torch.tensor([1.0]),
        "conv.bn.bias": torch.tensor([-4.0]),
        "conv.bn.running_mean": torch.tensor([0.0]),
        "conv.bn.running_var": torch.tensor([1.0 - 1e-5]),
        "conv.bn.num_batches_tracked": torch.tensor(0),
    }
    return module_case(
        "two channels of two pixels, by hand",
        {"x": torch.tensor([[[[1.0, 2.0]], [[3.0, -4.0]]]])},
        found,
        options={"kernel_size": 3},
        expect=torch.tensor([[[[0.880797, 0.013386]], [[2.642391, -0.026772]]]]),
        note="left place: its mean (1 + 3) / 2 = 2, plus 2 times its right neighbour's maximum 2, is 6; batch norm "
        "adds −4; sigmoid(2) = 0.881; 3 · 0.881 = 2.642",
    )


def cases(rng: Rng) -> Iterator[Case]:
    yield by_hand()
    yield module_case("a kernel of 7", {"x": rng.normal(1, 4, 8, 9)}, weights(rng, Oracle()), options={})
    yield module_case(
        "batch of 3, a kernel of 3", {"x": rng.normal(3, 5, 6, 4)}, weights(rng, Oracle(3)), options=THREE
    )
    yield module_case("one channel", {"x": rng.normal(2, 1, 5, 5)}, weights(rng, Oracle(3)), options=THREE)
    yield module_case("smaller than the kernel", {"x": rng.normal(2, 3, 2, 3)}, weights(rng, Oracle()), options={})
    yield module_case("not contiguous", {"x": rng.strided(2, 4, 6, 5)}, weights(rng, Oracle(5)), options=FIVE)
    double = torch.float64
    x = rng.normal(3, 4, 5, 6, dtype=double)
    found = weights(rng, Oracle(3), double)
    yield module_case(
        "float64, train mode: batch statistics, and running ones moved", {"x": x}, found, options=THREE, train=True
    )
    yield module_case(
        "float64, gradients", {"x": x}, weights(rng, Oracle(3), double), options=THREE, gradients=("x", "net")
    )


class MaximumFirst(Oracle):
    def see(self, x: Tensor) -> Tensor:
        return super().see(x).flip(1)


class MeanTwice(Oracle):
    def see(self, x: Tensor) -> Tensor:
        return x.mean(1, keepdim=True).expand(-1, 2, -1, -1)


class MaximumTwice(Oracle):
    def see(self, x: Tensor) -> Tensor:
        return x.amax(1, keepdim=True).expand(-1, 2, -1, -1)


class SumForMean(Oracle):
    def see(self, x: Tensor) -> Tensor:
        return torch.cat([x.sum(1, keepdim=True), x.amax(1, keepdim=True)], dim=1)


class OverPlaces(Oracle):
    def gate(self, x: Tensor) -> Tensor:
        return super().gate(x).mean((2, 3), keepdim=True)


class NoNorm(Oracle):
    def gate(self, x: Tensor) -> Tensor:
        found: Tensor = self.conv[0](self.see(x))
        return torch.sigmoid(found + 0 * sum(parameter.sum() for parameter in self.conv[1].parameters()))


class NoGate(Oracle):
    def gate(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(self.see(x))
        return out


class OneForAll(Oracle):
    def gate(self, x: Tensor) -> Tensor:
        scores: Tensor = self.conv(self.see(x))
        return torch.softmax(scores.flatten(2), dim=-1).reshape(scores.shape)


class Rectified(Oracle):
    def gate(self, x: Tensor) -> Tensor:
        return torch.sigmoid(torch.relu(self.conv(self.see(x))))


class GateAlone(Oracle):
    def forward(self, x: Tensor) -> Tensor:
        return self.gate(x)


class WithShortcut(Oracle):
    def forward(self, x: Tensor) -> Tensor:
        return x + x * self.gate(x)


SPATIAL_ATTENTION = Exercise(
    id="attention.SpatialAttention",
    cases=cases,
    oracle=Oracle,
    wrong=(
        Wrong(
            "takes the maximum first",
            MaximumFirst,
            says="the two maps are in the other order, so trained kernels read each as the other.",
            look="mean, then maximum.",
        ),
        Wrong(
            "takes the mean twice",
            MeanTwice,
            says="both maps are means; the second is the maximum over the channels.",
            look="x.amax(1, keepdim=True).",
        ),
        Wrong(
            "takes the maximum twice",
            MaximumTwice,
            says="both maps are maxima; the first is the mean over the channels.",
            look="x.mean(1, keepdim=True).",
        ),
        Wrong(
            "sums over the channels",
            SumForMean,
            says="the first map is the sum over the channels, not the mean: it grows with their number.",
            look="mean, over axis 1.",
        ),
        Wrong(
            "ends with one gate for the whole map",
            OverPlaces,
            says="there is one gate for all places; each place has its own.",
            look="the gate is (N, 1, H, W).",
        ),
        Wrong(
            "leaves out the batch norm",
            NoNorm,
            says="the convolution goes straight into the sigmoid; a batch norm stands between.",
            look="self.conv is a Sequential of two: call it whole.",
        ),
        Wrong(
            "leaves out the sigmoid",
            NoGate,
            says="the gates aren't between 0 and 1: the sigmoid is missing.",
            look="what turns any number into a gate?",
        ),
        Wrong(
            "lets the places compete",
            OneForAll,
            says="the gates are a softmax over all places and add up to 1; each place has a sigmoid of its own.",
            look="may two places both be fully open?",
        ),
        Wrong(
            "rectifies before the sigmoid",
            Rectified,
            says="a ReLU before the sigmoid keeps every gate at ½ or above, so no place can be closed.",
            look="convolution, batch norm, sigmoid.",
        ),
        Wrong(
            "answers with the gate",
            GateAlone,
            says="this is the gate; asked is the feature map behind it.",
            look="how does (N, 1, H, W) meet (N, C, H, W)?",
        ),
        Wrong(
            "adds the input once more",
            WithShortcut,
            says="the input is added to the gated map; the block only multiplies.",
            look="x · gate, nothing else.",
        ),
    ),
    hints=(
        "Squeeze the other way round: mean and maximum over the channels, axis 1, with keepdim=True.",
        "torch.cat([mean, maximum], dim=1) is (N, 2, H, W). padding=kernel_size // 2 keeps H and W.",
        'nn.Sequential(OrderedDict(conv=…, bn=nn.BatchNorm2d(1))) gives the names "conv.conv" and "conv.bn".',
    ),
    points=2,
    minutes=12,
    forbidden=GATES,
    speed=Speed(
        case=lambda rng: module_case(
            "speed", {"x": rng.normal(4, 64, 28, 28)}, weights(rng, Oracle()), options={"kernel_size": 7}
        ),
        limit=3.0,
        against="the same in torch",
    ),
)

EXERCISES = (SPATIAL_ATTENTION,)
