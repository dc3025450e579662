"""The gradient of max pooling by hand: who won the window gets it all."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from autograder.exercises.forbidden import AUTOGRAD, POOLING
from autograder.spec import Case, Exercise, Rng, Speed, Value, Wrong, of_call

Step = int | None  # None: the kernel's size


def oracle(grad_out: Tensor, x: Tensor, kernel_size: int, stride: Step = None, padding: int = 0) -> Tensor:
    with torch.enable_grad():
        leaf = x.detach().requires_grad_()
        out = F.max_pool2d(leaf, kernel_size, stride, padding)
        return torch.autograd.grad(out, leaf, grad_out)[0]


def cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "two windows that overlap, by hand",
        grad_out=torch.tensor([[[[10.0, 100.0]]]]),
        x=torch.tensor([[[[1.0, 5.0, 5.0], [0.0, 2.0, 3.0]]]]),
        kernel_size=2,
        stride=1,
        expect=torch.tensor([[[[0.0, 110.0, 0.0], [0.0, 0.0, 0.0]]]]),
        note="the middle 5 wins both windows, the second as the first of two equals: 10 + 100 = 110",
        terms=2,
    )
    yield of_call("one window each", grad_out=rng.normal(1, 1, 2, 2), x=rng.normal(1, 1, 4, 4), kernel_size=2)
    yield of_call("all values equal", grad_out=rng.normal(1, 2, 2, 3), x=torch.full((1, 2, 4, 6), 2.0), kernel_size=2)
    few = rng.integers(-2, 1, 2, 2, 6, 6).float()
    yield of_call("many ties", grad_out=rng.normal(2, 2, 2, 2), x=few, kernel_size=3)
    yield of_call(
        "batch of 3, rows left over", grad_out=rng.normal(3, 2, 2, 2), x=rng.normal(3, 2, 5, 4), kernel_size=2
    )
    overlapping: dict[str, Value] = {"kernel_size": 3, "stride": 1}
    yield of_call("windows overlap", grad_out=rng.normal(2, 2, 3, 4), x=rng.normal(2, 2, 5, 6), **overlapping, terms=9)
    yield of_call("windows apart", grad_out=rng.normal(2, 1, 2, 3), x=rng.normal(2, 1, 5, 8), kernel_size=2, stride=3)
    padded: dict[str, Value] = {"kernel_size": 3, "stride": 2, "padding": 1}
    below = -1 - rng.uniform(2, 2, 5, 7)
    yield of_call("padding around negative values", grad_out=rng.normal(2, 2, 3, 4), x=below, **padded, terms=4)
    yield of_call("not contiguous", grad_out=rng.strided(2, 3, 3, 3), x=rng.strided(2, 3, 6, 5), **padded, terms=4)
    yield of_call(
        "float64, padding 2",
        grad_out=rng.normal(2, 2, 4, 5, dtype=torch.float64),
        x=rng.normal(2, 2, 7, 9, dtype=torch.float64),
        kernel_size=4,
        stride=2,
        padding=2,
        terms=4,
    )


def from_winners(
    grad_out: Tensor, x: Tensor, kernel_size: int, stride: Step, padding: int, *, share: bool = False
) -> Tensor:
    """The gradient to every pixel that equals its window's largest: whole, or shared."""
    step = stride or kernel_size
    wide = F.pad(x, (padding,) * 4, value=-torch.inf)
    windows = F.unfold(wide, kernel_size, stride=step).unflatten(1, (x.shape[1], -1))
    won = (windows == windows.amax(2, keepdim=True)).to(x.dtype)
    won = won / won.sum(2, keepdim=True) if share else won
    parts = (won * grad_out.flatten(2).unsqueeze(2)).flatten(1, 2)
    back = F.fold(parts, wide.shape[-2:], kernel_size, stride=step)
    return back[..., padding : padding + x.shape[2], padding : padding + x.shape[3]].contiguous()


def every_tie(grad_out: Tensor, x: Tensor, kernel_size: int, stride: Step = None, padding: int = 0) -> Tensor:
    return from_winners(grad_out, x, kernel_size, stride, padding)


def shared_tie(grad_out: Tensor, x: Tensor, kernel_size: int, stride: Step = None, padding: int = 0) -> Tensor:
    return from_winners(grad_out, x, kernel_size, stride, padding, share=True)


def last_tie(grad_out: Tensor, x: Tensor, kernel_size: int, stride: Step = None, padding: int = 0) -> Tensor:
    falling = torch.arange(x[0, 0].numel(), dtype=torch.float64, device=x.device).reshape(x.shape[2:])
    return oracle(grad_out, (x.double() + 1e-9 * falling).to(torch.float64), kernel_size, stride, padding).to(x.dtype)


