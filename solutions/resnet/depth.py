"""Networks that differ in depth and in one addition, and how much gradient reaches each of their layers."""

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from solutions.resnet.norm import BatchNorm2d


class PlainOrResidual(nn.Module):
    """Two 3×3 convolutions with norms, with or without what came in added: relu(F(x)) or
    relu(F(x) + x).

    Where the shape changes, every `stride`th pixel is added, with zeros for the new channels. So
    both kinds have the same parameters, to the last one.
    """

    def __init__(self, in_channels: int, channels: int, stride: int, residual: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, padding=1, bias=False)
        self.bn1 = BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = BatchNorm2d(channels)
        self.residual, self.stride, self.more = residual, stride, channels - in_channels

    def forward(self, x: Float[Tensor, "N in_channels H W"]) -> Float[Tensor, "N channels Ho Wo"]:
        out = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if self.residual:
            out = out + F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.more))
        return F.relu(out)


class CifarNet(nn.Module):
    """The paper's network for small images: 6n + 2 layers, `depth` 8, 20, 32, 44 or 56.

    A 3×3 convolution, then three stages of n blocks with `width`, 2 `width` and 4 `width`
    channels, the second and third at half the size of the one before, the mean over all places,
    a linear layer. `residual` switches the additions on. Kernels start from normal values with
    variance 2 / fan_out.

    Raises ValueError if `depth` isn't 6n + 2. Source: He and others 2016, section 4.2, with
    shortcuts of kind A.
    """

    def __init__(
        self, depth: int, residual: bool, num_classes: int = 10, in_channels: int = 1, width: int = 16
    ) -> None:
        super().__init__()
        n, left_over = divmod(depth - 2, 6)
        if n < 1 or left_over:
            raise ValueError(f"depth must be 6n + 2 (8, 14, 20, …), got {depth}")
        self.conv1 = nn.Conv2d(in_channels, width, 3, padding=1, bias=False)
        self.bn1 = BatchNorm2d(width)
        blocks, entering = [], width
        for number in range(3 * n):
            channels = width << (number // n)
            blocks.append(PlainOrResidual(entering, channels, channels // entering, residual))
            entering = channels
        self.blocks = nn.Sequential(*blocks)
        self.fc = nn.Linear(entering, num_classes)
        for part in self.modules():
            if isinstance(part, nn.Conv2d):
                nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Float[Tensor, "N in_channels H W"]) -> Float[Tensor, "N num_classes"]:
        maps = self.blocks(F.relu(self.bn1(self.conv1(x))))
        logits: Tensor = self.fc(maps.mean((2, 3)))
        return logits


def gradient_norms(model: nn.Module, x: Float[Tensor, "N ..."], y: Int[Tensor, "N"]) -> list[tuple[str, float]]:
    """How large the gradient of the cross-entropy of `model(x)` and `y` is at each convolution.

    One entry for each `nn.Conv2d`, in the order in which they first run: its name in the model
    ("layer1.0.conv1") and the length of its weight's gradient, √Σ g². Convolutions that don't
    run, or whose weight is frozen, have no entry. The model's mode stays; what lies in `.grad`
    stays as well, and no hook is left behind.

    One 1×1 convolution to two logits with both weights 0, the pixel 2, the label 0: both
    probabilities are 0.5, the gradients at the logits −0.5 and 0.5, at the weights −1 and 1,
    so the length is √2.
    """
    names = {part: name for name, part in model.named_modules() if isinstance(part, nn.Conv2d)}
    weights: dict[str, Tensor] = {}

    def note(layer: nn.Conv2d, *_: Any) -> None:
        if layer.weight.requires_grad:
            weights[names[layer]] = layer.weight

    hooks = [part.register_forward_hook(note) for part in names]
    try:
        loss = F.cross_entropy(model(x), y)
    finally:
        for hook in hooks:
            hook.remove()
    gradients = torch.autograd.grad(loss, list(weights.values()))
    return [(name, float(gradient.double().norm())) for name, gradient in zip(weights, gradients, strict=True)]
