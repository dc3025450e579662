"""Right blocks and residual networks that look different from the reference.

The module stands alone: in the sandbox it is one cell of a notebook.
"""

import torch
from torch import nn


class NormByHand(nn.Module):
    """No function of its own; assigns new buffers."""

    def __init__(self, channels, eps=1e-5, momentum=0.1):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(channels).fill_(1))
        self.bias = nn.Parameter(torch.empty(channels).fill_(0))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.zeros(channels) + 1)
        self.register_buffer("num_batches_tracked", torch.zeros((), dtype=torch.int64))
        self.m, self.eps = momentum, eps

    def forward(self, x):
        if self.training:
            rows = x.permute(1, 0, 2, 3).flatten(1)
            mean = rows.mean(dim=1)
            var = ((rows - mean[:, None]) ** 2).mean(dim=1)
            n = rows.shape[1]
            self.running_mean = (1 - self.m) * self.running_mean + self.m * mean.detach()
            self.running_var = (1 - self.m) * self.running_var + self.m * var.detach() * n / (n - 1)
            self.num_batches_tracked = self.num_batches_tracked + 1
        else:
            mean, var = self.running_mean, self.running_var
        xhat = (x - mean[None, :, None, None]) * (var[None, :, None, None] + self.eps) ** -0.5
        return xhat * self.weight[None, :, None, None] + self.bias[None, :, None, None]


class BlockOfParts(nn.Module):
    """The branch as a Sequential of parts that have torchvision's names."""

    expansion = 1

    def __init__(self, in_channels, channels, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, (3, 3), (stride, stride), (1, 1), bias=False)
        self.bn1 = NormByHand(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding="same", bias=False)
        self.bn2 = NormByHand(channels)
        if stride > 1 or in_channels != channels:
            self.downsample = nn.Sequential(
                nn.Conv2d(in_channels, channels, 1, stride=stride, bias=False), NormByHand(channels)
            )

    def forward(self, x):
        branch = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        shortcut = self.downsample(x) if hasattr(self, "downsample") else x
        return torch.clamp(branch + shortcut, min=0)


class BlockWithSlices(nn.Module):
    """The shortcut by slicing and a matrix; its parts are made in another order."""

    def __init__(self, in_channels, channels, stride=1):
        super().__init__()
        self.stride, self.downsample = stride, None
        if stride != 1 or in_channels != channels:
            self.downsample = nn.ModuleList([nn.Conv2d(in_channels, channels, 1, bias=False), NormByHand(channels)])
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, 1, bias=False)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn1, self.bn2 = NormByHand(channels), NormByHand(channels)

    def forward(self, x):
        out = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu()))
        if self.downsample is not None:
            projection, norm = self.downsample
            x = x[:, :, :: self.stride, :: self.stride]
            x = norm(torch.einsum("oi,nihw->nohw", projection.weight[:, :, 0, 0], x))
        return (x + out).relu()


