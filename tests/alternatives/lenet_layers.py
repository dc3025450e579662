"""Right answers to padding, convolution and pooling that look different from the reference."""

import math

import torch


def out_size(size, kernel, stride, padding=0, dilation=1):
    places = math.floor((size + 2 * padding - dilation * (kernel - 1) - 1) / stride) + 1
    if places < 1:
        raise ValueError("the kernel does not fit")
    return places


def zero_padded(x, p):
    n, c, h, w = x.shape
    out = torch.zeros(n, c, h + 2 * p, w + 2 * p, dtype=x.dtype, device=x.device)
    out[:, :, p : p + h, p : p + w] = x
    return out


# --- pad2d -----------------------------------------------------------------------------------------------------------


def check_padding(x, padding, mode):
    left, right, top, bottom = padding
    if mode not in ("constant", "reflect") or any(p < 0 for p in padding):
        raise ValueError("unknown mode or negative padding")
    if mode == "reflect" and (max(left, right) > x.shape[3] - 1 or max(top, bottom) > x.shape[2] - 1):
        raise ValueError("too wide a border to reflect")


def pad2d_by_strips(x, padding, mode="constant", value=0.0):
    """Glues constant strips on; reflects by picking rows and columns by index."""
    check_padding(x, padding, mode)
    left, right, top, bottom = padding
    n, c, h, w = x.shape
    if mode == "constant":

        def strip(rows, columns):
            return torch.full((n, c, rows, columns), value, dtype=x.dtype, device=x.device)

        x = torch.cat((strip(h, left), x, strip(h, right)), dim=3)
        return torch.cat((strip(top, left + w + right), x, strip(bottom, left + w + right)), dim=2)
    rows = torch.arange(-top, h + bottom, device=x.device).abs()
    columns = torch.arange(-left, w + right, device=x.device).abs()
    rows = torch.where(rows < h, rows, 2 * (h - 1) - rows)
    columns = torch.where(columns < w, columns, 2 * (w - 1) - columns)
    return x[:, :, rows][:, :, :, columns]


def pad2d_by_painting(x, padding, mode="constant", value=0.0):
    """Puts the image into an empty frame and paints the frame line by line."""
    check_padding(x, padding, mode)
    left, right, top, bottom = padding
    n, c, h, w = x.shape
    out = torch.empty(n, c, h + top + bottom, w + left + right, dtype=x.dtype, device=x.device)
    out[:, :, top : top + h, left : left + w] = x
    last_row, last_column = top + h - 1, left + w - 1
    middle = out[:, :, top : top + h]
    for i in range(1, left + 1):
        middle[..., left - i] = x[..., i] if mode == "reflect" else value
    for i in range(1, right + 1):
        middle[..., last_column + i] = x[..., w - 1 - i] if mode == "reflect" else value
    for i in range(1, top + 1):
        out[:, :, top - i] = out[:, :, top + i].clone() if mode == "reflect" else value
    for i in range(1, bottom + 1):
        out[:, :, last_row + i] = out[:, :, last_row - i].clone() if mode == "reflect" else value
    return out


# --- unfold2d --------------------------------------------------------------------------------------------------------


def unfold2d_strided(x, kernel_size, stride=1, dilation=1):
    """One strided view of all patches."""
    x = x.contiguous()
    n, c, h, w = x.shape
    kh, kw = kernel_size
    ho, wo = out_size(h, kh, stride, 0, dilation), out_size(w, kw, stride, 0, dilation)
    sn, sc, sh, sw = x.stride()
    view = torch.as_strided(
        x, (n, c, kh, kw, ho, wo), (sn, sc, sh * dilation, sw * dilation, sh * stride, sw * stride), x.storage_offset()
    )
    return view.reshape(n, c * kh * kw, ho * wo).clone()


def unfold2d_indexed(x, kernel_size, stride=1, dilation=1):
    """Fancy indexing with a table of rows and columns."""
    (kh, kw), (h, w) = kernel_size, x.shape[2:]
    ho, wo = out_size(h, kh, stride, 0, dilation), out_size(w, kw, stride, 0, dilation)
    i = (torch.arange(kh) * dilation).repeat_interleave(kw)[:, None]
    j = (torch.arange(kw) * dilation).repeat(kh)[:, None]
    rows = i + (torch.arange(ho) * stride).repeat_interleave(wo)
    columns = j + (torch.arange(wo) * stride).repeat(ho)
    return x[:, :, rows, columns].flatten(1, 2)


