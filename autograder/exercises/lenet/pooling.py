"""Pooling: the largest and the mean of each window."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from autograder.exercises.forbidden import POOLING
from autograder.spec import Case, Exercise, Rng, Speed, Value, Wrong, of_call

Step = int | None  # None: the kernel's size
CEILING = "rounds the output size up"


def max_oracle(x: Tensor, kernel_size: int, stride: Step = None, padding: int = 0) -> Tensor:
    return F.max_pool2d(x, kernel_size, stride, padding)


def max_cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "four windows, by hand",
        x=torch.tensor([[[[1.0, 5.0, 0.0, 2.0], [2.0, 0.0, 3.0, 1.0], [4.0, 1.0, 7.0, 6.0], [0.0, 2.0, 5.0, 8.0]]]]),
        kernel_size=2,
        expect=torch.tensor([[[[5.0, 3.0], [4.0, 8.0]]]]),
        note="the first window: max(1, 5, 2, 0) = 5",
    )
    yield of_call("all values negative", x=-1 - rng.uniform(1, 2, 4, 4), kernel_size=2, gradients=("x",))
    yield of_call("equal values", x=torch.tensor([[[[3.0, 3.0], [1.0, 3.0]]]]), kernel_size=2, gradients=("x",))
    yield of_call("two rows and a column left over", x=rng.normal(2, 2, 5, 7), kernel_size=3)
    yield of_call(
        "windows overlap: stride 1", x=rng.normal(1, 2, 4, 5), kernel_size=2, stride=1, gradients=("x",), terms=4
    )
    yield of_call("windows apart: stride 3", x=rng.normal(2, 1, 7, 8), kernel_size=2, stride=3)
    below = -1 - rng.uniform(2, 2, 5, 4)
    yield of_call(
        "padding around negative values", x=below, kernel_size=3, stride=2, padding=1, gradients=("x",), terms=9
    )
    yield of_call("kernel of 1", x=rng.normal(2, 2, 3, 3), kernel_size=1, stride=2)
    yield of_call("far from zero, not contiguous", x=rng.strided(3, 2, 6, 5) * 1e30, kernel_size=2)
    double = rng.normal(2, 3, 7, 9, dtype=torch.float64)
    yield of_call("float64, padding 2", x=double, kernel_size=4, stride=3, padding=2, gradients=("x",), terms=4)


def zero_border(x: Tensor, kernel_size: int, stride: Step = None, padding: int = 0) -> Tensor:
    return F.max_pool2d(F.pad(x, (padding,) * 4), kernel_size, stride)


def never_below_zero(x: Tensor, kernel_size: int, stride: Step = None, padding: int = 0) -> Tensor:
    return max_oracle(x, kernel_size, stride, padding).clamp(min=0)


def max_step_one(x: Tensor, kernel_size: int, stride: Step = None, padding: int = 0) -> Tensor:
    return max_oracle(x, kernel_size, stride or 1, padding)


def max_ignores_stride(x: Tensor, kernel_size: int, stride: Step = None, padding: int = 0) -> Tensor:
    return max_oracle(x, kernel_size, kernel_size, padding)


def max_ignores_padding(x: Tensor, kernel_size: int, stride: Step = None, padding: int = 0) -> Tensor:
    return max_oracle(x, kernel_size, stride)


def max_ceiling(x: Tensor, kernel_size: int, stride: Step = None, padding: int = 0) -> Tensor:
    return F.max_pool2d(x, kernel_size, stride, padding, ceil_mode=True)


def minimum(x: Tensor, kernel_size: int, stride: Step = None, padding: int = 0) -> Tensor:
    return -max_oracle(-x, kernel_size, stride, padding)


def largest_magnitude(x: Tensor, kernel_size: int, stride: Step = None, padding: int = 0) -> Tensor:
    return max_oracle(x.abs(), kernel_size, stride, padding)


def over_channels(x: Tensor, kernel_size: int, stride: Step = None, padding: int = 0) -> Tensor:
    return max_oracle(x.amax(1, keepdim=True).expand_as(x), kernel_size, stride, padding)


def shares_ties(x: Tensor, kernel_size: int, stride: Step = None, padding: int = 0) -> Tensor:
    wide = F.pad(x, (padding,) * 4, value=-torch.inf)
    step = stride or kernel_size
    rows = wide.unfold(2, kernel_size, step).unfold(3, kernel_size, step)
    return rows.amax((-1, -2))


def mean_instead(x: Tensor, kernel_size: int, stride: Step = None, padding: int = 0) -> Tensor:
    return F.avg_pool2d(x, kernel_size, stride, padding)


MAX_POOL2D = Exercise(
    id="lenet.max_pool2d",
    cases=max_cases,
    oracle=max_oracle,
    wrong=(
        Wrong(
            "pads with zeros",
            zero_border,
            says="the border is 0, which beats every negative pixel; padding must never win.",
            look="which number is smaller than any other?",
        ),
        Wrong(
            "never answers below zero",
            never_below_zero,
            says="windows of negative values give 0: the search for the largest starts at 0.",
            look="what is the largest of −3 and −1?",
        ),
        Wrong(
            "steps by 1 when stride is None",
            max_step_one,
            says="without a stride, the windows move by 1; they should lie side by side, kernel_size apart.",
            look="what stands for stride when it is None?",
        ),
        Wrong(
            "ignores stride",
            max_ignores_stride,
            says="the windows are always kernel_size apart, whatever stride is.",
            look="hand stride on to unfold2d.",
        ),
        Wrong(
            "ignores padding",
            max_ignores_padding,
            says="no border is put around the image, so the output is too small.",
            look="pad2d takes a value for the border.",
        ),
        Wrong(
            CEILING,
            max_ceiling,
            says="windows that stick out of the image are counted; only those that fit belong to the output.",
            look="the output's size is rounded down.",
        ),
        Wrong(
            "takes the smallest",
            minimum,
            says="this is the smallest of each window.",
            look="min or max?",
        ),
        Wrong(
            "compares magnitudes",
            largest_magnitude,
            says="signs are lost: −5 counts as more than 3.",
            look="is there an abs?",
        ),
        Wrong(
            "mixes the channels",
            over_channels,
            says="the largest is taken over all channels; each channel is pooled on its own.",
            look="unfold2d puts C·k·k numbers into a column: separate C from k·k before you take the largest.",
        ),
        Wrong(
            "shares the gradient among equal values",
            shares_ties,
            says="values are right, but pixels that tie share the gradient; the first gets all of it.",
            look="amax shares among ties; max with one dim picks one element.",
        ),
        Wrong(
            "takes the mean",
            mean_instead,
            says="this is the mean of each window.",
            look="mean or max?",
        ),
    ),
    hints=(
        "unfold2d gives you every window as a column. Which axis do you take the largest over?",
        "Reshape the columns from C·k·k to (N, C, k·k, L), take the largest over k·k, and make L into (Ho, Wo).",
        "Padding must never win: fill the border with -torch.inf.",
    ),
    points=3,
    minutes=15,
    needs=("lenet.pad2d", "lenet.unfold2d"),
    forbidden=POOLING,
    speed=Speed(
        case=lambda rng: of_call("speed", x=rng.uniform(4, 16, 64, 64, low=-1), kernel_size=2),
        limit=4.0,
        against="F.max_pool2d",
    ),
)


def avg_oracle(
    x: Tensor, kernel_size: int, stride: Step = None, padding: int = 0, count_include_pad: bool = False
) -> Tensor:
    return F.avg_pool2d(x, kernel_size, stride, padding, count_include_pad=count_include_pad)


def avg_cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "two windows, by hand",
        x=torch.tensor([[[[1.0, 5.0, 0.0, 2.0], [2.0, 0.0, 3.0, 1.0]]]]),
        kernel_size=2,
        expect=torch.tensor([[[[2.0, 1.5]]]]),
        note="(1 + 5 + 2 + 0) / 4 = 2",
        terms=4,
    )
    yield of_call("two rows and a column left over", x=rng.normal(2, 2, 5, 7), kernel_size=3, gradients=("x",), terms=9)
    yield of_call(
        "windows overlap: stride 1", x=rng.normal(1, 2, 4, 5), kernel_size=3, stride=1, gradients=("x",), terms=9
    )
    yield of_call("windows apart: stride 3", x=rng.normal(2, 1, 7, 8), kernel_size=2, stride=3, terms=4)
    yield of_call(
        "one pixel in padding, by hand",
        x=torch.tensor([[[[8.0]]]]),
        kernel_size=2,
        stride=2,
        padding=1,
        expect=torch.tensor([[[[8.0]]]]),
        note="one of the window's four cells lies on the image: 8 / 1 = 8",
    )
    padded: dict[str, Value] = {"kernel_size": 3, "stride": 2, "padding": 1}
    yield of_call("padding not counted", x=rng.normal(2, 2, 5, 4), **padded, gradients=("x",), terms=9)
    yield of_call(
        "padding counted", x=rng.normal(2, 2, 5, 4), **padded, count_include_pad=True, gradients=("x",), terms=9
    )
    yield of_call("kernel of 1", x=rng.normal(2, 2, 3, 3), kernel_size=1, stride=2)
    yield of_call("far from zero, not contiguous", x=rng.strided(3, 2, 6, 5) * 1e30, kernel_size=2, terms=4)
    double = rng.normal(2, 3, 7, 9, dtype=torch.float64)
    yield of_call("float64, padding 2", x=double, kernel_size=5, stride=3, padding=2, gradients=("x",), terms=25)


def always_counted(
    x: Tensor, kernel_size: int, stride: Step = None, padding: int = 0, count_include_pad: bool = False
) -> Tensor:
    return avg_oracle(x, kernel_size, stride, padding, True)


def never_counted(
    x: Tensor, kernel_size: int, stride: Step = None, padding: int = 0, count_include_pad: bool = False
) -> Tensor:
    return avg_oracle(x, kernel_size, stride, padding, False)


def other_way_round(
    x: Tensor, kernel_size: int, stride: Step = None, padding: int = 0, count_include_pad: bool = False
) -> Tensor:
    return avg_oracle(x, kernel_size, stride, padding, not count_include_pad)


def sums(x: Tensor, kernel_size: int, stride: Step = None, padding: int = 0, count_include_pad: bool = False) -> Tensor:
    return F.avg_pool2d(x, kernel_size, stride, padding, divisor_override=1)


def by_side(
    x: Tensor, kernel_size: int, stride: Step = None, padding: int = 0, count_include_pad: bool = False
) -> Tensor:
    return avg_oracle(x, kernel_size, stride, padding, count_include_pad) * kernel_size


def avg_step_one(x: Tensor, kernel_size: int, stride: Step = None, *rest: Any) -> Tensor:
    return avg_oracle(x, kernel_size, stride or 1, *rest)


def avg_ignores_stride(x: Tensor, kernel_size: int, stride: Step = None, *rest: Any) -> Tensor:
    return avg_oracle(x, kernel_size, kernel_size, *rest)


def avg_ignores_padding(x: Tensor, kernel_size: int, stride: Step = None, *rest: Any) -> Tensor:
    return avg_oracle(x, kernel_size, stride)


def avg_ceiling(
    x: Tensor, kernel_size: int, stride: Step = None, padding: int = 0, count_include_pad: bool = False
) -> Tensor:
    return F.avg_pool2d(x, kernel_size, stride, padding, True, count_include_pad)


def avg_over_channels(x: Tensor, kernel_size: int, *rest: Any) -> Tensor:
    return avg_oracle(x.mean(1, keepdim=True).expand_as(x), kernel_size, *rest)


AVG_POOL2D = Exercise(
    id="lenet.avg_pool2d",
    cases=avg_cases,
    oracle=avg_oracle,
    wrong=(
        Wrong(
            "always counts the padding",
            always_counted,
            says="windows at the border are divided by all their cells, so padding pulls the mean towards 0.",
            look="unless count_include_pad is set, divide by the number of cells that lie on the image.",
        ),
        Wrong(
            "never counts the padding",
            never_counted,
            says="count_include_pad is ignored: with it, all k·k cells count.",
            look="what changes when count_include_pad is True? Only what you divide by.",
        ),
        Wrong(
            "counts the padding the other way round",
            other_way_round,
            says="padding counts exactly when it shouldn't: count_include_pad is taken for its opposite.",
            look="follow which branch runs when count_include_pad is False.",
        ),
        Wrong(
            "sums instead of averaging",
            sums,
            says="this is the sum of each window; it is never divided.",
            look="how many numbers went into the sum?",
        ),
        Wrong(
            "divides by k instead of k²",
            by_side,
            says="a k × k window has k² cells, not k.",
            look="how many numbers went into the sum?",
        ),
        Wrong(
            "steps by 1 when stride is None",
            avg_step_one,
            says="without a stride, the windows move by 1; they should lie side by side, kernel_size apart.",
            look="what stands for stride when it is None?",
        ),
        Wrong(
            "ignores stride",
            avg_ignores_stride,
            says="the windows are always kernel_size apart, whatever stride is.",
            look="hand stride on to unfold2d.",
        ),
        Wrong(
            "ignores padding",
            avg_ignores_padding,
            says="no border is put around the image, so the output is too small.",
            look="pad with zeros first, then count.",
        ),
        Wrong(
            CEILING,
            avg_ceiling,
            says="windows that stick out of the image are counted; only those that fit belong to the output.",
            look="the output's size is rounded down.",
        ),
        Wrong(
            "mixes the channels",
            avg_over_channels,
            says="the mean runs over all channels; each channel is pooled on its own.",
            look="unfold2d puts C·k·k numbers into a column: separate C from k·k before you average.",
        ),
    ),
    hints=(
        "The same windows as in max_pool2d, with another question asked of each.",
        "At the border a window holds fewer pixels. Which image, sent through the same unfold2d, counts them?",
        "Pad an image of ones with zeros and unfold it: the sum over a window is the number of its cells on the image.",
    ),
    points=3,
    minutes=15,
    needs=("lenet.pad2d", "lenet.unfold2d"),
    forbidden=POOLING,
    speed=Speed(
        case=lambda rng: of_call("speed", x=rng.uniform(4, 16, 64, 64, low=-1), kernel_size=3, stride=2, padding=1),
        limit=6.0,  # patches take 9 times the output: 4× where memory is what takes time
        against="F.avg_pool2d",
    ),
)

EXERCISES = (MAX_POOL2D, AVG_POOL2D)
