"""What U-Nets are put together from: two convolutions in a row, and the fit of one map to another's size."""

from typing import Literal

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

Norm = Literal["batch", "instance", "none"]


def norm_layer(norm: Norm, channels: int) -> nn.Module:
    """The norm of this name for maps of `channels`: instance norm with a learned scale and shift, as batch norm has."""
    layers = {"batch": nn.BatchNorm2d, "instance": nn.InstanceNorm2d}
    if norm == "none":
        return nn.Identity()
    if norm not in layers:
        raise ValueError(f'norm is "batch", "instance" or "none", got {norm!r}')
    return layers[norm](channels, affine=True)


class DoubleConv(nn.Module):
    """Twice a 3 × 3 convolution, a norm and a ReLU: what a U-Net does at each of its levels.

    `conv1` goes from `in_channels` to `out_channels`, `conv2` keeps them; `norm1` and `norm2` are
    what `norm` says (see `norm_layer`). The convolutions have a bias only where there is no norm,
    which would take it away again. With `padding` 1 a map keeps its size, with 0 it loses two pixels on each side.

    Two channels become four, norm "batch": 2 · 4 · 9 + 4 · 4 · 9 weights and 4 · 4 numbers of the
    norms, 232 in all.

    Raises ValueError if `norm` is another word. Source: Ronneberger and others 2015, section 2,
    without a norm and with padding 0. Peer: MONAI's `TwoConv`.
    """

    def __init__(self, in_channels: int, out_channels: int, norm: Norm = "batch", padding: int = 1) -> None:
        super().__init__()
        bias = norm == "none"
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=padding, bias=bias)
        self.norm1 = norm_layer(norm, out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=padding, bias=bias)
        self.norm2 = norm_layer(norm, out_channels)

    def forward(self, x: Float[Tensor, "N in_channels H W"]) -> Float[Tensor, "N out_channels Ho Wo"]:
        seen = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.norm2(self.conv2(seen)))


def fit_to(x: Float[Tensor, "N C H W"], size: tuple[int, int]) -> Float[Tensor, "N C height width"]:
    """The map with `size` = (height, width), axis by axis: too long, and its middle is cut out; too
    short, and its last row or column is repeated.

    What is cut off is shared evenly; of an odd number one more goes below or at the right. So six
    rows 0 … 5 become 1 2 3 where three are asked for, and three rows 0 1 2 become 0 1 2 2 2 where
    five are.

    Cropping brings a skip to the smaller size of a U-Net without padding; repeating brings a map of
    5 rows, halved to 2 and doubled to 4, back to 5.

    Raises ValueError if a size is not positive. Source: Ronneberger and others 2015, section 2
    (crop); MONAI's `UpCat` repeats likewise.
    """
    if min(size) < 1:
        raise ValueError(f"a map can't have {size[0]} × {size[1]} pixels")
    for axis, wanted in zip((-2, -1), size, strict=True):
        spare = max(x.shape[axis] - wanted, 0)
        x = x.narrow(axis, spare // 2, x.shape[axis] - spare)
    below, right = size[0] - x.shape[-2], size[1] - x.shape[-1]
    return F.pad(x, (0, right, 0, below), mode="replicate") if below or right else x
