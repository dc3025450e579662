"""How many pixels of each class are right, claimed wrongly and missed."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from autograder.exercises.unet._masks import blobs, disturbed
from autograder.exercises.unet._ready_made import SCORES
from autograder.spec import Case, Exercise, Rng, Speed, Wrong, of_call

Counts = tuple[Tensor, ...]  # tp, fp, fn


def counted(is_true: Tensor, is_predicted: Tensor) -> Counts:
    """tp, fp and fn of one-hot rows, (pixels, K)."""
    both = (is_true & is_predicted).sum(0)
    return both, (~is_true & is_predicted).sum(0), (is_true & ~is_predicted).sum(0)


def one_hot(labels: Tensor, classes: int) -> Tensor:
    return labels.long().flatten()[:, None] == torch.arange(classes, device=labels.device)


def oracle(true: Tensor, predicted: Tensor, classes: int, ignore: int | None = None) -> Counts:
    keep = torch.ones_like(true, dtype=torch.bool) if ignore is None else true.long() != ignore
    return counted(one_hot(true[keep], classes), one_hot(predicted[keep], classes))


def case(name: str, true: Tensor, predicted: Tensor, classes: int, ignore: int | None = None) -> Case:
    return of_call(name, true=true, predicted=predicted, classes=classes, ignore=ignore)


def with_ignored(rng: Rng, labels: Tensor, ignore: int) -> Tensor:
    return torch.where(rng.uniform(*labels.shape) < 0.3, ignore, labels)


def cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "four pixels, three classes, by hand",
        true=torch.tensor([0, 0, 1, 2]),
        predicted=torch.tensor([0, 1, 1, 1]),
        classes=3,
        expect=(torch.tensor([1, 1, 0]), torch.tensor([0, 2, 0]), torch.tensor([1, 0, 1])),
        note="class 1: pixel 2 is right; pixels 1 and 3 are claimed, but are of classes 0 and 2; none is missed",
    )
    yield of_call(
        "the same, class 2 is ignored, by hand",
        true=torch.tensor([0, 0, 1, 2]),
        predicted=torch.tensor([0, 1, 1, 1]),
        classes=3,
        ignore=2,
        expect=(torch.tensor([1, 1, 0]), torch.tensor([0, 1, 0]), torch.tensor([1, 0, 0])),
        note="pixel 3 counts nowhere: it isn't missed, and class 1 claims wrongly at pixel 1 only",
    )
    labels = blobs(rng, 4, 9, 11)
    yield case("one image", labels, disturbed(rng, labels, 0.3), 4)
    yield case("a batch of 3 volumes", labels := rng.integers(0, 3, 3, 4, 5, 6), disturbed(rng, labels, 0.5), 3)
    yield case("classes that nobody has or says", rng.integers(1, 3, 5, 7), rng.integers(1, 3, 5, 7), 6)
    yield case("class 0 is ignored", rng.integers(0, 3, 6, 8), rng.integers(0, 3, 6, 8), 3, 0)
    yield case("255 is ignored", with_ignored(rng, labels, 255), rng.integers(0, 3, 3, 4, 5, 6), 3, 255)
    yield case("−1 is ignored", with_ignored(rng, labels, -1), rng.integers(0, 3, 3, 4, 5, 6), 3, -1)
    yield case("all is ignored", torch.full((3, 4), 9), rng.integers(0, 2, 3, 4), 2, 9)
    bytes_ = rng.integers(10, 20, 2, 30, 5, 7).to(torch.uint8)
    yield case("uint8, twenty classes", bytes_[0], bytes_[1], 20)
    yield case("two classes as bool", rng.uniform(5, 9) < 0.3, rng.uniform(5, 9) < 0.4, 2)
    yield case("not contiguous", rng.integers(0, 3, 7, 5).T, rng.integers(0, 3, 5, 7), 3)


def swapped(true: Tensor, predicted: Tensor, classes: int, ignore: int | None = None) -> Counts:
    tp, fp, fn = oracle(true, predicted, classes, ignore)
    return tp, fn, fp


def all_claimed(true: Tensor, predicted: Tensor, classes: int, ignore: int | None = None) -> Counts:
    tp, fp, fn = oracle(true, predicted, classes, ignore)
    return tp, tp + fp, fn


def all_true(true: Tensor, predicted: Tensor, classes: int, ignore: int | None = None) -> Counts:
    tp, fp, fn = oracle(true, predicted, classes, ignore)
    return tp, fp, tp + fn


def both_sizes(true: Tensor, predicted: Tensor, classes: int, ignore: int | None = None) -> Counts:
    tp, fp, fn = oracle(true, predicted, classes, ignore)
    return tp, tp + fp, tp + fn


def never_ignored(true: Tensor, predicted: Tensor, classes: int, ignore: int | None = None) -> Counts:
    return oracle(true, predicted, classes)


def ignored_to_zero(true: Tensor, predicted: Tensor, classes: int, ignore: int | None = None) -> Counts:
    if ignore is None:
        return oracle(true, predicted, classes)
    ignored = true == ignore
    return oracle(true.masked_fill(ignored, 0), predicted.masked_fill(ignored, 0), classes)


def claims_in_ignored(true: Tensor, predicted: Tensor, classes: int, ignore: int | None = None) -> Counts:
    if ignore is None:
        return oracle(true, predicted, classes)
    return counted(one_hot(true.long().masked_fill(true == ignore, classes), classes), one_hot(predicted, classes))


def both_left_out(true: Tensor, predicted: Tensor, classes: int, ignore: int | None = None) -> Counts:
    keep = predicted != ignore if ignore is not None else torch.ones_like(true, dtype=torch.bool)
    return oracle(true[keep], predicted[keep], classes, ignore)


def by_prediction(true: Tensor, predicted: Tensor, classes: int, ignore: int | None = None) -> Counts:
    tp, fp, fn = oracle(predicted, true, classes, ignore)
    return tp, fn, fp


def zero_is_false(true: Tensor, predicted: Tensor, classes: int, ignore: int | None = None) -> Counts:
    return oracle(true, predicted, classes, ignore or None)


def seen_only(true: Tensor, predicted: Tensor, classes: int, ignore: int | None = None) -> Counts:
    counts = oracle(true, predicted, classes, ignore)
    seen = torch.stack(counts).sum(0).nonzero().flatten().tolist()
    return tuple(count[: max(seen, default=-1) + 1] for count in counts)


def narrow(true: Tensor, predicted: Tensor, classes: int, ignore: int | None = None) -> Counts:
    """Pairs numbered in uint8, where the maps are: 256 comes out as 0."""
    keep = torch.ones_like(true, dtype=torch.bool) if ignore is None else true.long() != ignore
    cells = true[keep].long() * classes + predicted[keep].long()
    cells = cells % 256 if true.dtype == torch.uint8 else cells
    return oracle(cells // classes, cells % classes, classes)


def no_background(true: Tensor, predicted: Tensor, classes: int, ignore: int | None = None) -> Counts:
    return tuple(count[1:] for count in oracle(true, predicted, classes, ignore))


def per_image(true: Tensor, predicted: Tensor, classes: int, ignore: int | None = None) -> Counts:
    rows = [oracle(t, p, classes, ignore) for t, p in zip(true, predicted, strict=True)]
    return tuple(torch.stack(column) for column in zip(*rows, strict=True))


def as_floats(true: Tensor, predicted: Tensor, classes: int, ignore: int | None = None) -> Counts:
    return tuple(count.float() for count in oracle(true, predicted, classes, ignore))


KINDS = (
    Wrong(
        "swaps claimed and missed",
        swapped,
        says="fp and fn have changed places: fp is what is claimed wrongly, fn what is missed.",
        look="with true labels as rows of a table, whose total is a column?",
    ),
    Wrong(
        "counts right pixels as claimed wrongly too",
        all_claimed,
        says="fp is everything that was predicted as the class; what is right among it doesn't belong there.",
        look="a column's total holds tp as well.",
    ),
    Wrong(
        "counts right pixels as missed too",
        all_true,
        says="fn is everything that truly is of the class; what was found among it doesn't belong there.",
        look="a row's total holds tp as well.",
    ),
    Wrong(
        "gives both sizes",
        both_sizes,
        says="in place of fp and fn are all pixels that are predicted, and all that truly are of the class.",
        look="what is right among them doesn't belong to either.",
    ),
)

IGNORED = (
    Wrong(
        "never ignores",
        never_ignored,
        says="`ignore` has no effect: what is predicted in ignored pixels counts.",
        look="which pixels are left if `ignore` isn't None?",
    ),
    Wrong(
        "makes background of ignored pixels",
        ignored_to_zero,
        says="ignored pixels are set to 0 in both maps: each of them counts as background that is right.",
        look="leave them out of both maps; nothing stands in their place.",
    ),
    Wrong(
        "counts claims in ignored pixels",
        claims_in_ignored,
        says="nothing is missed in ignored pixels, but what is predicted there counts as fp.",
        look="drop these pixels from both maps before you count.",
    ),
    Wrong(
        "leaves out what is predicted as the ignored class",
        both_left_out,
        says="pixels that are *predicted* as the ignored class are left out too; a true label alone decides.",
        look="a network could hide every doubtful pixel that way.",
    ),
    Wrong(
        "ignores by the prediction",
        by_prediction,
        says="pixels are left out where the prediction is `ignore`; it is the true label that says so.",
        look="which of the two maps is compared with `ignore`?",
    ),
    Wrong(
        "doesn't ignore class 0",
        zero_is_false,
        says="ignore=0 is taken for “ignore nothing”.",
        look="0 is false in Python, but it isn't None.",
    ),
)

FORMS = (
    Wrong(
        "gives only as many classes as it meets",
        seen_only,
        says="classes after the last one that occurs are missing; the counts have `classes` numbers.",
        look="bincount has a minlength.",
    ),
    Wrong(
        "numbers pairs in one byte",
        narrow,
        says="with uint8 maps, true · classes + predicted overflows above 255 and starts again at 0.",
        look="make a wider integer of it first.",
    ),
    Wrong(
        "drops the background",
        no_background,
        says="class 0 is missing; all classes are counted here.",
        look="the length is `classes`.",
    ),
    Wrong(
        "counts each image by itself",
        per_image,
        says="there is a row for each image (or row of pixels); all axes are counted together.",
        look="flatten.",
    ),
    Wrong(
        "counts in another type",
        as_floats,
        says="the counts are right, but not int64, which is exact however many pixels there are.",
        look="the dtype: float32 can't count beyond 16,777,216, int32 not beyond 2,147,483,647.",
    ),
)


def speed_case(rng: Rng) -> Case:
    labels = rng.integers(0, 13, 48, 64, 64)
    return case("speed", labels, disturbed(rng, labels), 13)


def one_pass(true: Tensor, predicted: Tensor, classes: int, ignore: int | None = None) -> Counts:
    """Without a look at what is ignored, or out of range."""
    pairs = torch.bincount((true * classes + predicted).flatten(), minlength=classes**2).reshape(classes, classes)
    return pairs.diagonal(), pairs.sum(0) - pairs.diagonal(), pairs.sum(1) - pairs.diagonal()


LABEL_COUNTS = Exercise(
    id="unet.label_counts",
    cases=cases,
    oracle=oracle,
    wrong=(*KINDS, *IGNORED, *FORMS),
    hints=(
        "Each pixel is a pair (true, predicted). There are K · K such pairs: number them, as in lesson 01.",
        "One bincount of true · K + predicted, with minlength K², reshaped to K × K: tp is its diagonal.",
        "fp is a column's total less tp, fn a row's total less tp. Ignored pixels: select by true != ignore first.",
    ),
    points=3,
    minutes=15,
    needs=("lenet.confusion_matrix",),
    forbidden=SCORES,
    speed=Speed(case=speed_case, limit=5.0, baseline=one_pass, against="one bincount"),
)

EXERCISES = (LABEL_COUNTS,)