def unfold2d_windows(x, kernel_size, stride=1, dilation=1):
    """Sliding windows along each axis in turn, by Tensor.unfold."""
    kh, kw = kernel_size
    out_size(x.shape[2], kh, stride, 0, dilation)
    out_size(x.shape[3], kw, stride, 0, dilation)
    windows = x.unfold(2, dilation * (kh - 1) + 1, stride).unfold(3, dilation * (kw - 1) + 1, stride)
    windows = windows[..., ::dilation, ::dilation].permute(0, 1, 4, 5, 2, 3)
    n, c, _, _, ho, wo = windows.shape
    return windows.reshape(n, c * kh * kw, ho * wo)


# --- conv2d ----------------------------------------------------------------------------------------------------------


def check_conv(x, weight, groups):
    if x.shape[1] != weight.shape[1] * groups or weight.shape[0] % groups != 0:
        raise ValueError("channels, kernels and groups do not go together")


def conv2d_by_offsets(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Adds up one product for each cell of the kernel."""
    check_conv(x, weight, groups)
    n, (o, depth, kh, kw) = x.shape[0], weight.shape
    ho, wo = (out_size(s, k, stride, padding, dilation) for s, k in ((x.shape[2], kh), (x.shape[3], kw)))
    xp = zero_padded(x, padding)
    xp = xp.view(n, groups, depth, *xp.shape[2:])
    w = weight.reshape(groups, o // groups, depth, kh, kw)
    out = torch.zeros(n, groups, o // groups, ho * wo, dtype=x.dtype, device=x.device)
    for a in range(kh):
        for b in range(kw):
            top, left = a * dilation, b * dilation
            seen = xp[..., top : top + stride * (ho - 1) + 1 : stride, left : left + stride * (wo - 1) + 1 : stride]
            out = out + w[..., a, b] @ seen.flatten(3)
    out = out.view(n, o, ho, wo)
    if bias is not None:
        out = out + bias.view(1, -1, 1, 1)
    return out


def conv2d_by_view(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """A strided view of the patches and einsum, one group at a time."""
    check_conv(x, weight, groups)
    kh, kw = weight.shape[2:]
    ho, wo = (out_size(s, k, stride, padding, dilation) for s, k in ((x.shape[2], kh), (x.shape[3], kw)))
    xp = zero_padded(x, padding)

    def one_group(image, kernels):
        sn, sc, sh, sw = image.stride()
        patches = image.as_strided(
            (image.shape[0], image.shape[1], ho, wo, kh, kw),
            (sn, sc, sh * stride, sw * stride, sh * dilation, sw * dilation),
            image.storage_offset(),
        )
        return torch.einsum("ncyxij,ocij->noyx", patches, kernels)

    out = torch.cat(
        [one_group(*pair) for pair in zip(xp.chunk(groups, 1), weight.chunk(groups, 0), strict=True)], dim=1
    )
    return out if bias is None else out + bias.reshape(-1, 1, 1)


def conv2d_by_tensordot(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Column of patches, channels last, one matrix product a group."""
    check_conv(x, weight, groups)
    o, depth, kh, kw = weight.shape
    ho, wo = (out_size(s, k, stride, padding, dilation) for s, k in ((x.shape[2], kh), (x.shape[3], kw)))
    patches = unfold2d_windows(zero_padded(x, padding), (kh, kw), stride, dilation).mT
    parts = []
    for g in range(groups):
        mine = patches[..., g * depth * kh * kw : (g + 1) * depth * kh * kw]
        parts.append(torch.tensordot(mine, weight[g * (o // groups) : (g + 1) * (o // groups)].flatten(1), ([2], [1])))
    out = torch.cat(parts, dim=2)
    if bias is not None:
        out = torch.add(out, bias)
    return out.transpose(1, 2).unflatten(2, (ho, wo)).contiguous()


def conv2d_by_rows(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """A loop over output rows; each is one product over all its patches."""
    check_conv(x, weight, groups)
    n, (o, depth, kh, kw) = x.shape[0], weight.shape
    ho, wo = (out_size(s, k, stride, padding, dilation) for s, k in ((x.shape[2], kh), (x.shape[3], kw)))
    xp = zero_padded(x, padding)
    kernels = weight.reshape(groups, o // groups, depth * kh * kw)
    rows = []
    for y in range(ho):
        band = xp[:, :, y * stride : y * stride + dilation * (kh - 1) + 1 : dilation]
        windows = band.unfold(3, dilation * (kw - 1) + 1, stride)[..., ::dilation]
        windows = windows.permute(0, 1, 2, 4, 3).reshape(n, groups, depth * kh * kw, wo)
        rows.append(torch.matmul(kernels, windows).reshape(n, o, wo))
    out = torch.stack(rows, dim=2)
    return out if bias is None else out + bias[None, :, None, None]


def conv2d_backward_by_convolution(grad_out, x, weight, stride=1, padding=0):
    """dx: the gradient, spread out and padded, convolved with the turned kernel; dw: image convolved with gradient."""
    n, o, ho, wo = grad_out.shape
    h, w = x.shape[2:]
    kh, kw = weight.shape[2:]
    hp, wp = h + 2 * padding, w + 2 * padding
    spread = grad_out.new_zeros(n, o, hp + kh - 1, wp + kw - 1)
    spread[:, :, kh - 1 : kh + (ho - 1) * stride : stride, kw - 1 : kw + (wo - 1) * stride : stride] = grad_out
    turned = weight.flip(2, 3).transpose(0, 1)
    dx = conv2d_by_rows(spread, turned)[:, :, padding : padding + h, padding : padding + w]
    xp = zero_padded(x, padding)
    seen = xp[:, :, : (ho - 1) * stride + kh, : (wo - 1) * stride + kw]
    dw = conv2d_by_view(seen.transpose(0, 1), grad_out.transpose(0, 1), dilation=stride).transpose(0, 1)
    return dx.clone(), dw[:, :, :kh, :kw].clone(), grad_out.sum((0, 2, 3))


def conv2d_backward_by_offsets(grad_out, x, weight, stride=1, padding=0):
    """One einsum for each cell of the kernel, for dx and dw alike."""
    h, w = x.shape[2:]
    ho, wo = grad_out.shape[2:]
    xp = zero_padded(x, padding)
    dxp, dw = torch.zeros_like(xp), torch.empty_like(weight)
    for i in range(weight.size(2)):
        for j in range(weight.size(3)):
            cell = (..., slice(i, i + stride * (ho - 1) + 1, stride), slice(j, j + stride * (wo - 1) + 1, stride))
            dw[:, :, i, j] = torch.einsum("noyx,ncyx->oc", grad_out, xp[cell])
            dxp[cell] += torch.einsum("noyx,oc->ncyx", grad_out, weight[:, :, i, j])
    dx = dxp[..., padding : padding + h, padding : padding + w].clone()
    return dx, dw, torch.einsum("noyx->o", grad_out)


# --- pooling ---------------------------------------------------------------------------------------------------------


def pool_sizes(x, k, stride, padding):
    if padding * 2 > k:
        raise ValueError("padding is more than half the kernel")
    return [out_size(s, k, stride, padding) for s in x.shape[2:]]


def pool_cells(x, k, stride, ho, wo):
    """For each cell of the window, what it sees in all windows."""
    for i in range(k):
        for j in range(k):
            yield x[:, :, i : i + stride * (ho - 1) + 1 : stride, j : j + stride * (wo - 1) + 1 : stride]


def lowest_padded(x, p):
    n, c, h, w = x.shape
    out = torch.full((n, c, h + 2 * p, w + 2 * p), -math.inf, dtype=x.dtype, device=x.device)
    out[:, :, p : p + h, p : p + w] = x
    return out


def max_pool2d_running(x, kernel_size, stride=None, padding=0):
    """Keeps the best so far; a later cell must be strictly larger to win."""
    stride = kernel_size if stride is None else stride
    ho, wo = pool_sizes(x, kernel_size, stride, padding)
    cells = pool_cells(lowest_padded(x, padding), kernel_size, stride, ho, wo)
    best = next(cells).clone()
    for cell in cells:
        best = torch.where((cell > best) | cell.isnan(), cell, best)
    return best


def max_pool2d_gathered(x, kernel_size, stride=None, padding=0):
    """Finds the winners' places, then picks them up."""
    stride = kernel_size if stride is None else stride
    pool_sizes(x, kernel_size, stride, padding)
    windows = lowest_padded(x, padding).unfold(2, kernel_size, stride).unfold(3, kernel_size, stride).flatten(4)
    return windows.gather(4, windows.argmax(dim=4, keepdim=True)).squeeze(4)


def max_pool2d_backward_running(grad_out, x, kernel_size, stride=None, padding=0):
    """Hands each window's gradient to the first cell that equals its maximum."""
    stride = kernel_size if stride is None else stride
    ho, wo = grad_out.shape[2:]
    xp = lowest_padded(x, padding)
    cells = list(pool_cells(xp, kernel_size, stride, ho, wo))
    largest = torch.stack(cells).amax(0)
    dxp = torch.zeros_like(xp)
    left = grad_out.clone()
    for cell, into in zip(cells, pool_cells(dxp, kernel_size, stride, ho, wo), strict=True):
        won = (cell == largest).to(grad_out.dtype)
        into += left * won
        left = left * (1 - won)
    return dxp[:, :, padding : padding + x.shape[2], padding : padding + x.shape[3]].clone()


def max_pool2d_backward_by_marks(grad_out, x, kernel_size, stride=None, padding=0):
    """Marks the winner of each window with a one, and adds the marked gradients up."""
    stride = stride or kernel_size
    (h, w), (ho, wo) = x.shape[2:], grad_out.shape[2:]
    xp = lowest_padded(x, padding)
    windows = torch.stack(list(pool_cells(xp, kernel_size, stride, ho, wo)), dim=-1)
    shares = torch.zeros_like(windows).scatter_(-1, windows.max(-1, keepdim=True).indices, grad_out.unsqueeze(-1))
    dxp = torch.zeros_like(xp)
    for place, into in enumerate(pool_cells(dxp, kernel_size, stride, ho, wo)):
        into.add_(shares[..., place])
    return dxp[:, :, padding : h + padding, padding : w + padding].contiguous()


def avg_pool2d_running(x, kernel_size, stride=None, padding=0, count_include_pad=False):
    """Adds the cells up, for the image and for a picture of ones."""
    stride = stride if stride is not None else kernel_size
    ho, wo = pool_sizes(x, kernel_size, stride, padding)
    total = sum(pool_cells(zero_padded(x, padding), kernel_size, stride, ho, wo))
    if count_include_pad:
        return total / kernel_size**2
    ones = zero_padded(torch.ones(1, 1, *x.shape[2:], dtype=x.dtype, device=x.device), padding)
    return total / sum(pool_cells(ones, kernel_size, stride, ho, wo))


def avg_pool2d_separable(x, kernel_size, stride=None, padding=0, count_include_pad=False):
    """A matrix that sums windows of rows, and one for columns."""
    stride = stride or kernel_size
    sizes = pool_sizes(x, kernel_size, stride, padding)
    sums = []
    for size, places in zip(x.shape[2:], sizes, strict=True):
        first = torch.arange(places, device=x.device)[:, None] * stride - padding
        pixel = torch.arange(size, device=x.device)
        sums.append(((pixel >= first) & (pixel < first + kernel_size)).to(x.dtype))
    down, across = sums
    total = down @ x @ across.T
    cells = kernel_size**2 if count_include_pad else down.sum(1)[:, None] * across.sum(1)
    return total / cells


ALTERNATIVES = {
    "lenet.pad2d": [pad2d_by_strips, pad2d_by_painting],
    "lenet.unfold2d": [unfold2d_strided, unfold2d_indexed, unfold2d_windows],
    "lenet.conv2d": [conv2d_by_offsets, conv2d_by_view, conv2d_by_tensordot, conv2d_by_rows],
    "lenet.conv2d_backward": [conv2d_backward_by_convolution, conv2d_backward_by_offsets],
    "lenet.max_pool2d": [max_pool2d_running, max_pool2d_gathered],
    "lenet.max_pool2d_backward": [max_pool2d_backward_running, max_pool2d_backward_by_marks],
    "lenet.avg_pool2d": [avg_pool2d_running, avg_pool2d_separable],
}
