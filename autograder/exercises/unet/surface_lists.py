"""How far one border is from the other."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from autograder.exercises.unet._masks import blob, dot, empty
from autograder.exercises.unet._surfaces import (
    READY_MADE,
    ROUNDING,
    Lists,
    Spacing,
    border_of,
    cornered,
    distances,
    filled,
    open_edges,
    spaced_backwards,
    to_nearest,
    unspaced,
    wrong_measures,
)
from autograder.spec import Case, Exercise, Rng, Speed, Tolerance, Wrong, of_call


def oracle(a: Tensor, b: Tensor, spacing: Spacing = None) -> Lists:
    return distances(a, b, spacing)


def cases(rng: Rng) -> Iterator[Case]:
    a, b = torch.tensor([[1, 1, 0, 0, 0], [0, 0, 0, 0, 1]]).bool()[:, None]
    yield of_call(
        "a row of five, by hand",
        a=a,
        b=b,
        spacing=(1.0, 0.5),
        expect=(torch.tensor([2.0, 1.5]).double(), torch.tensor([1.5]).double()),
        note="pixels 0 and 1 to pixel 4: 4 · 0.5 and 3 · 0.5; back from pixel 4 the nearest is pixel 1: 3 · 0.5",
    )
    yield of_call("two blobs", a=blob(rng, 12, 15), b=blob(rng, 12, 15))
    yield of_call("two blobs, uneven spacing", a=blob(rng, 14, 11), b=blob(rng, 14, 11), spacing=(0.5, 1.7))
    yield of_call("in a volume, thick slices", a=blob(rng, 6, 11, 10), b=blob(rng, 6, 11, 10), spacing=(5.0, 0.8, 0.7))
    inner = blob(rng, 15, 15)
    yield of_call("one inside the other", a=inner & ~border_of(inner, corners=True), b=inner)
    yield of_call("the same", a=inner, b=inner.clone(), spacing=(2.0, 3.0))
    yield of_call("touches the edges", a=torch.ones(6, 8, dtype=torch.bool), b=blob(rng, 6, 8))
    yield of_call("two voxels", a=dot(5, 6, 7, at=(0, 5, 6)), b=dot(5, 6, 7, at=(4, 2, 0)), spacing=(3.0, 1.0, 0.5))
    yield of_call("the first empty", a=empty(7, 9), b=blob(rng, 7, 9))
    yield of_call("the second empty", a=blob(rng, 7, 9), b=empty(7, 9))
    yield of_call("both empty", a=empty(3, 4), b=empty(3, 4))
    yield of_call("not contiguous", a=blob(rng, 9, 13).T, b=blob(rng, 13, 9), spacing=(1.0, 2.0))


def unasked(a: Tensor, b: Tensor, spacing: Spacing = None) -> Lists:
    """By a distance transform, also where it has no target: it gives distances to a place outside the image."""
    from scipy.ndimage import distance_transform_edt

    one, other = (border_of(mask).cpu().numpy() for mask in (a, b))
    there = distance_transform_edt(~other, sampling=spacing)[one]
    back = distance_transform_edt(~one, sampling=spacing)[other]
    return torch.from_numpy(there).to(a.device), torch.from_numpy(back).to(a.device)


def inside_out(a: Tensor, b: Tensor, spacing: Spacing = None) -> Lists:
    """Distances from the border to what isn't border."""
    one, other = border_of(a), border_of(b)
    return to_nearest(one, ~other, spacing), to_nearest(other, ~one, spacing)


def divided(a: Tensor, b: Tensor, spacing: Spacing = None) -> Lists:
    return distances(a, b, None if spacing is None else [1 / step for step in spacing])


def swapped(a: Tensor, b: Tensor, spacing: Spacing = None) -> Lists:
    return distances(a, b, spacing)[::-1]


def to_the_mask(a: Tensor, b: Tensor, spacing: Spacing = None) -> Lists:
    return to_nearest(border_of(a), b, spacing), to_nearest(border_of(b), a, spacing)


def from_all_pixels(a: Tensor, b: Tensor, spacing: Spacing = None) -> Lists:
    return to_nearest(a, border_of(b), spacing), to_nearest(b, border_of(a), spacing)


def by_blocks(a: Tensor, b: Tensor, spacing: Spacing = None) -> Lists:
    """City-block distances."""
    step = torch.tensor(spacing or [1.0] * a.ndim, dtype=torch.float64)
    one, other = (border_of(mask).nonzero() * step for mask in (a, b))
    apart = (one[:, None] - other[None]).abs().sum(-1)
    if not len(one) or not len(other):
        return distances(a, b, spacing)
    return apart.amin(1), apart.amin(0)


def squared(a: Tensor, b: Tensor, spacing: Spacing = None) -> Lists:
    there, back = distances(a, b, spacing)
    return there.square(), back.square()


