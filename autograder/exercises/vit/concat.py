"""Fusion by concatenation: the mean of the image's tokens beside the table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from autograder.exercises.attention._modules import module_case, weights
from autograder.spec import Case, Exercise, Rng, Speed, Wrong


class Oracle(nn.Module):
    def __init__(self, dim: int, features: int, classes: int, hidden: int = 64) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim + features, hidden)
        self.fc2 = nn.Linear(hidden, classes)

    def summary(self, image_tokens: Tensor) -> Tensor:
        return image_tokens.mean(1)

    def beside(self, image: Tensor, table: Tensor) -> Tensor:
        return torch.cat([image, table], dim=1)

    def bend(self, x: Tensor) -> Tensor:
        return F.relu(x)

    def answer(self, logits: Tensor) -> Tensor:
        return logits

    def forward(self, image_tokens: Tensor, table: Tensor) -> Tensor:
        both = self.beside(self.summary(image_tokens), table)
        return self.answer(self.fc2(self.bend(self.fc1(both))))


def by_hand() -> Case:
    found = {
        "fc1.weight": torch.tensor([[1.0, 1.0], [-1.0, 2.0]]),
        "fc1.bias": torch.tensor([0.0, -1.0]),
        "fc2.weight": torch.tensor([[1.0, 3.0], [0.0, -1.0]]),
        "fc2.bias": torch.tensor([0.5, 0.0]),
    }
    return module_case(
        "two tokens of one number, one column, by hand",
        {"image_tokens": torch.tensor([[[1.0], [5.0]]]), "table": torch.tensor([[-2.0]])},
        found,
        options={"dim": 1, "features": 1, "classes": 2, "hidden": 2},
        expect=torch.tensor([[1.5, 0.0]]),
        note="mean 3, beside it −2; fc1: 3 − 2 = 1 and −3 − 4 − 1 = −8; ReLU: 1, 0; fc2: 1·1 + 0.5 = 1.5 and 0",
    )


Inputs = Mapping[str, Tensor]


def pair(rng: Rng, batch: int, n: int, dim: int, features: int, dtype: torch.dtype = torch.float32) -> Inputs:
    return {
        "image_tokens": rng.normal(batch, n, dim, dtype=dtype) + 0.5,
        "table": rng.normal(batch, features, dtype=dtype),
    }


def case(
    name: str,
    rng: Rng,
    inputs: Inputs,
    classes: int,
    hidden: int = 6,
    *,
    train: bool = False,
    gradients: tuple[str, ...] = (),
) -> Case:
    tokens, table = inputs.values()
    options = {"dim": tokens.shape[2], "features": table.shape[1], "classes": classes, "hidden": hidden}
    found = weights(rng, Oracle(**options), tokens.dtype)
    return module_case(name, inputs, found, options=options, train=train, gradients=gradients)


def cases(rng: Rng) -> Iterator[Case]:
    yield by_hand()
    yield case("five tokens, three columns", rng, pair(rng, 2, 5, 4, 3), 4)
    yield case("one image", rng, pair(rng, 1, 7, 6, 2), 3, 9)
    yield case("one token", rng, pair(rng, 3, 1, 4, 5), 2)
    yield case("as many tokens as numbers in one", rng, pair(rng, 3, 4, 4, 2), 5)
    yield case("as many columns as numbers in a token", rng, pair(rng, 2, 3, 4, 4), 2)
    many = pair(rng, 2, 3, 5, 4)
    usual = {"dim": 5, "features": 4, "classes": 3}
    yield module_case("64 hidden numbers unless said", many, weights(rng, Oracle(**usual)), options=usual)
    strided = {"image_tokens": rng.strided(2, 6, 4), "table": rng.strided(2, 3)}
    yield case("not contiguous", rng, strided, 3)
    large = {"image_tokens": 1e3 * rng.normal(2, 4, 3), "table": 1e3 * rng.normal(2, 2)}
    yield case("large numbers", rng, large, 3)
    exact = pair(rng, 3, 4, 5, 2, torch.float64)
    wrt = ("image_tokens", "table", "net")
    found = case("float64, gradients, train mode", rng, exact, 3, train=True, gradients=wrt)
    yield replace(found, scale=2.0)  # gradients of the biases all but cancel


class FirstToken(Oracle):
    def summary(self, image_tokens: Tensor) -> Tensor:
        return image_tokens[:, 0]


class LargestToken(Oracle):
    def summary(self, image_tokens: Tensor) -> Tensor:
        return image_tokens.amax(1)


class SumOfTokens(Oracle):
    def summary(self, image_tokens: Tensor) -> Tensor:
        return image_tokens.sum(1)


class MeanOfBatch(Oracle):
    def summary(self, image_tokens: Tensor) -> Tensor:
        return image_tokens.mean((0, 1)).expand(len(image_tokens), -1)


class TableFirst(Oracle):
    def beside(self, image: Tensor, table: Tensor) -> Tensor:
        return torch.cat([table, image], dim=1)


class NoTable(Oracle):
    def beside(self, image: Tensor, table: Tensor) -> Tensor:
        return torch.cat([image, torch.zeros_like(table)], dim=1)


class NoImage(Oracle):
    def beside(self, image: Tensor, table: Tensor) -> Tensor:
        return torch.cat([torch.zeros_like(image), table], dim=1)


class BentBefore(Oracle):
    def beside(self, image: Tensor, table: Tensor) -> Tensor:
        return F.relu(super().beside(image, table))


class Straight(Oracle):
    def bend(self, x: Tensor) -> Tensor:
        return x


class Softly(Oracle):
    def bend(self, x: Tensor) -> Tensor:
        return F.gelu(x)


class Chances(Oracle):
    def answer(self, logits: Tensor) -> Tensor:
        return logits.softmax(1)


class BentLast(Oracle):
    def answer(self, logits: Tensor) -> Tensor:
        return F.relu(logits)


class EachToken(Oracle):
    """The network for each token, and the mean of the logits."""

    def forward(self, image_tokens: Tensor, table: Tensor) -> Tensor:
        beside = table[:, None].expand(-1, image_tokens.shape[1], -1)
        both = torch.cat([image_tokens, beside], dim=2)
        out: Tensor = self.fc2(F.relu(self.fc1(both))).mean(1)
        return out


CONCAT_FUSION = Exercise(
    id="vit.ConcatFusion",
    cases=cases,
    oracle=Oracle,
    wrong=(
        Wrong(
            "takes the first token",
            FirstToken,
            says="the image is its first token only; it is the mean of all tokens.",
            look="mean over the axis of the tokens.",
        ),
        Wrong(
            "takes the largest of the tokens",
            LargestToken,
            says="of each number the largest among the tokens is taken; it is the mean.",
            look="mean over the axis of the tokens.",
        ),
        Wrong(
            "adds the tokens up",
            SumOfTokens,
            says="the tokens are added up; a larger image would give larger numbers.",
            look="mean, not sum.",
        ),
        Wrong(
            "takes the mean over the batch too",
            MeanOfBatch,
            says="the mean runs over the batch too, so all patients share one image.",
            look="which axis of (N, n, dim) are the tokens?",
        ),
        Wrong(
            "puts the table first",
            TableFirst,
            says="the table stands before the image; fc1's first columns belong to the image.",
            look="the order inside torch.cat.",
        ),
        Wrong(
            "ignores the table",
            NoTable,
            says="the table plays no part.",
            look="fc1 takes dim + features numbers.",
        ),
        Wrong(
            "ignores the image",
            NoImage,
            says="the image plays no part.",
            look="fc1 takes dim + features numbers.",
        ),
        Wrong(
            "rectifies before fc1",
            BentBefore,
            says="what goes into fc1 has lost its negative numbers.",
            look="the ReLU stands between fc1 and fc2.",
        ),
        Wrong(
            "leaves out the ReLU",
            Straight,
            says="nothing bends between fc1 and fc2, and two linear layers in a row are one.",
            look="fc1, ReLU, fc2.",
        ),
        Wrong(
            "takes GELU",
            Softly,
            says="between fc1 and fc2 stands a GELU; here it is a ReLU.",
            look="fc1, ReLU, fc2.",
        ),
        Wrong(
            "answers with probabilities",
            Chances,
            says="the answer went through a softmax; logits are asked for, and the loss does the rest.",
            look="fc2's result is the answer.",
        ),
        Wrong(
            "rectifies the logits",
            BentLast,
            says="negative logits are cut off.",
            look="fc2's result is the answer.",
        ),
        Wrong(
            "takes the mean last",
            EachToken,
            says="the network runs for each token, and the logits are averaged; the mean of the tokens comes first.",
            look="one row of dim + features numbers for each image goes into fc1.",
        ),
    ),
    hints=(
        "image_tokens.mean(1) is (N, dim); torch.cat([…, table], dim=1) is (N, dim + features).",
        "Then fc1, ReLU, fc2.",
    ),
    points=1,
    minutes=8,
    speed=Speed(
        case=lambda rng: case("speed", rng, pair(rng, 64, 196, 192, 16), 5, 64),
        limit=4.0,
        against="the same in torch",
    ),
)

EXERCISES = (CONCAT_FUSION,)
