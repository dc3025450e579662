"""The layers of LeNet as functions: padding, convolution, pooling, the affine map, and their gradients by hand.

Images are (N, C, H, W): sample, channel, row, column. Every function leaves its inputs as they were, answers in their
dtype and on their device, and lets gradients through.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def _out_size(size: int, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> int:
    """Number of places a kernel has along an axis of `size` pixels; ValueError if it
    doesn't fit once.
    """
    room = size + 2 * padding - dilation * (kernel - 1) - 1
    if room < 0:
        reach = dilation * (kernel - 1) + 1
        raise ValueError(f"the kernel spans {reach} pixels, but the padded image has only {size + 2 * padding}")
    return room // stride + 1


def pad2d(
    x: Float[Tensor, "N C H W"],
    padding: tuple[int, int, int, int],
    mode: str = "constant",
    value: float = 0.0,
) -> Float[Tensor, "N C top+H+bottom left+W+right"]:
    """Grow each image by a border; `padding` counts its pixels as (left, right, top,
    bottom).

    `"constant"` fills the border with `value`. `"reflect"` mirrors the image at its edge
    pixels, which are not repeated. Always a new tensor, with no padding too.

    The row `1 2 3` with padding (2, 1, 0, 0): constant `0 0 1 2 3 0`, reflect `3 2 1 2 3
    2`.

    Raises ValueError if `mode` is another word, if a width is negative, or if a reflected
    border is not narrower than the image. Peer: `F.pad`.
    """
    left, right, top, bottom = padding
    height, width = x.shape[-2:]
    if min(padding) < 0:
        raise ValueError(f"padding must not be negative, got {padding}")
    if mode == "constant":
        out = x.new_full((*x.shape[:2], top + height + bottom, left + width + right), value)
        out[..., top : top + height, left : left + width] = x
        return out
    if mode != "reflect":
        raise ValueError(f'mode must be "constant" or "reflect", got {mode!r}')
    if max(left, right) >= width or max(top, bottom) >= height:
        raise ValueError(f"a reflected border must be narrower than the {height}×{width} image, got {padding}")
    wide = torch.cat([x[..., 1 : left + 1].flip(-1), x, x[..., width - 1 - right : width - 1].flip(-1)], dim=-1)
    above, below = wide[..., 1 : top + 1, :], wide[..., height - 1 - bottom : height - 1, :]
    return torch.cat([above.flip(-2), wide, below.flip(-2)], dim=-2)


def unfold2d(
    x: Float[Tensor, "N C H W"], kernel_size: tuple[int, int], stride: int = 1, dilation: int = 1
) -> Float[Tensor, "N C*kh*kw L"]:
    """Write every patch a kernel of `kernel_size` = (kh, kw) would see as one column
    ("im2col").

    The L = Ho·Wo columns follow the patches from left to right, then downwards, in steps of
    `stride`; there is no padding, and what is left over at the right or bottom is not used.
    Within a column the channel varies slowest, then the kernel's row, then its column.
    `dilation` is the distance between neighbouring kernel cells. Ho = ⌊(H − dilation·(kh −
    1) − 1) / stride⌋ + 1, and Wo likewise.

    The 2×3 image `[[0, 1, 2], [3, 4, 5]]` with a 2×2 kernel has (2 − 1) · (3 − 1) = 2
    patches. The first reads 0 1 / 3 4, the second 1 2 / 4 5, so the answer is `[[0, 1], [1,
    2], [3, 4], [4, 5]]`.

    Raises ValueError if the kernel does not fit into the image. Peer: `F.unfold`.
    """
    n, channels, height, width = x.shape
    kh, kw = kernel_size
    rows, cols = _out_size(height, kh, stride, 0, dilation), _out_size(width, kw, stride, 0, dilation)
    down, across = (rows - 1) * stride + 1, (cols - 1) * stride + 1
    seen_by_each_cell = [
        x[:, :, i : i + down : stride, j : j + across : stride]
        for i in range(0, kh * dilation, dilation)
        for j in range(0, kw * dilation, dilation)
    ]
    return torch.stack(seen_by_each_cell, dim=2).reshape(n, channels * kh * kw, rows * cols)


def conv2d(
    x: Float[Tensor, "N C H W"],
    weight: Float[Tensor, "O C/groups kh kw"],
    bias: Float[Tensor, "O"] | None = None,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
    groups: int = 1,
) -> Float[Tensor, "N O Ho Wo"]:
    """Slide O kernels over the zero-padded image; each output is the sum of products of
    kernel and patch, plus bias.

    The kernel is not flipped (mathematics calls this cross-correlation). `padding` zeros
    are added on all four sides. With `groups` = g the channels fall into g equal blocks in
    order, and so do the kernels: block i of the kernels sees only block i of the channels.
    Ho = ⌊(H + 2·padding − dilation·(kh − 1) − 1) / stride⌋ + 1, and Wo likewise.

    The image `[[0, 1, 2], [3, 4, 5]]` under the kernel `[[1, 2], [3, 4]]`, bias 10: the
    first output is 0·1 + 1·2 + 3·3 + 4·4 + 10 = 37, the second 1·1 + 2·2 + 4·3 + 5·4 + 10 =
    47.

    Raises ValueError if the image's channels are not `groups` times the kernel's, if
    `groups` does not divide O, or if the kernel does not fit. Peer: `F.conv2d`. Paper:
    LeCun and others, "Gradient-based learning applied to document recognition", 1998.
    """
    n, channels, height, width = x.shape
    kernels, depth, kh, kw = weight.shape
    if channels != depth * groups or kernels % groups:
        raise ValueError(
            f"{groups} groups of kernels of depth {depth} need {depth * groups} channels and a multiple of {groups} "
            f"kernels, got {channels} channels and {kernels} kernels"
        )
    rows, cols = _out_size(height, kh, stride, padding, dilation), _out_size(width, kw, stride, padding, dilation)
    padded = pad2d(x, (padding,) * 4) if padding else x
    patches = unfold2d(padded, (kh, kw), stride, dilation)
    flat_kernels = weight.reshape(1, groups, kernels // groups, depth * kh * kw)
    products = flat_kernels @ patches.reshape(n, groups, depth * kh * kw, rows * cols)
    out = products.reshape(n, kernels, rows, cols)
    return out if bias is None else out + bias[:, None, None]


def conv2d_backward(
    grad_out: Float[Tensor, "N O Ho Wo"],
    x: Float[Tensor, "N C H W"],
    weight: Float[Tensor, "O C kh kw"],
    stride: int = 1,
    padding: int = 0,
) -> tuple[Float[Tensor, "N C H W"], Float[Tensor, "O C kh kw"], Float[Tensor, "O"]]:
    """Carry a gradient back through `conv2d(x, weight, bias, stride, padding)` by hand:
    `(dx, dw, db)`.

    `grad_out` is the loss's gradient at the output; asked are its gradients at the image,
    the kernels and the bias. Autograd is not to be used.

    The image `[[0, 1, 2]]` under the kernel `[[3, 4]]` gives two outputs, 0·3 + 1·4 and 1·3
    + 2·4. With the gradient `[[10, 100]]`: dw = [0·10 + 1·100, 1·10 + 2·100] = [100, 210],
    db = 10 + 100 = 110, and dx = [3·10, 4·10 + 3·100, 4·100] = [30, 340, 400].

    Peer: autograd through `F.conv2d`.
    """
    n, channels, height, width = x.shape
    kernels, _, kh, kw = weight.shape
    rows, cols = grad_out.shape[-2:]
    grad = grad_out.reshape(n, kernels, rows * cols)
    padded = pad2d(x, (padding,) * 4)

    dw = (grad @ unfold2d(padded, (kh, kw), stride).transpose(1, 2)).sum(dim=0).reshape(weight.shape)
    db = grad.sum(dim=(0, 2))

    d_patches = (weight.reshape(1, kernels, -1).transpose(1, 2) @ grad).reshape(n, channels, kh, kw, rows, cols)
    d_padded = torch.zeros_like(padded)
    down, across = (rows - 1) * stride + 1, (cols - 1) * stride + 1
    for i in range(kh):
        for j in range(kw):
            d_padded[:, :, i : i + down : stride, j : j + across : stride] += d_patches[:, :, i, j]
    dx = d_padded[:, :, padding : padding + height, padding : padding + width]
    return dx.contiguous(), dw, db


def _check_pool_padding(kernel_size: int, padding: int) -> None:
    """Raise ValueError if a pooling window could lie in the padding alone."""
    if padding > kernel_size // 2:
        raise ValueError(f"padding may be at most half the kernel ({kernel_size // 2}), got {padding}")


def max_pool2d(
    x: Float[Tensor, "N C H W"], kernel_size: int, stride: int | None = None, padding: int = 0
) -> Float[Tensor, "N C Ho Wo"]:
    """Keep the largest pixel of every `kernel_size` × `kernel_size` window, channel by
    channel.

    Windows are `stride` apart (`kernel_size` if None). `padding` surrounds the image with
    pixels that can never win. The gradient of an output goes whole to one pixel: of equal
    largest ones, the first in reading order.

    The image `[[1, 5], [2, 0]]`: `kernel_size=2` gives max(1, 5, 2, 0) = 5.

    Raises ValueError if `padding` is more than half the kernel, or if no window fits. Peer:
    `F.max_pool2d`.
    """
    _check_pool_padding(kernel_size, padding)
    stride = stride or kernel_size
    n, channels, height, width = x.shape
    rows, cols = _out_size(height, kernel_size, stride, padding), _out_size(width, kernel_size, stride, padding)
    padded = pad2d(x, (padding,) * 4, value=-torch.inf) if padding else x
    windows = unfold2d(padded, (kernel_size, kernel_size), stride)
    windows = windows.reshape(n, channels, kernel_size * kernel_size, rows * cols)
    return windows.max(dim=2).values.reshape(n, channels, rows, cols)


def max_pool2d_backward(
    grad_out: Float[Tensor, "N C Ho Wo"],
    x: Float[Tensor, "N C H W"],
    kernel_size: int,
    stride: int | None = None,
    padding: int = 0,
) -> Float[Tensor, "N C H W"]:
    """Carry a gradient back through `max_pool2d(x, kernel_size, stride, padding)` by hand.

    Each number of `grad_out` belongs to the largest pixel of its window (of equal ones the
    first in reading order), and to no other. A pixel that wins in several windows collects
    all their numbers. Autograd is not to be used.

    The image `[[1, 5, 5], [0, 2, 3]]` with `kernel_size=2, stride=1` has the windows 1 5 /
    0 2 and 5 5 / 2 3. The middle 5 wins both, the second as the first of two equals: with
    the gradient `[[10, 100]]` the answer is `[[0, 10 + 100, 0], [0, 0, 0]]`.

    Peer: autograd through `F.max_pool2d`.
    """
    stride = stride or kernel_size
    n, channels, height, width = x.shape
    rows, cols = grad_out.shape[-2:]
    padded = pad2d(x, (padding,) * 4, value=-torch.inf)
    windows = unfold2d(padded, (kernel_size, kernel_size), stride)
    winner = windows.reshape(n, channels, kernel_size * kernel_size, rows, cols).max(dim=2).indices

    padded_width = width + 2 * padding
    top = torch.arange(rows, device=x.device)[:, None] * stride
    left = torch.arange(cols, device=x.device) * stride
    pixel = (top + winner // kernel_size) * padded_width + left + winner % kernel_size
    d_padded = torch.zeros_like(padded).flatten(2).scatter_add(2, pixel.flatten(2), grad_out.flatten(2))
    d_padded = d_padded.reshape(padded.shape)
    return d_padded[:, :, padding : padding + height, padding : padding + width].contiguous()


def avg_pool2d(
    x: Float[Tensor, "N C H W"],
    kernel_size: int,
    stride: int | None = None,
    padding: int = 0,
    count_include_pad: bool = False,
) -> Float[Tensor, "N C Ho Wo"]:
    """Average every `kernel_size` × `kernel_size` window, channel by channel.

    Windows are `stride` apart (`kernel_size` if None); `padding` surrounds the image with
    zeros. The sum of a window is divided by the number of its cells that lie on the image,
    or with `count_include_pad` by the number of all of them.

    The one-pixel image `[[8]]` with `kernel_size=2, stride=2, padding=1` has one window,
    which holds the 8 and three padded cells: 8 / 1 = 8, with `count_include_pad` (8 + 0 + 0
    + 0) / 4 = 2.

    Raises ValueError if `padding` is more than half the kernel, or if no window fits.
    Peer: `F.avg_pool2d`, which counts the padding unless told not to.
    """
    _check_pool_padding(kernel_size, padding)
    stride = stride or kernel_size
    n, channels, height, width = x.shape
    rows, cols = _out_size(height, kernel_size, stride, padding), _out_size(width, kernel_size, stride, padding)
    kernel = (kernel_size, kernel_size)
    padded = pad2d(x, (padding,) * 4) if padding else x
    windows = unfold2d(padded, kernel, stride).reshape(n, channels, kernel_size * kernel_size, rows, cols)
    if count_include_pad or not padding:
        return windows.mean(dim=2)
    on_image = pad2d(x.new_ones(1, 1, height, width), (padding,) * 4)
    return windows.sum(dim=2) / unfold2d(on_image, kernel, stride).sum(dim=1).reshape(rows, cols)


def linear(
    x: Float[Tensor, "... I"], weight: Float[Tensor, "O I"], bias: Float[Tensor, "O"] | None = None
) -> Float[Tensor, "... O"]:
    """Map the last axis: each output is the sum of products of the input with one row of
    `weight`, plus its bias.

    The input `[1, 2]` with the rows `[3, 4]` and `[5, 6]`, bias `[0, 10]`: 1·3 + 2·4 + 0 =
    11 and 1·5 + 2·6 + 10 = 27.

    Peer: `F.linear`.
    """
    out = x @ weight.T
    return out if bias is None else out + bias


def linear_backward(
    grad_out: Float[Tensor, "N O"], x: Float[Tensor, "N I"], weight: Float[Tensor, "O I"]
) -> tuple[Float[Tensor, "N I"], Float[Tensor, "O I"], Float[Tensor, "O"]]:
    """Carry a gradient back through `linear(x, weight, bias)` by hand: `(dx, dw, db)`.
    Autograd is not to be used.

    Inputs `[[1, 2], [3, 4]]` (two samples), one row of weights `[5, 6]`, gradient `[[10],
    [100]]`: dx = `[[10·5, 10·6], [100·5, 100·6]]`, dw = `[[10·1 + 100·3, 10·2 + 100·4]]` =
    `[[310, 420]]`, db = `[10 + 100]`.

    Peer: autograd through `F.linear`.
    """
    return grad_out @ weight, grad_out.T @ x, grad_out.sum(dim=0)
