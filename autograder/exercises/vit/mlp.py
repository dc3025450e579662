"""The small network that each token goes through on its own."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from autograder.exercises.vit import _vit
from autograder.exercises.vit._ready_made_net import MODELS
from autograder.exercises.vit._vit import names_compared, sizes_of, under_other_names, weights
from autograder.spec import Case, Exercise, Ref, Rng, Speed, Step, Wrong, backward, call, load, mode, new

Oracle = _vit.Mlp
ALL = call("state_dict", target="net", method="state_dict")
OUT, GRADIENTS = call("out", Ref("x"), target="net"), backward("out", "x", "net")


def by_hand() -> Case:
    found = {
        "fc1.weight": torch.tensor([[1.0], [-1.0]]),
        "fc1.bias": torch.tensor([0.0, 0.0]),
        "fc2.weight": torch.tensor([[1.0, 2.0]]),
        "fc2.bias": torch.tensor([0.0]),
    }
    return Case(
        "one token of one number, by hand",
        (new("net", dim=1, hidden=2), load("net", found), OUT),
        inputs={"x": torch.tensor([[[1.0]]])},
        expect={"out": torch.tensor([[[0.524034]]])},
        note="fc1: 1 and −1; gelu(1) = 0.8413, gelu(−1) = −0.1587; 0.8413·1 + (−0.1587)·2 = 0.524",
        terms=2,
    )


def one(rng: Rng, name: str, x: Tensor, hidden: int, *steps: Step) -> Case:
    """A network whose weights are loaded, then `steps`."""
    options = {"dim": x.shape[-1], "hidden": hidden}
    found = weights(rng, sizes_of(Oracle, *options.items()), x.dtype)
    program = (new("net", **options), load("net", found), *steps)
    return Case(name, program, inputs={"x": x}, terms=x.numel())


def cases(rng: Rng) -> Iterator[Case]:
    yield by_hand()
    yield one(rng, "timm's names", 2 * rng.normal(2, 5, 6), 24, ALL, OUT)
    yield one(rng, "narrower in the middle", rng.normal(3, 4, 8), 3, mode("net", "train"), OUT)
    yield one(rng, "a single vector", rng.normal(7), 5, OUT)
    yield one(rng, "a grid of tokens", rng.normal(2, 3, 4, 6), 12, OUT)
    yield one(rng, "not contiguous", rng.strided(2, 5, 6), 10, OUT)
    yield one(rng, "large values", 30 * rng.normal(1, 4, 6), 8, OUT)
    yield one(rng, "float64, gradients", rng.normal(2, 3, 5, dtype=torch.float64), 7, OUT, GRADIENTS)


class Rectified(Oracle):
    def bend(self, x: Tensor) -> Tensor:
        return x.relu()


class ByTanh(Oracle):
    def bend(self, x: Tensor) -> Tensor:
        return F.gelu(x, approximate="tanh")


class BySigmoid(Oracle):
    def bend(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(1.702 * x)


class Silu(Oracle):
    def bend(self, x: Tensor) -> Tensor:
        return F.silu(x)


class Straight(Oracle):
    def bend(self, x: Tensor) -> Tensor:
        return x


class BentTwice(Oracle):
    def forward(self, x: Tensor) -> Tensor:
        return F.gelu(super().forward(x))


class BentLate(Oracle):
    def forward(self, x: Tensor) -> Tensor:
        return F.gelu(self.fc2(self.fc1(x)))


class BentEarly(Oracle):
    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.fc2(self.fc1(F.gelu(x)))
        return out


class WithShortcut(Oracle):
    def forward(self, x: Tensor) -> Tensor:
        return x + super().forward(x)


OtherNames = under_other_names(Oracle, {"fc1": "expand", "fc2": "shrink"})

MLP = Exercise(
    id="vit.Mlp",
    cases=cases,
    oracle=Oracle,
    measure=names_compared,
    wrong=(
        Wrong(
            "has a ReLU",
            Rectified,
            says="there is a ReLU between fc1 and fc2; it is GELU.",
            look="what becomes of a number a little below 0?",
        ),
        Wrong(
            "has GELU's tanh form",
            ByTanh,
            says="GELU is taken in its tanh form; here it is the exact one. They differ in the fourth digit.",
            look='approximate="none" is the default.',
        ),
        Wrong(
            "has GELU's sigmoid form",
            BySigmoid,
            says="x · sigmoid(1.702 x) stands for GELU; here it is the exact one.",
            look="x · Φ(x), with the error function: you have it.",
        ),
        Wrong(
            "has a SiLU",
            Silu,
            says="x · sigmoid(x) is SiLU, a relative of GELU.",
            look="x · Φ(x): you have it.",
        ),
        Wrong(
            "leaves out the GELU",
            Straight,
            says="nothing bends between fc1 and fc2, and two linear layers in a row are one.",
            look="fc1, GELU, fc2.",
        ),
        Wrong(
            "has a second GELU at the end",
            BentTwice,
            says="a GELU follows fc2; the branch must be able to take something away as well as to add.",
            look="fc1, GELU, fc2: what comes out of fc2 is the answer.",
        ),
        Wrong(
            "has the GELU behind fc2",
            BentLate,
            says="the GELU stands behind fc2; it stands between the two.",
            look="what are fc1 and fc2 together, if nothing is between them?",
        ),
        Wrong(
            "has the GELU in front of fc1",
            BentEarly,
            says="the GELU stands in front of fc1; it stands between the two.",
            look="what are fc1 and fc2 together, if nothing is between them?",
        ),
        Wrong(
            "adds the input",
            WithShortcut,
            says="the input is added; the shortcut belongs to the block around this network.",
            look="fc2's result is the answer.",
        ),
        Wrong(
            "gives its parts other names",
            OtherNames,
            says="it works, but its parts are not called fc1 and fc2: published weights come under these names.",
            look="the contract's table.",
        ),
    ),
    hints=(
        "Two nn.Linear in __init__, one line in forward.",
        "nn.Linear works on the last axis, whatever stands before it: tokens don't meet here.",
        "self.fc2(gelu(self.fc1(x)))",
    ),
    points=1,
    minutes=6,
    needs=("vit.gelu",),
    forbidden=MODELS,
    speed=Speed(
        case=lambda rng: one(rng, "speed", rng.uniform(2, 197, 192), 768, OUT),
        limit=2.5,
        against="nn.Linear and F.gelu",
    ),
)

EXERCISES = (MLP,)
