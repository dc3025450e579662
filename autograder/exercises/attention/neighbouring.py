"""Efficient channel attention: gates from neighbouring channels, and how large the neighbourhood is."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from autograder.exercises.attention._modules import module_case, weights
from autograder.exercises.attention._ready_made import GATES
from autograder.spec import Case, Exercise, Outputs, Rng, Wrong, new, state

SIZES = (2, 8, 16, 64, 128, 256, 2048)


MANY = {"channels": 256}


class Oracle(nn.Module):
    def __init__(self, channels: int, gamma: float = 2.0, beta: float = 1.0) -> None:
        super().__init__()
        size = self.kernel(channels, gamma, beta)
        self.conv = nn.Conv1d(1, 1, size, padding=size // 2, bias=False)

    def kernel(self, channels: int, gamma: float, beta: float) -> int:
        t = int(abs(math.log2(channels) + beta) / gamma)
        return max(t + 1 - t % 2, 3)

    def squeeze(self, x: Tensor) -> Tensor:
        return x.mean((2, 3)).unsqueeze(1)

    def excite(self, row: Tensor) -> Tensor:
        return torch.sigmoid(self.conv(row))

    def scale(self, x: Tensor, gates: Tensor) -> Tensor:
        return x * gates

    def forward(self, x: Tensor) -> Tensor:
        gates = self.excite(self.squeeze(x)).transpose(1, 2).unsqueeze(3)
        return self.scale(x, gates)


def by_hand() -> Case:
    return module_case(
        "three channels of one pixel, by hand",
        {"x": torch.tensor([1.0, 2.0, -3.0]).reshape(1, 3, 1, 1)},
        {"conv.weight": torch.tensor([[[1.0, 0.0, 2.0]]])},
        options={"channels": 3},
        expect=torch.tensor([0.982014, 0.013386, -2.642391]).reshape(1, 3, 1, 1),
        note="channel 1 sees 1·1 + 0·2 + 2·(−3) = −5: gate 0.00669; 2 · 0.00669 = 0.0134",
    )


def sizes(name: str, *channels: int, **options: float) -> Case:
    """Builds blocks and looks at their kernels."""
    steps = []
    for count in channels:
        steps += [new(f"net{count}", channels=count, **options), state(f"net{count}", f"kernel for {count} channels")]
    return Case(name, tuple(steps), inputs={})


def measure(case: Case, outputs: Outputs) -> Outputs:
    """Of a state without weights that were loaded, the sizes alone."""
    return {
        name: [tensor.numel() for tensor in value.values()] if name.startswith("kernel") else value
        for name, value in outputs.items()
    }


def cases(rng: Rng) -> Iterator[Case]:
    yield by_hand()
    yield module_case("8 channels", {"x": rng.normal(1, 8, 4, 5)}, weights(rng, Oracle(8)), options={"channels": 8})
    yield module_case("batch of 3", {"x": rng.normal(3, 6, 5, 4)}, weights(rng, Oracle(6)), options={"channels": 6})
    yield sizes("how large the kernels are", *SIZES)
    yield sizes("how large with gamma 1 and beta 2", *SIZES, gamma=1.0, beta=2.0)
    yield module_case(
        "256 channels, a kernel of 5", {"x": rng.normal(2, 256, 2, 3)}, weights(rng, Oracle(256)), options=MANY
    )
    yield module_case(
        "not contiguous", {"x": rng.strided(2, 5, 4, 3)}, weights(rng, Oracle(5)), options={"channels": 5}
    )
    yield module_case(
        "float64, gradients, train mode",
        {"x": rng.normal(2, 8, 3, 5, dtype=torch.float64)},
        weights(rng, Oracle(8), torch.float64),
        options={"channels": 8},
        train=True,
        gradients=("x", "net"),
    )


class AlwaysThree(Oracle):
    def kernel(self, channels: int, gamma: float, beta: float) -> int:
        return 3


class NaturalLogarithm(Oracle):
    def kernel(self, channels: int, gamma: float, beta: float) -> int:
        t = int(abs(math.log(channels) + beta) / gamma)
        return max(t + 1 - t % 2, 3)


class RoundedDown(Oracle):
    def kernel(self, channels: int, gamma: float, beta: float) -> int:
        t = int(abs(math.log2(channels) + beta) / gamma)
        return max(t if t % 2 else t - 1, 3)


class OneIsEnough(Oracle):
    def kernel(self, channels: int, gamma: float, beta: float) -> int:
        t = int(abs(math.log2(channels) + beta) / gamma)
        return t + 1 - t % 2


class Circular(Oracle):
    def excite(self, row: Tensor) -> Tensor:
        border = self.conv.weight.shape[-1] // 2
        around = torch.cat([row[..., -border:], row, row[..., :border]], dim=-1)
        return torch.sigmoid(nn.functional.conv1d(around, self.conv.weight))


class OfTheMaximum(Oracle):
    def squeeze(self, x: Tensor) -> Tensor:
        return x.amax((2, 3)).unsqueeze(1)


class OfTheSum(Oracle):
    def squeeze(self, x: Tensor) -> Tensor:
        return x.sum((2, 3)).unsqueeze(1)


class OfTheBatch(Oracle):
    def squeeze(self, x: Tensor) -> Tensor:
        return x.mean((0, 2, 3)).expand(len(x), -1).unsqueeze(1)


class NoGate(Oracle):
    def excite(self, row: Tensor) -> Tensor:
        out: Tensor = self.conv(row)
        return out


class GatesAlone(Oracle):
    def scale(self, x: Tensor, gates: Tensor) -> Tensor:
        return gates


class WithShortcut(Oracle):
    def scale(self, x: Tensor, gates: Tensor) -> Tensor:
        return x + x * gates


ECA_BLOCK = Exercise(
    id="attention.ECABlock",
    cases=cases,
    oracle=Oracle,
    measure=measure,
    wrong=(
        Wrong(
            "always takes a kernel of 3",
            AlwaysThree,
            says="the kernel has 3 weights whatever the number of channels; it grows with their logarithm.",
            look="channels, gamma and beta decide: work 256 channels out by hand.",
        ),
        Wrong(
            "takes the natural logarithm",
            NaturalLogarithm,
            says="the logarithm is that to base e; here it is that to base 2.",
            look="log₂ 256 = 8.",
        ),
        Wrong(
            "rounds even kernels down",
            RoundedDown,
            says="an even size becomes the odd one below; it becomes the one above.",
            look="256 channels: 4.5, so 4, so 5.",
        ),
        Wrong(
            "allows a kernel of 1",
            OneIsEnough,
            says="for few channels the kernel has one weight: a channel then sees no neighbour. It has at least 3.",
            look="max(…, 3).",
        ),
        Wrong(
            "joins the first channel to the last",
            Circular,
            says="the row of channels is closed to a ring; outside it there are zeros.",
            look="which padding does nn.Conv1d use by itself?",
        ),
        Wrong(
            "squeezes by the maximum",
            OfTheMaximum,
            says="each channel is described by its maximum; here it is the mean.",
            look="mean, over rows and columns.",
        ),
        Wrong(
            "squeezes by the sum",
            OfTheSum,
            says="each channel is summed, not averaged.",
            look="mean, over rows and columns.",
        ),
        Wrong(
            "squeezes the whole batch",
            OfTheBatch,
            says="the means run over the batch too, so all images share their gates.",
            look="which axes of (N, C, H, W) are places?",
        ),
        Wrong(
            "leaves out the sigmoid",
            NoGate,
            says="the gates aren't between 0 and 1: the sigmoid is missing.",
            look="what turns any number into a gate?",
        ),
        Wrong(
            "answers with the gates",
            GatesAlone,
            says="these are the gates; asked is the feature map behind them.",
            look="how do C gates become (N, C, 1, 1)?",
        ),
        Wrong(
            "adds the input once more",
            WithShortcut,
            says="the input is added to the gated map; the block only multiplies.",
            look="x · gates, nothing else.",
        ),
    ),
    hints=(
        "nn.Conv1d wants (N, channels, length). Here the C means are the length, and there is one channel.",
        "An odd kernel k with padding k // 2 keeps the length. bias=False.",
        "t = int(abs(math.log2(channels) + beta) / gamma); then make it odd, then at least 3.",
    ),
    points=2,
    minutes=15,
    forbidden=GATES,
)

EXERCISES = (ECA_BLOCK,)
