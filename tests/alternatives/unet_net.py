"""Right answers of notebook 05a that look different from the reference."""

import torch
import torch.nn.functional as F
from torch import nn

from solutions.unet import AttentionGate, DoubleConv, fit_to

# --- what the notebook gives: an answer may not take it from elsewhere -----------------------------------------------


def norm_layer(norm, channels):
    if norm == "none":
        return nn.Identity()
    return nn.BatchNorm2d(channels) if norm == "batch" else nn.InstanceNorm2d(channels, affine=True)


class UpStep(nn.Module):
    def __init__(self, in_channels, skip_channels, norm, padding, up):
        super().__init__()
        half = in_channels // 2
        self.padding = padding
        if up == "transpose":
            self.up = nn.ConvTranspose2d(in_channels, half, 2, stride=2)
        else:
            self.up = nn.Sequential(nn.Upsample(scale_factor=2, mode="bilinear"), nn.Conv2d(in_channels, half, 1))
        self.conv = DoubleConv(skip_channels + half, half, norm, padding)

    def forward(self, x, skip, size):
        x = fit_to(self.up(x), size) if self.padding else self.up(x)
        return self.conv(x if skip is None else torch.cat([fit_to(skip, tuple(x.shape[2:])), x], dim=1))


def conv_block(in_channels, out_channels, stride=1):
    layers = []
    for channels, step in ((in_channels, stride), (out_channels, 1)):
        convolution = nn.Conv2d(channels, out_channels, 3, step, padding=1)
        layers += [convolution, nn.BatchNorm2d(out_channels), nn.ReLU()]
    return nn.Sequential(*layers)


def up_block(in_channels, out_channels):
    larger = nn.ConvTranspose2d(in_channels, out_channels, 3, stride=2, padding=1, output_padding=1)
    return nn.Sequential(larger, nn.BatchNorm2d(out_channels), nn.ReLU())


def merge_block(in_channels, out_channels):
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 3, padding=1), nn.InstanceNorm2d(out_channels), nn.PReLU()
    )


# --- larger pictures -------------------------------------------------------------------------------------------------


def transposed_stamp_by_stamp(x, weight, bias=None, stride=1, padding=0, output_padding=0):
    n, _, height, width = x.shape
    kernels, kh, kw = weight.shape[1:]
    rows, columns = (height - 1) * stride + kh + output_padding, (width - 1) * stride + kw + output_padding
    out = torch.zeros(n, kernels, rows, columns, dtype=x.dtype, device=x.device)
    for i in range(height):
        for j in range(width):
            stamp = torch.tensordot(x[:, :, i, j], weight, dims=1)
            out[:, :, i * stride : i * stride + kh, j * stride : j * stride + kw] += stamp
    if bias is not None:
        out = out + bias.view(1, -1, 1, 1)
    return out[:, :, padding : rows - padding, padding : columns - padding]


def transposed_by_gaps(x, weight, bias=None, stride=1, padding=0, output_padding=0):
    """Zeros between the pixels, a border, and a convolution with the kernel flipped."""
    n, channels, height, width = x.shape
    kh, kw = weight.shape[2:]
    spread = x.new_zeros(n, channels, (height - 1) * stride + 1, (width - 1) * stride + 1)
    spread[:, :, ::stride, ::stride] = x
    spread = F.pad(spread, (kw - 1, kw - 1 + output_padding, kh - 1, kh - 1 + output_padding))
    windows = spread.unfold(2, kh, 1).unfold(3, kw, 1)
    out = torch.einsum("nchwij,ckij->nkhw", windows, weight.flip(2, 3))
    out = out[:, :, padding : out.shape[2] - padding, padding : out.shape[3] - padding]
    return out if bias is None else out + bias.reshape(-1, 1, 1)


def transposed_by_index_add(x, weight, bias=None, stride=1, padding=0, output_padding=0):
    n, _, height, width = x.shape
    kernels, kh, kw = weight.shape[1:]
    rows, columns = (height - 1) * stride + kh + output_padding, (width - 1) * stride + kw + output_padding
    down = stride * torch.arange(height)[:, None] + torch.arange(kh)
    across = stride * torch.arange(width)[:, None] + torch.arange(kw)
    places = (down[:, None, :, None] * columns + across[None, :, None, :]).flatten().to(x.device)
    stamps = torch.einsum("nchw,ckij->nkhwij", x, weight).reshape(n, kernels, -1)
    out = x.new_zeros(n, kernels, rows * columns).index_add(2, places, stamps).reshape(n, kernels, rows, columns)
    out = out.narrow(2, padding, rows - 2 * padding).narrow(3, padding, columns - 2 * padding)
    return out if bias is None else out + bias[None, :, None, None]


def bilinear_by_matrices(x, size, align_corners=False):
    """A matrix for the rows on the left, one for the columns on the right."""

    def shares(old, new):
        at = torch.arange(new, dtype=torch.float64)
        at = at * (old - 1) / max(new - 1, 1) if align_corners else (at + 0.5) * old / new - 0.5
        distance = (at.clamp(0, old - 1)[:, None] - torch.arange(old)).abs()
        return (1 - distance).clamp(min=0).to(x)

    return shares(x.shape[2], size[0]) @ x @ shares(x.shape[3], size[1]).T


