"""Parameter groups with a rate for each depth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from torch import nn

from autograder.exercises.resnet._staged import net
from autograder.spec import Case, Exercise, Probe, Ref, Rng, Value, Wrong, call

Groups = list[dict[str, Any]]
Rate = Callable[[int, int], float]  # from the depth counted from the input, and the number of parts


def grouped(model: nn.Module, rate: Rate, *, empty: bool = False, frozen: bool = False) -> Groups:
    """A group for each part. empty: those without parameters count too. frozen: with frozen parameters."""
    parts = [[item for item in part.parameters() if frozen or item.requires_grad] for part in model.children()]
    parts = [params for params in parts if params or empty]
    groups = [{"params": params, "lr": rate(depth, len(parts))} for depth, params in enumerate(parts)]
    return [group for group in groups if group["params"]]


def falling(lr: float, decay: float) -> Rate:
    return lambda depth, count: lr * decay ** (count - 1 - depth)


def oracle(model: nn.Module, lr: float, decay: float = 0.75) -> Groups:
    return grouped(model, falling(lr, decay))


def _case(rng: Rng, name: str, lr: float, *, until: str = "", note: str = "", **more: Value) -> Case:
    """until: freeze the network up to this part first."""
    inputs: dict[str, Value] = {"model": net(rng), "lr": lr, **more}
    if until:
        inputs["model"] = Probe("frozen_upto", {"model": net(rng), "until": until})
    given: dict[str, Value] = {key: Ref(key) for key in inputs}
    return Case(name, (call("groups", **given),), inputs=inputs, note=note)


def cases(rng: Rng) -> Iterator[Case]:
    yield _case(
        rng, "four parts that learn, by hand", 0.8, decay=0.5,
        note="stage1, stage2, stage3, fc: 0.8·0.5³ = 0.1, 0.8·0.5² = 0.2, 0.8·0.5 = 0.4, 0.8; pool has no parameters",
    )  # fmt: skip
    yield _case(rng, "decay by default", 1e-3)
    yield _case(rng, "stage1 is frozen", 0.01, until="stage1", decay=0.3)
    yield _case(rng, "all but the head is frozen", 0.01, until="pool", decay=0.3)
    yield _case(rng, "one rate for all", 0.02, decay=1.0)


def towards_the_output(model: nn.Module, lr: float, decay: float = 0.75) -> Groups:
    return grouped(model, lambda depth, count: lr * decay**depth)


def all_alike(model: nn.Module, lr: float, decay: float = 0.75) -> Groups:
    return grouped(model, lambda depth, count: lr)


def last_decayed_too(model: nn.Module, lr: float, decay: float = 0.75) -> Groups:
    return oracle(model, lr * decay, decay)


def in_equal_steps(model: nn.Module, lr: float, decay: float = 0.75) -> Groups:
    return grouped(model, lambda depth, count: lr * decay * (depth + 1) / count if depth < count - 1 else lr)


def two_rates(model: nn.Module, lr: float, decay: float = 0.75) -> Groups:
    return grouped(model, lambda depth, count: lr if depth == count - 1 else lr * decay)


def empty_parts_count(model: nn.Module, lr: float, decay: float = 0.75) -> Groups:
    return grouped(model, falling(lr, decay), empty=True)


def frozen_too(model: nn.Module, lr: float, decay: float = 0.75) -> Groups:
    return grouped(model, falling(lr, decay), frozen=True)


def weights_only(model: nn.Module, lr: float, decay: float = 0.75) -> Groups:
    return [{**group, "params": [p for p in group["params"] if p.ndim > 1]} for group in oracle(model, lr, decay)]


def group_for_each(model: nn.Module, lr: float, decay: float = 0.75) -> Groups:
    """One group a parameter, each with its own rate."""
    params = [item for item in model.parameters() if item.requires_grad]
    return [{"params": [item], "lr": lr * decay ** (len(params) - 1 - index)} for index, item in enumerate(params)]


def from_the_output(model: nn.Module, lr: float, decay: float = 0.75) -> Groups:
    return oracle(model, lr, decay)[::-1]


LAYER_WISE_LR = Exercise(
    id="resnet.layer_wise_lr",
    cases=cases,
    oracle=oracle,
    wrong=(
        Wrong(
            "gives the first part the largest rate",
            towards_the_output,
            says="the rates fall from the input to the output; the early layers should move least.",
            look="how far is a part from the *last* one?",
        ),
        Wrong("gives all the same rate", all_alike, says="all rates are lr.", look="lr · decay ** distance."),
        Wrong(
            "decays the last part's rate too",
            last_decayed_too,
            says="even the last part has decay · lr; it should have lr itself.",
            look="decay ** 0 is 1.",
        ),
        Wrong(
            "falls in equal steps",
            in_equal_steps,
            says="the rates fall in a straight line; each should be decay times the next.",
            look="a power, not a product.",
        ),
        Wrong(
            "knows two rates only",
            two_rates,
            says="all parts but the last have decay · lr; the further from the output, the smaller it should be.",
            look="decay ** distance.",
        ),
        Wrong(
            "counts parts without parameters",
            empty_parts_count,
            says="pooling counts as a step of depth, or a part that is all frozen does.",
            look="leave out empty parts before you count.",
        ),
        Wrong(
            "includes frozen parameters",
            frozen_too,
            says="parameters that don't ask for gradients are in the groups.",
            look="requires_grad.",
        ),
        Wrong(
            "leaves out biases and norms",
            weights_only,
            says="only the weights of convolutions and linear layers are in the groups; biases and norms never move.",
            look="all of part.parameters().",
        ),
        Wrong(
            "makes a group for each parameter",
            group_for_each,
            says="each parameter has a group and a rate of its own; one for each *part* is asked for.",
            look="model.children(), not model.parameters().",
        ),
        Wrong(
            "lists the groups from the output",
            from_the_output,
            says="the groups come from the output to the input; the other way round is asked for.",
            look="turn the list round at the end.",
        ),
    ),
    hints=(
        "For each of model.children(), the list of its parameters that learn; drop the empty lists.",
        "With n lists, the i-th (from 0) is n − 1 − i steps from the output.",
    ),
    points=2,
    minutes=10,
)

EXERCISES = (LAYER_WISE_LR,)
