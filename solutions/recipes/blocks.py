"""A plain convolutional network: what one would build before thinking of shortcuts."""

from jaxtyping import Float
from torch import Tensor, nn

from solutions.resnet import BatchNorm2d


class BlockNet(nn.Module):
    """A stack of blocks, the mean over all places, and a linear layer.

    `block1`, `block2` …: twice a 3×3 convolution with norm and ReLU, then the largest of each 2×2. The first has
    `width` channels, each one after it twice as many. With 4 blocks of 64: 4.7 million parameters.
    """

    def __init__(self, blocks: int = 4, num_classes: int = 10, in_channels: int = 3, width: int = 64) -> None:
        super().__init__()
        channels = in_channels
        self.names = [f"block{number}" for number in range(1, blocks + 1)]
        for number, name in enumerate(self.names):
            self.add_module(name, _block(channels, width << number))
            channels = width << number
        self.fc = nn.Linear(channels, num_classes)

    def forward(self, x: Float[Tensor, "N in_channels H W"]) -> Float[Tensor, "N num_classes"]:
        for name in self.names:
            x = self.get_submodule(name)(x)
        logits: Tensor = self.fc(x.mean(dim=(2, 3)))
        return logits


def _block(in_channels: int, channels: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs in (in_channels, channels):
        layers += [nn.Conv2d(inputs, channels, 3, padding=1, bias=False), BatchNorm2d(channels), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers, nn.MaxPool2d(2))
