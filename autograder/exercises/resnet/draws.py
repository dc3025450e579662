"""How random answers are judged: by what must hold of any draw, and by counts that a right answer all but never misses.

Z standard errors on either side: a right answer fails one such comparison with a probability of some 2e-8 (the normal
law; exact binomials over the counts of the cases give 6e-9 to 4e-8), and there are fewer than 20 of them in any
exercise: fewer than one right answer in a million fails. EVEN is for counts with small probabilities, whose law leans.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from autograder.spec import Case, Outputs, Ref, Rng, Value, call, draw, seed

Z, EVEN = 5.6, 6.5


def drawn(name: str, rng: Rng, *, note: str = "", times: int = 1, **inputs: Value) -> Case:
    """Calls with `inputs` and `times` different seeds: outputs `draw 0`, `draw 1`, …"""
    seeds = seeds_of(rng, times)
    given: dict[str, Value] = {key: Ref(key) for key in inputs}
    steps = tuple(call(f"draw {i}", **given, seed=own) for i, own in enumerate(seeds))
    return Case(name, steps, inputs=inputs, note=note)


def repeated(rng: Rng, name: str = "the same seed twice, then another", **inputs: Value) -> Case:
    """The same seed twice, another seed, and whether torch's global random state was moved."""
    one, other = seeds_of(rng, 2)
    given: dict[str, Value] = {key: Ref(key) for key in inputs}
    steps = (
        seed(11),
        call("one", **given, seed=one),
        seed(12),
        call("again", **given, seed=one),
        call("other", **given, seed=other),
        draw("random"),
    )
    return Case(name, steps, inputs=inputs)


def seeds_of(rng: Rng, count: int) -> list[int]:
    """Different seeds."""
    return [int(value) for value in rng.permutation(10_000)[:count]]


def repeats(outputs: Outputs) -> Outputs:
    """What must hold of the case `repeated`."""
    return {
        "equal for equal seeds": equal(outputs["one"], outputs["again"]),
        "equal for different seeds": equal(outputs["one"], outputs["other"]),
        "torch's next random number": outputs["random"],
    }


def draws_of(outputs: Outputs) -> list[Value]:
    """The outputs of `drawn`, in order."""
    return [value for name, value in outputs.items() if name.startswith("draw ")]


def equal(one: Value, other: Value) -> bool:
    """Whether two outputs are the same to the last digit."""
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return torch.equal(one, other)
    if isinstance(one, tuple | list) and isinstance(other, tuple | list):
        return len(one) == len(other) and all(equal(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    return bool(one == other)


def share(count: int, n: int, p: float) -> str:
    """How often something happened that should happen with probability `p`, in words."""
    if count == 0:
        return "never"
    if count == n:
        return "always"
    off = count / n - p
    if abs(off) <= Z * math.sqrt(p * (1 - p) / n) + 0.5 / n:
        return "as often as it should"
    return "too often" if off > 0 else "too seldom"


def mean(values: Tensor, wanted: float, spread: float) -> str:
    """How the mean of independent values compares with the mean and standard deviation they should have, in words."""
    off = float(values.double().mean()) - wanted
    if not math.isfinite(off):
        return "not finite"
    if abs(off) <= Z * spread / math.sqrt(values.numel()):
        return "as it should be"
    return "too large" if off > 0 else "too small"


def even(values: Tensor, kinds: int) -> bool:
    """Whether whole numbers 0 … kinds − 1 come about equally often."""
    if values.numel() == 0 or int(values.min()) < 0 or int(values.max()) >= kinds:
        return False
    counts = values.bincount(minlength=kinds).double()
    n, p = values.numel(), 1 / kinds
    return bool(((counts - n * p).abs() <= EVEN * math.sqrt(n * p * (1 - p)) + 0.5).all())


def related(one: Tensor, other: Tensor) -> bool:
    """Whether two rows of values go together or against each other (correlation)."""
    a, b = (values.double() - values.double().mean() for values in (one, other))
    size = float(a.norm() * b.norm())
    return size > 0 and abs(float(a @ b)) / size > Z / math.sqrt(len(one))