class NeckOfParts(nn.Module):
    expansion = 4

    def __init__(self, in_channels, channels, stride=1):
        super().__init__()
        sizes = ((in_channels, channels, 1, 1), (channels, channels, 3, stride), (channels, 4 * channels, 1, 1))
        for number, (entering, leaving, kernel, step) in enumerate(sizes, 1):
            layer = nn.Conv2d(entering, leaving, kernel, step, padding=kernel // 2, bias=False)
            setattr(self, f"conv{number}", layer)
            setattr(self, f"bn{number}", NormByHand(leaving))
        self.downsample = nn.Identity()
        if stride != 1 or in_channels != 4 * channels:
            shortcut = nn.Conv2d(in_channels, 4 * channels, 1, stride, bias=False), NormByHand(4 * channels)
            self.downsample = nn.Sequential(*shortcut)

    def forward(self, x):
        out = x
        for number in (1, 2, 3):
            out = getattr(self, f"bn{number}")(getattr(self, f"conv{number}")(out))
            if number < 3:
                out = out.relu()
        return nn.functional.relu(out.add(self.downsample(x)))


class NeckWithSquares(NeckOfParts):
    """1×1 convolutions as products of matrices."""

    @staticmethod
    def mixed(layer, x):
        n, c, h, w = x.shape
        return (layer.weight.flatten(1) @ x.reshape(n, c, h * w)).reshape(n, -1, h, w)

    def forward(self, x):
        out = self.bn1(self.mixed(self.conv1, x)).relu()
        out = self.bn2(self.conv2(out)).relu()
        return (self.bn3(self.mixed(self.conv3, out)) + self.downsample(x)).relu()


TABLE = {
    18: (BlockOfParts, [2, 2, 2, 2]),
    34: (BlockOfParts, [3, 4, 6, 3]),
    50: (NeckOfParts, [3, 4, 6, 3]),
    101: (NeckOfParts, [3, 4, 23, 3]),
    152: (NeckOfParts, [3, 8, 36, 3]),
}


class NetByLoop(nn.Module):
    """Layers made in a loop, kernels filled by hand."""

    def __init__(self, depth=18, num_classes=1000, in_channels=3, small_images=False, width=64):
        super().__init__()
        if depth not in TABLE:
            raise ValueError(f"no network of {depth} layers")
        block, counts = TABLE[depth]
        self.small = small_images
        size = dict(kernel_size=3, padding=1) if small_images else dict(kernel_size=7, stride=2, padding=3)  # noqa: C408
        self.conv1 = nn.Conv2d(in_channels, width, **size, bias=False)
        self.bn1 = NormByHand(width)
        channels = width
        for k, count in enumerate(counts):
            blocks = nn.Sequential()
            for i in range(count):
                blocks.append(block(channels, width * 2**k, 2 if i == 0 and k > 0 else 1))
                channels = width * 2**k * block.expansion
            setattr(self, f"layer{k + 1}", blocks)
        self.fc = nn.Linear(channels, num_classes)
        for name, p in self.named_parameters():
            if p.ndim == 4:
                fan_out = p.shape[0] * p.shape[2] * p.shape[3]
                p.data = torch.randn(p.shape) * (2 / fan_out) ** 0.5
            assert "relu" not in name

    def forward(self, x):
        x = torch.relu(self.bn1(self.conv1(x)))
        if not self.small:
            x = nn.functional.max_pool2d(x, kernel_size=3, stride=2, padding=1)
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = layer(x)
        return self.fc(x.mean(dim=[2, 3]))


class NetAsSequence(nn.Sequential):
    """One Sequential with torchvision's names."""

    def __init__(self, depth=18, num_classes=1000, in_channels=3, small_images=False, width=64):
        block, counts = TABLE[depth]
        super().__init__()
        if small_images:
            self.add_module("conv1", nn.Conv2d(in_channels, width, 3, padding=1, bias=False))
        else:
            self.add_module("conv1", nn.Conv2d(in_channels, width, 7, 2, 3, bias=False))
        self.add_module("bn1", NormByHand(width))
        self.add_module("relu", nn.ReLU())
        if not small_images:
            self.add_module("maxpool", nn.MaxPool2d(3, 2, 1))
        entering = [width] + [width * 2**k * block.expansion for k in range(4)]
        for k, count in enumerate(counts):
            first = block(entering[k], width * 2**k, 1 if k == 0 else 2)
            others = [block(entering[k + 1], width * 2**k) for _ in range(1, count)]
            self.add_module(f"layer{k + 1}", nn.Sequential(first, *others))
        self.add_module("avgpool", nn.AdaptiveAvgPool2d((1, 1)))
        self.add_module("flatten", nn.Flatten())
        self.add_module("fc", nn.Linear(entering[-1], num_classes))
        self.apply(self.begin)

    @staticmethod
    def begin(layer):
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out")


ALTERNATIVES = {
    "resnet.BasicBlock": [BlockOfParts, BlockWithSlices],
    "resnet.Bottleneck": [NeckOfParts, NeckWithSquares],
    "resnet.ResNet": [NetByLoop, NetAsSequence],
}
