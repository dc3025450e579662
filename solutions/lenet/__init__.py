"""Lesson 01: convolution to a trained LeNet, from scratch.

Notebook a: `layers` and `activations` make the `net`.
"""

from solutions.lenet.activations import activation_backward, dead_units, leaky_relu, relu, tanh
from solutions.lenet.layers import (
    avg_pool2d,
    conv2d,
    conv2d_backward,
    linear,
    linear_backward,
    max_pool2d,
    max_pool2d_backward,
    pad2d,
    unfold2d,
)
from solutions.lenet.net import Conv2d, LeNet5, Linear, MaxPool2d, ReLU, shape_table

__all__ = [
    "Conv2d",
    "LeNet5",
    "Linear",
    "MaxPool2d",
    "ReLU",
    "activation_backward",
    "avg_pool2d",
    "conv2d",
    "conv2d_backward",
    "dead_units",
    "leaky_relu",
    "linear",
    "linear_backward",
    "max_pool2d",
    "max_pool2d_backward",
    "pad2d",
    "relu",
    "shape_table",
    "tanh",
    "unfold2d",
]
