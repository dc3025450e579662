"""The hyperbolic tangent from the exponential, right far from 0 and close to it."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from autograder.exercises.forbidden import TANH
from autograder.exercises.lenet.activations import many_calls
from autograder.spec import Case, Exercise, Rng, Speed, Wrong, of_call

LN3 = 1.0986122886681098


def oracle(x: Tensor) -> Tensor:
    return torch.tanh(x)


def cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "eˣ = 3, 1 and 1/3, by hand",
        x=torch.tensor([LN3, 0.0, -LN3]),
        expect=torch.tensor([0.8, 0.0, -0.8]),
        note="eˣ = 3: (3 − 1/3) / (3 + 1/3) = 0.8",
        terms=4,
    )
    yield of_call("between −3 and 3", x=rng.uniform(4, 5, low=-3, high=3), gradients=("x",), terms=4)
    yield of_call("gradient, at exactly 0 too", x=torch.tensor([-1.0, 0.0, 0.5, 0.0]), gradients=("x",), terms=4)
    yield of_call("100 and −100", x=torch.tensor([100.0, -100.0, 1.0]), gradients=("x",), terms=4)
    yield of_call("close to 0", x=1e-6 * rng.normal(12), terms=4)
    yield of_call("very large", x=torch.tensor([1e4, -1e4, 1e30, -1e30, 0.25]), gradients=("x",), terms=4)
    yield of_call("images, not contiguous", x=rng.strided(2, 3, 4, 5), terms=4)
    yield of_call(
        "float64, from −30 to 30", x=torch.linspace(-30, 30, 41, dtype=torch.float64), gradients=("x",), terms=4
    )
    yield of_call("empty", x=torch.zeros(0, 3))


def overflows(x: Tensor) -> Tensor:
    return (x.exp() - (-x).exp()) / (x.exp() + (-x).exp())


def cancels(x: Tensor) -> Tensor:
    return 1 - 2 / (torch.exp(2 * x) + 1)


def sigmoid(x: Tensor) -> Tensor:
    return torch.sigmoid(x)


def half_as_steep(x: Tensor) -> Tensor:
    return torch.tanh(x / 2)


def upside_down(x: Tensor) -> Tensor:
    return torch.tanh(-x)


def clipped(x: Tensor) -> Tensor:
    return F.hardtanh(x)


def flat_at_zero(x: Tensor) -> Tensor:
    return x.sign() * torch.tanh(x.abs())


def early_limit(x: Tensor) -> Tensor:
    return torch.tanh(x.clamp(-5, 5))


def reciprocal(x: Tensor) -> Tensor:
    return 1 / torch.tanh(x)


HYPERBOLIC_TANGENT = Exercise(
    id="lenet.tanh",
    cases=cases,
    oracle=oracle,
    wrong=(
        Wrong(
            "overflows far from 0",
            overflows,
            says="e¹⁰⁰ is too large for float32: it becomes ∞, and ∞/∞ is NaN.",
            look="beyond ±20 the answer is ±1 anyway: limit x first, or use exponentials of negative numbers only.",
        ),
        Wrong(
            "loses digits close to 0",
            cancels,
            says="close to 0 two nearly equal numbers are subtracted, and most digits cancel.",
            look="torch.expm1(x) is eˣ − 1 without that loss.",
        ),
        Wrong(
            "is the sigmoid",
            sigmoid,
            says="this is the sigmoid, from 0 to 1; tanh goes from −1 to 1.",
            look="tanh(0) is 0.",
        ),
        Wrong(
            "is half as steep",
            half_as_steep,
            says="this is tanh(x/2): a factor of 2 is missing in the exponent.",
            look="multiply (eˣ − e⁻ˣ) / (eˣ + e⁻ˣ) by eˣ above and below.",
        ),
        Wrong(
            "has the wrong sign",
            upside_down,
            says="the sign is wrong: tanh grows.",
            look="which exponential is subtracted from which?",
        ),
        Wrong(
            "cuts off straight",
            clipped,
            says="this is a straight line cut off at ±1; tanh bends.",
            look="use the exponential.",
        ),
        Wrong(
            "loses the gradient at exactly 0",
            flat_at_zero,
            says="values are right, but at 0 the gradient is 0 and not 1: sign, abs and a clamp at 0 are flat there.",
            look="find a form that doesn't treat positive and negative x apart.",
        ),
        Wrong(
            "sets the limit too early",
            early_limit,
            says="x is limited too early: tanh(5) is 0.9999, and float32 can tell that from 1.",
            look="in float64, tanh(x) differs from 1 up to about x = 19.",
        ),
        Wrong(
            "divides the wrong way round",
            reciprocal,
            says="numerator and denominator are swapped.",
            look="tanh stays between −1 and 1.",
        ),
    ),
    hints=(
        "Write tanh with one exponential only: (e²ˣ − 1) / (e²ˣ + 1).",
        "expm1 gives e²ˣ − 1 exactly, close to 0 too; e²ˣ + 1 is that plus 2.",
        "Limit x to ±20 first, so that nothing overflows; the gradient beyond is 0, as it should be.",
    ),
    points=2,
    minutes=12,
    forbidden=TANH,
    speed=Speed(case=lambda rng: many_calls(rng, "x"), limit=4.0, against="torch.tanh"),
)

EXERCISES = (HYPERBOLIC_TANGENT,)
