"""Cases of modules: built, given random weights, called, and asked for gradients."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from autograder.spec import Case, Outputs, Ref, Rng, Step, Value, backward, call, load, mode, new, state

OUT = "out"
BORN = "a new layer's own weights"


def weights(rng: Rng, module: nn.Module, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    """Random weights of a size that keeps values near 1; buffers of a batch norm as after some training."""
    found = {}
    for name, like in module.state_dict().items():
        if not like.is_floating_point():
            found[name] = torch.zeros(like.shape, dtype=like.dtype)  # like may be without data
        elif name.endswith("running_var"):
            found[name] = rng.uniform(*like.shape, low=0.5, high=2.0, dtype=dtype)
        else:
            fan_in = like[0].numel() if like.ndim > 1 else 2
            found[name] = rng.normal(*like.shape, dtype=dtype) * fan_in**-0.5
    return found


def module_case(
    name: str,
    inputs: Mapping[str, Value],
    found: Mapping[str, Tensor],
    *,
    options: Mapping[str, Value],
    asks: Mapping[str, Value] | None = None,
    train: bool = False,
    gradients: tuple[str, ...] = (),
    expect: Value = None,
    note: str = "",
) -> Case:
    """One call with `inputs` in their order, then what `asks` names as keywords.

    train: in training mode, and buffers are compared too. gradients: of which inputs, "net" for all parameters.
    """
    steps: list[Step] = [new("net", **options), load("net", found), mode("net", "train" if train else "eval")]
    plain = [Ref(key) for key in inputs if key not in (asks or {})]
    steps.append(call(OUT, *plain, target="net", **{key: _given(key, inputs, value) for key, value in _items(asks)}))
    if gradients:
        steps.append(backward(OUT, *gradients))
    if train:
        steps.append(state("net"))
    tensors = [value for value in inputs.values() if isinstance(value, Tensor)]
    by_hand = {} if expect is None else {OUT: expect}
    terms = max(value.numel() for value in tensors)
    return Case(name, tuple(steps), inputs=inputs, expect=by_hand, note=note, terms=terms)


def born(**options: Value) -> Case:
    """A layer as it is built, before any weights are loaded. To be measured by `of_birth`."""
    return Case(BORN, (new("net", **options), state("net")))


def of_birth(case: Case, outputs: Outputs) -> Outputs:
    """Of a new layer's weights, which are random, their size alone; by shape, since names are the answer's own."""
    if case.name != BORN:
        return outputs
    found = list(outputs["state"].values())
    biases = max((value for value in found if value.ndim == 1), key=len)  # those of all three projections
    return {
        "the weights": _size([value for value in found if value.ndim == 2]),
        "the projections' biases start at 0": not bool(biases.any()),
    }


def _size(weights: list[Tensor]) -> str:
    """In words, beside Xavier's standard deviation: half to twice of it will do."""
    sizes = [float(weight.double().std()) / (2 / sum(weight.shape)) ** 0.5 for weight in weights]
    if min(sizes) == 0.0:
        return "all alike"
    return "a sensible size" if all(0.5 < size < 2.0 for size in sizes) else "far too small or too large"


def _items(asks: Mapping[str, Value] | None) -> list[tuple[str, Value]]:
    return list((asks or {}).items())


def _given(key: str, inputs: Mapping[str, Value], value: Value) -> Value:
    """An input goes in as the driver has placed it."""
    return Ref(key) if key in inputs else value
