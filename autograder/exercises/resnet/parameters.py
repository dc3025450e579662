"""How many numbers a network learns."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from torch import nn

from autograder.exercises.resnet._ready_made import COUNTERS, NETWORKS
from autograder.spec import Case, Exercise, Probe, Ref, Rng, Value, Wrong, call, state

Layers = dict[str, tuple[Any, ...]]
NO_BIAS = {"bias": False}


def network(
    name: str, layers: Layers, *, order: list[str] | None = None, note: str = "", expect: int | None = None, **more: Any
) -> Case:
    """A call on a network, and what it looks like afterwards. `more`: the answer's other arguments, the probe's."""
    options: dict[str, Any] = {key: more.pop(key) for key in ("evaluating", "frozen", "tied", "double") if key in more}
    made = Probe("patchwork", {"layers": layers, "order": list(layers) if order is None else order, **options})
    inputs: dict[str, Value] = {"model": made, **more}
    given: dict[str, Value] = {key: Ref(key) for key in inputs}
    steps = (
        call("counted", **given),
        call("journal", target="model", method="journal"),
        state("model", "the model afterwards"),
    )
    return Case(name, steps, inputs=inputs, expect={} if expect is None else {"counted": expect}, note=note)


def oracle(model: nn.Module, trainable_only: bool = False) -> int:
    return sum(math.prod(item.shape) for item in set(model.parameters()) if item.requires_grad or not trainable_only)


def cases(rng: Rng) -> Iterator[Case]:
    a, b, c = (int(value) for value in rng.integers(2, 9, 3))
    yield network(
        "one linear layer, by hand", {"fc": ("linear", 3, 2)}, expect=8, note="2·3 weights and 2 biases: 6 + 2 = 8"
    )
    yield network("one convolution", {"conv": ("conv", a, b, 3)})
    yield network("no biases", {"first": ("conv", a, b, 3, NO_BIAS), "second": ("conv", b, c, 5, NO_BIAS)})
    yield network("a norm, whose statistics are not learned", {"conv": ("conv", 1, a, 3), "norm": ("norm", a)})
    deep: Layers = {"stem": ("conv", 3, a, 3), "layer1.0.conv": ("conv", a, a, 3), "layer1.1.conv": ("conv", a, b, 1)}
    yield network("modules in modules", deep)
    twins: Layers = {"first": ("linear", a, a), "second": ("linear", a, a), "third": ("linear", a, b)}
    yield network("a weight that serves in two places", twins, tied={"second": "first"})
    frozen = ("first.weight", "first.bias", "second.bias")
    yield network("frozen parts, all counted", twins, frozen=frozen)
    yield network("frozen parts left out", twins, frozen=frozen, trainable_only=True)
    yield network("nothing frozen, trainable only", deep, trainable_only=True)


def tensors(model: nn.Module, trainable_only: bool = False) -> int:
    return sum(1 for item in model.parameters() if item.requires_grad or not trainable_only)


def with_buffers(model: nn.Module, trainable_only: bool = False) -> int:
    return oracle(model, trainable_only) + sum(item.numel() for item in model.buffers())


def twice(model: nn.Module, trainable_only: bool = False) -> int:
    found = (item for _, item in model.named_parameters(remove_duplicate=False))
    return sum(item.numel() for item in found if item.requires_grad or not trainable_only)


def whole_state(model: nn.Module, trainable_only: bool = False) -> int:
    return sum(item.numel() for item in model.state_dict().values())


def weights_only(model: nn.Module, trainable_only: bool = False) -> int:
    found = {item for name, item in model.named_parameters() if not name.endswith("bias")}
    return sum(item.numel() for item in found if item.requires_grad or not trainable_only)


def outermost(model: nn.Module, trainable_only: bool = False) -> int:
    found = (item for part in model.children() for item in part.parameters(recurse=False))
    return sum(item.numel() for item in set(found) if item.requires_grad or not trainable_only)


def flag_ignored(model: nn.Module, trainable_only: bool = False) -> int:
    return oracle(model)


def always_trainable(model: nn.Module, trainable_only: bool = False) -> int:
    return oracle(model, trainable_only=True)


def frozen_only(model: nn.Module, trainable_only: bool = False) -> int:
    everything = oracle(model)
    return everything - oracle(model, trainable_only=True) if trainable_only else everything


COUNT_PARAMETERS = Exercise(
    id="resnet.count_parameters",
    cases=cases,
    oracle=oracle,
    wrong=(
        Wrong(
            "counts tensors",
            tensors,
            says="these are the tensors; asked are the numbers in them.",
            look="tensor.numel().",
        ),
        Wrong(
            "counts the buffers",
            with_buffers,
            says="buffers are counted (a norm's running statistics); they are remembered, not learned.",
            look="model.parameters() doesn't have them.",
        ),
        Wrong(
            "counts a shared weight twice",
            twice,
            says="a weight that serves in two layers is counted for each of them; it is one tensor.",
            look="model.parameters() gives each tensor once, however many layers hold it.",
        ),
        Wrong(
            "counts the whole state_dict",
            whole_state,
            says="state_dict holds buffers as well, and shared weights under each of their names.",
            look="model.parameters().",
        ),
        Wrong("leaves out the biases", weights_only, says="the biases are left out.", look="they are learned, too."),
        Wrong(
            "stays at the surface",
            outermost,
            says="modules inside of modules are not reached.",
            look="model.parameters() goes all the way down by itself.",
        ),
        Wrong(
            "ignores trainable_only",
            flag_ignored,
            says="trainable_only makes no difference.",
            look="a frozen parameter's requires_grad is False.",
        ),
        Wrong(
            "always leaves frozen ones out",
            always_trainable,
            says="frozen parameters are left out even if trainable_only is False.",
            look="only with trainable_only=True.",
        ),
        Wrong(
            "counts the frozen ones",
            frozen_only,
            says="with trainable_only the frozen parameters are counted; they are to be left out.",
            look="requires_grad is True for those that learn.",
        ),
    ),
    hints=("model.parameters() gives every tensor once; numel() says how many numbers it holds.",),
    points=1,
    minutes=5,
    forbidden=(*COUNTERS, *NETWORKS),
)

EXERCISES = (COUNT_PARAMETERS,)
