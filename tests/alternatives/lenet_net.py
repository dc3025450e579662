"""Right answers from the linear layer to the shape table that look different from the reference."""

import math

import torch
from torch import nn

# --- linear ----------------------------------------------------------------------------------------------------------


def linear_by_einsum(x, weight, bias=None):
    out = torch.einsum("...i,oi->...o", x, weight)
    if bias is not None:
        out = out + bias
    return out


def linear_flattened(x, weight, bias=None):
    rows = torch.mm(x.reshape(math.prod(x.shape[:-1]), x.shape[-1]), weight.t())
    if bias is not None:
        rows = rows.add(bias.expand_as(rows))
    return rows.reshape(*x.shape[:-1], weight.shape[0])


def linear_backward_by_einsum(grad_out, x, weight):
    dx = torch.einsum("no,oi->ni", grad_out, weight)
    dw = torch.einsum("no,ni->oi", grad_out, x)
    return dx, dw, torch.einsum("no->o", grad_out)


def linear_backward_by_ones(grad_out, x, weight):
    ones = torch.ones(x.shape[0], dtype=x.dtype, device=x.device)
    return torch.mm(grad_out, weight), torch.mm(x.t(), grad_out).t(), ones @ grad_out


# --- activations -----------------------------------------------------------------------------------------------------


def relu_masked(x):
    return x.masked_fill(x <= 0, 0)


def relu_in_place(x):
    out = x.clone()
    out[x <= 0] = 0
    return out


def leaky_relu_scaled(x, negative_slope=0.01):
    slope = torch.full_like(x, negative_slope)
    slope[x > 0] = 1
    return x * slope


def leaky_relu_by_factor(x, negative_slope=0.01):
    return torch.where(x > 0, torch.ones_like(x), negative_slope).mul(x)


def tanh_mirrored(x):
    """From e⁻²ˣ instead of e²ˣ."""
    decay = torch.expm1(-2.0 * torch.clamp(x, min=-22, max=22))
    return torch.neg(decay).div(decay.add(2))


def tanh_squared(x):
    """From u = eˣ − 1: e²ˣ − 1 is u · (u + 2)."""
    u = x.clip(-20, 20).expm1()
    growth = u * (u + 2)
    return growth / (growth + 2)


def activation_backward_by_table(grad_out, x, kind, negative_slope=0.01):
    slopes = {
        "relu": lambda: (x > 0).to(x.dtype),
        "leaky_relu": lambda: torch.ones_like(x).masked_fill(x <= 0, negative_slope),
        "tanh": lambda: 1 - tanh_mirrored(x).square(),
    }
    if kind not in slopes:
        raise ValueError(f"unknown activation {kind}")
    return grad_out * slopes[kind]()


def activation_backward_in_place(grad_out, x, kind, negative_slope=0.01):
    dx = grad_out.clone()
    if kind == "tanh":
        y = tanh_squared(x)
        dx -= dx * y.square()
    elif kind in ("relu", "leaky_relu"):
        dx[x <= 0] *= negative_slope if kind == "leaky_relu" else 0.0
    else:
        raise ValueError(kind)
    return dx


def dead_units_by_maximum(activations):
    if activations.shape[0] == 0:
        return activations.shape[1]
    largest = activations.movedim(1, -1).reshape(-1, activations.shape[1]).max(dim=0).values
    return (largest <= 0).sum().item()


def dead_units_by_loop(activations):
    return sum(1 for c in range(activations.shape[1]) if not torch.any(activations[:, c] > 0))


# --- the net ---------------------------------------------------------------------------------------------------------


def out_size(size, kernel, stride, padding=0):
    if size + 2 * padding < kernel:
        raise ValueError("the kernel does not fit")
    return (size + 2 * padding - kernel) // stride + 1


def correlated(x, kernels, offsets, border=0):
    n, c, h, w = x.shape
    framed = torch.zeros(n, c, h + 2 * border, w + 2 * border, dtype=x.dtype, device=x.device)
    framed[:, :, border : border + h, border : border + w] = x
    patches = framed.unfold(2, kernels.shape[2], 1).unfold(3, kernels.shape[3], 1)
    return torch.einsum("ncyxij,ocij->noyx", patches, kernels) + offsets[:, None, None]


