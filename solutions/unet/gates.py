"""Attention gates: what is seen further down decides what of a skip may pass."""

import re
from collections.abc import Mapping
from itertools import pairwise

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from solutions.unet.blocks import fit_to


class AttentionGate(nn.Module):
    """Lets a skip pass where the gating map, which comes from further down, says so:

        weights = sigmoid(psi(relu(w_gate(gate) + w_skip(skip))))        one number for each pixel
        result  = skip · weights                                         the same for all its channels

    `w_gate`     a 1 × 1 convolution with bias from `gate_channels` to `inner`, then a BatchNorm
    `w_skip`     likewise, from `skip_channels` to `inner`
    `psi`        likewise, from `inner` to 1

    each of the three a Sequential of convolution and norm, in this order. forward: with `need_weights`
    a pair, the result and the weights.

    A pixel with gate 2 and skip 3, all convolutions with weight 1 and bias 0, norms that do nothing:
    relu(2 + 3) = 5, sigmoid(5) = 0.9933, 3 · 0.9933 = 2.980. With gate −4: relu(−1) = 0, sigmoid(0) =
    0.5, so 1.5.

    Raises ValueError unless gate and skip have as many rows and columns. Source: Oktay and others 2018,
    section 2, where the skip is brought to the gate's coarser grid first. Peer: MONAI's `AttentionBlock`.
    """

    def __init__(self, gate_channels: int, skip_channels: int, inner: int) -> None:
        super().__init__()
        self.w_gate = nn.Sequential(nn.Conv2d(gate_channels, inner, 1), nn.BatchNorm2d(inner))
        self.w_skip = nn.Sequential(nn.Conv2d(skip_channels, inner, 1), nn.BatchNorm2d(inner))
        self.psi = nn.Sequential(nn.Conv2d(inner, 1, 1), nn.BatchNorm2d(1))

    def forward(
        self,
        gate: Float[Tensor, "N gate_channels H W"],
        skip: Float[Tensor, "N skip_channels H W"],
        need_weights: bool = False,
    ) -> Float[Tensor, "N skip_channels H W"] | tuple[Float[Tensor, "N skip_channels H W"], Float[Tensor, "N 1 H W"]]:
        if gate.shape[2:] != skip.shape[2:]:
            raise ValueError(f"the gate has {tuple(gate.shape[2:])} pixels and the skip {tuple(skip.shape[2:])}")
        weights = self.psi(F.relu(self.w_gate(gate) + self.w_skip(skip))).sigmoid()
        passed: Tensor = skip * weights
        return (passed, weights) if need_weights else passed


def conv_block(in_channels: int, out_channels: int, stride: int = 1) -> nn.Sequential:
    """Twice a 3 × 3 convolution with bias, a BatchNorm and a ReLU; the first convolution takes steps of `stride`."""
    first = (nn.Conv2d(in_channels, out_channels, 3, stride, 1), nn.BatchNorm2d(out_channels), nn.ReLU())
    second = (nn.Conv2d(out_channels, out_channels, 3, padding=1), nn.BatchNorm2d(out_channels), nn.ReLU())
    return nn.Sequential(*first, *second)


def up_block(in_channels: int, out_channels: int) -> nn.Sequential:
    """A transposed 3 × 3 convolution that doubles rows and columns, a BatchNorm and a ReLU."""
    larger = nn.ConvTranspose2d(in_channels, out_channels, 3, 2, 1, output_padding=1)
    return nn.Sequential(larger, nn.BatchNorm2d(out_channels), nn.ReLU())


def merge_block(in_channels: int, out_channels: int) -> nn.Sequential:
    """A 3 × 3 convolution with bias, an instance norm without any weights, and a PReLU with one."""
    merged = nn.Conv2d(in_channels, out_channels, 3, padding=1)
    return nn.Sequential(merged, nn.InstanceNorm2d(out_channels), nn.PReLU())


