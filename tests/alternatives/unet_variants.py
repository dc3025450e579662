"""Right answers of notebook 05b that look different from the reference."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn

from solutions.resnet import BasicBlock
from solutions.unet import DoubleConv, fit_to

# --- residual --------------------------------------------------------------------------------------------------------


class ResidualByRecursion(nn.Module):
    """Each level calls the one below."""

    def __init__(self, in_channels=1, classes=1, width=16, depth=4):
        super().__init__()
        self.depth = depth
        self.first = BasicBlock(in_channels, width)
        self.down, self.ups, self.merge = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        for level in range(depth):
            self.down.append(BasicBlock(width << level, width << level + 1, 2))
        for level in reversed(range(depth)):
            self.ups.append(nn.ConvTranspose2d(width << level + 1, width << level, kernel_size=2, stride=2))
            self.merge.append(BasicBlock(width << level + 1, width << level))
        self.head = nn.Conv2d(width, classes, kernel_size=1)

    def level(self, x, number):
        if number == self.depth:
            return x
        below = self.level(self.down[number](x), number + 1)
        height, width = x.shape[2:]
        larger = self.ups[self.depth - 1 - number](below)[:, :, :height, :width]
        return self.merge[self.depth - 1 - number](torch.cat((x, larger), 1))

    def forward(self, images):
        return self.head(self.level(self.first(images), 0))


class ResidualWithIndices(nn.Module):
    """Lists by index."""

    def __init__(self, in_channels=1, classes=1, width=16, depth=4):
        super().__init__()
        sizes = [width]
        self.first = BasicBlock(in_channels, width)
        self.down = nn.ModuleList()
        for _ in range(depth):
            self.down.append(BasicBlock(sizes[-1], sizes[-1] * 2, stride=2))
            sizes.append(sizes[-1] * 2)
        self.ups = nn.ModuleList([nn.ConvTranspose2d(s, s // 2, 2, stride=2) for s in sizes[:0:-1]])
        self.merge = nn.ModuleList([BasicBlock(s, s // 2) for s in sizes[:0:-1]])
        self.head = nn.Conv2d(width, classes, 1)

    def forward(self, images):
        maps = [self.first(images)]
        for i in range(len(self.down)):
            maps += [self.down[i](maps[i])]
        x = maps[-1]
        for i, skip in enumerate(maps[-2::-1]):
            x = fit_to(self.ups[i](x), tuple(skip.shape[2:]))
            x = self.merge[i](torch.concat([skip, x], dim=-3))
        return self.head(x)


# --- nested ----------------------------------------------------------------------------------------------------------


class NestedByRecursion(nn.Module):
    """Nodes are asked for when they are needed, and remembered."""

    def __init__(self, in_channels=1, classes=1, width=16, depth=4, norm="batch"):
        super().__init__()
        self.depth = depth
        wide = [width << level for level in range(depth + 1)]
        self.nodes, self.ups = nn.ModuleDict(), nn.ModuleDict()
        for total in range(depth + 1):
            for j in range(total + 1):
                i = total - j
                if j == 0:
                    self.nodes[f"{i}_{j}"] = DoubleConv(in_channels if i == 0 else wide[i - 1], wide[i], norm)
                else:
                    self.ups[f"{i}_{j}"] = nn.ConvTranspose2d(wide[i + 1], wide[i], 2, stride=2)
                    self.nodes[f"{i}_{j}"] = DoubleConv(wide[i] * (j + 1), wide[i], norm)
        self.heads = nn.ModuleList([nn.Conv2d(width, classes, 1) for _ in range(depth)])

    def node(self, i, j, images, known):
        if (i, j) not in known:
            if j:
                row = [self.node(i, k, images, known) for k in range(j)]
                below = self.ups[f"{i}_{j}"](self.node(i + 1, j - 1, images, known))
                seen = torch.cat([*row, fit_to(below, row[0].shape[2:])], 1)
            else:
                seen = F.max_pool2d(self.node(i - 1, 0, images, known), 2) if i else images
            known[i, j] = self.nodes[f"{i}_{j}"](seen)
        return known[i, j]

    def forward(self, images, steps=None):
        known = {}
        wanted = range(1, (steps or self.depth) + 1)
        return [self.heads[j - 1](self.node(0, j, images, known)) for j in wanted]


class NestedColumnByColumn(nn.Module):
    """The whole way down first, then step by step to the right; parts in another order, under the contract's names."""

    def __init__(self, in_channels=1, classes=1, width=16, depth=4, norm="batch"):
        super().__init__()
        self.depth = depth
        wide = [width * 2**level for level in range(depth + 1)]
        nodes, ups = {}, {}
        for step in range(depth + 1):
            for level in range(depth + 1 - step):
                name = f"{level}_{step}"
                entering = (step + 1) * wide[level] if step else ([in_channels, *wide])[level]
                nodes[name] = DoubleConv(entering, wide[level], norm)
                if step:
                    ups[name] = nn.ConvTranspose2d(wide[level + 1], wide[level], (2, 2), (2, 2))
        self.ups, self.nodes = nn.ModuleDict(ups), nn.ModuleDict(nodes)
        self.heads = nn.ModuleList(nn.Conv2d(width, classes, 1) for _ in range(depth))

    def forward(self, images, steps=None):
        steps = self.depth if steps is None else steps
        columns = [[self.nodes["0_0"](images)]]
        for level in range(1, steps + 1):
            columns[0].append(self.nodes[f"{level}_0"](F.max_pool2d(columns[0][-1], 2)))
        for step in range(1, steps + 1):
            column = []
            for level in range(steps + 1 - step):
                left = torch.cat([column_before[level] for column_before in columns], dim=1)
                larger = self.ups[f"{level}_{step}"](columns[-1][level + 1])
                seen = torch.cat([left, fit_to(larger, (left.shape[2], left.shape[3]))], dim=1)
                column.append(self.nodes[f"{level}_{step}"](seen))
            columns.append(column)
        return [self.heads[step](column[0]) for step, column in enumerate(columns[1:])]


