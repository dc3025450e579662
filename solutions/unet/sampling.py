"""Larger pictures from smaller ones: the transposed convolution, bilinear sampling, and a fit to a given size."""

import torch
from jaxtyping import Float
from torch import Tensor


def conv_transpose2d(
    x: Float[Tensor, "N C H W"],
    weight: Float[Tensor, "C K kh kw"],
    bias: Float[Tensor, " K"] | None = None,
    stride: int = 1,
    padding: int = 0,
    output_padding: int = 0,
) -> Float[Tensor, "N K Ho Wo"]:
    """Every pixel of `x` stamps the kernel, times its value, onto the result; stamps are `stride`
    pixels apart and add up where they overlap.

    The kernel from channel c to channel k is weight[c, k]: unlike a convolution's weight, the
    incoming channel comes first. Then `padding` rows and columns are cut off on every side, and
    `output_padding` of them are not cut off below and at the right (beyond the last stamp they are
    zeros). Last, bias[k] is added everywhere.

    Ho = (H − 1) · stride − 2 · padding + kh + output_padding, and Wo likewise.

    The row `1 2` with the kernel `1 10 100` and stride 2: stamps `1 10 100` and, two to the right,
    `2 20 200`; together `1 10 102 20 200`.

    It is what `conv2d` does to gradients on their way back, hence the name. Raises ValueError if
    `output_padding` is not smaller than `stride`, if `stride` < 1 or another number is negative, or
    if nothing is left. Peer: `F.conv_transpose2d`.
    """
    height, width = x.shape[2:]
    kh, kw = weight.shape[-2:]
    if stride < 1 or padding < 0 or not 0 <= output_padding < stride:
        raise ValueError(f"stride {stride}, padding {padding}, output_padding {output_padding}: see the docstring")
    rows, columns = (height - 1) * stride + kh, (width - 1) * stride + kw
    high, wide = rows - 2 * padding + output_padding, columns - 2 * padding + output_padding
    if min(high, wide) < 1:
        raise ValueError(f"padding {padding} leaves nothing of {rows} × {columns} pixels")
    stamps = torch.einsum("nchw,ckij->nkijhw", x, weight)
    out = x.new_zeros(len(x), weight.shape[1], rows + output_padding, columns + output_padding)
    for i in range(kh):
        below = slice(i, i + (height - 1) * stride + 1, stride)
        for j in range(kw):
            out[..., below, j : j + (width - 1) * stride + 1 : stride] += stamps[:, :, i, j]
    out = out[..., padding : padding + high, padding : padding + wide]
    return out if bias is None else out + bias[:, None, None]


def upsample_bilinear(
    x: Float[Tensor, "N C H W"], size: tuple[int, int], align_corners: bool = False
) -> Float[Tensor, "N C height width"]:
    """The picture with `size` = (height, width) pixels; each is mixed from the four that are nearest to
    its place in `x`, the nearer the more.

    Pixels are squares, and what is matched is the picture's borders: row i of height' lies at (i + ½) · H
    / height − ½ in rows of `x`, counted between their middles. With `align_corners` the middles of the
    first and last rows are matched: i · (H − 1) / (height − 1), or 0 for a single row. A place before the
    first row's middle counts as that row, behind the last one's as the last. Columns likewise.

    The row `0 4` with 4 columns: places −0.25, 0.25, 0.75, 1.25, so `0 1 3 4`. With `align_corners`
    places 0, 1/3, 2/3, 1: `0 1.33 2.67 4`.

    Smaller sizes are right too, but skip what lies between (no antialias). Raises ValueError if a size
    is not positive. Peer: `F.interpolate` with mode "bilinear".
    """
    if min(size) < 1:
        raise ValueError(f"a picture can't have {size[0]} × {size[1]} pixels")
    for axis, wanted in ((-1, size[1]), (-2, size[0])):  # columns first: there are fewer rows yet
        last = x.shape[axis] - 1
        index = torch.arange(wanted, dtype=torch.float64, device=x.device)
        corners, borders = index * (last / max(wanted - 1, 1)), (index + 0.5) * (last + 1) / wanted - 0.5
        places = (corners if align_corners else borders).clamp(0, last)
        before = places.long()
        after = (before + 1).clamp(max=last)
        share = (places - before).to(x.dtype)[(..., *[None] * (-1 - axis))]
        x = torch.lerp(x.index_select(axis, before), x.index_select(axis, after), share)
    return x