class AttentionUNet(nn.Module):
    """A U-Net whose skips go through gates: logits (N, classes, H, W), images of any size, odd ones too. Its
    layers are MONAI's, so that weights which others have trained fit (`from_monai`).

    `channels`: of each level, the first level first, two levels or more. With L of them, and i = 0 …
    L − 2, w = channels[i], v = channels[i + 1]:

    `first`      conv_block(in_channels, channels[0])
    `down`       a ModuleList; down[i] is conv_block(w, v, stride=2): a step of 2 in place of a pooling
    `ups`        a ModuleList of up_block(v, w), the *lowest* level's first
    `gates`      likewise, AttentionGate(w, w, w // 2); with `gates` False an empty ModuleList
    `merges`     likewise, merge_block(2 · w, w)
    `head`       a 1 × 1 convolution with bias, channels[0] to classes

    On the way up, at each level: `up` the map and fit it to the skip's size. It is the gate of the skip.
    Merge the gated skip (or with `gates` False the skip as it is) and the map, in this order, side by side.

    Every level but the lowest must have more than one pixel, or the instance norm raises ValueError.
    Source: Oktay and others 2018. Peer: MONAI's `AttentionUnet` with strides of 2, which wants sizes that
    can be halved L − 1 times.
    """

    def __init__(
        self, in_channels: int = 1, classes: int = 1, channels: tuple[int, ...] = (16, 32, 64, 128), gates: bool = True
    ) -> None:
        super().__init__()
        steps = list(pairwise(channels))
        upwards = steps[::-1]
        self.first = conv_block(in_channels, channels[0])
        self.down = nn.ModuleList(conv_block(wide, wider, stride=2) for wide, wider in steps)
        self.ups = nn.ModuleList(up_block(wider, wide) for wide, wider in upwards)
        self.gates = nn.ModuleList(AttentionGate(wide, wide, wide // 2) for wide, _ in upwards if gates)
        self.merges = nn.ModuleList(merge_block(2 * wide, wide) for wide, _ in upwards)
        self.head = nn.Conv2d(channels[0], classes, 1)

    def forward(self, images: Float[Tensor, "N in_channels H W"]) -> Float[Tensor, "N classes H W"]:
        levels = [self.first(images)]
        for step in self.down:
            levels.append(step(levels[-1]))
        x = levels.pop()
        for index, (up, merge) in enumerate(zip(self.ups, self.merges, strict=True)):
            skip = levels.pop()
            x = fit_to(up(x), (skip.shape[-2], skip.shape[-1]))
            passed = self.gates[index](x, skip) if self.gates else skip
            x = merge(torch.cat([passed, x], dim=1))
        logits: Tensor = self.head(x)
        return logits


# MONAI's name of a layer within a level, and ours: {block} is a conv_block, {up} counts from the lowest level.
_LAYERS = {
    "conv.0.conv": "{block}.0",
    "conv.0.adn.N": "{block}.1",
    "conv.1.conv": "{block}.3",
    "conv.1.adn.N": "{block}.4",
    "upconv.up.conv": "ups.{up}.0",
    "upconv.up.adn.N": "ups.{up}.1",
    "attention.W_g.0.conv": "gates.{up}.w_gate.0",
    "attention.W_g.1": "gates.{up}.w_gate.1",
    "attention.W_x.0.conv": "gates.{up}.w_skip.0",
    "attention.W_x.1": "gates.{up}.w_skip.1",
    "attention.psi.0.conv": "gates.{up}.psi.0",
    "attention.psi.1": "gates.{up}.psi.1",
    "merge.conv": "merges.{up}.0",
    "merge.adn.A": "merges.{up}.2",
    "model.2.conv": "head",
}


def from_monai(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of MONAI's `AttentionUnet` under the names of `AttentionUNet`.

    MONAI nests its levels, each the `submodule` of the one above; here they stand in lists.
    """
    depth = max(name.count("submodule") for name in state_dict)
    found = {}
    for name, weight in state_dict.items():
        below = name.count("submodule")
        layer, _, kind = re.sub(r"^model\.[01]\.(.*submodule\.([01]\.)?)?", "", name).rpartition(".")
        block = f"down.{below - 1}" if below else "first"
        found[f"{_LAYERS[layer]}.{kind}".format(block=block, up=depth - 1 - below)] = weight
    return found


def gate_maps(model: AttentionUNet, images: Float[Tensor, "N C H W"]) -> list[Float[Tensor, "N 1 h w"]]:
    """How much of each pixel of the skips is let through, 0 to 1: the lowest level's map first."""
    seen: list[tuple[Tensor, Tensor]] = []
    hooks = [gate.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[:2])) for gate in model.gates]
    with torch.no_grad():
        model(images)
        for hook in hooks:
            hook.remove()
        return [gate(*inputs, need_weights=True)[1] for gate, inputs in zip(model.gates, seen, strict=True)]
