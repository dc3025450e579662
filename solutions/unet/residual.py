"""A U-Net of residual blocks."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from solutions.resnet import BasicBlock
from solutions.unet.blocks import fit_to


class ResidualUNet(nn.Module):
    """A U-Net of lesson 02's `BasicBlock`s: each adds what it has found to what came in.

    `first`   a `BasicBlock` from `in_channels` to `width`
    `down`    a ModuleList of `depth` `BasicBlock`s, each with twice the channels and stride 2:
              nothing is pooled
    `ups`     a ModuleList of `depth` 2 × 2 transposed convolutions of stride 2, with half the
              channels, from the lowest level to the first
    `merge`   a ModuleList of `depth` `BasicBlock`s, in the order of `ups`; each gets the skip and,
              behind it, the enlarged map (brought to the skip's size by `fit_to`), and gives as
              many channels as the skip has
    `head`    a 1 × 1 convolution from `width` to `classes`, with bias

    A level with an odd number of rows is halved upwards: 13 × 10 pixels, depth 2, go 13 × 10,
    7 × 5, 4 × 3 down, and 8 × 6 cut to 7 × 5, 14 × 10 cut to 13 × 10 up.

    Source: Zhang, Liu and Wang 2018 ("road extraction"), with the block of He and others 2016.
    Peer: torchvision's `BasicBlock`s, put together likewise.
    """

    def __init__(self, in_channels: int = 1, classes: int = 1, width: int = 16, depth: int = 4) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(depth)]
        self.first = BasicBlock(in_channels, width)
        self.down = nn.ModuleList(BasicBlock(wide, 2 * wide, stride=2) for wide in widths)
        self.ups = nn.ModuleList(nn.ConvTranspose2d(2 * wide, wide, 2, 2) for wide in reversed(widths))
        self.merge = nn.ModuleList(BasicBlock(2 * wide, wide) for wide in reversed(widths))
        self.head = nn.Conv2d(width, classes, 1)

    def forward(self, images: Float[Tensor, "N in_channels H W"]) -> Float[Tensor, "N classes H W"]:
        levels = [self.first(images)]
        for block in self.down:
            levels.append(block(levels[-1]))
        x = levels.pop()
        for up, block in zip(self.ups, self.merge, strict=True):
            skip = levels.pop()
            x = block(torch.cat([skip, fit_to(up(x), skip.shape[-2:])], dim=1))
        logits: Tensor = self.head(x)
        return logits
