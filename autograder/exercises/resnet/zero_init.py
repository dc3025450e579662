"""The last norm of every residual block set to 0 (Goyal and others 2017, section 5.1)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from autograder.exercises.resnet._ready_made import NETWORKS
from autograder.spec import Case, Exercise, Probe, Ref, Rng, Value, Wrong, call, state

Layers = dict[str, tuple[Any, ...]]
WIDTH = 3


def oracle(model: nn.Module) -> None:
    for part in blocks(model):
        silence(last_norm(part))


def blocks(model: nn.Module) -> Iterator[nn.Module]:
    return (part for part in model.modules() if hasattr(part, "bn2"))


def last_norm(block: nn.Module) -> nn.BatchNorm2d:
    norm = block.bn3 if hasattr(block, "bn3") else block.bn2
    assert isinstance(norm, nn.BatchNorm2d)
    return norm


def silence(norm: nn.BatchNorm2d) -> None:
    with torch.no_grad():
        norm.weight.zero_()


def stem() -> Layers:
    return {"conv1": ("conv", 2, WIDTH, 1, {"bias": False}), "bn1": ("norm", WIDTH)}


def block(path: str, norms: int, *, shortcut: bool = False) -> Layers:
    """Convolutions and norms in turn under the names of a block; they run one after the other, nothing is added."""
    made: Layers = {}
    for number in range(1, norms + 1):
        made[f"{path}.conv{number}"] = ("conv", WIDTH, WIDTH, 1, {"bias": False})
        made[f"{path}.bn{number}"] = ("norm", WIDTH)
    if shortcut:
        made[f"{path}.downsample.0"] = ("conv", WIDTH, WIDTH, 1, {"bias": False})
        made[f"{path}.downsample.1"] = ("norm", WIDTH)
    return made


def network(rng: Rng, name: str, *parts: Layers, note: str = "") -> Case:
    layers = {key: value for part in parts for key, value in part.items()}
    norms = [key for key, (kind, *_) in layers.items() if kind == "norm"]
    weights: dict[str, Tensor] = {f"{key}.weight": rng.uniform(WIDTH, low=0.5, high=2.0) for key in norms}
    weights |= {f"{key}.bias": rng.normal(WIDTH) for key in norms}
    order = [key for key in layers if ".downsample." not in key]
    inputs: dict[str, Value] = {
        "model": Probe("patchwork", {"layers": layers, "order": order, "weights": weights}),
    }
    steps = (
        call("returned", model=Ref("model")),
        state("model", "the model afterwards"),
        call("journal", target="model", method="journal"),
    )
    return Case(name, steps, inputs=inputs, note=note)


def cases(rng: Rng) -> Iterator[Case]:
    yield network(
        rng,
        "one block of two norms, by hand",
        block("block", 2),
        note="block.bn2.weight becomes 0 0 0; block.bn1, all biases and all convolutions stay",
    )
    yield network(rng, "a stem and a block with a shortcut", stem(), block("layer1.0", 2, shortcut=True))
    yield network(rng, "one block of three norms", block("layer1.0", 3))
    yield network(rng, "blocks of both kinds", stem(), block("layer1.0", 2), block("layer2.0", 3, shortcut=True))
    many = [block(f"layer{stage}.{place}", 3, shortcut=not place) for stage in (1, 2) for place in (0, 1)]
    yield network(rng, "two stages of two blocks", stem(), *many)


def nothing(model: nn.Module) -> None:
    return None


def every_norm(model: nn.Module) -> None:
    for part in model.modules():
        if isinstance(part, nn.BatchNorm2d):
            silence(part)


def first_norms(model: nn.Module) -> None:
    for part in blocks(model):
        assert isinstance(part.bn1, nn.BatchNorm2d)
        silence(part.bn1)


def always_second(model: nn.Module) -> None:
    for part in blocks(model):
        assert isinstance(part.bn2, nn.BatchNorm2d)
        silence(part.bn2)


def second_and_third(model: nn.Module) -> None:
    always_second(model)
    oracle(model)


def shortcuts_too(model: nn.Module) -> None:
    oracle(model)
    for part in blocks(model):
        for inner in part.children():
            if isinstance(inner, nn.BatchNorm2d | nn.Conv2d):
                continue
            every_norm(inner)


def biases(model: nn.Module) -> None:
    with torch.no_grad():
        for part in blocks(model):
            last_norm(part).bias.zero_()


def weight_and_bias(model: nn.Module) -> None:
    oracle(model)
    biases(model)


def convolutions(model: nn.Module) -> None:
    with torch.no_grad():
        for part in blocks(model):
            last = part.conv3 if hasattr(part, "conv3") else part.conv2
            assert isinstance(last, nn.Conv2d)
            last.weight.zero_()


def last_block_only(model: nn.Module) -> None:
    *_, last = blocks(model)
    silence(last_norm(last))


def new_parameters(model: nn.Module) -> None:
    for part in blocks(model):
        norm = last_norm(part)
        norm.weight = nn.Parameter(torch.zeros_like(norm.weight))


ZERO_INIT_RESIDUAL = Exercise(
    id="resnet.zero_init_residual",
    cases=cases,
    oracle=oracle,
    wrong=(
        Wrong(
            "changes nothing",
            nothing,
            says="no norm was changed. Do you look for blocks of your own class? The networks here are of another "
            "make, with the same names.",
            look="for part in model.modules(): does it have a bn2?",
        ),
        Wrong(
            "silences every norm",
            every_norm,
            says="every norm's weight is 0, so nothing at all comes through the network.",
            look="only the last norm of each block's own branch.",
        ),
        Wrong(
            "silences the first norm",
            first_norms,
            says="bn1 of each block is set to 0, in place of the last one.",
            look="after which norm is the shortcut added?",
        ),
        Wrong(
            "takes the second norm for the last",
            always_second,
            says="in blocks of three norms bn2 is set to 0, where bn3 is the last.",
            look="bn3 where there is one.",
        ),
        Wrong(
            "silences the second norm beside the third",
            second_and_third,
            says="in blocks of three norms both bn2 and bn3 are 0; only the last should be.",
            look="with two zeros in a row no gradient reaches either of them.",
        ),
        Wrong(
            "silences the shortcuts too",
            shortcuts_too,
            says="the norms of the shortcuts (downsample) are 0 too, so such a block puts out nothing at all.",
            look="the shortcut must stay open: the block is to start as the identity.",
        ),
        Wrong(
            "sets the bias to 0",
            biases,
            says="the norm's bias is set to 0 (it starts there anyway), and its weight is not.",
            look="which of the two multiplies what the block has computed?",
        ),
        Wrong(
            "sets weight and bias to 0",
            weight_and_bias,
            says="the bias is changed as well as the weight.",
            look="nothing else changes.",
        ),
        Wrong(
            "silences the convolution",
            convolutions,
            says="the last convolution's kernels are 0; asked is the norm's weight.",
            look="with kernels of 0 the norm in training divides by √eps.",
        ),
        Wrong(
            "reaches the last block only",
            last_block_only,
            says="only the network's last block was changed.",
            look="each block: is there a return or break too early?",
        ),
        Wrong(
            "puts new parameters in their place",
            new_parameters,
            says="the weights are 0, but they are new parameters: an optimiser that holds the old ones trains those.",
            look="change the old tensor: weight.zero_() under torch.no_grad(), or nn.init.zeros_(weight).",
        ),
    ),
    hints=(
        "model.modules() goes through all modules, at any depth.",
        "hasattr(part, 'bn2') finds the blocks; the last norm is part.bn3 where there is one, else part.bn2.",
    ),
    points=1,
    minutes=8,
    forbidden=NETWORKS,
)

EXERCISES = (ZERO_INIT_RESIDUAL,)
