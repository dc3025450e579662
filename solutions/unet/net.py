"""The U-Net: down in steps that halve, up in steps that double, and skips across at every level."""

from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from solutions.unet.blocks import DoubleConv, Norm, fit_to

Up = Literal["transpose", "bilinear"]


class UpStep(nn.Module):
    """One level up: the map twice as large with half its channels, beside it the skip, then a DoubleConv.

    Without padding the skip is cropped to the map; with it the map is brought to the skip's size, as an odd number
    of rows doesn't survive halving. skip None: the map alone. Raises ValueError if `up` is another word.
    """

    def __init__(
        self, in_channels: int, skip_channels: int, norm: Norm = "batch", padding: int = 1, up: Up = "transpose"
    ) -> None:
        super().__init__()
        if up not in ("transpose", "bilinear"):
            raise ValueError(f'up is "transpose" or "bilinear", got {up!r}')
        half = in_channels // 2
        larger = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)
        narrower = nn.Conv2d(in_channels, half, 1)
        self.padding = padding
        self.up = nn.ConvTranspose2d(in_channels, half, 2, 2) if up == "transpose" else nn.Sequential(larger, narrower)
        self.conv = DoubleConv(skip_channels + half, half, norm, padding)

    def forward(
        self,
        x: Float[Tensor, "N in_channels h w"],
        skip: Float[Tensor, "N skip_channels H W"] | None,
        size: tuple[int, int],
    ) -> Float[Tensor, "N half Ho Wo"]:
        larger: Tensor = self.up(x)
        if self.padding:
            larger = fit_to(larger, size)
        if skip is not None:
            larger = torch.cat([fit_to(skip, (larger.shape[-2], larger.shape[-1])), larger], dim=1)
        seen: Tensor = self.conv(larger)
        return seen


class UNet(nn.Module):
    """A label for every pixel: logits (N, classes, H, W) for images of any size, odd ones too.

    `width` channels at the first level, twice as many at each of the `depth` levels below:

    `first`      a `DoubleConv` from `in_channels` to `width`
    `down`       a ModuleList of `depth` `DoubleConv`s, each behind a 2 × 2 max pooling
    `ups`        a ModuleList of `depth` `UpStep`s, from the lowest level to the first: each gets the map
                 from below, the skip, and the skip's size
    `head`       a 1 × 1 convolution with bias from `width` to `classes`

    With padding 1 the logits have the images' size, whatever it is; with 0, as in the paper, they lose what
    the convolutions lose. `skips` False leaves the skips out, to see what they are for: an `UpStep` then has
    0 skip channels and gets None for a skip.

    Width 16 and depth 4 have 16, 32, 64, 128 and 256 channels; 64 × 64 pixels become 32, 16, 8 and 4, and
    likewise 100 become 50, 25, 12, 6, and on the way back 12, 24 and one repeated, 50, 100.

    An image needs 2^depth rows and columns at least. Source: Ronneberger and others 2015. Peer: MONAI's
    `TwoConv`, `Down` and `UpCat`, put together likewise.
    """

    def __init__(
        self,
        in_channels: int = 1,
        classes: int = 1,
        width: int = 16,
        depth: int = 4,
        norm: Norm = "batch",
        padding: int = 1,
        up: Up = "transpose",
        skips: bool = True,
    ) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(depth + 1)]
        self.skips = skips
        self.first = DoubleConv(in_channels, width, norm, padding)
        self.down = nn.ModuleList(DoubleConv(wide, 2 * wide, norm, padding) for wide in widths[:-1])
        self.ups = nn.ModuleList(
            UpStep(2 * wide, wide if skips else 0, norm, padding, up) for wide in reversed(widths[:-1])
        )
        self.head = nn.Conv2d(width, classes, 1)

    def forward(self, images: Float[Tensor, "N in_channels H W"]) -> Float[Tensor, "N classes Ho Wo"]:
        levels = [self.first(images)]
        for block in self.down:
            levels.append(block(F.max_pool2d(levels[-1], 2)))
        x = levels.pop()
        for step in self.ups:
            skip = levels.pop()
            x = step(x, skip if self.skips else None, skip.shape[-2:])
        logits: Tensor = self.head(x)
        return logits
