"""Paired augmentation: what is drawn is judged by its law, what is done with it exactly, colour by its factors."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from autograder.exercises.resnet.colour import CLOSE, explained, pictures, recovered
from autograder.exercises.resnet.draws import equal, even, mean, related, share
from autograder.exercises.unet import _augmenters as made
from autograder.exercises.unet._augmenting import MISTAKES
from autograder.exercises.unet._ready_made import AUGMENTERS
from autograder.exercises.unet._sampled import clear, labels
from autograder.exercises.unet.affine import places as affine_places
from autograder.exercises.unet.elastic import places as elastic_places
from autograder.spec import Case, Exercise, Outputs, Probe, Ref, Rng, Step, Tolerance, call, draw, new, seed

MANY, STILL = 500, {"turns": False, "degrees": 0.0, "zoom": 1.0, "shift": 0.0, "colour": 0.0}


def by_hand() -> Case:
    four = torch.tensor([[1.0, 2.0], [3.0, 4.0]]) / 4
    return applied(
        "a quarter turn and nothing else, by hand",
        four.reshape(1, 1, 2, 2),
        (4 * four).long()[None],
        {"turns": torch.tensor([1]), "angles": torch.zeros(1), "zooms": torch.ones(1), "shifts": torch.zeros(1, 2)},
        note="image and mask are turned alike: ¼ ½ / ¾ 1 becomes ½ 1 / ¼ ¾, the mask 1 2 / 3 4 becomes 2 4 / 1 3",
        colour=0.0,
    )


def applied(name: str, images: Tensor, masks: Tensor, drawn: made.Drawn, *, note: str = "", **options: Any) -> Case:
    still = {"field": torch.zeros(len(images), 2, 4, 4), "colour": torch.tensor(7)}
    steps = (
        new("augment", **options),
        call("out", Ref("images"), Ref("masks"), Ref("drawn"), target="augment", method="apply"),
    )
    inputs = {"images": images, "masks": masks, "drawn": still | drawn}
    return Case(name, steps, inputs=inputs, note=note, terms=64, scale=8.0)


def coloured(name: str, images: Tensor, masks: Tensor, *, up: float = 0.0, **options: Any) -> Case:
    """Nothing moves but `up` pixels upwards. Applied twice with one seed of colour, and once with another."""
    n = len(images)
    drawn = {"turns": torch.zeros(n).long(), "angles": torch.zeros(n), "zooms": torch.ones(n)}
    drawn |= {"shifts": torch.tensor([-up, 0.0]).repeat(n, 1), "field": torch.zeros(n, 2, 4, 4)}
    inputs: dict[str, Any] = {"images": images, "masks": masks, "drawn": drawn | {"colour": torch.tensor(7)}}
    inputs |= {"other": drawn | {"colour": torch.tensor(8)}}
    given = {"out": "drawn", "again": "drawn", "another": "other"}
    applied = (
        call(out, Ref("images"), Ref("masks"), Ref(which), target="augment", method="apply")
        for out, which in given.items()
    )
    return Case(name, (new("augment", colour=0.3, **options), *applied), inputs=inputs)


def moving(rng: Rng, name: str, *shape: int, turns: tuple[int, ...], **options: Any) -> Case:
    """Everything moves; places are drawn until none lies in the middle between two pixels."""
    n, _, height, width = shape
    while True:
        drawn = {
            "turns": torch.tensor(turns)[rng.integers(0, len(turns), n)],
            "angles": rng.uniform(n, low=-80, high=80),
            "zooms": rng.uniform(n, low=0.7, high=1.4),
            "shifts": rng.uniform(n, 2, low=-1.5, high=1.5),
            "field": rng.uniform(n, 2, 4, 4, low=-0.7, high=0.7),
        }
        moves = (drawn[key] for key in ("angles", "zooms", "shifts"))
        bends = elastic_places(drawn["field"], (height, width))
        if clear(affine_places((height, width), *moves), 1e-3) and clear(bends, 5e-4):
            break
    return applied(name, rng.uniform(*shape), labels(rng, n, height, width), drawn, colour=0.0, **options)


def drawing(rng: Rng, name: str, size: tuple[int, int], **options: Any) -> Case:
    steps = (
        new("augment", **options),
        call("drawn", MANY, size, Ref("generator"), target="augment", method="draw"),
    )
    return Case(name, steps, inputs={"generator": _generator(rng)})


def _generator(rng: Rng) -> Probe:
    return Probe("generator", {"number": int(rng.integers(0, 10_000, 1))})


def _whole(rng: Rng) -> Case:
    """A call, and beside it a draw from an equal generator and what apply makes of it; then a call of another."""
    number = int(rng.integers(0, 10_000, 1))
    inputs: dict[str, Any] = {name: Probe("generator", {"number": number}) for name in ("one", "two", "three")}
    inputs |= {"other": Probe("generator", {"number": number + 1})}
    inputs |= {"images": rng.uniform(3, 1, 6, 9), "masks": labels(rng, 3, 6, 9)}
    both = (Ref("images"), Ref("masks"))
    steps: tuple[Step, ...] = (
        new("augment", bend=1.0, degrees=45.0),
        seed(11),
        call("called", *both, Ref("one"), target="augment"),
        seed(12),
        call("drawn", 3, (6, 9), Ref("two"), target="augment", method="draw"),
        call("applied", *both, Ref("drawn"), target="augment", method="apply"),
        call("again", *both, Ref("three"), target="augment"),
        call("another", *both, Ref("other"), target="augment"),
        draw("random"),
    )
    return Case("a call is draw and apply", steps, inputs=inputs)


def cases(rng: Rng) -> Iterator[Case]:
    yield by_hand()
    yield moving(rng, "everything moves", 2, 2, 5, 5, turns=(1, 3, 5, 7), bend=0.5)
    yield moving(rng, "an ignored label beyond the border", 3, 1, 6, 6, turns=(2, 5, 6), bend=0.5, outside=255)
    yield moving(rng, "not square, arrows are not asked for", 2, 3, 4, 6, turns=(2, 4, 6))
    grey = rng.uniform(24, 1, 1, 1, low=0.3, high=0.7).expand(-1, -1, 4, 4).contiguous()
    yield coloured("grey images get another colour", grey, labels(rng, 24, 4, 4))
    yield coloured("colours come last", pictures(rng, 24, loud=False), labels(rng, 24, 4, 5), up=1.0, outside=0)
    yield drawing(rng, "draws for square images", (8, 8), degrees=40.0, zoom=3.0, shift=0.2, bend=2.0)
    yield drawing(rng, "draws for images that aren't square", (6, 20), degrees=90.0, zoom=1.5, shift=0.3)
    yield drawing(rng, "nothing is drawn", (5, 5), **STILL)
    yield _whole(rng)


def measure(case: Case, outputs: Outputs) -> Outputs:
    """Draws by their law; the factors of colour; else everything as it is."""
    if "called" in outputs:
        return {
            "images of a call are what apply makes of a draw": equal(outputs["called"][0], outputs["applied"][0]),
            "masks of a call are what apply makes of a draw": equal(outputs["called"][1], outputs["applied"][1]),
            "equal for equal generators": equal(outputs["called"], outputs["again"]),
            "equal for other generators": equal(outputs["called"], outputs["another"]),
            "torch's next random number": outputs["random"],
        }
    if "drawn" in outputs:
        size = case.steps[1].args[1]
        return _law(outputs["drawn"], size, dict(case.steps[0].kwargs))
    if "other" in case.inputs:
        return _colours(case, outputs)
    return outputs


def _law(drawn: made.Drawn, size: tuple[int, int], options: dict[str, Any]) -> Outputs:
    shapes = {"turns": (MANY,), "angles": (MANY,), "zooms": (MANY,), "shifts": (MANY, 2), "field": (MANY, 2, 4, 4)}
    facts: Outputs = {f"shape of {key}": tuple(drawn[key].shape) == shape for key, shape in shapes.items()}
    facts["dtypes"] = all(drawn[key].dtype == torch.float32 for key in ("angles", "zooms", "shifts", "field"))
    facts["turns are whole numbers"] = drawn["turns"].dtype == torch.int64
    colour = torch.as_tensor(drawn["colour"])
    facts["colour is one seed"] = colour.ndim == 0 and 0 <= int(colour) < 2**31
    if not all(facts.values()):
        return facts
    numbers = drawn["turns"]
    kinds = 1 if not options.get("turns", True) else 8 if size[0] == size[1] else 4
    step = 2 if kinds == 4 else 1
    facts["only turns that keep the shape"] = keeps = bool((numbers % step == 0).all())
    facts["all turns as likely"] = keeps and even(numbers // step, kinds)
    limits = {"angles": options["degrees"], "zooms": math.log(options["zoom"])}
    limits |= {"down": options["shift"] * size[0], "right": options["shift"] * size[1]}
    values = {"angles": drawn["angles"], "zooms": drawn["zooms"].log()}
    values |= dict(zip(("down", "right"), drawn["shifts"].unbind(1), strict=True))
    for name, limit in limits.items():
        facts |= _uniform(name, values[name].double(), limit)
    facts["zooms above 0"] = bool((drawn["zooms"] > 0).all())
    facts["zooms below 1"] = share(int((drawn["zooms"] < 1).sum()), MANY, 0.5 if limits["zooms"] else 0.0)
    pairs = [(a, b) for a in values for b in values if a < b and limits[a] and limits[b]]
    facts["go together"] = any(related(values[a], values[b]) for a, b in pairs)
    bend = options.get("bend", 0.0)
    facts["arrows' mean"] = mean(drawn["field"], 0.0, bend) if bend else "none"
    square = drawn["field"].double().square()
    facts["arrows as if bend were 1"] = bool(bend) and mean(square, 1.0, math.sqrt(2)) == "as it should be"
    facts["arrows' spread"] = mean(square, bend**2, math.sqrt(2) * bend**2) if bend else bool((square == 0).all())
    return facts


def _uniform(name: str, values: Tensor, limit: float) -> Outputs:
    inside = bool((values.abs() <= limit * (1 + 1e-5) + 1e-9).all())
    facts: Outputs = {f"{name}: within limits": inside}
    if limit and inside:
        facts[f"{name}: all alike"] = bool((values == values[0]).all())
        facts[f"{name}: mean"] = mean(values, 0.0, limit / math.sqrt(3))
        facts[f"{name}: spread"] = mean(values.square(), limit**2 / 3, limit**2 * math.sqrt(4 / 45))
    return facts


def _colours(case: Case, outputs: Outputs) -> Outputs:
    """Whether one seed gives one result; and of grey or coloured images by what they were multiplied."""
    images, masks = outputs["out"]
    facts: Outputs = {
        "masks": masks,
        "another channel": images.shape != case.inputs["images"].shape,
        "equal for equal seeds": equal(outputs["out"], outputs["again"]),
        "equal for other seeds": equal(outputs["out"], outputs["another"]),
    }
    return facts | (_brightness(case, images) if case.inputs["images"].shape[1] == 1 else _factors(case, images))


def _brightness(case: Case, images: Tensor) -> Outputs:
    """Of images of one grey each."""
    strength = float(case.steps[0].kwargs["colour"])
    factor = (images / case.inputs["images"]).flatten(1)
    return {
        "every image one factor": bool((factor - factor[:, :1]).abs().max() < 1e-4),
        "all images the same": bool((factor - factor[:1]).abs().max() < 1e-4),
        "nothing changes": bool((factor - 1).abs().max() < 1e-4),
        "within 1 ± colour": bool(((factor - 1).abs() <= strength + 1e-4).all()),
    }


def _factors(case: Case, images: Tensor) -> Outputs:
    """Of coloured images whose last row came in from beyond the border, as zeros: its grey tells what came first."""
    strength = float(case.steps[0].kwargs["colour"])
    still = made.Oracle(colour=0.0, outside=0)
    moved = still.apply(case.inputs["images"], case.inputs["masks"], case.inputs["drawn"])[0].double()
    factors = recovered(moved, images.double())
    off = (explained(moved, factors) - images.double()).abs().max()
    facts: Outputs = {"three factors explain every image": bool(off < CLOSE)}
    for name, factor in zip(("brightness", "contrast", "saturation"), factors, strict=True):
        facts[f"{name} changes"] = bool(((factor - 1).abs() > 0.01).any())
        facts[f"{name} within 1 ± colour"] = bool(((factor - 1).abs() <= strength + 0.01).all())
    return facts


PAIRED_AUGMENT = Exercise(
    id="unet.PairedAugment",
    cases=cases,
    oracle=made.Oracle,
    measure=measure,
    wrong=MISTAKES,
    hints=(
        "2 * torch.rand(count, 4, generator=generator) - 1 gives what angles, zooms and both shifts need.",
        "zoom ** u with u uniform in −1 … 1 is log-uniform. Numbers 0, 2, 4, 6: twice one of four.",
        "apply: a stack of flip_rotate for each image and mask, affine_pair, elastic_deform if self.bend.",
        "Colour: images.expand(-1, 3, -1, -1) leaves three channels as they are and makes three of one; keep the first "
        "images.shape[1] of what colour_jitter gives.",
    ),
    points=5,
    minutes=30,
    needs=("unet.flip_rotate", "unet.affine_pair", "unet.elastic_deform", "resnet.colour_jitter"),
    forbidden=AUGMENTERS,
    tolerance=Tolerance(factor=32.0),
)

EXERCISES = (PAIRED_AUGMENT,)
