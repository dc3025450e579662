"""A case is data: named inputs and a short program of a few verbs, carried out by one driver anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from autograder.spec.values import Ref, Value

Verb = Literal["new", "load", "mode", "call", "backward", "state", "iterate", "step", "seed", "draw"]
VERBS: tuple[str, ...] = ("new", "load", "mode", "call", "backward", "state", "iterate", "step", "seed", "draw")
SUBJECT = "subject"  # the handle of the answer under test


@dataclass(frozen=True)
class Step:
    """One verb of a case's program. What `args` and `kwargs` mean depends on the verb; see the builders below."""

    verb: Verb
    out: str = ""
    target: str = SUBJECT
    method: str = ""
    args: tuple[Value, ...] = ()
    kwargs: Mapping[str, Value] = field(default_factory=dict)


def new(out: str, **kwargs: Value) -> Step:
    """Builds the subject (a class) and keeps it as handle `out`."""
    return Step("new", out=out, kwargs=kwargs)


def load(target: str, weights: Mapping[str, Value]) -> Step:
    """Copies `weights` into a module: by name if every name is there, else by order and shape."""
    return Step("load", target=target, kwargs=dict(weights))


def mode(target: str, name: Literal["train", "eval"]) -> Step:
    """Sets a module's mode."""
    return Step("mode", target=target, args=(name,))


def call(out: str, *args: Value, target: str = SUBJECT, method: str = "", **kwargs: Value) -> Step:
    """Calls the subject, a handle, or a handle's method; what it returns becomes handle and output `out`."""
    return Step("call", out=out, target=target, method=method, args=args, kwargs=kwargs)


def attribute(out: str, name: str, target: str) -> Step:
    """Reads a handle's attribute, as handle and output `out`."""
    return call(out, name, target=target, method="__getattribute__")


def backward(of: str, *wrt: str) -> Step:
    """Gradients of `of`, weighted by a fixed pattern, with respect to inputs or modules: outputs `gradient of …`."""
    return Step("backward", target=of, args=wrt)


def state(target: str, out: str = "state") -> Step:
    """A module's state_dict, under the names that `load` was given, as output `out`."""
    return Step("state", target=target, out=out)


def iterate(target: str, limit: int, out: str = "items") -> Step:
    """Takes at most `limit` items from an iterable handle, as output `out`."""
    return Step("iterate", target=target, out=out, args=(limit,))


def step(target: str, gradients: Mapping[str, Value]) -> Step:
    """Sets the `.grad` of the named handles, then calls `target.step()`."""
    return Step("step", target=target, kwargs=dict(gradients))


def seed(value: int) -> Step:
    """Seeds torch's global generator."""
    return Step("seed", args=(value,))


def draw(out: str) -> Step:
    """The next number of torch's global generator, as output `out`: shows whether the answer moved it."""
    return Step("draw", out=out)


@dataclass(frozen=True)
class Case:
    """One situation that an answer must get right.

    name: what makes it different, in a few words; shown in reports, unique in its exercise.
    steps: the program. inputs: its named data, in the order of the answer's parameters.
    expect: outputs worked out by hand; what it doesn't name comes from the oracle.
    note: the arithmetic of one output value, for cases small enough to read.
    terms: how many products or terms are summed into one output value (widens the tolerance by its root).
    scale: size of the largest intermediate value, where that is far above the outputs; else the outputs' own counts.
    hidden: reports give its name and nothing else of it (a class's private cases).
    """

    name: str
    steps: tuple[Step, ...]
    inputs: Mapping[str, Value] = field(default_factory=dict)
    expect: Mapping[str, Value] = field(default_factory=dict)
    note: str = ""
    terms: int = 1
    scale: float | None = None
    hidden: bool = False

    def __post_init__(self) -> None:
        if not self.steps:
            raise ValueError(f"case {self.name!r}: expected at least one step, got none")
        for item in self.steps:
            if item.verb not in VERBS:
                raise ValueError(f"case {self.name!r}: unknown verb {item.verb!r}; the verbs are {', '.join(VERBS)}")
        if self.terms < 1:
            raise ValueError(f"case {self.name!r}: terms must be at least 1, got {self.terms}")


def of_call(
    name: str,
    *,
    gradients: tuple[str, ...] = (),
    expect: Value = None,
    note: str = "",
    terms: int = 1,
    scale: float | None = None,
    **inputs: Value,
) -> Case:
    """The ordinary case of a function: one call with `inputs` (in the order of its parameters), then gradients.

    gradients: the inputs whose gradient is compared too. expect: the result by hand, if it was worked out.
    """
    unknown = [key for key in gradients if key not in inputs]
    if unknown:
        raise ValueError(f"case {name!r}: gradients of {unknown}, but the inputs are {list(inputs)}")
    steps = [Step("call", out="out", kwargs={key: Ref(key) for key in inputs})]
    if gradients:
        steps.append(backward("out", *gradients))
    by_hand = {} if expect is None else {"out": expect}
    return Case(name, tuple(steps), inputs=inputs, expect=by_hand, note=note, terms=terms, scale=scale)