# --- deep supervision ------------------------------------------------------------------------------------------------


def supervision_in_a_loop(outputs, target, loss, weights=None):
    """Targets by interpolation, where it says exactly this; a running sum."""
    total = 0.0
    for k, out in enumerate(outputs):
        weight = 1 / len(outputs) if weights is None else weights[k]
        small = target
        if out.shape[-2:] != target.shape[-2:]:
            maps = F.interpolate(target.flatten(0, -3)[None].float(), out.shape[-2:], mode="nearest-exact")
            small = maps.reshape(*target.shape[:-2], *out.shape[-2:]).to(target.dtype)
        total = total + weight * loss(out, small)
    return total


def supervision_by_index_select(outputs, target, loss, weights=None):
    def picked(size, axis):
        length = target.shape[axis]
        return ((torch.arange(size, device=target.device, dtype=torch.float64) + 0.5) * length / size).floor().long()

    losses = []
    for out in outputs:
        small = target.index_select(-2, picked(out.shape[-2], -2)).index_select(-1, picked(out.shape[-1], -1))
        losses.append(loss(out, small))
    losses = torch.stack(losses)
    return losses.mean() if weights is None else losses @ torch.tensor(weights).to(losses)


# --- separable -------------------------------------------------------------------------------------------------------


class SeparableInARow(nn.Sequential):
    """A Sequential of the two."""

    def __init__(self, in_channels, out_channels, kernel=3, stride=1, bias=False):
        half = (kernel - 1) // 2
        super().__init__(
            nn.Conv2d(in_channels, in_channels, (kernel, kernel), stride, (half, half), groups=in_channels, bias=False),
            nn.Conv2d(in_channels, out_channels, (1, 1), bias=bias),
        )


class SeparableByEinsum(nn.Module):
    """The second step as a product with a matrix."""

    def __init__(self, in_channels, out_channels, kernel=3, stride=1, bias=False):
        super().__init__()
        self.stride = stride
        self.depthwise = nn.Conv2d(in_channels, in_channels, kernel, groups=in_channels, bias=False)
        self.pointwise = nn.Conv2d(in_channels, out_channels, 1, bias=bias)

    def forward(self, x):
        weight = self.depthwise.weight
        seen = F.conv2d(x, weight, stride=self.stride, padding=weight.shape[-1] // 2, groups=len(weight))
        out = torch.einsum("nchw,kc->nkhw", seen, self.pointwise.weight[:, :, 0, 0])
        return out if self.pointwise.bias is None else out + self.pointwise.bias.view(-1, 1, 1)


# --- FCN -------------------------------------------------------------------------------------------------------------


class EnlargesMapsFirst(nn.Module):
    """Enlarging and a 1 × 1 convolution may change places, as long as the weights of a pixel's neighbours sum to 1."""

    def __init__(self, in_channels=1, classes=1, width=16, depth=4, levels=3, norm="batch"):
        super().__init__()
        self.levels = levels
        self.first = DoubleConv(in_channels, width, norm)
        self.down = nn.ModuleList([DoubleConv(width << i, width << i + 1, norm) for i in range(depth)])
        self.scores = nn.ModuleList([nn.Conv2d(width << depth - i, classes, 1) for i in range(levels)])

    def forward(self, images):
        maps = [self.first(images)]
        for block in self.down:
            maps.append(block(nn.MaxPool2d(2)(maps[-1])))
        total = 0
        for i in range(self.levels):
            finer = maps[-2 - i] if i + 1 < self.levels else images
            scored = self.scores[i](F.interpolate(maps[-1 - i], finer.shape[2:], mode="bilinear", align_corners=False))
            if i:
                scored = scored + F.interpolate(total, finer.shape[2:], mode="bilinear", align_corners=False)
            total = scored
        return total


class ScoresByRecursion(nn.Module):
    def __init__(self, in_channels=1, classes=1, width=16, depth=4, levels=3, norm="batch"):
        super().__init__()
        widths = [width * 2**i for i in range(depth + 1)]
        self.first = DoubleConv(in_channels, widths[0], norm)
        self.down = nn.ModuleList(DoubleConv(a, b, norm) for a, b in pairwise(widths))
        self.scores = nn.ModuleList(nn.Conv2d(wide, classes, 1) for wide in widths[::-1][:levels])

    def up_to(self, index, maps):
        scored = self.scores[index](maps[len(maps) - 1 - index])
        if index == 0:
            return scored
        return nn.Upsample(size=scored.shape[2:], mode="bilinear")(self.up_to(index - 1, maps)) + scored

    def forward(self, images):
        x = self.first(images)
        maps = [x]
        for block in self.down:
            x = block(F.max_pool2d(x, kernel_size=2, stride=2))
            maps.append(x)
        total = self.up_to(len(self.scores) - 1, maps)
        return nn.Upsample(size=images.shape[2:], mode="bilinear")(total)


ALTERNATIVES = {
    "unet.ResidualUNet": [ResidualByRecursion, ResidualWithIndices],
    "unet.NestedUNet": [NestedByRecursion, NestedColumnByColumn],
    "unet.deep_supervision_loss": [supervision_in_a_loop, supervision_by_index_select],
    "unet.SeparableConv2d": [SeparableInARow, SeparableByEinsum],
    "unet.FCN": [EnlargesMapsFirst, ScoresByRecursion],
}
