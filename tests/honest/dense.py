"""Unusual answers to the linear layer, activations, networks and tables of lesson 01."""

from tests.honest.notebooks import GIVEN, Honest

ANSWERS = [
    Honest(
        "lenet.linear",
        "*args and **kwargs, @ and in-place on its own result, type aliases",
        """
from typing import Any, Optional, TypeAlias, Union
import torch
Maybe: TypeAlias = Optional[torch.Tensor]

def linear(*args: Any, **kwargs: Union[int, Maybe]) -> torch.Tensor:
    names = dict(zip(("x", "weight", "bias"), args)) | kwargs
    x, weight, bias = names["x"], names["weight"], names.get("bias")
    y = x @ weight.transpose(0, 1)
    if bias is not None:
        y += bias
    return y
""",
        timed=True,
    ),
    Honest(
        "lenet.linear",
        "a decorator without functools.wraps around other parameter names",
        """
import torch

def counted(f):
    def inner(*a, **k):
        inner.calls += 1
        return f(*a, **k)
    inner.calls = 0
    return inner

@counted
def linear(inputs, matrix, offset=None):
    out = torch.tensordot(inputs, matrix, dims=([-1], [1]))
    return out if offset is None else out + offset
""",
    ),
    Honest(
        "lenet.linear_backward",
        "a NamedTuple as the answer, loops over samples, an own copy changed in place",
        """
import torch
from typing import NamedTuple

class Gradients(NamedTuple):
    dx: torch.Tensor
    dw: torch.Tensor
    db: torch.Tensor

def linear_backward(g, x, w):
    dw, db = torch.zeros_like(w), torch.zeros(len(w), dtype=w.dtype)
    for row, sample in zip(g, x):
        dw.addr_(row, sample)
        db.add_(row)
    return Gradients(g.mm(w), dw, db)
""",
    ),
    Honest(
        "lenet.relu",
        "a torch.autograd.Function of one's own",
        """
import torch

class Rectify(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return (x + x.abs()) / 2

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * (x > 0)

def relu(x):
    return Rectify.apply(x)
""",
        timed=True,
    ),
    Honest(
        "lenet.relu",
        "a plot in the answer's own cell, get_ipython guarded, %%time, a main block that holds a constant",
        """
%%time
%config InlineBackend.figure_format = "retina"
import torch
import matplotlib.pyplot as plt
from IPython import get_ipython

if get_ipython() is not None:
    get_ipython().run_line_magic("matplotlib", "inline")

if __name__ == "__main__":
    FLOOR = 0.0
    DRAW = False

def relu(x):
    if DRAW:
        plt.plot(x.tolist())
    return torch.maximum(x, torch.as_tensor(FLOOR, dtype=x.dtype)) if not x.requires_grad else x * (x > FLOOR)

xs = torch.linspace(-3, 3, 50)
fig, ax = plt.subplots()
ax.plot(xs, relu(xs)); ax.set_title("ReLU")
plt.show()
display(fig)
assert relu(torch.tensor([-1.0])).item() == 0
""",
    ),
    Honest(
        "lenet.leaky_relu",
        "own relu by `from mine.lenet import relu` in the function, a method as the answer",
        GIVEN
        + """
def relu(x):
    return x.clamp(min=0)
# %%
relu = None
def relu(x):
    return torch.where(x > 0, x, 0.0)
# %%
class Leaky:
    def __init__(self, slope):
        self.slope = slope

    def call(self, x, negative_slope=None):
        from mine.lenet import relu as positive
        slope = self.slope if negative_slope is None else negative_slope
        return slope * x + (1 - slope) * positive(x)

leaky_relu = Leaky(0.01).call
check(leaky_relu)
""",
    ),
    Honest(
        "lenet.tanh",
        "classmethod, a constant reused under another meaning later, the exponential in float64",
        """
import math, torch
LIMIT = 2 * 10.0
BOUNDS = (-LIMIT, LIMIT)
LIMIT = "the demo's limit"

class Tanh:
    bounds = BOUNDS

    @classmethod
    def of(cls, x):
        z = x.double().clamp(*cls.bounds)
        return (torch.expm1(2 * z) / (torch.expm1(2 * z) + 2)).to(x.dtype)

tanh = Tanh.of
""",
    ),
    Honest(
        "lenet.activation_backward",
        "singledispatch-like registrations, enum, setattr on a function, own tanh from mine",
        """
import torch
from enum import Enum
from functools import singledispatch
from mine.lenet import tanh

Kind = Enum("Kind", ["relu", "leaky_relu", "tanh"])
Kinds = tuple(kind.name for kind in Kind)

@singledispatch
def slope(kind, x, leak):
    raise ValueError(kind)

class Relu: pass
class Leak: pass
class Tanh: pass

@slope.register
def _(kind: Relu, x, leak):
    return (x > 0).to(x.dtype)

@slope.register(Leak)
def _(kind, x, leak):
    return torch.where(x > 0, 1.0, leak).to(x.dtype)

@slope.register(Tanh)
def _(kind, x, leak):
    return 1 - tanh(x) ** 2

def activation_backward(grad_out, x, kind, negative_slope=0.01):
    return grad_out * slope(activation_backward.made.get(kind, kind), x, negative_slope)

setattr(activation_backward, "made", dict(zip(Kinds, (Relu(), Leak(), Tanh()))))
""",
        timed=True,
    ),
    Honest(
        "lenet.dead_units",
        "numpy, which answers with one of its own integers",
        """
import numpy as np

def dead_units(activations):
    a = np.moveaxis(activations.detach().numpy(), 1, 0).reshape(activations.shape[1], -1)
    return np.sum(~(a > 0).any(axis=1))
""",
    ),
    Honest(
        "lenet.LeNet5",
        "nn.Sequential of own modules with other names, dataclass of sizes, a property, weights by hand",
        GIVEN
        + """
from dataclasses import dataclass
from mine.lenet import conv2d, linear, max_pool2d, relu

@dataclass(frozen=True)
class Size:
    ins: int
    outs: int
    side: int = 1

    @property
    def bound(self):
        return (self.ins * self.side**2) ** -0.5

class Weighted(nn.Module):
    def __init__(self, size):
        super().__init__()
        shape = (size.outs, size.ins, size.side, size.side)[: 4 if size.side > 1 else 2]
        self.strength = nn.Parameter((torch.rand(shape) * 2 - 1) * size.bound)
        self.shift = nn.Parameter((torch.rand(size.outs) * 2 - 1) * size.bound)

class Look(Weighted):
    border = 0
    def forward(self, x):
        return max_pool2d(relu(conv2d(x, self.strength, self.shift, padding=self.border)), 2)

class FirstLook(Look):
    border = 2

class Think(Weighted):
    def forward(self, x):
        return linear(x, self.strength, self.shift)

class Bend(nn.Module):
    def forward(self, x):
        return relu(x)

class LeNet5(nn.Sequential):
    def __init__(self, in_channels=1, num_classes=10):
        super().__init__(
            FirstLook(Size(in_channels, 6, 5)), Look(Size(6, 16, 5)), nn.Flatten(),
            Think(Size(400, 120)), Bend(), Think(Size(120, 84)), Bend(), Think(Size(84, num_classes)),
        )
# %%
net = LeNet5().to(device)
print(sum(p.numel() for p in net.parameters()))
""",
        timed=True,
    ),
    Honest(
        "lenet.LeNet5",
        "a function that builds it, deep copies and pickles it",
        """
import copy, io, pickle
import torch
from torch import nn
import mine.lenet as layers

class Net(nn.Module):
    SHAPES = [(6, None, 5, 5), (16, 6, 5, 5), (120, 400), (84, 120), (None, 84)]

    def __init__(self, ins, outs):
        super(Net, self).__init__()
        for i, shape in enumerate(self.SHAPES):
            shape = tuple((ins if at else outs) if s is None else s for at, s in enumerate(shape))
            self.register_parameter(f"w{i}", nn.Parameter(torch.randn(shape) * 0.1))
            self.register_parameter(f"b{i}", nn.Parameter(torch.zeros(shape[0])))

    def forward(self, x):
        w = [(getattr(self, f"w{i}"), getattr(self, f"b{i}")) for i in range(5)]
        for i in (0, 1):
            x = layers.max_pool2d(layers.relu(layers.conv2d(x, *w[i], padding=2 - 2 * i)), 2)
        x = x.flatten(1)
        for i in (2, 3):
            x = layers.relu(layers.linear(x, *w[i]))
        return layers.linear(x, *w[4])

def LeNet5(in_channels=1, num_classes=10):
    net = copy.deepcopy(Net(in_channels, num_classes))
    return pickle.loads(pickle.dumps(net))
""",
    ),
    Honest(
        "lenet.shape_table",
        "generators with send, a chain of if, one long cell with a semicolon and a shared line",
        """
from math import prod; from collections import namedtuple; Row = namedtuple("Row", "shape parameters products")

def places(size, k, s, p=0):
    found = (size + 2 * p - k) // s + 1
    if found < 1: raise ValueError("too small")
    return found

def walk(shape):
    row = None
    while True:
        kind, *n = yield row
        if kind == "conv":
            o, k, s, p = n
            new = (o, places(shape[1], k, s, p), places(shape[2], k, s, p))
            row = Row(new, (shape[0] * k * k + 1) * o, prod(new) * shape[0] * k * k)
        elif kind == "pool":
            row = Row((shape[0], *(places(v, *n) for v in shape[1:])), 0, 0)
        elif kind == "linear" and len(shape) == 1:
            row = Row((n[0],), (shape[0] + 1) * n[0], shape[0] * n[0])
        elif kind == "flatten":
            row = Row((prod(shape),), 0, 0)
        elif kind == "relu":
            row = Row(shape, 0, 0)
        else:
            raise ValueError(kind)
        shape = row.shape

def shape_table(layers, in_shape):
    steps = walk(tuple(in_shape)); next(steps)
    return [steps.send(layer) for layer in layers]
"""
        + "\n".join(f"x{number} = {number}" for number in range(2000)),
    ),
]
