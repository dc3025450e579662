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
        for j in range(kw):
            out[..., i : i + height * stride : stride, j : j + width * stride : stride][..., :height, :width] += stamps[
                :, :, i, j
            ]
    out = out[..., padding : padding + high, padding : padding + wide]
    return out if bias is None else out + bias[:, None, None]
