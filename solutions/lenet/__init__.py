"""Lesson 01: convolution to a trained LeNet, from scratch.

Notebook a: `layers` and `activations` make the `net`. Notebook b: `losses`, `init` and `optim` `train` it, `metrics`
say how well.
"""

from solutions.lenet.activations import activation_backward, dead_units, leaky_relu, relu, tanh
from solutions.lenet.init import kaiming_init, xavier_init
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
from solutions.lenet.losses import cross_entropy, log_softmax
from solutions.lenet.metrics import confusion_matrix, f1, precision, recall
from solutions.lenet.net import Conv2d, LeNet5, Linear, MaxPool2d, ReLU, shape_table
from solutions.lenet.optim import SGD, Adam, AdamW, Optimizer, RMSprop
from solutions.lenet.train import fit, train_lenet

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "Conv2d",
    "LeNet5",
    "Linear",
    "MaxPool2d",
    "Optimizer",
    "RMSprop",
    "ReLU",
    "activation_backward",
    "avg_pool2d",
    "confusion_matrix",
    "conv2d",
    "conv2d_backward",
    "cross_entropy",
    "dead_units",
    "f1",
    "fit",
    "kaiming_init",
    "leaky_relu",
    "linear",
    "linear_backward",
    "log_softmax",
    "max_pool2d",
    "max_pool2d_backward",
    "pad2d",
    "precision",
    "recall",
    "relu",
    "shape_table",
    "tanh",
    "train_lenet",
    "unfold2d",
    "xavier_init",
]
