"""Convolutions taken apart: first each channel on its own, then the channels of each pixel."""

import copy

from jaxtyping import Float
from torch import Tensor, nn


class SeparableConv2d(nn.Module):
    """A convolution in two steps: over the pixels of each channel, then over the channels of each pixel.

    `depthwise`   `kernel` × `kernel`, one kernel for each of the `in_channels`, no bias; `stride`
                  stands here, and padding kernel // 2
    `pointwise`   1 × 1, `in_channels` → `out_channels`, with a bias if `bias`

    Nothing stands between the two. 8 channels become 16 with 8 · 9 + 8 · 16 = 200 weights; an
    ordinary 3 × 3 convolution has 8 · 16 · 9 = 1152.

    Raises ValueError if `kernel` is even: it would have no middle. Source: Chollet 2017, section 1.2.
    (MobileNet has a norm and a ReLU between the two.) Peer: Keras' `SeparableConv2D`.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int = 3, stride: int = 1, bias: bool = False
    ) -> None:
        super().__init__()
        if kernel % 2 == 0:
            raise ValueError(f"expected an odd kernel, got {kernel}")
        self.depthwise = nn.Conv2d(
            in_channels, in_channels, kernel, stride, padding=kernel // 2, groups=in_channels, bias=False
        )
        self.pointwise = nn.Conv2d(in_channels, out_channels, 1, bias=bias)

    def forward(self, x: Float[Tensor, "N in_channels H W"]) -> Float[Tensor, "N out_channels Ho Wo"]:
        out: Tensor = self.pointwise(self.depthwise(x))
        return out


def with_separable(model: nn.Module) -> nn.Module:
    """A copy of `model` with a `SeparableConv2d`, freshly drawn, for each 3 × 3 convolution of several channels."""
    made = copy.deepcopy(model)
    for part in list(made.modules()):
        for name, layer in list(part.named_children()):
            if isinstance(layer, nn.Conv2d) and layer.kernel_size == (3, 3) and layer.in_channels > 1:
                bias = layer.bias is not None
                setattr(part, name, SeparableConv2d(layer.in_channels, layer.out_channels, 3, layer.stride[0], bias))
    return made
