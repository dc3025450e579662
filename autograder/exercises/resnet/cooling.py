"""Temperature scaling: the minimum of a smooth function of one number, found by SciPy."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from autograder.exercises.resnet._ready_made_c import CALIBRATORS
from autograder.spec import Case, Exercise, Rng, Tolerance, Value, Wrong, of_call

FLOAT64 = torch.float64
LOW, HIGH = 0.05, 20.0
DIGITS = 2e-3  # three digits, as the contract says, and some room
Loss = Callable[[Tensor, Tensor], Tensor]


def lowest(loss: Loss, logits: Tensor, labels: Tensor, low: float = LOW, high: float = HIGH) -> float:
    """The temperature with the lowest loss: the best of a grid, then refined around it."""
    from scipy.optimize import minimize_scalar

    exact = logits.double()

    def at(log_t: float) -> float:
        return float(loss(exact / math.exp(log_t), labels))

    grid = [math.log(low) + (math.log(high) - math.log(low)) * step / 60 for step in range(61)]
    best = min(grid, key=at)
    width = grid[1] - grid[0]
    bounds = (max(best - width, grid[0]), min(best + width, grid[-1]))
    return math.exp(minimize_scalar(at, bounds=bounds, method="bounded", options={"xatol": 1e-9}).x)


def oracle(logits: Tensor, labels: Tensor) -> float:
    return lowest(F.cross_entropy, logits, labels)


def drawn(rng: Rng, n: int, classes: int, temperature: float, dtype: torch.dtype = torch.float32) -> dict[str, Value]:
    """Logits, and labels drawn from them at this temperature."""
    logits = temperature * 1.5 * rng.normal(n, classes, dtype=FLOAT64)
    shares = (logits / temperature).softmax(1).cumsum(1)
    labels = (rng.uniform(n, 1, dtype=FLOAT64) > shares[:, :-1]).sum(1)
    return {"logits": logits.to(dtype), "labels": labels}


def cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "four samples, three of them right, by hand",
        logits=torch.tensor([[2.0, 0.0], [2.0, 0.0], [0.0, 2.0], [2.0, 0.0]]),
        labels=torch.tensor([0, 0, 1, 1]),
        expect=2 / math.log(3),
        note="all are as sure: σ(2/T), and 3/4 are right; σ(2/T) = 3/4 where 2/T = log 3, T = 2/1.0986 = 1.82",
    )
    yield of_call("too sure", **drawn(rng, 200, 5, 2.5))
    yield of_call("far too sure", **drawn(rng, 200, 4, 9.0))
    yield of_call("not sure enough", **drawn(rng, 200, 3, 0.3))
    yield of_call("about right, float64", **drawn(rng, 300, 10, 1.0, FLOAT64))
    shifted = drawn(rng, 150, 4, 3.0)
    yield of_call("logits around 500", logits=shifted["logits"] + 500.0, labels=shifted["labels"])
    separable = 0.3 * rng.normal(60, 4)
    yield of_call("all of them right", logits=separable, labels=separable.argmax(1), expect=LOW)
    turned = drawn(rng, 120, 6, 1.7)
    yield of_call("not contiguous", logits=turned["logits"].T.contiguous().T, labels=turned["labels"])


def inverse(logits: Tensor, labels: Tensor) -> float:
    return 1 / oracle(logits, labels)


def logarithm(logits: Tensor, labels: Tensor) -> float:
    return math.log(oracle(logits, labels))


def squared_error(logits: Tensor, labels: Tensor) -> float:
    def brier(scaled: Tensor, labels: Tensor) -> Tensor:
        return (scaled.softmax(1) - F.one_hot(labels, scaled.shape[1])).square().sum(1).mean()

    return lowest(brier, logits, labels)


def softmax_twice(logits: Tensor, labels: Tensor) -> float:
    return oracle(logits.softmax(1), labels)


def on_probabilities(logits: Tensor, labels: Tensor) -> float:
    """Divides probabilities, not logits, and takes their logarithm as the loss."""

    def loss(scaled: Tensor, labels: Tensor) -> Tensor:
        return F.nll_loss(scaled.softmax(1), labels)

    return lowest(loss, logits, labels)


def confidence_matched(logits: Tensor, labels: Tensor) -> float:
    """Where mean confidence equals accuracy."""
    accuracy = (logits.argmax(1) == labels).double().mean()
    return lowest(lambda scaled, _: (scaled.softmax(1).amax(1).mean() - accuracy).abs(), logits, labels)


def never_below_one(logits: Tensor, labels: Tensor) -> float:
    return lowest(F.cross_entropy, logits, labels, low=1.0)


def a_few_steps(logits: Tensor, labels: Tensor) -> float:
    """Gradient descent on T from 1 that stops long before the minimum."""
    t = torch.ones((), dtype=FLOAT64, device=logits.device, requires_grad=True)
    with torch.enable_grad():
        for _ in range(50):
            (gradient,) = torch.autograd.grad(F.cross_entropy(logits.double() / t, labels), t)
            t = (t - 0.01 * gradient).detach().requires_grad_()
    return float(t.detach())


def coarse(logits: Tensor, labels: Tensor) -> float:
    """The best of 0.5, 1.0, 1.5, …"""
    return min((step / 2 for step in range(1, 41)), key=lambda t: float(F.cross_entropy(logits.double() / t, labels)))


TEMPERATURE_SCALING = Exercise(
    id="resnet.temperature_scaling",
    cases=cases,
    oracle=oracle,
    tolerance=Tolerance(relative={"out": DIGITS}),
    wrong=(
        Wrong(
            "gives one over the temperature",
            inverse,
            says="this is the factor of the logits; the temperature divides them.",
            look="an overconfident network needs T above 1.",
        ),
        Wrong(
            "gives the logarithm",
            logarithm,
            says="this is log T. Did you search over log T and forget the way back?",
            look="math.exp.",
        ),
        Wrong(
            "minimises the squared error",
            squared_error,
            says="this T has the smallest squared error; the smallest cross-entropy is asked for.",
            look="the loss is −log of the label's probability.",
        ),
        Wrong(
            "takes softmax twice",
            softmax_twice,
            says="probabilities are divided by T as if they were logits.",
            look="logits / T first, then one softmax.",
        ),
        Wrong(
            "forgets the logarithm",
            on_probabilities,
            says="the mean probability of the label is made as large as can be; its *logarithm* should be.",
            look="log_softmax, not softmax, before you pick the label.",
        ),
        Wrong(
            "matches confidence and accuracy",
            confidence_matched,
            says="this is the T at which mean confidence equals accuracy; the smallest cross-entropy is asked for.",
            look="a loss over the samples, not two means.",
        ),
        Wrong(
            "never goes below 1",
            never_below_one,
            says="a network that isn't sure enough needs T below 1.",
            look="where does your search begin?",
        ),
        Wrong(
            "stops too early",
            a_few_steps,
            says="T has hardly moved from 1: gradient descent with few small steps doesn't arrive.",
            look="more or larger steps, or a search: the function has one variable and one minimum.",
        ),
        Wrong(
            "searches too coarsely",
            coarse,
            says="T is the best of 0.5, 1, 1.5, …; three digits are asked for.",
            look="refine around the best, or halve an interval again and again.",
        ),
    ),
    hints=(
        "With s = 1/T the loss is convex in s: it has one minimum. Search over log T, so that 0.05 and 20 are as far "
        "from 1.",
        "The slope along s is the mean of (Σ softmax · logits − the label's logit), with softmax of s · logits. Find "
        "where it changes sign by halving the interval.",
        "torch.optim.LBFGS on log T, or golden-section search on the loss, gets there as well.",
    ),
    points=2,
    minutes=15,
    forbidden=CALIBRATORS,
)

EXERCISES = (TEMPERATURE_SCALING,)
