"""The five residual networks of the paper, an easier start for them, and a leaner form for prediction."""

import copy

import torch
from jaxtyping import Float
from torch import Tensor, nn

from solutions.resnet.blocks import BasicBlock, Bottleneck
from solutions.resnet.norm import BatchNorm2d, fuse_conv_bn

BLOCKS: dict[int, tuple[type[BasicBlock | Bottleneck], tuple[int, int, int, int]]] = {
    18: (BasicBlock, (2, 2, 2, 2)),
    34: (BasicBlock, (3, 4, 6, 3)),
    50: (Bottleneck, (3, 4, 6, 3)),
    101: (Bottleneck, (3, 4, 23, 3)),
    152: (Bottleneck, (3, 8, 36, 3)),
}


class ResNet(nn.Module):
    """A residual network of 18, 34, 50, 101 or 152 layers; answers in logits.

    `conv1` `bn1` relu     7×7, stride 2, padding 3, no bias               `width` channels
    `maxpool`              3×3, stride 2, padding 1
    `layer1` … `layer4`    Sequentials of blocks of `width`, 2 `width`, 4 `width`, 8 `width`
                           channels, times the block's expansion when they come out; the first
                           block of `layer2`, `layer3` and `layer4` has stride 2
    `avgpool` `fc`         the mean over all places, then a linear layer   `num_classes`

    `BLOCKS` says which block, and how many of them in each layer. With `small_images` (32 × 32,
    say) `conv1` is 3×3 with stride 1 and padding 1, and nothing is pooled before `layer1`. The
    kernels start from normal values with variance 2 / fan_out.

    `width` 64 is the paper's; then torchvision's `state_dict` fits. Less makes a small network
    of the same form. Raises ValueError for another depth.

    Source: He and others 2016, table 1. Peer: `torchvision.models.resnet18` and its kin.
    """

    def __init__(
        self,
        depth: int = 18,
        num_classes: int = 1000,
        in_channels: int = 3,
        small_images: bool = False,
        width: int = 64,
    ) -> None:
        super().__init__()
        if depth not in BLOCKS:
            raise ValueError(f"depth must be one of {', '.join(map(str, BLOCKS))}, got {depth}")
        block, counts = BLOCKS[depth]
        kernel, stride = (3, 1) if small_images else (7, 2)
        self.conv1 = nn.Conv2d(in_channels, width, kernel, stride, padding=kernel // 2, bias=False)
        self.bn1 = BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.Identity() if small_images else nn.MaxPool2d(3, 2, padding=1)
        self.layer1 = self._layer(block, width, width, counts[0], stride=1)
        self.layer2 = self._layer(block, width * block.expansion, 2 * width, counts[1], stride=2)
        self.layer3 = self._layer(block, 2 * width * block.expansion, 4 * width, counts[2], stride=2)
        self.layer4 = self._layer(block, 4 * width * block.expansion, 8 * width, counts[3], stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(8 * width * block.expansion, num_classes)
        for part in self.modules():
            if isinstance(part, nn.Conv2d):
                nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")

    @staticmethod
    def _layer(
        block: type[BasicBlock | Bottleneck], in_channels: int, channels: int, count: int, stride: int
    ) -> nn.Sequential:
        """`count` blocks; the first takes `in_channels` and has the stride."""
        first = block(in_channels, channels, stride)
        return nn.Sequential(first, *(block(block.expansion * channels, channels) for _ in range(count - 1)))

    def forward(self, x: Float[Tensor, "N in_channels H W"]) -> Float[Tensor, "N num_classes"]:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        logits: Tensor = self.fc(self.avgpool(x).flatten(1))
        return logits


def zero_init_residual(model: nn.Module) -> None:
    """Set the weight of the last norm in every residual block to 0, in place.

    Each block then starts as relu(x + 0), and the network as a shallow one that grows deeper as
    it learns. A block is a module that has a `bn2`; its last norm is `bn3` where it has one. So
    it works on every network with these names, torchvision's too. Nothing else changes.

    Source: Goyal and others 2017, section 5.1. Peer: torchvision's `zero_init_residual=True`.
    """
    with torch.no_grad():
        for part in model.modules():
            last = getattr(part, "bn3", getattr(part, "bn2", None))
            if last is not None:
                last.weight.zero_()


def folded(model: nn.Module) -> nn.Module:
    """A copy for prediction, in which each batch norm has gone into the convolution in front of it.

    In front means: `conv1` before `bn1` in the same module, `conv2` before `bn2`, and in a
    Sequential the number before it. Only good in evaluation mode, which the copy is in.
    """
    model = copy.deepcopy(model).eval()
    for part in list(model.modules()):
        own = dict(part.named_children())
        for first, conv in own.items():
            second = str(int(first) + 1) if first.isdigit() else first.replace("conv", "bn")
            norm = own.get(second)
            if isinstance(conv, nn.Conv2d) and isinstance(norm, BatchNorm2d):
                setattr(part, first, fuse_conv_bn(conv, norm))
                setattr(part, second, nn.Identity())
    return model
