"""A U-Net's way up over the maps of any network that has a way down, trained before on something else, say."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from solutions.resnet import EfficientNetLite0
from solutions.unet.blocks import DoubleConv


class EncoderUNet(nn.Module):
    """A U-Net whose way down is `encoder`, a network of whatever kind that gives a list of maps,
    the finest first; `channels` says how many channels each has.

    `encoder`    the network itself
    `ups`        a ModuleList of `DoubleConv`s, one fewer than there are maps, the lowest level first
    `head`       a 1 × 1 convolution from channels[0] to `classes`

    forward: start with the coarsest map. For each finer one, the finest last: bring what you have
    to its height and width (bilinear, corners not aligned), put it *behind* the finer map's
    channels, and go through the next of `ups`, which gives as many channels as the finer map has.
    Then `head`, and last the logits are brought to the images' height and width, likewise.

    Maps with 8, 16 and 32 channels: `ups` are DoubleConv(16 + 32, 16) and DoubleConv(8 + 16, 8).

    Raises ValueError unless there are at least two channels. Source: Iglovikov and Shvets 2018
    (TernausNet); the sums are those of Ronneberger and others 2015.
    """

    def __init__(self, encoder: nn.Module, channels: Sequence[int], classes: int = 1) -> None:
        super().__init__()
        if len(channels) < 2:
            raise ValueError(f"expected maps of two levels or more, got channels {list(channels)}")
        self.encoder = encoder
        self.ups = nn.ModuleList(
            DoubleConv(fine + coarse, fine) for fine, coarse in zip(channels[-2::-1], channels[:0:-1], strict=True)
        )
        self.head = nn.Conv2d(channels[0], classes, 1)

    def forward(self, images: Float[Tensor, "N C H W"]) -> Float[Tensor, "N classes H W"]:
        *finer, x = self.encoder(images)
        for level, up in zip(reversed(finer), self.ups, strict=True):
            larger = F.interpolate(x, level.shape[2:], mode="bilinear", align_corners=False)
            x = up(torch.cat([level, larger], dim=1))
        return F.interpolate(self.head(x), images.shape[2:], mode="bilinear", align_corners=False)


class LiteLevels(nn.Module):
    """The maps of an EfficientNet-Lite0 at half, a quarter, … and a 32nd of the images' size.

    Images have values from 0 to 1 and one or three channels; the network wants three, from −1 to 1.
    """

    channels = (16, 24, 40, 112, 320)

    def __init__(self, model: EfficientNetLite0) -> None:
        super().__init__()
        parts = dict(model.named_children())
        together = (("stem", "stage1"), ("stage2",), ("stage3",), ("stage4", "stage5"), ("stage6", "stage7"))
        self.levels = nn.ModuleList(nn.Sequential(*(parts[name] for name in names)) for names in together)

    def forward(self, images: Float[Tensor, "N C H W"]) -> list[Float[Tensor, "N _ _ _"]]:
        x = 2 * images.expand(-1, 3, -1, -1) - 1
        maps = []
        for level in self.levels:
            x = level(x)
            maps.append(x)
        return maps
