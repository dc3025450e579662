"""Small exercises to test the judge with."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from autograder.spec import (
    Case,
    Exercise,
    Ref,
    Rng,
    Speed,
    Wrong,
    backward,
    call,
    load,
    mode,
    new,
    of_call,
    state,
)


def double(x: Tensor) -> Tensor:
    return 2 * x


def double_cases(rng: Rng):
    yield of_call("by hand", x=torch.tensor([1.0, 2.0]), expect=torch.tensor([2.0, 4.0]), note="2·1 = 2")
    yield of_call("batch", x=rng.normal(3, 4), gradients=("x",))
    yield of_call("float64, not contiguous", x=rng.strided(2, 3, dtype=torch.float64))
    yield of_call("zeros", x=torch.zeros(3))


def toy(**changes) -> Exercise:
    parts = {
        "id": "toys.double",
        "cases": double_cases,
        "oracle": double,
        "wrong": (
            Wrong("triples", lambda x: 3 * x, says="you tripled.", look="look at the factor."),
            Wrong("squares", lambda x: x**2, says="you squared.", look="look at the power."),
        ),
        "hints": ("Twice.", "Add it to itself."),
        "points": 4,
        "minutes": 1,
    }
    return Exercise(**{**parts, **changes})


DOUBLE = toy()
TIMED = toy(speed=Speed(lambda rng: of_call("speed", x=rng.normal(1000, 1000)), limit=5.0, gold=2.0, against="2 * x"))


class Net(nn.Module):
    """Two layers with a nonlinearity between them."""

    def __init__(self, width: int = 3) -> None:
        super().__init__()
        self.first = nn.Linear(2, width)
        self.act = nn.ReLU()
        self.second = nn.Linear(width, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.act(self.first(x)))


def net_cases(rng: Rng):
    weights = {
        "first.weight": rng.normal(3, 2),
        "first.bias": rng.normal(3),
        "second.weight": rng.normal(1, 3),
        "second.bias": rng.normal(1),
    }
    steps = (
        new("net", width=3),
        load("net", weights),
        mode("net", "eval"),
        call("out", Ref("x"), target="net"),
        backward("out", "x", "net"),
        state("net"),
    )
    yield Case("a batch of 5", steps, inputs={"x": rng.normal(5, 2)}, terms=6)


NET = Exercise(id="toys.Net", cases=net_cases, oracle=Net, wrong=(), hints=("Two layers.",), points=2, minutes=1)
