"""Gradients of the activations by hand, and the units that no gradient reaches."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from autograder.exercises.forbidden import AUTOGRAD, RECTIFIERS, TANH
from autograder.exercises.lenet.activations import many_calls
from autograder.spec import Case, Exercise, Rng, Speed, Wrong, of_call


def oracle(grad_out: Tensor, x: Tensor, kind: str, negative_slope: float = 0.01) -> Tensor:
    return by_autograd(grad_out.double(), x.double(), kind, negative_slope).to(x.dtype)


def by_autograd(grad_out: Tensor, x: Tensor, kind: str, negative_slope: float = 0.01) -> Tensor:
    with torch.enable_grad():
        leaf = x.detach().requires_grad_()
        if kind == "leaky_relu":
            out = F.leaky_relu(leaf, negative_slope)
        else:
            out = F.relu(leaf) if kind == "relu" else torch.tanh(leaf)
        return torch.autograd.grad(out, leaf, grad_out)[0]


def cases(rng: Rng) -> Iterator[Case]:
    two = {"grad_out": torch.tensor([10.0, 10.0]), "x": torch.tensor([-2.0, 3.0])}
    yield of_call(
        "relu, by hand",
        grad_out=two["grad_out"],
        x=two["x"],
        kind="relu",
        expect=torch.tensor([0.0, 10.0]),
        note="at −2 relu is flat: 10 · 0 = 0; at 3 it rises one to one: 10 · 1 = 10",
    )
    yield of_call(
        "leaky_relu, by hand",
        grad_out=two["grad_out"],
        x=two["x"],
        kind="leaky_relu",
        negative_slope=0.1,
        expect=torch.tensor([1.0, 10.0]),
        note="at −2 the slope is 0.1: 10 · 0.1 = 1",
    )
    yield of_call(
        "tanh, by hand",
        grad_out=torch.tensor([10.0, 10.0]),
        x=torch.tensor([1.0986122886681098, 0.0]),
        kind="tanh",
        expect=torch.tensor([3.6, 10.0]),
        note="tanh(x) = 0.8: 10 · (1 − 0.8²) = 3.6",
        terms=4,
    )
    at_zero = torch.tensor([0.0, -1.0, 0.0, 2.0])
    for kind in ("relu", "leaky_relu", "tanh"):
        yield of_call(
            f"{kind} at exactly 0", grad_out=rng.normal(4) + 3, x=at_zero, kind=kind, negative_slope=0.25, terms=4
        )
    for kind in ("relu", "leaky_relu", "tanh"):
        shape = (2, 3, 4, 5)
        yield of_call(f"{kind} of images", grad_out=rng.normal(*shape), x=rng.normal(*shape), kind=kind, terms=4)
    yield of_call(
        "leaky_relu, slope 2", grad_out=rng.normal(3, 5), x=rng.normal(3, 5), kind="leaky_relu", negative_slope=2.0
    )
    yield of_call(
        "tanh far from 0",
        grad_out=rng.normal(5),
        x=torch.tensor([100.0, -100.0, 1e4, -1e30, 0.5]),
        kind="tanh",
        terms=4,
    )
    yield of_call("not contiguous", grad_out=rng.strided(3, 4, 5), x=rng.strided(3, 4, 5), kind="relu")
    double = (rng.normal(4, 6, dtype=torch.float64), rng.normal(4, 6, dtype=torch.float64))
    yield of_call("float64, tanh", grad_out=double[0], x=double[1], kind="tanh", terms=4)
    yield of_call("empty", grad_out=torch.zeros(0, 3), x=torch.zeros(0, 3), kind="leaky_relu")


def sign_of_gradient(grad_out: Tensor, x: Tensor, kind: str, negative_slope: float = 0.01) -> Tensor:
    return oracle(grad_out, x if kind == "tanh" else grad_out, kind, negative_slope)


def passes_at_zero(grad_out: Tensor, x: Tensor, kind: str, negative_slope: float = 0.01) -> Tensor:
    return oracle(grad_out, x if kind == "tanh" else torch.where(x == 0, 1.0, x), kind, negative_slope)


def without_grad_out(grad_out: Tensor, x: Tensor, kind: str, negative_slope: float = 0.01) -> Tensor:
    return oracle(torch.ones_like(grad_out), x, kind, negative_slope)


def fixed_slope(grad_out: Tensor, x: Tensor, kind: str, negative_slope: float = 0.01) -> Tensor:
    return oracle(grad_out, x, kind)


def slope_above(grad_out: Tensor, x: Tensor, kind: str, negative_slope: float = 0.01) -> Tensor:
    return oracle(grad_out, -x if kind == "leaky_relu" else x, kind, negative_slope)


def no_leak(grad_out: Tensor, x: Tensor, kind: str, negative_slope: float = 0.01) -> Tensor:
    return oracle(grad_out, x, kind.removeprefix("leaky_"), negative_slope)


def input_squared(grad_out: Tensor, x: Tensor, kind: str, negative_slope: float = 0.01) -> Tensor:
    return grad_out * (1 - x**2) if kind == "tanh" else oracle(grad_out, x, kind, negative_slope)


def unsquared(grad_out: Tensor, x: Tensor, kind: str, negative_slope: float = 0.01) -> Tensor:
    return grad_out * (1 - torch.tanh(x)) if kind == "tanh" else oracle(grad_out, x, kind, negative_slope)


def plus(grad_out: Tensor, x: Tensor, kind: str, negative_slope: float = 0.01) -> Tensor:
    return grad_out * (1 + torch.tanh(x) ** 2) if kind == "tanh" else oracle(grad_out, x, kind, negative_slope)


def applies_again(grad_out: Tensor, x: Tensor, kind: str, negative_slope: float = 0.01) -> Tensor:
    if kind == "tanh":
        return grad_out * torch.tanh(x)
    return grad_out * F.leaky_relu(x, negative_slope if kind == "leaky_relu" else 0.0)


ACTIVATION_BACKWARD = Exercise(
    id="lenet.activation_backward",
    cases=cases,
    oracle=oracle,
    wrong=(
        Wrong(
            "looks at the gradient's sign",
            sign_of_gradient,
            says="what passes is decided by the sign of grad_out; the sign of x decides.",
            look="the slope belongs to the place where the activation was computed.",
        ),
        Wrong(
            "takes the slope above 0 at exactly 0",
            passes_at_zero,
            says="at exactly 0 the slope is 1; it should be that of the negative side, as PyTorch has it.",
            look="≥ or >?",
        ),
        Wrong(
            "ignores grad_out",
            without_grad_out,
            says="this is the activation's slope alone; the chain rule multiplies it by grad_out.",
            look="each number of grad_out meets the slope at the same place.",
        ),
        Wrong(
            "always uses the slope 0.01",
            fixed_slope,
            says="the slope is always 0.01; negative_slope is ignored.",
            look="use the argument instead of a number.",
        ),
        Wrong(
            "scales the positive side of leaky_relu",
            slope_above,
            says="leaky_relu's slope is on the positive side; it belongs to the negative one.",
            look="turn your comparison round.",
        ),
        Wrong(
            "treats leaky_relu as relu",
            no_leak,
            says="leaky_relu lets nothing through on the negative side; there the slope is negative_slope.",
            look="what tells leaky_relu from relu?",
        ),
        Wrong(
            "takes 1 − x² for tanh",
            input_squared,
            says="for tanh you computed 1 − x²; it is 1 − tanh(x)².",
            look="x is what went into tanh, not what came out.",
        ),
        Wrong(
            "forgets the square for tanh",
            unsquared,
            says="for tanh you computed 1 − tanh(x); a square is missing.",
            look="the slope of tanh is the same at x and −x.",
        ),
        Wrong(
            "adds the square for tanh",
            plus,
            says="for tanh you computed 1 + tanh(x)²; far from 0, tanh is flat.",
            look="what is the slope at x = 100?",
        ),
        Wrong(
            "multiplies by the activation instead of its slope",
            applies_again,
            says="grad_out is multiplied by the activation's value; it should be by its slope.",
            look="the slope of relu is 0 or 1, whatever x is.",
        ),
    ),
    hints=(
        "Chain rule: grad_out times the activation's slope at x, element by element.",
        "The slopes: relu 0 or 1, leaky_relu negative_slope or 1, tanh 1 − tanh(x)², with your own tanh.",
    ),
    points=2,
    minutes=10,
    needs=("lenet.tanh",),
    forbidden=(*RECTIFIERS, *TANH, *AUTOGRAD),
    speed=Speed(
        case=lambda rng: many_calls(rng, "grad_out", "x", kind="tanh"),
        limit=4.0,
        baseline=by_autograd,
        against="torch.tanh and autograd",
    ),
)


def dead_oracle(activations: Tensor) -> int:
    alive = torch.nonzero(activations > 0)[:, 1].unique()
    return activations.shape[1] - len(alive)


def dead_cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "two samples of four channels, by hand",
        activations=torch.tensor([[0.0, 1.0, 0.0, 0.0], [2.0, 0.0, 0.0, 0.0]]),
        expect=2,
        note="channel 0 speaks in sample 1, channel 1 in sample 0, channels 2 and 3 never: 2",
    )
    yield of_call("vectors", activations=with_dead(rng, (5, 7), 3), expect=3)
    yield of_call("images", activations=with_dead(rng, (3, 6, 4, 5), 2), expect=2)
    lone = torch.zeros(3, 4, 2, 5)
    lone[2, 1, 1, 4] = 0.5
    yield of_call("one pixel of one image", activations=lone, expect=3)
    yield of_call("negative values, as after leaky_relu", activations=with_dead(rng, (4, 5, 3), 3, 0.1), expect=3)
    weak = torch.full((2, 3, 4), -1.0)
    weak[0, 0, 0] = 0.25
    yield of_call("mostly negative, once positive", activations=weak, expect=2)
    yield of_call("volumes", activations=with_dead(rng, (2, 6, 2, 3, 4), 4), expect=4)
    yield of_call("float64, not contiguous", activations=with_dead(rng, (5, 6), 2).double().T.contiguous().T, expect=2)
    yield of_call("no channel is dead", activations=with_dead(rng, (4, 5, 3), 0), expect=0)
    yield of_call("empty batch: every channel is dead", activations=torch.zeros(0, 5, 2, 2), expect=5)


def with_dead(rng: Rng, shape: tuple[int, ...], dead: int, leak: float = 0.0) -> Tensor:
    """Rectified random values, in which `dead` random channels are never above 0 and all others are, somewhere."""
    x = rng.normal(*shape)
    x[0] = x[0].abs() + 0.1  # every channel speaks in the first sample …
    x[:, rng.permutation(shape[1])[:dead]] = -1.0  # … but for these
    x[-1] = -x[-1].abs() - 0.1  # and none in the last
    return torch.where(x > 0, x, leak * x)


def counts_zeros(activations: Tensor) -> int:
    return int((activations <= 0).sum())


def counts_alive(activations: Tensor) -> int:
    return activations.shape[1] - dead_oracle(activations)


def only_zeros(activations: Tensor) -> int:
    return dead_oracle(activations.abs())


def asleep_once(activations: Tensor) -> int:
    return int((activations <= 0).movedim(1, 0).flatten(1).any(1).sum()) if len(activations) else activations.shape[1]


def mean_not_positive(activations: Tensor) -> int:
    return int((activations.movedim(1, 0).flatten(1).sum(1) <= 0).sum())


def samples(activations: Tensor) -> int:
    return dead_oracle(activations.transpose(0, 1))


def first_sample(activations: Tensor) -> int:
    return dead_oracle(activations[-1:])


def every_place(activations: Tensor) -> int:
    return dead_oracle(activations.flatten(1))


def share(activations: Tensor) -> float:
    return dead_oracle(activations) / activations.shape[1]


def tensor(activations: Tensor) -> Tensor:
    return torch.tensor(dead_oracle(activations))


DEAD_UNITS = Exercise(
    id="lenet.dead_units",
    cases=dead_cases,
    oracle=dead_oracle,
    wrong=(
        Wrong(
            "counts every silent number",
            counts_zeros,
            says="single numbers that are not above 0 are counted; asked are channels that never are.",
            look="first ask each channel whether it speaks anywhere, then count.",
        ),
        Wrong(
            "counts the living",
            counts_alive,
            says="these are the channels that do speak.",
            look="the others are asked for.",
        ),
        Wrong(
            "counts only channels that are exactly 0",
            only_zeros,
            says="a channel with negative values only is dead too; yours must be exactly 0.",
            look="dead means: nowhere above 0.",
        ),
        Wrong(
            "counts channels that are silent somewhere",
            asleep_once,
            says="one silent place is enough for you; a dead channel is silent everywhere.",
            look="any or all?",
        ),
        Wrong(
            "judges by the mean",
            mean_not_positive,
            says="a channel's mean (or sum) decides; a channel that is mostly negative but once positive is alive.",
            look="ask whether any value is above 0.",
        ),
        Wrong(
            "counts silent samples",
            samples,
            says="samples are counted; channels are asked for.",
            look="channels are axis 1.",
        ),
        Wrong(
            "looks at one sample only",
            first_sample,
            says="only one sample is looked at; a channel that speaks in another one is alive.",
            look="reduce over the batch too.",
        ),
        Wrong(
            "counts each place of a channel",
            every_place,
            says="each pixel is counted as a unit of its own; a unit is a whole channel.",
            look="reduce over rows and columns too.",
        ),
        Wrong(
            "answers with a share",
            share,
            says="this is a fraction; asked is the number of channels.",
            look="leave the division out.",
        ),
        Wrong(
            "answers with a tensor",
            tensor,
            says="the number is right, but it is a tensor; the signature promises an int.",
            look="int(…) or .item() turns it into a number.",
        ),
    ),
    hints=(
        "Which values are above 0? Then: is any of them, over all axes but the channels'?",
        "Bring the channels to the front and flatten the rest: (C, everything else). any(dim=1) tells who is alive.",
    ),
    points=1,
    minutes=6,
)

EXERCISES = (ACTIVATION_BACKWARD, DEAD_UNITS)