def overwrites(grad_out: Tensor, x: Tensor, kernel_size: int, stride: Step = None, padding: int = 0) -> Tensor:
    _, index = F.max_pool2d(x.cpu(), kernel_size, stride, padding, return_indices=True)
    empty = torch.zeros_like(x, device="cpu").flatten(2)
    for place in range(index[0, 0].numel()):
        where = index.flatten(2)[..., place : place + 1]
        empty = empty.scatter(2, where, grad_out.cpu().flatten(2)[..., place : place + 1])
    return empty.reshape(x.shape).to(x.device)


def even_spread(grad_out: Tensor, x: Tensor, kernel_size: int, stride: Step = None, padding: int = 0) -> Tensor:
    with torch.enable_grad():
        leaf = x.detach().requires_grad_()
        out = F.avg_pool2d(leaf, kernel_size, stride, padding)
        return torch.autograd.grad(out, leaf, grad_out)[0]


def zero_border(grad_out: Tensor, x: Tensor, kernel_size: int, stride: Step = None, padding: int = 0) -> Tensor:
    wide = oracle(grad_out, F.pad(x, (padding,) * 4), kernel_size, stride)
    return wide[..., padding : padding + x.shape[2], padding : padding + x.shape[3]].contiguous()


def with_border(grad_out: Tensor, x: Tensor, kernel_size: int, stride: Step = None, padding: int = 0) -> Tensor:
    return oracle(grad_out, F.pad(x, (padding,) * 4, value=-torch.inf), kernel_size, stride)


def of_the_sum(grad_out: Tensor, x: Tensor, kernel_size: int, stride: Step = None, padding: int = 0) -> Tensor:
    return oracle(torch.ones_like(grad_out), x, kernel_size, stride, padding)


def times_the_value(grad_out: Tensor, x: Tensor, kernel_size: int, stride: Step = None, padding: int = 0) -> Tensor:
    return x * oracle(grad_out, x, kernel_size, stride, padding)


MAX_POOL2D_BACKWARD = Exercise(
    id="lenet.max_pool2d_backward",
    cases=cases,
    oracle=oracle,
    wrong=(
        Wrong(
            "gives the gradient to every tie",
            every_tie,
            says="where pixels tie for the largest, each gets the whole gradient; only the first one does.",
            look="a comparison with the largest finds all ties; an index of the largest finds one.",
        ),
        Wrong(
            "shares the gradient among ties",
            shared_tie,
            says="where pixels tie for the largest, they share the gradient; the first one gets all of it.",
            look="ask for the index of the largest: there is one for each window.",
        ),
        Wrong(
            "gives the gradient to the last of equals",
            last_tie,
            says="of equal pixels the last gets the gradient; it is the first in reading order.",
            look="does your comparison use ≥ where > belongs, or a flipped order?",
        ),
        Wrong(
            "overwrites where windows overlap",
            overwrites,
            says="a pixel that wins several windows keeps only the last one's gradient; they add up.",
            look="scatter writes, scatter_add adds.",
        ),
        Wrong(
            "spreads the gradient over the window",
            even_spread,
            says="every pixel of a window gets a part; that is the gradient of the mean, not of the largest.",
            look="would moving a small pixel a little change the largest?",
        ),
        Wrong(
            "lets a border of zeros win",
            zero_border,
            says="the border is 0 and wins over negative pixels, so their gradient is lost.",
            look="pad with the value that can never win.",
        ),
        Wrong(
            "leaves the border on",
            with_border,
            says="the result is the gradient of the padded image; the border isn't part of x.",
            look="cut padding pixels off each side.",
        ),
        Wrong(
            "ignores grad_out",
            of_the_sum,
            says="winners get 1 for each window; they should get that window's number from grad_out.",
            look="every window has its own grad_out.",
        ),
        Wrong(
            "multiplies by the pixel's value",
            times_the_value,
            says="the gradient is multiplied by x; the largest passes its change on one to one.",
            look="what is the derivative of max(a, b) with respect to a, where a is larger?",
        ),
    ),
    hints=(
        "For each window, find which of its k·k cells won: an index from 0 to k·k − 1.",
        "That index and the window's place give the winner's row and column in the padded image: its flat index.",
        "Add each window's grad_out at its winner's flat index (scatter_add on zeros), then cut the border off.",
    ),
    points=4,
    minutes=25,
    needs=("lenet.pad2d", "lenet.unfold2d"),
    forbidden=(*POOLING, *AUTOGRAD),
    speed=Speed(
        case=lambda rng: of_call(
            "speed", grad_out=rng.normal(4, 16, 32, 32), x=rng.normal(4, 16, 64, 64), kernel_size=2
        ),
        limit=10.0,  # argmax along an axis that isn't the last takes 7 times as long as max
        against="F.max_pool2d and autograd",
    ),
)

EXERCISES = (MAX_POOL2D_BACKWARD,)
