"""A new head on an old network: what must hold of it, whatever its random weights are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from autograder.exercises.resnet._staged import FLOAT64, images, net
from autograder.spec import Case, Exercise, Outputs, Ref, Rng, Value, Wrong, call, state

FLOAT32 = torch.float32


def oracle(model: nn.Module, head: str, num_classes: int) -> nn.Linear:
    holder, _, name = head.rpartition(".")
    old: Any = model.get_submodule(head)
    new = fresh(old, num_classes).to(old.weight)
    setattr(model.get_submodule(holder), name, new)
    return new


def fresh(old: Any, num_classes: int) -> nn.Linear:
    return nn.Linear(old.in_features, num_classes, bias=old.bias is not None)


def _case(
    rng: Rng, name: str, head: str, num_classes: int, *, dtype: torch.dtype = FLOAT32, bias: bool = True, note: str = ""
) -> Case:
    inputs: dict[str, Value] = {
        "model": net(rng, "fc" if head == "fc" else "classifier", dtype, bias=bias),
        "head": head,
        "num_classes": num_classes,
    }
    given: dict[str, Value] = {key: Ref(key) for key in inputs}
    steps = [
        call("head", **given),
        call("the model holds it", Ref("head"), target="model", method="holds"),
        state("model", "weights"),
        call("learning", target="model", method="learning"),
    ]
    if dtype == FLOAT32:  # else a head of another dtype would fail here, and not be looked at
        steps.append(call("logits", images(rng, dtype=dtype), target="model"))
    return Case(name, tuple(steps), inputs=inputs, note=note)


def cases(rng: Rng) -> Iterator[Case]:
    yield _case(
        rng, "3 classes instead of 5, by hand", "fc", 3,
        note="the weight of fc was (5, 6): the 6 inputs stay, the 5 outputs become 3, so weight (3, 6) and bias (3,)",
    )  # fmt: skip
    yield _case(rng, "as many classes as before", "fc", 5)
    yield _case(rng, "more classes", "fc", 11)
    yield _case(rng, "a head behind a dropout, classifier.1", "classifier.1", 2)
    yield _case(rng, "a head without a bias", "fc", 4, bias=False)
    yield _case(rng, "a model in float64", "fc", 4, dtype=FLOAT64)


def measure(case: Case, outputs: Outputs) -> Outputs:
    """What must hold of the new head and of the rest, instead of random numbers."""
    head, found = case.inputs["head"], dict(outputs["weights"])
    given = case.inputs["model"].options["weights"]
    rest = {name: found.get(name, "gone") for name in given if not name.startswith(f"{head}.")}
    weight, old = found.get(f"{head}.weight"), given[f"{head}.weight"]
    facts: Outputs = {
        "what comes back": getattr(outputs["head"], "type_name", type(outputs["head"]).__name__),
        "it is a part of the model": outputs["the model holds it"],
        "names of the weights": sorted(found),
        "the head": _of_head(weight, old) if isinstance(weight, Tensor) else "gone",
        "the other weights": rest,
        "what learns": outputs["learning"],
    }
    if "logits" in outputs:
        facts["shape of the logits"] = list(outputs["logits"].shape)
    return facts


def _of_head(weight: Tensor, old: Tensor) -> Outputs:
    bound = weight.shape[1] ** -0.5
    kept = torch.cdist(weight.double(), old.double()).amin() < 1e-6
    return {
        "shape": list(weight.shape),
        "dtype": str(weight.dtype),
        "random": bool(weight.unique().numel() == weight.numel()),
        "within nn.Linear's own bound": bool(weight.abs().max() <= 1.001 * bound),
        "holds rows of the old one": bool(kept),
    }


def left_outside(model: Any, head: str, num_classes: int) -> Any:
    return fresh(model.get_submodule(head), num_classes).to(model.get_submodule(head).weight)


def under_another_name(model: Any, head: str, num_classes: int) -> Any:
    new = left_outside(model, head, num_classes)
    model.add_module("head", new)
    return new


def returns_nothing(model: Any, head: str, num_classes: int) -> None:
    oracle(model, head, num_classes)


def returns_the_model(model: Any, head: str, num_classes: int) -> Any:
    oracle(model, head, num_classes)
    return model


def renamed_only(model: Any, head: str, num_classes: int) -> Any:
    old = model.get_submodule(head)
    old.out_features = num_classes
    return old


def filled(values: Callable[[Tensor, Tensor], object]) -> Callable[..., Any]:
    """A new head whose weights are then changed, given the old ones."""

    def answer(model: Any, head: str, num_classes: int) -> Any:
        old = model.get_submodule(head).weight.detach()
        new = oracle(model, head, num_classes)
        with torch.no_grad():
            values(new.weight, old)
        return new

    return answer


def keep_old_rows(new: Tensor, old: Tensor) -> None:
    rows = min(len(new), len(old))
    new[:rows] = old[:rows]


def always_a_bias(model: Any, head: str, num_classes: int) -> Any:
    old = oracle(model, head, num_classes)
    new = nn.Linear(old.in_features, num_classes).to(old.weight)
    holder, _, name = head.rpartition(".")
    setattr(model.get_submodule(holder), name, new)
    return new


def whole_holder(model: Any, head: str, num_classes: int) -> Any:
    new = left_outside(model, head, num_classes)
    setattr(model, head.partition(".")[0], new)
    return new


def in_float32(model: Any, head: str, num_classes: int) -> Any:
    return oracle(model, head, num_classes).float()


def rest_frozen(model: Any, head: str, num_classes: int) -> Any:
    model.requires_grad_(False)
    return oracle(model, head, num_classes)


REPLACE_HEAD = Exercise(
    id="resnet.replace_head",
    cases=cases,
    oracle=oracle,
    measure=measure,
    wrong=(
        Wrong(
            "leaves the new layer outside",
            left_outside,
            says="a new layer is made and returned, but the model still ends in the old one.",
            look="setattr(holder, name, new) puts it there.",
        ),
        Wrong(
            "puts it under another name",
            under_another_name,
            says="the model has the new layer under another name, where its forward never calls it.",
            look="the name of the old head is given: `head`.",
        ),
        Wrong(
            "returns nothing",
            returns_nothing,
            says="the head is in its place, but the function returns None; the new layer is asked for.",
            look="the last line.",
        ),
        Wrong(
            "returns the model",
            returns_the_model,
            says="the head is in its place, but the model comes back; the new layer is asked for, so that it can be "
            "handed to an optimiser.",
            look="the last line.",
        ),
        Wrong(
            "changes out_features only",
            renamed_only,
            says="out_features is only a note of the layer's; its weight still has as many rows as before.",
            look="make a new nn.Linear.",
        ),
        Wrong(
            "keeps rows of the old head",
            filled(keep_old_rows),
            says="rows of the old weight are copied into the new one; class 0 of the new task has nothing to do with "
            "class 0 of the old.",
            look="leave the new layer's own random start.",
        ),
        Wrong(
            "starts at zero",
            filled(lambda new, old: new.zero_()),
            says="the new weights are all 0; nn.Linear's own random start is asked for.",
            look="leave the new layer as it was made.",
        ),
        Wrong(
            "always makes a bias",
            always_a_bias,
            says="the old head had no bias, and the new one has.",
            look="bias=old.bias is not None.",
        ),
        Wrong(
            "replaces what holds the head",
            whole_holder,
            says="for “classifier.1” the whole classifier gave way, its dropout too.",
            look="what stands before the last dot is the holder; get_submodule finds it.",
        ),
        Wrong(
            "forgets the dtype",
            in_float32,
            says="the new head is float32 in a model that isn't.",
            look="nn.Linear takes dtype and device: which are the old weight's?",
        ),
        Wrong(
            "freezes the rest",
            rest_frozen,
            says="the other layers no longer ask for gradients; here only the head changes. Freezing comes next.",
            look="leave requires_grad alone.",
        ),
    ),
    hints=(
        "Find the old layer: model.get_submodule(head). It knows in_features, and its weight knows dtype and device.",
        "holder, _, name = head.rpartition('.') splits 'classifier.1' into 'classifier' and '1', and 'fc' into '' and "
        "'fc'; get_submodule('') is the model itself.",
        "setattr(model.get_submodule(holder), name, new).",
    ),
    points=2,
    minutes=10,
    forbidden=("timm", "torchvision"),
)

EXERCISES = (REPLACE_HEAD,)
