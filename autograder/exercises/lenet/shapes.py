"""What a network's layers put out and cost, on paper: checked on torch.nn layers that hold no data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from autograder.spec import Case, Exercise, Rng, Wrong, of_call

Shape = tuple[int, ...]
Layers = Sequence[tuple[Any, ...]]
Rows = list[tuple[Shape, int, int]]

LENET = [
    ("conv", 6, 5, 1, 2),
    ("relu",),
    ("pool", 2, 2),
    ("conv", 16, 5, 1, 0),
    ("relu",),
    ("pool", 2, 2),
    ("flatten",),
    ("linear", 120),
    ("relu",),
    ("linear", 84),
    ("relu",),
    ("linear", 10),
]
ALEXNET = [
    ("conv", 64, 11, 4, 2),
    ("relu",),
    ("pool", 3, 2),
    ("conv", 192, 5, 1, 2),
    ("relu",),
    ("pool", 3, 2),
    ("conv", 384, 3, 1, 1),
    ("relu",),
    ("conv", 256, 3, 1, 1),
    ("relu",),
    ("conv", 256, 3, 1, 1),
    ("relu",),
    ("pool", 3, 2),
    ("flatten",),
    ("linear", 4096),
    ("relu",),
    ("linear", 4096),
    ("relu",),
    ("linear", 1000),
]


def built(layer: tuple[Any, ...], shape: Shape, *, ceiling: bool = False, border: bool = True) -> nn.Module:
    """The torch.nn layer for an input of `shape`."""
    kind, *sizes = layer
    if kind == "conv":
        out, kernel, stride, padding = sizes
        return nn.Conv2d(shape[0], out, kernel, stride, padding if border else 0, device="meta")
    if kind == "pool":
        return nn.MaxPool2d(sizes[0], sizes[1], ceil_mode=ceiling)
    if kind == "linear":
        return nn.Linear(shape[-1], sizes[0], device="meta")
    return nn.Flatten() if kind == "flatten" else nn.ReLU()


def table(layers: Layers, in_shape: Shape, **twist: bool) -> Rows:
    rows: Rows = []
    x = torch.zeros(1, *in_shape, device="meta")
    for layer in layers:
        module = built(layer, tuple(x.shape[1:]), **twist)
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            x = module(x)
        parameters = sum(value.numel() for value in module.parameters())
        rows.append((tuple(x.shape[1:]), parameters, counter.get_total_flops() // 2))
    return rows


def oracle(layers: Layers, in_shape: Shape) -> Rows:
    return table(layers, in_shape)


def cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "LeNet's first convolution, by hand",
        layers=[("conv", 6, 5, 1, 2)],
        in_shape=(1, 28, 28),
        expect=[((6, 28, 28), 156, 117600)],
        note="6·(1·5·5 + 1) = 156 parameters; 6·28·28 outputs of 1·5·5 products each: 117,600",
    )
    yield of_call(
        "one linear layer, by hand",
        layers=[("flatten",), ("linear", 10)],
        in_shape=(3, 2, 2),
        expect=[((12,), 0, 0), ((10,), 130, 120)],
        note="12 numbers in, 10 out: 12·10 = 120 products, and 10 biases make 130 parameters",
    )
    channels, side = (int(value) for value in (rng.integers(2, 6), rng.integers(9, 14)))
    yield of_call("wide image", layers=[("conv", 4, 3, 1, 0), ("relu",)], in_shape=(channels, side, side + 3))
    yield of_call("stride 2, a row left over", layers=[("conv", 5, 3, 2, 1)], in_shape=(channels, 8, 11))
    yield of_call("pooling with pixels left over", layers=[("pool", 3, 2), ("pool", 2, 2)], in_shape=(channels, 12, 18))
    yield of_call("pooling, windows overlap", layers=[("pool", 3, 1)], in_shape=(channels, side, side + 1))
    yield of_call(
        "two convolutions", layers=[("conv", 4, 3, 1, 1), ("conv", 7, 5, 2, 2)], in_shape=(channels, side, side)
    )
    yield of_call("LeNet", layers=LENET, in_shape=(1, 28, 28))
    yield of_call("AlexNet", layers=ALEXNET, in_shape=(3, 224, 224))


def is_weighted(layer: tuple[Any, ...]) -> bool:
    return layer[0] in ("conv", "linear")


def without_biases(layers: Layers, in_shape: Shape) -> Rows:
    rows = zip(layers, oracle(layers, in_shape), strict=True)
    return [(shape, n - shape[0] if is_weighted(layer) else n, adds) for layer, (shape, n, adds) in rows]


def counts_flops(layers: Layers, in_shape: Shape) -> Rows:
    return [(shape, n, 2 * adds) for shape, n, adds in oracle(layers, in_shape)]


def biases_cost(layers: Layers, in_shape: Shape) -> Rows:
    rows = zip(layers, oracle(layers, in_shape), strict=True)
    return [(s, n, adds + torch.Size(s).numel() if is_weighted(layer) else adds) for layer, (s, n, adds) in rows]


def one_place(layers: Layers, in_shape: Shape) -> Rows:
    return [(shape, n, adds // torch.Size(shape[1:]).numel()) for shape, n, adds in oracle(layers, in_shape)]


def one_channel(layers: Layers, in_shape: Shape) -> Rows:
    made, depth = [], in_shape[0]
    for layer, (shape, n, adds) in zip(layers, oracle(layers, in_shape), strict=True):
        narrow = layer[0] == "conv"
        made.append((shape, (n - shape[0]) // depth + shape[0], adds // depth) if narrow else (shape, n, adds))
        depth = shape[0]
    return made


def square_images(layers: Layers, in_shape: Shape) -> Rows:
    return oracle(layers, (in_shape[0], in_shape[1], in_shape[1]))


def turned(layers: Layers, in_shape: Shape) -> Rows:
    return [((shape[0], *reversed(shape[1:])), n, adds) for shape, n, adds in oracle(layers, in_shape)]


def rounds_up(layers: Layers, in_shape: Shape) -> Rows:
    return table(layers, in_shape, ceiling=True)


def ignores_padding(layers: Layers, in_shape: Shape) -> Rows:
    return table(layers, in_shape, border=False)


def with_batch(layers: Layers, in_shape: Shape) -> Rows:
    return [((1, *shape), n, adds) for shape, n, adds in oracle(layers, in_shape)]


def pool_steps_by_kernel(layers: Layers, in_shape: Shape) -> Rows:
    return oracle([("pool", layer[1], layer[1]) if layer[0] == "pool" else layer for layer in layers], in_shape)


def running_total(layers: Layers, in_shape: Shape) -> Rows:
    made, total, cost = [], 0, 0
    for shape, n, adds in oracle(layers, in_shape):
        total, cost = total + n, cost + adds
        made.append((shape, total, cost))
    return made


SHAPE_TABLE = Exercise(
    id="lenet.shape_table",
    cases=cases,
    oracle=oracle,
    wrong=(
        Wrong(
            "leaves out the biases",
            without_biases,
            says="the biases are missing from the parameters: one for each output channel or feature.",
            look="a 1×1 convolution from 1 channel to 6 has 12 parameters, not 6.",
        ),
        Wrong(
            "counts two operations for each product",
            counts_flops,
            says="these are FLOPs (a product and a sum count two); asked are multiply-adds (the pair counts one).",
            look="papers use both: always ask which.",
        ),
        Wrong(
            "counts the biases as multiply-adds",
            biases_cost,
            says="adding a bias is counted; only products of a weight with an input are.",
            look="one output of a 5×5 kernel on one channel costs 25.",
        ),
        Wrong(
            "forgets that a kernel is used at every place",
            one_place,
            says="the multiply-adds of a convolution are those of one place; the kernel visits all of them.",
            look="how many outputs does the layer have, rows and columns included?",
        ),
        Wrong(
            "forgets the input channels",
            one_channel,
            says="each kernel is counted as if it saw one channel; it sees all input channels.",
            look="the weight has shape (out, in, k, k).",
        ),
        Wrong(
            "takes every image for square",
            square_images,
            says="the width is computed from the height.",
            look="work out rows and columns each from its own side.",
        ),
        Wrong(
            "swaps height and width",
            turned,
            says="height and width are swapped.",
            look="in_shape is (C, H, W).",
        ),
        Wrong(
            "rounds pooled sizes up",
            rounds_up,
            says="a pooling window that sticks out of the image is counted; sizes are rounded down.",
            look="// rounds down.",
        ),
        Wrong(
            "ignores padding",
            ignores_padding,
            says="the padding is left out of the output's size.",
            look="the image grows by padding on both sides before the kernel moves over it.",
        ),
        Wrong(
            "keeps a batch axis",
            with_batch,
            says="the shapes have a batch axis; they should be for one image: (C, H, W) or (features,).",
            look="leave the 1 in front away.",
        ),
        Wrong(
            "steps by the kernel's size when pooling",
            pool_steps_by_kernel,
            says="pooling always moves by its kernel's size; its stride is ignored.",
            look='the layer is ("pool", kernel, stride).',
        ),
        Wrong(
            "adds the layers up as it goes",
            running_total,
            says="each row holds the total so far; asked is each layer's own.",
            look="start parameters and multiply-adds from 0 in every layer.",
        ),
    ),
    hints=(
        "Keep the current shape in a variable and go through the layers; each one replaces it.",
        "A side of n pixels becomes (n + 2·padding − kernel) // stride + 1.",
        "conv: out·(in·k·k + 1) parameters, out·Ho·Wo·(in·k·k) multiply-adds. linear: out·(in + 1) and out·in.",
    ),
    points=3,
    minutes=20,
    forbidden=(
        "torch.nn.*Conv*",
        "torch.nn.*Linear*",
        "torch.utils.flop_counter",
        "aten::*conv[!e]*",
        "torchinfo",
        "fvcore",
        "thop",
    ),
)

EXERCISES = (SHAPE_TABLE,)
