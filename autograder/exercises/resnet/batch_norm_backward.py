"""The three gradients of batch normalisation in training, by hand (Ioffe and Szegedy 2015, section 3)."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from autograder.exercises.forbidden import AUTOGRAD
from autograder.exercises.resnet._ready_made import NETWORKS, NORMS
from autograder.exercises.resnet.batch_norm import EPS, across
from autograder.spec import Case, Exercise, Outputs, Ref, Rng, Speed, Step, Value, Wrong, of_call

Gradients = tuple[Tensor, Tensor, Tensor]
FLOAT64 = torch.float64


def by_autograd(grad_out: Tensor, x: Tensor, weight: Tensor, eps: float = EPS) -> Gradients:
    with torch.enable_grad():
        image, scale = x.detach().requires_grad_(), weight.detach().requires_grad_()
        shift = torch.zeros_like(weight).requires_grad_()
        out = F.batch_norm(image, None, None, scale, shift, training=True, eps=eps)
        dx, dweight, dbias = torch.autograd.grad(out, (image, scale, shift), grad_out)
        return dx, dweight, dbias


def oracle(grad_out: Tensor, x: Tensor, weight: Tensor, eps: float = EPS) -> Gradients:
    dx, dweight, dbias = by_autograd(grad_out.double(), x.double(), weight.double(), eps)
    return dx.to(x.dtype), dweight.to(x.dtype), dbias.to(x.dtype)


class Parts:
    """What the formula is made of, in double precision: for wrong answers that put it together in other ways."""

    def __init__(self, grad_out: Tensor, x: Tensor, weight: Tensor, eps: float, unbiased: bool = False) -> None:
        self.grad, exact = grad_out.double(), x.double()
        self.axes = [0, *range(2, x.ndim)]
        self.count = x.numel() // x.shape[1]
        variance, mean = torch.var_mean(exact, self.axes, correction=int(unbiased))
        self.steepness = across((variance + eps).rsqrt(), x)
        self.normal = (exact - across(mean, x)) * self.steepness
        self.weight = across(weight.double(), x)
        self.dweight, self.dbias = (self.grad * self.normal).sum(self.axes), self.grad.sum(self.axes)
        self.dtype = x.dtype

    def gradients(self, through_mean: float = 1.0, through_variance: float = 1.0, scaled: float = 1.0) -> Gradients:
        """The formula, with shares of its terms."""
        mean_term = across(self.dbias / self.count, self.grad) * through_mean
        spread_term = self.normal * across(self.dweight / self.count, self.grad) * through_variance
        dx = (self.grad - mean_term - spread_term) * self.steepness * self.weight**scaled
        return dx.to(self.dtype), self.dweight.to(self.dtype), self.dbias.to(self.dtype)


def one(name: str, grad_out: Tensor, x: Tensor, weight: Tensor, **eps: Value) -> Case:
    return of_call(name, grad_out=grad_out, x=x, weight=weight, **eps, terms=x[:, 0].numel(), scale=30.0)


def drawn(rng: Rng, name: str, *shape: int, dtype: torch.dtype = torch.float32, **eps: Value) -> Case:
    weight = rng.uniform(shape[1], low=1.3, high=2.0, dtype=dtype) * (1 - 2 * rng.integers(0, 2, shape[1]))
    x = 0.5 + 1.5 * rng.normal(*shape, dtype=dtype)
    return one(name, rng.normal(*shape, dtype=dtype), x, weight, **eps)


def cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "three values, by hand",
        grad_out=torch.tensor([3.0, 0.0, 0.0]).reshape(3, 1, 1, 1),
        x=torch.tensor([0.0, 2.0, 4.0]).reshape(3, 1, 1, 1),
        weight=torch.tensor([3.0]),
        eps=4 / 3,
        expect=(
            torch.tensor([1.5, -1.5, 0.0]).reshape(3, 1, 1, 1),
            torch.tensor([-3.0]),
            torch.tensor([3.0]),
        ),
        note="variance 8/3, under the root 4; x̂ = −1 0 1; dbias 3, dweight 3·(−1) = −3; "
        "the first dx = 3/2·(3 − 3/3 − (−1)·(−3)/3) = 1.5",
    )
    yield drawn(rng, "one channel", 2, 1, 3, 4)
    yield drawn(rng, "two channels, a large eps", 3, 2, 2, 5, eps=0.7)
    yield drawn(rng, "as many images, channels, rows and columns", 3, 3, 3, 3)
    yield drawn(rng, "vectors", 6, 4)
    yield drawn(rng, "volumes", 2, 3, 2, 3, 4)
    yield one("not contiguous", rng.strided(3, 2, 4, 5), rng.strided(3, 2, 4, 5), rng.normal(2))
    constant = rng.normal(2, 2, 3, 3)
    constant[:, 1] = 0.25
    yield one("a constant channel", rng.normal(2, 2, 3, 3), constant, rng.uniform(2, low=1.0, high=2.0), eps=0.1)
    yield drawn(rng, "float64", 4, 3, 5, 6, dtype=FLOAT64)


def measure(case: Case, outputs: Outputs) -> Outputs:
    """The three gradients by name, of every call."""
    return {name: part for out, gradients in outputs.items() for name, part in named(out, gradients).items()}


def named(out: str, gradients: Value) -> Outputs:
    dx, dweight, dbias = gradients
    where = "" if out == "out" else f" of {out}"
    return {f"dx{where}": dx, f"dweight{where}": dweight, f"dbias{where}": dbias}


def statistics_fixed(grad_out: Tensor, x: Tensor, weight: Tensor, eps: float = EPS) -> Gradients:
    return Parts(grad_out, x, weight, eps).gradients(through_mean=0.0, through_variance=0.0)


def mean_fixed(grad_out: Tensor, x: Tensor, weight: Tensor, eps: float = EPS) -> Gradients:
    return Parts(grad_out, x, weight, eps).gradients(through_mean=0.0)


def variance_fixed(grad_out: Tensor, x: Tensor, weight: Tensor, eps: float = EPS) -> Gradients:
    return Parts(grad_out, x, weight, eps).gradients(through_variance=0.0)


def weight_forgotten(grad_out: Tensor, x: Tensor, weight: Tensor, eps: float = EPS) -> Gradients:
    return Parts(grad_out, x, weight, eps).gradients(scaled=0.0)


def unbiased(grad_out: Tensor, x: Tensor, weight: Tensor, eps: float = EPS) -> Gradients:
    return Parts(grad_out, x, weight, eps, unbiased=True).gradients()


def not_divided(grad_out: Tensor, x: Tensor, weight: Tensor, eps: float = EPS) -> Gradients:
    count = float(x.numel() // x.shape[1])
    return Parts(grad_out, x, weight, eps).gradients(through_mean=count, through_variance=count)


def from_raw_x(grad_out: Tensor, x: Tensor, weight: Tensor, eps: float = EPS) -> Gradients:
    parts = Parts(grad_out, x, weight, eps)
    dx, _, dbias = parts.gradients()
    return dx, (grad_out * x).sum(parts.axes), dbias


def over_images_only(grad_out: Tensor, x: Tensor, weight: Tensor, eps: float = EPS) -> Gradients:
    parts = Parts(grad_out, x, weight, eps)
    dweight = (parts.grad * parts.normal).sum(0).to(x.dtype)
    return parts.gradients()[0], dweight, grad_out.sum(0)


def averaged(grad_out: Tensor, x: Tensor, weight: Tensor, eps: float = EPS) -> Gradients:
    dx, dweight, dbias = oracle(grad_out, x, weight, eps)
    count = x.numel() // x.shape[1]
    return dx, dweight / count, dbias / count


def eps_forgotten(grad_out: Tensor, x: Tensor, weight: Tensor, eps: float = EPS) -> Gradients:
    return Parts(grad_out, x, weight, 0.0).gradients()


def reordered(grad_out: Tensor, x: Tensor, weight: Tensor, eps: float = EPS) -> Gradients:
    dx, dweight, dbias = oracle(grad_out, x, weight, eps)
    return dx, dbias, dweight


def several(rng: Rng, batches: int, *shape: int, channels: int) -> Case:
    """The case that is timed: so many batches of this shape, each with gradients of its own; one weight a channel."""
    inputs = {f"{name} {number}": rng.normal(*shape) for number in range(batches) for name in ("grad_out", "x")}
    weight = rng.uniform(channels, low=0.5, high=2.0)
    steps = tuple(
        Step(
            "call",
            out=f"out {number}",
            kwargs={"grad_out": Ref(f"grad_out {number}"), "x": Ref(f"x {number}"), "weight": Ref("weight")},
        )
        for number in range(batches)
    )
    return Case("speed", steps, inputs=inputs | {"weight": weight}, terms=math.prod(shape) // channels)


BATCH_NORM_BACKWARD = Exercise(
    id="resnet.batch_norm_backward",
    cases=cases,
    oracle=oracle,
    measure=measure,
    wrong=(
        Wrong(
            "takes the statistics for constants",
            statistics_fixed,
            says="dx is weight / √(variance + eps) · grad_out, as if mean and variance were given numbers. They are "
            "measured on x, so every x also moves them.",
            look="shift all of x by 1: nothing changes, so dx must sum to 0.",
        ),
        Wrong(
            "forgets the way through the mean",
            mean_fixed,
            says="the gradient that comes back through the mean is missing in dx.",
            look="shift all of x by 1: nothing changes, so dx must sum to 0.",
        ),
        Wrong(
            "forgets the way through the variance",
            variance_fixed,
            says="the gradient that comes back through the variance is missing in dx.",
            look="stretch x about its mean: nothing changes (but for eps), so Σ dx · x̂ is almost 0.",
        ),
        Wrong(
            "forgets the weight in dx",
            weight_forgotten,
            says="dx lacks the factor weight.",
            look="weight multiplies on the way forward, so it multiplies on the way back.",
        ),
        Wrong(
            "doesn't divide by the number of values",
            not_divided,
            says="the two terms of dx that come through mean and variance are sums; they should be means.",
            look="each x has only the m-th part in the mean.",
        ),
        Wrong(
            "divides the variance by m − 1",
            unbiased,
            says="the variance is divided by m − 1 (unbiased); the batch is normalised by the one divided by m.",
            look="torch's var has correction=1 unless told otherwise.",
        ),
        Wrong(
            "multiplies with x for dweight",
            from_raw_x,
            says="dweight is Σ grad_out · x; weight multiplies the normalised x̂, not x.",
            look="what stood beside weight on the way forward?",
        ),
        Wrong(
            "sums over the images only",
            over_images_only,
            says="dweight and dbias still have axes of space; one weight serves the whole channel.",
            look="sum over every axis but the second.",
        ),
        Wrong(
            "averages dweight and dbias",
            averaged,
            says="dweight and dbias are means; they are sums (a mean loss has put its share into grad_out).",
            look="moving a bias by 1 moves every value of its channel by 1.",
        ),
        Wrong(
            "forgets eps",
            eps_forgotten,
            says="eps is never used.",
            look="the root on the way forward is √(variance + eps); so it is on the way back.",
        ),
        Wrong(
            "returns the gradients in another order",
            reordered,
            says="dweight and dbias have changed places.",
            look="return (dx, dweight, dbias).",
        ),
    ),
    hints=(
        "First x̂ as on the way forward. dbias and dweight are sums of grad_out and of grad_out · x̂ over a channel.",
        "If mean and variance were constants, dx would be grad_out · weight / √(variance + eps). Two terms come off: "
        "one through the mean, one through the variance.",
        "dx = weight / √(variance + eps) · (grad_out − mean of grad_out − x̂ · mean of (grad_out · x̂)).",
    ),
    points=4,
    minutes=30,
    forbidden=(*NORMS, *AUTOGRAD, *NETWORKS),
    speed=Speed(
        case=lambda rng: several(rng, 3, 4, 16, 32, 32, channels=16),
        limit=8.0,
        gold=2.5,
        baseline=by_autograd,
        against="F.batch_norm and autograd",
    ),
)

EXERCISES = (BATCH_NORM_BACKWARD,)
