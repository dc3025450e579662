"""Convolution: cross-correlation, as deep learning defines it (Goodfellow and others, Deep Learning, 2016, ch. 9)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from autograder.exercises.forbidden import CONVOLUTION
from autograder.spec import Case, Exercise, Memory, Rng, Speed, Value, Wrong, of_call

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


def case(name: str, x: Tensor, weight: Tensor, *gradients: str, **others: Value) -> Case:
    """Arguments as far as `others` goes. Terms: of one output, or of a weight's gradient, whichever has more."""
    order = ("bias", "stride", "padding", "dilation", "groups")
    last = max((order.index(key) for key in others), default=-1)
    defaults: dict[str, Value] = {"bias": None, "stride": 1, "padding": 0, "dilation": 1, "groups": 1}
    given: dict[str, Any] = {key: others.get(key, defaults[key]) for key in order[: last + 1]}
    terms = max(weight[0].numel(), x[:, 0].numel())
    return of_call(name, x=x, weight=weight, **given, gradients=gradients, terms=terms)


def cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "3×3 input, 2×2 kernel, by hand",
        x=torch.arange(9.0).reshape(1, 1, 3, 3),
        weight=torch.tensor([[[[0.0, 1.0], [2.0, 3.0]]]]),
        expect=torch.tensor([[[[19.0, 25.0], [37.0, 43.0]]]]),
        note="0·0 + 1·1 + 3·2 + 4·3 = 19",
        terms=4,
    )
    yield case("wide kernel", rng.normal(1, 1, 3, 4), rng.normal(1, 1, 2, 3), X, W)
    yield case("1×1 kernel", rng.normal(1, 2, 3, 3), rng.normal(3, 2, 1, 1))
    yield case("three channels to three", rng.normal(1, 3, 4, 3), rng.normal(3, 3, 2, 2))
    yield case("bias", rng.normal(1, 2, 4, 5), rng.normal(3, 2, 2, 2), X, W, B, bias=rng.normal(3))
    yield case("as many kernels as output columns", rng.normal(2, 2, 5, 6), rng.normal(4, 2, 2, 3), bias=rng.normal(4))
    yield case("batch of 3, stride 2", rng.normal(3, 2, 6, 7), rng.normal(4, 2, 3, 3), X, W, stride=2)
    yield case("padding 2", rng.normal(2, 1, 4, 5), rng.normal(2, 1, 3, 3), X, W, B, bias=rng.normal(2), padding=2)
    yield case("dilation 2", rng.normal(2, 2, 7, 8), rng.normal(3, 2, 3, 2), X, W, padding=1, dilation=2)
    yield case("2 groups", rng.normal(2, 4, 5, 4), rng.normal(6, 2, 2, 3), X, W, groups=2)
    yield case(
        "depthwise (a group for each channel), not contiguous",
        rng.strided(2, 3, 6, 5),
        rng.strided(3, 1, 3, 3),
        X,
        W,
        stride=2,
        groups=3,
    )
    yield case("kernel as large as the padded image", rng.normal(2, 2, 3, 2), rng.normal(3, 2, 5, 4), padding=1)
    yield case(
        "float64, everything at once",
        rng.normal(2, 4, 9, 11, dtype=torch.float64),
        rng.normal(6, 2, 3, 2, dtype=torch.float64),
        X,
        W,
        B,
        bias=rng.normal(6, dtype=torch.float64),
        stride=2,
        padding=2,
        dilation=2,
        groups=2,
    )


def flipped(x: Tensor, weight: Tensor, *rest: Any) -> Tensor:
    return oracle(x, weight.flip(-1, -2), *rest)


def without_bias(x: Tensor, weight: Tensor, bias: Tensor | None = None, *rest: Any) -> Tensor:
    zero = None if bias is None else 0 * bias  # keeps a gradient of zeros, as for a bias that is never added
    return oracle(x, weight, zero, *rest)


