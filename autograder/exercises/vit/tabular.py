"""A table's columns as tokens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor, nn

from autograder.exercises.attention._modules import BORN, born, module_case, weights
from autograder.spec import Case, Exercise, Outputs, Rng, Speed, Wrong


class Oracle(nn.Module):
    def __init__(self, features: int, dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(features, dim))
        self.bias = nn.Parameter(torch.empty(features, dim))
        self.start()

    def start(self) -> None:
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -(parameter.shape[1] ** -0.5), parameter.shape[1] ** -0.5)

    def forward(self, table: Tensor) -> Tensor:
        return torch.einsum("nf,fd->nfd", table, self.weight) + self.bias


def by_hand() -> Case:
    found = {
        "weight": torch.tensor([[1.0, 0.0], [3.0, 1.0]]),
        "bias": torch.tensor([[0.0, 5.0], [0.0, 0.0]]),
    }
    return module_case(
        "two columns, by hand",
        {"table": torch.tensor([[2.0, -1.0]])},
        found,
        options={"features": 2, "dim": 2},
        expect=torch.tensor([[[2.0, 5.0], [-3.0, -1.0]]]),
        note="token 0: 2·1 + 0 = 2 and 2·0 + 5 = 5; token 1: −1·3 = −3 and −1·1 = −1",
    )


def case(name: str, rng: Rng, table: Tensor, dim: int, *, train: bool = False, gradients: tuple[str, ...] = ()) -> Case:
    options = {"features": table.shape[1], "dim": dim}
    found = weights(rng, Oracle(**options), table.dtype)
    made = module_case(name, {"table": table}, found, options=options, train=train, gradients=gradients)
    return replace(made, terms=max(2, len(table)))


def cases(rng: Rng) -> Iterator[Case]:
    yield by_hand()
    yield case("batch of 3, wider tokens", rng, rng.normal(3, 4), 7)
    yield case("more columns than numbers in a token", rng, rng.normal(2, 9), 2)
    yield case("as many columns as numbers in a token", rng, rng.normal(2, 5), 5)
    yield case("as many rows as columns", rng, rng.normal(4, 4), 4)
    yield case("one column", rng, rng.normal(5, 1), 6)
    yield case("a row of zeros: the starting points", rng, torch.zeros(1, 3), 4)
    yield case("not contiguous", rng, rng.strided(4, 3), 5)
    yield case("large numbers", rng, 1e4 * rng.normal(2, 3), 4)
    double = rng.normal(4, 3, dtype=torch.float64)
    yield case("float64, gradients, train mode", rng, double, 5, train=True, gradients=("table", "net"))
    yield born(features=40, dim=64)


def of_birth(case: Case, outputs: Outputs) -> Outputs:
    """Of a new layer's weights, which are random, the size alone."""
    if case.name != BORN:
        return outputs
    found = [value.double() * value.shape[1] ** 0.5 for value in outputs["state"].values() if value.ndim == 2]
    sizes = [float(value.std()) * 3**0.5 for value in found]
    if min(sizes) == 0.0:
        return {"the numbers it starts with": "all alike"}
    fits = all(0.5 < size < 2.0 for size in sizes)
    return {"the numbers it starts with": "of a sensible size" if fits else "far too small or too large"}


class Shared(Oracle):
    def forward(self, table: Tensor) -> Tensor:
        return table[:, :, None] * self.weight[:1] + self.bias


class SharedStart(Oracle):
    def forward(self, table: Tensor) -> Tensor:
        return table[:, :, None] * self.weight + self.bias[:1]


class NoStart(Oracle):
    def forward(self, table: Tensor) -> Tensor:
        return table[:, :, None] * self.weight


class Swapped(Oracle):
    def forward(self, table: Tensor) -> Tensor:
        return table[:, :, None] * self.bias + self.weight


class BothScaled(Oracle):
    def forward(self, table: Tensor) -> Tensor:
        return table[:, :, None] * (self.weight + self.bias)


class Summed(Oracle):
    def forward(self, table: Tensor) -> Tensor:
        return super().forward(table).sum(1)


class Product(Oracle):
    def forward(self, table: Tensor) -> Tensor:
        return table @ self.weight + self.bias


