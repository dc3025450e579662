"""What is measured against a peer: our references, and what people would use instead, on the same weights."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision import models

from autograder.bench.pair import Answer, Inputs, Pair, alike, both_ways, drawn
from autograder.bench.unet_augment import unet_augment
from autograder.bench.unet_losses import unet_losses
from autograder.bench.unet_net import unet_net
from autograder.bench.unet_scores import unet_scores
from autograder.exercises.lenet.network import Oracle as LeNetOfTorch
from autograder.references import reference


def pairs() -> Iterator[Pair]:
    """All of them."""
    yield from _resnets()
    yield from _norms()
    yield from _gates()
    yield from _attentions()
    yield from _transformers()
    yield from _lenets()
    yield from unet_net()
    yield from unet_losses()
    yield from unet_augment()
    yield from unet_scores()


# --- lesson 02 -------------------------------------------------------------------------------------------------------


def _resnets() -> Iterator[Pair]:
    for depth, wanted in ((18, 1.3), (50, 1.15)):
        peer = f"torchvision.models.resnet{depth}"
        yield Pair(f"ResNet-{depth}", peer, partial(_nets, depth, train=False))
        yield Pair(f"ResNet-{depth}, training, and back", peer, partial(_nets, depth, train=True), backward=True)
        yield Pair(f"ResNet-{depth}, folded", peer, partial(_folded, depth), wanted=wanted)


def _nets(depth: int, *, train: bool) -> tuple[nn.Module, nn.Module, Inputs]:
    torch.manual_seed(depth)
    ours, theirs = reference("resnet", "ResNet")(depth), getattr(models, f"resnet{depth}")()
    return *alike(ours.train(train), theirs.train(train)), (torch.randn(4, 3, 224, 224),)


def _folded(depth: int) -> tuple[nn.Module, nn.Module, Inputs]:
    ours, theirs, inputs = _nets(depth, train=False)
    return _ForPrediction(ours), theirs, inputs


class _ForPrediction(nn.Module):
    """Our network folded, and its kernels laid out once as the CPU's library likes them, not at every call. To lay out
    images, and to undo it, is part of its time."""

    def __init__(self, ours: nn.Module) -> None:
        super().__init__()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's own, for what it is built with
            from torch.utils.mkldnn import to_mkldnn

            self.net = to_mkldnn(reference("resnet", "folded")(ours))

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.net(x.to_mkldnn()).to_dense()
        return logits


def _norms() -> Iterator[Pair]:
    for shape in ((8, 64, 56, 56), (32, 256, 14, 14), (8, 64, 112, 112)):
        for train in (False, True):
            name = f"BatchNorm2d, {' × '.join(map(str, shape))}, {'training' if train else 'evaluation'}"
            yield from both_ways(name, "nn.BatchNorm2d", partial(_norm, shape, train=train))


def _norm(shape: tuple[int, ...], *, train: bool) -> tuple[nn.Module, nn.Module, Inputs]:
    ours, theirs = alike(reference("resnet", "BatchNorm2d")(shape[1]), nn.BatchNorm2d(shape[1]))
    return ours.train(train), theirs.train(train), (drawn(*shape),)


# --- lesson 03 -------------------------------------------------------------------------------------------------------


def _gates() -> Iterator[Pair]:
    for name, peer in (("SEBlock", "SqueezeExcite"), ("ECABlock", "EcaModule"), ("CBAM", "CbamModule")):
        yield from both_ways(name, f"timm's {peer}", partial(_gate, name))


def _gate(name: str) -> tuple[nn.Module, nn.Module, Inputs]:
    from timm.layers import cbam, eca, squeeze_excite  # kept out of the way of those who don't measure

    channels, sizes = 64, {} if name == "ECABlock" else {"rd_channels": 4}
    made = {"SEBlock": squeeze_excite.SqueezeExcite, "ECABlock": eca.EcaModule, "CBAM": cbam.CbamModule}[name]
    return *alike(reference("attention", name)(channels), made(channels, **sizes)), (drawn(8, channels, 56, 56),)


def _attentions() -> Iterator[Pair]:
    for tokens in (197, 1024):
        name = f"MultiHeadAttention, {tokens} tokens"
        yield from both_ways(name, "nn.MultiheadAttention", partial(_heads, tokens))
    for causal in (False, True):
        name = f"scaled_dot_product_attention, 197 tokens{', causal' if causal else ''}"
        yield from both_ways(name, "F.scaled_dot_product_attention", partial(_attention, causal=causal))


def _heads(tokens: int) -> tuple[Answer, Answer, Inputs]:
    torch.manual_seed(tokens)
    ours = reference("attention", "MultiHeadAttention")(192, 3)
    theirs = nn.MultiheadAttention(192, 3, batch_first=True)
    ours.load_state_dict(theirs.state_dict())
    return ours, _SelfAttention(theirs), (drawn(1576 // tokens, tokens, 192),)


class _SelfAttention(nn.Module):
    """The peer as ours is called: one input, no weights to be returned."""

    def __init__(self, heads: nn.MultiheadAttention) -> None:
        super().__init__()
        self.heads = heads

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.heads(x, x, x, need_weights=False)[0]
        return out


def _attention(*, causal: bool) -> tuple[Answer, Answer, Inputs]:
    ours = partial(reference("attention", "scaled_dot_product_attention"), causal=causal)
    theirs = partial(F.scaled_dot_product_attention, is_causal=causal)
    return ours, theirs, tuple(drawn(8, 3, 197, 64, seed=seed) for seed in range(3))


# --- lesson 04 -------------------------------------------------------------------------------------------------------


def _transformers() -> Iterator[Pair]:
    for size in ("tiny", "small", "base"):
        peer = f"timm's vit_{size}_patch16_224"
        yield Pair(f"ViT-{size}", peer, partial(_transformer, size, train=False))
        if size == "tiny":
            yield Pair(f"ViT-{size}, training, and back", peer, partial(_transformer, size, train=True), backward=True)


def _transformer(size: str, *, train: bool) -> tuple[nn.Module, nn.Module, Inputs]:
    import timm  # kept out of the way of those who don't measure

    torch.manual_seed(len(size))
    ours = reference("vit", "VisionTransformer")(**reference("vit", "VIT_SIZES")[size])
    theirs = timm.create_model(f"vit_{size}_patch16_224")
    return *alike(ours.train(train), theirs.train(train)), (drawn(2 if size == "base" else 8, 3, 224, 224),)


# --- lesson 01: built from simple operations, so without an aim ------------------------------------------------------


def _lenets() -> Iterator[Pair]:
    images, maps = partial(drawn, 64, 6, 28, 28), partial(drawn, 32, 16, 56, 56)
    wide, kernels = partial(drawn, 512, 400), partial(drawn, 16, 6, 5, 5, seed=1)
    parts: dict[str, tuple[Answer, Callable[[], Inputs]]] = {
        "conv2d": (F.conv2d, lambda: (images(), kernels())),
        "max_pool2d": (F.max_pool2d, lambda: (maps(), 2)),
        "avg_pool2d": (F.avg_pool2d, lambda: (maps(), 2)),
        "linear": (F.linear, lambda: (wide(), drawn(120, 400, seed=1), drawn(120, seed=2))),
        "relu": (F.relu, lambda: (maps(),)),
        "tanh": (torch.tanh, lambda: (maps(),)),
        "log_softmax": (partial(F.log_softmax, dim=1), lambda: (drawn(4096, 100),)),
        "cross_entropy": (F.cross_entropy, lambda: (drawn(4096, 100), torch.arange(4096) % 100)),
    }
    for name, (theirs, inputs) in parts.items():
        peer = "torch.tanh" if name == "tanh" else f"F.{name}"
        yield from both_ways(name, peer, partial(_function, "lenet", name, theirs, inputs), wanted=None)
    yield from both_ways("LeNet5", "torch.nn's layers", _lenet, wanted=None)


def _function(lesson: str, name: str, theirs: Answer, inputs: Callable[[], Inputs]) -> tuple[Answer, Answer, Inputs]:
    return reference(lesson, name), theirs, inputs()


def _lenet() -> tuple[nn.Module, nn.Module, Inputs]:
    return *alike(reference("lenet", "LeNet5")(), LeNetOfTorch()), (drawn(64, 1, 28, 28),)
