"""Right answers about channels and places that look different from the reference."""

import math

import torch
import torch.nn.functional as F
from torch import nn


class SEOfLinears(nn.Module):
    """Bare matrices under other names, and two products."""

    def __init__(self, channels, reduction=16):
        super().__init__()
        inner = channels // reduction
        self.down = nn.Parameter(torch.randn(inner, channels, 1, 1) * channels**-0.5)
        self.down_bias = nn.Parameter(torch.zeros(inner))
        self.up = nn.Parameter(torch.randn(channels, inner, 1, 1) * inner**-0.5)
        self.up_bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x):
        means = torch.einsum("nchw->nc", x) / (x.shape[2] * x.shape[3])
        hidden = torch.clamp(means @ self.down[:, :, 0, 0].T + self.down_bias, min=0)
        gates = 1 / (1 + torch.exp(-(hidden @ self.up[:, :, 0, 0].T + self.up_bias)))
        return torch.einsum("nchw,nc->nchw", x, gates)


class SEPooled(nn.Module):
    """With pooling and activations as modules."""

    def __init__(self, channels, reduction=16):
        super().__init__()
        self.fc1 = nn.Conv2d(channels, channels // reduction, kernel_size=1)
        self.fc2 = nn.Conv2d(channels // reduction, channels, kernel_size=1)
        self.pool, self.act, self.gate = nn.AdaptiveAvgPool2d(1), nn.ReLU(), nn.Sigmoid()

    def forward(self, x):
        return self.gate(self.fc2(self.act(self.fc1(self.pool(x))))).expand_as(x) * x


class ECAByWindows(nn.Module):
    """The kernel as a plain parameter, over windows of the row."""

    def __init__(self, channels, gamma=2, beta=1):
        super().__init__()
        t = math.floor(abs((math.log2(channels) + beta) / gamma))
        size = max(3, t if t % 2 == 1 else t + 1)
        self.kernel = nn.Parameter(torch.randn(1, 1, size) / size)

    def forward(self, x):
        border = self.kernel.shape[-1] // 2
        row = F.pad(x.flatten(2).mean(2), (border, border))
        gates = torch.sigmoid(row.unfold(1, self.kernel.shape[-1], 1) @ self.kernel[0, 0])
        return x * gates.reshape(*gates.shape, 1, 1)


class ECAAsPicture(nn.Module):
    """A 2-D convolution of a picture of one column."""

    def __init__(self, channels, gamma=2, beta=1):
        super().__init__()
        t = int(abs((math.log(channels, 2) + beta) / gamma))
        size = t + 1 if t % 2 == 0 else t
        size = 3 if size < 3 else size
        self.conv = nn.Conv1d(1, 1, size, bias=False)

    def forward(self, x):
        column = x.mean(dim=3).mean(dim=2)[:, None, :, None]
        weight = self.conv.weight[..., None]
        return x * torch.sigmoid(F.conv2d(column, weight, padding=(weight.shape[2] // 2, 0))).transpose(1, 2)


class ChannelsBatched(nn.Module):
    """Means and maxima go through the layers as one batch."""

    def __init__(self, channels, reduction=16):
        super().__init__()
        self.fc1 = nn.Conv2d(channels, channels // reduction, 1, bias=False)
        self.fc2 = nn.Conv2d(channels // reduction, channels, 1, bias=False)

    def forward(self, x):
        both = torch.cat([F.adaptive_avg_pool2d(x, 1), F.adaptive_max_pool2d(x, 1)])
        mean, highest = self.fc2(F.relu(self.fc1(both))).chunk(2)
        return torch.sigmoid(mean + highest).mul(x)


class ChannelsOfMatrices(nn.Module):
    """Two matrices, and places flattened."""

    def __init__(self, channels, reduction=16):
        super().__init__()
        self.a = nn.Parameter(torch.randn(channels // reduction, channels, 1, 1))
        self.b = nn.Parameter(torch.randn(channels, channels // reduction, 1, 1))

    def scores(self, squeezed):
        return torch.relu(squeezed @ self.a.flatten(1).T) @ self.b.flatten(1).T

    def forward(self, x):
        flat = x.flatten(2)
        gates = (self.scores(flat.mean(2)) + self.scores(flat.max(2).values)).sigmoid()
        return (flat * gates[..., None]).reshape(x.shape)


class SpatialBySteps(nn.Module):
    """The norm written out, parameters under other names."""

    def __init__(self, kernel_size=7):
        super().__init__()
        self.kernel = nn.Parameter(torch.randn(1, 2, kernel_size, kernel_size) / kernel_size)
        self.norm = nn.BatchNorm2d(1)

    def forward(self, x):
        average, highest = x.sum(1) / x.shape[1], x.max(dim=1).values
        maps = torch.stack([average, highest], dim=1)
        return x * torch.sigmoid(self.norm(F.conv2d(maps, self.kernel, padding=self.kernel.shape[-1] // 2)))


class SpatialPadded(nn.Module):
    """With the border put on first, and modules by name."""

    def __init__(self, kernel_size=7):
        super().__init__()
        border = (kernel_size - 1) // 2
        self.conv = nn.Sequential()
        self.conv.add_module("conv", nn.Conv2d(2, 1, kernel_size, bias=False))
        self.conv.add_module("bn", nn.BatchNorm2d(1))
        self.pad = nn.ZeroPad2d(border)

    def forward(self, x):
        seen = self.pad(torch.cat([torch.mean(x, 1, True), torch.max(x, 1, True)[0]], 1))
        return self.conv(seen).sigmoid().expand(x.shape) * x


class Channel(ChannelsBatched):
    pass


class Spatial(SpatialPadded):
    pass


class CBAMInARow(nn.Sequential):
    """A Sequential of both halves."""

    def __init__(self, channels, reduction=16, kernel_size=7):
        super().__init__()
        self.channel = Channel(channels, reduction)
        self.spatial = Spatial(kernel_size)


class CBAMBySteps(nn.Module):
    """Halves in a list, one after the other."""

    def __init__(self, channels, reduction=16, kernel_size=7):
        super().__init__()
        self.halves = nn.ModuleList([ChannelsOfMatrices(channels, reduction), SpatialBySteps(kernel_size)])

    def forward(self, x):
        for half in self.halves:
            x = half(x)
        return x


class NonLocalByEinsum(nn.Module):
    """Softmax by hand, products by einsum."""

    def __init__(self, channels, reduction=2):
        super().__init__()
        inner = channels // reduction
        self.t, self.p, self.g = (nn.Conv2d(channels, inner, 1) for _ in range(3))
        self.z = nn.Conv2d(inner, channels, 1)
        self.norm = nn.BatchNorm2d(channels)
        self.norm.weight.data.zero_()

    def forward(self, x):
        t, p, g = self.t(x), self.p(x), self.g(x)
        scores = torch.einsum("nchw,ncij->nhwij", t, p)
        scores = scores - scores.amax((3, 4), keepdim=True)
        shares = torch.exp(scores) / torch.exp(scores).sum((3, 4), keepdim=True)
        return self.norm(self.z(torch.einsum("nhwij,ncij->nchw", shares, g))) + x


class NonLocalOneLayer(nn.Module):
    """Places last, batched products, one place after the other's row."""

    def __init__(self, channels, reduction=2):
        super().__init__()
        inner = channels // reduction
        self.t = nn.Conv2d(channels, inner, 1)
        self.p = nn.Conv2d(channels, inner, 1)
        self.g = nn.Conv2d(channels, inner, 1)
        self.z = nn.Conv2d(inner, channels, 1)
        self.norm = nn.BatchNorm2d(channels)
        with torch.no_grad():
            self.norm.weight *= 0

    def forward(self, x):
        n, _, h, w = x.shape
        t = self.t(x).reshape(n, -1, h * w).permute(0, 2, 1)
        p = self.p(x).reshape(n, -1, h * w)
        g = self.g(x).reshape(n, -1, h * w).permute(0, 2, 1)
        found = torch.bmm(torch.softmax(torch.bmm(t, p), dim=2), g)
        return torch.add(x, self.norm(self.z(found.permute(0, 2, 1).reshape(n, -1, h, w))))


ALTERNATIVES = {
    "attention.SEBlock": [SEOfLinears, SEPooled],
    "attention.ECABlock": [ECAByWindows, ECAAsPicture],
    "attention.ChannelAttention": [ChannelsBatched, ChannelsOfMatrices],
    "attention.SpatialAttention": [SpatialBySteps, SpatialPadded],
    "attention.CBAM": [CBAMInARow, CBAMBySteps],
    "attention.NonLocalBlock": [NonLocalByEinsum, NonLocalOneLayer],
}
