"""A convolution in two steps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from autograder.exercises.resnet.residual_blocks import sizes_of, weights
from autograder.exercises.unet._ready_made import NETWORKS
from autograder.exercises.unet._variants import EVAL, FLOAT64, GRADIENTS, LAYERS, OUT, TRAIN, made_of, measure, twisted
from autograder.spec import Case, Exercise, Rng, Speed, Step, Value, Wrong, load, new


class Oracle(nn.Module):
    """What wrong answers do differently has a method of its own."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int = 3, stride: int = 1, bias: bool = False
    ) -> None:
        super().__init__()
        self.depthwise = self.first(in_channels, kernel, stride)
        self.pointwise = self.second(in_channels, out_channels, stride, bias)

    def first(self, channels: int, kernel: int, stride: int) -> nn.Module:
        return nn.Conv2d(channels, channels, kernel, stride, kernel // 2, groups=channels, bias=False)

    def second(self, entering: int, leaving: int, stride: int, bias: bool) -> nn.Module:
        return nn.Conv2d(entering, leaving, 1, bias=bias)

    def between(self, x: Tensor) -> Tensor:
        return x

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.pointwise(self.between(self.depthwise(x)))
        return out


def one(rng: Rng, name: str, x: Tensor, channels: int, *steps: Step, **options: Value) -> Case:
    """A layer for x's channels whose weights are loaded, then `steps`."""
    options = {"in_channels": x.shape[1], "out_channels": channels, **options}
    found = weights(rng, sizes_of(lambda: Oracle(**options)), x.dtype)
    program = (new("net", **options), load("net", found), *steps)
    return Case(name, program, inputs={"x": x}, terms=x[:, 0].numel() * 9)


def by_hand() -> Case:
    found = {
        "depthwise.weight": torch.ones(2, 1, 3, 3),
        "pointwise.weight": torch.tensor([1.0, 10.0])[None, :, None, None],
    }
    ones = torch.ones(1, 1, 3, 3)
    row, middle = [84.0, 126.0, 84.0], [126.0, 189.0, 126.0]
    return Case(
        "ones and twos, by hand",
        (new("net", in_channels=2, out_channels=1), load("net", found), OUT),
        inputs={"x": torch.cat([ones, 2 * ones], 1)},
        expect={"out": torch.tensor([[[row, middle, row]]])},
        note="in the middle nine ones are 9 and nine twos 18; 1·9 + 10·18 = 189. A corner sees four: 4 + 10·8 = 84",
        terms=9,
    )


def cases(rng: Rng) -> Iterator[Case]:
    yield by_hand()
    yield made_of(in_channels=3, out_channels=4)
    yield made_of(LAYERS + ", with a bias", in_channels=3, out_channels=4, kernel=5, bias=True)
    yield one(rng, "batch of 2, not square", rng.normal(2, 3, 5, 7), 4, OUT)
    yield one(rng, "training, 5 × 5 kernel, with a bias", rng.normal(3, 2, 6, 5), 4, TRAIN, OUT, kernel=5, bias=True)
    yield one(rng, "stride 2, odd size", rng.normal(1, 2, 7, 9), 3, OUT, stride=2)
    yield one(rng, "one channel becomes five, kernel 1", rng.normal(2, 1, 3, 4), 5, EVAL, OUT, kernel=1)
    yield one(rng, "as many channels, not contiguous", rng.strided(2, 3, 4, 5), 3, OUT)
    double = rng.normal(2, 3, 5, 4, dtype=FLOAT64)
    yield one(rng, "float64, gradients", double, 2, OUT, GRADIENTS, stride=2, bias=True)


# --- wrong answers ---------------------------------------------------------------------------------------------------


class PointwiseFirst(nn.Module):
    def __init__(
        self, in_channels: int, out_channels: int, kernel: int = 3, stride: int = 1, bias: bool = False
    ) -> None:
        super().__init__()
        self.pointwise = nn.Conv2d(in_channels, out_channels, 1, bias=bias)
        self.depthwise = Oracle.first(self, out_channels, kernel, stride)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.depthwise(self.pointwise(x))
        return out


def convolution(**changes: Any) -> Any:
    """The depthwise step, with other arguments."""

    def first(self: Any, channels: int, kernel: int, stride: int) -> nn.Module:
        asked = {"kernel_size": kernel, "stride": stride, "padding": kernel // 2, "groups": channels, "bias": False}
        return nn.Conv2d(channels, channels, **(asked | changes))

    return twisted(Oracle, first=first)


def three_everywhere(self: Any, channels: int, kernel: int, stride: int) -> nn.Module:
    return Oracle.first(self, channels, 3, stride)


def second_stride(self: Any, entering: int, leaving: int, stride: int, bias: bool) -> nn.Module:
    return nn.Conv2d(entering, leaving, 1, stride, bias=bias)


def always_a_bias(self: Any, entering: int, leaving: int, stride: int, bias: bool) -> nn.Module:
    return nn.Conv2d(entering, leaving, 1)


def never_a_bias(self: Any, entering: int, leaving: int, stride: int, bias: bool) -> nn.Module:
    return nn.Conv2d(entering, leaving, 1, bias=False)


def full_second(self: Any, entering: int, leaving: int, stride: int, bias: bool) -> nn.Module:
    return nn.Conv2d(entering, leaving, 3, padding=1, bias=bias)


def normed(self: Any, channels: int, kernel: int, stride: int) -> nn.Module:
    return nn.Sequential(Oracle.first(self, channels, kernel, stride), nn.BatchNorm2d(channels))


WRONG = (
    Wrong(
        "mixes the channels first",
        PointwiseFirst,
        says="the 1 × 1 convolution comes first, so the kernels run over the channels that leave; they run over those "
        "that enter.",
        look="which of the two steps sees the image?",
    ),
    Wrong(
        "mixes channels in the first step already",
        convolution(groups=1),
        says="each kernel of the first step sees all channels: that is an ordinary convolution, and a dear one.",
        look="nn.Conv2d has an argument that says how many groups of channels keep to themselves.",
    ),
    Wrong(
        "takes a large kernel in the second step",
        twisted(Oracle, second=full_second),
        says="the second step has a 3 × 3 kernel; it looks at one pixel at a time.",
        look="the contract's table: pointwise.",
    ),
    Wrong(
        "doesn't pad",
        convolution(padding=0),
        says="the map shrinks at its borders: nothing was padded.",
        look="padding kernel // 2, in the first step.",
    ),
    Wrong(
        "always pads by 1",
        convolution(padding=1),
        says="the padding is 1 for every kernel: 3 needs 1, 5 needs 2, 1 needs none.",
        look="what keeps the size of a map for a kernel of 5?",
    ),
    Wrong(
        "always takes a 3 × 3 kernel",
        twisted(Oracle, first=three_everywhere),
        says="the kernel is 3 × 3 whatever is asked for.",
        look="where does `kernel` stand in your answer?",
    ),
    Wrong(
        "never strides",
        convolution(stride=1),
        says="the stride is left out: the result is as large as what came in.",
        look="where does `stride` stand in your answer?",
    ),
    Wrong(
        "strides twice",
        twisted(Oracle, second=second_stride),
        says="both steps stride, so that the map is a quarter as long instead of half.",
        look="the stride belongs to one step only.",
    ),
    Wrong(
        "always has a bias",
        twisted(Oracle, second=always_a_bias),
        says="the second step has a bias, though none was asked for.",
        look="nn.Conv2d has a bias unless it is told otherwise.",
    ),
    Wrong(
        "never has a bias",
        twisted(Oracle, second=never_a_bias),
        says="there is no bias, though one was asked for.",
        look="where does `bias` stand in your answer?",
    ),
    Wrong(
        "has a bias in both steps",
        convolution(bias=True),
        says="the first step has a bias as well; the second one could take it over, so it is none.",
        look="bias=False in the first step.",
    ),
    Wrong(
        "bends in between",
        twisted(Oracle, between=lambda self, x: x.relu()),
        says="there is a ReLU between the two steps; here there is none.",
        look="what does your forward do with the first step's result?",
    ),
    Wrong(
        "norms in between",
        twisted(Oracle, first=normed),
        says="there is a norm between the two steps, as in MobileNet; here there is none.",
        look="two layers, no more.",
    ),
)

SEPARABLE = Exercise(
    id="unet.SeparableConv2d",
    cases=cases,
    oracle=Oracle,
    measure=measure,
    wrong=WRONG,
    hints=(
        "nn.Conv2d twice; the second one has a kernel of 1.",
        "The first one needs groups: with as many groups as channels each kernel sees one channel.",
        "Kernel, stride and padding belong to the first one, the bias to the second.",
    ),
    points=2,
    minutes=12,
    forbidden=NETWORKS,
    speed=Speed(
        case=lambda rng: one(rng, "speed", rng.normal(4, 32, 64, 64), 32, EVAL, OUT),
        limit=2.5,
        against="two nn.Conv2d",
    ),
)

EXERCISES = (SEPARABLE,)
