"""Colour jitter. The three factors of every image are worked out from its answer, and the answer from them again."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, Literal

import torch
from torch import Tensor

from autograder.exercises.resnet.crops import READY_MADE
from autograder.exercises.resnet.draws import drawn, draws_of, mean, related, repeated, repeats
from autograder.spec import Case, Exercise, Outputs, Rng, Wrong

WEIGHTS = (0.299, 0.587, 0.114)
CLOSE = 2e-4
SAFE = 3  # rows of an image whose values no step cuts off; those below are black, white and loud


def luma(x: Tensor) -> Tensor:
    return torch.einsum("nchw,c->nhw", x, torch.tensor(WEIGHTS, dtype=x.dtype, device=x.device))[:, None]


def middle(x: Tensor) -> Tensor:
    """The mean of the luma, (N, 1, 1, 1): the luma of the mean colour."""
    return luma(x.mean((2, 3), keepdim=True))


def made(
    x: Tensor,
    strengths: tuple[float, float, float],
    seed: int,
    *,
    factors: Literal["around 1", "above 1", "up to the strength"] = "around 1",
    one: bool = False,
    same: bool = False,
    adds: bool = False,
    pivot: Literal["grey", "half", "channel", "all"] = "grey",
    to_grey: Literal["luma", "mean"] = "luma",
    cut: Literal["each", "end", "never"] = "each",
) -> Tensor:
    """Brightness, contrast, saturation, with the habits of mistakes."""
    draws = torch.rand(3, len(x), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    if one:
        draws = draws[:, :1].expand(3, len(x))
    if same:
        draws = draws[:1].expand(3, len(x))
    size = torch.tensor(strengths, dtype=torch.float64)[:, None]
    f = {"around 1": 1 + size * (2 * draws - 1), "above 1": 1 + size * draws, "up to the strength": size * draws}[
        factors
    ]
    f = f.to(x)[..., None, None, None]
    after = _cut if cut == "each" else _as_it_is
    x = after(x + (f[0] - 1) if adds else f[0] * x)
    grey = luma if to_grey == "luma" else _plain_mean
    pivots = {
        "grey": grey(x).mean((1, 2, 3), keepdim=True),
        "half": torch.full_like(middle(x), 0.5),
        "channel": x.mean((2, 3), keepdim=True),
        "all": middle(x).mean(0, keepdim=True),
    }
    x = after(f[1] * x + (1 - f[1]) * pivots[pivot])
    x = after(f[2] * x + (1 - f[2]) * grey(x))
    return x if cut == "never" else _cut(x)


def _cut(x: Tensor) -> Tensor:
    return x.clamp(0, 1)


def _plain_mean(x: Tensor) -> Tensor:
    return x.mean(1, keepdim=True)


def _as_it_is(x: Tensor) -> Tensor:
    return x


def oracle(x: Tensor, brightness: float = 0.4, contrast: float = 0.4, saturation: float = 0.4, seed: int = 0) -> Tensor:
    return made(x, (brightness, contrast, saturation), seed)


def pictures(rng: Rng, n: int, *, loud: bool = True, dtype: torch.dtype = torch.float32) -> Tensor:
    """Images (n, 3, 4, 5), some lighter than others: three rows of quiet colours, and one of loud ones."""
    x = rng.uniform(n, 3, SAFE + 1, 5, low=0.25, high=0.37, dtype=dtype) + rng.uniform(
        n, 1, 1, 1, high=0.12, dtype=dtype
    )
    if loud:
        x[:, :, SAFE] = rng.integers(0, 2, n, 3, 5).to(dtype)
    return x


def cases(rng: Rng) -> Iterator[Case]:
    colours = torch.tensor([[0.2, 0.1, 0.4, 0.5], [0.4, 0.2, 0.4, 0.5], [0.6, 0.3, 0.4, 0.5]])
    four = colours[None, :, :, None].repeat(120, 1, 1, 1)
    none: dict[str, Any] = {"brightness": 0.0, "contrast": 0.0, "saturation": 0.0}
    yield drawn(
        "brightness of four pixels, by hand",
        rng,
        note="each image has a factor in 0.5 … 1.5; with 1.5 its first pixel is 1.5 · (0.2, 0.4, 0.6) = 0.3, 0.6, 0.9",
        x=four,
        **(none | {"brightness": 0.5}),
    )
    yield drawn("brightness alone, some values cut off", rng, x=pictures(rng, 120), **(none | {"brightness": 0.4}))
    quiet = pictures(rng, 120, loud=False, dtype=torch.float64)
    yield drawn("contrast alone, float64", rng, x=quiet, **(none | {"contrast": 0.5}))
    yield drawn("saturation alone", rng, x=pictures(rng, 120, loud=False), **(none | {"saturation": 1.0}))
    yield drawn("all three, nothing is cut off", rng, x=pictures(rng, 120, loud=False))
    yield drawn(
        "all three, some values cut off", rng, x=pictures(rng, 120), brightness=0.3, contrast=0.4, saturation=0.3
    )
    yield drawn("no strength at all", rng, x=pictures(rng, 3), **none)
    yield repeated(rng, x=pictures(rng, 5))


def measure(case: Case, outputs: Outputs) -> Outputs:
    """The factors of every image, whether they explain it, and how they are spread."""
    if "again" in outputs:
        return repeats(outputs)
    x = case.inputs["x"]
    strengths = tuple(case.inputs.get(name, 0.4) for name in ("brightness", "contrast", "saturation"))
    (out,) = draws_of(outputs)
    if out.shape != x.shape or out.dtype != x.dtype:
        raise ValueError("another shape or dtype")
    facts: Outputs = {"values stay within 0 … 1": bool(((out >= 0) & (out <= 1)).all())}
    if strengths[1] and not strengths[0]:
        facts["contrast turns around"] = _turning_point(x.double(), out.double())
    if strengths[2] and not strengths[0]:
        facts["without saturation a pixel becomes"] = _grey_of(x.double(), out.double())
    factors = recovered(x.double(), out.double())
    again = explained(x.double(), factors)
    off = (again - out.double()).abs().flatten(1).amax(1)
    facts["three factors explain every image"] = bool((off < CLOSE).all())
    if not facts["three factors explain every image"]:
        return facts | ({"brightness is added": _is_added(x, out)} if not (strengths[1] or strengths[2]) else {})
    return facts | _spreads(factors, strengths)


def explained(x: Tensor, factors: Tensor) -> Tensor:
    """What the three steps make of x with these factors, (3, N)."""
    f = factors[..., None, None, None]
    x = _cut(f[0] * x)
    x = _cut(f[1] * x + (1 - f[1]) * middle(x))
    return _cut(f[2] * x + (1 - f[2]) * luma(x))


def recovered(x: Tensor, out: Tensor) -> Tensor:
    """The factors of brightness, contrast and saturation, (3, N), from the rows that nothing cuts off.

    There, luma after = b·c · luma before + (1 − c) · m(b), m(b) being the mean luma of the brightened image, and the
    distance of a channel from luma grows by b·c·s. The left side of (1 − slope / b) · m(b) = rest grows with b.
    """
    before, after = luma(x)[:, 0, :SAFE].flatten(1), luma(out)[:, 0, :SAFE].flatten(1)
    slope = _slope(before, after)
    rest = (after - slope[:, None] * before).mean(1)
    low, high = torch.full_like(slope, 1e-3), torch.full_like(slope, 3.0)
    for _ in range(25):  # to 1e-7
        b = (low + high) / 2
        left = (1 - slope / b) * middle(_cut(b[:, None, None, None] * x)).flatten()
        low, high = torch.where(left < rest, b, low), torch.where(left < rest, high, b)
    colour = _slope((x - luma(x))[:, :, :SAFE].flatten(1), (out - luma(out))[:, :, :SAFE].flatten(1), centred=False)
    return torch.stack([b, slope / b, colour / slope])


def _slope(before: Tensor, after: Tensor, *, centred: bool = True) -> Tensor:
    """Of the line through the points of each row."""
    if centred:
        before, after = before - before.mean(1, keepdim=True), after - after.mean(1, keepdim=True)
    return (before * after).sum(1) / before.square().sum(1)


def _spreads(factors: Tensor, strengths: tuple[float, ...]) -> Outputs:
    """Whether factors are uniform in 1 ± strength, and drawn apart from each other."""
    if len(factors[0]) > 1 and any(strengths) and bool((factors - factors[:, :1]).abs().max() < 1e-3):
        return {"every image gets the same factors": True}
    facts: Outputs = {"every image gets the same factors": False}
    names = ("brightness", "contrast", "saturation")
    for name, f, strength in zip(names, factors, strengths, strict=True):
        sd = strength / math.sqrt(3)
        inside = bool(((f - 1).abs() <= strength + 1e-2).all())
        facts[f"{name}: all factors in 1 ± strength"] = inside
        if strength:
            facts[f"{name}: mean factor"] = mean(f, 1.0, sd)
            facts[f"{name}: spread of the factors"] = mean((f - 1).square(), sd**2, strength**2 * math.sqrt(4 / 45))
    pairs = [(one, other) for one in range(3) for other in range(one) if strengths[one] and strengths[other]]
    facts["factors go together"] = any(related(factors[one], factors[other]) for one, other in pairs)
    return facts


def _turning_point(x: Tensor, out: Tensor) -> str:
    """What stays where it is when contrast changes."""
    slope = _slope(
        (x - x.mean((2, 3), keepdim=True)).flatten(1), (out - out.mean((2, 3), keepdim=True)).flatten(1), centred=False
    )
    f = slope[:, None, None, None]
    stays = (out - f * x).mean((2, 3), keepdim=True) / (1 - f)  # (N, 3, 1, 1)
    clear = (slope - 1).abs() > 0.1
    points = {
        "the mean of the image's grey": middle(x).expand_as(stays),
        "0.5": torch.full_like(stays, 0.5),
        "each channel's own mean": x.mean((2, 3), keepdim=True),
        "the mean of all its values": x.mean((1, 2, 3), keepdim=True).expand_as(stays),
        "the mean grey of the whole batch": middle(x).mean().expand_as(stays),
    }
    return _which(points, stays, clear)


def _grey_of(x: Tensor, out: Tensor) -> str:
    """What a pixel comes closer to when saturation falls."""
    greys = {"0.299 R + 0.587 G + 0.114 B": luma(x), "the mean of its three channels": x.mean(1, keepdim=True)}
    for name, grey in greys.items():
        f = _slope((x - grey).flatten(1), (out - grey).flatten(1), centred=False)[:, None, None, None]
        if bool(((grey + f * (x - grey) - out).abs() < CLOSE).all()):
            return name
    return "something else"


def _which(points: dict[str, Tensor], found: Tensor, clear: Tensor) -> str:
    """The point that is nearest to what was found, in the images that show it clearly."""
    if not bool(clear.any()):
        return "nothing, since no contrast changes"
    off = {name: float((found - point).abs()[clear].max()) for name, point in points.items()}
    best = min(off, key=off.__getitem__)
    return best if off[best] < 10 * CLOSE else "something else"


def _is_added(x: Tensor, out: Tensor) -> bool:
    """Whether the quiet values of each image are all shifted by one amount, where nothing was cut off."""
    before, after = x[:, :, :SAFE].flatten(1), out[:, :, :SAFE].flatten(1)
    uncut = ((after > 0) & (after < 1)).all(1)
    shift = (after - before)[uncut]
    return bool((shift.amax(1) - shift.amin(1) < 1e-3).all())


def habit(**options: Any) -> Callable[..., Tensor]:
    """The oracle with one habit changed."""

    def answer(
        x: Tensor, brightness: float = 0.4, contrast: float = 0.4, saturation: float = 0.4, seed: int = 0
    ) -> Tensor:
        return made(x, (brightness, contrast, saturation), **{"seed": seed, **options})

    return answer


def _wrong(name: str, says: str, look: str, **options: Any) -> Wrong:
    return Wrong(name, habit(**options), says=says, look=look)


COLOUR_JITTER = Exercise(
    id="resnet.colour_jitter",
    cases=cases,
    oracle=oracle,
    measure=measure,
    wrong=(
        _wrong(
            "draws one factor for the batch",
            "all images of the batch get the same factor.",
            "each image draws its own three.",
            one=True,
        ),
        _wrong(
            "uses one draw for all three",
            "brightness, contrast and saturation rise and fall together: one random number decides all three.",
            "three draws an image.",
            same=True,
        ),
        _wrong(
            "only makes more of it",
            "no factor is below 1: images become brighter, never darker.",
            "uniform between 1 − strength and 1 + strength.",
            factors="above 1",
        ),
        _wrong(
            "draws factors around 0",
            "the factors lie between 0 and the strength; they should lie around 1, where nothing changes.",
            "uniform between 1 − strength and 1 + strength.",
            factors="up to the strength",
        ),
        _wrong(
            "adds brightness",
            "the same amount is added to every value; brightness multiplies.",
            "f · image + (1 − f) · black, and black is 0.",
            adds=True,
        ),
        _wrong(
            "turns contrast around 0.5",
            "contrast pulls towards 0.5; it should pull towards the mean of this image's grey.",
            "a dark image with less contrast is still dark.",
            pivot="half",
        ),
        _wrong(
            "turns contrast around each channel's mean",
            "contrast pulls each channel towards its own mean; all three should go towards the mean of the grey.",
            "one number an image: grey first, then its mean.",
            pivot="channel",
        ),
        _wrong(
            "turns contrast around the batch's mean",
            "contrast pulls towards the mean of the whole batch; each image has its own.",
            "over which axes is the mean taken?",
            pivot="all",
        ),
        _wrong(
            "takes the plain mean for grey",
            "grey counts red, green and blue alike. The eye doesn't.",
            "0.299 R + 0.587 G + 0.114 B.",
            to_grey="mean",
        ),
        _wrong(
            "never cuts off",
            "values leave the range 0 … 1.",
            "clamp after each step.",
            cut="never",
        ),
        _wrong(
            "cuts off only at the end",
            "values are cut off once, after the last step. Asked for is after each step.",
            "what is white after brightening counts as white for contrast.",
            cut="end",
        ),
        _wrong("ignores the seed", "every seed gives the same result.", "hand seed to your generator.", seed=0),
    ),
    hints=(
        "Three factors an image: 1 + strength · (2 · torch.rand(…) − 1). Reshape them to (N, 1, 1, 1) to multiply.",
        "All three steps are f · image + (1 − f) · other, then clamp(0, 1); only `other` differs.",
        "Contrast: grey(x).mean(dim=(2, 3), keepdim=True). Saturation: grey(x). Both of the image as it is by then.",
    ),
    points=3,
    minutes=20,
    forbidden=READY_MADE,
)

EXERCISES = (COLOUR_JITTER,)
