"""The two residual blocks, under torchvision's names, with a batch norm of our own."""

from jaxtyping import Float
from torch import Tensor, nn

from solutions.resnet.norm import BatchNorm2d


def _shortcut(in_channels: int, out_channels: int, stride: int) -> nn.Sequential | None:
    """A 1×1 convolution and a norm where the shape changes; None where the input can be added as it is."""
    if stride == 1 and in_channels == out_channels:
        return None
    return nn.Sequential(nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), BatchNorm2d(out_channels))


class BasicBlock(nn.Module):
    """Two 3×3 convolutions whose result is added to what came in: relu(F(x) + x).

    `conv1` `bn1` relu   3×3, `stride`, padding 1            `in_channels` → `channels`
    `conv2` `bn2`        3×3, stride 1, padding 1            `channels` → `channels`
    `downsample`         for x where the shape changes, else None: a Sequential of a 1×1
                         convolution with `stride` and a norm

    No convolution has a bias. The last relu comes after the addition. These names, because
    pretrained weights come under them.

    Source: He and others 2016, figure 2. Peer: torchvision's `BasicBlock`.
    """

    expansion = 1

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, padding=1, bias=False)
        self.bn1 = BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = BatchNorm2d(channels)
        self.downsample = _shortcut(in_channels, channels, stride)

    def forward(self, x: Float[Tensor, "N in_channels H W"]) -> Float[Tensor, "N channels Ho Wo"]:
        identity = x if self.downsample is None else self.downsample(x)
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += identity
        rectified: Tensor = self.relu(out)
        return rectified


class Bottleneck(nn.Module):
    """A 3×3 convolution between two of 1×1, on a quarter of the channels that leave the block.

    `conv1` `bn1` relu   1×1                                 `in_channels` → `channels`
    `conv2` `bn2` relu   3×3, `stride`, padding 1            `channels` → `channels`
    `conv3` `bn3`        1×1                                 `channels` → 4 · `channels`
    `downsample`         as in `BasicBlock`                  `in_channels` → 4 · `channels`

    No convolution has a bias. The stride stands at the 3×3 convolution. The paper has it at the
    first 1×1, which then never looks at three pixels of four; libraries call ours version 1.5.

    Source: He and others 2016, figure 5. Peer: torchvision's `Bottleneck`.
    """

    expansion = 4

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 1, bias=False)
        self.bn1 = BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, stride, padding=1, bias=False)
        self.bn2 = BatchNorm2d(channels)
        self.conv3 = nn.Conv2d(channels, self.expansion * channels, 1, bias=False)
        self.bn3 = BatchNorm2d(self.expansion * channels)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(in_channels, self.expansion * channels, stride)

    def forward(self, x: Float[Tensor, "N in_channels H W"]) -> Float[Tensor, "N 4*channels Ho Wo"]:
        identity = x if self.downsample is None else self.downsample(x)
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        out += identity
        rectified: Tensor = self.relu(out)
        return rectified
