"""Convolution, forward and backward: cross-correlation as deep learning defines it (Goodfellow et al. 2016, ch. 9)."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from autograder.exercises.forbidden import CONVOLUTION
from autograder.spec import Case, Exercise, Memory, Rng, Speed, Wrong, of_call

X, W, B = "x", "weight", "bias"


def oracle(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
    groups: int = 1,
) -> Tensor:
    return F.conv2d(x, weight, bias, stride, padding, dilation, groups)


def conv2d_cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "3×3 input, 2×2 kernel, by hand",
        x=torch.arange(9.0).reshape(1, 1, 3, 3),
        weight=torch.tensor([[[[0.0, 1.0], [2.0, 3.0]]]]),
        expect=torch.tensor([[[[19.0, 25.0], [37.0, 43.0]]]]),
        note="0·0 + 1·1 + 3·2 + 4·3 = 19",
        terms=4,
    )
    yield of_call(
        "asymmetric kernel",
        x=rng.normal(1, 1, 3, 4),
        weight=rng.normal(1, 1, 2, 3),
        gradients=(X, W),
        terms=6,
    )
    yield of_call("1×1 kernel", x=rng.normal(1, 2, 3, 3), weight=rng.normal(3, 2, 1, 1), terms=2)
    yield of_call(
        "bias",
        x=rng.normal(1, 2, 4, 5),
        weight=rng.normal(3, 2, 2, 2),
        bias=rng.normal(3),
        gradients=(X, W, B),
        terms=9,
    )
    yield of_call(
        "batch of 3, stride 2",
        x=rng.normal(3, 2, 6, 7),
        weight=rng.normal(4, 2, 3, 3),
        bias=None,
        stride=2,
        gradients=(X, W),
        terms=18,
    )
    yield of_call(
        "padding 2",
        x=rng.normal(2, 1, 4, 5),
        weight=rng.normal(2, 1, 3, 3),
        bias=rng.normal(2),
        stride=1,
        padding=2,
        gradients=(X, W, B),
        terms=9,
    )
    yield of_call(
        "dilation 2",
        x=rng.normal(2, 2, 7, 8),
        weight=rng.normal(3, 2, 3, 2),
        bias=None,
        stride=1,
        padding=1,
        dilation=2,
        gradients=(X, W),
        terms=12,
    )
    yield of_call(
        "2 groups, stride 2",
        x=rng.normal(2, 4, 7, 6),
        weight=rng.normal(6, 2, 3, 3),
        bias=rng.normal(6),
        stride=2,
        padding=1,
        dilation=1,
        groups=2,
        gradients=(X, W, B),
        terms=18,
    )
    yield of_call(
        "depthwise (a group a channel), not contiguous",
        x=rng.strided(2, 3, 6, 5),
        weight=rng.strided(3, 1, 3, 3),
        bias=None,
        stride=1,
        padding=0,
        dilation=1,
        groups=3,
        gradients=(X, W),
        terms=9,
    )
    yield of_call(
        "float64, everything at once",
        x=rng.normal(2, 4, 9, 11, dtype=torch.float64),
        weight=rng.normal(6, 2, 3, 2, dtype=torch.float64),
        bias=rng.normal(6, dtype=torch.float64),
        stride=2,
        padding=2,
        dilation=2,
        groups=2,
        gradients=(X, W, B),
        terms=12,
    )


def flipped(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
    groups: int = 1,
) -> Tensor:
    return F.conv2d(x, weight.flip(-1, -2), bias, stride, padding, dilation, groups)


def without_bias(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
    groups: int = 1,
) -> Tensor:
    zero = None if bias is None else 0 * bias  # keeps a gradient of zeros, as for a bias that is never added
    return F.conv2d(x, weight, zero, stride, padding, dilation, groups)


CONV2D = Exercise(
    id="lenet.conv2d",
    cases=conv2d_cases,
    oracle=oracle,
    wrong=(
        Wrong(
            "flips the kernel",
            flipped,
            says="your kernel is flipped. This is the convolution of mathematics; deep learning's “convolution” is "
            "cross-correlation and doesn't flip.",
            look="look at the order of the indices where the patch meets the weight.",
        ),
        Wrong(
            "forgets the bias",
            without_bias,
            says="the bias is never added.",
            look="bias has one value per output channel: which axis of the output is that?",
        ),
    ),
    hints=(
        "You have already built what gathers all patches: unfold2d. What is left is one product of matrices.",
        "With patches of shape (N, C·kh·kw, L) and the weight viewed as (O, C·kh·kw), the product is (N, O, L).",
    ),
    points=5,
    minutes=30,
    needs=("lenet.pad2d", "lenet.unfold2d"),
    forbidden=CONVOLUTION,
    speed=Speed(
        case=lambda rng: of_call("speed", x=rng.normal(8, 16, 32, 32), weight=rng.normal(32, 16, 3, 3)),
        limit=8.0,
        gold=2.0,
        against="F.conv2d",
    ),
    memory=Memory(limit=16.0),
)

EXERCISES = (CONV2D,)
