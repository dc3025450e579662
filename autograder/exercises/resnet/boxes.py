"""Random boxes, judged by the law that they are drawn by: area, shape and place, each on its own."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, Literal

import torch
from torch import Tensor

from autograder.exercises.resnet.crops import READY_MADE
from autograder.exercises.resnet.draws import drawn, draws_of, even, mean, related, repeated, repeats
from autograder.spec import Case, Exercise, Outputs, Rng, Wrong

Pair = tuple[float, float]
TRIES = 10
FINE = 150  # steps of each axis, where the law is worked out on a grid


def sides(height: int, width: int, area: Tensor, r: Tensor) -> tuple[Tensor, Tensor]:
    """Whole heights and widths of boxes with these areas (shares of the image) and these widths over heights."""
    return (height * width * area / r).sqrt().round(), (height * width * area * r).sqrt().round()


def inside(height: int, width: int, h: Tensor, w: Tensor) -> Tensor:
    return (h >= 1) & (h <= height) & (w >= 1) & (w <= width)


def largest(height: int, width: int, ratio: Pair) -> tuple[int, int, int, int]:
    """The box in the middle that is taken where none fits."""
    h, w = min(height, round(width / ratio[0])), min(width, round(height * ratio[1]))
    return (height - h) // 2, (width - w) // 2, h, w


def made(
    n: int,
    height: int,
    width: int,
    scale: Pair,
    ratio: Pair,
    seed: int,
    *,
    area: Literal["area", "side", "side is the share"] = "area",
    shape: Literal["log", "uniform", "upside down", "squared", "as the area"] = "log",
    misfit: Literal["again", "cut off", "whole image"] = "again",
    place: Literal["anywhere", "middle", "all but the last", "corner"] = "anywhere",
    one: bool = False,
    ends: bool = False,
) -> Tensor:
    """Boxes (n, 4), with the habits of mistakes."""
    generator = torch.Generator().manual_seed(seed)
    u = torch.rand(4, TRIES, n, generator=generator, dtype=torch.float64)
    low, high = scale
    part = low + (high - low) * u[0]
    if area == "side":
        part = (math.sqrt(low) + (math.sqrt(high) - math.sqrt(low)) * u[0]) ** 2
    elif area == "side is the share":
        part = part**2
    v = u[0] if shape == "as the area" else u[1]
    r = ratio[0] + (ratio[1] - ratio[0]) * v if shape == "uniform" else ratio[0] * (ratio[1] / ratio[0]) ** v
    r = 1 / r if shape == "upside down" else r**2 if shape == "squared" else r
    h, w = sides(height, width, part, r)
    if misfit == "cut off":
        h, w = h.clamp(1, height), w.clamp(1, width)
    fits = inside(height, width, h, w)
    first, fit = fits.long().argmax(0, keepdim=True), fits.any(0)
    fallback = (0, 0, height, width) if misfit == "whole image" else largest(height, width, ratio)
    h, w = h.gather(0, first)[0].where(fit, fallback[2]), w.gather(0, first)[0].where(fit, fallback[3])
    room = int(place != "all but the last")
    down, across = torch.zeros(2, n) if place == "corner" else u[2:, 0]
    top, left = (down * (height - h + room)).floor(), (across * (width - w + room)).floor()
    if place == "middle":
        top, left = ((height - h) / 2).floor(), ((width - w) / 2).floor()
    top, left = top.where(fit, fallback[0]), left.where(fit, fallback[1])
    boxes = torch.stack([top, left, top + h if ends else h, left + w if ends else w], 1).long()
    return boxes[:1].repeat(n, 1) if one else boxes


def oracle(
    n: int, height: int, width: int, scale: Pair = (0.08, 1.0), ratio: Pair = (3 / 4, 4 / 3), seed: int = 0
) -> Tensor:
    return made(n, height, width, scale, ratio, seed)


def cases(rng: Rng) -> Iterator[Case]:
    yield drawn(
        "4 × 4 in 5 × 5, by hand",
        rng,
        note="0.64 · 25 = 16 pixels, √(16 / 1) = 4: a 4 × 4 box, whose corner lies at 0 or 1 down and at 0 or 1 across",
        n=400,
        height=5,
        width=5,
        scale=(0.64, 0.64),
        ratio=(1.0, 1.0),
    )
    yield drawn("squares of all sizes", rng, n=2000, height=96, width=96, scale=(0.02, 0.8), ratio=(1.0, 1.0))
    yield drawn("all shapes", rng, n=2000, height=96, width=96, scale=(0.05, 0.2), ratio=(0.25, 4.0))
    yield drawn("wide boxes in a wide image", rng, n=2000, height=60, width=120, scale=(0.05, 0.3), ratio=(1.0, 3.0))
    yield drawn("where some don't fit", rng, n=2000, height=64, width=64)
    yield drawn("one box", rng, n=1, height=30, width=20, scale=(0.2, 0.3))
    yield drawn("none fits, a wide image", rng, n=4, height=4, width=40, scale=(0.5, 1.0), ratio=(1.0, 1.5))
    yield drawn("none fits, a tall image", rng, n=3, height=40, width=6, scale=(0.6, 0.9), ratio=(0.5, 0.5))
    yield repeated(rng, n=9, height=32, width=32)


def measure(case: Case, outputs: Outputs) -> Outputs:
    """What must hold of the boxes."""
    if "again" in outputs:
        return repeats(outputs)
    (boxes,) = draws_of(outputs)
    given: dict[str, Any] = {"scale": (0.08, 1.0), "ratio": (3 / 4, 4 / 3), **case.inputs}
    if boxes.shape != (given["n"], 4) or boxes.dtype != torch.int64:
        raise ValueError("no table of whole numbers with four columns")
    return facts_of(boxes, given["height"], given["width"], given["scale"], given["ratio"])


def facts_of(boxes: Tensor, height: int, width: int, scale: Pair, ratio: Pair) -> Outputs:
    """Areas, shapes and places of boxes (n, 4), compared with the law."""
    top, left, h, w = boxes.unbind(1)
    whole = inside(height, width, h, w) & (top >= 0) & (left >= 0) & (top + h <= height) & (left + w <= width)
    facts: Outputs = {"every box lies inside the image": bool(whole.all())}
    law = law_of(height, width, tuple(scale), tuple(ratio))
    if law.never:
        return facts | {"the box where none fits": boxes.unique(dim=0).tolist()}
    fits_ranges = (
        ((h + 1) * (w + 1) >= scale[0] * height * width)
        & ((h - 1) * (w - 1) <= scale[1] * height * width)
        & ((w + 1) >= ratio[0] * (h - 1))
        & ((w - 1) <= ratio[1] * (h + 1))
    )
    facts["every box is as scale and ratio allow"] = bool(fits_ranges.all())
    facts["all boxes alike"] = len(boxes.unique(dim=0)) == 1
    if facts["all boxes alike"] or not bool(whole.all()):
        return facts
    area, shape = (h * w).double() / (height * width), (w / h).double().log()
    facts |= {
        "mean area": mean(area, *law.area),
        "spread of the areas": mean((area - law.area[0]).square(), *law.area_spread),
        "mean of log(width / height)": mean(shape, *law.shape),
        "spread of log(width / height)": mean((shape - law.shape[0]).square(), *law.shape_spread),
        "place": f"{_place(top, height - h)} down, {_place(left, width - w)} across",
    }
    if law.always and scale[0] < scale[1] and ratio[0] < ratio[1]:
        facts["area and shape go together"] = related(area, shape)
    return facts


def _place(first: Tensor, room: Tensor) -> str:
    """Where boxes begin, `room` being the last place of each."""
    if int(room.max()) == int(room.min()) <= 4:
        return "all places" if even(first, int(room.max()) + 1) else "not all places"
    if bool(((first - room / 2).abs() <= 0.5).all()):
        return "in the middle"
    return f"mean {mean((first + 0.5) / (room + 1), 0.5, math.sqrt(1 / 12))}"


class Law:
    """Means and standard deviations of what is measured, from a fine grid of all areas and shapes that can be drawn.

    never, always: whether no box of the grid, or each, fits.
    """

    def __init__(self, height: int, width: int, scale: Pair, ratio: Pair) -> None:
        share = (torch.arange(FINE, dtype=torch.float64) + 0.5) / FINE
        area = (scale[0] + (scale[1] - scale[0]) * share)[:, None]
        r = ratio[0] * (ratio[1] / ratio[0]) ** share
        h, w = sides(height, width, area, r)
        fits = inside(height, width, h, w)
        self.never, self.always = not bool(fits.any()), bool(fits.all())
        if self.never:
            return
        h, w = h[fits], w[fits]
        area, shape = h * w / (height * width), (w / h).log()
        self.area, self.shape = _moments(area), _moments(shape)
        self.area_spread = _moments((area - self.area[0]).square())
        self.shape_spread = _moments((shape - self.shape[0]).square())


@cache
def law_of(height: int, width: int, scale: Pair, ratio: Pair) -> Law:
    """Worked out once."""
    return Law(height, width, scale, ratio)


def _moments(values: Tensor) -> tuple[float, float]:
    """Mean and standard deviation, the latter with room for a grid that is not endlessly fine."""
    return float(values.mean()), float(values.std(correction=0)) + 0.01


def habit(**options: Any) -> Callable[..., Tensor]:
    """The oracle with one habit changed."""

    def answer(
        n: int, height: int, width: int, scale: Pair = (0.08, 1.0), ratio: Pair = (3 / 4, 4 / 3), seed: int = 0
    ) -> Tensor:
        return made(n, height, width, scale, ratio, **{"seed": seed, **options})

    return answer


def _wrong(name: str, says: str, look: str, **options: Any) -> Wrong:
    return Wrong(name, habit(**options), says=says, look=look)


SQUARE = "half the side is a quarter of the area."

RANDOM_BOXES = Exercise(
    id="resnet.random_boxes",
    cases=cases,
    oracle=oracle,
    measure=measure,
    wrong=(
        _wrong(
            "draws the side instead of the area",
            f"the side of the box is uniform, not its area: too many small boxes come, since {SQUARE}",
            "draw the area first; height and width follow from it.",
            area="side",
        ),
        _wrong(
            "takes scale for the side",
            f"scale is a share of the image's area; here it is that of its side, and {SQUARE}",
            "multiply scale with height · width.",
            area="side is the share",
        ),
        _wrong(
            "draws the ratio itself",
            "width over height is uniform, so wide boxes come more often than tall ones. Its logarithm should be.",
            "exp of a number between log(low) and log(high).",
            shape="uniform",
        ),
        _wrong(
            "takes height over width",
            "the boxes are tall where they should be wide: the ratio is width over height.",
            "which of the two is multiplied by the ratio, and which divided?",
            shape="upside down",
        ),
        _wrong(
            "forgets the root of the ratio",
            "the area is right, but width over height is the square of the ratio.",
            "√(area · r) / √(area / r) = r. And without the roots?",
            shape="squared",
        ),
        _wrong(
            "uses one draw for area and shape",
            "large boxes are always wide and small ones tall: one random number decides both.",
            "area and ratio are two draws.",
            shape="as the area",
        ),
        _wrong(
            "cuts off what doesn't fit",
            "a box that is too large is cut down to the image; it should be drawn anew, or large boxes come too often.",
            "try again, ten times at most.",
            misfit="cut off",
        ),
        _wrong(
            "takes the whole image if none fits",
            "where none of ten boxes fits, the whole image is taken, whatever its shape. `ratio` must still hold.",
            "the largest box in the middle that the ratio allows.",
            misfit="whole image",
        ),
        _wrong(
            "leaves out the last place",
            "no box ever touches the lower or the right edge: one place is left out.",
            "a box of height h has H − h + 1 places.",
            place="all but the last",
        ),
        _wrong(
            "puts every box in the middle",
            "sizes and shapes are right, but all boxes lie in the middle.",
            "draw the place too.",
            place="middle",
        ),
        _wrong(
            "puts every box in the corner",
            "sizes and shapes are right, but all boxes lie in the upper left corner.",
            "draw the place too.",
            place="corner",
        ),
        _wrong("draws one box for all", "all n boxes are the same.", "draw n of everything.", one=True),
        _wrong(
            "gives the lower right corner",
            "the last two numbers are the box's end (bottom, right); its height and width are asked for.",
            "(top, left, height, width).",
            ends=True,
        ),
        _wrong("ignores the seed", "every seed gives the same boxes.", "hand seed to your generator.", seed=0),
    ),
    hints=(
        "One box: area = H · W · (a number between scale's ends); r = exp(a number between the logs of ratio's ends).",
        "height = round(√(area / r)), width = round(√(area · r)). If both fit, top from 0 … H − height, left likewise; "
        "else draw again. A loop over n boxes, with a loop of ten tries in it, is fine.",
        "If none fits: height = min(H, round(W / lowest ratio)), width = min(W, round(H · highest ratio)), and half of "
        "what is left over, rounded down, on the upper and left side.",
    ),
    points=4,
    minutes=25,
    forbidden=READY_MADE,
)

EXERCISES = (RANDOM_BOXES,)
