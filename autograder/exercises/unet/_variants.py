"""What the oracles of notebook b are made of, and cases for whole networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from autograder.exercises.resnet.residual_blocks import Sizes, sizes_of, weights
from autograder.spec import Case, Outputs, Ref, Rng, Speed, Step, Value, backward, call, load, mode, new

FLOAT64 = torch.float64
TRAIN, EVAL = mode("net", "train"), mode("net", "eval")
OUT, GRADIENTS = call("out", Ref("x"), target="net"), backward("out", "x", "net")
PARTS = call("state_dict", target="net", method="state_dict")
LAYERS = "what it is made of"


def fitted(x: Tensor, like: Tensor) -> Tensor:
    """The map at another's size: its middle, or its last row and column again."""
    for axis in (-2, -1):
        spare = max(x.shape[axis] - like.shape[axis], 0)
        places = torch.arange(like.shape[axis], device=x.device) + spare // 2
        x = x.index_select(axis, places.clamp(max=x.shape[axis] - 1))
    return x


@cache
def sizes(kind: Callable[..., nn.Module], options: tuple[tuple[str, Value], ...]) -> Sizes:
    """The shape of every entry of a network's state_dict."""
    return sizes_of(lambda: kind(**dict(options)))


def one(kind: Callable[..., nn.Module], rng: Rng, name: str, x: Tensor, *steps: Step, **options: Value) -> Case:
    """A network whose weights are loaded, then `steps`."""
    options = {"in_channels": x.shape[1], "width": 2, "depth": 2} | options
    found = weights(rng, sizes(kind, tuple(options.items())), x.dtype)
    program = (new("net", **options), load("net", found), *steps)
    return Case(name, program, inputs={"x": x}, terms=x[:, 0].numel() * 36, scale=20.0)


def by_hand(
    kind: Callable[..., nn.Module],
    name: str,
    values: Mapping[str, Sequence[float]],
    answer: Value,
    note: str,
    **options: Value,
) -> Case:
    """A network of zeros but for `values`, on 4 × 6 ones; a norm whose weight isn't named gives its bias."""
    shapes = sizes(kind, tuple(options.items()))
    found = {key: torch.zeros(shape) for key, shape in shapes.items()}
    found |= {key: torch.tensor(0) for key in shapes if key.endswith("num_batches_tracked")}
    found |= {key: torch.ones(shapes[key]) - 1e-5 for key in shapes if key.endswith("running_var")}  # eps makes it 1
    found |= {key: torch.tensor(value).reshape(shapes[key]) for key, value in values.items()}
    program = (new("net", **options), load("net", found), EVAL, OUT)
    return Case(name, program, inputs={"x": torch.ones(1, 1, 4, 6)}, expect={"out": answer}, note=note, terms=36)


def made_of(name: str = LAYERS, **options: Value) -> Case:
    """What an answer builds, before anything is loaded."""
    return Case(name, (new("net", **options), PARTS))


def measure(case: Case, outputs: Outputs) -> Outputs:
    """Of a state_dict the shapes, in whatever order the parts were made; all else as it is."""
    if "state_dict" not in outputs:
        return outputs
    shapes = sorted(_written(value) for value in outputs["state_dict"].values())
    return {"how many tensors": len(shapes), "their shapes": shapes}


def measure_names(case: Case, outputs: Outputs) -> Outputs:
    """As `measure`, under the parts' names: later cells look at parts by name."""
    if "state_dict" not in outputs:
        return outputs
    found = outputs["state_dict"]
    return {"how many tensors": len(found), "its parts": {name: _written(value) for name, value in found.items()}}


def _written(value: Tensor) -> str:
    return "×".join(map(str, value.shape)) or "one number"


def speed(oracle: Callable[..., nn.Module]) -> Speed:
    """A forward pass of two images, beside the oracle's."""
    return Speed(
        case=lambda rng: one(oracle, rng, "speed", rng.normal(2, 1, 64, 64), EVAL, OUT, width=8, depth=3),
        limit=2.5,
        against="torch.nn's layers",
    )


def twisted(kind: type[nn.Module], **methods: Any) -> Any:
    """The oracle with other methods or attributes."""
    return type("Twisted", (kind,), methods)


def with_batch_norms(kind: type[nn.Module]) -> Any:
    """The oracle with batch norms, whatever norm is asked for."""

    def made(self: Any, *args: Any, **options: Any) -> None:
        kind.__init__(self, *args, **options | {"norm": "batch"})

    return twisted(kind, __init__=made)
