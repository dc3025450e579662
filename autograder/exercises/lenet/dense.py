"""The affine map and its gradients."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from autograder.exercises.forbidden import AFFINE, AUTOGRAD
from autograder.spec import Case, Exercise, Outputs, Rng, Speed, Wrong, of_call

Gradients = tuple[Tensor, ...]


def oracle(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    return F.linear(x, weight, bias)


def cases(rng: Rng) -> Iterator[Case]:
    x, w, b = "x", "weight", "bias"
    yield of_call(
        "two numbers in, two out, by hand",
        x=torch.tensor([[1.0, 2.0]]),
        weight=torch.tensor([[3.0, 4.0], [5.0, 6.0]]),
        bias=torch.tensor([0.0, 10.0]),
        expect=torch.tensor([[11.0, 27.0]]),
        note="row 3 4 of the weight: 1·3 + 2·4 + 0 = 11",
        terms=3,
    )
    yield of_call("no bias", x=rng.normal(3, 4), weight=rng.normal(2, 4), gradients=(x, w), terms=4)
    yield of_call("bias", x=rng.normal(3, 4), weight=rng.normal(5, 4), bias=rng.normal(5), gradients=(x, w, b), terms=5)
    yield of_call(
        "as many samples as inputs and outputs",
        x=rng.normal(3, 3),
        weight=rng.normal(3, 3),
        bias=rng.normal(3),
        gradients=(x, w, b),
        terms=4,
    )
    yield of_call(
        "one sample without a batch axis", x=rng.normal(5), weight=rng.normal(3, 5), bias=rng.normal(3), terms=6
    )
    yield of_call(
        "two axes before the last",
        x=rng.normal(2, 3, 4),
        weight=rng.normal(5, 4),
        bias=rng.normal(5),
        gradients=(x, w, b),
        terms=6,
    )
    yield of_call("one number in, one out", x=rng.normal(2, 1), weight=rng.normal(1, 1), bias=rng.normal(1), terms=2)
    yield of_call("not contiguous", x=rng.strided(4, 3, 6), weight=rng.strided(5, 6), bias=rng.normal(5), terms=7)
    yield of_call(
        "float64, 300 inputs",
        x=rng.normal(3, 300, dtype=torch.float64),
        weight=rng.normal(4, 300, dtype=torch.float64),
        bias=rng.normal(4, dtype=torch.float64),
        gradients=(x, w, b),
        terms=300,
    )
    yield of_call("no samples", x=rng.normal(0, 3), weight=rng.normal(2, 3), bias=rng.normal(2))


def transposed(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    return oracle(x, weight.T, bias)


def without_bias(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    return oracle(x, weight, None if bias is None else 0 * bias)


def subtracts_bias(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    return oracle(x, weight, None if bias is None else -bias)


def bias_along_samples(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    out = oracle(x, weight)
    return out if bias is None else out + bias.unsqueeze(1)


def bias_on_input(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    return oracle(x if bias is None else x + bias, weight)


def averages(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    return oracle(x, weight / weight.shape[1], bias)


def flattens(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    return oracle(x.reshape(-1, x.shape[-1]), weight, bias)


def rectifies(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    return oracle(x, weight, bias).relu()


LINEAR = Exercise(
    id="lenet.linear",
    cases=cases,
    oracle=oracle,
    wrong=(
        Wrong(
            "transposes the weight",
            transposed,
            says="the weight is used the wrong way round; a square one hides it. Row o holds the weights of output o.",
            look="x is (…, I) and weight (O, I): which axes must meet in the product?",
        ),
        Wrong(
            "forgets the bias",
            without_bias,
            says="the bias is never added.",
            look="what happens after the product?",
        ),
        Wrong(
            "subtracts the bias",
            subtracts_bias,
            says="the bias is subtracted; it is added.",
            look="check the sign of the bias.",
        ),
        Wrong(
            "adds the bias along the samples",
            bias_along_samples,
            says="each sample gets one number of the bias; each output should.",
            look="shapes line up from the right: (O,) already meets (…, O).",
        ),
        Wrong(
            "adds the bias to the input",
            bias_on_input,
            says="the bias is added before the product; it belongs after it.",
            look="the bias has one number for each output.",
        ),
        Wrong(
            "averages instead of summing",
            averages,
            says="the products are averaged; they are summed.",
            look="is there a mean where a sum should be?",
        ),
        Wrong(
            "flattens the leading axes",
            flattens,
            says="the axes before the last are merged, or one is added; they stay as they came.",
            look="@ works on the last axes and leaves the others alone.",
        ),
        Wrong(
            "applies an activation",
            rectifies,
            says="negative outputs became 0: an activation is a layer of its own.",
            look="return the sums as they are.",
        ),
    ),
    hints=(
        "Each output is a row of weight times x, summed: that is one matrix product.",
        "x has I as its last axis, weight too. @ wants I last on the left and first on the right: weight.T.",
    ),
    points=1,
    minutes=6,
    forbidden=AFFINE,
    speed=Speed(
        case=lambda rng: of_call("speed", x=rng.normal(256, 512), weight=rng.normal(512, 512), bias=rng.normal(512)),
        limit=2.0,
        against="F.linear",
    ),
)


def backward_oracle(grad_out: Tensor, x: Tensor, weight: Tensor) -> Gradients:
    exact = by_autograd(grad_out.double(), x.double(), weight.double())
    return tuple(gradient.to(grad_out.dtype) for gradient in exact)


def by_autograd(grad_out: Tensor, x: Tensor, weight: Tensor) -> Gradients:
    with torch.enable_grad():
        leaves = [value.detach().requires_grad_() for value in (x, weight, x.new_zeros(len(weight)))]
        return torch.autograd.grad(F.linear(*leaves), leaves, grad_out)


def backward_cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "two samples, two numbers in, one out, by hand",
        grad_out=torch.tensor([[10.0], [100.0]]),
        x=torch.tensor([[1.0, 2.0], [3.0, 4.0]]),
        weight=torch.tensor([[5.0, 6.0]]),
        expect=(torch.tensor([[50.0, 60.0], [500.0, 600.0]]), torch.tensor([[310.0, 420.0]]), torch.tensor([110.0])),
        note="the weight 5 met 1 in the first sample and 3 in the second: dw = 10·1 + 100·3 = 310",
        terms=2,
    )
    yield of_call("one sample", grad_out=rng.normal(1, 3), x=rng.normal(1, 2), weight=rng.normal(3, 2), terms=3)
    yield of_call(
        "4 samples, 2 in, 3 out", grad_out=rng.normal(4, 3), x=rng.normal(4, 2), weight=rng.normal(3, 2), terms=4
    )
    yield of_call(
        "three of everything", grad_out=rng.normal(3, 3), x=rng.normal(3, 3), weight=rng.normal(3, 3), terms=3
    )
    yield of_call("not contiguous", grad_out=rng.strided(5, 3), x=rng.strided(5, 4), weight=rng.strided(3, 4), terms=5)
    yield of_call(
        "float64, 200 samples",
        grad_out=rng.normal(200, 4, dtype=torch.float64),
        x=rng.normal(200, 6, dtype=torch.float64),
        weight=rng.normal(4, 6, dtype=torch.float64),
        terms=200,
    )
    yield of_call("no samples", grad_out=rng.normal(0, 3), x=rng.normal(0, 2), weight=rng.normal(3, 2))


def measure(case: Case, outputs: Outputs) -> Outputs:
    """The three gradients by name."""
    dx, dw, db = outputs["out"]
    return {"dx": dx, "dw": dw, "db": db}


def dx_transposed(grad_out: Tensor, x: Tensor, weight: Tensor) -> Gradients:
    return grad_out @ weight.T, *backward_oracle(grad_out, x, weight)[1:]


def dw_transposed(grad_out: Tensor, x: Tensor, weight: Tensor) -> Gradients:
    dx, dw, db = backward_oracle(grad_out, x, weight)
    return dx, dw.T.contiguous(), db


def averaged(grad_out: Tensor, x: Tensor, weight: Tensor) -> Gradients:
    dx, dw, db = backward_oracle(grad_out, x, weight)
    return dx, dw / max(1, len(x)), db / max(1, len(x))


def last_sample(grad_out: Tensor, x: Tensor, weight: Tensor) -> Gradients:
    return backward_oracle(grad_out, x, weight)[0], *backward_oracle(grad_out[-1:], x[-1:], weight)[1:]


def unsummed_db(grad_out: Tensor, x: Tensor, weight: Tensor) -> Gradients:
    return *backward_oracle(grad_out, x, weight)[:2], grad_out.clone()


def db_over_outputs(grad_out: Tensor, x: Tensor, weight: Tensor) -> Gradients:
    return *backward_oracle(grad_out, x, weight)[:2], grad_out.sum(1)


def of_the_sum(grad_out: Tensor, x: Tensor, weight: Tensor) -> Gradients:
    return backward_oracle(torch.ones_like(grad_out), x, weight)


def other_order(grad_out: Tensor, x: Tensor, weight: Tensor) -> Gradients:
    dx, dw, db = backward_oracle(grad_out, x, weight)
    return dw, dx, db


def averaged_db(grad_out: Tensor, x: Tensor, weight: Tensor) -> Gradients:
    return *backward_oracle(grad_out, x, weight)[:2], grad_out.mean(0)


def counts_samples(grad_out: Tensor, x: Tensor, weight: Tensor) -> Gradients:
    return *backward_oracle(grad_out, x, weight)[:2], torch.full_like(grad_out[:1].sum(0), len(x))


LINEAR_BACKWARD = Exercise(
    id="lenet.linear_backward",
    cases=backward_cases,
    oracle=backward_oracle,
    measure=measure,
    wrong=(
        Wrong(
            "transposes the weight in dx",
            dx_transposed,
            says="dx uses the weight the wrong way round; a square one hides it.",
            look="grad_out is (N, O), dx must be (N, I): which form of weight leads from O to I?",
        ),
        Wrong(
            "transposes dw",
            dw_transposed,
            says="dw is transposed: it should have the weight's shape, (O, I).",
            look="swap the two factors and transpose the other one.",
        ),
        Wrong(
            "averages over the batch",
            averaged,
            says="dw and db are averaged over the batch; they are sums (a mean loss has put its 1/N into grad_out).",
            look="is there a mean where a sum should be?",
        ),
        Wrong(
            "averages db over the batch",
            averaged_db,
            says="db is averaged over the batch; it is summed (a mean loss has put its 1/N into grad_out).",
            look="is there a mean where a sum should be?",
        ),
        Wrong(
            "keeps only the last sample's gradients",
            last_sample,
            says="dw and db are those of the last sample: each sample overwrites the one before.",
            look="one matrix product sums over the batch by itself.",
        ),
        Wrong(
            "forgets the sum over the batch in db",
            unsummed_db,
            says="db has a row for each sample; one bias serves the whole batch, so its gradients add up.",
            look="db has shape (O,).",
        ),
        Wrong(
            "sums db over the outputs",
            db_over_outputs,
            says="db is summed over the outputs; it is summed over the samples.",
            look="db has one number for each output: which axis goes?",
        ),
        Wrong(
            "ignores grad_out",
            of_the_sum,
            says="the result is the gradient of the outputs' plain sum; grad_out says how much each output matters.",
            look="every term has a factor from grad_out.",
        ),
        Wrong(
            "counts samples for db",
            counts_samples,
            says="db is the number of samples; each of them counts with its grad_out.",
            look="the bias is added as it is, so its gradient is grad_out, summed.",
        ),
        Wrong(
            "returns the gradients in another order",
            other_order,
            says="dx and dw have changed places.",
            look="return (dx, dw, db).",
        ),
    ),
    hints=(
        "Write one output as a sum, and differentiate by one x, one weight, one bias.",
        "Shapes nearly decide it: dx (N, I) from (N, O) and (O, I), dw (O, I) from (N, O) and (N, I).",
    ),
    points=2,
    minutes=12,
    forbidden=(*AFFINE, *AUTOGRAD),
    speed=Speed(
        case=lambda rng: of_call(
            "speed", grad_out=rng.normal(256, 256), x=rng.normal(256, 512), weight=rng.normal(256, 512)
        ),
        limit=2.0,
        baseline=by_autograd,
        against="F.linear and autograd",
    ),
)

EXERCISES = (LINEAR, LINEAR_BACKWARD)