def bias_along_columns(x: Tensor, weight: Tensor, bias: Tensor | None = None, *rest: Any) -> Tensor:
    out: Tensor = oracle(x, weight, None, *rest)
    return out if bias is None else out + bias


def bias_for_every_tap(x: Tensor, weight: Tensor, bias: Tensor | None = None, *rest: Any) -> Tensor:
    return oracle(x, weight, None if bias is None else bias * weight[0].numel(), *rest)


def same_kernels_for_all(
    x: Tensor, weight: Tensor, bias: Any = None, stride: int = 1, padding: int = 0, dilation: int = 1, groups: int = 1
) -> Tensor:
    return oracle(x, weight.repeat(1, groups, 1, 1), bias, stride, padding, dilation)


def dealt_channels(
    x: Tensor, weight: Tensor, bias: Any = None, stride: int = 1, padding: int = 0, dilation: int = 1, groups: int = 1
) -> Tensor:
    dealt = torch.cat([x[:, start::groups] for start in range(groups)], dim=1)
    return oracle(dealt, weight, bias, stride, padding, dilation, groups)


def dealt_kernels(
    x: Tensor, weight: Tensor, bias: Any = None, stride: int = 1, padding: int = 0, dilation: int = 1, groups: int = 1
) -> Tensor:
    out: Any = oracle(x, weight, bias, stride, padding, dilation, groups)
    mixed: Tensor = out.unflatten(1, (groups, -1)).transpose(1, 2).flatten(1, 2)
    return mixed


def ignores_stride(x: Tensor, weight: Tensor, bias: Any = None, stride: int = 1, *rest: Any) -> Tensor:
    return oracle(x, weight, bias, 1, *rest)


def ignores_padding(x: Tensor, weight: Tensor, bias: Any = None, stride: int = 1, pad: int = 0, *rest: Any) -> Tensor:
    return oracle(x, weight, bias, stride, 0, *rest)


def pads_one_side(x: Tensor, weight: Tensor, bias: Any = None, stride: int = 1, pad: int = 0, *rest: Any) -> Tensor:
    return oracle(F.pad(x, (0, 2 * pad, 0, 2 * pad)), weight, bias, stride, 0, *rest)


def mirrors_border(x: Tensor, weight: Tensor, bias: Any = None, stride: int = 1, pad: int = 0, *rest: Any) -> Tensor:
    return oracle(F.pad(x, (pad,) * 4, "reflect"), weight, bias, stride, 0, *rest)


def ignores_dilation(
    x: Tensor, weight: Tensor, bias: Any = None, stride: int = 1, padding: int = 0, dilation: int = 1, groups: int = 1
) -> Tensor:
    return oracle(x, weight, bias, stride, padding, 1, groups)


def turned_kernel(x: Tensor, weight: Tensor, *rest: Any) -> Tensor:
    return oracle(x, weight.transpose(-1, -2), *rest)


