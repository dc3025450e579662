"""First weights whose size keeps a signal's variance from layer to layer."""

import math

import torch
from jaxtyping import Float
from torch import Tensor


def kaiming_init(shape: tuple[int, ...], mode: str = "fan_in", negative_slope: float = 0.0) -> Float[Tensor, "..."]:
    """Draw weights (out, in, *kernel) for a layer before a ReLU: normal, mean 0, std √(2 /
    (1 + a²)) / √fan.

    a is the `negative_slope` of a leaky ReLU. The fan is, by `mode`, `"fan_in"`: how many
    numbers one output reads, or `"fan_out"`: how many outputs one input reaches, where
    every output channel and every kernel pixel counts. The numbers come from PyTorch's
    global random state.

    Shape (16, 6, 5, 5): fan_in = 6·5·5 = 150, std √2 / √150 = 0.1155; fan_out = 16·5·5 =
    400, std √2 / √400 = 0.0707.

    Raises ValueError for another `mode` or a shape of fewer than two axes. Peer:
    `nn.init.kaiming_normal_`. Paper: He and others, "Delving deep into rectifiers", 2015.
    """
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f'mode must be "fan_in" or "fan_out", got {mode!r}')
    if len(shape) < 2:
        raise ValueError(f"weights have at least the axes (out, in), got the shape {shape}")
    fan = (shape[1] if mode == "fan_in" else shape[0]) * math.prod(shape[2:])
    return torch.randn(shape) * math.sqrt(2 / (1 + negative_slope**2) / fan)


def xavier_init(shape: tuple[int, ...], gain: float = 1.0) -> Float[Tensor, "..."]:
    """Draw weights (out, in, *kernel) for a layer before a tanh: uniform between ± gain ·
    √(6 / (fan_in + fan_out)).

    fan_in is how many numbers one output reads, fan_out how many outputs one input reaches;
    every kernel pixel counts in both. The numbers come from PyTorch's global random state.

    Shape (2, 4): √(6 / (4 + 2)) = 1, so the weights lie between −gain and gain. Shape (16,
    6, 5, 5): √(6 / (150 + 400)) = 0.1044.

    Raises ValueError for a shape of fewer than two axes. Peer: `nn.init.xavier_uniform_`.
    Paper: Glorot and Bengio, "Understanding the difficulty of training deep feedforward
    neural networks", 2010.
    """
    if len(shape) < 2:
        raise ValueError(f"weights have at least the axes (out, in), got the shape {shape}")
    bound = gain * math.sqrt(6 / ((shape[1] + shape[0]) * math.prod(shape[2:])))
    return torch.empty(shape).uniform_(-bound, bound)
