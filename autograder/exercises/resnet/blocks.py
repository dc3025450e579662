"""The two residual blocks against torch.nn's layers, weights injected under torchvision's names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from autograder.exercises.resnet._ready_made import NETWORKS, NORMS
from autograder.exercises.resnet.residual_blocks import (
    Basic,
    Neck,
    names_compared,
    sizes_of,
    under_other_names,
    weights,
)
from autograder.spec import (
    Case,
    Exercise,
    Outputs,
    Ref,
    Rng,
    Speed,
    Step,
    Wrong,
    backward,
    call,
    load,
    mode,
    new,
    state,
)

FLOAT64 = torch.float64
TRAIN, EVAL = mode("block", "train"), mode("block", "eval")
ALL = call("state_dict", target="block", method="state_dict")
OUT, AFTERWARDS, GRADIENTS = call("out", Ref("x"), target="block"), state("block"), backward("out", "x", "block")


def one(rng: Rng, name: str, kind: type[Basic | Neck], x: Tensor, channels: int, stride: int, *steps: Step) -> Case:
    """A block for x's channels; `steps` after its weights are loaded."""
    found = weights(rng, sizes_of(lambda: kind(x.shape[1], channels, stride)), x.dtype)
    built = new("block", in_channels=x.shape[1], channels=channels, stride=stride)
    program = (built, load("block", found), *steps)
    return Case(name, program, inputs={"x": x}, terms=max(9 * x.shape[1] * x.shape[0], x[:, 0].numel()), scale=10.0)


NAMED = "more channels, torchvision's names"


def cases_of(kind: type[Basic | Neck]) -> Any:
    same = kind.expansion

    def cases(rng: Rng) -> Iterator[Case]:
        yield one(rng, "same shape in and out", kind, rng.normal(1, 2 * same, 4, 5), 2, 1, EVAL, OUT)
        yield one(rng, "training", kind, rng.normal(3, 2 * same, 5, 4), 2, 1, TRAIN, OUT, AFTERWARDS)
        yield one(rng, NAMED, kind, rng.normal(2, 3, 4, 5), 5, 1, EVAL, ALL, OUT)
        yield one(rng, "stride 2, odd sizes", kind, rng.normal(2, 3, 7, 5), 4, 2, EVAL, OUT)
        stays = rng.normal(2, 3 * same, 6, 8)
        yield one(rng, "stride 2, the channels stay", kind, stays, 3, 2, TRAIN, OUT, AFTERWARDS)
        yield one(rng, "not contiguous", kind, rng.strided(2, 2, 6, 5), 3, 2, EVAL, OUT)
        double = rng.normal(3, 2, 5, 6, dtype=FLOAT64)
        yield one(rng, "gradients in training, float64", kind, double, 3, 2, TRAIN, OUT, GRADIENTS)
        double = rng.normal(2, 2 * same, 4, 5, dtype=FLOAT64)
        yield one(rng, "gradients in evaluation, float64", kind, double, 2, 1, EVAL, OUT, GRADIENTS)

    return cases


def measure(case: Case, outputs: Outputs) -> Outputs:
    """Everything as it is, but for a state_dict its names."""
    return names_compared(case, outputs) if "state_dict" in outputs else outputs


def twisted(kind: type[Basic | Neck], **methods: Any) -> type[nn.Module]:
    """The block with other methods."""
    return type("Twisted", (kind,), methods)


def plain_end(self: Any, out: Tensor, carried: Tensor) -> Tensor:
    return (out + 0 * carried).relu()


def early_activation(self: Any, out: Tensor, carried: Tensor) -> Tensor:
    return out.relu() + carried


def both_activations(self: Any, out: Tensor, carried: Tensor) -> Tensor:
    return (out.relu() + carried).relu()


def no_last_activation(self: Any, out: Tensor, carried: Tensor) -> Tensor:
    return out + carried


