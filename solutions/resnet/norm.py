"""Batch normalisation, its gradients by hand, and what becomes of it once training is over.

Statistics are those of a channel: over all axes but the second. Images are (N, C, H, W).
"""

import copy
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn


def _per_channel(values: Float[Tensor, "C"], x: Float[Tensor, "N C *S"]) -> Float[Tensor, "C *ones"]:
    """One value for each channel, shaped to meet `x`."""
    return values.reshape(-1, *[1] * (x.ndim - 2))


def _sum_of_squares(x: Float[Tensor, "N C *S"]) -> Float[Tensor, "C"]:
    """Σ x² over each channel, without a second map for the squares."""
    lengths: Tensor = torch.linalg.vector_norm(x.reshape(*x.shape[:2], -1), dim=2)
    return lengths.square().sum(0)


def batch_norm(
    x: Float[Tensor, "N C *S"],
    weight: Float[Tensor, "C"],
    bias: Float[Tensor, "C"],
    mean: Float[Tensor, "C"],
    variance: Float[Tensor, "C"],
    eps: float = 1e-5,
) -> Float[Tensor, "N C *S"]:
    """Shift and scale every channel: `weight` · (x − `mean`) / √(`variance` + `eps`) + `bias`.

    With a channel's own mean and variance, its values come out with mean `bias` and standard
    deviation `weight`. `eps` keeps a constant channel, of variance 0, from dividing by 0.

    The channel `1 3` has mean 2 and variance 1. With weight 2 and bias 10 it becomes
    2·(1 − 2)/1 + 10 = 8 and 2·(3 − 2)/1 + 10 = 12.

    Source: Ioffe and Szegedy 2015, algorithm 1. Peer: `F.batch_norm` with `training=False`.
    """
    scale = weight / (variance + eps).sqrt()
    return (x * _per_channel(scale, x)).add_(_per_channel(bias - mean * scale, x))


def batch_norm_backward(
    grad_out: Float[Tensor, "N C *S"],
    x: Float[Tensor, "N C *S"],
    weight: Float[Tensor, "C"],
    eps: float = 1e-5,
) -> tuple[Float[Tensor, "N C *S"], Float[Tensor, "C"], Float[Tensor, "C"]]:
    """The gradients (dx, dweight, dbias) of `batch_norm` with the mean and the variance of `x`
    itself, as in training.

    With x̂ the normalised values and m values in a channel:

        dbias = Σ grad_out        dweight = Σ grad_out · x̂
        dx = weight / √(variance + eps) · (grad_out − dbias / m − x̂ · dweight / m)

    The two terms that are taken away come through mean and variance, which every value of the
    channel has a part in. So dx sums to 0 over a channel: to shift all its values changes nothing.

    Source: Ioffe and Szegedy 2015, section 3. Peer: autograd through `F.batch_norm`.
    """
    axes = [0, *range(2, x.ndim)]
    count = x.numel() // x.shape[1]
    deviation = x - _per_channel(x.mean(axes), x)
    steepness = (_sum_of_squares(deviation) / count + eps).rsqrt()
    dweight = (grad_out * deviation).sum(axes) * steepness
    dbias = grad_out.sum(axes)
    scale = weight * steepness
    dx = deviation.mul_(_per_channel(-scale * steepness * dweight / count, x))  # for −scale · x̂ · dweight / m
    dx.addcmul_(grad_out, _per_channel(scale, x)).sub_(_per_channel(scale * dbias / count, x))
    return dx, dweight, dbias


class TrainingNorm(torch.autograd.Function):
    """`batch_norm` with the statistics of `x` itself, as one operation whose gradient is `batch_norm_backward`.

    Autograd would go back through the formula step by step, with a map or two for each. This
    keeps x alone. Call it as `TrainingNorm.apply(x, weight, bias, mean, variance, eps)`.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor, eps: float
    ) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.eps = eps
        return batch_norm(x, weight, bias, mean, variance, eps)

    @staticmethod
    def backward(ctx: Any, grad_out: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        return *batch_norm_backward(grad_out, x, weight, ctx.eps), None, None, None


class BatchNorm2d(nn.Module):
    """Batch normalisation with a memory, under the names of torch.nn.

    `weight` 1 and `bias` 0 (C): parameters
    `running_mean` 0 and `running_var` 1 (C), `num_batches_tracked` 0 (): buffers, as they start

    In training each batch is normalised by its own statistics; the variance is divided by the
    number m of values in a channel. Each batch also moves the running statistics by the share
    `momentum` towards its own, where the variance is divided by m − 1, and counts as one batch
    tracked. In evaluation the running statistics are used and nothing changes.

    A channel `1 3` in training: mean 2, variance 1. With momentum 0.1 the running mean goes from
    0 to 0.9·0 + 0.1·2 = 0.2, the running variance from 1 to 0.9·1 + 0.1·2 = 1.1.

    Raises ValueError in training if a channel has a single value: it has no variance.
    Source: Ioffe and Szegedy 2015. Peer: `nn.BatchNorm2d`.
    """

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, channels: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    def forward(self, x: Float[Tensor, "N C H W"]) -> Float[Tensor, "N C H W"]:
        if not self.training:
            return batch_norm(x, self.weight, self.bias, self.running_mean, self.running_var, self.eps)
        count = x.numel() // x.shape[1]
        if count < 2:
            raise ValueError(f"expected more than one value in each channel, got x of shape {tuple(x.shape)}")
        with torch.no_grad():
            mean = x.mean((0, 2, 3))
            variance = _sum_of_squares(x - _per_channel(mean, x)) / count
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * (count / (count - 1)), self.momentum)
            self.num_batches_tracked += 1
        out: Tensor = TrainingNorm.apply(x, self.weight, self.bias, mean, variance, self.eps)
        return out


def fuse_conv_bn(conv: nn.Conv2d, bn: BatchNorm2d) -> nn.Conv2d:
    """Make one convolution of a convolution and the batch norm behind it, as they work in
    evaluation mode.

    The norm multiplies channel c by s = weight / √(running_var + eps) and then adds
    bias − running_mean · s. A convolution with the kernels · s and the bias
    (own bias − running_mean) · s + bias does the same in one go. The result is a new
    convolution, always with a bias; `conv` and `bn` stay as they are.

    Kernel 3 without a bias; running mean 1, running variance 4, weight 2, bias 5, eps 0:
    s = 2 / √4 = 1, so the new kernel is 3 and the new bias (0 − 1)·1 + 5 = 4.

    Peer: `torch.nn.utils.fusion.fuse_conv_bn_eval`.
    """
    fused = copy.deepcopy(conv)
    with torch.no_grad():
        scale = bn.weight / (bn.running_var + bn.eps).sqrt()
        offset = -bn.running_mean if conv.bias is None else conv.bias - bn.running_mean
        fused.weight = nn.Parameter(conv.weight * scale.reshape(-1, 1, 1, 1))
        fused.bias = nn.Parameter(offset * scale + bn.bias)
    return fused
