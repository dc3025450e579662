"""Squeeze and excitation: one gate a channel, from the means of all channels."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from autograder.exercises.attention._modules import module_case, weights
from autograder.exercises.attention._ready_made import GATES
from autograder.spec import Case, Exercise, Rng, Speed, Wrong

EIGHTH = {"channels": 8, "reduction": 2}


class Oracle(nn.Module):
    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, channels // reduction, 1)
        self.fc2 = nn.Conv2d(channels // reduction, channels, 1)

    def squeeze(self, x: Tensor) -> Tensor:
        return x.mean((2, 3), keepdim=True)

    def excite(self, squeezed: Tensor) -> Tensor:
        return torch.sigmoid(self.fc2(torch.relu(self.fc1(squeezed))))

    def scale(self, x: Tensor, gates: Tensor) -> Tensor:
        return x * gates

    def forward(self, x: Tensor) -> Tensor:
        return self.scale(x, self.excite(self.squeeze(x)))


def by_hand() -> Case:
    found = {
        "fc1.weight": torch.tensor([[1.0, 1.0]]).reshape(1, 2, 1, 1),
        "fc1.bias": torch.tensor([0.0]),
        "fc2.weight": torch.tensor([[1.0], [-1.0]]).reshape(2, 1, 1, 1),
        "fc2.bias": torch.tensor([0.0, 0.0]),
    }
    return module_case(
        "two channels of two pixels, by hand",
        {"x": torch.tensor([[[[1.0, 3.0]], [[-2.0, 0.0]]]])},
        found,
        options={"channels": 2, "reduction": 2},
        expect=torch.tensor([[[[0.731059, 2.193176]], [[-0.537883, 0.0]]]]),
        note="means 2 and −1; fc1: relu(2 − 1) = 1; fc2: 1 and −1; gates 0.731 and 0.269; 3 · 0.731 = 2.193",
    )


def cases(rng: Rng) -> Iterator[Case]:
    yield by_hand()
    wide = {"channels": 16, "reduction": 4}
    yield module_case("16 channels", {"x": rng.normal(1, 16, 4, 5)}, weights(rng, Oracle(16, 4)), options=wide)
    yield module_case("batch of 3", {"x": rng.normal(3, 8, 5, 4)}, weights(rng, Oracle(8, 2)), options=EIGHTH)
    yield module_case(
        "the usual reduction of 16", {"x": rng.normal(2, 32, 3, 3)}, weights(rng, Oracle(32)), options={"channels": 32}
    )
    yield module_case("one pixel", {"x": rng.normal(2, 8, 1, 1)}, weights(rng, Oracle(8, 2)), options=EIGHTH)
    yield module_case("not contiguous", {"x": rng.strided(2, 8, 4, 3)}, weights(rng, Oracle(8, 2)), options=EIGHTH)
    double = torch.float64
    yield module_case(
        "float64, gradients, train mode",
        {"x": rng.normal(2, 8, 3, 5, dtype=double)},
        weights(rng, Oracle(8, 2), double),
        options=EIGHTH,
        train=True,
        gradients=("x", "net"),
    )


class OfTheBatch(Oracle):
    def squeeze(self, x: Tensor) -> Tensor:
        return x.mean((0, 2, 3), keepdim=True)


class OfTheRow(Oracle):
    def squeeze(self, x: Tensor) -> Tensor:
        return x.mean(3, keepdim=True)


class EveryPlace(Oracle):
    def squeeze(self, x: Tensor) -> Tensor:
        return x


class OfTheChannels(Oracle):
    def squeeze(self, x: Tensor) -> Tensor:
        return x.mean(1, keepdim=True).expand_as(x)


class OfTheMaximum(Oracle):
    def squeeze(self, x: Tensor) -> Tensor:
        return x.amax((2, 3), keepdim=True)


class OfTheSum(Oracle):
    def squeeze(self, x: Tensor) -> Tensor:
        return x.sum((2, 3), keepdim=True)


class Straight(Oracle):
    def excite(self, squeezed: Tensor) -> Tensor:
        return torch.sigmoid(self.fc2(self.fc1(squeezed)))


class NoGate(Oracle):
    def excite(self, squeezed: Tensor) -> Tensor:
        out: Tensor = self.fc2(torch.relu(self.fc1(squeezed)))
        return out


class Shares(Oracle):
    def excite(self, squeezed: Tensor) -> Tensor:
        return torch.softmax(self.fc2(torch.relu(self.fc1(squeezed))), dim=1)


class RectifiedTwice(Oracle):
    def excite(self, squeezed: Tensor) -> Tensor:
        return torch.sigmoid(torch.relu(self.fc2(torch.relu(self.fc1(squeezed)))))


class GatesAlone(Oracle):
    def scale(self, x: Tensor, gates: Tensor) -> Tensor:
        return gates


class WithShortcut(Oracle):
    def scale(self, x: Tensor, gates: Tensor) -> Tensor:
        return x + x * gates


class Added(Oracle):
    def scale(self, x: Tensor, gates: Tensor) -> Tensor:
        return x + gates


SE_BLOCK = Exercise(
    id="attention.SEBlock",
    cases=cases,
    oracle=Oracle,
    wrong=(
        Wrong(
            "squeezes the whole batch",
            OfTheBatch,
            says="the means run over the batch too, so all images share their gates.",
            look="which axes of (N, C, H, W) are places?",
        ),
        Wrong(
            "squeezes over the channels",
            OfTheChannels,
            says="the mean is taken over the channels of each place; it should be over the places of each channel.",
            look="squeezed, the map has one number a channel, (N, C, 1, 1): over which axes is the mean?",
        ),
        Wrong(
            "squeezes the columns only",
            OfTheRow,
            says="the mean runs over columns only: each row has gates of its own.",
            look="the squeezed map is (N, C, 1, 1).",
        ),
        Wrong(
            "doesn't squeeze",
            EveryPlace,
            says="the gates are worked out for each place by itself; a gate belongs to a whole channel.",
            look="what is the shape of what goes into fc1?",
        ),
        Wrong(
            "squeezes by the maximum",
            OfTheMaximum,
            says="each channel is described by its maximum; here it is the mean (CBAM will take both).",
            look="how much of this feature is in the image, on average?",
        ),
        Wrong(
            "squeezes by the sum",
            OfTheSum,
            says="each channel is summed, not averaged: a larger image would get other gates.",
            look="mean, over rows and columns.",
        ),
        Wrong(
            "leaves out the ReLU",
            Straight,
            says="nothing bends between fc1 and fc2, and two linear layers in a row are one.",
            look="fc1, ReLU, fc2, sigmoid.",
        ),
        Wrong(
            "leaves out the sigmoid",
            NoGate,
            says="the gates aren't between 0 and 1: the sigmoid is missing.",
            look="what turns any number into a gate?",
        ),
        Wrong(
            "lets the channels compete",
            Shares,
            says="the gates are a softmax and add up to 1; each channel has a sigmoid of its own.",
            look="may two channels both be fully open?",
        ),
        Wrong(
            "rectifies before the sigmoid",
            RectifiedTwice,
            says="a ReLU before the sigmoid keeps every gate at ½ or above, so no channel can be closed.",
            look="fc1, ReLU, fc2, sigmoid: one ReLU.",
        ),
        Wrong(
            "answers with the gates",
            GatesAlone,
            says="these are the gates; asked is the feature map behind them.",
            look="how do (N, C, 1, 1) gates meet the (N, C, H, W) map?",
        ),
        Wrong(
            "adds the input once more",
            WithShortcut,
            says="the input is added to the gated map; the block only multiplies.",
            look="the shortcut is the residual block's, not this one's.",
        ),
        Wrong(
            "adds the gates",
            Added,
            says="the gates are added; they multiply.",
            look="a gate of 0 should close its channel.",
        ),
    ),
    hints=(
        "Three steps: the mean over both axes of places, two 1×1 convolutions, a product.",
        "keepdim=True leaves (N, C, 1, 1): it fits into a convolution, and its product with x spreads by itself.",
        "sigmoid(fc2(relu(fc1(mean)))) · x.",
    ),
    points=2,
    minutes=12,
    forbidden=GATES,
    speed=Speed(
        case=lambda rng: module_case(
            "speed", {"x": rng.normal(8, 64, 28, 28)}, weights(rng, Oracle(64)), options={"channels": 64}
        ),
        limit=3.0,
        against="the same in torch",
    ),
)

EXERCISES = (SE_BLOCK,)
