"""CBAM's channel half: gates from the means and the maxima, by the same two layers."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from autograder.exercises.attention._modules import module_case, weights
from autograder.exercises.attention._ready_made import GATES
from autograder.spec import Case, Exercise, Rng, Speed, Wrong

SMALL = {"channels": 8, "reduction": 2}


class Oracle(nn.Module):
    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, channels // reduction, 1, bias=False)
        self.fc2 = nn.Conv2d(channels // reduction, channels, 1, bias=False)

    def scores(self, squeezed: Tensor) -> Tensor:
        out: Tensor = self.fc2(torch.relu(self.fc1(squeezed)))
        return out

    def gates(self, mean: Tensor, highest: Tensor) -> Tensor:
        return torch.sigmoid(self.scores(mean) + self.scores(highest))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gates(x.mean((2, 3), keepdim=True), x.amax((2, 3), keepdim=True))


def by_hand() -> Case:
    found = {
        "fc1.weight": torch.tensor([[1.0, 1.0]]).reshape(1, 2, 1, 1),
        "fc2.weight": torch.tensor([[1.0], [-1.0]]).reshape(2, 1, 1, 1),
    }
    return module_case(
        "two channels of two pixels, by hand",
        {"x": torch.tensor([[[[1.0, 3.0]], [[-2.0, 0.0]]]])},
        found,
        options={"channels": 2, "reduction": 2},
        expect=torch.tensor([[[[0.982014, 2.946041]], [[-0.035972, 0.0]]]]),
        note="means 2, −1: fc1 gives 1; maxima 3, 0: fc1 gives 3; fc2 adds up to 4 and −4; 3 · sigmoid(4) = 2.946",
    )


def cases(rng: Rng) -> Iterator[Case]:
    yield by_hand()
    wide = {"channels": 16, "reduction": 4}
    yield module_case("16 channels", {"x": rng.normal(1, 16, 4, 5)}, weights(rng, Oracle(16, 4)), options=wide)
    yield module_case("batch of 3", {"x": rng.normal(3, 8, 5, 4)}, weights(rng, Oracle(8, 2)), options=SMALL)
    yield module_case(
        "the usual reduction of 16", {"x": rng.normal(2, 32, 3, 3)}, weights(rng, Oracle(32)), options={"channels": 32}
    )
    yield module_case("no positive pixel", {"x": -rng.uniform(2, 8, 3, 3)}, weights(rng, Oracle(8, 2)), options=SMALL)
    yield module_case("not contiguous", {"x": rng.strided(2, 8, 4, 3)}, weights(rng, Oracle(8, 2)), options=SMALL)
    yield module_case(
        "float64, gradients, train mode",
        {"x": rng.normal(2, 8, 3, 5, dtype=torch.float64)},
        weights(rng, Oracle(8, 2), torch.float64),
        options=SMALL,
        train=True,
        gradients=("x", "net"),
    )


class MeanAlone(Oracle):
    def gates(self, mean: Tensor, highest: Tensor) -> Tensor:
        return torch.sigmoid(self.scores(mean) + 0 * self.scores(highest))


class MaximumAlone(Oracle):
    def gates(self, mean: Tensor, highest: Tensor) -> Tensor:
        return torch.sigmoid(self.scores(highest))


class AddedBefore(Oracle):
    def gates(self, mean: Tensor, highest: Tensor) -> Tensor:
        return torch.sigmoid(self.scores(mean + highest))


class TwoGatesAdded(Oracle):
    def gates(self, mean: Tensor, highest: Tensor) -> Tensor:
        return torch.sigmoid(self.scores(mean)) + torch.sigmoid(self.scores(highest))


class TwoGatesMultiplied(Oracle):
    def gates(self, mean: Tensor, highest: Tensor) -> Tensor:
        return torch.sigmoid(self.scores(mean)) * torch.sigmoid(self.scores(highest))


class Averaged(Oracle):
    def gates(self, mean: Tensor, highest: Tensor) -> Tensor:
        return torch.sigmoid((self.scores(mean) + self.scores(highest)) / 2)


class Straight(Oracle):
    def scores(self, squeezed: Tensor) -> Tensor:
        out: Tensor = self.fc2(self.fc1(squeezed))
        return out


class NoGate(Oracle):
    def gates(self, mean: Tensor, highest: Tensor) -> Tensor:
        return self.scores(mean) + self.scores(highest)


class LargestSize(Oracle):
    def forward(self, x: Tensor) -> Tensor:
        return x * self.gates(x.mean((2, 3), keepdim=True), x.abs().amax((2, 3), keepdim=True))


class OfTheBatch(Oracle):
    def forward(self, x: Tensor) -> Tensor:
        return x * self.gates(x.mean((0, 2, 3), keepdim=True), x.amax((0, 2, 3), keepdim=True))


CHANNEL_ATTENTION = Exercise(
    id="attention.ChannelAttention",
    cases=cases,
    oracle=Oracle,
    wrong=(
        Wrong(
            "looks at the means only",
            MeanAlone,
            says="the maxima play no part; this is squeeze and excitation without biases.",
            look="fc1 and fc2 are used twice.",
        ),
        Wrong(
            "looks at the maxima only",
            MaximumAlone,
            says="the means play no part.",
            look="fc1 and fc2 are used twice.",
        ),
        Wrong(
            "adds means and maxima first",
            AddedBefore,
            says="means and maxima are added before the layers; each goes through them by itself, ReLU included.",
            look="what is added: two numbers a channel, or two results of fc2?",
        ),
        Wrong(
            "adds two gates",
            TwoGatesAdded,
            says="each result has a sigmoid of its own, so that their sum reaches up to 2.",
            look="one sigmoid, around the sum.",
        ),
        Wrong(
            "multiplies two gates",
            TwoGatesMultiplied,
            says="each result has a sigmoid of its own, and both multiply.",
            look="one sigmoid, around the sum.",
        ),
        Wrong(
            "averages the two results",
            Averaged,
            says="the two results are averaged; they are added.",
            look="equation 2 of the paper has a plus and no 2.",
        ),
        Wrong(
            "leaves out the ReLU",
            Straight,
            says="nothing bends between fc1 and fc2.",
            look="fc1, ReLU, fc2.",
        ),
        Wrong(
            "leaves out the sigmoid",
            NoGate,
            says="the gates aren't between 0 and 1: the sigmoid is missing.",
            look="what turns any number into a gate?",
        ),
        Wrong(
            "takes the largest size",
            LargestSize,
            says="the maximum is taken of the absolute values; −5 is not more than 2.",
            look="amax, without abs.",
        ),
        Wrong(
            "squeezes the whole batch",
            OfTheBatch,
            says="mean and maximum run over the batch too, so all images share their gates.",
            look="which axes of (N, C, H, W) are places?",
        ),
    ),
    hints=(
        "Write your SEBlock with a function of the squeezed map, and call that function twice.",
        "x.amax((2, 3), keepdim=True) is the maximum over both axes; x.max takes one axis and gives places too.",
        "sigmoid(fc2(relu(fc1(mean))) + fc2(relu(fc1(maximum)))) · x.",
    ),
    points=2,
    minutes=8,
    forbidden=GATES,
    speed=Speed(
        case=lambda rng: module_case(
            "speed", {"x": rng.normal(8, 64, 28, 28)}, weights(rng, Oracle(64)), options={"channels": 64}
        ),
        limit=3.0,
        against="the same in torch",
    ),
)

EXERCISES = (CHANNEL_ATTENTION,)
