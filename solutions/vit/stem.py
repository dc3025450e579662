"""Tokens from a few small convolutions instead of one large step: the hybrid of a CNN and a transformer."""

from jaxtyping import Float
from torch import Tensor, nn


class ConvStem(nn.Module):
    """Tokens seen by convolutions: each halves the picture, and what is left of it after the last
    one is a grid of tokens.

    `body`: a Sequential of `halvings` times a 3 × 3 convolution with stride 2, padding 1 and no
    bias, a BatchNorm and a ReLU, all in one row. The convolutions give dim / 2^(halvings − 1), …,
    dim / 4, dim / 2, dim channels: each twice as many as the one before. `proj`: a 1 × 1
    convolution from dim to dim, with bias, as what comes out of a ReLU is never negative.

    forward: tokens row by row, n = (H / patch_size) · (W / patch_size). `patch_size`, which is
    2^halvings, is there so that the stem can take the place of `patch_embed` in a
    `VisionTransformer`: a token stands for as many pixels as a patch of that size would.

    dim 192, halvings 4: 24, 48, 96, 192 channels; 3 × 224 × 224 numbers become 196 tokens of 192.

    Raises ValueError unless halvings ≥ 1 and 2^(halvings − 1) divides `dim`; in forward, unless
    `patch_size` divides H and W. Source: Xiao and others, "Early convolutions help transformers
    see better", 2021, section 3.
    """

    def __init__(self, in_channels: int = 3, dim: int = 192, halvings: int = 4) -> None:
        super().__init__()
        if halvings < 1 or dim % 2 ** (halvings - 1):
            raise ValueError(f"a width of {dim} can't be reached by doubling in {halvings} halvings")
        self.patch_size = 2**halvings
        widths = [dim // 2**left for left in reversed(range(halvings))]
        layers: list[nn.Module] = []
        for before, width in zip([in_channels, *widths], widths, strict=False):
            layers += [nn.Conv2d(before, width, 3, 2, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
        self.body = nn.Sequential(*layers)
        self.proj = nn.Conv2d(dim, dim, 1)

    def forward(self, images: Float[Tensor, "N in_channels H W"]) -> Float[Tensor, "N n dim"]:
        height, width = images.shape[-2:]
        if height % self.patch_size or width % self.patch_size:
            raise ValueError(f"{height} × {width} pixels don't halve evenly down to steps of {self.patch_size}")
        seen: Tensor = self.proj(self.body(images))
        return seen.flatten(2).transpose(1, 2)
