"""Precision, recall and F1 from a confusion matrix, compared with scikit-learn."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from autograder.exercises.forbidden import METRICS
from autograder.spec import Case, Exercise, Rng, Speed, Value, Wrong, of_call

Score = Callable[..., Tensor]


def _score(name: str, confusion: Tensor, average: str) -> Tensor:
    """scikit-learn's score of samples that have this confusion matrix."""
    import sklearn.metrics

    counts = confusion.cpu().numpy()
    classes = len(counts)
    if counts.sum() == 0:
        return torch.zeros(classes if average == "none" else (), device=confusion.device)
    rows, columns = torch.cartesian_prod(torch.arange(classes), torch.arange(classes)).T
    found = getattr(sklearn.metrics, name)(
        rows.numpy(),
        columns.numpy(),
        sample_weight=counts.ravel(),
        labels=range(classes),
        average=None if average == "none" else average,
        zero_division=0,
    )
    return torch.as_tensor(found, dtype=torch.float32, device=confusion.device)


def precision_oracle(confusion: Tensor, average: str = "macro") -> Tensor:
    return _score("precision_score", confusion, average)


def recall_oracle(confusion: Tensor, average: str = "macro") -> Tensor:
    return _score("recall_score", confusion, average)


def f1_oracle(confusion: Tensor, average: str = "macro") -> Tensor:
    return _score("f1_score", confusion, average)


SMALL = torch.tensor([[3, 1], [2, 4]])
NEVER_ANSWERED = torch.tensor([[4, 0, 3], [2, 0, 5], [1, 0, 6]])  # column 1 is empty
NEVER_TRUE = torch.tensor([[4, 2, 3], [0, 0, 0], [1, 5, 6]])  # row 1 is empty
ABSENT = torch.tensor([[4, 0, 3], [0, 0, 0], [1, 0, 6]])  # class 1 does not occur


def score_cases(by_hand: float, note: str) -> Callable[[Rng], Iterator[Case]]:
    """The cases of a score; by_hand: its macro average for SMALL."""

    def cases(rng: Rng) -> Iterator[Case]:
        yield of_call("two classes, by hand", confusion=SMALL.clone(), expect=torch.tensor(by_hand), note=note, terms=2)
        yield _scored("each class by itself", _counts(rng, 4), "none")
        yield _scored("macro, 5 classes", _counts(rng, 5), "macro")
        yield _scored("micro, 5 classes", _counts(rng, 5), "micro")
        for name, table in (
            ("a class that is never answered", NEVER_ANSWERED),
            ("a class without samples", NEVER_TRUE),
            ("a class that does not occur at all", ABSENT),
        ):
            order = rng.permutation(3)
            shuffled = (table * rng.integers(1, 4, 1))[order][:, order]
            yield _scored(f"{name}, each", shuffled, "none")
            yield _scored(f"{name}, macro", shuffled, "macro")
        yield _scored("nothing counted", torch.zeros(3, 3, dtype=torch.int64), "none")
        yield _scored("int32 counts, not contiguous", _counts(rng, 3).int().T, "macro")
        yield _scored("counts beyond float32's 16,777,216", 30_000_001 + _counts(rng, 3), "none")

    return cases


def _scored(name: str, confusion: Tensor, average: Value) -> Case:
    return of_call(name, confusion=confusion, average=average, terms=len(confusion))


def _counts(rng: Rng, classes: int) -> Tensor:
    return rng.integers(1, 20, classes, classes) + 30 * torch.eye(classes, dtype=torch.int64)


def of_transposed(oracle: Score) -> Score:
    def answer(confusion: Tensor, average: str = "macro") -> Tensor:
        return oracle(confusion.T, average)

    return answer


def undefined_as(oracle: Score, value: float, empty: Callable[[Tensor], Tensor]) -> Score:
    """0/0 as `value`. empty: which classes of a matrix have 0/0."""

    def answer(confusion: Tensor, average: str = "macro") -> Tensor:
        if average == "micro":
            return oracle(confusion, average)
        each = oracle(confusion, "none").masked_fill(empty(confusion), value)
        return each.mean() if average == "macro" else each

    return answer


