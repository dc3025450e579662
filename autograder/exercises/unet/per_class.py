"""HD95 of every class of a label map."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from autograder.exercises.unet import farthest
from autograder.exercises.unet._masks import blobs, disturbed
from autograder.exercises.unet._surfaces import (
    READY_MADE,
    ROUNDING,
    Spacing,
    open_edges,
    spaced_backwards,
    unspaced,
    wrong_measures,
)
from autograder.spec import Case, Exercise, Rng, Speed, Tolerance, Wrong, of_call

Distance = Callable[..., float]
Crop = Callable[[Tensor, Tensor], tuple[slice, ...]]


def oracle(true: Tensor, predicted: Tensor, classes: int, spacing: Spacing = None) -> Tensor:
    return scores(true, predicted, range(1, classes), spacing)


def scores(
    true: Tensor, predicted: Tensor, labels: range, spacing: Spacing, distance: Distance = farthest.oracle
) -> Tensor:
    found = [distance(true == label, predicted == label, spacing, 95.0) for label in labels]
    return torch.tensor(found, dtype=torch.float64, device=true.device)


def cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "a row of five, by hand",
        true=torch.tensor([[1, 1, 0, 2, 2]]),
        predicted=torch.tensor([[1, 0, 0, 0, 2]]),
        classes=3,
        expect=torch.tensor([0.95, 0.95], dtype=torch.float64),
        note="class 1: from the truth 0 and 1, from the prediction 0; 95 % of the way from 0 to 1 is 0.95",
    )
    labels = blobs(rng, 4, 18, 15)
    yield of_call("three classes", true=labels, predicted=disturbed(rng, labels, 0.05), classes=4)
    labels = blobs(rng, 5, 17, 16)
    yield of_call("uneven spacing", true=labels, predicted=disturbed(rng, labels, 0.03), classes=5, spacing=(0.4, 1.5))
    labels = blobs(rng, 4, 9, 12, 10)
    yield of_call("a volume", true=labels, predicted=disturbed(rng, labels, 0.02), classes=4, spacing=(3.0, 1.0, 0.8))
    labels, other = blobs(rng, 3, 12, 13), blobs(rng, 3, 12, 13)
    labels[0, 0], other[11, 12] = 1, 1
    yield of_call("islets in opposite corners", true=labels, predicted=other, classes=3)
    left = torch.zeros(7, 12, dtype=torch.int64)
    left[2:4, 1:3], left[5, 9] = 1, 2
    right = left.flip(1)
    yield of_call("boxes that don't meet", true=left, predicted=right, classes=3, spacing=(1.0, 2.0))
    few = torch.zeros(6, 8, dtype=torch.int64)
    few[1:3, 2:5], few[4, 4:] = 2, 4
    said = few.clone()
    said[said == 4], said[5, :3] = 0, 3
    yield of_call("one missed, one made up, one nowhere", true=few, predicted=said, classes=6)
    yield of_call("nothing anywhere", true=torch.zeros(4, 5, dtype=torch.int64), predicted=0 * few[:4, :5], classes=3)
    small = labels.to(torch.uint8)
    yield of_call("uint8, not contiguous", true=small.T, predicted=other.T.to(torch.uint8), classes=3)


def with_background(true: Tensor, predicted: Tensor, classes: int, spacing: Spacing = None) -> Tensor:
    return scores(true, predicted, range(classes), spacing)


def last_forgotten(true: Tensor, predicted: Tensor, classes: int, spacing: Spacing = None) -> Tensor:
    return scores(true, predicted, range(1, classes - 1), spacing)


def by(distance: Distance) -> Callable[..., Tensor]:
    """With another distance between two masks."""

    def answer(true: Tensor, predicted: Tensor, classes: int, spacing: Spacing = None) -> Tensor:
        return scores(true, predicted, range(1, classes), spacing, distance)

    return answer


def cropped(box: Crop, distance: Distance = farthest.oracle) -> Callable[..., Tensor]:
    """Looking at each class in a box of its own only."""

    def in_a_box(a: Tensor, b: Tensor, spacing: Spacing, percentile: float) -> float:
        if not (a.any() and b.any()):
            return farthest.oracle(a, b, spacing, percentile)
        chosen = box(a, b)
        return distance(a[chosen], b[chosen], spacing, percentile)

    return by(in_a_box)


def box_of(mask: Tensor, less: int = 0) -> tuple[slice, ...]:
    places = mask.nonzero()
    ends = (places.amax(0) + 1 - less).tolist()
    return tuple(slice(start, max(stop, start + 1)) for start, stop in zip(places.amin(0).tolist(), ends, strict=True))


def of_the_truth(a: Tensor, b: Tensor) -> tuple[slice, ...]:
    return box_of(a)


def of_the_prediction(a: Tensor, b: Tensor) -> tuple[slice, ...]:
    return box_of(b)


def overlap(a: Tensor, b: Tensor) -> tuple[slice, ...]:
    return box_of(a & b) if (a & b).any() else box_of(a)


def one_short(a: Tensor, b: Tensor) -> tuple[slice, ...]:
    return box_of(a | b, less=1)


def both(a: Tensor, b: Tensor) -> tuple[slice, ...]:
    return box_of(a | b)


def of_both_boxes(a: Tensor, b: Tensor) -> tuple[slice, ...]:
    """From the later start to the earlier stop."""
    pairs = zip(box_of(a), box_of(b), strict=True)
    return tuple(slice(max(s.start, t.start), min(s.stop, t.stop)) for s, t in pairs)


def truth_lacks(true: Tensor, classes: int) -> Tensor:
    return torch.tensor([not bool((true == label).any()) for label in range(1, classes)], device=true.device)


def zero_for_made_up(true: Tensor, predicted: Tensor, classes: int, spacing: Spacing = None) -> Tensor:
    return oracle(true, predicted, classes, spacing).masked_fill(truth_lacks(true, classes), 0.0)


def by_the_truth(true: Tensor, predicted: Tensor, classes: int, spacing: Spacing = None) -> Tensor:
    return cropped(of_the_truth)(true, predicted, classes, spacing).masked_fill(truth_lacks(true, classes), 0.0)


def infinite_for_nowhere(true: Tensor, predicted: Tensor, classes: int, spacing: Spacing = None) -> Tensor:
    return nan_for_nowhere(true, predicted, classes, spacing).nan_to_num(nan=math.inf, posinf=math.inf)


def as_one(true: Tensor, predicted: Tensor, classes: int, spacing: Spacing = None) -> Tensor:
    return scores(true.clamp(max=1), predicted.clamp(max=1), range(1, 2), spacing).expand(classes - 1).clone()


def largest(a: Tensor, b: Tensor, spacing: Spacing, percentile: float) -> float:
    return farthest.oracle(a, b, spacing, 100.0)


def nan_for_missed(true: Tensor, predicted: Tensor, classes: int, spacing: Spacing = None) -> Tensor:
    return oracle(true, predicted, classes, spacing).nan_to_num(posinf=math.nan)


def zero_for_missed(true: Tensor, predicted: Tensor, classes: int, spacing: Spacing = None) -> Tensor:
    return oracle(true, predicted, classes, spacing).nan_to_num(posinf=0.0)


def nan_for_nowhere(true: Tensor, predicted: Tensor, classes: int, spacing: Spacing = None) -> Tensor:
    there = torch.tensor([bool(((true == k) | (predicted == k)).any()) for k in range(1, classes)])
    return oracle(true, predicted, classes, spacing).where(there.to(true.device), math.nan)


def nowhere_left_out(true: Tensor, predicted: Tensor, classes: int, spacing: Spacing = None) -> Tensor:
    found = nan_for_nowhere(true, predicted, classes, spacing)
    return found[~found.isnan()]


CROPS = (
    Wrong(
        "looks only where the truth is",
        cropped(of_the_truth),
        says="each class is looked at in its box in the true map only: what is predicted outside it goes unnoticed.",
        look="the box must hold the class in both maps.",
    ),
    Wrong(
        "looks only where the prediction is",
        cropped(of_the_prediction),
        says="each class is looked at in its box in the predicted map only: what is missed outside it goes unnoticed.",
        look="the box must hold the class in both maps.",
    ),
    Wrong(
        "looks only where both are",
        cropped(overlap),
        says="each class is looked at where the two maps agree on it: everything that went wrong lies outside.",
        look="the smaller start and the larger stop, along each axis.",
    ),
    Wrong(
        "looks only where both boxes are",
        cropped(of_both_boxes),
        says="the box is what both maps' boxes share: parts of the class lie outside.",
        look="the smaller start and the larger stop, along each axis.",
    ),
    Wrong(
        "asks the truth alone for boxes",
        by_the_truth,
        says="boxes come from the true map alone: what is predicted outside them goes unnoticed, and a class that is "
        "only made up gets 0.",
        look="find_objects of both maps.",
    ),
    Wrong(
        "stops one pixel short",
        cropped(one_short),
        says="the boxes end one pixel early along each axis.",
        look="a slice's stop is the last index plus 1.",
    ),
    Wrong(
        "has no border at the box's edge",
        cropped(both, farthest.by(measure=open_edges)),
        says="where a class touches the edge of its box, it has no border; beyond the box is background.",
        look="mask_border.",
    ),
)

CLASSES = (
    Wrong(
        "measures the background too",
        with_background,
        says="class 0 has a number as well; background has none.",
        look="k = 1 … classes − 1.",
    ),
    Wrong(
        "forgets the last class",
        last_forgotten,
        says="the last class has no number.",
        look="k = 1 … classes − 1; range stops one before its end.",
    ),
    Wrong(
        "takes all classes for one",
        as_one,
        says="all classes but the background are measured as one mask.",
        look="labels == k.",
    ),
    Wrong(
        "leaves out classes that are nowhere",
        nowhere_left_out,
        says="classes in neither map have no number, so that the others move up; they get 0.",
        look="the result has classes − 1 numbers.",
    ),
)

DISTANCES = (
    Wrong(
        "takes the largest distance",
        by(largest),
        says="this is the Hausdorff distance, at 100 %.",
        look="percentile=95.",
    ),
    Wrong(
        "puts both lists together",
        by(farthest.by(join=farthest.pooled)),
        says="the percentile is of both lists together.",
        look="your hausdorff takes the larger of the two.",
    ),
    *wrong_measures(lambda measure: by(farthest.by(measure=measure)), (unspaced, spaced_backwards)),
)

EMPTY = (
    Wrong(
        "gives nan for a missed class",
        nan_for_missed,
        says="a class in only one of the maps gets nan; it is infinite, so that nobody can overlook it.",
        look="the case with one missed and one made up.",
    ),
    Wrong(
        "gives 0 for a missed class",
        zero_for_missed,
        says="a class in only one of the maps gets 0, the best score.",
        look="the case with one missed and one made up.",
    ),
    Wrong(
        "gives 0 for a class that is made up",
        zero_for_made_up,
        says="a class that the truth lacks gets 0, although the prediction has it; it is infinite.",
        look="the case with one missed and one made up.",
    ),
    Wrong(
        "calls a class that is nowhere infinitely far",
        infinite_for_nowhere,
        says="a class in neither map gets infinity; nothing is wrong with it, so it is 0.",
        look="one box is None, or both are.",
    ),
    Wrong(
        "gives nan for a class that is nowhere",
        nan_for_nowhere,
        says="a class in neither map gets nan; nothing is wrong with it, so it is 0.",
        look="the case where nothing is anywhere.",
    ),
)


def sizes(true: Tensor, predicted: Tensor, classes: int, spacing: Spacing = None) -> Tensor:
    """Two looks at the whole maps for each class, and nothing else."""
    return torch.stack([(true == label).sum() + (predicted == label).sum() for label in range(classes)])


def speed_case(rng: Rng) -> Case:
    labels = torch.zeros(80, 80, 80, dtype=torch.int64)
    for label in range(1, 13):
        corner = rng.integers(0, 72, 3).tolist()
        labels[tuple(slice(start, start + 8) for start in corner)] = label
    predicted = labels.roll((1, 1, 1), (0, 1, 2))
    return of_call("speed", true=labels, predicted=predicted, classes=13, spacing=(1.5, 1.0, 1.0))


HD95_PER_CLASS = Exercise(
    id="unet.hd95_per_class",
    cases=cases,
    oracle=oracle,
    wrong=(*CROPS, *CLASSES, *DISTANCES, *EMPTY),
    hints=(
        "First the slow way: hausdorff(true == k, predicted == k, spacing, 95.0) for each k.",
        "find_objects(labels, max_label=classes − 1) gives for label k a tuple of slices at place k − 1, or None.",
        "The common box: along each axis from the smaller start to the larger stop. In one map only: that map's box. "
        "In none: 0.0.",
    ),
    points=3,
    minutes=20,
    needs=("unet.hausdorff",),
    forbidden=READY_MADE,
    tolerance=Tolerance(absolute={"out": ROUNDING}),
    speed=Speed(case=speed_case, limit=2.4, baseline=sizes, against="counting each class's voxels"),
)

EXERCISES = (HD95_PER_CLASS,)
