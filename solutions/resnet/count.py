"""What a network costs, counted: parameters, and floating-point operations."""

import math
from typing import Any

import torch
from torch import Tensor, nn


def count_parameters(model: nn.Module, trainable_only: bool = False) -> int:
    """How many numbers a model learns. Buffers don't count; what serves in two places counts once.

    With `trainable_only` what is frozen (`requires_grad` is False) is left out.

    A linear layer from 3 to 2 features: 2·3 weights and 2 biases, 8.
    """
    return sum(item.numel() for item in model.parameters() if item.requires_grad or not trainable_only)


def count_flops(model: nn.Module, input_shape: tuple[int, ...]) -> int:
    """How many floating-point operations one call on an input of `input_shape` costs, its batch
    axis included.

    Two for each multiply-add of the `nn.Conv2d` and `nn.Linear` layers, as often as they run:
    2 · output values · inputs to each of them. Biases, norms, activations and pooling are left
    out: together they cost about a hundredth. Works it out with one call on zeros of the model's
    own dtype and device; its modes, hooks, running statistics and gradients stay as they were.

    A 3×3 kernel with padding 1 from 1 to 2 channels on 4×4 pixels: 2·4·4 output values of 1·3·3
    multiply-adds each, 2 · 32 · 9 = 576.

    Papers often give multiply-adds, which are half of it: 1.8 · 10⁹ for ResNet-18 at 224 × 224.
    Peer: `torch.utils.flop_counter.FlopCounterMode`.
    """
    total = 0

    def add(layer: nn.Conv2d | nn.Linear, _: tuple[Any, ...], out: Tensor) -> None:
        nonlocal total
        total += 2 * out.numel() * math.prod(layer.weight.shape[1:])

    example = next(model.parameters())
    modes = [(part, part.training) for part in model.modules()]
    hooks = [part.register_forward_hook(add) for part, _ in modes if isinstance(part, nn.Conv2d | nn.Linear)]
    try:
        with torch.no_grad():
            model.eval()(torch.zeros(input_shape, dtype=example.dtype, device=example.device))
    finally:
        for hook in hooks:
            hook.remove()
        for part, training in modes:
            part.training = training
    return total
