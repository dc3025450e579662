"""First weights whose size keeps a signal's variance from layer to layer."""

import math

import torch
from jaxtyping import Float
from torch import Tensor


def _fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """(fan_in, fan_out) of weights (out, in, *kernel): the inputs one output reads, and the outputs one input reaches.

    A kernel's pixels count in both. Raises ValueError for fewer than two axes.
    """
    if len(shape) < 2:
        raise ValueError(f"weights have at least the axes (out, in), got the shape {shape}")
    kernel = math.prod(shape[2:])
    return shape[1] * kernel, shape[0] * kernel


def kaiming_init(shape: tuple[int, ...], mode: str = "fan_in", negative_slope: float = 0.0) -> Float[Tensor, "..."]:
    """Draw weights (out, in, *kernel) for a layer before a ReLU: normal, mean 0, std √(2 / (1 + a²)) / √fan.

    a is the `negative_slope` of a leaky ReLU. The fan is, by `mode`, `"fan_in"`: how many numbers one output reads, or
    `"fan_out"`: how many outputs one input reaches, where every output channel and every kernel pixel counts.
    The numbers come from PyTorch's global random state.

    Shape (16, 6, 5, 5): fan_in = 6·5·5 = 150, std √2 / √150 = 0.1155; fan_out = 16·5·5 = 400, std √2 / √400 = 0.0707.

    Raises ValueError for another `mode` or a shape of fewer than two axes. Peer: `nn.init.kaiming_normal_`.
    Paper: He and others, "Delving deep into rectifiers", 2015.
    """
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f'mode must be "fan_in" or "fan_out", got {mode!r}')
    fan_in, fan_out = _fans(shape)
    fan = fan_in if mode == "fan_in" else fan_out
    return torch.randn(shape) * math.sqrt(2 / (1 + negative_slope**2) / fan)


def xavier_init(shape: tuple[int, ...], gain: float = 1.0) -> Float[Tensor, "..."]:
    """Draw weights (out, in, *kernel) for a layer before a tanh: uniform between ± gain · √(6 / (fan_in + fan_out)).

    fan_in is how many numbers one output reads, fan_out how many outputs one input reaches; every kernel pixel counts
    in both. The numbers come from PyTorch's global random state.

    Shape (2, 4): √(6 / (4 + 2)) = 1, so the weights lie between −gain and gain. Shape (16, 6, 5, 5):
    √(6 / (150 + 400)) = 0.1044.

    Raises ValueError for a shape of fewer than two axes. Peer: `nn.init.xavier_uniform_`.
    Paper: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010.
    """
    bound = gain * math.sqrt(6 / sum(_fans(shape)))
    return torch.empty(shape).uniform_(-bound, bound)
