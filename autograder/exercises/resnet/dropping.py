"""Dropout and stochastic depth. No input is 0, so that the zeros of an answer are those that it has set."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal

import torch
from torch import Tensor

from autograder.exercises.resnet.draws import drawn, draws_of, repeated, repeats, share
from autograder.spec import Case, Exercise, Outputs, Ref, Rng, Value, Wrong, backward, call

READY_MADE = (
    "aten::*dropout*",
    "torch.*dropout*",
    "torch.nn.functional.*dropout*",
    "torch.nn.*Dropout*",
    "torchvision",
    "timm",
)


def made(
    x: Tensor,
    p: float,
    training: bool,
    seed: int,
    *,
    unit: Literal["value", "sample", "the rest of a sample"],
    scale: Literal["1 / (1 − p)", "none", "1 / p"] = "1 / (1 − p)",
    keeps_with_p: bool = False,
    always: bool = False,
    in_evaluation: Literal["nothing", "times 1 − p"] = "nothing",
    noise: bool = False,
) -> Tensor:
    """`x` with units dropped, with the habits of mistakes."""
    if not (training or always):
        return x * (1 - p) if in_evaluation == "times 1 − p" else x
    shapes = {
        "value": x.shape,
        "sample": (x.shape[0], *[1] * (x.ndim - 1)),
        "the rest of a sample": (1, *x.shape[1:]),
    }
    u = torch.rand(shapes[unit], generator=torch.Generator().manual_seed(seed))
    kept = (u < p if keeps_with_p else u >= p).to(x)
    if noise:
        kept = u.to(x)
    by = {"1 / (1 − p)": 1 - p, "none": 1.0, "1 / p": p}[scale]
    return x * kept / by if by else torch.zeros_like(x) * x


def away_from_0(rng: Rng, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Values of both signs, none of them small."""
    signs = 2 * rng.integers(0, 2, *shape) - 1
    return signs * rng.uniform(*shape, low=0.5, high=2.0, dtype=dtype)


def one_draw(name: str, rng: Rng, *, note: str = "", **inputs: Value) -> Case:
    """A draw and the gradient of x."""
    case = drawn(name, rng, note=note, **inputs)
    return Case(name, (*case.steps, backward("draw 0", "x")), inputs=inputs, note=note)


def as_it_is(name: str, x: Tensor, p: float, *, training: bool) -> Case:
    """A case without chance."""
    inputs: dict[str, Value] = {"x": x, "p": p, "training": training}
    given: dict[str, Value] = {key: Ref(key) for key in inputs}
    steps = (call("out", **given, seed=3), backward("out", "x"))
    return Case(name, steps, inputs=inputs)


VALUES, SAMPLES = "values on their own", "whole samples"
Measure = Callable[[Case, Outputs], Outputs]


def measure_of(unit: str) -> Measure:
    """Which values are 0, what became of the others, and how many units were dropped."""

    def measure(case: Case, outputs: Outputs) -> Outputs:
        if "again" in outputs:
            return repeats(outputs)
        x, p = case.inputs["x"], case.inputs["p"]
        out = outputs["out"] if "out" in outputs else draws_of(outputs)[0]
        if out.shape != x.shape or out.dtype != x.dtype:
            raise ValueError("another shape or dtype")
        by = 0.0 if p == 1 else 1 / (1 - p) if case.inputs.get("training", True) else 1.0
        if "out" in outputs:
            facts: Outputs = {"values": _plainly(x, out, p)}
        else:
            facts = {"dropped": _unit(out == 0), "the others": _scaled(x, out, p)}
            if facts["dropped"] == unit:
                dropped = out == 0 if unit == VALUES else (out == 0).flatten(1).all(1)
                facts["how often"] = share(int(dropped.sum()), dropped.numel(), p)
        if "gradient of x" in outputs:
            facts["gradient"] = _gradient(outputs["gradient of x"], out, by)
        return facts

    return measure


def _plainly(x: Tensor, out: Tensor, p: float) -> str:
    """What became of values where nothing is left to chance."""
    for name, wanted in {"as they are": x, "all 0": torch.zeros_like(x), "times 1 − p": (1 - p) * x}.items():
        if torch.allclose(out, wanted):
            return name
    return "not finite" if not bool(out.isfinite().all()) else "changed"