def undefined_left_out(oracle: Score, empty: Callable[[Tensor], Tensor]) -> Score:
    def answer(confusion: Tensor, average: str = "macro") -> Tensor:
        each = oracle(confusion, "none")
        return each[~empty(confusion)].mean() if average == "macro" else oracle(confusion, average)

    return answer


def macro_always(oracle: Score) -> Score:
    def answer(confusion: Tensor, average: str = "macro") -> Tensor:
        return oracle(confusion, "none" if average == "none" else "macro")

    return answer


def micro_always(oracle: Score) -> Score:
    def answer(confusion: Tensor, average: str = "macro") -> Tensor:
        return oracle(confusion, "none" if average == "none" else "micro")

    return answer


def weighted(oracle: Score) -> Score:
    def answer(confusion: Tensor, average: str = "macro") -> Tensor:
        support = confusion.sum(1) / confusion.sum()
        return (oracle(confusion, "none") * support).sum() if average == "macro" else oracle(confusion, average)

    return answer


def accuracy_for_each(confusion: Tensor, average: str = "macro") -> Tensor:
    """One class against the rest: right answers of both kinds over all."""
    total = confusion.sum()
    each = 1.0 - (confusion.sum(0) + confusion.sum(1) - 2 * confusion.diagonal()) / total
    return recall_oracle(confusion, "micro") if average == "micro" else each.mean() if average == "macro" else each


def f1_of_means(confusion: Tensor, average: str = "macro") -> Tensor:
    if average != "macro":
        return f1_oracle(confusion, average)
    p, r = precision_oracle(confusion), recall_oracle(confusion)
    return 2 * p * r / (p + r)


def arithmetic_mean(confusion: Tensor, average: str = "macro") -> Tensor:
    return (precision_oracle(confusion, average) + recall_oracle(confusion, average)) / 2


def iou(confusion: Tensor, average: str = "macro") -> Tensor:
    each = f1_oracle(confusion, "micro" if average == "micro" else "none")
    each = each / (2 - each)
    return each.mean() if average == "macro" else each


def unanswered(confusion: Tensor) -> Tensor:
    return confusion.sum(0) == 0


def untrue(confusion: Tensor) -> Tensor:
    return confusion.sum(1) == 0


def absent(confusion: Tensor) -> Tensor:
    return unanswered(confusion) & untrue(confusion)


def never_right(confusion: Tensor) -> Tensor:
    return confusion.diagonal() == 0


def shared_wrong(oracle: Score, undefined: Callable[[Tensor], Tensor]) -> Iterator[Wrong]:
    """The mistakes that all three scores invite. undefined: which classes of a matrix have 0/0."""
    yield Wrong(
        "leaves 0/0 as NaN",
        undefined_as(oracle, float("nan"), undefined),
        says="a class with nothing to divide by gives NaN, and its mean with it; here 0/0 counts as 0.",
        look="torch.where, or a denominator of at least 1.",
    )
    yield Wrong(
        "counts 0/0 as 1",
        undefined_as(oracle, 1.0, undefined),
        says="a class with nothing to divide by scores 1; here 0/0 counts as 0.",
        look="what should a class score of which nothing was found?",
    )
    yield Wrong(
        "leaves undefined classes out of the mean",
        undefined_left_out(oracle, undefined),
        says="classes with 0/0 are left out of the macro mean; here they count as 0, like scikit-learn's default.",
        look="divide by the number of all classes.",
    )
    yield Wrong(
        "takes macro for micro",
        macro_always(oracle),
        says="“micro” gives the macro average, the mean over classes.",
        look="micro adds up counts over all classes first, and divides once.",
    )
    yield Wrong(
        "takes micro for macro",
        micro_always(oracle),
        says="“macro” gives the micro average, one division of sums.",
        look="macro is the mean of the classes' own scores.",
    )


def weighting(oracle: Score) -> Wrong:
    """Not for recall, whose mean weighted by samples is the micro average."""
    return Wrong(
        "weights classes by their samples",
        weighted(oracle),
        says="common classes count more in the mean. That average has a name too, “weighted”; in “macro” all classes "
        "count the same.",
        look="macro is the plain mean of the classes' own scores.",
    )


