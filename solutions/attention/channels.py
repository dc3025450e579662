"""Attention over channels: a gate between 0 and 1 for each channel of a feature map.

Feature maps are (N, C, H, W): sample, channel, row, column. Parts are named as in timm, whose weights load.
"""

import math

from jaxtyping import Float
from torch import Tensor, nn


class SEBlock(nn.Module):
    """Squeeze and excitation: every channel times a gate that all channels decide on.

    Squeeze: the mean of each channel over its places, (N, C, 1, 1). Excite: `fc1`, a 1×1
    convolution to C / reduction channels, ReLU, `fc2`, a 1×1 convolution back to C,
    sigmoid. Scale: the feature map times these gates. Both convolutions have biases.

    Raises ValueError unless `reduction` divides `channels`.

    Source: Hu and others, "Squeeze-and-excitation networks", 2018. Peer: timm's
    `SqueezeExcite` with `rd_channels=channels // reduction`.
    """

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        if channels % reduction:
            raise ValueError(f"expected a reduction that divides the channels, got {channels} / {reduction}")
        self.fc1 = nn.Conv2d(channels, channels // reduction, 1)
        self.fc2 = nn.Conv2d(channels // reduction, channels, 1)

    def forward(self, x: Float[Tensor, "N C H W"]) -> Float[Tensor, "N C H W"]:
        squeezed = x.mean((2, 3), keepdim=True)
        gates: Tensor = self.fc2(self.fc1(squeezed).relu()).sigmoid()
        return x * gates


class ECABlock(nn.Module):
    """Efficient channel attention: a channel's gate depends on its neighbours' means alone.

    The means (N, C) are read as one row of C numbers. `conv`, a 1-D convolution with a
    single kernel and no bias, slides along it with zero padding; its sigmoid is the gate.

    The kernel grows with the channels: t = |log₂ C + beta| / gamma without its fraction,
    plus 1 if that is even, and at least 3. So 64 channels, gamma 2, beta 1: (6 + 1) / 2 =
    3.5, so 3; 256 channels: (8 + 1) / 2 = 4.5, so 4, which is even: 5.

    Source: Wang and others, "ECA-Net", 2020. Peer: timm's `EcaModule`.
    """

    def __init__(self, channels: int, gamma: float = 2.0, beta: float = 1.0) -> None:
        super().__init__()
        size = int(abs(math.log2(channels) + beta) / gamma)
        size = max(size if size % 2 else size + 1, 3)
        self.conv = nn.Conv1d(1, 1, size, padding=size // 2, bias=False)

    def forward(self, x: Float[Tensor, "N C H W"]) -> Float[Tensor, "N C H W"]:
        means = x.mean((2, 3))[:, None, :]
        gates: Tensor = self.conv(means).sigmoid()[:, 0, :]
        return x * gates[:, :, None, None]


class ChannelAttention(nn.Module):
    """The first half of CBAM: squeeze and excitation that looks at each channel's maximum
    too.

    One pair of 1×1 convolutions without biases, `fc1` to C / reduction channels, ReLU,
    `fc2` back to C, is applied to the means and, with the same weights, to the maxima. The
    sigmoid of the *sum* of both results is the gate.

    Raises ValueError unless `reduction` divides `channels`.

    Source: Woo and others, "CBAM", 2018, equation 2. Peer: timm's `ChannelAttn`.
    """

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        if channels % reduction:
            raise ValueError(f"expected a reduction that divides the channels, got {channels} / {reduction}")
        self.fc1 = nn.Conv2d(channels, channels // reduction, 1, bias=False)
        self.fc2 = nn.Conv2d(channels // reduction, channels, 1, bias=False)

    def forward(self, x: Float[Tensor, "N C H W"]) -> Float[Tensor, "N C H W"]:
        means = self.fc2(self.fc1(x.mean((2, 3), keepdim=True)).relu())
        maxima = self.fc2(self.fc1(x.amax((2, 3), keepdim=True)).relu())
        gates: Tensor = (means + maxima).sigmoid()
        return x * gates
