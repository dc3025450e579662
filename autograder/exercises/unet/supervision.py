"""A loss for several outputs at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from autograder.exercises.unet._ready_made import LOSSES
from autograder.exercises.unet._variants import FLOAT64
from autograder.spec import Case, Exercise, Probe, Ref, Rng, Step, Value, Wrong, backward

Loss = Callable[[Tensor, Tensor], Tensor]
Weights = Sequence[float] | None


def shares(outputs: Sequence[Tensor], weights: Weights) -> list[float]:
    return [1 / len(outputs)] * len(outputs) if weights is None else list(weights)


def resized(target: Tensor, how: Callable[[Tensor], Tensor]) -> Tensor:
    """A target whose maps were brought to another size as numbers."""
    maps = how(target.reshape(1, -1, *target.shape[-2:]).double())
    return maps.reshape(*target.shape[:-2], *maps.shape[-2:]).to(target.dtype)


def exact(target: Tensor, size: torch.Size) -> Tensor:
    """The target at another size, by the pixels in which the middles lie."""
    return resized(target, lambda maps: F.interpolate(maps, size=size, mode="nearest-exact"))


def total(
    outputs: Sequence[Tensor], target: Tensor, loss: Loss, weights: Sequence[float], small: Any = exact
) -> Tensor:
    terms = [w * loss(out, small(target, out.shape[-2:])) for out, w in zip(outputs, weights, strict=True)]
    return torch.stack(terms).sum()


def oracle(outputs: Sequence[Tensor], target: Tensor, loss: Loss, weights: Weights = None) -> Tensor:
    return total(outputs, target, loss, shares(outputs, weights))


def one(
    rng: Rng, name: str, sizes: list[tuple[int, int]], target: Tensor, weights: Weights = None, **more: Any
) -> Case:
    """Logits of these sizes, of three classes, against labels; and the gradient of each."""
    dtype = more.get("dtype", torch.float32)
    logits = {
        f"output {k}": more.get("spread", 1.0) * rng.normal(len(target), 3, *size, dtype=dtype)
        for k, size in enumerate(sizes)
    }
    asked: dict[str, Value] = {} if weights is None else {"weights": weights}
    program = (judged(*logits, **asked), backward("total", *logits))
    inputs = {**logits, "target": target, "loss": Probe("label_error", {})}
    return Case(name, program, inputs=inputs, terms=target.numel() * len(sizes))


def judged(*outputs: str, **more: Value) -> Step:
    """The call of the answer on these outputs."""
    given = {"outputs": [Ref(name) for name in outputs], "target": Ref("target"), "loss": Ref("loss"), **more}
    return Step("call", out="total", kwargs=given)


def by_hand() -> Case:
    labels = torch.tensor([[[0, 1, 2, 0, 1, 1]]])
    fine = torch.zeros(1, 3, 1, 6)
    coarse = torch.zeros(1, 3, 1, 3)
    coarse[:, 1, :, 0] = coarse[:, 0, :, 1] = coarse[:, 1, :, 2] = 1.0
    return Case(
        "6 pixels and 3, by hand",
        (judged("fine", "coarse"),),
        inputs={"fine": fine, "coarse": coarse, "target": labels, "loss": Probe("label_error", {})},
        expect={"total": torch.tensor((1.0986123 + 0.5514447) / 2)},
        note="the row 0 1 2 0 1 1 has 1 0 1 in the coarse pixels' middles, where the logits are 1: each loses "
        "log(2 + e) − 1 = 0.551. The fine logits lose log 3 = 1.099. The mean is 0.825",
        terms=6,
    )


def cases(rng: Rng) -> Iterator[Case]:
    yield by_hand()
    labels = rng.integers(0, 3, 2, 8, 12)
    yield one(rng, "three outputs of the target's size", [(8, 12)] * 3, labels)
    yield one(rng, "halved and halved again", [(8, 12), (4, 6), (2, 3)], labels)
    yield one(rng, "with weights", [(8, 12), (4, 6), (2, 3)], labels, [1.0, 0.5, 0.7])
    yield one(rng, "weights that fall by half, the smallest first", [(2, 3), (8, 12)], labels, [0.5, 1.0])
    odd = rng.integers(0, 3, 1, 7, 9)
    yield one(rng, "odd sizes, one image", [(7, 9), (4, 5), (3, 2)], odd, [2.0, 1.0, 3.0])
    yield one(rng, "one output, its weight 3", [(7, 9)], odd, [3.0])
    yield one(rng, "an output without a say, labels not contiguous", [(4, 5), (2, 5)], odd.mT[:, :, :5], [0.0, 1.0])
    yield one(rng, "labels with a channel of their own", [(8, 12), (4, 6)], labels[:, None])
    yield one(rng, "float64, logits up to 10,000", [(8, 12), (4, 6)], labels, dtype=FLOAT64, spread=4e3)


# --- wrong answers ---------------------------------------------------------------------------------------------------

Outputs = Sequence[Tensor]


def with_shares(choose: Callable[[list[float], Weights], list[float]]) -> Callable[..., Tensor]:
    """The loss, with other weights: chosen from the right ones and the given ones."""

    def answer(outputs: Outputs, target: Tensor, loss: Loss, weights: Weights = None) -> Tensor:
        return total(outputs, target, loss, choose(shares(outputs, weights), weights))

    return answer


def with_targets(small: Callable[[Tensor, torch.Size], Tensor]) -> Callable[..., Tensor]:
    """The loss, with targets made smaller in another way."""

    def answer(outputs: Outputs, target: Tensor, loss: Loss, weights: Weights = None) -> Tensor:
        return total(outputs, target, loss, shares(outputs, weights), small)

    return answer


def enlarged(outputs: Outputs, target: Tensor, loss: Loss, weights: Weights = None) -> Tensor:
    large = [F.interpolate(out, size=target.shape[-2:], mode="bilinear") for out in outputs]
    return oracle(large, target, loss, weights)


def repeated(outputs: Outputs, target: Tensor, loss: Loss, weights: Weights = None) -> Tensor:
    large = [F.interpolate(out, size=target.shape[-2:], mode="nearest-exact") for out in outputs]
    return oracle(large, target, loss, weights)


def averaged_logits(outputs: Outputs, target: Tensor, loss: Loss, weights: Weights = None) -> Tensor:
    """One loss, of the weighted sum of all outputs."""
    large = [F.interpolate(out, size=target.shape[-2:], mode="bilinear") for out in outputs]
    logits = torch.stack([w * out for out, w in zip(large, shares(outputs, weights), strict=True)]).sum(0)
    return loss(logits, target)


def only(place: int) -> Callable[..., Tensor]:
    def answer(outputs: Outputs, target: Tensor, loss: Loss, weights: Weights = None) -> Tensor:
        return total([outputs[place]], target, loss, [shares(outputs, weights)[place]])

    return answer


def first_trained(outputs: Outputs, target: Tensor, loss: Loss, weights: Weights = None) -> Tensor:
    return oracle([outputs[0], *(out.detach() for out in outputs[1:])], target, loss, weights)


def corner(target: Tensor, size: torch.Size) -> Tensor:
    return resized(target, lambda maps: F.interpolate(maps, size=size, mode="nearest"))


def rounded(target: Tensor, size: torch.Size) -> Tensor:
    return resized(target, lambda maps: F.interpolate(maps, size=size, mode="bilinear").round())


def largest(target: Tensor, size: torch.Size) -> Tensor:
    return resized(target, lambda maps: F.adaptive_max_pool2d(maps, size))


def on_the_corners(target: Tensor, size: torch.Size) -> Tensor:
    rows, columns = (
        torch.linspace(0, many - 1, few, dtype=FLOAT64).round().long()
        for few, many in zip(size, target.shape[-2:], strict=True)
    )
    return target[..., rows[:, None], columns]


def ones(right: list[float], given: Weights) -> list[float]:
    return right if given is not None else [1.0] * len(right)


def halves(right: list[float], given: Weights) -> list[float]:
    return right if given is not None else [0.5**k for k in range(len(right))]


def equal(right: list[float], given: Weights) -> list[float]:
    return [1 / len(right)] * len(right)


def normalised(right: list[float], given: Weights) -> list[float]:
    return [weight / sum(right) for weight in right]


def divided(right: list[float], given: Weights) -> list[float]:
    return right if given is None else [weight / len(right) for weight in right]


TARGETS = "where does the middle of a coarse pixel lie in the fine grid?"
WRONG = (
    Wrong(
        "enlarges the outputs",
        enlarged,
        says="small outputs are interpolated to the target's size; here the target comes down to them.",
        look="which of the two keeps its pixels as they are?",
    ),
    Wrong(
        "repeats the outputs' pixels",
        repeated,
        says="small outputs are enlarged by repeating pixels; here the target comes down to them.",
        look="which of the two keeps its pixels as they are?",
    ),
    Wrong(
        "takes one loss of the summed outputs",
        averaged_logits,
        says="the outputs are added up, and their sum is judged; each output is judged on its own.",
        look="how often is `loss` called?",
    ),
    Wrong(
        "takes the upper left pixel",
        with_targets(corner),
        says="a coarse pixel takes the label of the first fine pixel in it, so that the target moves up and to the "
        "left; it takes the one in its middle.",
        look=TARGETS,
    ),
    Wrong(
        "spreads the pixels from corner to corner",
        with_targets(on_the_corners),
        says="the coarse pixels' labels are read from the first row to the last, evenly spread; each is to be read in "
        "the middle of what its pixel covers.",
        look=TARGETS,
    ),
    Wrong(
        "interpolates the labels",
        with_targets(rounded),
        says="labels are averaged and rounded: between class 0 and class 2 there appears a class 1 that isn't there.",
        look=TARGETS,
    ),
    Wrong(
        "takes the largest label",
        with_targets(largest),
        says="a coarse pixel takes the largest label in it; it takes the one in its middle. (That keeps thin roads, "
        "and makes them wide.)",
        look=TARGETS,
    ),
    Wrong(
        "judges the first output alone",
        only(0),
        says="only the first output counts.",
        look="the sum runs over all of them.",
    ),
    Wrong(
        "judges the last output alone",
        only(-1),
        says="only the last output counts.",
        look="is your sum overwritten in each turn of the loop?",
    ),
    Wrong(
        "teaches the first output alone",
        first_trained,
        says="the value is right, but no gradient reaches the outputs behind the first.",
        look="is there a detach, a no_grad or an item() in your answer?",
    ),
    Wrong(
        "sums where it should average",
        with_shares(ones),
        says="without weights the losses are summed; each has the weight 1 / number of outputs.",
        look="weights None.",
    ),
    Wrong(
        "halves the weights unasked",
        with_shares(halves),
        says="without weights they fall by half from output to output, as others do it; here they are all the same.",
        look="weights None.",
    ),
    Wrong(
        "ignores the weights",
        with_shares(equal),
        says="the mean is taken also where weights are given.",
        look="where do `weights` stand in your answer?",
    ),
    Wrong(
        "makes the weights add up to 1",
        with_shares(normalised),
        says="the weights are divided by their sum; they are taken as they are.",
        look="a sum, not a weighted mean.",
    ),
    Wrong(
        "divides the weighted sum",
        with_shares(divided),
        says="the weighted sum is divided by the number of outputs; it stays as it is.",
        look="a sum, not a mean.",
    ),
    Wrong(
        "reads the weights backwards",
        with_shares(lambda right, given: right[::-1]),
        says="the first weight goes to the last output.",
        look="zip the outputs with the weights as they come.",
    ),
)

DEEP_SUPERVISION_LOSS = Exercise(
    id="unet.deep_supervision_loss",
    cases=cases,
    oracle=oracle,
    wrong=WRONG,
    hints=(
        "A loop over outputs and weights; only the target needs thought.",
        "For each row of the output, work out which row of the target lies under its middle: "
        "(2 * arange(h) + 1) * H // (2 * h).",
        "target[..., rows[:, None], columns] picks rows and columns at once.",
    ),
    points=2,
    minutes=15,
    forbidden=LOSSES,
)

EXERCISES = (DEEP_SUPERVISION_LOSS,)
