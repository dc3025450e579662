"""A soft ReLU: x times the normal distribution's share below x."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from autograder.exercises.vit._ready_made_a import GELU as READY_MADE
from autograder.spec import Case, Exercise, Ref, Rng, Speed, Step, Wrong, of_call

EXACT, TANH = "none", "tanh"
FLOAT64 = torch.float64
INNER = math.sqrt(2 / math.pi)


def oracle(x: Tensor, approximate: str = EXACT) -> Tensor:
    return F.gelu(x, approximate=approximate)


def case(name: str, x: Tensor, approximate: str, *gradients: str) -> Case:
    return of_call(name, x=x, approximate=approximate, gradients=gradients, terms=4, scale=4.0)


def cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "0, 1 and −1, by hand",
        x=torch.tensor([0.0, 1.0, -1.0]),
        expect=torch.tensor([0.0, 0.841345, -0.158655]),
        note="84.13 % of a normal distribution lie below 1, 15.87 % below −1: 1 · 0.8413 and −1 · 0.1587",
        terms=20,
    )
    yield case("between −3 and 3", rng.uniform(4, 5, low=-3, high=3), EXACT, "x")
    yield case("between −3 and 3, by tanh", rng.uniform(4, 5, low=-3, high=3), TANH, "x")
    yield of_call("nothing but x", x=rng.uniform(3, 7, low=-3, high=3), terms=4, scale=4.0)
    yield case("gradient, at exactly 0 too", torch.tensor([-1.0, 0.0, 0.5, 0.0]), EXACT, "x")
    yield case("gradient, at exactly 0 too, by tanh", torch.tensor([-1.0, 0.0, 0.5, 0.0]), TANH, "x")
    yield case("100 and −100", torch.tensor([100.0, -100.0, 1.0]), EXACT, "x")
    yield case("100 and −100, by tanh", torch.tensor([100.0, -100.0, 1.0]), TANH, "x")
    yield case("tokens, not contiguous", 2 * rng.strided(2, 5, 6), TANH)
    yield case("float64, from −6 to 6", torch.linspace(-6, 6, 41, dtype=FLOAT64), EXACT, "x")
    yield case("float64, by tanh", torch.linspace(-6, 6, 41, dtype=FLOAT64), TANH, "x")
    yield of_call("empty", x=torch.zeros(0, 3))


def always_exact(x: Tensor, approximate: str = EXACT) -> Tensor:
    return F.gelu(x)


def always_tanh(x: Tensor, approximate: str = EXACT) -> Tensor:
    return F.gelu(x, approximate=TANH)


def exchanged(x: Tensor, approximate: str = EXACT) -> Tensor:
    return F.gelu(x, approximate=TANH if approximate == EXACT else EXACT)


def by_sigmoid(x: Tensor, approximate: str = EXACT) -> Tensor:
    return x * torch.sigmoid(1.702 * x)


def swish(x: Tensor, approximate: str = EXACT) -> Tensor:
    return F.silu(x)


def rectified(x: Tensor, approximate: str = EXACT) -> Tensor:
    return F.relu(x)


def share_alone(x: Tensor, approximate: str = EXACT) -> Tensor:
    share: Tensor = torch.special.ndtr(x)
    return share if approximate == EXACT else 0.5 * (1 + torch.tanh(INNER * (x + 0.044715 * x**3)))


def twice(x: Tensor, approximate: str = EXACT) -> Tensor:
    return 2 * oracle(x, approximate)


def no_root(x: Tensor, approximate: str = EXACT) -> Tensor:
    return oracle(x, TANH) if approximate == TANH else 0.5 * x * (1 + torch.erf(x))


def without_one(x: Tensor, approximate: str = EXACT) -> Tensor:
    return oracle(x, approximate) - 0.5 * x


def by_density(x: Tensor, approximate: str = EXACT) -> Tensor:
    if approximate == TANH:
        return oracle(x, TANH)
    return x * torch.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)


def of_tanh(x: Tensor, approximate: str, cubic: Tensor, inner: float) -> Tensor:
    if approximate == EXACT:
        return F.gelu(x)
    return 0.5 * x * (1 + torch.tanh(inner * (x + cubic)))


def no_inner_root(x: Tensor, approximate: str = EXACT) -> Tensor:
    return of_tanh(x, approximate, 0.044715 * x**3, 2 / math.pi)


def squared(x: Tensor, approximate: str = EXACT) -> Tensor:
    return of_tanh(x, approximate, 0.044715 * x**2, INNER)


def wrong_digits(x: Tensor, approximate: str = EXACT) -> Tensor:
    return of_tanh(x, approximate, 0.44715 * x**3, INNER)


def no_cubic(x: Tensor, approximate: str = EXACT) -> Tensor:
    return of_tanh(x, approximate, 0 * x, INNER)


def speed_case(rng: Rng) -> Case:
    """Both forms, on what fits the cache, each time on numbers of their own."""
    inputs = {f"x {number}": rng.uniform(2, 197, 192, low=-4, high=4) for number in range(8)}
    kinds = [EXACT, TANH]
    steps = tuple(
        Step("call", out=f"out {number}", kwargs={"x": Ref(f"x {number}"), "approximate": kinds[number % 2]})
        for number in range(8)
    )
    return Case("speed", steps, inputs=inputs)


FORMS = (
    Wrong(
        "takes the exact form when tanh is asked for",
        always_exact,
        says="the exact form comes out whatever `approximate` says. The two differ by up to 0.0005: enough for a "
        "published model's answers to drift.",
        look='with approximate="tanh" the formula with tanh is wanted.',
    ),
    Wrong(
        "takes tanh when the exact form is asked for",
        always_tanh,
        says="the approximation by tanh comes out whatever `approximate` says. It is off by up to 0.0005.",
        look="the exact form has erf in it.",
    ),
    Wrong(
        "exchanges the two forms",
        exchanged,
        says="tanh where the exact form is asked for, and the other way round.",
        look='"none" means: not approximated.',
    ),
    Wrong(
        "approximates by a sigmoid",
        by_sigmoid,
        says="this is x · sigmoid(1.702 x), the paper's coarser approximation, off by up to 0.02.",
        look="the exact form has erf in it, the other one tanh.",
    ),
    Wrong("is SiLU", swish, says="this is x · sigmoid(x), SiLU; Φ is steeper.", look="½ (1 + erf(x / √2))."),
    Wrong(
        "is ReLU", rectified, says="negative numbers become 0; GELU lets a little of them through.", look="gelu(−1)."
    ),
)

FORMULA = (
    Wrong(
        "forgets the √2",
        no_root,
        says="erf(x) stands where erf(x / √2) should: erf belongs to a narrower bell, of variance ½.",
        look="gelu(1) is 0.8413.",
    ),
    Wrong(
        "forgets the ½",
        twice,
        says="everything is twice as large: the factor ½ is missing.",
        look="far to the right gelu(x) is x.",
    ),
    Wrong(
        "forgets the 1",
        without_one,
        says="½ x · erf or tanh, without the 1: far to the right that is x / 2, and −1 comes out positive.",
        look="Φ goes from 0 to 1, erf and tanh from −1 to 1.",
    ),
    Wrong(
        "answers with the share alone",
        share_alone,
        says="this is Φ(x); GELU is x · Φ(x).",
        look="gelu(0) is 0.",
    ),
    Wrong(
        "takes the density for the share",
        by_density,
        says="x is multiplied by the height of the bell at x; it is multiplied by the share below x.",
        look="far to the right the share is 1.",
    ),
    Wrong(
        "takes 2/π for its root",
        no_inner_root,
        says="inside tanh stands 2/π; it is √(2/π).",
        look="math.sqrt(2 / math.pi) is 0.7979.",
    ),
    Wrong("squares in place of cubing", squared, says="inside tanh stands x²; it is x³.", look="x + 0.044715 · x³."),
    Wrong(
        "moves the decimal point",
        wrong_digits,
        says="the constant is ten times too large.",
        look="0.044715.",
    ),
    Wrong(
        "leaves out the cubic term",
        no_cubic,
        says="inside tanh stands x alone; a cubic term belongs to it.",
        look="x + 0.044715 · x³.",
    ),
)

GELU = Exercise(
    id="vit.gelu",
    cases=cases,
    oracle=oracle,
    wrong=(*FORMS, *FORMULA),
    hints=(
        "Two formulas and an if. torch.erf is the error function.",
        "Exact: 0.5 · x · (1 + torch.erf(x / √2)).",
        "tanh: 0.5 · x · (1 + torch.tanh(math.sqrt(2 / math.pi) · (x + 0.044715 · x³))). Else raise ValueError.",
    ),
    points=2,
    minutes=8,
    forbidden=READY_MADE,
    speed=Speed(case=speed_case, limit=8.0, against="F.gelu"),
)

EXERCISES = (GELU,)
