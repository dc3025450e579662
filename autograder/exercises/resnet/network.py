"""ResNet against torch.nn's layers under torchvision's names; small widths keep its checks short."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import cache

import torch
from torch import Tensor

from autograder.exercises.resnet import residual_networks as networks
from autograder.exercises.resnet._ready_made import NETWORKS, NORMS
from autograder.exercises.resnet.residual_blocks import Sizes, names_compared, sizes_of, weights
from autograder.exercises.resnet.residual_networks import Oracle
from autograder.spec import (
    Case,
    Exercise,
    Outputs,
    Ref,
    Rng,
    Speed,
    Step,
    Tolerance,
    Value,
    Wrong,
    backward,
    call,
    load,
    mode,
    new,
    seed,
    state,
)

FLOAT64 = torch.float64
CASES_WIDTH = 4
OUT, AFTERWARDS = call("logits", Ref("x"), target="net"), state("net", "parameters and buffers")
ALL = call("state_dict", target="net", method="state_dict")
EIGHTEEN, FIFTY = "18 layers, torchvision's names", "50 layers, torchvision's names"
BEGINNING, BEGINNING_WIDTH = "first weights", 5
TRAIN, EVAL = mode("net", "train"), mode("net", "eval")


@cache
def sizes(options: tuple[tuple[str, Value], ...]) -> Sizes:
    """The sizes of a network's state_dict, made once: networks take longer to make than to run."""
    return sizes_of(lambda: Oracle(**dict(options)))


def one(rng: Rng, name: str, x: Tensor, *steps: Step, **options: Value) -> Case:
    """A network whose weights are loaded, then `steps`."""
    options = {"num_classes": 5, "width": CASES_WIDTH} | options
    found = weights(rng, sizes(tuple(options.items())), x.dtype)
    program = (new("net", **options), load("net", found), *steps)
    return Case(name, program, inputs={"x": x}, terms=4000, scale=10.0)


def cases(rng: Rng) -> Iterator[Case]:
    yield one(rng, EIGHTEEN, rng.normal(1, 3, 64, 48), EVAL, ALL, OUT, depth=18)
    small = {"depth": 18, "small_images": True}
    yield one(rng, "small images, grey", rng.normal(2, 1, 16, 16), EVAL, OUT, in_channels=1, **small)
    yield one(rng, FIFTY, rng.normal(2, 3, 40, 33), EVAL, ALL, OUT, depth=50, width=3)
    yield one(rng, "34 layers, training", rng.normal(3, 3, 64, 64), TRAIN, OUT, AFTERWARDS, depth=34, width=3)
    gradients = backward("logits", "x", "net")
    double = rng.normal(3, 3, 12, 11, dtype=FLOAT64)
    yield one(rng, "small images, gradients, float64", double, TRAIN, OUT, gradients, **small)
    yield Case(BEGINNING, (seed(int(rng.integers(0, 2**31, 1))), new("net", width=BEGINNING_WIDTH), ALL))


# --- what is compared: names and first weights by their law ----------------------------------------------------------

WIDTH_RATIO = "kernels: std against √(2 / fan_out)"
MEAN_RATIO = "kernels: mean against their std"
N = 65_000  # kernels' values in ResNet-18 of BEGINNING_WIDTH: at least these
Z = 5.6


def measure(case: Case, outputs: Outputs) -> Outputs:
    """The law of the first weights; names that are missing or too many; else everything as it is."""
    if case.name == BEGINNING:
        return law(outputs["state_dict"])
    return names_compared(case, outputs) if "state_dict" in outputs else outputs


def law(found: Mapping[str, Value]) -> Outputs:
    """Statistics of all kernels, each in units of what it should be; and how the norms begin."""
    kernels = [value.double() for value in found.values() if isinstance(value, Tensor) and value.ndim == 4]
    units = torch.cat([(value * (value[:, 0].numel() / 2) ** 0.5).flatten() for value in kernels])
    vectors = {name: value for name, value in found.items() if value.ndim == 1 and not name.startswith("fc")}
    ones = [value for name, value in vectors.items() if not name.endswith(("bias", "running_mean"))]
    zeros = [value for name, value in vectors.items() if name.endswith(("bias", "running_mean"))]
    return {
        WIDTH_RATIO: float(units.square().mean().sqrt()),
        MEAN_RATIO: float(units.mean() / units.std()),
        "share of kernels within one std": float((units.abs() < units.std()).double().mean()),
        "norms begin with weight 1": all(bool((value == 1).all()) for value in ones),
        "norms begin with bias 0": all(bool((value == 0).all()) for value in zeros),
    }


TOLERANCE = Tolerance(
    absolute={
        WIDTH_RATIO: 2 * Z / math.sqrt(2 * N),
        MEAN_RATIO: 2 * Z / math.sqrt(N),
        "share of kernels within one std": 2 * Z * math.sqrt(0.22 / N),
    }
)  # twice, since the oracle's statistics are drawn as well


