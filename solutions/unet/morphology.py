"""Masks that grow and shrink."""

import torch
import torch.nn.functional as F
from jaxtyping import Bool
from torch import Tensor


def disk(radius: float) -> Bool[Tensor, "side side"]:
    """A kernel: True up to `radius` pixels from the middle. 1 gives the cross, 1.5 the square of 3 × 3."""
    reach = torch.arange(-int(radius), int(radius) + 1)
    return reach[:, None] ** 2 + reach**2 <= radius**2


def dilate(mask: Bool[Tensor, "H W"], kernel: Bool[Tensor, "h w"]) -> Bool[Tensor, "H W"]:
    """Stamp the kernel, its middle pixel first, on every True of the mask: the union of all stamps.

    The middle is [h // 2, w // 2]. What a stamp has beyond the image's edge is lost, and nothing
    comes in from outside. The kernel may have any shape, and need not be True in its middle.

    The row `0 1 0 0 1` with the kernel `0 1 1` (itself and the right neighbour): `0 1 1 0 1`.

    Raises ValueError unless the kernel's sides are odd. Peer: `scipy.ndimage.binary_dilation`.
    """
    rows, columns = kernel.shape
    if not rows % 2 or not columns % 2:
        raise ValueError(f"the kernel needs a middle pixel: odd sides, not {rows} × {columns}")
    height, width = mask.shape
    padded = F.pad(mask, (columns // 2, columns // 2, rows // 2, rows // 2))
    out = torch.zeros_like(mask)
    for row, column in kernel.flip(0, 1).nonzero().tolist():
        out |= padded[row : row + height, column : column + width]
    return out


def erode(mask: Bool[Tensor, "H W"], kernel: Bool[Tensor, "h w"], outside: bool = False) -> Bool[Tensor, "H W"]:
    """True where the kernel, its middle laid on this pixel, finds True wherever it is True itself.

    The middle is [h // 2, w // 2]. `outside` is what the kernel finds beyond the image's edge. The
    kernel may have any shape, and need not be True in its middle; then the pixel itself doesn't count.

    The row `1 1 0 1 1` with the kernel `0 1 1` (itself and the right neighbour): `1 0 0 1 0`; the
    last one finds nothing at its right. With `outside` True `1 0 0 1 1`.

    Raises ValueError unless the kernel's sides are odd. Peer: `scipy.ndimage.binary_erosion`, where
    `outside` is called border_value.
    """
    rows, columns = kernel.shape
    if not rows % 2 or not columns % 2:
        raise ValueError(f"the kernel needs a middle pixel: odd sides, not {rows} × {columns}")
    height, width = mask.shape
    padded = F.pad(mask, (columns // 2, columns // 2, rows // 2, rows // 2), value=outside)
    out = torch.ones_like(mask)
    for row, column in kernel.nonzero().tolist():
        out &= padded[row : row + height, column : column + width]
    return out


def open_mask(mask: Bool[Tensor, "H W"], kernel: Bool[Tensor, "h w"]) -> Bool[Tensor, "H W"]:
    """Take away what is too thin for the kernel: shrink, then grow again.

    The erosion takes the outside for True, so that what the image's edge cuts is not taken for thin.
    The result never has a pixel more than the mask, and opening it again changes nothing.

    The row `1 0 1 1 1 0 1` with the kernel `1 1 1`: eroded `0 0 0 1 0 0 0`, grown `0 0 1 1 1 0 0`;
    the pixels at the edge find a neighbour that is False.

    Peer: `skimage.morphology.opening` with mode "ignore".
    """
    return dilate(erode(mask, kernel, outside=True), kernel)


def close_mask(mask: Bool[Tensor, "H W"], kernel: Bool[Tensor, "h w"]) -> Bool[Tensor, "H W"]:
    """Fill gaps that are too narrow for the kernel: grow, then shrink again.

    The erosion takes the outside for True, so that nothing is eaten away at the image's edge; a
    narrow gap between an object and the edge is filled like any other. The result never has a pixel
    less than the mask, and closing it again changes nothing.

    The row `1 0 1 0 0 0 0` with the kernel `1 1 1`: grown `1 1 1 1 0 0 0`, shrunk `1 1 1 0 0 0 0`.

    Peer: `skimage.morphology.closing` with mode "ignore".
    """
    return erode(dilate(mask, kernel), kernel, outside=True)