def halved(x):
    n, c, h, w = x.shape
    return x.reshape(n, c, h // 2, 2, w // 2, 2).transpose(3, 4).flatten(4).max(dim=4).values


class Filter(nn.Module):
    """A convolution with other names."""

    def __init__(self, into, out, size, border=0):
        super().__init__()
        bound = 1 / math.sqrt(into * size * size)
        self.border = border
        self.kernels = nn.Parameter(torch.empty(out, into, size, size).uniform_(-bound, bound))
        self.offsets = nn.Parameter(torch.empty(out).uniform_(-bound, bound))

    def forward(self, x):
        return correlated(x, self.kernels, self.offsets, self.border)


class Dense(nn.Module):
    """A linear layer with other names."""

    def __init__(self, into, out):
        super().__init__()
        bound = 1 / math.sqrt(into)
        self.matrix = nn.Parameter(torch.empty(out, into).uniform_(-bound, bound))
        self.offsets = nn.Parameter(torch.empty(out).uniform_(-bound, bound))

    def forward(self, x):
        return linear_flattened(x, self.matrix, self.offsets)


class LeNet5AsStages(nn.Module):
    """Two stages in Sequential, activations and pooling as functions between them."""

    def __init__(self, in_channels=1, num_classes=10):
        super().__init__()
        self.filters = nn.Sequential(Filter(in_channels, 6, 5, border=2), Filter(6, 16, 5))
        self.head = nn.ModuleList([Dense(400, 120), Dense(120, 84), Dense(84, num_classes)])

    def forward(self, x):
        for layer in self.filters:
            x = relu_in_place(halved(layer(x)))
        x = x.reshape(x.shape[0], 400)
        for layer in self.head[:-1]:
            x = relu_masked(layer(x))
        return self.head[-1](x)


class LeNet5OfParameters(nn.Module):
    """Bare parameters in one list, and the functions above."""

    def __init__(self, in_channels=1, num_classes=10):
        super().__init__()
        shapes = [(6, in_channels, 5, 5), (16, 6, 5, 5), (120, 400), (84, 120), (num_classes, 84)]
        self.tensors = nn.ParameterList()
        for shape in shapes:
            bound = 1 / math.sqrt(math.prod(shape[1:]))
            self.tensors.append(nn.Parameter(torch.rand(shape) * 2 * bound - bound))
            self.tensors.append(nn.Parameter(torch.rand(shape[0]) * 2 * bound - bound))

    def forward(self, x):
        w1, b1, w2, b2, w3, b3, w4, b4, w5, b5 = self.tensors
        x = halved(relu_masked(correlated(x, w1, b1, border=2)))
        x = halved(relu_masked(correlated(x, w2, b2))).flatten(start_dim=1)
        x = relu_masked(linear_by_einsum(x, w3, b3))
        return linear_by_einsum(relu_masked(linear_by_einsum(x, w4, b4)), w5, b5)


def shape_table_by_rules(layers, in_shape):
    """One small function for each kind of layer."""

    def conv(shape, o, k, s, p):
        c, h, w = shape
        out = (o, out_size(h, k, s, p), out_size(w, k, s, p))
        return out, c * k * k * o + o, math.prod(out) * c * k * k

    def pool(shape, k, s):
        return (shape[0], out_size(shape[1], k, s), out_size(shape[2], k, s)), 0, 0

    def linear(shape, o):
        (i,) = shape
        return (o,), (i + 1) * o, i * o

    rules = {
        "conv": conv,
        "pool": pool,
        "linear": linear,
        "relu": lambda shape: (shape, 0, 0),
        "flatten": lambda shape: ((math.prod(shape),), 0, 0),
    }
    rows, shape = [], tuple(in_shape)
    for kind, *sizes in layers:
        if kind not in rules:
            raise ValueError(f"no rule for {kind}")
        rows.append(rules[kind](shape, *sizes))
        shape = rows[-1][0]
    return rows


class ShapeTable:
    """An object that walks through the layers and remembers where it is; called like a function."""

    def __new__(cls, layers, in_shape):
        walk = super().__new__(cls)
        walk.shape = in_shape
        return [walk.row(layer) for layer in layers]

    def row(self, layer):
        match layer:
            case ("conv", out, kernel, stride, padding):
                c, *sides = self.shape
                self.shape = (out, *[out_size(side, kernel, stride, padding) for side in sides])
                per_place = out * c * kernel * kernel
                return self.shape, per_place + out, per_place * self.shape[1] * self.shape[2]
            case ("pool", kernel, stride):
                self.shape = self.shape[:1] + tuple(out_size(side, kernel, stride) for side in self.shape[1:])
            case ("flatten",):
                self.shape = (math.prod(self.shape),)
            case ("linear", out) if len(self.shape) == 1:
                weights = out * self.shape[0]
                self.shape = (out,)
                return self.shape, weights + out, weights
            case ("relu",):
                pass
            case _:
                raise ValueError(f"no such layer: {layer}")
        return self.shape, 0, 0


ALTERNATIVES = {
    "lenet.linear": [linear_by_einsum, linear_flattened],
    "lenet.linear_backward": [linear_backward_by_einsum, linear_backward_by_ones],
    "lenet.relu": [relu_masked, relu_in_place],
    "lenet.leaky_relu": [leaky_relu_scaled, leaky_relu_by_factor],
    "lenet.tanh": [tanh_mirrored, tanh_squared],
    "lenet.activation_backward": [activation_backward_by_table, activation_backward_in_place],
    "lenet.dead_units": [dead_units_by_maximum, dead_units_by_loop],
    "lenet.LeNet5": [LeNet5AsStages, LeNet5OfParameters],
    "lenet.shape_table": [shape_table_by_rules, ShapeTable],
}
