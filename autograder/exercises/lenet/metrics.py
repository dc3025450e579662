"""The confusion matrix, compared with scikit-learn."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from autograder.exercises.forbidden import METRICS
from autograder.spec import Case, Exercise, Rng, Speed, Wrong, of_call


def confusion_oracle(target: Tensor, predicted: Tensor, num_classes: int) -> Tensor:
    from sklearn.metrics import confusion_matrix

    if len(target) == 0:
        return torch.zeros(num_classes, num_classes, dtype=torch.int64)
    counts = confusion_matrix(target.cpu().numpy(), predicted.cpu().numpy(), labels=range(num_classes))
    return torch.from_numpy(counts).to(target.device, torch.int64)


def confusion_cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "four samples, two classes, by hand",
        target=torch.tensor([0, 0, 0, 1]),
        predicted=torch.tensor([0, 1, 1, 1]),
        num_classes=2,
        expect=torch.tensor([[1, 2], [0, 1]]),
        note="row 0 (truly 0): once answered 0, twice answered 1; row 1: once answered 1",
    )
    yield of_call("one sample", target=torch.tensor([2]), predicted=torch.tensor([0]), num_classes=3)
    yield _drawn(rng, "50 samples, 4 classes", 50, 4)
    yield of_call(
        "classes that never occur",
        target=torch.tensor([1, 1, 3, 1]),
        predicted=torch.tensor([1, 3, 1, 1]),
        num_classes=6,
    )
    empty = torch.zeros(0, dtype=torch.int64)
    yield of_call("no samples", target=empty, predicted=empty.clone(), num_classes=3)
    yield of_call(
        "int32 labels",
        target=rng.integers(0, 5, 40).int(),
        predicted=rng.integers(0, 5, 40).int(),
        num_classes=5,
    )
    yield of_call(
        "uint8 labels, 30 classes, not contiguous",
        target=rng.integers(0, 30, 200, 2).to(torch.uint8)[:, 0],
        predicted=rng.integers(0, 30, 200, 2).to(torch.uint8)[:, 1],
        num_classes=30,
    )
    yield _drawn(rng, "2,000 samples, 10 classes", 2000, 10)


def _drawn(rng: Rng, name: str, samples: int, classes: int) -> Case:
    """Labels, a third of them mistaken for the class after."""
    target = rng.integers(0, classes, samples)
    mistaken = rng.uniform(samples) < 1 / 3
    predicted = torch.where(mistaken, (target + 1) % classes, target)
    return of_call(name, target=target, predicted=predicted, num_classes=classes)


def transposed(target: Tensor, predicted: Tensor, num_classes: int) -> Tensor:
    return confusion_oracle(predicted, target, num_classes)


def overwritten(target: Tensor, predicted: Tensor, num_classes: int) -> Tensor:
    return confusion_oracle(target, predicted, num_classes).clamp(max=1)


def errors_only(target: Tensor, predicted: Tensor, num_classes: int) -> Tensor:
    found = confusion_oracle(target, predicted, num_classes)
    return found - found.diagonal().diag()


def shares_of_rows(target: Tensor, predicted: Tensor, num_classes: int) -> Tensor:
    found = confusion_oracle(target, predicted, num_classes).float()
    return found / found.sum(1, keepdim=True)


def as_float(target: Tensor, predicted: Tensor, num_classes: int) -> Tensor:
    return confusion_oracle(target, predicted, num_classes).float()


def seen_classes_only(target: Tensor, predicted: Tensor, num_classes: int) -> Tensor:
    seen = torch.cat([target, predicted]).unique()
    return confusion_oracle(target, predicted, num_classes)[seen.long()][:, seen.long()]


def narrow_cells(target: Tensor, predicted: Tensor, num_classes: int) -> Tensor:
    """target · K + predicted, in the labels' own type."""
    cells = target * num_classes + predicted
    return confusion_oracle(cells.long() // num_classes, cells.long() % num_classes, num_classes)


CONFUSION = Exercise(
    id="lenet.confusion_matrix",
    cases=confusion_cases,
    oracle=confusion_oracle,
    wrong=(
        Wrong(
            "swaps rows and columns",
            transposed,
            says="rows and columns have changed places: the row is the true class, the column what was answered.",
            look="cell [target, predicted].",
        ),
        Wrong(
            "counts each pair once",
            overwritten,
            says="pairs that occur several times are counted once: counts[target, predicted] += 1 with whole tensors "
            "writes 1 more than the old value, however often an index comes up.",
            look="number the cells, target · K + predicted, and count the numbers.",
        ),
        Wrong(
            "counts errors only",
            errors_only,
            says="the diagonal is empty: right answers are counted too.",
            look="a right answer belongs in cell [k, k].",
        ),
        Wrong(
            "divides by the row's sum",
            shares_of_rows,
            says="these are shares of each row; the counts are asked for.",
            look="leave out the division: precision and recall will do it, each its own way.",
        ),
        Wrong(
            "has a row for classes that occur only",
            seen_classes_only,
            says="classes that never occur have no row and column here; the matrix is num_classes by num_classes.",
            look="bincount has an argument for the least length.",
        ),
        Wrong(
            "numbers the cells in the labels' type",
            narrow_cells,
            says="target · num_classes doesn't fit the labels' type: uint8 ends at 255.",
            look="convert labels to int64 first.",
        ),
        Wrong(
            "counts in floating point",
            as_float,
            says="the counts are floating-point numbers; they should be int64.",
            look="which type did you start the matrix with?",
        ),
    ),
    hints=(
        "Every sample belongs to one cell. Give each cell a number.",
        "Cell number = target · K + predicted; torch.bincount counts numbers, and reshape makes the matrix.",
    ),
    points=2,
    minutes=10,
    forbidden=METRICS,
    speed=Speed(case=lambda rng: _drawn(rng, "speed", 20_000, 10), limit=3.0, against="scikit-learn"),
)

EXERCISES = (CONFUSION,)
