"""The average distance between two borders."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from autograder.exercises.unet._masks import blob, dot, empty
from autograder.exercises.unet._surfaces import (
    READY_MADE,
    Lists,
    Measure,
    Spacing,
    distances,
    filled,
    one_list,
    open_edges,
    spaced_backwards,
    unspaced,
    wrong_measures,
)
from autograder.exercises.unet.farthest import apart
from autograder.spec import Case, Exercise, Rng, Wrong, of_call

Join = Callable[[Lists], Tensor]


def together(lists: Lists) -> Tensor:
    return torch.cat(lists).mean()


def by(
    *, measure: Measure = distances, join: Join = together, both: float = 0.0, one: float = math.inf
) -> Callable[..., float]:
    """The average, with one of its parts changed."""

    def answer(a: Tensor, b: Tensor, spacing: Spacing = None) -> float:
        lists = measure(a, b, spacing)
        special = one_list(lists)
        if special is None:
            return float(join(lists))
        return one if special else both

    return answer


oracle = by()


def cases(rng: Rng) -> Iterator[Case]:
    a, b = torch.tensor([[1, 1, 0, 0, 0], [0, 0, 0, 0, 1]]).bool()[:, None]
    yield of_call(
        "a row of five, by hand",
        a=a,
        b=b,
        expect=10 / 3,
        note="from a 4 and 3, from b 3: (4 + 3 + 3) / 3 = 3.33",
    )
    yield of_call("two blobs", a=blob(rng, 12, 15), b=blob(rng, 12, 15))
    yield of_call("an islet, uneven spacing", **apart(rng, 13, 11), spacing=(0.4, 1.3))
    yield of_call("a volume, thick slices", a=blob(rng, 5, 9, 8), b=blob(rng, 5, 9, 8), spacing=(4.0, 1.0, 0.7))
    yield of_call("touches the edges", a=torch.ones(7, 9, dtype=torch.bool), b=blob(rng, 7, 9))
    some = blob(rng, 6, 8)
    yield of_call("the same", a=some, b=some.clone())
    yield of_call("one pixel and a blob", a=dot(9, 9, at=(8, 0)), b=blob(rng, 9, 9))
    yield of_call("the first is empty", a=empty(6, 8), b=some)
    yield of_call("the second is empty", a=some, b=empty(6, 8))
    yield of_call("both are empty", a=empty(4, 4), b=empty(4, 4))


def of_means(lists: Lists) -> Tensor:
    return (lists[0].mean() + lists[1].mean()) / 2


def larger_mean(lists: Lists) -> Tensor:
    return torch.maximum(lists[0].mean(), lists[1].mean())


def there_only(lists: Lists) -> Tensor:
    return lists[0].mean()


def back_only(lists: Lists) -> Tensor:
    return lists[1].mean()


def median(lists: Lists) -> Tensor:
    return torch.cat(lists).quantile(0.5)


def root_of_squares(lists: Lists) -> Tensor:
    return torch.cat(lists).square().mean().sqrt()


def of_the_misfits(lists: Lists) -> Tensor:
    values = torch.cat(lists)
    return values[values > 0].mean() if (values > 0).any() else values.sum()


AVERAGE = Exercise(
    id="unet.average_surface_distance",
    cases=cases,
    oracle=oracle,
    wrong=(
        Wrong(
            "averages the two means",
            by(join=of_means),
            says="this is the mean of the two lists' means: pixels of the shorter border weigh more. (medpy does so.)",
            look="one mean over both lists.",
        ),
        Wrong(
            "takes the larger mean",
            by(join=larger_mean),
            says="this is the larger of the two lists' means; that is done for the Hausdorff distance.",
            look="one mean over both lists.",
        ),
        Wrong(
            "measures from a only",
            by(join=there_only),
            says="only distances from a to b count.",
            look="both lists.",
        ),
        Wrong(
            "measures from b only",
            by(join=back_only),
            says="only distances from b to a count.",
            look="both lists.",
        ),
        Wrong(
            "takes the median",
            by(join=median),
            says="this is the median; it is the mean.",
            look="mean.",
        ),
        Wrong(
            "averages squares",
            by(join=root_of_squares),
            says="this is the root of the mean square, in which far pixels weigh more.",
            look="a plain mean.",
        ),
        Wrong(
            "leaves out what fits",
            by(join=of_the_misfits),
            says="only distances above 0 are averaged; those that fit count as well.",
            look="divide by the lengths of both lists.",
        ),
        *wrong_measures(lambda measure: by(measure=measure), (unspaced, spaced_backwards, filled, open_edges)),
        Wrong(
            "gives nan if both masks are empty",
            by(both=math.nan),
            says="if both masks are empty this is 0 / 0 and gives nan; nothing is wrong there, so it is 0.",
            look="the case where both are empty.",
        ),
        Wrong(
            "calls it infinite if both masks are empty",
            by(both=math.inf),
            says="if both masks are empty it says infinite; nothing is wrong there, so it is 0.",
            look="the case where both are empty.",
        ),
        Wrong(
            "gives 0 if one mask is empty",
            by(one=0.0),
            says="if exactly one mask is empty it says 0, the best score, for an object that was missed.",
            look="the cases where one is empty.",
        ),
        Wrong(
            "gives nan if one mask is empty",
            by(one=math.nan),
            says="if exactly one mask is empty it says nan; it is infinite.",
            look="the cases where one is empty.",
        ),
    ),
    hints=("torch.cat of both lists, then the mean.", "Only where both lists are empty is something special: 0.0."),
    points=1,
    minutes=6,
    needs=("unet.surface_distances",),
    forbidden=READY_MADE,
)

EXERCISES = (AVERAGE,)
