"""The networks of notebook 05a against MONAI's, on the same weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from autograder.bench.pair import Answer, Inputs, Pair, alike, both_ways, drawn
from autograder.references import reference

Made = tuple[Answer, Answer, Inputs]
CHANNELS = (16, 32, 64, 128)


def unet_net() -> Iterator[Pair]:
    """Both U-Nets whole, and the two ways to enlarge a map, which are there to be read."""
    nets: dict[str, tuple[str, Callable[..., Made]]] = {
        "UNet": ("monai: TwoConv, Down, UpCat", _unet),
        "AttentionUNet": ("monai: AttentionUnet", _attention),
        "AttentionGate": ("monai: AttentionBlock", _gate),
    }
    for name, (peer, made) in nets.items():
        yield Pair(name, peer, partial(made, train=False))
        yield Pair(f"{name}, training, and back", peer, partial(made, train=True), backward=True)
    for name, made in {"conv_transpose2d": _transposed, "upsample_bilinear": _enlarged}.items():
        peer = "F.conv_transpose2d" if made is _transposed else "F.interpolate"
        yield from both_ways(name, peer, made, wanted=None)


def of_monais_blocks(in_channels: int, classes: int, width: int, depth: int, **upsampling: Any) -> nn.Module:
    """A U-Net of MONAI's blocks, put together as ours is. upsampling: of its UpCat."""
    from monai.networks.nets.basic_unet import Down, TwoConv, UpCat  # kept out of the way of those who don't measure

    class Blocks(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            options: dict[str, Any] = {"act": "relu", "norm": "batch", "bias": False}
            widths = [width << level for level in range(depth)]
            self.first = TwoConv(2, in_channels, width, **options)
            self.down = nn.ModuleList(Down(2, wide, 2 * wide, **options) for wide in widths)
            options |= {"upsample": "deconv"} | upsampling
            self.ups = nn.ModuleList(UpCat(2, 2 * wide, wide, wide, **options) for wide in reversed(widths))
            self.head = nn.Conv2d(width, classes, 1)

        def forward(self, images: Tensor) -> Tensor:
            levels = [self.first(images)]
            for block in self.down:
                levels.append(block(levels[-1]))
            x = levels.pop()
            for step in self.ups:
                x = step(x, levels.pop())
            logits: Tensor = self.head(x)
            return logits

    return Blocks()


class _InTheirOrder(nn.Module):
    """Ours, with its parameters in the order in which the peer has them."""

    def __init__(self, net: nn.Module, names: list[str]) -> None:
        super().__init__()
        self.net, self.names = net, names

    def parameters(self, recurse: bool = True) -> Iterator[nn.Parameter]:
        found = dict(self.net.named_parameters())
        return iter([found[name] for name in self.names])

    def forward(self, *inputs: Tensor) -> Tensor:
        out: Tensor = self.net(*inputs)
        return out


def _with_their_weights(
    ours: nn.Module, theirs: nn.Module, renamed: Callable[[Mapping[str, Tensor]], dict[str, Tensor]], *, train: bool
) -> tuple[nn.Module, nn.Module]:
    alike(ours, theirs, renamed)
    names = list(renamed(dict(theirs.named_parameters())))
    return _InTheirOrder(ours.train(train), names), theirs.train(train)


def _unet(*, train: bool) -> Made:
    torch.manual_seed(0)
    ours, theirs = reference("unet", "UNet")(1, 2, width=16, depth=4), of_monais_blocks(1, 2, 16, 4)
    names = dict(zip(theirs.state_dict(), ours.state_dict(), strict=True))
    both = _with_their_weights(
        ours, theirs, lambda state: {names[name]: value for name, value in state.items()}, train=train
    )
    return *both, (drawn(4, 1, 128, 128),)


def _attention(*, train: bool) -> Made:
    from monai.networks.nets.attentionunet import AttentionUnet

    torch.manual_seed(0)
    ours = reference("unet", "AttentionUNet")(1, 2, CHANNELS)
    both = _with_their_weights(
        ours, AttentionUnet(2, 1, 2, CHANNELS, (2, 2, 2)), reference("unet", "from_monai"), train=train
    )
    return *both, (drawn(4, 1, 128, 128),)


def _gate(*, train: bool) -> Made:
    from monai.networks.nets.attentionunet import AttentionBlock

    torch.manual_seed(0)
    ours, theirs = reference("unet", "AttentionGate")(32, 32, 16), AttentionBlock(2, f_int=16, f_g=32, f_l=32)
    names = dict(zip(theirs.state_dict(), ours.state_dict(), strict=True))
    both = _with_their_weights(
        ours, theirs, lambda state: {names[name]: value for name, value in state.items()}, train=train
    )
    return *both, (drawn(4, 32, 64, 64), drawn(4, 32, 64, 64, seed=1))


def _transposed() -> Made:
    ours, theirs = reference("unet", "conv_transpose2d"), F.conv_transpose2d
    return partial(ours, stride=2), partial(theirs, stride=2), (drawn(4, 64, 32, 32), drawn(64, 32, 2, 2, seed=1))


def _enlarged() -> Made:
    ours = partial(reference("unet", "upsample_bilinear"), size=(128, 128))
    return ours, partial(F.interpolate, size=(128, 128), mode="bilinear"), (drawn(4, 16, 64, 64),)