def zero_for_empty(a: Tensor, b: Tensor, spacing: Spacing = None) -> Lists:
    there, back = distances(a, b, spacing)
    return there.nan_to_num(posinf=0.0), back.nan_to_num(posinf=0.0)


def nothing_for_empty(a: Tensor, b: Tensor, spacing: Spacing = None) -> Lists:
    there, back = distances(a, b, spacing)
    return there[there.isfinite()], back[back.isfinite()]


def apart_only(a: Tensor, b: Tensor, spacing: Spacing = None) -> Lists:
    there, back = distances(a, b, spacing)
    return there[there > 0], back[back > 0]


def single(a: Tensor, b: Tensor, spacing: Spacing = None) -> Lists:
    there, back = distances(a, b, spacing)
    return there.float(), back.float()


SURFACE_DISTANCES = Exercise(
    id="unet.surface_distances",
    cases=cases,
    oracle=oracle,
    wrong=(
        Wrong(
            "ignores the spacing",
            unspaced,
            says="distances are counted in pixels; a step along an axis is as long as `spacing` says.",
            look="multiply indices by the spacing before you measure.",
        ),
        *wrong_measures(lambda measure: measure, (spaced_backwards,)),
        Wrong(
            "divides by the spacing",
            divided,
            says="indices are divided by the spacing; where a step is longer, distances are too.",
            look="10 pixels, 0.5 mm each: how far is that?",
        ),
        Wrong(
            "measures to what isn't border",
            inside_out,
            says="these are distances to the nearest pixel that is *not* on the other border. "
            "distance_transform_edt measures from True to the nearest False.",
            look="the other border must be the False ones.",
        ),
        Wrong(
            "asks a distance transform without a target",
            unasked,
            says="where the other mask is empty, a distance transform has nothing to measure to, and gives numbers "
            "all the same; these distances are infinite.",
            look="the cases where one mask is empty: ask before you measure.",
        ),
        Wrong(
            "swaps the two lists",
            swapped,
            says="the list from b to a comes first.",
            look="the first list has a number for each border pixel of a.",
        ),
        Wrong(
            "measures to the mask",
            to_the_mask,
            says="the distance is to the other mask, 0 everywhere inside it; it is to its border.",
            look="a border deep inside the other mask is wrong by a distance too.",
        ),
        Wrong(
            "measures from all pixels",
            from_all_pixels,
            says="every pixel of a mask has a distance; only those on its border are asked.",
            look="both masks need mask_border.",
        ),
        Wrong(
            "takes all pixels for border",
            filled,
            says="all pixels of both masks are compared, so that whatever overlaps is 0 apart.",
            look="both masks need mask_border.",
        ),
        *wrong_measures(lambda measure: measure, (cornered, open_edges)),
        Wrong(
            "goes around the block",
            by_blocks,
            says="steps along the axes are added up; it is the straight distance.",
            look="√(Δ₀² + Δ₁² + …).",
        ),
        Wrong(
            "leaves the root out",
            squared,
            says="these are squared distances.",
            look="√(Δ₀² + Δ₁² + …).",
        ),
        Wrong(
            "calls the distance to nothing 0",
            zero_for_empty,
            says="where the other mask is empty, distances are 0, as if all were right; they are infinite.",
            look="the cases where one mask is empty.",
        ),
        Wrong(
            "leaves out distances to nothing",
            nothing_for_empty,
            says="where the other mask is empty the list is empty too; it has an infinite distance for each pixel.",
            look="the cases where one mask is empty.",
        ),
        Wrong(
            "leaves out what fits",
            apart_only,
            says="border pixels at distance 0 are left out; they count, or a good border has no good score.",
            look="the length of each list is the number of border pixels.",
        ),
        Wrong(
            "gives float32",
            single,
            says="the distances are right, but not in float64, as SciPy gives them.",
            look="the dtype.",
        ),
    ),
    hints=(
        "Borders first. `nonzero` gives a row of indices for each border pixel; times the spacing they are points.",
        "cKDTree(points of b).query(points of a)[0] is the first list. Or distance_transform_edt of “not border of b”, "
        "with sampling=spacing, read where a has its border.",
        "Without any point in b, a tree says infinite by itself; a distance transform doesn't: ask first.",
    ),
    points=4,
    minutes=25,
    needs=("unet.mask_border",),
    forbidden=READY_MADE,
    tolerance=Tolerance(absolute={f"out[{place}]": ROUNDING for place in range(2)}),
    speed=Speed(
        case=lambda rng: of_call("speed", a=blob(rng, 28, 32, 32), b=blob(rng, 28, 32, 32), spacing=(1.5, 1.0, 1.0)),
        limit=4.0,
        against="SciPy's distance transform",
    ),
)

EXERCISES = (SURFACE_DISTANCES,)
