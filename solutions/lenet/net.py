"""LeNet-5 from our own layers, and a table of what a network's layers cost.

Unlike the paper's: max pooling instead of trainable subsampling, ReLU instead of a scaled tanh, every kernel of the
second convolution sees all six channels, and a plain linear layer ends it.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from solutions.lenet.activations import relu
from solutions.lenet.layers import _out_size, conv2d, linear, max_pool2d


class Conv2d(nn.Module):
    """`conv2d` with parameters: `weight` (out, in, k, k) and `bias` (out), drawn from
    ±1/√(in·k·k) as torch.nn does.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1, padding: int = 0
    ) -> None:
        super().__init__()
        self.stride, self.padding = stride, padding
        bound = (in_channels * kernel_size**2) ** -0.5
        shape = (out_channels, in_channels, kernel_size, kernel_size)
        self.weight = nn.Parameter(torch.empty(shape).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(out_channels).uniform_(-bound, bound))

    def forward(self, x: Float[Tensor, "N C H W"]) -> Float[Tensor, "N O Ho Wo"]:
        return conv2d(x, self.weight, self.bias, self.stride, self.padding)


class MaxPool2d(nn.Module):
    """`max_pool2d` as a module."""

    def __init__(self, kernel_size: int, stride: int | None = None, padding: int = 0) -> None:
        super().__init__()
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding

    def forward(self, x: Float[Tensor, "N C H W"]) -> Float[Tensor, "N C Ho Wo"]:
        return max_pool2d(x, self.kernel_size, self.stride, self.padding)


class Linear(nn.Module):
    """`linear` with parameters: `weight` (out, in) and `bias` (out), drawn from ±1/√in as
    torch.nn does.
    """

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        bound = in_features**-0.5
        self.weight = nn.Parameter(torch.empty(out_features, in_features).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(out_features).uniform_(-bound, bound))

    def forward(self, x: Float[Tensor, "... I"]) -> Float[Tensor, "... O"]:
        return linear(x, self.weight, self.bias)


class ReLU(nn.Module):
    """`relu` as a module."""

    def forward(self, x: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        return relu(x)


class LeNet5(nn.Module):
    """The digit reader of LeCun and others (1998), for images of 28 × 28 with values about
    0 to 1; answers in logits.

    `conv1` `relu1` `pool1`   6 kernels of 5 × 5, padding 2; windows of 2   6 × 14 × 14
    `conv2` `relu2` `pool2`   16 kernels of 5 × 5; windows of 2             16 × 5 × 5
    `fc1` `relu3`             400 numbers in channel-row-column order       120
    `fc2` `relu4`             120 numbers                                   84
    `fc3`                     84 numbers                                    `num_classes`

    These names, because weights trained elsewhere under them are loaded into your network.
    `Conv2d`, `MaxPool2d`, `Linear` and `ReLU` are given: modules around your own functions.
    One input channel and ten classes make (25 + 1)·6 + (150 + 1)·16 + (400 + 1)·120 + (120
    + 1)·84 + (84 + 1)·10 = 61,706 parameters.
    """

    def __init__(self, in_channels: int = 1, num_classes: int = 10) -> None:
        super().__init__()
        self.conv1 = Conv2d(in_channels, 6, 5, padding=2)
        self.relu1 = ReLU()
        self.pool1 = MaxPool2d(2)
        self.conv2 = Conv2d(6, 16, 5)
        self.relu2 = ReLU()
        self.pool2 = MaxPool2d(2)
        self.fc1 = Linear(16 * 5 * 5, 120)
        self.relu3 = ReLU()
        self.fc2 = Linear(120, 84)
        self.relu4 = ReLU()
        self.fc3 = Linear(84, num_classes)

    def forward(self, x: Float[Tensor, "N C 28 28"]) -> Float[Tensor, "N K"]:
        x = self.pool1(self.relu1(self.conv1(x)))
        x = self.pool2(self.relu2(self.conv2(x)))
        x = self.relu3(self.fc1(x.flatten(1)))
        logits: Tensor = self.fc3(self.relu4(self.fc2(x)))
        return logits


def shape_table(
    layers: Sequence[tuple[Any, ...]], in_shape: tuple[int, int, int]
) -> list[tuple[tuple[int, ...], int, int]]:
    """Work out, without running anything, what each layer puts out and costs for one image
    of `in_shape` (C, H, W).

    One entry a layer: its output shape without the batch axis, the number of its parameters
    (biases among them), and the number of its multiply-adds (one for each product of a
    weight with an input; adding a bias is free). Layers are `("conv", out_channels, kernel,
    stride, padding)`, `("pool", kernel, stride)`, `("relu",)`, `("flatten",)` and
    `("linear", out_features)`. Only convolution and linear layers have parameters and
    multiply-adds.

    `shape_table([("conv", 6, 5, 1, 2)], (1, 28, 28))`: side (28 + 2·2 − 5) / 1 + 1 = 28,
    parameters 6·(1·5·5 + 1) = 156, multiply-adds 6·28·28·(1·5·5) = 117,600, so the answer
    is `[((6, 28, 28), 156, 117600)]`.

    Raises ValueError for another kind of layer, if a kernel does not fit, or if an image
    reaches a linear layer without having been flattened.
    """
    shape: tuple[int, ...] = in_shape
    table = []
    for kind, *sizes in layers:
        parameters = multiply_adds = 0
        if kind == "conv":
            out_channels, kernel, stride, padding = sizes
            weights = shape[0] * kernel**2
            shape = (out_channels, *(_out_size(side, kernel, stride, padding) for side in shape[1:]))
            parameters, multiply_adds = out_channels * (weights + 1), math.prod(shape) * weights
        elif kind == "pool":
            kernel, stride = sizes
            shape = (shape[0], *(_out_size(side, kernel, stride) for side in shape[1:]))
        elif kind == "flatten":
            shape = (math.prod(shape),)
        elif kind == "linear" and len(shape) == 1:
            features, shape = shape[0], (sizes[0],)
            parameters, multiply_adds = shape[0] * (features + 1), shape[0] * features
        elif kind != "relu":
            raise ValueError(f"can't put a {kind!r} layer on an input of shape {shape}")
        table.append((shape, parameters, multiply_adds))
    return table
