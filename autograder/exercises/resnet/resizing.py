"""Random resized crops. Two channels of each image count its rows and its columns, so that the box can be read off."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from autograder.exercises.resnet import boxes
from autograder.exercises.resnet.boxes import Pair
from autograder.exercises.resnet.crops import READY_MADE
from autograder.exercises.resnet.draws import drawn, draws_of, repeated, repeats
from autograder.spec import Case, Exercise, Outputs, Rng, Wrong

RIGHT = "bilinear"
RULES: dict[str, dict[str, Any]] = {
    RIGHT: {"mode": "bilinear"},
    "nearest pixel": {"mode": "nearest"},
    "corners on corners": {"mode": "bilinear", "align_corners": True},
    "smoothed first": {"mode": "bilinear", "antialias": True},
}
TELL_APART = 30  # images that are looked at to say how else they were resized


def made(
    x: Tensor,
    size: int,
    scale: Pair,
    ratio: Pair,
    seed: int,
    *,
    rule: str = RIGHT,
    whole: bool = False,
    **habits: Any,
) -> Tensor:
    """Boxes cut out and resized, with the habits of mistakes."""
    height, width = x.shape[2:]
    found = boxes.made(len(x), height, width, scale, ratio, seed, **habits)
    if whole:
        found = torch.tensor([0, 0, height, width]).expand(len(x), 4)
    return resized(x, found, size, rule)


def resized(x: Tensor, found: Tensor, size: int, rule: str) -> Tensor:
    parts = []
    for image, (top, left, h, w) in zip(x, found.tolist(), strict=True):
        part = image[None, :, top : top + h, left : left + w]
        parts.append(F.interpolate(part, (size, size), **RULES[rule]))
    return torch.cat(parts)


def oracle(x: Tensor, size: int, scale: Pair = (0.08, 1.0), ratio: Pair = (3 / 4, 4 / 3), seed: int = 0) -> Tensor:
    return made(x, size, scale, ratio, seed)


def counted(rng: Rng, n: int, height: int, width: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Images (n, 3, height, width): the number of the row, of the column, and noise."""
    x = rng.uniform(n, 3, height, width, dtype=dtype)
    x[:, 0] = torch.arange(height, dtype=dtype)[:, None]
    x[:, 1] = torch.arange(width, dtype=dtype)
    return x


def cases(rng: Rng) -> Iterator[Case]:
    whole: dict[str, Any] = {"scale": (1.0, 1.0), "ratio": (1.0, 1.0)}
    yield _exact(
        "the whole of 4 × 4, by hand",
        rng,
        torch.arange(16.0).reshape(1, 1, 4, 4),
        2,
        torch.tensor([[2.5, 4.5], [10.5, 12.5]])[None, None],
        "(0 + 1 + 4 + 5) / 4 = 2.5: each pixel is the mean of 2 × 2",
    )
    yield drawn("the whole of 3 × 3 made larger", rng, x=rng.normal(2, 3, 3, 3), size=7, **whole)
    small: dict[str, Any] = {"scale": (0.1, 0.5), "ratio": (0.5, 2.0)}
    yield drawn("32 × 32, boxes made smaller", rng, x=counted(rng, 60, 32, 32), size=6, **small)
    wide: dict[str, Any] = {"scale": (0.02, 0.3), "ratio": (1.0, 3.0)}
    x = counted(rng, 50, 20, 36, torch.float64)
    yield drawn("20 × 36, boxes made larger, float64", rng, x=x, size=24, **wide)
    yield drawn("scale and ratio left as they are", rng, x=counted(rng, 40, 24, 24), size=9)
    yield drawn("one image, not contiguous", rng, x=rng.strided(1, 2, 8, 8), size=4, **whole)
    yield repeated(rng, x=rng.uniform(3, 3, 16, 16), size=8)


def _exact(name: str, rng: Rng, x: Tensor, size: int, expect: Tensor, note: str) -> Case:
    case = drawn(name, rng, note=note, x=x, size=size, scale=(1.0, 1.0), ratio=(1.0, 1.0))
    return Case(name, case.steps, inputs=case.inputs, expect={"draw 0": expect}, note=note)


def measure(case: Case, outputs: Outputs) -> Outputs:
    """Which box each answer shows, and whether the boxes follow their law; the pixels where there is only one box."""
    if "again" in outputs:
        return repeats(outputs)
    x, size = case.inputs["x"], case.inputs["size"]
    scale, ratio = case.inputs.get("scale", (0.08, 1.0)), case.inputs.get("ratio", (3 / 4, 4 / 3))
    (out,) = draws_of(outputs)
    if scale[0] == 1.0:
        return _whole(x, out, size)
    if out.shape != (*x.shape[:2], size, size) or out.dtype != x.dtype:
        raise ValueError("another shape or dtype")
    known, found = shown(x, out, RIGHT)
    facts: Outputs = {"each image is a box of its own, resized": bool(known.all())}
    if bool(known.all()):
        return facts | boxes.facts_of(found, x.shape[2], x.shape[3], scale, ratio)
    few = slice(0, TELL_APART)
    kinds = [rule for rule in RULES if rule != RIGHT and bool(shown(x[few], out[few], rule)[0].all())]
    return facts | {"how they were resized": kinds[0] if kinds else "in no known way"}


