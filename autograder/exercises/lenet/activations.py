"""Activations: what makes a stack of layers more than one layer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from autograder.exercises.forbidden import RECTIFIERS
from autograder.spec import Case, Exercise, Ref, Rng, Speed, Step, Value, Wrong, of_call

CALLS = 4  # of a timed case


def relu_oracle(x: Tensor) -> Tensor:
    return F.relu(x)


def exponential(x: Tensor, *rest: Any) -> Tensor:
    """The yardstick: F.relu is a single instruction a number, which nothing composed of operators can match."""
    return torch.exp(x)


def many_calls(rng: Rng, *tensors: str, **others: Value) -> Case:
    """Calls on what fits the cache (in one large call the memory's speed would drown the arithmetic), each on numbers
    of its own and with an output of its own, so that none can be left out."""
    inputs = {
        f"{name} {number}": rng.uniform(16, 64, 64, low=-4, high=4) for number in range(CALLS) for name in tensors
    }
    steps = []
    for number in range(CALLS):
        own = {name: Ref(f"{name} {number}") for name in tensors}
        steps.append(Step("call", out=f"out {number}", kwargs=own | others))
    return Case("speed", tuple(steps), inputs=inputs)


def relu_cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "four numbers, by hand",
        x=torch.tensor([-2.0, 0.0, 3.0, -0.5]),
        expect=torch.tensor([0.0, 0.0, 3.0, 0.0]),
        note="−2 is not positive: 0; 3 is: 3",
    )
    yield of_call("gradient, at exactly 0 too", x=torch.tensor([-1.5, 0.0, 2.5, 0.0, 7.0, -3.0]), gradients=("x",))
    yield of_call("images", x=rng.normal(2, 3, 4, 5) * 4, gradients=("x",))
    yield of_call("all negative", x=-1 - rng.uniform(3, 4), gradients=("x",))
    yield of_call("very large and very small", x=torch.tensor([-1e30, 1e30, -1e-30, 1e-30, 5.0]), gradients=("x",))
    yield of_call("not contiguous", x=rng.strided(3, 4, 5))
    yield of_call("float64", x=rng.normal(4, 6, dtype=torch.float64), gradients=("x",))
    yield of_call("a single number without axes", x=torch.tensor(1.25))
    yield of_call("empty", x=torch.zeros(0, 3))


def magnitude(x: Tensor) -> Tensor:
    return x.abs()


def negative_part(x: Tensor) -> Tensor:
    return x.clamp(max=0)


def step(x: Tensor) -> Tensor:
    return (x > 0).to(x.dtype) + 0 * x


def capped(x: Tensor) -> Tensor:
    return F.relu6(x)


def passes_at_zero(x: Tensor) -> Tensor:
    return torch.where(x >= 0, x, 0.0)


def halves_at_zero(x: Tensor) -> Tensor:
    return torch.maximum(x, torch.zeros_like(x))


def relu_in_place(x: Tensor) -> Tensor:
    return x.relu_()


def cuts_gradient(x: Tensor) -> Tensor:
    return F.relu(x.detach())


RELU = Exercise(
    id="lenet.relu",
    cases=relu_cases,
    oracle=relu_oracle,
    wrong=(
        Wrong(
            "drops the sign",
            magnitude,
            says="negative numbers lose their sign; they should become 0.",
            look="relu(−2) is 0, not 2.",
        ),
        Wrong(
            "keeps the negative part",
            negative_part,
            says="positive numbers became 0 and negative ones stayed: it is the other way round.",
            look="turn your comparison round.",
        ),
        Wrong(
            "answers 1 for positive numbers",
            step,
            says="positive numbers became 1; they pass unchanged.",
            look="a comparison gives a mask: what do you do with it?",
        ),
        Wrong(
            "caps at 6",
            capped,
            says="large numbers are cut off at the top (that is ReLU6); ReLU has no ceiling.",
            look="only the lower side has a limit.",
        ),
        Wrong(
            "passes the gradient at exactly 0",
            passes_at_zero,
            says="values are right, but at exactly 0 the gradient is 1; it should be 0, as PyTorch has it.",
            look="≥ or >?",
        ),
        Wrong(
            "halves the gradient at exactly 0",
            halves_at_zero,
            says="values are right, but at exactly 0 the gradient is ½: maximum shares it between two equal arguments.",
            look="choose by a mask, x > 0, instead.",
        ),
        Wrong(
            "changes x in place",
            relu_in_place,
            says="the numbers are right, but x itself was changed.",
            look="x[x < 0] = 0 writes into the caller's tensor; torch.where makes a new one.",
        ),
        Wrong(
            "cuts the gradient off",
            cuts_gradient,
            says="values are right, but no gradient comes back.",
            look="leave out .detach(), .data, .item(), torch.tensor(…) and torch.no_grad().",
        ),
    ),
    hints=(
        "For each number: keep it if it is positive, else 0.",
        "torch.where(condition, a, b) chooses element by element.",
    ),
    points=1,
    minutes=5,
    forbidden=RECTIFIERS,
    speed=Speed(
        case=lambda rng: many_calls(rng, "x"),
        limit=8.0,
        baseline=exponential,
        against="torch.exp",
    ),
)


def leaky_oracle(x: Tensor, negative_slope: float = 0.01) -> Tensor:
    return F.leaky_relu(x, negative_slope)


def leaky_cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "three numbers, by hand",
        x=torch.tensor([-2.0, 0.0, 3.0]),
        negative_slope=0.1,
        expect=torch.tensor([-0.2, 0.0, 3.0]),
        note="−2 · 0.1 = −0.2",
    )
    yield of_call("the usual slope", x=rng.normal(3, 4) * 3)
    at_zero = torch.tensor([-1.5, 0.0, 2.5, 0.0, 7.0, -3.0])
    yield of_call("gradient, at exactly 0 too", x=at_zero, negative_slope=0.25, gradients=("x",))
    yield of_call("images", x=rng.normal(2, 3, 4, 5), negative_slope=0.2, gradients=("x",))
    yield of_call("slope 2", x=rng.normal(3, 5), negative_slope=2.0, gradients=("x",))
    yield of_call("slope −1: the absolute value", x=rng.normal(3, 5), negative_slope=-1.0)
    yield of_call("slope 0: relu", x=rng.normal(3, 5), negative_slope=0.0, gradients=("x",))
    yield of_call("very large and very small", x=torch.tensor([-1e30, 1e30, -1e-30, 1e-30]), negative_slope=0.5)
    yield of_call("not contiguous", x=rng.strided(3, 4, 5), negative_slope=0.3)
    yield of_call("float64", x=rng.normal(4, 6, dtype=torch.float64), negative_slope=0.1, gradients=("x",))
    yield of_call("empty", x=torch.zeros(0, 3))


def no_slope(x: Tensor, negative_slope: float = 0.01) -> Tensor:
    return F.relu(x)


def fixed_slope(x: Tensor, negative_slope: float = 0.01) -> Tensor:
    return leaky_oracle(x)


def slope_everywhere(x: Tensor, negative_slope: float = 0.01) -> Tensor:
    return x * negative_slope


def slope_above(x: Tensor, negative_slope: float = 0.01) -> Tensor:
    return -leaky_oracle(-x, negative_slope)


def slope_of_magnitude(x: Tensor, negative_slope: float = 0.01) -> Tensor:
    return leaky_oracle(x, -negative_slope)


def slope_as_constant(x: Tensor, negative_slope: float = 0.01) -> Tensor:
    return torch.where(x > 0, x, negative_slope)


def larger_of_two(x: Tensor, negative_slope: float = 0.01) -> Tensor:
    return torch.maximum(x, negative_slope * x)


def one_at_zero(x: Tensor, negative_slope: float = 0.01) -> Tensor:
    return torch.where(x >= 0, x, leaky_oracle(x, negative_slope))


def single_precision_slope(x: Tensor, negative_slope: float = 0.01) -> Tensor:
    return x * torch.where(x > 0, 1.0, negative_slope)


def leaky_in_place(x: Tensor, negative_slope: float = 0.01) -> Tensor:
    return F.leaky_relu_(x, negative_slope)


LEAKY_RELU = Exercise(
    id="lenet.leaky_relu",
    cases=leaky_cases,
    oracle=leaky_oracle,
    wrong=(
        Wrong(
            "answers 0 for negative numbers",
            no_slope,
            says="negative numbers became 0; they are multiplied by negative_slope.",
            look="what tells leaky_relu from relu?",
        ),
        Wrong(
            "always uses the slope 0.01",
            fixed_slope,
            says="the slope is always 0.01; negative_slope is ignored.",
            look="use the argument instead of a number.",
        ),
        Wrong(
            "scales positive numbers too",
            slope_everywhere,
            says="all numbers are multiplied by negative_slope; positive ones pass unchanged.",
            look="choose element by element.",
        ),
        Wrong(
            "scales the positive side",
            slope_above,
            says="positive numbers are scaled and negative ones pass: it is the other way round.",
            look="turn your comparison round.",
        ),
        Wrong(
            "turns negative numbers positive",
            slope_of_magnitude,
            says="negative numbers come out positive; they keep their sign.",
            look="−2 with slope 0.1 is −0.2.",
        ),
        Wrong(
            "writes the slope itself",
            slope_as_constant,
            says="negative numbers became negative_slope; they are multiplied by it.",
            look="what stands in the else branch?",
        ),
        Wrong(
            "takes the larger of x and slope·x",
            larger_of_two,
            says="max(x, slope·x) is right only for slopes from 0 to 1, and at 0 it shares the gradient.",
            look="choose by the sign of x.",
        ),
        Wrong(
            "has gradient 1 at exactly 0",
            one_at_zero,
            says="values are right, but at exactly 0 the gradient is 1; it should be the slope, as PyTorch has it.",
            look="≥ or >?",
        ),
        Wrong(
            "rounds the slope to float32",
            single_precision_slope,
            says="for float64 the slope is right to 8 digits only: torch.where of two plain numbers makes float32.",
            look="let x, or x * negative_slope, be one of the two choices.",
        ),
        Wrong(
            "changes x in place",
            leaky_in_place,
            says="the numbers are right, but x itself was changed.",
            look="x[x < 0] *= … writes into the caller's tensor; torch.where makes a new one.",
        ),
    ),
    hints=(
        "For each number: keep it if it is positive, else multiply it by negative_slope.",
        "torch.where(condition, a, b) chooses element by element.",
    ),
    points=1,
    minutes=4,
    forbidden=RECTIFIERS,
    speed=Speed(
        case=lambda rng: many_calls(rng, "x"),
        limit=12.0,
        baseline=exponential,
        against="torch.exp",
    ),
)

EXERCISES = (RELU, LEAKY_RELU)