class DimFirst(Oracle):
    def forward(self, table: Tensor) -> Tensor:
        return super().forward(table).transpose(1, 2)


class Reread(Oracle):
    """The weights, read as if they were (dim, features)."""

    def forward(self, table: Tensor) -> Tensor:
        turned = self.weight.reshape(self.weight.shape[::-1]).T
        return table[:, :, None] * turned + self.bias


class Rectified(Oracle):
    def forward(self, table: Tensor) -> Tensor:
        return super().forward(table).relu()


class WholeRow(Oracle):
    """Each token from the sum of the row."""

    def forward(self, table: Tensor) -> Tensor:
        return table.sum(1)[:, None, None] * self.weight + self.bias


class BornAlike(Oracle):
    def start(self) -> None:
        for parameter in self.parameters():
            nn.init.zeros_(parameter)


class BornAnyhow(Oracle):
    """What was in memory is anything; this is large, whatever was there."""

    def start(self) -> None:
        for parameter in self.parameters():
            nn.init.normal_(parameter, std=1e9)


TABULAR_TOKENS = Exercise(
    id="vit.TabularTokens",
    cases=cases,
    oracle=Oracle,
    measure=of_birth,
    wrong=(
        Wrong(
            "gives all columns one direction",
            Shared,
            says="all columns share one row of `weight`; each has its own, or nobody could tell age from pressure.",
            look="weight has the shape (features, dim).",
        ),
        Wrong(
            "gives all columns one starting point",
            SharedStart,
            says="all columns share one row of `bias`; each has its own.",
            look="bias has the shape (features, dim).",
        ),
        Wrong(
            "forgets the bias",
            NoStart,
            says="the bias is never added: columns that are 0 all have the same token.",
            look="x_j · weight_j + bias_j.",
        ),
        Wrong(
            "swaps weight and bias",
            Swapped,
            says="x is multiplied with `bias`, and `weight` is added.",
            look="x_j · weight_j + bias_j.",
        ),
        Wrong(
            "multiplies the bias too",
            BothScaled,
            says="x is multiplied with the sum of weight and bias; the bias is added afterwards.",
            look="your brackets.",
        ),
        Wrong(
            "adds the tokens up",
            Summed,
            says="the columns' tokens are added up to one, as a Linear layer does; each column keeps its own.",
            look="the result is (N, F, dim).",
        ),
        Wrong(
            "takes a matrix product",
            Product,
            says="a matrix product adds up over the columns; each column keeps a token of its own.",
            look="the result is (N, F, dim).",
        ),
        Wrong(
            "puts the columns last",
            DimFirst,
            says="the axes are (N, dim, F); each column is a token, so they are (N, F, dim).",
            look="which axis does table[:, :, None] add?",
        ),
        Wrong(
            "reads the weights in another order",
            Reread,
            says="the numbers of `weight` are read as if its shape were (dim, features).",
            look="its row j belongs to column j; a reshape mixes them up.",
        ),
        Wrong(
            "makes every token from the whole row",
            WholeRow,
            says="each token depends on the sum of the row; token j depends on column j alone.",
            look="multiply value by value, without a sum.",
        ),
        Wrong(
            "rectifies the tokens",
            Rectified,
            says="negative numbers are cut off; tokens have no activation.",
            look="x_j · weight_j + bias_j, nothing more.",
        ),
        Wrong(
            "starts with all numbers alike",
            BornAlike,
            says="in a new layer all numbers are the same, so that all columns look alike.",
            look="uniform between −1/√dim and 1/√dim, in __init__.",
        ),
        Wrong(
            "leaves the numbers as memory was",
            BornAnyhow,
            says="the numbers of a new layer are far too large or too small. torch.empty makes room and fills nothing "
            "in.",
            look="uniform between −1/√dim and 1/√dim, in __init__.",
        ),
    ),
    hints=(
        "table[:, :, None] is (N, F, 1); times weight (F, dim) it becomes (N, F, dim).",
        "torch.empty(features, dim).uniform_(-bound, bound), inside nn.Parameter(…).",
    ),
    points=1,
    minutes=8,
    speed=Speed(case=lambda rng: case("speed", rng, rng.normal(512, 24), 128), limit=4.0, against="einsum"),
)

EXERCISES = (TABULAR_TOKENS,)
