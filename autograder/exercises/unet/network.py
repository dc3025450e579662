"""The U-Net; small widths keep its checks short."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import torch
from torch import Tensor

from autograder.exercises.attention._modules import module_case, weights
from autograder.exercises.unet import _net as networks
from autograder.exercises.unet._named import names_compared, with_names
from autograder.exercises.unet._net import Oracle
from autograder.exercises.unet._ready_made import NETWORKS
from autograder.exercises.vit._vit import under_other_names
from autograder.spec import Case, Exercise, Rng, Speed, Wrong

FLOAT64 = torch.float64
BOTH = ("images", "net")


def one(
    rng: Rng, name: str, images: Tensor, *, train: bool = False, gradients: tuple[str, ...] = (), **others: Any
) -> Case:
    options: dict[str, Any] = {"in_channels": images.shape[1], "width": 2, "depth": 2} | others
    found = weights(rng, _empty(*options.items()), images.dtype)
    made = module_case(name, {"images": images}, found, options=options, train=train, gradients=gradients)
    return replace(made, scale=5.0)  # in front of a batch norm gradients cancel


@cache
def _empty(*options: tuple[str, Any]) -> Oracle:
    """The network without any numbers in it."""
    with torch.device("meta"):
        return Oracle(**dict(options))


def by_hand() -> Case:
    """Kernels that copy: all convolutions look at the middle alone."""
    options: dict[str, Any] = {"width": 1, "depth": 1, "norm": "none"}
    found = {name: torch.zeros_like(value) for name, value in Oracle(**options).state_dict().items()}
    copies = ("first.conv1", "first.conv2", "down.0.conv1", "down.0.conv2", "ups.0.conv.conv1", "ups.0.conv.conv2")
    for name in copies:
        found[f"{name}.weight"][0, 0, 1, 1] = 1
    found["ups.0.up.weight"][0, 0] = torch.tensor([[1.0, 0.0], [0.0, 10.0]])
    found["ups.0.conv.conv1.weight"][0, 1, 1, 1] = 1
    found |= {"head.weight": torch.full((1, 1, 1, 1), 2.0), "head.bias": torch.tensor([-1.0])}
    return module_case(
        "one level below, convolutions that copy, by hand",
        {"images": torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])},
        found,
        options=options,
        expect=torch.tensor([[[[9.0, 3.0], [5.0, 87.0]]]]),
        note="pooled: 4; stamped: 4 0 / 0 40; with the skip 1 2 / 3 4 beside it, added: 5 2 / 3 44; head: 2·5 − 1 = 9",
    )


def cases(rng: Rng) -> Iterator[Case]:
    yield by_hand()
    yield with_names(one(rng, "one level below, its parts' names", rng.normal(1, 1, 4, 6), depth=1))
    yield one(rng, "three classes, batch of 2, odd sizes", rng.normal(2, 3, 9, 7), classes=3)
    yield one(rng, "odd on the second level", rng.normal(1, 2, 6, 11), classes=2, up="bilinear")
    yield one(rng, "three levels below, in training", rng.normal(2, 1, 12, 17), depth=3, train=True)
    yield one(rng, "no padding", rng.normal(1, 1, 20, 24), depth=1, padding=0, norm="none")
    yield one(rng, "no padding, two levels below", rng.normal(1, 1, 44, 46), width=1, padding=0, norm="none")
    yield one(rng, "instance norm", rng.normal(2, 1, 10, 8), norm="instance")
    yield one(rng, "no skips", rng.normal(1, 1, 8, 9), skips=False)
    yield one(rng, "not contiguous", rng.strided(2, 2, 8, 6), width=3, depth=1)
    double = rng.normal(2, 1, 7, 10, dtype=FLOAT64)
    yield one(rng, "float64, gradients, in training", double, train=True, gradients=BOTH)


OtherNames = under_other_names(Oracle, {"first": "stem", "down": "encoder", "ups": "decoder", "head": "last"})
POOL = "F.max_pool2d(x, 2), then the block."
SIZE = "each UpStep gets the size of its own skip."

WRONG = (
    Wrong(
        "pools behind the blocks",
        networks.PooledBehind,
        says="each block works before the pooling, on four times as many pixels; the pooling comes first.",
        look=POOL,
    ),
    Wrong(
        "pools by the mean",
        networks.PooledByMean,
        says="of four pixels the mean goes down; it is the largest.",
        look=POOL,
    ),
    Wrong(
        "keeps every second pixel",
        networks.EverySecond,
        says="of four pixels the first goes down; it is the largest.",
        look=POOL,
    ),
    Wrong(
        "rounds halves up",
        networks.RoundedUp,
        says="five rows become three; they become two, and the fifth is repeated on the way back.",
        look="F.max_pool2d rounds down if nothing else is said.",
    ),
    Wrong(
        "pools over three pixels",
        networks.Overlapping,
        says="the pooling looks at 3 × 3 pixels, as in a ResNet; here it is 2 × 2.",
        look=POOL,
    ),
    Wrong(
        "leaves the skips empty",
        networks.NoSkips,
        says="the way up gets zeros where the skips should be.",
        look="what do you keep of each level on the way down?",
    ),
    Wrong(
        "hands over pooled skips",
        networks.PooledSkips,
        says="the skips are the pooled maps, so they come at half their size and are filled up with their last row.",
        look="keep each level before it is pooled.",
    ),
    Wrong(
        "cuts the skips' gradients off",
        networks.DetachedSkips,
        says="the values are right, but no gradient flows back through the skips.",
        look="detach, or a copy.",
    ),
    Wrong(
        "asks every step for the image's size",
        networks.SizeOfTheImage,
        says="all steps up are brought to the image's size; only the last has it.",
        look=SIZE,
    ),
    Wrong(
        "asks every step for an even size",
        networks.SizeDoubled,
        says="a level of 5 rows comes back with 4: the size was computed by doubling, which forgets the odd row.",
        look=SIZE,
    ),
    Wrong(
        "pads the image instead",
        networks.PaddedImage,
        says="images of odd sizes are filled up with zeros and the logits cut: near the border they see a dark edge.",
        look=SIZE,
    ),
    Wrong(
        "resizes the image instead",
        networks.ResizedImage,
        says="images of odd sizes are stretched, and the logits too: no pixel stays where it was.",
        look=SIZE,
    ),
)

ENDS = (
    Wrong(
        "ends with a sigmoid",
        networks.Probabilities,
        says="these are probabilities; losses want logits, the head's own numbers.",
        look="the last line of forward.",
    ),
    Wrong(
        "ends with a softmax",
        networks.Shares,
        says="these are shares that add up to 1; losses want logits, the head's own numbers.",
        look="the last line of forward.",
    ),
    Wrong(
        "ends with a ReLU",
        networks.BentAtTheEnd,
        says="no logit is below 0; the head's own numbers are asked for.",
        look="the last line of forward.",
    ),
)

OPTIONS = (
    Wrong(
        "forgets the norm on the way up",
        networks.NormForgotten,
        says="on the way up the norm is a batch norm, whatever was asked for.",
        look="what goes into each UpStep?",
    ),
    Wrong(
        "pads on the way up, whatever was asked for",
        networks.PaddingForgotten,
        says="padding 0 holds on the way down only.",
        look="what goes into each UpStep?",
    ),
    Wrong(
        "gives its parts other names",
        OtherNames,
        says="it works, but its parts should be called first, down, ups and head, and not all are: weights are loaded "
        "by these names.",
        look="the contract's table.",
    ),
)

UNET = Exercise(
    id="unet.UNet",
    cases=cases,
    oracle=Oracle,
    measure=names_compared,
    wrong=(*WRONG, *ENDS, *OPTIONS),
    hints=(
        "widths = [width * 2**level for level in range(depth + 1)] is the list from which all four parts are made.",
        "On the way down, append each level to a list. On the way up, pop it from there: last in, first out.",
        "x = step(x, skip if self.skips else None, skip.shape[-2:]), where skip = levels.pop().",
    ),
    points=5,
    minutes=30,
    needs=("unet.fit_to", "unet.DoubleConv"),
    forbidden=NETWORKS,
    speed=Speed(
        case=lambda rng: one(rng, "speed", rng.normal(2, 1, 64, 64), width=8, depth=3),
        limit=2.5,
        against="the same in torch",
    ),
)

EXERCISES = (UNET,)
