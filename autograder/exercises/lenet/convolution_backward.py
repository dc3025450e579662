"""The three gradients of a convolution by hand."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from autograder.exercises.forbidden import AUTOGRAD, CONVOLUTION
from autograder.spec import Case, Exercise, Outputs, Rng, Speed, Value, Wrong, of_call

Gradients = tuple[Tensor, ...]


def oracle(grad_out: Tensor, x: Tensor, weight: Tensor, stride: int = 1, padding: int = 0) -> Gradients:
    exact = by_autograd(grad_out.double(), x.double(), weight.double(), stride, padding)
    return tuple(gradient.to(grad_out.dtype) for gradient in exact)


def by_autograd(grad_out: Tensor, x: Tensor, weight: Tensor, stride: int = 1, padding: int = 0) -> Gradients:
    with torch.enable_grad():
        image, kernel = x.detach().requires_grad_(), weight.detach().requires_grad_()
        bias = x.new_zeros(len(weight)).requires_grad_()
        out = F.conv2d(image, kernel, bias, stride, padding)
        return torch.autograd.grad(out, (image, kernel, bias), grad_out)


def case(name: str, grad_out: Tensor, x: Tensor, weight: Tensor, *sizes: int) -> Case:
    terms = max(x[:, 0].numel(), weight[:, 0].numel())
    given = dict(zip(("stride", "padding"), sizes, strict=False))
    return of_call(name, grad_out=grad_out, x=x, weight=weight, **given, terms=terms)  # type: ignore[arg-type]


def cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "three pixels, two weights, by hand",
        grad_out=torch.tensor([[[[10.0, 100.0]]]]),
        x=torch.tensor([[[[0.0, 1.0, 2.0]]]]),
        weight=torch.tensor([[[[3.0, 4.0]]]]),
        expect=(torch.tensor([[[[30.0, 340.0, 400.0]]]]), torch.tensor([[[[100.0, 210.0]]]]), torch.tensor([110.0])),
        note="the middle pixel met 4 in the first output and 3 in the second: dx = 4·10 + 3·100 = 340",
        terms=2,
    )
    yield case("one channel, 2×3 kernel", rng.normal(1, 1, 3, 2), rng.normal(1, 1, 4, 4), rng.normal(1, 1, 2, 3))
    yield case("1×1 kernel", rng.normal(1, 3, 3, 2), rng.normal(1, 2, 3, 2), rng.normal(3, 2, 1, 1))
    yield case("2 channels to 3", rng.normal(1, 3, 3, 4), rng.normal(1, 2, 4, 6), rng.normal(3, 2, 2, 3))
    yield case("batch of 3", rng.normal(3, 2, 2, 3), rng.normal(3, 2, 4, 5), rng.normal(2, 2, 3, 3))
    yield case("padding 1", rng.normal(2, 2, 4, 5), rng.normal(2, 1, 4, 5), rng.normal(2, 1, 3, 3), 1, 1)
    yield case("stride 2", rng.normal(2, 3, 2, 3), rng.normal(2, 2, 5, 7), rng.normal(3, 2, 3, 3), 2)
    left_over = rng.normal(2, 2, 6, 8), rng.normal(3, 2, 3, 3)
    yield case("stride 2, a row and a column left over", rng.normal(2, 3, 2, 3), *left_over, 2)
    yield case(
        "stride 3, kernel 2: pixels never seen",
        rng.normal(1, 2, 2, 3),
        rng.normal(1, 1, 5, 8),
        rng.normal(2, 1, 2, 2),
        3,
    )
    yield case("not contiguous", rng.strided(2, 3, 3, 4), rng.strided(2, 2, 5, 6), rng.strided(3, 2, 3, 3))
    double = (rng.normal(2, 4, 4, 5, dtype=torch.float64), rng.normal(2, 3, 7, 8, dtype=torch.float64))
    yield case("float64, stride 2, padding 2", *double, rng.normal(4, 3, 4, 3, dtype=torch.float64), 2, 2)


def measure(case: Case, outputs: Outputs) -> Outputs:
    """The three gradients by name."""
    return named(outputs["out"])


def named(gradients: Value) -> Outputs:
    dx, dw, db = gradients
    return {"dx": dx, "dw": dw, "db": db}


def unflipped(grad_out: Tensor, x: Tensor, weight: Tensor, stride: int = 1, padding: int = 0) -> Gradients:
    return oracle(grad_out, x, weight.flip(-1, -2), stride, padding)[0], *oracle(grad_out, x, weight, stride, padding)[
        1:
    ]


def flipped_dw(grad_out: Tensor, x: Tensor, weight: Tensor, stride: int = 1, padding: int = 0) -> Gradients:
    dx, dw, db = oracle(grad_out, x, weight, stride, padding)
    return dx, dw.flip(-1, -2), db


def last_image(grad_out: Tensor, x: Tensor, weight: Tensor, stride: int = 1, padding: int = 0) -> Gradients:
    dx = oracle(grad_out, x, weight, stride, padding)[0]
    return dx, *oracle(grad_out[-1:], x[-1:], weight, stride, padding)[1:]


def unsummed(grad_out: Tensor, x: Tensor, weight: Tensor, stride: int = 1, padding: int = 0) -> Gradients:
    images = zip(grad_out.split(1), x.split(1), strict=True)
    each = [oracle(grad, image, weight, stride, padding) for grad, image in images]
    dx, dw, db = zip(*each, strict=True)
    return torch.cat(dx), torch.stack(dw), torch.stack(db)


def averaged(grad_out: Tensor, x: Tensor, weight: Tensor, stride: int = 1, padding: int = 0) -> Gradients:
    dx, dw, db = oracle(grad_out, x, weight, stride, padding)
    return dx, dw / len(x), db / len(x)


def db_per_pixel(grad_out: Tensor, x: Tensor, weight: Tensor, stride: int = 1, padding: int = 0) -> Gradients:
    return *oracle(grad_out, x, weight, stride, padding)[:2], grad_out.sum(0)


def db_mean(grad_out: Tensor, x: Tensor, weight: Tensor, stride: int = 1, padding: int = 0) -> Gradients:
    return *oracle(grad_out, x, weight, stride, padding)[:2], grad_out.mean((0, 2, 3))


def with_border(grad_out: Tensor, x: Tensor, weight: Tensor, stride: int = 1, padding: int = 0) -> Gradients:
    return oracle(grad_out, F.pad(x, (padding,) * 4), weight, stride, 0)


def overwrites(grad_out: Tensor, x: Tensor, weight: Tensor, stride: int = 1, padding: int = 0) -> Gradients:
    dx, dw, db = oracle(grad_out, x, weight, stride, padding)
    for one_cell in torch.eye(weight[0, 0].numel()).to(weight).reshape(-1, *weight.shape[2:]):
        part = oracle(grad_out, x, weight * one_cell, stride, padding)[0]
        reached = oracle(torch.ones_like(grad_out), x, torch.ones_like(weight) * one_cell, stride, padding)[0] > 0
        dx = torch.where(reached, part, dx)
    return dx, dw, db


def undilated_dw(grad_out: Tensor, x: Tensor, weight: Tensor, stride: int = 1, padding: int = 0) -> Gradients:
    dx, _, db = oracle(grad_out, x, weight, stride, padding)
    dw = F.conv2d(x.transpose(0, 1), grad_out.transpose(0, 1), padding=padding).transpose(0, 1)
    return dx, dw[..., : weight.shape[2], : weight.shape[3]].contiguous(), db


def other_order(grad_out: Tensor, x: Tensor, weight: Tensor, stride: int = 1, padding: int = 0) -> Gradients:
    dx, dw, db = oracle(grad_out, x, weight, stride, padding)
    return dw, dx, db


def of_the_sum(grad_out: Tensor, x: Tensor, weight: Tensor, stride: int = 1, padding: int = 0) -> Gradients:
    return oracle(torch.ones_like(grad_out), x, weight, stride, padding)


CONV2D_BACKWARD = Exercise(
    id="lenet.conv2d_backward",
    cases=cases,
    oracle=oracle,
    measure=measure,
    wrong=(
        Wrong(
            "doesn't flip the kernel for dx",
            unflipped,
            says="dx is wrong by a flip: seen from a pixel, the outputs it took part in meet the kernel in reverse.",
            look="write down which weight the middle of three pixels met in each output.",
        ),
        Wrong(
            "flips dw",
            flipped_dw,
            says="dw is flipped.",
            look="dw[i, j] pairs each output's gradient with the pixel that lay under cell (i, j).",
        ),
        Wrong(
            "forgets the sum over the batch",
            unsummed,
            says="there is a dw and a db for each image; one weight serves the whole batch, so its gradients add up.",
            look="dw has the weight's shape: which axis must be summed away?",
        ),
        Wrong(
            "keeps only the last image's gradients",
            last_image,
            says="dw and db are those of the last image: each image overwrites the one before.",
            look="in your loop, is it = or +=?",
        ),
        Wrong(
            "averages over the batch",
            averaged,
            says="dw and db are averaged over the batch; they are sums (a mean loss has put its 1/N into grad_out).",
            look="is there a mean where a sum should be?",
        ),
        Wrong(
            "keeps db's rows and columns",
            db_per_pixel,
            says="db still has rows and columns; the bias was added at every place, so all of them count.",
            look="db has one value for each output channel: sum over the other three axes.",
        ),
        Wrong(
            "averages db",
            db_mean,
            says="db is the mean of grad_out; it is its sum.",
            look="moving a bias by 1 moves every output of its channel by 1.",
        ),
        Wrong(
            "overwrites dx where windows overlap",
            overwrites,
            says="where windows overlap, dx keeps only the last one's part; a pixel collects from all its windows.",
            look="when you write back into dx, is it = or +=?",
        ),
        Wrong(
            "leaves the border on dx",
            with_border,
            says="dx is the gradient of the padded image; the border isn't part of x.",
            look="cut padding pixels off each side.",
        ),
        Wrong(
            "forgets stride in dw",
            undilated_dw,
            says="dw is right for stride 1 only: with stride s, neighbouring outputs look at pixels s apart.",
            look="unfold2d with the same stride gives just the patches that the outputs saw.",
        ),
        Wrong(
            "returns the gradients in another order",
            other_order,
            says="dx and dw have changed places.",
            look="return (dx, dw, db).",
        ),
        Wrong(
            "ignores grad_out",
            of_the_sum,
            says="the result is the gradient of the outputs' plain sum; grad_out says how much each output matters.",
            look="every term has a factor from grad_out.",
        ),
    ),
    hints=(
        "conv2d was pad, unfold, multiply. Go back in the opposite order: each step has its own small gradient.",
        "With out = W @ P: dW = grad @ Pᵀ, summed over the batch, and dP = Wᵀ @ grad, the gradient of every patch.",
        "Each cell (i, j) of the patches came from a strided slice of the image: add dP's part back to that slice.",
    ),
    points=5,
    minutes=30,
    needs=("lenet.pad2d", "lenet.unfold2d", "lenet.conv2d"),
    forbidden=(*CONVOLUTION, *AUTOGRAD),
    speed=Speed(
        case=lambda rng: of_call(
            "speed", grad_out=rng.normal(8, 32, 30, 30), x=rng.normal(8, 16, 32, 32), weight=rng.normal(32, 16, 3, 3)
        ),
        limit=8.0,
        baseline=by_autograd,
        against="F.conv2d and autograd",
    ),
)

EXERCISES = (CONV2D_BACKWARD,)