def _scaled(x: Tensor, out: Tensor, p: float) -> str:
    """By what the values that were kept are multiplied."""
    before, after = x[out != 0], out[out != 0]
    factors = {"divided by 1 − p": 1 / (1 - p), "left as they were": 1.0, "divided by p": 1 / p, "times 1 − p": 1 - p}
    for name, factor in factors.items():
        if torch.allclose(after, before * factor, rtol=1e-5, atol=0):
            return name
    return "neither kept nor 0"


def _unit(zero: Tensor) -> str:
    """What is dropped together."""
    flat = zero.flatten(1)
    if bool((flat == flat[:, :1]).all()):
        return "all or nothing" if bool((flat == flat[0, 0]).all()) else SAMPLES
    if bool((flat == flat[:1]).all()):
        return "the same values in every sample"
    return VALUES


def _gradient(gradient: Any, out: Tensor, by: float) -> str:
    """Whether it is each value's weight (the pattern of the driver's), times what the value was multiplied with."""
    if not isinstance(gradient, Tensor):
        return "none"
    weights = torch.cos(0.7 * torch.arange(out.numel(), dtype=torch.float64) + 0.3).reshape(out.shape)
    wanted = torch.where(out == 0, 0.0, weights * by)
    return "as the values" if bool((wanted - gradient.double()).abs().max() < 1e-4) else "not as the values"


def dropout_oracle(x: Tensor, p: float = 0.5, training: bool = True, seed: int = 0) -> Tensor:
    return made(x, p, training, seed, unit="value")


def drop_path_oracle(x: Tensor, p: float = 0.1, training: bool = True, seed: int = 0) -> Tensor:
    return made(x, p, training, seed, unit="sample")


def dropout_cases(rng: Rng) -> Iterator[Case]:
    row = torch.tensor([1.0, 2.0, 3.0, 4.0]).repeat(500, 1)
    note = "p = 0.5: each value is 0 or divided by 1 − 0.5, so a row may become 2 0 0 8; half of all values are 0"
    yield one_draw("500 rows 1 2 3 4, by hand", rng, note=note, x=row, p=0.5)
    yield one_draw("images, a fifth of the values", rng, x=away_from_0(rng, 6, 4, 12, 10), p=0.2)
    x = away_from_0(rng, 40, 50, dtype=torch.float64)
    yield one_draw("float64, most of the values", rng, x=x, p=0.9)
    turned = away_from_0(rng, 5, 30, 20).permute(2, 1, 0)
    yield one_draw("a quarter of the values, not contiguous", rng, x=turned, p=0.25)
    yield as_it_is("in evaluation", rng.normal(4, 5), 0.5, training=False)
    yield as_it_is("nothing to drop", rng.normal(4, 5), 0.0, training=True)
    yield as_it_is("everything dropped", rng.normal(4, 5), 1.0, training=True)
    yield repeated(rng, x=away_from_0(rng, 6, 20), p=0.3, training=True)


def drop_path_cases(rng: Rng) -> Iterator[Case]:
    rows = torch.tensor([[1.0, 2.0]]).repeat(600, 1)
    note = "p = 0.5: each row is 0 0, or 1 2 divided by 1 − 0.5, which is 2 4; half of the rows are 0"
    yield one_draw("600 rows 1 2, by hand", rng, note=note, x=rows, p=0.5)
    yield one_draw("images, a fifth of them", rng, x=away_from_0(rng, 500, 2, 3, 3), p=0.2)
    x = away_from_0(rng, 700, 4, dtype=torch.float64)
    yield one_draw("float64, most of them", rng, x=x, p=0.8)
    yield one_draw("tokens, not contiguous", rng, x=away_from_0(rng, 4, 5, 600).permute(2, 1, 0), p=0.25)
    yield as_it_is("in evaluation", rng.normal(4, 5), 0.5, training=False)
    yield as_it_is("nothing to drop", rng.normal(4, 5), 0.0, training=True)
    yield as_it_is("everything dropped", rng.normal(4, 5, 2), 1.0, training=True)
    yield repeated(rng, x=away_from_0(rng, 60, 3), p=0.4, training=True)