def _whole(x: Tensor, out: Tensor, size: int) -> Outputs:
    """The pixels, if all of the image is shown in some way."""
    all_of_it = torch.tensor([[0, 0, *x.shape[2:]]]).expand(len(x), 4)
    ways = [resized(x, all_of_it, size, rule) for rule in RULES]
    if not any(torch.allclose(way, out, atol=1e-4) for way in ways):
        return {"the whole image is shown": False}
    return {"the whole image is shown": True, "the resized image": out}


def shown(x: Tensor, out: Tensor, rule: str) -> tuple[Tensor, Tensor]:
    """Which box of its image each answer shows, resized by a rule: whether there is one (N,), and the boxes (N, 4)."""
    size = out.shape[-1]
    top, h = nearest(out[:, 0].mean(2), x.shape[2], size, rule)
    left, w = nearest(out[:, 1].mean(1), x.shape[3], size, rule)
    found = torch.stack([top, left, h, w], 1)
    wanted = resized(x, found, size, rule)
    off = (wanted - out).abs().flatten(1).amax(1)
    return off < 1e-3, found


def nearest(profile: Tensor, length: int, size: int, rule: str) -> tuple[Tensor, Tensor]:
    """The first pixel and the number of pixels of the stretch that, resized, is most like each profile (N, size)."""
    starts, table = _stretches(length, size, rule)
    best = torch.cdist(profile.double(), table).argmin(1)
    first, count = starts[best].unbind(1)
    return first, count


@cache
def _stretches(length: int, size: int, rule: str) -> tuple[Tensor, Tensor]:
    """Every stretch of a line (first pixel, number of pixels), and what it is resized to."""
    starts = torch.tensor([(first, count) for count in range(1, length + 1) for first in range(length - count + 1)])
    ramps = torch.stack([_ramp(count, size, rule) for count in range(1, length + 1)])
    return starts, ramps[starts[:, 1] - 1] + starts[:, :1]


def _ramp(count: int, size: int, rule: str) -> Tensor:
    """The numbers 0 … count − 1, resized."""
    column = torch.arange(count, dtype=torch.float64).reshape(1, 1, count, 1)
    return F.interpolate(column, (size, 1), **RULES[rule]).flatten()


def habit(**options: Any) -> Callable[..., Tensor]:
    """The oracle with one habit changed."""

    def answer(x: Tensor, size: int, scale: Pair = (0.08, 1.0), ratio: Pair = (3 / 4, 4 / 3), seed: int = 0) -> Tensor:
        return made(x, size, **{"scale": scale, "ratio": ratio, "seed": seed, **options})

    return answer


def _wrong(name: str, says: str, look: str, **options: Any) -> Wrong:
    return Wrong(name, habit(**options), says=says, look=look)


RANDOM_RESIZED_CROP = Exercise(
    id="resnet.random_resized_crop",
    cases=cases,
    oracle=oracle,
    measure=measure,
    wrong=(
        _wrong(
            "takes the nearest pixel",
            "the boxes are right, but each pixel of the answer is one pixel of the image: nothing is mixed.",
            "F.interpolate takes the nearest pixel unless its mode says otherwise.",
            rule="nearest pixel",
        ),
        _wrong(
            "puts corners on corners",
            "align_corners=True lays the centres of the corner pixels on each other; the default is asked for.",
            "leave align_corners out.",
            rule="corners on corners",
        ),
        _wrong(
            "smooths first",
            "antialias=True smooths what is made smaller. A good idea, but not asked for here.",
            "leave antialias out.",
            rule="smoothed first",
        ),
        _wrong(
            "cuts one box for the batch",
            "all images are cut at the same box.",
            "random_boxes gives N boxes; image i gets box i.",
            one=True,
        ),
        _wrong(
            "resizes the whole image",
            "nothing is cut out: each answer is its whole image.",
            "slice the box out first, then resize it.",
            whole=True,
        ),
        _wrong(
            "ignores the scale",
            "scale is not handed on: the boxes have the areas of the default.",
            "random_boxes takes it.",
            scale=(0.08, 1.0),
        ),
        _wrong(
            "ignores the ratio",
            "ratio is not handed on: the boxes have the shapes of the default.",
            "random_boxes takes it.",
            ratio=(3 / 4, 4 / 3),
        ),
        _wrong("ignores the seed", "every seed gives the same result.", "hand it on to random_boxes.", seed=0),
    ),
    hints=(
        "random_boxes(len(x), H, W, scale, ratio, seed).tolist() gives N boxes. Loop over images and boxes together.",
        "x[i : i + 1, :, top : top + h, left : left + w] keeps four axes, as F.interpolate wants them.",
        'F.interpolate(part, (size, size), mode="bilinear"); torch.cat puts the parts together again.',
    ),
    points=2,
    minutes=10,
    needs=("resnet.random_boxes",),
    forbidden=READY_MADE,
)

EXERCISES = (RANDOM_RESIZED_CROP,)
