"""Attention over places: a gate for each place, and places that look at each other.

Feature maps are (N, C, H, W). Parts are named as in timm, whose weights load.
"""

from collections import OrderedDict

import torch
from jaxtyping import Float
from torch import Tensor, nn

from solutions.attention.channels import ChannelAttention


class SpatialAttention(nn.Module):
    """The second half of CBAM: every place times a gate that all its channels share.

    Two maps, the mean and the maximum over the channels, in this order, go through `conv`:
    a Sequential of `conv`, one kernel of `kernel_size` × `kernel_size` without bias that
    keeps the size, and `bn`, a batch norm of the one map. Its sigmoid is the gate (N, 1, H,
    W).

    Raises ValueError if `kernel_size` is even.

    Source: Woo and others, "CBAM", 2018, equation 3. Peer: timm's `SpatialAttn`.
    """

    def __init__(self, kernel_size: int = 7) -> None:
        super().__init__()
        if kernel_size % 2 == 0:
            raise ValueError(f"expected an odd kernel_size, which keeps the size of the map, got {kernel_size}")
        kernel = nn.Conv2d(2, 1, kernel_size, padding=kernel_size // 2, bias=False)
        self.conv = nn.Sequential(OrderedDict(conv=kernel, bn=nn.BatchNorm2d(1)))

    def forward(self, x: Float[Tensor, "N C H W"]) -> Float[Tensor, "N C H W"]:
        seen = torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], dim=1)
        gate: Tensor = self.conv(seen).sigmoid()
        return x * gate


class CBAM(nn.Module):
    """The convolutional block attention module: first *what* (`channel`, a
    `ChannelAttention`), then *where* (`spatial`, a `SpatialAttention` of the result).

    Source: Woo and others, "CBAM", 2018, equation 1. Peer: timm's `CbamModule` with
    `rd_channels=channels // reduction`.
    """

    def __init__(self, channels: int, reduction: int = 16, kernel_size: int = 7) -> None:
        super().__init__()
        self.channel = ChannelAttention(channels, reduction)
        self.spatial = SpatialAttention(kernel_size)

    def forward(self, x: Float[Tensor, "N C H W"]) -> Float[Tensor, "N C H W"]:
        out: Tensor = self.spatial(self.channel(x))
        return out


class NonLocalBlock(nn.Module):
    """Every place looks at every other place, and adds what it finds there.

    1×1 convolutions with biases make three maps of C / reduction channels: `t` (what a
    place looks for), `p` (what it shows) and `g` (what it hands over). Place i gives place
    j the weight softmax over j of tᵢ · pⱼ, and collects Σⱼ weightᵢⱼ gⱼ. `z`, a 1×1
    convolution back to C channels, and `norm`, a batch norm, follow; then the input is
    added. The scores are not divided by anything.

    A new block changes nothing: the weight of `norm` starts at 0.

    Source: Wang and others, "Non-local neural networks", 2018 (embedded Gaussian). Peer:
    timm's `NonLocalAttn` with `use_scale=False, rd_channels=channels // reduction`.
    """

    def __init__(self, channels: int, reduction: int = 2) -> None:
        super().__init__()
        inner = channels // reduction
        self.t = nn.Conv2d(channels, inner, 1)
        self.p = nn.Conv2d(channels, inner, 1)
        self.g = nn.Conv2d(channels, inner, 1)
        self.z = nn.Conv2d(inner, channels, 1)
        self.norm = nn.BatchNorm2d(channels)
        nn.init.zeros_(self.norm.weight)

    def forward(self, x: Float[Tensor, "N C H W"]) -> Float[Tensor, "N C H W"]:
        sought, shown, given = (part(x).flatten(2) for part in (self.t, self.p, self.g))
        weights = (sought.transpose(1, 2) @ shown).softmax(-1)
        found = given @ weights.transpose(1, 2)
        out: Tensor = self.norm(self.z(found.unflatten(2, x.shape[2:])))
        return x + out