BEGIN = "nn.init.kaiming_normal_(weight, mode='fan_out', nonlinearity='relu') on each convolution."

WRONG = (
    Wrong(
        "pools small images too",
        networks.PoolsSmallImages,
        "with small_images there is still a pool behind the stem.",
        "nn.Identity() in its place: 32×32 is small enough already.",
    ),
    Wrong("never pools", networks.NeverPools, "the pool behind the stem is missing.", "3×3, stride 2, padding 1."),
    Wrong(
        "pools without padding",
        networks.PoolsTight,
        "the first pool has no padding, so maps are one pixel smaller than they should be.",
        "3×3, stride 2, padding 1.",
    ),
    Wrong(
        "averages in the first pool",
        networks.AveragesEarly,
        "the first pool averages; it takes the largest.",
        "MaxPool2d.",
    ),
    Wrong("has no relu in the stem", networks.LinearStem, "no relu behind bn1.", "conv1, bn1, relu, maxpool."),
    Wrong("has no norm in the stem", networks.BareStem, "bn1 is made but not used.", "conv1, bn1, relu, maxpool."),
    Wrong(
        "has a stride in the small stem",
        networks.SlowStem,
        "the stem for small images has stride 2; it has stride 1.",
        "3×3, stride 1, padding 1.",
    ),
    Wrong(
        "takes the largest at the end",
        networks.MaximumAtTheEnd,
        "each map ends as its largest value; it is the mean of all places.",
        "maps.mean((2, 3)), or AdaptiveAvgPool2d(1).",
    ),
    Wrong(
        "sums at the end",
        networks.SumAtTheEnd,
        "each map ends as its sum; it is the mean of all places.",
        "with sums, larger images would give larger logits.",
    ),
    Wrong(
        "keeps one place at the end",
        networks.MiddleAtTheEnd,
        "each map ends as its first pixel; it is the mean of all places.",
        "maps.mean((2, 3)), or AdaptiveAvgPool2d(1).",
    ),
    Wrong(
        "answers in probabilities",
        networks.Probabilities,
        "a softmax follows fc; asked are logits.",
        "the last layer's outputs are the answer.",
    ),
    Wrong(
        "adds nothing", networks.Plain, "no block adds its input: a plain network.", "BasicBlock and Bottleneck do it."
    ),
    Wrong(
        "gives its parts other names",
        networks.OtherNames,
        "the network works, but its parts are not called conv1, …, layer1.0.conv1, … as in torchvision: published "
        "weights come under these names.",
        "the first column of the tables here, in BasicBlock and in Bottleneck; layer1 … layer4 are Sequentials.",
    ),
    Wrong(
        "has the bottlenecks' stride too early",
        networks.EarlyStride,
        "in the bottlenecks conv1 has the stride; conv2 has it.",
        "your own Bottleneck does it right.",
    ),
    Wrong(
        "starts from torch's default weights",
        networks.DefaultStart,
        "kernels are as nn.Conv2d makes them, far smaller than He's; asked is std √(2 / fan_out).",
        BEGIN,
    ),
    Wrong("starts from fan_in", networks.FanIn, "the kernels' std is √(2 / fan_in); asked is fan_out.", BEGIN),
    Wrong(
        "starts from uniform weights",
        networks.UniformStart,
        "the kernels' width is right, but they are uniform; asked are normal ones.",
        BEGIN,
    ),
)


def speed_case(rng: Rng) -> Case:
    return one(rng, "speed", rng.uniform(4, 3, 64, 64), EVAL, OUT, depth=18, width=16)


RESNET = Exercise(
    id="resnet.ResNet",
    cases=cases,
    oracle=Oracle,
    measure=measure,
    tolerance=TOLERANCE,
    wrong=WRONG,
    hints=(
        "BLOCKS[depth] is the block's class and four counts. A layer is nn.Sequential(block, block, …).",
        "The first block of layer k takes what the layer before puts out (expansion · its channels); all others take "
        "expansion · their own channels. Only the first block of layers 2, 3, 4 has stride 2.",
        "layer4(layer3(layer2(layer1(maxpool(relu(bn1(conv1(x)))))))), then the mean over axes 2 and 3, then fc.",
        "If the parameters don't fit, go down the table to the first row that differs: the layer's name says where.",
    ),
    points=6,
    minutes=35,
    needs=("resnet.BatchNorm2d", "resnet.BasicBlock", "resnet.Bottleneck"),
    forbidden=(*NORMS, *NETWORKS),
    speed=Speed(case=speed_case, limit=3.0, against="torch.nn's layers"),
)

EXERCISES = (RESNET,)
