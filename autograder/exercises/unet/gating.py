"""The attention gate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from autograder.exercises.attention._modules import module_case, weights
from autograder.exercises.unet._named import names_compared, with_names
from autograder.exercises.unet._ready_made import NETWORKS
from autograder.exercises.vit._vit import under_other_names
from autograder.spec import Case, Exercise, Rng, Speed, Value, Wrong

FLOAT64 = torch.float64
ALL = ("gate", "skip", "net")


class Oracle(nn.Module):
    """Each step is a method of its own, for the wrong answers to change."""

    def __init__(self, gate_channels: int, skip_channels: int, inner: int) -> None:
        super().__init__()
        self.w_gate = nn.Sequential(nn.Conv2d(gate_channels, inner, 1), nn.BatchNorm2d(inner))
        self.w_skip = nn.Sequential(nn.Conv2d(skip_channels, inner, 1), nn.BatchNorm2d(inner))
        self.psi = nn.Sequential(nn.Conv2d(inner, 1, 1), nn.BatchNorm2d(1))

    def together(self, gate: Tensor, skip: Tensor) -> Tensor:
        out: Tensor = self.w_gate(gate) + self.w_skip(skip)
        return out

    def bend(self, x: Tensor) -> Tensor:
        return torch.relu(x)

    def share(self, x: Tensor) -> Tensor:
        out: Tensor = self.psi(x)
        return out.sigmoid()

    def passed(self, gate: Tensor, skip: Tensor, shares: Tensor) -> Tensor:
        return skip * shares

    def shown(self, shares: Tensor, skip: Tensor) -> Tensor:
        return shares

    def answer(self, passed: Tensor, shown: Tensor, need_weights: bool) -> Any:
        return (passed, shown) if need_weights else passed

    def forward(self, gate: Tensor, skip: Tensor, need_weights: bool = False) -> Any:
        shares = self.share(self.bend(self.together(gate, skip)))
        return self.answer(self.passed(gate, skip, shares), self.shown(shares, skip), need_weights)


def case(
    rng: Rng,
    name: str,
    gate: Tensor,
    skip: Tensor,
    inner: int,
    *,
    train: bool = False,
    gradients: tuple[str, ...] = (),
    **asks: Value,
) -> Case:
    channels = gate.shape[1], skip.shape[1]
    options = dict(zip(("gate_channels", "skip_channels", "inner"), (*channels, inner), strict=True))
    found = weights(rng, Oracle(*channels, inner), gate.dtype)
    inputs = {"gate": gate, "skip": skip}
    made = module_case(name, inputs, found, options=options, asks=asks, train=train, gradients=gradients)
    return replace(made, scale=max(5.0, float(skip.abs().max())))  # in front of a batch norm gradients cancel


def by_hand() -> Case:
    found = {name: torch.zeros_like(value) for name, value in Oracle(1, 1, 1).state_dict().items()}
    for part in ("w_gate", "w_skip", "psi"):
        found |= {f"{part}.0.weight": torch.ones(1, 1, 1, 1), f"{part}.1.weight": torch.ones(1)}
        found[f"{part}.1.running_var"] = torch.tensor([1 - 1e-5])
    return module_case(
        "two pixels, all weights 1, by hand",
        {"gate": torch.tensor([[[[2.0, -4.0]]]]), "skip": torch.tensor([[[[3.0, 3.0]]]])},
        found,
        options={"gate_channels": 1, "skip_channels": 1, "inner": 1},
        expect=torch.tensor([[[[2.9799215, 1.5]]]]),
        note="relu(2 + 3) = 5, sigmoid(5) = 0.9933, 3 · 0.9933 = 2.980; relu(−4 + 3) = 0, sigmoid(0) = ½, 3 · ½ = 1.5",
    )


def cases(rng: Rng) -> Iterator[Case]:
    yield by_hand()
    yield with_names(case(rng, "as many channels, the parts' names", rng.normal(1, 4, 3, 2), rng.normal(1, 4, 3, 2), 2))
    yield case(rng, "batch of 3, not square", rng.normal(3, 2, 4, 5), rng.normal(3, 2, 4, 5), 3)
    yield case(rng, "more channels in the gate", rng.normal(2, 5, 3, 4), rng.normal(2, 3, 3, 4), 2)
    yield case(rng, "with its weights", rng.normal(2, 3, 4, 3), rng.normal(2, 3, 4, 3), 2, need_weights=True)
    yield case(rng, "in training", rng.normal(2, 3, 3, 3), rng.normal(2, 3, 3, 3), 4, train=True)
    yield case(rng, "large numbers", 1e4 * rng.normal(1, 2, 3, 4), 1e4 * rng.normal(1, 2, 3, 4), 2)
    yield case(rng, "not contiguous", rng.strided(2, 3, 4, 5), rng.strided(2, 3, 4, 5), 2)
    gate, skip = rng.normal(2, 3, 4, 3, dtype=FLOAT64), rng.normal(2, 3, 4, 3, dtype=FLOAT64)
    yield case(rng, "float64, gradients", gate, skip, 2, gradients=ALL)
    yield case(rng, "float64, gradients, in training", gate, skip, 3, train=True, gradients=ALL)


class GatePasses(Oracle):
    def passed(self, gate: Tensor, skip: Tensor, shares: Tensor) -> Tensor:
        return gate * shares


class OthersPass(Oracle):
    def passed(self, gate: Tensor, skip: Tensor, shares: Tensor) -> Tensor:
        return skip * (1 - shares)


class SkipAdded(Oracle):
    def passed(self, gate: Tensor, skip: Tensor, shares: Tensor) -> Tensor:
        return skip + skip * shares


class SharesAdded(Oracle):
    def passed(self, gate: Tensor, skip: Tensor, shares: Tensor) -> Tensor:
        return skip + shares


class NotBent(Oracle):
    def bend(self, x: Tensor) -> Tensor:
        return x


class BentBefore(Oracle):
    def together(self, gate: Tensor, skip: Tensor) -> Tensor:
        return torch.relu(self.w_gate(gate)) + torch.relu(self.w_skip(skip))


class Multiplied(Oracle):
    def together(self, gate: Tensor, skip: Tensor) -> Tensor:
        out: Tensor = self.w_gate(gate) * self.w_skip(skip)
        return out


class GateUnused(Oracle):
    def together(self, gate: Tensor, skip: Tensor) -> Tensor:
        out: Tensor = self.w_skip(skip)
        return out


class SkipUnused(Oracle):
    def together(self, gate: Tensor, skip: Tensor) -> Tensor:
        out: Tensor = self.w_gate(gate)
        return out


class NormsUnused(Oracle):
    def together(self, gate: Tensor, skip: Tensor) -> Tensor:
        out: Tensor = self.w_gate[0](gate) + self.w_skip[0](skip)
        return out


class NoSigmoid(Oracle):
    def share(self, x: Tensor) -> Tensor:
        out: Tensor = self.psi(x)
        return out


class OverPixels(Oracle):
    def share(self, x: Tensor) -> Tensor:
        scores: Tensor = self.psi(x)
        return scores.flatten(2).softmax(2).reshape(scores.shape)


class LastNormUnused(Oracle):
    def share(self, x: Tensor) -> Tensor:
        scores: Tensor = self.psi[0](x)
        return scores.sigmoid()


class NormBehindSigmoid(Oracle):
    def share(self, x: Tensor) -> Tensor:
        scores: Tensor = self.psi[0](x)
        out: Tensor = self.psi[1](scores.sigmoid())
        return out


class Broadcast(Oracle):
    def shown(self, shares: Tensor, skip: Tensor) -> Tensor:
        return shares.expand_as(skip)


class NoChannel(Oracle):
    def shown(self, shares: Tensor, skip: Tensor) -> Tensor:
        return shares[:, 0]


class Scores(Oracle):
    def shown(self, shares: Tensor, skip: Tensor) -> Tensor:
        return shares.logit()


class AlwaysPair(Oracle):
    def answer(self, passed: Tensor, shown: Tensor, need_weights: bool) -> Any:
        return passed, shown


class NeverPair(Oracle):
    def answer(self, passed: Tensor, shown: Tensor, need_weights: bool) -> Any:
        return passed


class PairTurned(Oracle):
    def answer(self, passed: Tensor, shown: Tensor, need_weights: bool) -> Any:
        return (shown, passed) if need_weights else passed


OtherNames = under_other_names(Oracle, {"w_gate": "a", "w_skip": "b", "psi": "c"})

PASSING = (
    Wrong(
        "lets the gate pass",
        GatePasses,
        says="the gate is multiplied by the weights; it is the skip.",
        look="what is filtered here, and what decides?",
    ),
    Wrong(
        "lets the others pass",
        OthersPass,
        says="the skip is multiplied by 1 − weights.",
        look="a weight near 1 lets a pixel pass.",
    ),
    Wrong(
        "adds the skip once more",
        SkipAdded,
        says="the skip itself is added, as in a residual block: so nothing can ever be shut out.",
        look="skip · weights.",
    ),
    Wrong(
        "adds the weights",
        SharesAdded,
        says="the weights are added to the skip; they multiply it.",
        look="skip · weights.",
    ),
)

INSIDE = (
    Wrong("leaves out the ReLU", NotBent, says="nothing bends between the sum and psi.", look="relu(… + …)."),
    Wrong(
        "bends before the sum",
        BentBefore,
        says="each part goes through a ReLU of its own; first they are added, so that they can cancel.",
        look="relu(… + …).",
    ),
    Wrong(
        "multiplies gate and skip",
        Multiplied,
        says="the two parts are multiplied; here attention is additive.",
        look="relu(… + …).",
    ),
    Wrong(
        "never asks the gate",
        GateUnused,
        says="the skip decides alone; what was seen further down has no say.",
        look="w_gate.",
    ),
    Wrong("never asks the skip", SkipUnused, says="the gate decides alone.", look="w_skip."),
    Wrong(
        "leaves out the norms of gate and skip",
        NormsUnused,
        says="the norms in w_gate and w_skip are not used.",
        look="call the whole Sequential.",
    ),
    Wrong("leaves out psi's norm", LastNormUnused, says="psi's norm is not used.", look="call the whole Sequential."),
    Wrong(
        "has the sigmoid before psi's norm",
        NormBehindSigmoid,
        says="the norm comes behind the sigmoid, so weights are not between 0 and 1.",
        look="convolution, norm, sigmoid.",
    ),
    Wrong(
        "leaves out the sigmoid", NoSigmoid, says="weights are not between 0 and 1.", look="convolution, norm, sigmoid."
    ),
    Wrong(
        "takes a softmax over the pixels",
        OverPixels,
        says="the weights of all pixels add up to 1: one can only win what another loses. Each is judged by itself.",
        look="a sigmoid.",
    ),
)

WEIGHTS = (
    Wrong(
        "shows a weight for each channel",
        Broadcast,
        says="the weights come once for each channel; there is one for each pixel.",
        look="(N, 1, H, W).",
    ),
    Wrong(
        "shows weights without their channel", NoChannel, says="the weights have lost an axis.", look="(N, 1, H, W)."
    ),
    Wrong(
        "shows what comes before the sigmoid",
        Scores,
        says="what is shown are the numbers before the sigmoid; asked are the weights that multiply.",
        look="one variable for both.",
    ),
    Wrong(
        "always answers with a pair",
        AlwaysPair,
        says="a pair comes back even where need_weights is False.",
        look="where is need_weights in your answer?",
    ),
    Wrong(
        "never shows its weights",
        NeverPair,
        says="need_weights is ignored.",
        look="a pair: the result, then the weights.",
    ),
    Wrong(
        "turns the pair round", PairTurned, says="the weights come first.", look="a pair: the result, then the weights."
    ),
    Wrong(
        "gives its parts other names",
        OtherNames,
        says="it works, but its parts should be called w_gate, w_skip and psi, and not all are: weights are loaded by "
        "these names.",
        look="the contract's table.",
    ),
)

GATE = Exercise(
    id="unet.AttentionGate",
    cases=cases,
    oracle=Oracle,
    measure=names_compared,
    wrong=(*PASSING, *INSIDE, *WEIGHTS),
    hints=(
        "Three times nn.Sequential(nn.Conv2d(…, …, 1), nn.BatchNorm2d(…)).",
        "weights = self.psi(F.relu(self.w_gate(gate) + self.w_skip(skip))).sigmoid().",
        "skip * weights: (N, C, H, W) times (N, 1, H, W) counts each weight for all channels.",
    ),
    points=3,
    minutes=15,
    forbidden=NETWORKS,
    speed=Speed(
        case=lambda rng: case(rng, "speed", rng.normal(4, 16, 64, 64), rng.normal(4, 16, 64, 64), 8),
        limit=2.0,
        against="the same layers",
    ),
)

EXERCISES = (GATE,)
