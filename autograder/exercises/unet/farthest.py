"""The Hausdorff distance, and its 95th percentile."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from autograder.exercises.unet._masks import blob, dot, empty
from autograder.exercises.unet._surfaces import (
    READY_MADE,
    Lists,
    Measure,
    Spacing,
    cornered,
    distances,
    filled,
    one_list,
    open_edges,
    spaced_backwards,
    unspaced,
    wrong_measures,
)
from autograder.spec import Case, Exercise, Rng, Wrong, of_call

Pick = Callable[[Tensor, float], float]
Join = Callable[[Lists, Pick, float], float]


def linear(values: Tensor, percentile: float) -> float:
    return float(np.percentile(values.cpu().numpy(), percentile))


def lower(values: Tensor, percentile: float) -> float:
    return float(np.percentile(values.cpu().numpy(), percentile, method="lower"))


def higher(values: Tensor, percentile: float) -> float:
    return float(np.percentile(values.cpu().numpy(), percentile, method="higher"))


def nearest(values: Tensor, percentile: float) -> float:
    return float(np.percentile(values.cpu().numpy(), percentile, method="nearest"))


def largest(lists: Lists, pick: Pick, percentile: float) -> float:
    return max(pick(part, percentile) for part in lists)


def by(*, measure: Measure = distances, pick: Pick = linear, join: Join = largest) -> Callable[..., float]:
    """The distance, with one of its parts changed."""

    def answer(a: Tensor, b: Tensor, spacing: Spacing = None, percentile: float = 100.0) -> float:
        lists = measure(a, b, spacing)
        special = one_list(lists)
        return join(lists, pick, percentile) if special is None else special

    return answer


def special(*, both: float = 0.0, one: float = math.inf) -> Callable[..., float]:
    """The distance, with something else for empty masks."""

    def answer(a: Tensor, b: Tensor, spacing: Spacing = None, percentile: float = 100.0) -> float:
        found = oracle(a, b, spacing, percentile)
        if not a.any() and not b.any():
            return both
        return one if math.isinf(found) else found

    return answer


oracle = by()


def apart(rng: Rng, *size: int) -> dict[str, Any]:
    """Two blobs, of which the second has an islet that the first lacks."""
    a = blob(rng, *size)
    b = (a & ~blob(rng, *size).roll(2, -1)) | dot(*size, at=tuple(length - 1 for length in size))
    return {"a": a, "b": b}


def cases(rng: Rng) -> Iterator[Case]:
    a, b = torch.tensor([[1, 1, 1, 1, 1, 1], [0, 1, 0, 1, 0, 0]]).bool()[:, None]
    yield of_call(
        "a row of six against two pixels, by hand",
        a=a,
        b=b,
        spacing=(1.0, 1.0),
        percentile=95.0,
        expect=1.75,
        note="from a 1, 0, 1, 0, 1, 2, sorted 0 0 1 1 1 2: place 0.95 · 5 = 4.75, so 1 + 0.75 · (2 − 1); from b 0, 0",
    )
    row = torch.ones(1, 12, dtype=torch.bool)
    yield of_call(
        "a row of twelve against its first two pixels, by hand",
        a=row,
        b=row & (torch.arange(12) < 2),
        spacing=None,
        percentile=95.0,
        expect=9.45,
        note="from a 0, 0, 1, 2, … 10: place 0.95 · 11 = 10.45, so 9 + 0.45 · (10 − 9); from b 0, 0",
    )
    for name, size in (("an islet", (13, 16)), ("an islet in a volume", (6, 9, 8))):
        pair = apart(rng, *size)
        spacing = tuple(0.5 + 0.6 * axis for axis in range(len(size)))
        yield of_call(name, **pair, spacing=None, percentile=100.0)
        yield of_call(f"{name}, 95 %, uneven spacing", **pair, spacing=spacing, percentile=95.0)
    pair = apart(rng, 10, 12)
    yield of_call("the islet on the other side, 95 %", a=pair["b"], b=pair["a"], spacing=None, percentile=95.0)
    yield of_call("half of the border", **apart(rng, 12, 11), spacing=None, percentile=50.0)
    yield of_call("touches the edges", a=torch.ones(7, 9, dtype=torch.bool), b=blob(rng, 7, 9), spacing=(2.0, 1.0))
    for percentile in (100.0, 95.0):
        some = blob(rng, 6, 7)
        yield of_call(f"one is empty, {percentile:.0f} %", a=some, b=empty(6, 7), spacing=None, percentile=percentile)
    yield of_call("the other one is empty", a=empty(5, 5), b=dot(5, 5, at=(2, 2)), spacing=None, percentile=95.0)
    yield of_call("both are empty", a=empty(4, 4), b=empty(4, 4), spacing=None, percentile=95.0)
    yield of_call("the same", a=some, b=some.clone(), spacing=None, percentile=95.0)


def pooled(lists: Lists, pick: Pick, percentile: float) -> float:
    return pick(torch.cat(lists), percentile)


def averaged(lists: Lists, pick: Pick, percentile: float) -> float:
    return sum(pick(part, percentile) for part in lists) / 2


def smallest(lists: Lists, pick: Pick, percentile: float) -> float:
    return min(pick(part, percentile) for part in lists)


def there_only(lists: Lists, pick: Pick, percentile: float) -> float:
    return pick(lists[0], percentile)


def back_only(lists: Lists, pick: Pick, percentile: float) -> float:
    return pick(lists[1], percentile)


def of_the_misfits(values: Tensor, percentile: float) -> float:
    return linear(values[values > 0], percentile) if (values > 0).any() else 0.0


def always_largest(values: Tensor, percentile: float) -> float:
    return linear(values, 100.0)


def always_95(values: Tensor, percentile: float) -> float:
    return linear(values, 95.0)


JOINS = (
    Wrong(
        "puts both lists together",
        by(join=pooled),
        says="the percentile is of both lists together, so a long border outvotes a short one. (medpy does that.)",
        look="a percentile of each list, then the larger one.",
    ),
    Wrong(
        "averages the two directions",
        by(join=averaged),
        says="this is the mean of the two directions.",
        look="the larger one.",
    ),
    Wrong(
        "takes the smaller direction",
        by(join=smallest),
        says="this is the smaller of the two directions: what only one border has goes unnoticed.",
        look="the larger one.",
    ),
    Wrong(
        "measures from a only",
        by(join=there_only),
        says="only distances from a to b count: an islet in b goes unnoticed.",
        look="both lists.",
    ),
    Wrong(
        "measures from b only",
        by(join=back_only),
        says="only distances from b to a count: an islet in a goes unnoticed.",
        look="both lists.",
    ),
)

PICKS = (
    Wrong(
        "always takes the largest",
        by(pick=always_largest),
        says="`percentile` has no effect: the largest distance is taken.",
        look="where is `percentile` used?",
    ),
    Wrong(
        "always takes 95 %",
        by(pick=always_95),
        says="`percentile` has no effect: it is always 95.",
        look="where is `percentile` used?",
    ),
    Wrong(
        "doesn't interpolate",
        by(pick=lower),
        says="the percentile is the value just below; between two neighbours it is interpolated.",
        look="linear interpolation: place p · (n − 1) in the sorted list.",
    ),
    Wrong(
        "takes the value above",
        by(pick=higher),
        says="the percentile is the value just above; between two neighbours it is interpolated.",
        look="linear interpolation: place p · (n − 1) in the sorted list.",
    ),
    Wrong(
        "takes the nearest value",
        by(pick=nearest),
        says="the percentile is the value at the nearest place; between two neighbours it is interpolated.",
        look="linear interpolation: place p · (n − 1) in the sorted list.",
    ),
    Wrong(
        "leaves out what fits",
        by(pick=of_the_misfits),
        says="only distances above 0 count for the percentile; those that fit count as well.",
        look="the whole list.",
    ),
)

MEASURES = wrong_measures(
    lambda measure: by(measure=measure), (unspaced, spaced_backwards, filled, cornered, open_edges)
)

EMPTY = (
    Wrong(
        "gives nan wherever a mask is empty",
        special(both=math.nan, one=math.nan),
        says="with an empty mask it says nan. A percentile of infinite numbers is nan too: between two of them, "
        "inf − inf is interpolated.",
        look="ask for empty lists before you take a percentile.",
    ),
    Wrong(
        "gives nan if one mask is empty",
        special(one=math.nan),
        says="if exactly one mask is empty it says nan, which a mean over cases may quietly leave out; it is infinite.",
        look="the cases where one is empty.",
    ),
    Wrong(
        "gives 0 if one mask is empty",
        special(one=0.0),
        says="if exactly one mask is empty it says 0: the object that was missed altogether gets the best score.",
        look="the cases where one is empty.",
    ),
    Wrong(
        "gives nan if both masks are empty",
        special(both=math.nan),
        says="if both masks are empty it says nan; nothing is wrong there, so it is 0.",
        look="the case where both are empty.",
    ),
    Wrong(
        "calls it infinite if both masks are empty",
        special(both=math.inf),
        says="if both masks are empty it says infinite; nothing is wrong there, so it is 0.",
        look="the case where both are empty.",
    ),
)

HAUSDORFF = Exercise(
    id="unet.hausdorff",
    cases=cases,
    oracle=oracle,
    wrong=(*JOINS, *PICKS, *MEASURES, *EMPTY),
    hints=(
        "Ask first whether a list is empty: a percentile of nothing is an error.",
        "distances.quantile(percentile / 100) of each list interpolates linearly; take the larger.",
        "Both lists empty: 0.0. One of them empty: math.inf.",
    ),
    points=2,
    minutes=12,
    needs=("unet.surface_distances",),
    forbidden=READY_MADE,
)

EXERCISES = (HAUSDORFF,)