ONE_AGAINST_THE_REST = Wrong(
    "gives the accuracy of each class",
    accuracy_for_each,
    says="right rejections are counted as well: this is the accuracy of “class k or not”, which is high for any "
    "rare class.",
    look="only cell [k, k] is a true positive.",
)


def speed(rng: Rng) -> Case:
    return _scored("speed", _counts(rng, 100), "macro")


PRECISION = Exercise(
    id="lenet.precision",
    cases=score_cases(0.7, "3/(3 + 2) = 0.6 and 4/(1 + 4) = 0.8; mean 0.7"),
    oracle=precision_oracle,
    wrong=(
        Wrong(
            "gives the recall",
            of_transposed(precision_oracle),
            says="this is the recall: divided by how many samples are class k. Precision divides by how many were "
            "answered k.",
            look="answers are columns: along which axis does a sum stay within one column?",
        ),
        *shared_wrong(precision_oracle, unanswered),
        weighting(precision_oracle),
        ONE_AGAINST_THE_REST,
    ),
    hints=(
        "The right answers lie on the diagonal; what was answered k lies in column k.",
        "confusion.diagonal() over confusion.sum(0), with 0 where the sum is 0. Micro: sums of both, then divide.",
    ),
    points=2,
    minutes=10,
    forbidden=METRICS,
    speed=Speed(case=speed, limit=3.0, against="scikit-learn"),
)

RECALL = Exercise(
    id="lenet.recall",
    cases=score_cases(17 / 24, "3/(3 + 1) = 0.75 and 4/(2 + 4) = 0.667; mean 0.708"),
    oracle=recall_oracle,
    wrong=(
        Wrong(
            "gives the precision",
            of_transposed(recall_oracle),
            says="this is the precision: divided by how many were answered k. Recall divides by how many samples are "
            "class k.",
            look="the truth is in rows: along which axis does a sum stay within one row?",
        ),
        *shared_wrong(recall_oracle, untrue),
        ONE_AGAINST_THE_REST,
    ),
    hints=(
        "The same as precision, with the other sum.",
        "confusion.diagonal() over confusion.sum(1), with 0 where the sum is 0.",
    ),
    points=1,
    minutes=5,
    needs=("lenet.precision",),
    forbidden=METRICS,
    speed=Speed(case=speed, limit=3.0, against="scikit-learn"),
)

F1 = Exercise(
    id="lenet.f1",
    cases=score_cases(23 / 33, "2·3/(5 + 4) = 0.667 and 2·4/(5 + 6) = 0.727; mean 0.697"),
    oracle=f1_oracle,
    wrong=(
        Wrong(
            "takes F1 of the mean precision and recall",
            f1_of_means,
            says="precision and recall are averaged before they are put together; macro F1 is the mean of the classes' "
            "own F1.",
            look="the F1 of each class first, then their mean.",
        ),
        Wrong(
            "takes the arithmetic mean",
            arithmetic_mean,
            says="this is (precision + recall) / 2. F1 is their harmonic mean, which is near the smaller of the two.",
            look="2 · p · r / (p + r).",
        ),
        Wrong(
            "gives the intersection over union",
            iou,
            says="right answers are divided by right + missed + false: that is the Jaccard index (IoU). F1 counts the "
            "right ones twice, above and below.",
            look="2 · right / (2 · right + missed + false).",
        ),
        *shared_wrong(f1_oracle, absent),
        weighting(f1_oracle),
        Wrong(
            "divides 0 by 0 where nothing is right",
            undefined_as(f1_oracle, float("nan"), never_right),
            says="where precision and recall are both 0, 2pr/(p + r) is 0/0 and gives NaN; here it counts as 0.",
            look="2 · right / (answers + samples) needs a guard only for classes that don't occur at all.",
        ),
    ),
    hints=(
        "Put p = right/answers and r = right/samples into 2pr/(p + r) and simplify.",
        "2 · diagonal over (column sums + row sums), with 0 where that is 0.",
    ),
    points=1,
    minutes=10,
    needs=("lenet.precision", "lenet.recall"),
    forbidden=METRICS,
    speed=Speed(case=speed, limit=3.0, against="scikit-learn"),
)

EXERCISES = (PRECISION, RECALL, F1)
