"""UNet++: the nodes of several U-Nets, shared."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from autograder.exercises.unet._ready_made import NETWORKS
from autograder.exercises.unet._variants import (
    EVAL,
    FLOAT64,
    OUT,
    TRAIN,
    by_hand,
    fitted,
    made_of,
    measure_names,
    one,
    speed,
    twisted,
    with_batch_norms,
)
from autograder.exercises.unet.double_conv import Oracle as DoubleConv
from autograder.exercises.vit._vit import under_other_names
from autograder.spec import Case, Exercise, Ref, Rng, Wrong, backward, call, state

Rows = list[list[Tensor]]
SHALLOW = call("out", Ref("x"), target="net", steps=1)
AFTERWARDS = state("net")
LAST, GRADIENTS = call("deepest", -1, target="out", method="__getitem__"), backward("deepest", "x", "net")


class Oracle(nn.Module):
    """The network. What wrong answers do differently has a method of its own."""

    def __init__(
        self, in_channels: int = 1, classes: int = 1, width: int = 16, depth: int = 4, norm: str = "batch"
    ) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(depth + 1)]
        self.depth = depth
        nodes, ups = nn.ModuleDict(), nn.ModuleDict()
        for lowest in range(depth + 1):
            nodes[f"{lowest}_0"] = DoubleConv(widths[lowest - 1] if lowest else in_channels, widths[lowest], norm)
            for step in range(1, lowest + 1):
                wide = widths[lowest - step]
                name = f"{lowest - step}_{step}"
                ups[name] = nn.ConvTranspose2d(2 * wide, wide, 2, 2)
                nodes[name] = DoubleConv(self.entering(step, wide), wide, norm)
        self.nodes, self.ups = nodes, ups
        self.heads = nn.ModuleList(nn.Conv2d(width, classes, 1) for _ in range(depth))

    def entering(self, step: int, wide: int) -> int:
        """How many channels a node sees."""
        return (step + 1) * wide

    def halved(self, x: Tensor) -> Tensor:
        return F.max_pool2d(x, 2)

    def below(self, row: list[Tensor]) -> Tensor:
        """The node that is enlarged, of the level below, all of which made so far are in `row`."""
        return row[-1]

    def fit(self, x: Tensor, like: Tensor) -> Tensor:
        return fitted(x, like)

    def beside(self, row: list[Tensor], larger: Tensor) -> Tensor:
        return torch.cat([*row, larger], dim=1)

    def made(self, steps: int) -> int:
        """So many levels below the first are worked out."""
        return steps

    def read(self, row: list[Tensor], steps: int) -> Any:
        return [head(node) for head, node in zip(self.heads, row[1 : steps + 1], strict=False)]

    def forward(self, images: Tensor, steps: int | None = None) -> Any:
        steps = self.depth if steps is None else steps
        rows: Rows = [[self.nodes["0_0"](images)]]
        for lowest in range(1, self.made(steps) + 1):
            rows.append([self.nodes[f"{lowest}_0"](self.halved(rows[-1][0]))])
            for step in range(1, lowest + 1):
                name, row = f"{lowest - step}_{step}", rows[lowest - step]
                larger = self.fit(self.ups[name](self.below(rows[lowest - step + 1])), row[0])
                row.append(self.nodes[name](self.beside(row, larger)))
        return self.read(rows[0], steps)


def cases(rng: Rng) -> Iterator[Case]:
    yield by_hand(
        Oracle,
        "nodes that give their biases alone, by hand",
        {"nodes.0_1.norm2.bias": [2.0], "nodes.0_2.norm2.bias": [5.0], "heads.0.weight": [3.0]}
        | {"heads.1.weight": [10.0], "heads.1.bias": [-1.0]},
        [torch.full((1, 1, 4, 6), 6.0), torch.full((1, 1, 4, 6), 49.0)],
        "node (0, 1) is 2 everywhere, and 3 · 2 = 6; node (0, 2) is 5, and 10 · 5 − 1 = 49",
        width=1,
        depth=2,
    )
    yield made_of(width=2, depth=3, in_channels=3, classes=2)
    yield one(Oracle, rng, "depth 2, 2 classes", rng.normal(2, 2, 8, 12), EVAL, OUT, classes=2)
    yield one(Oracle, rng, "odd sizes, not contiguous", rng.strided(2, 2, 13, 10), EVAL, OUT)
    yield one(Oracle, rng, "the first output alone, in training", rng.normal(2, 1, 4, 6), TRAIN, SHALLOW, AFTERWARDS)
    yield one(Oracle, rng, "instance norm", rng.normal(1, 1, 8, 4), EVAL, OUT, norm="instance")
    double = rng.normal(2, 1, 7, 8, dtype=FLOAT64)
    yield one(Oracle, rng, "float64, gradients of the deepest output", double, TRAIN, OUT, LAST, GRADIENTS)


# --- wrong answers ---------------------------------------------------------------------------------------------------


def two_of_a_width(self: Any, step: int, wide: int) -> int:
    return 2 * wide


def first_and_larger(self: Any, row: list[Tensor], larger: Tensor) -> Tensor:
    return torch.cat([row[0], larger], dim=1)


def larger_first(self: Any, row: list[Tensor], larger: Tensor) -> Tensor:
    return torch.cat([larger, *row], dim=1)


def latest_first(self: Any, row: list[Tensor], larger: Tensor) -> Tensor:
    return torch.cat([*row[::-1], larger], dim=1)


def always_the_first(self: Any, row: list[Tensor]) -> Tensor:
    return row[0]


def filled_with_zeros(self: Any, x: Tensor, like: Tensor) -> Tensor:
    return F.pad(x, (0, like.shape[-1] - x.shape[-1], 0, like.shape[-2] - x.shape[-2]))


def averaging(self: Any, x: Tensor) -> Tensor:
    return F.avg_pool2d(x, 2)


def everything(self: Any, steps: int) -> int:
    depth: int = self.depth
    return depth


def one_head(self: Any, row: list[Tensor], steps: int) -> Any:
    return [self.heads[-1](node) + 0 * head(node) for head, node in zip(self.heads, row[1 : steps + 1], strict=False)]


def from_the_left(self: Any, row: list[Tensor], steps: int) -> Any:
    return Oracle.read(self, [row[0], *row], steps)


def deepest_first(self: Any, row: list[Tensor], steps: int) -> Any:
    return Oracle.read(self, row, steps)[::-1]


def deepest_alone(self: Any, row: list[Tensor], steps: int) -> Any:
    return Oracle.read(self, row, steps)[-1]


def mean_of_all(self: Any, row: list[Tensor], steps: int) -> Any:
    return torch.stack(Oracle.read(self, row, steps)).mean(0)


def as_one_tensor(self: Any, row: list[Tensor], steps: int) -> Any:
    return torch.stack(Oracle.read(self, row, steps))


def probabilities(self: Any, row: list[Tensor], steps: int) -> Any:
    return [logits.sigmoid() for logits in Oracle.read(self, row, steps)]


class IgnoresSteps(Oracle):
    def forward(self, images: Tensor, steps: int | None = None) -> Any:
        return super().forward(images)


WRONG = (
    Wrong(
        "sees one node of its row alone",
        twisted(Oracle, entering=two_of_a_width, beside=first_and_larger),
        says="each node sees one of its row, and the one below: that is a U-Net's skip. In UNet++ it sees all to its "
        "left.",
        look="how many channels does node (0, 2) see?",
    ),
    Wrong(
        "puts the enlarged map first",
        twisted(Oracle, beside=larger_first),
        says="the enlarged map stands in front of the row; it comes last.",
        look="the order inside torch.cat.",
    ),
    Wrong(
        "puts the latest node first",
        twisted(Oracle, beside=latest_first),
        says="the nodes of a row are set side by side from the latest to the first; it is the other way round.",
        look="the order inside torch.cat.",
    ),
    Wrong(
        "always enlarges the way down",
        twisted(Oracle, below=always_the_first),
        says="what is enlarged is always the first node of the level below; for node (i, j) it is (i + 1, j − 1), the "
        "one a step to the left.",
        look="draw the six nodes of depth 2, and the arrows that end at 0_2.",
    ),
    Wrong(
        "fills up with zeros",
        twisted(Oracle, fit=filled_with_zeros),
        says="where an enlarged map is a row or column short, zeros are added; the last one is repeated.",
        look="fit_to does it.",
    ),
    Wrong(
        "averages on the way down",
        twisted(Oracle, halved=averaging),
        says="the maps are halved by their mean; here by their maximum.",
        look="the contract's line on step 0.",
    ),
    Wrong(
        "reads all outputs with one head",
        twisted(Oracle, read=one_head),
        says="all outputs come from the same head; each has its own.",
        look="the contract's line on `heads`.",
    ),
    Wrong(
        "reads the nodes one to the left",
        twisted(Oracle, read=from_the_left),
        says="head 0 reads node (0, 0), which has not seen anything below; it reads (0, 1).",
        look="which nodes of the first row have a head?",
    ),
    Wrong(
        "lists the deepest output first",
        twisted(Oracle, read=deepest_first),
        says="the outputs are listed from the deepest to the shallowest; it is the other way round.",
        look="which one can be worked out first?",
    ),
    Wrong(
        "gives the deepest output alone",
        twisted(Oracle, read=deepest_alone),
        says="only the deepest output comes back; asked is a list of them all.",
        look="one output for each head.",
    ),
    Wrong(
        "gives the mean of the outputs",
        twisted(Oracle, read=mean_of_all),
        says="the outputs are averaged; asked is a list of them. Whoever trains needs each.",
        look="one output for each head.",
    ),
    Wrong(
        "stacks the outputs",
        twisted(Oracle, read=as_one_tensor),
        says="the outputs come back as one tensor; asked is a list.",
        look="no torch.stack at the end.",
    ),
    Wrong(
        "gives probabilities",
        twisted(Oracle, read=probabilities),
        says="a sigmoid stands at the end; asked are logits, which losses take and squash themselves.",
        look="the last line of forward.",
    ),
    Wrong(
        "ignores steps",
        IgnoresSteps,
        says="all outputs come back, though fewer steps were asked for.",
        look="where does `steps` stand in your forward?",
    ),
    Wrong(
        "works everything out and throws it away",
        twisted(Oracle, made=everything),
        says="the right outputs come back, but nodes that they don't need were worked out too: in training the "
        "statistics of their norms moved. And a shallow answer should be a cheap one.",
        look="which nodes does the first output need? Those with i + j ≤ 1.",
    ),
    Wrong(
        "ignores the norm",
        with_batch_norms(Oracle),
        says="the nodes have batch norms, whatever norm was asked for.",
        look="what is each DoubleConv made with?",
    ),
    Wrong(
        "gives its parts other names",
        under_other_names(Oracle, {"nodes": "blocks", "ups": "larger", "heads": "outputs"}),
        says="it works, but its parts don't have the contract's names, under which later cells look for them.",
        look="the contract's table: nodes, ups and heads.",
    ),
)

NESTED_UNET = Exercise(
    id="unet.NestedUNet",
    cases=cases,
    oracle=Oracle,
    measure=measure_names,
    wrong=WRONG,
    hints=(
        "Draw depth 2 first: 0_0, 1_0 below it, 0_1 beside it; then 2_0, 1_1, 0_2. Build it in this order, one "
        "diagonal after the other.",
        "Keep a list of rows; row i holds the nodes of level i that exist so far. A node sees all of its row, and the "
        "last one of the row below.",
        "A diagonal: append [node (d, 0)] as a new row, then for j = 1 … d append node (d − j, j) to row d − j.",
        "row.append(nodes[name](torch.cat([*row, fit_to(ups[name](below), row[0].shape[-2:])], dim=1))).",
    ),
    points=5,
    minutes=30,
    needs=("unet.DoubleConv", "unet.fit_to"),
    forbidden=NETWORKS,
    speed=speed(Oracle),
)

EXERCISES = (NESTED_UNET,)