def averaging(self: Any, out: Tensor, carried: Tensor) -> Tensor:
    return ((out + carried) / 2).relu()


def rectified_shortcut(self: Any, x: Tensor) -> Tensor:
    return x if self.downsample is None else self.downsample(x).relu()


def bare_shortcut(self: Any, x: Tensor) -> Tensor:
    """Its norm is there, and isn't used."""
    return x if self.downsample is None else self.downsample[0](x)


def pooled_shortcut(self: Any, x: Tensor) -> Tensor:
    """Averages neighbours where it should take every second pixel."""
    if self.downsample is None or self.downsample[0].stride == (1, 1):
        return x if self.downsample is None else self.downsample(x)
    pooled = F.avg_pool2d(x, 2, 2, ceil_mode=True)
    carried: Tensor = self.downsample[1](F.conv2d(pooled, self.downsample[0].weight))
    return carried


class LateStride(Basic):
    strides = (0, 1)


class NoInnerActivation(Basic):
    def inner(self, maps: Tensor) -> Tensor:
        return maps


class EarlyAddition(Basic):
    """Adds in front of the second norm."""

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv2(self.inner(self.bn1(self.conv1(x))))
        ended: Tensor = self.bn2(out + self.carried(x)).relu()
        return ended


class StrideFirst(Neck):
    strides = (1, 0, 0)


class StrideLast(Neck):
    strides = (0, 0, 1)


class NoFirstActivation(Neck):
    def first(self, maps: Tensor) -> Tensor:
        return maps


class NoSecondActivation(Neck):
    def second(self, maps: Tensor) -> Tensor:
        return maps


class EarlyNeckAddition(Neck):
    """Adds in front of the last norm."""

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv3(self.second(self.bn2(self.conv2(self.first(self.bn1(self.conv1(x)))))))
        ended: Tensor = self.bn3(out + self.carried(x)).relu()
        return ended


def shared(kind: type[Basic | Neck], last: str) -> tuple[Wrong, ...]:
    """What both blocks get wrong in the same way. last: the name of the last norm."""
    return (
        Wrong(
            "leaves the shortcut out",
            twisted(kind, end=plain_end),
            "the input is never added: this is a plain block.",
            "relu(F(x) + x).",
        ),
        Wrong(
            "rectifies before it adds",
            twisted(kind, end=early_activation),
            "the last relu comes before the addition, so a block can only ever add something positive.",
            "first add, then relu.",
        ),
        Wrong(
            "rectifies before and after it adds",
            twisted(kind, end=both_activations),
            f"there is a relu behind {last}, and another behind the addition; the first is too many.",
            "first add, then relu.",
        ),
        Wrong(
            "has no relu at the end",
            twisted(kind, end=no_last_activation),
            "the sum is put out as it is; a relu comes after the addition.",
            "relu(F(x) + x).",
        ),
        Wrong(
            "averages the two ways",
            twisted(kind, end=averaging),
            "the sum is halved.",
            "F(x) + x: with F near 0 the block lets x pass as it is.",
        ),
        Wrong(
            "rectifies the shortcut",
            twisted(kind, carried=rectified_shortcut),
            "there is a relu on the shortcut, behind downsample.",
            "a 1×1 convolution and a norm, nothing else.",
        ),
        Wrong(
            "leaves out the shortcut's norm",
            twisted(kind, carried=bare_shortcut),
            "downsample's norm is made but not used.",
            "identity = self.downsample(x), the whole Sequential.",
        ),
        Wrong(
            "gives its parts other names",
            under_other_names(kind),
            "the block works, but its parts are not called as in the table: published weights come under these names.",
            f"the first column of the contract: conv1, bn1, … {last}, downsample.",
        ),
        Wrong(
            "averages neighbours on the shortcut",
            twisted(kind, carried=pooled_shortcut),
            "the shortcut averages windows of 2×2; a 1×1 convolution with stride 2 looks at one pixel of four.",
            "the stride belongs into downsample's convolution.",
        ),
    )


