"""Paired augmentation: what is drawn is judged by its law, what is done with it exactly, colour by its factors."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from autograder.exercises.resnet.draws import equal, even, mean, related, share
from autograder.exercises.unet import _augmenters as made
from autograder.exercises.unet._ready_made import AUGMENTERS
from autograder.exercises.unet._sampled import clear, labels
from autograder.exercises.unet.affine import places as affine_places
from autograder.exercises.unet.elastic import places as elastic_places
from autograder.spec import Case, Exercise, Outputs, Probe, Ref, Rng, Step, Tolerance, Wrong, call, draw, new, seed

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
    inputs |= {"images": rng.uniform(3, 1, 6, 6), "masks": labels(rng, 3, 6, 6)}
    both = (Ref("images"), Ref("masks"))
    steps: tuple[Step, ...] = (
        new("augment", bend=1.0, degrees=45.0),
        seed(11),
        call("called", *both, Ref("one"), target="augment"),
        seed(12),
        call("drawn", 3, (6, 6), Ref("two"), target="augment", method="draw"),
        call("applied", *both, Ref("drawn"), target="augment", method="apply"),
        call("again", *both, Ref("three"), target="augment"),
        call("another", *both, Ref("other"), target="augment"),
        draw("random"),
    )
    return Case("a call is draw and apply", steps, inputs=inputs)


def cases(rng: Rng) -> Iterator[Case]:
    yield by_hand()
    yield moving(rng, "everything moves", 2, 2, 5, 5, turns=(1, 3, 5, 7), bend=1.0)
    yield moving(rng, "an ignored label beyond the border", 3, 1, 6, 6, turns=(2, 5, 6), outside=255)
    yield moving(rng, "not square, arrows are not asked for", 2, 3, 4, 6, turns=(2, 4, 6))
    grey = rng.uniform(40, 1, 1, 1, low=0.3, high=0.7).expand(-1, -1, 4, 4).contiguous()
    rest = {"turns": torch.zeros(40).long(), "angles": torch.zeros(40), "zooms": torch.ones(40)}
    rest |= {"shifts": torch.zeros(40, 2)}
    yield applied("grey images get another colour", grey, labels(rng, 40, 4, 4), rest, colour=0.3)
    yield drawing(rng, "draws for square images", (8, 8), degrees=40.0, zoom=3.0, shift=0.2, bend=2.0)
    yield drawing(rng, "draws for images that aren't square", (6, 20), degrees=90.0, zoom=1.5, shift=0.3)
    yield drawing(rng, "nothing is drawn", (5, 5), **STILL)
    yield _whole(rng)


def measure(case: Case, outputs: Outputs) -> Outputs:
    """Draws by their law; the factors of colour; else everything as it is."""
    if "called" in outputs:
        return {
            "a call is draw and apply": equal(outputs["called"], outputs["applied"]),
            "equal for equal generators": equal(outputs["called"], outputs["again"]),
            "equal for other generators": equal(outputs["called"], outputs["another"]),
            "torch's next random number": outputs["random"],
        }
    if "drawn" in outputs:
        size = case.steps[1].args[1]
        return _law(outputs["drawn"], size, dict(case.steps[0].kwargs))
    if case.steps[0].kwargs["colour"]:
        return _factors(case, *outputs["out"])
    return outputs


def _law(drawn: made.Drawn, size: tuple[int, int], options: dict[str, Any]) -> Outputs:
    shapes = {"turns": (MANY,), "angles": (MANY,), "zooms": (MANY,), "shifts": (MANY, 2), "field": (MANY, 2, 4, 4)}
    facts: Outputs = {f"shape of {key}": tuple(drawn[key].shape) == shape for key, shape in shapes.items()}
    facts["dtypes"] = all(drawn[key].dtype == torch.float32 for key in ("angles", "zooms", "shifts", "field"))
    facts["turns are whole numbers"] = drawn["turns"].dtype == torch.int64
    facts["colour is a seed"] = 0 <= int(drawn["colour"]) < 2**31
    if not all(facts.values()):
        return facts
    numbers = drawn["turns"]
    kinds = 1 if not options.get("turns", True) else 8 if size[0] == size[1] else 4
    step = 2 if kinds == 4 else 1
    facts["only turns that keep the shape"] = bool((numbers % step == 0).all())
    facts["all turns as likely"] = even(numbers // step, kinds)
    limits = {"angles": options["degrees"], "zooms": math.log(options["zoom"])}
    limits |= {"down": options["shift"] * size[0], "right": options["shift"] * size[1]}
    values = {"angles": drawn["angles"], "zooms": drawn["zooms"].log()}
    values |= dict(zip(("down", "right"), drawn["shifts"].unbind(1), strict=True))
    for name, limit in limits.items():
        facts |= _uniform(name, values[name].double(), limit)
    facts["zooms below 1"] = share(int((drawn["zooms"] < 1).sum()), MANY, 0.5 if limits["zooms"] else 0.0)
    pairs = [(a, b) for a in values for b in values if a < b and limits[a] and limits[b]]
    facts["go together"] = any(related(values[a], values[b]) for a, b in pairs)
    bend = options.get("bend", 0.0)
    facts["arrows' mean"] = mean(drawn["field"], 0.0, bend) if bend else "none"
    square = drawn["field"].double().square()
    facts["arrows' spread"] = mean(square, bend**2, math.sqrt(2) * bend**2) if bend else bool((square == 0).all())
    return facts


def _uniform(name: str, values: Tensor, limit: float) -> Outputs:
    facts: Outputs = {f"{name}: within limits": bool((values.abs() <= limit * (1 + 1e-5) + 1e-9).all())}
    if limit:
        facts[f"{name}: all alike"] = bool((values == values[0]).all())
        facts[f"{name}: mean"] = mean(values, 0.0, limit / math.sqrt(3))
        facts[f"{name}: spread"] = mean(values.square(), limit**2 / 3, limit**2 * math.sqrt(4 / 45))
    return facts


def _factors(case: Case, images: Tensor, masks: Tensor) -> Outputs:
    """Of images of one grey each: by what they were multiplied."""
    before, strength = case.inputs["images"], case.steps[0].kwargs["colour"]
    assert isinstance(strength, float)
    if images.shape != before.shape:
        raise ValueError("another shape")
    factor = (images / before).flatten(1)
    return {
        "masks": masks,
        "every image one factor": bool((factor - factor[:, :1]).abs().max() < 1e-4),
        "all images the same": bool((factor - factor[:1]).abs().max() < 1e-4),
        "nothing changes": bool((factor - 1).abs().max() < 1e-4),
        "within 1 ± colour": bool(((factor - 1).abs() <= strength + 1e-4).all()),
    }


WRONG = (
    Wrong("leaves the mask", made.MaskStays, "images change and masks stay as they were.", "every move is for both."),
    Wrong(
        "turns the image alone",
        made.MaskFlipsNot,
        "flip_rotate is used on the image and not on its mask.",
        "every move is for both.",
    ),
    Wrong(
        "draws twice",
        made.DrawsTwice,
        "image and mask of a call come from two different draws: each is fine, together they are nonsense.",
        "draw once, hand the result to apply.",
    ),
    Wrong(
        "moves before it turns",
        made.MovesFirst,
        "affine_pair comes before flip_rotate.",
        "the order: flip_rotate, affine_pair, elastic_deform, colour.",
    ),
    Wrong(
        "bends before it moves",
        made.BendsFirst,
        "elastic_deform comes before affine_pair.",
        "the order: flip_rotate, affine_pair, elastic_deform, colour.",
    ),
    Wrong("never bends", made.NeverBends, "elastic_deform isn't used.", "it is left out only if bend is 0."),
    Wrong(
        "bends although bend is 0",
        made.BendsAlways,
        "the arrows are used although bend is 0.",
        "elastic_deform is left out if bend is 0: it costs time and blurs.",
    ),
    Wrong(
        "forgets what is outside",
        made.OutsideForgotten,
        "beyond the border there are zeros, whatever `outside` says.",
        "hand self.outside to both.",
    ),
    Wrong(
        "never colours", made.NeverColours, "colour_jitter isn't used.", "for the image, last; colour is its strength."
    ),
    Wrong(
        "has its own strength of colour",
        made.ColoursLittle,
        "colours change by another strength than `colour`.",
        "the same strength for each of colour_jitter's three.",
    ),
    Wrong(
        "draws once for the batch",
        made.OneForAll,
        "all images of a batch get the same moves.",
        "count numbers of everything but the colour's seed.",
    ),
    Wrong(
        "draws zooms evenly",
        made.UniformZoom,
        "zooms are uniform between 1/zoom and zoom: most images get larger.",
        "their logarithm is uniform.",
    ),
    Wrong("only enlarges", made.OnlyEnlarges, "no zoom is below 1.", "between 1/zoom and zoom."),
    Wrong("turns to one side", made.OneSide, "no angle is below 0.", "between −degrees and degrees."),
    Wrong(
        "gives shifts as shares",
        made.SharesForPixels,
        "shifts are shares of the picture; affine_pair wants pixels.",
        "shift · H and shift · W.",
    ),
    Wrong(
        "measures both shifts by the height",
        made.HeightForBoth,
        "the shift to the right goes up to shift · H.",
        "each axis has its own size.",
    ),
    Wrong(
        "uses one draw for both shifts",
        made.OneDrawForTwo,
        "pictures move along one diagonal only: down and right come from the same random number.",
        "two numbers.",
    ),
    Wrong("never mirrors", made.NeverMirrors, "numbers 4 to 7 never come.", "all eight are as likely."),
    Wrong(
        "turns any shape",
        made.TurnsAnyShape,
        "images that aren't square get quarter turns, after which they no longer fit into one batch.",
        "0, 2, 4 and 6 keep the shape.",
    ),
    Wrong(
        "forgets bend",
        made.StrengthlessArrows,
        "arrows have a standard deviation of 1, whatever bend says.",
        "bend · torch.randn.",
    ),
    Wrong(
        "asks torch's own chance",
        made.GlobalChance,
        "numbers come from torch's global generator; the one that was handed over is never asked.",
        "generator=generator in every draw.",
    ),
)

PAIRED_AUGMENT = Exercise(
    id="unet.PairedAugment",
    cases=cases,
    oracle=made.Oracle,
    measure=measure,
    wrong=WRONG,
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
