"""How much gradient reaches each convolution, in the order in which they run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from autograder.exercises.resnet.parameters import Layers
from autograder.spec import Case, Exercise, Probe, Ref, Rng, Value, Wrong, call

Lengths = list[tuple[str, float]]
Measure = Callable[[Tensor, Tensor], float]


def oracle(model: nn.Module, x: Tensor, y: Tensor) -> Lengths:
    return lengths(model, x, y)


def length(gradient: Tensor, weight: Tensor) -> float:
    return float(gradient.double().square().sum().sqrt())


def in_order(model: nn.Module, x: Tensor, y: Tensor, reduction: str = "mean") -> tuple[Tensor, list[str]]:
    """The loss, and the names of the convolutions by their first run."""
    order: dict[str, None] = {}
    hooks = []
    for name, part in model.named_modules():
        if isinstance(part, nn.Conv2d):
            hooks.append(part.register_forward_hook(lambda *_, name=name: order.setdefault(name)))
    loss = F.cross_entropy(model(x), y, reduction=reduction)
    for hook in hooks:
        hook.remove()
    return loss, [name for name in order if model.get_submodule(name).weight.requires_grad]


def lengths(
    model: nn.Module, x: Tensor, y: Tensor, measure: Measure = length, reduction: str = "mean", *, kept: bool = False
) -> Lengths:
    """By autograd, or from `.grad` (`kept`, with what was there before in it)."""
    loss, names = in_order(model, x, y, reduction)
    weights = [model.get_parameter(f"{name}.weight") for name in names]
    gradients: list[Any] = list(torch.autograd.grad(loss, weights, retain_graph=kept))
    if kept:
        loss.backward()
        gradients = [item.grad for item in weights]
    return [(name, measure(*pair)) for name, pair in zip(names, zip(gradients, weights, strict=True), strict=True)]


def network(
    name: str,
    layers: Layers,
    weights: Mapping[str, Tensor],
    x: Tensor,
    y: Tensor,
    *,
    order: list[str] | None = None,
    expect: Value = None,
    note: str = "",
    **options: Any,
) -> Case:
    """A call, and then a look at what it left behind."""
    made = {"layers": layers, "order": list(layers) if order is None else order, "weights": dict(weights), **options}
    inputs: dict[str, Value] = {"model": Probe("patchwork", made), "x": x, "y": y}
    given: dict[str, Value] = {key: Ref(key) for key in inputs}
    steps = (
        call("lengths", **given),
        call("journal", target="model", method="journal"),
    )
    by_hand = {} if expect is None else {"lengths": expect}
    return Case(name, steps, inputs=inputs, expect=by_hand, note=note, terms=1000)


def body(
    rng: Rng, channels: tuple[int, ...], classes: int = 3, dtype: torch.dtype = torch.float32
) -> tuple[Layers, Any]:
    """Convolutions conv1, conv2 … with relus between, a mean and a linear layer; and their weights."""
    layers: Layers = {}
    weights = {}
    for number, (entering, leaving) in enumerate(pairwise(channels), 1):
        layers[f"conv{number}"] = ("conv", entering, leaving, 3, 1, 1)
        weights[f"conv{number}.weight"] = rng.normal(leaving, entering, 3, 3, dtype=dtype) / entering**0.5
        weights[f"conv{number}.bias"] = rng.uniform(leaving, low=0.1, high=0.5, dtype=dtype)
        layers[f"relu{number}"] = ("relu",)
    layers |= {"mean": ("mean", 1), "flatten": ("flatten",), "fc": ("linear", channels[-1], classes)}
    weights["fc.weight"] = 2 * rng.normal(classes, channels[-1], dtype=dtype)
    return layers, weights


def cases(rng: Rng) -> Iterator[Case]:
    yield network(
        "one pixel, two weights, by hand",
        {"conv": ("conv", 1, 2, 1, {"bias": False}), "flatten": ("flatten",)},
        {"conv.weight": torch.zeros(2, 1, 1, 1)},
        torch.full((1, 1, 1, 1), 2.0),
        torch.tensor([0]),
        expect=[("conv", 2**0.5)],
        note="both probabilities are 0.5, so the gradients at the logits are 0.5 − 1 and 0.5; times the pixel 2: "
        "−1 and 1, length √(1 + 1) = 1.414",
    )
    x, y = rng.normal(4, 2, 5, 6), torch.tensor([0, 2, 1, 2])
    layers, weights = body(rng, (2, 3, 4))
    yield network("two convolutions", layers, weights, x, y)
    backwards = dict(reversed(list(layers.items())))
    yield network("run in another order than made", backwards, weights, x, y, order=list(layers))
    layers, weights = body(rng, (2, 3, 3, 3))
    twice = [*list(layers)[:4], "conv2", *list(layers)[4:]]
    unused: Layers = {"auxiliary": ("conv", 3, 3, 3)}
    yield network("one that runs twice, one that never does", unused | layers, weights, x, y, order=twice)
    frozen = ("conv1.weight", "conv1.bias")
    yield network("a frozen one", layers, weights, x, y, frozen=frozen, evaluating=("",))
    inner = {f"layer1.0.{key}" if key[:4] in ("conv", "relu") else key: value for key, value in layers.items()}
    renamed = {f"layer1.0.{key}" if key[:4] == "conv" else key: value for key, value in weights.items()}
    yield network("modules in modules", inner, renamed, x, y)
    layers, weights = body(rng, (2, 3, 4, 3), dtype=torch.float64)
    kept = ("conv1.weight", "conv3.bias")
    yield network("float64, gradients of another batch in .grad", layers, weights, x.double(), y, graded=kept)


def largest(gradient: Tensor, weight: Tensor) -> float:
    return float(gradient.abs().max())


def total(gradient: Tensor, weight: Tensor) -> float:
    return float(gradient.abs().sum())


def squared(gradient: Tensor, weight: Tensor) -> float:
    return float(gradient.square().sum())


def averaged(gradient: Tensor, weight: Tensor) -> float:
    return float(gradient.square().mean().sqrt())


def relative(gradient: Tensor, weight: Tensor) -> float:
    return float(gradient.norm() / weight.detach().norm().clamp(min=1e-30))


def of_weight(gradient: Tensor, weight: Tensor) -> float:
    return float(weight.detach().norm())


def with_measure(measure: Measure) -> Callable[[nn.Module, Tensor, Tensor], Lengths]:
    def answer(model: nn.Module, x: Tensor, y: Tensor) -> Lengths:
        return lengths(model, x, y, measure)

    return answer


def summed_loss(model: nn.Module, x: Tensor, y: Tensor) -> Lengths:
    return lengths(model, x, y, reduction="sum")


def as_made(model: nn.Module, x: Tensor, y: Tensor) -> Lengths:
    found = dict(lengths(model, x, y))
    return [(name, found[name]) for name, _ in model.named_modules() if name in found]


def back_to_front(model: nn.Module, x: Tensor, y: Tensor) -> Lengths:
    return lengths(model, x, y)[::-1]


def adds_to_grad(model: nn.Module, x: Tensor, y: Tensor) -> Lengths:
    return lengths(model, x, y, kept=True)


def overwrites_grad(model: nn.Module, x: Tensor, y: Tensor) -> Lengths:
    model.zero_grad()
    return lengths(model, x, y, kept=True)


def empties_grad(model: nn.Module, x: Tensor, y: Tensor) -> Lengths:
    found = lengths(model, x, y)
    model.zero_grad()
    return found


def short_names(model: nn.Module, x: Tensor, y: Tensor) -> Lengths:
    return [(name.rpartition(".")[2], value) for name, value in lengths(model, x, y)]


def parameter_names(model: nn.Module, x: Tensor, y: Tensor) -> Lengths:
    return [(f"{name}.weight", value) for name, value in lengths(model, x, y)]


def evaluates(model: nn.Module, x: Tensor, y: Tensor) -> Lengths:
    model.eval()
    return lengths(model, x, y)


def leaves_hooks(model: nn.Module, x: Tensor, y: Tensor) -> Lengths:
    for part in model.modules():
        if isinstance(part, nn.Conv2d):
            part.register_forward_hook(lambda *_: None)
    return lengths(model, x, y)


ASK_AUTOGRAD = "torch.autograd.grad(loss, weights) answers the gradients themselves and leaves .grad alone."

GRADIENT_NORMS = Exercise(
    id="resnet.gradient_norms",
    cases=cases,
    oracle=oracle,
    wrong=(
        Wrong(
            "takes the largest value",
            with_measure(largest),
            "each number is the gradient's largest value; asked is its length.",
            "√Σ g².",
        ),
        Wrong(
            "adds up absolute values",
            with_measure(total),
            "each number is the sum of absolute values; asked is the length.",
            "√Σ g².",
        ),
        Wrong("forgets the root", with_measure(squared), "these are squared lengths.", "√Σ g²."),
        Wrong(
            "averages the squares",
            with_measure(averaged),
            "the squares are averaged where they should be added up.",
            "√Σ g²: the length of the gradient as one long vector.",
        ),
        Wrong(
            "measures the weights",
            with_measure(of_weight),
            "these are the lengths of the weights, not of their gradients.",
            "autograd answers one gradient for each weight.",
        ),
        Wrong(
            "divides by the weight's length",
            with_measure(relative),
            "each length is divided by the weight's own.",
            "√Σ g², and nothing else.",
        ),
        Wrong(
            "adds up the batch's losses",
            summed_loss,
            "the loss is summed over the batch; cross-entropy is the mean.",
            "F.cross_entropy(model(x), y).",
        ),
        Wrong(
            "lists them as they were made",
            as_made,
            "the convolutions stand in the order in which __init__ made them; asked is the order in which they run.",
            "a forward hook is called when its layer runs.",
        ),
        Wrong(
            "lists them back to front",
            back_to_front,
            "the list begins with the last convolution.",
            "the order of the forward pass, not of the backward pass.",
        ),
        Wrong(
            "leaves its gradients behind",
            adds_to_grad,
            "backward() adds to .grad, and the sum stays there (and is measured, if something was there before).",
            ASK_AUTOGRAD,
        ),
        Wrong(
            "overwrites .grad",
            overwrites_grad,
            "what lay in .grad is gone, and the new gradients lie there.",
            ASK_AUTOGRAD,
        ),
        Wrong("empties .grad", empties_grad, "what lay in .grad is gone.", ASK_AUTOGRAD),
        Wrong(
            "shortens the names",
            short_names,
            "the names lack the modules around the layer: conv1 instead of layer1.0.conv1.",
            "model.named_modules() gives the whole path.",
        ),
        Wrong(
            "names the weights",
            parameter_names,
            "the names are those of the weights; asked are those of the layers, without .weight.",
            "model.named_modules() gives them.",
        ),
        Wrong(
            "leaves the model in eval mode",
            evaluates,
            "the lengths are right, but the model is in eval mode afterwards.",
            "the mode is the caller's: leave it.",
        ),
        Wrong(
            "leaves its hooks on",
            leaves_hooks,
            "the lengths are right, but hooks are left on the model.",
            "register_forward_hook returns a handle: handle.remove().",
        ),
    ),
    hints=(
        "A forward hook on each nn.Conv2d notes its name when it runs; a dict keeps the order, and each name once.",
        "loss = F.cross_entropy(model(x), y), then torch.autograd.grad(loss, weights).",
        "names = {part: name for name, part in model.named_modules() if isinstance(part, nn.Conv2d)}; the hook's first "
        "argument is the layer.",
    ),
    points=2,
    minutes=15,
)

EXERCISES = (GRADIENT_NORMS,)