def bilinear_of_four_pixels(x, size, align_corners=False):
    def axis(old, new):
        i = torch.arange(new, device=x.device).to(x.dtype)
        corners = i * ((old - 1) / max(new - 1, 1))
        place = corners if align_corners else (old / new) * (i + 0.5) - 0.5
        place = torch.minimum(torch.maximum(place, torch.zeros_like(place)), torch.full_like(place, old - 1))
        low = place.floor().long()
        return low, torch.minimum(low + 1, torch.full_like(low, old - 1)), place - low

    top, bottom, v = axis(x.shape[2], size[0])
    left, right, u = axis(x.shape[3], size[1])
    v = v[:, None]
    above = x[:, :, top][..., left] * (1 - u) + x[:, :, top][..., right] * u
    below = x[:, :, bottom][..., left] * (1 - u) + x[:, :, bottom][..., right] * u
    return above * (1 - v) + below * v


def fit_by_indices(x, size):
    for axis, wanted in ((2, size[0]), (3, size[1])):
        start = max(0, x.shape[axis] - wanted) // 2
        index = (torch.arange(wanted, device=x.device) + start).clamp(max=x.shape[axis] - 1)
        x = torch.index_select(x, axis, index)
    return x


def fit_by_negative_padding(x, size):
    rows, columns = size[0] - x.shape[2], size[1] - x.shape[3]
    above, left = (-((-missing) // 2) if missing < 0 else 0 for missing in (rows, columns))
    x = F.pad(x, (left, min(columns, 0) - left, above, min(rows, 0) - above))
    while x.shape[2] < size[0]:
        x = torch.cat([x, x[:, :, -1:]], dim=2)
    while x.shape[3] < size[1]:
        x = torch.cat([x, x[..., -1:]], dim=3)
    return x


# --- networks --------------------------------------------------------------------------------------------------------


class ConvolutionsTwice(nn.Module):
    def __init__(self, in_channels, out_channels, norm="batch", padding=1):
        super().__init__()
        plain = {"kernel_size": (3, 3), "padding": (padding, padding), "bias": norm not in ("batch", "instance")}
        self.conv1 = nn.Conv2d(in_channels, out_channels, **plain)
        self.norm1 = norm_layer(norm, out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, **plain)
        self.norm2 = norm_layer(norm, out_channels)

    def forward(self, x):
        for layer in (self.conv1, self.norm1, torch.relu, self.conv2, self.norm2, torch.relu):
            x = layer(x)
        return x


class ConvolutionsByName(nn.Module):
    def __init__(self, in_channels, out_channels, norm="batch", padding=1):
        super().__init__()
        for number, channels in ((1, in_channels), (2, out_channels)):
            convolution = nn.Conv2d(channels, out_channels, 3, 1, padding, bias=(norm == "none"))
            self.add_module(f"conv{number}", convolution)
            self.add_module(f"norm{number}", norm_layer(norm, out_channels))

    def forward(self, x):
        x = self.norm1(self.conv1(x)).clamp(min=0)
        return self.norm2(self.conv2(x)).clamp(min=0)


class UNetByRecursion(nn.Module):
    def __init__(
        self, in_channels=1, classes=1, width=16, depth=4, norm="batch", padding=1, up="transpose", skips=True
    ):
        super().__init__()
        self.depth, self.skips = depth, skips
        self.first = DoubleConv(in_channels, width, norm, padding)
        self.down, self.ups = nn.ModuleList(), nn.ModuleList()
        for level in range(depth):
            here, below = width * 2**level, width * 2 ** (level + 1)
            self.down.append(DoubleConv(here, below, norm=norm, padding=padding))
            self.ups.insert(0, UpStep(below, here if skips else 0, norm=norm, padding=padding, up=up))
        self.head = nn.Conv2d(width, classes, kernel_size=1)

    def below(self, x, level):
        """What a level hands up, given what it has seen."""
        if level == self.depth:
            return x
        pooled = F.max_pool2d(x, kernel_size=2, stride=2)
        lower = self.below(self.down[level](pooled), level + 1)
        return self.ups[self.depth - 1 - level](lower, x if self.skips else None, (x.size(2), x.size(3)))

    def forward(self, images):
        return self.head(self.below(self.first(images), 0))


class UNetOfLists(nn.Module):
    def __init__(
        self, in_channels=1, classes=1, width=16, depth=4, norm="batch", padding=1, up="transpose", skips=True
    ):
        super().__init__()
        wide = [width << level for level in range(depth + 1)]
        self.first = DoubleConv(in_channels, wide[0], norm, padding)
        self.down = nn.ModuleList([DoubleConv(wide[i], wide[i + 1], norm, padding) for i in range(depth)])
        self.ups = nn.ModuleList(
            [UpStep(wide[i + 1], skips * wide[i], norm, padding, up) for i in range(depth - 1, -1, -1)]
        )
        self.head = nn.Conv2d(wide[0], classes, 1)
        self.skips = skips
        self.pool = nn.MaxPool2d(2)

    def forward(self, images):
        maps = [self.first(images)]
        for block in self.down:
            maps += [block(self.pool(maps[-1]))]
        x = maps[-1]
        for step, seen in zip(self.ups, maps[-2::-1], strict=True):
            x = step(x, seen if self.skips else None, tuple(seen.shape[2:]))
        return self.head(x)


class GateOfOneExpression(nn.Module):
    def __init__(self, gate_channels, skip_channels, inner):
        super().__init__()

        def one_by_one(inputs, outputs):
            return nn.Sequential(nn.Conv2d(inputs, outputs, kernel_size=1), nn.BatchNorm2d(outputs))

        self.w_gate = one_by_one(gate_channels, inner)
        self.w_skip = one_by_one(skip_channels, inner)
        self.psi = one_by_one(inner, 1)

    def forward(self, gate, skip, need_weights=False):
        both = torch.stack([self.w_gate(gate), self.w_skip(skip)]).sum(dim=0)
        scores = self.psi(both.clamp(min=0))
        weights = 1 / (1 + torch.exp(-scores))
        result = torch.einsum("nchw,nohw->nchw", skip, weights)
        if need_weights:
            return result, weights
        return result


class GateWithASigmoidLayer(nn.Module):
    def __init__(self, gate_channels, skip_channels, inner):
        super().__init__()
        self.w_gate = nn.Sequential(nn.Conv2d(gate_channels, inner, 1), nn.BatchNorm2d(inner))
        self.w_skip = nn.Sequential(nn.Conv2d(skip_channels, inner, 1), nn.BatchNorm2d(inner))
        self.psi = nn.Sequential(nn.Conv2d(inner, 1, 1), nn.BatchNorm2d(1), nn.Sigmoid())

    def forward(self, gate, skip, need_weights=False):
        weights = self.psi(torch.relu(self.w_skip(skip) + self.w_gate(gate)))
        return (skip.mul(weights), weights) if need_weights else skip.mul(weights)


class AttentionByRecursion(nn.Module):
    def __init__(self, in_channels=1, classes=1, channels=(16, 32, 64, 128), gates=True):
        super().__init__()
        self.first = conv_block(in_channels, channels[0])
        self.down = nn.ModuleList()
        self.ups, self.gates, self.merges = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        for i in range(len(channels) - 1):
            self.down.append(conv_block(channels[i], channels[i + 1], 2))
        for wide, wider in zip(channels[-2::-1], channels[:0:-1], strict=True):
            self.ups.append(up_block(wider, wide))
            self.merges.append(merge_block(wide + wide, wide))
            if gates:
                self.gates.append(AttentionGate(wide, wide, wide // 2))
        self.head = nn.Conv2d(channels[0], classes, kernel_size=1)

    def level(self, x, number):
        if number == len(self.down):
            return x
        lower = self.level(self.down[number](x), number + 1)
        index = len(self.down) - 1 - number
        lower = self.ups[index](lower)[:, :, : x.shape[2], : x.shape[3]]
        passed = self.gates[index](lower, x) if len(self.gates) > 0 else x
        return self.merges[index](torch.concat((passed, lower), 1))

    def forward(self, images):
        return self.head(self.level(self.first(images), 0))


class AttentionInALoop(nn.Module):
    def __init__(self, in_channels=1, classes=1, channels=(16, 32, 64, 128), gates=True):
        super().__init__()
        last = len(channels) - 1
        upwards = range(last - 1, -1, -1)
        self.first = conv_block(in_channels, channels[0])
        self.down = nn.ModuleList([conv_block(channels[i], channels[i + 1], stride=2) for i in range(last)])
        self.ups = nn.ModuleList([up_block(channels[i + 1], channels[i]) for i in upwards])
        doors = [AttentionGate(channels[i], channels[i], channels[i] // 2) for i in upwards]
        self.gates = nn.ModuleList(doors if gates else [])
        self.merges = nn.ModuleList([merge_block(2 * channels[i], channels[i]) for i in upwards])
        self.head = nn.Conv2d(channels[0], classes, 1)

    def forward(self, images):
        maps, x = [], self.first(images)
        for step in self.down:
            maps.insert(0, x)
            x = step(x)
        for i, skip in enumerate(maps):
            x = fit_to(self.ups[i](x), tuple(skip.shape[2:]))
            if len(self.gates):
                skip, _ = self.gates[i](x, skip, need_weights=True)
            x = self.merges[i](torch.hstack([skip, x]))
        return self.head(x)


ALTERNATIVES = {
    "unet.conv_transpose2d": [transposed_stamp_by_stamp, transposed_by_gaps, transposed_by_index_add],
    "unet.upsample_bilinear": [bilinear_by_matrices, bilinear_of_four_pixels],
    "unet.fit_to": [fit_by_indices, fit_by_negative_padding],
    "unet.DoubleConv": [ConvolutionsTwice, ConvolutionsByName],
    "unet.UNet": [UNetByRecursion, UNetOfLists],
    "unet.AttentionGate": [GateOfOneExpression, GateWithASigmoidLayer],
    "unet.AttentionUNet": [AttentionByRecursion, AttentionInALoop],
}
