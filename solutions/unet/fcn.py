"""The fully convolutional network: scores of several levels, enlarged and added up."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from solutions.unet.blocks import DoubleConv, Norm


class FCN(nn.Module):
    """A U-Net's way down, but no way up: the lowest levels' maps become scores at once, and these are enlarged.

    `first`    a `DoubleConv` from `in_channels` to `width`
    `down`     a ModuleList of `depth` `DoubleConv`s with twice the channels, each behind a 2 × 2
               max pooling
    `scores`   a ModuleList of `levels` 1 × 1 convolutions to `classes` channels, with bias, that
               read the lowest levels: the lowest of all first

    forward: the lowest scores, bilinearly enlarged to the next level's size, are added to that
    level's scores, and so on. In the end the sum is enlarged to the images' size, in one step.
    Enlarging is bilinear without aligned corners, as `upsample_bilinear` does by default.

    Depth 4, 64 × 64 pixels, 3 levels: scores of 4 × 4, enlarged, plus scores of 8 × 8, enlarged,
    plus scores of 16 × 16; that sum, enlarged fourfold, is the result.

    Raises ValueError unless 1 ≤ levels ≤ depth + 1. Source: Long, Shelhamer and Darrell 2015,
    figure 3, with VGG's layers below (five poolings; 1, 2 and 3 levels are their FCN-32s, -16s and
    -8s) and learned enlarging.
    """

    def __init__(
        self,
        in_channels: int = 1,
        classes: int = 1,
        width: int = 16,
        depth: int = 4,
        levels: int = 3,
        norm: Norm = "batch",
    ) -> None:
        super().__init__()
        if not 1 <= levels <= depth + 1:
            raise ValueError(f"depth {depth} has 1 to {depth + 1} levels to score, got {levels}")
        widths = [width * 2**level for level in range(depth + 1)]
        self.first = DoubleConv(in_channels, width, norm)
        self.down = nn.ModuleList(DoubleConv(wide, 2 * wide, norm) for wide in widths[:-1])
        self.scores = nn.ModuleList(nn.Conv2d(wide, classes, 1) for wide in widths[::-1][:levels])

    def forward(self, images: Float[Tensor, "N in_channels H W"]) -> Float[Tensor, "N classes H W"]:
        maps = [self.first(images)]
        for block in self.down:
            maps.append(block(F.max_pool2d(maps[-1], 2)))
        total: Tensor = self.scores[0](maps.pop())
        for score in self.scores[1:]:
            finer = maps.pop()
            total = F.interpolate(total, size=finer.shape[-2:], mode="bilinear") + score(finer)
        return F.interpolate(total, size=images.shape[-2:], mode="bilinear")