def swapped_channels(
    x: Tensor, weight: Tensor, bias: Any = None, stride: int = 1, padding: int = 0, dilation: int = 1, groups: int = 1
) -> Tensor:
    turned = weight.unflatten(0, (groups, -1)).transpose(1, 2).reshape(-1, weight.shape[0] // groups, *weight.shape[2:])
    return oracle(x, turned, bias, stride, padding, dilation, groups)


def averages(x: Tensor, weight: Tensor, *rest: Any) -> Tensor:
    return oracle(x, weight / weight[0].numel(), *rest)


def first_channel_only(x: Tensor, weight: Tensor, *rest: Any) -> Tensor:
    first = torch.zeros_like(weight)
    first[:, 0] = 1.0
    return oracle(x, weight * first, *rest)


WRONG = (
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
        look="bias has one value for each output channel: which axis of the output is that?",
    ),
    Wrong(
        "adds the bias along the columns",
        bias_along_columns,
        says="the bias meets the last axis, the columns; it belongs to the output channels.",
        look="shapes line up from the right: how does (O,) become (O, 1, 1)?",
    ),
    Wrong(
        "adds the bias to every product",
        bias_for_every_tap,
        says="the bias is added once for each cell of the kernel; it is added once for each output.",
        look="add the bias after the sum, not before it.",
    ),
    Wrong(
        "shows every kernel all the channels",
        same_kernels_for_all,
        says="groups is ignored: every kernel sees all channels.",
        look="kernels of group g see only the C/groups channels of their own group.",
    ),
    Wrong(
        "deals the channels out in turn",
        dealt_channels,
        says="the groups take channels in turn (0, 2, 4 and 1, 3, 5); they take blocks (0, 1, 2 and 3, 4, 5).",
        look="split the channel axis into (groups, C/groups), in this order.",
    ),
    Wrong(
        "mixes the groups' outputs",
        dealt_kernels,
        says="the outputs of the groups are interleaved; all of group 0 comes first, then all of group 1.",
        look="when you merge groups and kernels into the output's channels, which axis comes first?",
    ),
    Wrong(
        "ignores stride",
        ignores_stride,
        says="the kernel always moves by one pixel; it should move by stride.",
        look="hand stride on to unfold2d, and use it in the output's size.",
    ),
    Wrong(
        "ignores padding",
        ignores_padding,
        says="no border is put around the image, so the output is too small.",
        look="you have built pad2d.",
    ),
    Wrong(
        "pads on one side only",
        pads_one_side,
        says="the whole border is at the right and bottom; padding pixels belong on each side.",
        look="(left, right, top, bottom) are all equal to padding.",
    ),
    Wrong(
        "pads with a mirror image",
        mirrors_border,
        says="the border is mirrored; a convolution's padding is zeros.",
        look="which mode did you give pad2d?",
    ),
    Wrong(
        "ignores dilation",
        ignores_dilation,
        says="the kernel's cells are always neighbours; with dilation d they are d pixels apart.",
        look="hand dilation on to unfold2d: the kernel then reaches over dilation·(k − 1) + 1 pixels.",
    ),
    Wrong(
        "turns the kernel on its side",
        turned_kernel,
        says="the kernel's rows and columns are swapped.",
        look="the weight is (O, C, kh, kw): do patches and weight flatten in the same order?",
    ),
    Wrong(
        "swaps input and output channels",
        swapped_channels,
        says="the weight's first two axes are swapped: weight[o, c] leads from input channel c to output channel o.",
        look="sum over the weight's second axis, not over its first.",
    ),
    Wrong(
        "averages instead of summing",
        averages,
        says="the products are averaged; a convolution sums them.",
        look="is there a mean where a sum should be?",
    ),
    Wrong(
        "uses only the first channel",
        first_channel_only,
        says="only the first input channel counts; the sum runs over all channels.",
        look="one output sums C·kh·kw products.",
    ),
)

CONV2D = Exercise(
    id="lenet.conv2d",
    cases=cases,
    oracle=oracle,
    wrong=WRONG,
    hints=(
        "You have already built what gathers all patches: unfold2d. What is left is one product of matrices.",
        "With patches of shape (N, C·kh·kw, L) and the weight viewed as (O, C·kh·kw), the product is (N, O, L).",
        "Groups: view the patches as (N, groups, K, L), the weight as (groups, O/groups, K), with K = C/groups·kh·kw.",
    ),
    points=5,
    minutes=30,
    needs=("lenet.pad2d", "lenet.unfold2d"),
    forbidden=CONVOLUTION,
    speed=Speed(
        case=lambda rng: of_call("speed", x=rng.normal(8, 16, 48, 48), weight=rng.normal(32, 16, 3, 3)),
        limit=8.0,
        gold=2.6,
        against="F.conv2d",
    ),
    memory=Memory(limit=24.0),  # patches 9 times the image, output twice; room for one copy of them
)

EXERCISES = (CONV2D,)
