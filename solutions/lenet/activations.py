"""Activations, their gradients by hand, and a count of the units that never speak."""

import torch
from jaxtyping import Float
from torch import Tensor


def relu(x: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """Let positive numbers through and answer 0 for the others; the gradient at exactly 0
    is 0.

    `relu([-2, 0, 3])` is `[0, 0, 3]`. NaN stays NaN. Peer: `F.relu`.
    """
    return torch.where(x <= 0, 0.0, x)


def leaky_relu(x: Float[Tensor, "..."], negative_slope: float = 0.01) -> Float[Tensor, "..."]:
    """Let positive numbers through and scale the others by `negative_slope`, which is the
    gradient at exactly 0 too.

    `leaky_relu([-2, 0, 3], 0.1)` is `[-2·0.1, 0, 3]` = `[-0.2, 0, 3]`. Peer:
    `F.leaky_relu`.
    """
    return torch.where(x > 0, x, x * negative_slope)


def tanh(x: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """Squash to −1..1: (eˣ − e⁻ˣ) / (eˣ + e⁻ˣ), built from the exponential function (`exp`,
    `expm1`).

    Right far from zero, where eˣ itself would overflow (tanh(±100) = ±1, and the gradient
    there is 0, not NaN), and close to it, where 1 − 1 would cancel (tanh(1e-6) = 1e-6, and
    the gradient at 0 is 1). To the last digits in float64 as in float32.

    With eˣ = 3: (3 − 1/3) / (3 + 1/3) = 0.8. Peer: `torch.tanh`.
    """
    growth = torch.expm1(2 * x.clamp(-20.0, 20.0))
    return growth / (growth + 2)


def activation_backward(
    grad_out: Float[Tensor, "..."], x: Float[Tensor, "..."], kind: str, negative_slope: float = 0.01
) -> Float[Tensor, "..."]:
    """Carry a gradient back through `relu(x)`, `leaky_relu(x, negative_slope)` or
    `tanh(x)`, as `kind` says, by hand.

    `kind` is `"relu"`, `"leaky_relu"` or `"tanh"`; `x` is what went into the activation.
    Autograd is not to be used.

    For `x = [-2, 3]` and the gradient `[10, 10]`: relu `[0, 10]`, leaky_relu with slope 0.1
    `[1, 10]`. Where tanh(x) is 0.8, tanh gives 10 · (1 − 0.64) = 3.6.

    Raises ValueError for any other `kind`. Peer: autograd through `F.relu`, `F.leaky_relu`,
    `torch.tanh`.
    """
    if kind == "relu":
        return torch.where(x > 0, grad_out, 0.0)
    if kind == "leaky_relu":
        return torch.where(x > 0, grad_out, grad_out * negative_slope)
    if kind == "tanh":
        return grad_out * (1 - tanh(x) ** 2)
    raise ValueError(f'kind must be "relu", "leaky_relu" or "tanh", got {kind!r}')


def dead_units(activations: Float[Tensor, "N C ..."]) -> int:
    """Count the channels (axis 1) that are above 0 nowhere: in no sample and at no place.

    Two samples of three channels, `[[0, 1, 0], [2, 0, 0]]`: channel 0 speaks in the second
    sample, channel 1 in the first, channel 2 never, so the answer is 1. An empty batch
    wakes nobody: every channel counts.
    """
    alive = (activations > 0).transpose(0, 1).flatten(1).any(dim=1)
    return int((~alive).sum())
