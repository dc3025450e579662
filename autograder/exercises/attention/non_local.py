"""The non-local block: self-attention over the places of a feature map, inside a residual."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor, nn

from autograder.exercises.attention._modules import OUT, module_case, weights
from autograder.exercises.attention._ready_made import ATTENTION
from autograder.spec import Case, Exercise, Outputs, Ref, Rng, Speed, Tolerance, Wrong, call, mode, new

NEW = "a new block changes nothing"


class Oracle(nn.Module):
    def __init__(self, channels: int, reduction: int = 2) -> None:
        super().__init__()
        inner = channels // reduction
        self.t = nn.Conv2d(channels, inner, 1)
        self.p = nn.Conv2d(channels, inner, 1)
        self.g = nn.Conv2d(channels, inner, 1)
        self.z = nn.Conv2d(inner, channels, 1)
        self.norm = nn.BatchNorm2d(channels)
        nn.init.zeros_(self.norm.weight)

    def shares(self, scores: Tensor) -> Tensor:
        """scores[i, j] is how much place i likes what place j shows."""
        return torch.softmax(scores, dim=-1)

    def collect(self, x: Tensor) -> Tensor:
        t, p, g = (part(x).flatten(2) for part in (self.t, self.p, self.g))
        weights = self.shares(torch.einsum("nci,ncj->nij", t, p))
        return torch.einsum("nij,ncj->nci", weights, g).reshape(*g.shape[:2], *x.shape[2:])

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.norm(self.z(self.collect(x)))
        return out


def by_hand() -> Case:
    one = torch.ones(1, 1, 1, 1)
    none = torch.zeros(1)
    found = {
        **{f"{part}.{kind}": value for part in "tpgz" for kind, value in (("weight", one), ("bias", none))},
        "norm.weight": torch.tensor([1.0]),
        "norm.bias": none,
        "norm.running_mean": none,
        "norm.running_var": torch.tensor([1.0 - 1e-5]),
        "norm.num_batches_tracked": torch.tensor(0),
    }
    return module_case(
        "two places, by hand",
        {"x": torch.tensor([[[[0.0, 1.0]]]])},
        found,
        options={"channels": 1, "reduction": 1},
        expect=torch.tensor([[[[0.5, 1.731059]]]]),
        note="place 0: scores 0·0 and 0·1, weights ½ and ½, finds ½·0 + ½·1; place 1: scores 0 and 1, weights "
        "0.269 and 0.731, finds 0.731, and 1 + 0.731 = 1.731",
    )


def cases(rng: Rng) -> Iterator[Case]:
    yield by_hand()
    four = {"channels": 4}
    yield module_case("4 channels", {"x": rng.normal(1, 4, 2, 3)}, weights(rng, Oracle(4)), options=four)
    yield module_case("batch of 3, not square", {"x": rng.normal(3, 4, 3, 5)}, weights(rng, Oracle(4)), options=four)
    quarter = {"channels": 16, "reduction": 4}
    yield module_case("reduction 4", {"x": rng.normal(2, 16, 4, 3)}, weights(rng, Oracle(16, 4)), options=quarter)
    large = module_case("large scores", {"x": 3 * rng.normal(1, 4, 3, 3)}, weights(rng, Oracle(4)), options=four)
    yield replace(large, scale=50.0)
    yield module_case("not contiguous", {"x": rng.strided(2, 4, 3, 4)}, weights(rng, Oracle(4)), options=four)
    yield Case(
        NEW,
        (new("net", channels=6), mode("net", "train"), call(OUT, Ref("x"), target="net")),
        inputs={"x": rng.normal(2, 6, 3, 3)},
    )
    double = torch.float64
    x = rng.normal(3, 4, 2, 5, dtype=double)
    yield module_case(
        "float64, train mode: batch statistics, and running ones moved",
        {"x": x},
        weights(rng, Oracle(4), double),
        options=four,
        train=True,
    )
    yield module_case(
        "float64, gradients", {"x": x}, weights(rng, Oracle(4), double), options=four, gradients=("x", "net")
    )


def measure(case: Case, outputs: Outputs) -> Outputs:
    """Of a new block, whose weights are its own, only whether it changes its input."""
    if case.name != NEW:
        return outputs
    return {"the output is the input": bool((outputs[OUT] - case.inputs["x"]).abs().max() < 1e-6)}


class OverTheSeekers(Oracle):
    def shares(self, scores: Tensor) -> Tensor:
        return torch.softmax(scores, dim=-2)


class Scaled(Oracle):
    def shares(self, scores: Tensor) -> Tensor:
        return torch.softmax(scores * self.t.weight.shape[0] ** -0.5, dim=-1)


class DividedByCount(Oracle):
    def shares(self, scores: Tensor) -> Tensor:
        return scores / scores.shape[-1]


class OtherWayRound(Oracle):
    def shares(self, scores: Tensor) -> Tensor:
        return torch.softmax(scores.transpose(1, 2), dim=-1)


class Turned(Oracle):
    def shares(self, scores: Tensor) -> Tensor:
        return torch.softmax(scores, dim=-1).transpose(1, 2)


class Gates(Oracle):
    def shares(self, scores: Tensor) -> Tensor:
        return torch.sigmoid(scores)


class NoShortcut(Oracle):
    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.norm(self.z(self.collect(x)))
        return out


class NormOfTheSum(Oracle):
    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.norm(x + self.z(self.collect(x)))
        return out


class NoNorm(Oracle):
    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.z(self.collect(x)) + 0 * self.norm.weight.sum() + 0 * self.norm.bias.sum()
        return out


class BornBusy(Oracle):
    def __init__(self, channels: int, reduction: int = 2) -> None:
        super().__init__(channels, reduction)
        nn.init.ones_(self.norm.weight)


class RowsAndColumnsMixed(Oracle):
    def collect(self, x: Tensor) -> Tensor:
        found = super().collect(x)
        return found.reshape(*found.shape[:2], x.shape[3], x.shape[2]).transpose(2, 3)


NON_LOCAL = Exercise(
    id="attention.NonLocalBlock",
    cases=cases,
    oracle=Oracle,
    measure=measure,
    # a number that all of a place's scores share leaves its weights as they are: what p's bias gets is rounding alone
    tolerance=Tolerance(absolute={"gradient of net.p.bias": 1e-10}),
    wrong=(
        Wrong(
            "takes the softmax over the places that look",
            OverTheSeekers,
            says="the softmax runs over the wrong axis: the weights that one place hands out must add up to 1.",
            look="print weights.sum(-1): is it 1 everywhere?",
        ),
        Wrong(
            "divides the scores",
            Scaled,
            says="the scores are divided by the root of their length, as in a transformer; this block takes the "
            "products as they are.",
            look="softmax of the plain products.",
        ),
        Wrong(
            "divides by the number of places",
            DividedByCount,
            says="the scores are divided by the number of places, which is the paper's dot-product form; asked is the "
            "softmax form.",
            look="weights are positive and add up to 1.",
        ),
        Wrong(
            "swaps t and p",
            OtherWayRound,
            says="t and p have changed places: t is what a place looks for, p what it shows.",
            look="scores[i, j] = t at i times p at j.",
        ),
        Wrong(
            "hands the values out along the wrong axis",
            Turned,
            says="the weights are turned when they meet g: what place i finds is the sum over j of weights[i, j] g[j].",
            look="which axis of the weights is summed away?",
        ),
        Wrong(
            "has gates instead of shares",
            Gates,
            says="each pair has a sigmoid; the places that one place looks at compete, by a softmax.",
            look="weights of one place add up to 1.",
        ),
        Wrong(
            "leaves out the shortcut",
            NoShortcut,
            says="the input isn't added.",
            look="x + …: a block that starts as nothing must let x through.",
        ),
        Wrong(
            "normalises the sum",
            NormOfTheSum,
            says="the input goes through the batch norm too; only what was found does.",
            look="x + norm(z(found)).",
        ),
        Wrong(
            "leaves out the batch norm",
            NoNorm,
            says="z's result is added as it is; a batch norm stands between.",
            look="x + norm(z(found)).",
        ),
        Wrong(
            "is born busy",
            BornBusy,
            says="a new block already changes its input; put into a trained network it would disturb it.",
            look="which parameter, set to 0, silences the branch?",
        ),
        Wrong(
            "mixes rows and columns",
            RowsAndColumnsMixed,
            says="places come back in another order than they went in.",
            look="flatten(2) goes row by row; unflatten to (H, W), in this order.",
        ),
    ),
    hints=(
        "Flatten the places: (N, c, H, W) becomes (N, c, H·W), and a product of matrices compares all pairs.",
        "t turned, (N, H·W, c), times p, (N, c, H·W), gives scores (N, H·W, H·W): row i is what place i thinks of all.",
        "softmax over the last axis; then g @ weights.transpose(1, 2) is (N, c, H·W): unflatten, z, norm, add x.",
        "nn.init.zeros_(self.norm.weight) makes the new block the identity.",
    ),
    points=4,
    minutes=25,
    forbidden=ATTENTION,
    speed=Speed(
        case=lambda rng: module_case(
            "speed", {"x": rng.normal(4, 32, 16, 16)}, weights(rng, Oracle(32)), options={"channels": 32}
        ),
        limit=3.0,
        against="the same by einsum",
    ),
)

EXERCISES = (NON_LOCAL,)
