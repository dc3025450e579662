"""What the checks of optimisers share: programs of steps, and twists of library optimisers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor

from autograder.spec import Case, Probe, Ref, Rng, Step, Value, call, new, state, step

FLOAT64 = torch.float64
STEPS = 20
SHOWN = (1, 2, STEPS)
PARAMS = (Ref("w"), Ref("b"))
Params = Iterable[Tensor]
Hook = Callable[[torch.optim.Optimizer], None]


def by_hand(first: float, second: float, note: str, **options: Value) -> Case:
    """One parameter, 1.0, with the gradients 2 and then 4."""
    moves = [_step(count, {"w": torch.tensor([gradient], dtype=FLOAT64)}) for count, gradient in ((1, 2.0), (2, 4.0))]
    return Case(
        "one number, two steps, by hand",
        (_built([Ref("w")], options), *(item for pair in moves for item in pair)),
        inputs={"w": torch.ones(1, dtype=FLOAT64), **options},
        expect={"w after step 1": torch.tensor([first], dtype=FLOAT64), "w after step 2": _one(second)},
        note=note,
    )


def run(
    name: str,
    rng: Rng,
    *,
    size: float = 1.0,
    absent: tuple[int, ...] = (),
    params: Value = PARAMS,
    strided: bool = False,
    **options: Value,
) -> Case:
    """Twenty steps of a matrix w and a vector b with gradients of the given size, seen after steps 1, 2 and 20.

    absent: the steps in which w has no gradient. strided: w is not contiguous.
    """
    steps = [_built(params, options)]
    for count in range(1, STEPS + 1):
        w = None if count in absent else size * rng.normal(3, 4, dtype=FLOAT64)
        steps += _step(count, {"w": w, "b": size * rng.normal(4, dtype=FLOAT64)})
    make = rng.strided if strided else rng.normal
    inputs = {"w": make(3, 4, dtype=FLOAT64), "b": rng.normal(4, dtype=FLOAT64), **options}
    return Case(name, tuple(steps), inputs=inputs, terms=STEPS)


def from_generator(rng: Rng, **options: Value) -> Case:
    """The parameters come one by one, as from `model.parameters()`."""
    items = Probe("one_by_one", {"items": list(PARAMS)})
    return run("params is a generator, like model.parameters()", rng, params=items, **options)


def gradient_kept(rng: Rng, **options: Value) -> Case:
    """Two steps with one gradient, which must stay as it was."""
    steps = [_built([Ref("w")], options), *_step(1, {"w": Ref("gradient")}), *_step(2, {"w": Ref("gradient")})]
    inputs = {"w": rng.normal(5, dtype=FLOAT64), "gradient": rng.normal(5, dtype=FLOAT64), **options}
    return Case("the gradient itself stays as it was", tuple(steps), inputs=inputs)


def cleared(rng: Rng, **options: Value) -> Case:
    """A step, zero_grad, and a step without new gradients, which must move nothing."""
    first = {"w": rng.normal(3, dtype=FLOAT64)}
    clear = call("returned", target="optimizer", method="zero_grad")
    steps = [_built([Ref("w")], options), *_step(1, first), clear, *_step(2, {})]
    return Case("zero_grad, then a step", tuple(steps), inputs={"w": rng.normal(3, dtype=FLOAT64), **options})


def speed_case(rng: Rng, **options: Value) -> Case:
    """Four steps of four 192×192 matrices in float32, each with gradients of its own. One matrix that nobody can
    foresee is seen after every step, so that no step can be left out or put off, and all are seen after the last."""
    names = [f"w{index}" for index in range(4)]
    inputs = {name: rng.uniform(192, 192, low=-1) for name in names}
    steps = [new("optimizer", params=[Ref(name) for name in names], **options)]
    for count in range(1, 5):
        gradients = {f"gradient {count} of {name}": rng.uniform(192, 192, low=-1) for name in names}
        inputs |= gradients
        steps.append(step("optimizer", {name: Ref(key) for name, key in zip(names, gradients, strict=True)}))
        seen = names if count == 4 else [names[int(rng.integers(0, 4, 1))]]
        steps += [state(name, f"{name} after step {count}") for name in seen]
    return Case("speed", tuple(steps), inputs=inputs)


def _built(params: Value, options: dict[str, Value]) -> Step:
    given: dict[str, Value] = {key: Ref(key) for key in options}
    return new("optimizer", params=list(params) if isinstance(params, tuple) else params, **given)


def _step(count: int, gradients: dict[str, Value]) -> list[Step]:
    seen = [state(name, f"{name} after step {count}") for name in gradients or {"w": None}]
    return [step("optimizer", gradients), *(seen if count in SHOWN else [])]


def _one(value: float) -> Tensor:
    return torch.tensor([value], dtype=FLOAT64)


def twisted(
    optimizer: torch.optim.Optimizer, before: Hook | None = None, after: Hook | None = None
) -> torch.optim.Optimizer:
    """A library optimiser with something done before or after each of its steps, without recording gradients."""
    for hook, register in ((before, optimizer.register_step_pre_hook), (after, optimizer.register_step_post_hook)):
        if hook is not None:
            register(_quietly(hook))
    return optimizer


def _quietly(hook: Hook) -> Callable[..., None]:
    def run_hook(optimizer: torch.optim.Optimizer, *_: Any) -> None:
        with torch.no_grad():
            hook(optimizer)

    return run_hook


def members(optimizer: torch.optim.Optimizer) -> Iterator[tuple[Tensor, dict[str, Any]]]:
    """Each parameter with its group's options."""
    for group in optimizer.param_groups:
        for p in group["params"]:
            yield p, group


def zero_for_none(optimizer: torch.optim.Optimizer) -> None:
    """Before a step: an absent gradient becomes zeros."""
    for p, _ in members(optimizer):
        p.grad = torch.zeros_like(p) if p.grad is None else p.grad


def none_after_none(optimizer: torch.optim.Optimizer) -> None:
    """Before a step: once a gradient is absent, so are all that follow."""
    missing = False
    for p, _ in members(optimizer):
        missing = missing or p.grad is None
        p.grad = None if missing else p.grad


def none_at_all(optimizer: torch.optim.Optimizer) -> None:
    """Before a step: no gradients, so that nothing moves."""
    for p, _ in members(optimizer):
        p.grad = None


def decay_into_gradient(weight_decay: float) -> Hook:
    """Before a step: adds the decay to the gradient itself."""

    def hook(optimizer: torch.optim.Optimizer) -> None:
        for p, _ in members(optimizer):
            if p.grad is not None and weight_decay:
                p.grad.add_(p, alpha=weight_decay)

    return hook


def shrink(weight_decay: float, *, absent_too: bool = False) -> Hook:
    """Shrinks the parameters themselves by lr · weight_decay."""

    def hook(optimizer: torch.optim.Optimizer) -> None:
        for p, group in members(optimizer):
            if p.grad is not None or absent_too:
                p.mul_(1.0 - group["lr"] * weight_decay)

    return hook
