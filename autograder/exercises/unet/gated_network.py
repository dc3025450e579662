"""The U-Net with attention gates; few channels keep its checks short."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import torch
from torch import Tensor

from autograder.exercises.attention._modules import module_case, weights
from autograder.exercises.unet import _gated as networks
from autograder.exercises.unet._gated import Oracle
from autograder.exercises.unet._named import names_compared, with_names
from autograder.exercises.unet._ready_made import NETWORKS
from autograder.exercises.vit._vit import under_other_names
from autograder.spec import Case, Exercise, Rng, Speed, Wrong

FLOAT64 = torch.float64
BOTH = ("images", "net")


def one(
    rng: Rng, name: str, images: Tensor, *, train: bool = False, gradients: tuple[str, ...] = (), **others: Any
) -> Case:
    options: dict[str, Any] = {"in_channels": images.shape[1], "channels": (2, 4)} | others
    found = weights(rng, _empty(*options.items()), images.dtype)
    made = module_case(name, {"images": images}, found, options=options, train=train, gradients=gradients)
    return replace(made, scale=5.0)  # in front of a batch norm gradients cancel


@cache
def _empty(*options: tuple[str, Any]) -> Oracle:
    """The network without any numbers in it."""
    with torch.device("meta"):
        return Oracle(**dict(options))


def cases(rng: Rng) -> Iterator[Case]:
    first = one(rng, "two levels, the parts' names", rng.normal(1, 1, 4, 6))
    yield with_names(first)
    yield one(rng, "two levels without gates", rng.normal(1, 1, 4, 6), gates=False)
    yield one(rng, "three classes, batch of 2", rng.normal(2, 3, 8, 4), classes=3, channels=(2, 3, 4))
    yield one(rng, "odd sizes", rng.normal(2, 1, 9, 7), channels=(2, 4, 6))
    yield one(rng, "odd sizes without gates", rng.normal(1, 2, 7, 6), channels=(3, 2, 4), gates=False)
    yield one(rng, "four levels, in training", rng.normal(2, 1, 11, 16), channels=(2, 4, 2, 4), train=True)
    yield one(rng, "not contiguous", rng.strided(2, 2, 6, 8), channels=(4, 6))
    double = rng.normal(2, 1, 6, 5, dtype=FLOAT64)
    yield one(rng, "float64, gradients, in training", double, channels=(2, 4, 6), train=True, gradients=BOTH)


OtherNames = under_other_names(Oracle, {"first": "stem", "ups": "larger", "gates": "doors", "merges": "joins"})
ROLES = "gate(gate, skip): what comes from below decides, the skip passes."
SIZE = "fit_to the map to the skip's size, right behind `up`."

WRONG = (
    Wrong(
        "merges the map before the skip",
        networks.MapFirst,
        says="the map stands before the skip; MONAI's weights want the gated skip first.",
        look="the order in torch.cat.",
    ),
    Wrong(
        "exchanges gate and skip",
        networks.RolesExchanged,
        says="the skip is the gate, and the map from below is what passes.",
        look=ROLES,
    ),
    Wrong(
        "lets the skip be its own gate",
        networks.SkipAsItsOwnGate,
        says="the skip decides about itself; what was seen further down has no say.",
        look=ROLES,
    ),
    Wrong(
        "never uses the gates",
        networks.GatesUnused,
        says="the gates are there, but the skips pass as they are.",
        look="what do you merge with the map?",
    ),
    Wrong(
        "gates twice",
        networks.Twice,
        says="each skip goes through its gate twice.",
        look="once is enough.",
    ),
    Wrong(
        "stops the gradient at the gates",
        networks.GateDetached,
        says="the values are right, but the way up learns nothing from what its map does as a gate.",
        look="detach.",
    ),
    Wrong(
        "merges without the skips",
        networks.LastMapAlone,
        says="the map stands beside itself: the skips are lost.",
        look="torch.cat of the gated skip and the map.",
    ),
    Wrong(
        "adds the map to the skip",
        networks.AddedUp,
        says="the map is added to the gated skip before they stand side by side.",
        look="torch.cat of the gated skip and the map.",
    ),
)

SIZES = (
    Wrong(
        "pools instead of taking steps",
        networks.Pooled,
        says="the maps are halved by a max pooling; here the first convolution of each block takes steps of 2.",
        look="conv_block has a stride.",
    ),
    Wrong(
        "fits the skip to the map",
        networks.SkipFitted,
        says="seven rows become four, and eight on the way back; the skip is then lengthened, and so are the logits.",
        look=SIZE,
    ),
    Wrong(
        "cuts off odd rows",
        networks.BothCut,
        says="odd rows and columns are cut off, and the logits are smaller than the image.",
        look=SIZE,
    ),
    Wrong(
        "cuts above and at the left",
        networks.CutAbove,
        says="of an odd map the first row is cut off, so that everything moves by a pixel; it is the last.",
        look=SIZE,
    ),
    Wrong(
        "stretches odd maps",
        networks.Stretched,
        says="odd maps are interpolated to their size; one row is cut off.",
        look=SIZE,
    ),
    Wrong(
        "ends with a sigmoid",
        networks.Probabilities,
        says="these are probabilities; losses want logits, the head's own numbers.",
        look="the last line of forward.",
    ),
    Wrong(
        "gives its parts other names",
        OtherNames,
        says="it works, but some parts have other names than the contract's: MONAI's weights won't load.",
        look="first, down, ups, gates, merges, head.",
    ),
)

ATTENTION_UNET = Exercise(
    id="unet.AttentionUNet",
    cases=cases,
    oracle=Oracle,
    measure=names_compared,
    wrong=(*WRONG, *SIZES),
    hints=(
        "itertools.pairwise(channels) gives (w, v) of each step, the first level first. Reverse it for the way up.",
        "The way down: levels = [self.first(images)], then each of `down` on the last of them.",
        "The way up: skip = levels.pop(); x = fit_to(up(x), skip.shape[-2:]); then gate, torch.cat and merge.",
        "if self.gates: is False for an empty ModuleList. self.gates[i](x, skip) belongs to self.ups[i].",
    ),
    points=5,
    minutes=30,
    needs=("unet.fit_to", "unet.AttentionGate"),
    forbidden=NETWORKS,
    speed=Speed(
        case=lambda rng: one(rng, "speed", rng.normal(2, 1, 64, 64), channels=(8, 16, 32, 64)),
        limit=2.5,
        against="the same in torch",
    ),
)

EXERCISES = (ATTENTION_UNET,)
