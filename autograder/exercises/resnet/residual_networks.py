"""ResNet of torch.nn's layers under torchvision's names: the oracle, and what goes wrong with it."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from autograder.exercises.resnet.residual_blocks import Basic, Neck, under_other_names

COUNTS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}


class Oracle(nn.Module):
    """The network. What wrong answers do differently has a method or an attribute of its own."""

    basic: type[Basic] = Basic
    neck: type[Neck] = Neck
    first_stride = 1  # of layer1

    def __init__(
        self,
        depth: int = 18,
        num_classes: int = 1000,
        in_channels: int = 3,
        small_images: bool = False,
        width: int = 64,
    ) -> None:
        super().__init__()
        block: type[Basic | Neck] = self.basic if depth < 50 else self.neck
        self.conv1 = self.stem(in_channels, width, small_images)
        self.bn1 = nn.BatchNorm2d(width)
        self.maxpool = nn.Identity() if small_images else self.pool()
        entering = width
        for number, count in enumerate(COUNTS[depth]):
            stages = []
            for place in range(count):
                stride = (2 if number else self.first_stride) if place == 0 else 1
                stages.append(block(entering, width << number, stride))
                entering = block.expansion * width << number
            self.add_module(f"layer{number + 1}", nn.Sequential(*stages))
        self.fc = nn.Linear(entering, num_classes)
        self.begin()

    def stem(self, in_channels: int, width: int, small_images: bool) -> nn.Conv2d:
        sizes = (3, 1, 1) if small_images else (7, 2, 3)
        return nn.Conv2d(in_channels, width, *sizes, bias=False)

    def pool(self) -> nn.Module:
        return nn.MaxPool2d(3, 2, 1)

    def begin(self) -> None:
        """First weights."""
        for part in self.modules():
            if isinstance(part, nn.Conv2d):
                nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")

    def entrance(self, x: Tensor) -> Tensor:
        maps: Tensor = self.maxpool(self.bn1(self.conv1(x)).relu())
        return maps

    def one_vector(self, maps: Tensor) -> Tensor:
        return maps.mean((2, 3))

    def forward(self, x: Tensor) -> Tensor:
        maps = self.entrance(x)
        for number in range(1, 5):
            maps = self.get_submodule(f"layer{number}")(maps)
        logits: Tensor = self.fc(self.one_vector(maps))
        return logits


class PoolsSmallImages(Oracle):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.maxpool = self.pool()


class NeverPools(Oracle):
    def pool(self) -> nn.Module:
        return nn.Identity()


class PoolsTight(Oracle):
    """No padding around the first pool."""

    def pool(self) -> nn.Module:
        return nn.MaxPool2d(3, 2)


class AveragesEarly(Oracle):
    def pool(self) -> nn.Module:
        return nn.AvgPool2d(3, 2, 1)


class LinearStem(Oracle):
    def entrance(self, x: Tensor) -> Tensor:
        maps: Tensor = self.maxpool(self.bn1(self.conv1(x)))
        return maps


class BareStem(Oracle):
    def entrance(self, x: Tensor) -> Tensor:
        maps: Tensor = self.maxpool(self.conv1(x).relu())
        return maps


class SlowStem(Oracle):
    """A stem of stride 2 for small images as well."""

    def stem(self, in_channels: int, width: int, small_images: bool) -> nn.Conv2d:
        made = super().stem(in_channels, width, small_images)
        made.stride = (2, 2)
        return made


class MaximumAtTheEnd(Oracle):
    def one_vector(self, maps: Tensor) -> Tensor:
        return maps.amax((2, 3))


class SumAtTheEnd(Oracle):
    def one_vector(self, maps: Tensor) -> Tensor:
        return maps.sum((2, 3))


class MiddleAtTheEnd(Oracle):
    def one_vector(self, maps: Tensor) -> Tensor:
        return maps[:, :, 0, 0]


class Probabilities(Oracle):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).softmax(1)


class PlainBlock(Basic):
    def end(self, out: Tensor, carried: Tensor) -> Tensor:
        return (out + 0 * carried).relu()


class PlainNeck(Neck):
    def end(self, out: Tensor, carried: Tensor) -> Tensor:
        return (out + 0 * carried).relu()


class Plain(Oracle):
    basic, neck = PlainBlock, PlainNeck


class OtherNames(Oracle):
    basic, neck = under_other_names(Basic), under_other_names(Neck)


class EarlyStrideNeck(Neck):
    strides = (1, 0, 0)


class EarlyStride(Oracle):
    neck = EarlyStrideNeck


class DefaultStart(Oracle):
    def begin(self) -> None:
        return None


class FanIn(Oracle):
    def begin(self) -> None:
        for part in self.modules():
            if isinstance(part, nn.Conv2d):
                nn.init.kaiming_normal_(part.weight, mode="fan_in", nonlinearity="relu")


class UniformStart(Oracle):
    def begin(self) -> None:
        for part in self.modules():
            if isinstance(part, nn.Conv2d):
                nn.init.kaiming_uniform_(part.weight, mode="fan_out", nonlinearity="relu")