def habit(normal: float, unit: str, **options: Any) -> Callable[..., Tensor]:
    """An oracle with one habit changed; `normal` is the default of p."""

    def answer(x: Tensor, p: float = normal, training: bool = True, seed: int = 0) -> Tensor:
        return made(x, p, training, **{"unit": unit, "seed": seed, **options})

    return answer


def _wrongs(normal: float, unit: str) -> Iterator[Wrong]:
    """The mistakes that dropout and drop_path have in common."""

    def wrong(name: str, says: str, look: str, **options: Any) -> Wrong:
        return Wrong(name, habit(normal, unit, **options), says=says, look=look)

    yield wrong(
        "doesn't divide by 1 − p",
        "what is kept is left as it was, so the mean falls to 1 − p of what evaluation will see.",
        "make up for what is missing, now.",
        scale="none",
    )
    yield wrong(
        "divides by p",
        "what is kept is divided by p, the probability to be dropped.",
        "which share is kept?",
        scale="1 / p",
    )
    yield wrong(
        "keeps with probability p",
        "p is the probability to be dropped; here it is that to be kept.",
        "with p = 0.1 nearly all should be left.",
        keeps_with_p=True,
    )
    yield wrong(
        "drops in evaluation too",
        "with training=False nothing should happen.",
        "where do you ask for `training`?",
        always=True,
    )
    yield wrong(
        "shrinks in evaluation",
        "evaluation multiplies by 1 − p: that is dropout as it was first written, where training didn't divide.",
        "training has divided by 1 − p already.",
        in_evaluation="times 1 − p",
    )
    yield wrong(
        "multiplies with the random numbers",
        "values are multiplied with numbers between 0 and 1 instead of 0 and 1.",
        "compare the random numbers with p.",
        noise=True,
    )
    yield wrong("ignores the seed", "every seed drops the same.", "hand seed to your generator.", seed=0)


DROPOUT = Exercise(
    id="resnet.dropout",
    cases=dropout_cases,
    oracle=dropout_oracle,
    measure=measure_of(VALUES),
    wrong=(
        Wrong(
            "drops whole samples",
            habit(0.5, "sample"),
            says="all values of a sample are dropped together; each should draw for itself.",
            look="how many random numbers do you draw?",
        ),
        Wrong(
            "drops the same values in every sample",
            habit(0.5, "the rest of a sample"),
            says="one mask serves all samples of the batch.",
            look="the mask has the shape of x.",
        ),
        *_wrongs(0.5, "value"),
    ),
    hints=(
        "torch.rand(x.shape, generator=…) < p is true with probability p.",
        "Kept values are divided by 1 − p. What happens there for p = 1?",
        "A mask of 0 and 1 / (1 − p), multiplied with x, gives gradients too. In evaluation return x.",
    ),
    points=2,
    minutes=10,
    forbidden=READY_MADE,
    may_alias=True,
)

DROP_PATH = Exercise(
    id="resnet.drop_path",
    cases=drop_path_cases,
    oracle=drop_path_oracle,
    measure=measure_of(SAMPLES),
    wrong=(
        Wrong(
            "drops single values",
            habit(0.1, "value"),
            says="each value is dropped for itself: that is dropout. Here a sample is kept or dropped whole.",
            look="one random number a sample.",
        ),
        Wrong(
            "drops the same values in every sample",
            habit(0.1, "the rest of a sample"),
            says="the mask runs along the wrong axes: it is the same for all samples.",
            look="its shape is (N, 1, 1, …).",
        ),
        *_wrongs(0.1, "sample"),
    ),
    hints=(
        "It is dropout with a smaller mask.",
        "One number a sample, of shape (N, 1, …, 1) with as many axes as x: (len(x), *[1] * (x.ndim - 1)).",
        "dropout of a tensor of ones with that shape is the mask.",
    ),
    points=1,
    minutes=8,
    needs=("resnet.dropout",),
    forbidden=READY_MADE,
    may_alias=True,
)

EXERCISES = (DROPOUT, DROP_PATH)
