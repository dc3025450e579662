"""The U-Net of torch.nn's layers: the oracle, and what goes wrong with it."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from autograder.exercises.unet.double_conv import Oracle as DoubleConv
from autograder.exercises.unet.fitting import oracle as fit_to


class UpStep(nn.Module):
    """As given in the notebook."""

    def __init__(self, in_channels: int, skip_channels: int, norm: str, padding: int, up: str) -> None:
        super().__init__()
        half = in_channels // 2
        self.padding = padding
        if up == "transpose":
            self.up: nn.Module = nn.ConvTranspose2d(in_channels, half, 2, 2)
        else:
            larger = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)
            self.up = nn.Sequential(larger, nn.Conv2d(in_channels, half, 1))
        self.conv = DoubleConv(skip_channels + half, half, norm, padding)

    def forward(self, x: Tensor, skip: Tensor | None, size: Any) -> Tensor:
        x = self.up(x)
        if self.padding:
            x = fit_to(x, tuple(size))
        if skip is not None:
            x = torch.cat([fit_to(skip, (x.shape[2], x.shape[3])), x], dim=1)
        out: Tensor = self.conv(x)
        return out


class Oracle(nn.Module):
    """Each step is a method of its own, for the wrong answers to change."""

    def __init__(
        self,
        in_channels: int = 1,
        classes: int = 1,
        width: int = 16,
        depth: int = 4,
        norm: str = "batch",
        padding: int = 1,
        up: str = "transpose",
        skips: bool = True,
    ) -> None:
        super().__init__()
        self.skips = skips
        self.padding = padding
        self.first = DoubleConv(in_channels, width, norm, padding)
        self.down = nn.ModuleList(DoubleConv(width << i, width << i + 1, norm, padding) for i in range(depth))
        below = [width << i for i in reversed(range(depth))]
        self.ups = nn.ModuleList(UpStep(2 * w, w if skips else 0, norm, padding, up) for w in below)
        self.head = nn.Conv2d(width, classes, 1)

    def pool(self, x: Tensor) -> Tensor:
        return F.max_pool2d(x, 2)

    def lower(self, block: nn.Module, x: Tensor) -> Tensor:
        out: Tensor = block(self.pool(x))
        return out

    def skip(self, level: Tensor) -> Tensor:
        return level

    def size(self, level: Tensor, images: Tensor) -> Any:
        return level.shape[2:]

    def finish(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(x)
        return out

    def forward(self, images: Tensor) -> Tensor:
        levels = [self.first(images)]
        for block in self.down:
            levels.append(self.lower(block, levels[-1]))
        x = levels[-1]
        for step, level in zip(self.ups, levels[-2::-1], strict=True):
            x = step(x, self.skip(level) if self.skips else None, self.size(level, images))
        return self.finish(x)


class PooledBehind(Oracle):
    def lower(self, block: nn.Module, x: Tensor) -> Tensor:
        return self.pool(block(x))


class PooledByMean(Oracle):
    def pool(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(x, 2)


class EverySecond(Oracle):
    def pool(self, x: Tensor) -> Tensor:
        return x[..., ::2, ::2][..., : x.shape[2] // 2, : x.shape[3] // 2]


class RoundedUp(Oracle):
    def pool(self, x: Tensor) -> Tensor:
        return F.max_pool2d(x, 2, ceil_mode=True)


class Overlapping(Oracle):
    def pool(self, x: Tensor) -> Tensor:
        return F.max_pool2d(x, 3, 2, 1)[..., : x.shape[2] // 2, : x.shape[3] // 2]


class NoSkips(Oracle):
    def skip(self, level: Tensor) -> Tensor:
        return torch.zeros_like(level)


class PooledSkips(Oracle):
    def skip(self, level: Tensor) -> Tensor:
        return self.pool(level)


class DetachedSkips(Oracle):
    def skip(self, level: Tensor) -> Tensor:
        return level.detach()


class SizeOfTheImage(Oracle):
    def size(self, level: Tensor, images: Tensor) -> Any:
        return images.shape[2:]


class SizeDoubled(Oracle):
    def size(self, level: Tensor, images: Tensor) -> Any:
        return [number // 2 * 2 for number in level.shape[2:]]


class Probabilities(Oracle):
    def finish(self, x: Tensor) -> Tensor:
        return super().finish(x).sigmoid()


class Shares(Oracle):
    def finish(self, x: Tensor) -> Tensor:
        return super().finish(x).softmax(1)


class BentAtTheEnd(Oracle):
    def finish(self, x: Tensor) -> Tensor:
        return super().finish(x).relu()


class PaddedImage(Oracle):
    """Brought to a multiple of 2^depth by zeros, and cut again."""

    def forward(self, images: Tensor) -> Tensor:
        if not self.padding:
            return super().forward(images)
        below, right = (-number % 2 ** len(self.down) for number in images.shape[2:])
        logits = super().forward(F.pad(images, (0, right, 0, below)))
        return logits[..., : images.shape[2], : images.shape[3]]


class ResizedImage(Oracle):
    """Brought to a multiple of 2^depth by interpolation, and back."""

    def forward(self, images: Tensor) -> Tensor:
        step = 2 ** len(self.down)
        size = [-(-number // step) * step for number in images.shape[2:]]
        if not self.padding or size == list(images.shape[2:]):
            return super().forward(images)
        logits = super().forward(F.interpolate(images, size, mode="bilinear"))
        return F.interpolate(logits, images.shape[2:], mode="bilinear")


class NormForgotten(Oracle):
    """On the way up."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.ups = Oracle(*args, **options | {"norm": "batch"}).ups


class PaddingForgotten(Oracle):
    """On the way up."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.ups = Oracle(*args, **options | {"padding": 1}).ups