def speed_case(rng: Rng, kind: type[Basic | Neck]) -> Case:
    x = rng.uniform(4, 16 * kind.expansion, 28, 28)
    return one(rng, "speed", kind, x, 16, 1, TRAIN, OUT)


BASIC_BLOCK = Exercise(
    id="resnet.BasicBlock",
    cases=cases_of(Basic),
    oracle=Basic,
    measure=measure,
    wrong=(
        *shared(Basic, "bn2"),
        Wrong(
            "has no relu between the convolutions",
            NoInnerActivation,
            "nothing stands between bn1 and conv2, so the two convolutions are as good as one.",
            "a relu behind bn1.",
        ),
        Wrong(
            "has the stride at the second convolution",
            LateStride,
            "conv2 has the stride; it belongs to conv1, so that conv2 works on the small maps.",
            "half the sides, a quarter of the work.",
        ),
        Wrong(
            "adds before the second norm",
            EarlyAddition,
            "the input is added in front of bn2, so the norm squeezes the shortcut too.",
            "the shortcut goes around all of it.",
        ),
    ),
    hints=(
        "__init__ makes the parts under the names of the table; forward sends x through them and adds it at the end.",
        "downsample is None unless stride is not 1 or the channels change; else "
        "nn.Sequential(nn.Conv2d(in_channels, channels, 1, stride, bias=False), BatchNorm2d(channels)).",
        "identity = x, or downsample(x). out = bn2(conv2(relu(bn1(conv1(x))))). Answer relu(out + identity).",
    ),
    points=4,
    minutes=20,
    needs=("resnet.BatchNorm2d",),
    forbidden=(*NORMS, *NETWORKS),
    speed=Speed(case=lambda rng: speed_case(rng, Basic), limit=4.0, against="torch.nn's layers"),
)

BOTTLENECK = Exercise(
    id="resnet.Bottleneck",
    cases=cases_of(Neck),
    oracle=Neck,
    measure=measure,
    wrong=(
        *shared(Neck, "bn3"),
        Wrong(
            "has the stride at the first convolution",
            StrideFirst,
            "conv1 has the stride, as in the paper; then three pixels of four are never looked at. Here (as in "
            "torchvision's weights) conv2 has it.",
            "a 1×1 kernel with stride 2 skips pixels, a 3×3 kernel with stride 2 doesn't.",
        ),
        Wrong(
            "has the stride at the last convolution",
            StrideLast,
            "conv3 has the stride; it belongs to conv2.",
            "a 1×1 kernel with stride 2 skips pixels, a 3×3 kernel with stride 2 doesn't.",
        ),
        Wrong(
            "has no relu behind the first norm",
            NoFirstActivation,
            "nothing stands between bn1 and conv2.",
            "a relu behind bn1 and behind bn2.",
        ),
        Wrong(
            "has no relu behind the second norm",
            NoSecondActivation,
            "nothing stands between bn2 and conv3.",
            "a relu behind bn1 and behind bn2.",
        ),
        Wrong(
            "adds before the last norm",
            EarlyNeckAddition,
            "the input is added in front of bn3, so the norm squeezes the shortcut too.",
            "the shortcut goes around all of it.",
        ),
    ),
    hints=(
        "BasicBlock with three convolutions; what leaves the block has 4 · channels channels.",
        "downsample wherever in_channels isn't 4 · channels, even with stride 1.",
        "conv2 = nn.Conv2d(channels, channels, 3, stride, padding=1, bias=False); conv1 and conv3 are 1×1, stride 1.",
    ),
    points=3,
    minutes=15,
    needs=("resnet.BatchNorm2d",),
    forbidden=(*NORMS, *NETWORKS),
    speed=Speed(case=lambda rng: speed_case(rng, Neck), limit=4.0, against="torch.nn's layers"),
)

EXERCISES = (BASIC_BLOCK, BOTTLENECK)
