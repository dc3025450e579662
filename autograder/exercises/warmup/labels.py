"""Class numbers: written as rows of a matrix, and compared with what a network says."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from autograder.spec import Case, Exercise, Rng, Value, Wrong, of_call


def one_hot_oracle(labels: Tensor, num_classes: int) -> Tensor:
    return F.one_hot(labels, num_classes).to(torch.float32)


def one_hot_cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "two labels, by hand",
        labels=torch.tensor([2, 0]),
        num_classes=3,
        expect=torch.tensor([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]),
        note="label 2: the row 0 0 1, counted from 0",
    )
    yield of_call("as many labels as classes", labels=torch.tensor([1, 2, 3, 0]), num_classes=4)
    yield of_call("labels that repeat", labels=torch.cat([rng.integers(0, 5, 9), torch.tensor([4])]), num_classes=5)
    yield of_call("classes that don't occur", labels=rng.integers(0, 3, 7), num_classes=10)
    yield of_call("one label", labels=rng.integers(1, 6, 1), num_classes=6)
    yield of_call("one class", labels=torch.tensor([0, 0]), num_classes=1)
    yield of_call("no labels", labels=torch.zeros(0, dtype=torch.int64), num_classes=4)


def transposed(labels: Tensor, num_classes: int) -> Tensor:
    return one_hot_oracle(labels, num_classes).T


def counts_classes_itself(labels: Tensor, num_classes: int) -> Tensor:
    return one_hot_oracle(labels, int(labels.max()) + 1) if len(labels) else labels.new_zeros(0, 0).float()


def other_dtype(labels: Tensor, num_classes: int) -> Tensor:
    return F.one_hot(labels, num_classes)


def from_one(labels: Tensor, num_classes: int) -> Tensor:
    return one_hot_oracle((labels - 1) % num_classes, num_classes)


def writes_the_label(labels: Tensor, num_classes: int) -> Tensor:
    return one_hot_oracle(labels, num_classes) * labels[:, None]


def marks_every_row(labels: Tensor, num_classes: int) -> Tensor:
    found = one_hot_oracle(labels, num_classes).sum(0).clamp(max=1)
    return found.expand(len(labels), num_classes)


ONE_HOT = Exercise(
    id="warmup.one_hot",
    cases=one_hot_cases,
    oracle=one_hot_oracle,
    wrong=(
        Wrong(
            "puts the classes in the rows",
            transposed,
            says="the result is transposed: samples belong in the rows, classes in the columns.",
            look="the shape should be (number of labels, num_classes).",
        ),
        Wrong(
            "counts the classes in the labels",
            counts_classes_itself,
            says="the number of columns follows the largest label: a batch without the last class gets too few.",
            look="num_classes says how many columns there are.",
        ),
        Wrong(
            "answers in another dtype",
            other_dtype,
            says="the ones are in the right places, but the result is not float32.",
            look="losses multiply these numbers with floats: which dtype does the signature promise?",
        ),
        Wrong(
            "counts classes from 1",
            from_one,
            says="every 1 stands one column too far left: class 0 is column 0.",
            look="is there a − 1 that isn't needed?",
        ),
        Wrong(
            "writes the label in place of 1",
            writes_the_label,
            says="the label itself stands where a 1 should be.",
            look="only the place of the number says which class it is; the number is always 1.",
        ),
        Wrong(
            "marks every row with every label",
            marks_every_row,
            says="each label marks its column in all rows, not only in its own.",
            look="out[:, labels] means all rows; pair each label with its row number.",
        ),
    ),
    hints=(
        "A row has a 1 where the column's number equals the label.",
        "Compare labels as a column of shape (N, 1) with torch.arange(num_classes): what shape does that give?",
        "The comparison is (N, K) of True and False; what is left is the dtype.",
    ),
    points=1,
    minutes=4,
    forbidden=("aten::one_hot", "torch.nn.functional.one_hot", "sklearn"),
)


def accuracy_oracle(logits: Tensor, labels: Tensor, k: int = 1) -> Tensor:
    own = logits.gather(1, labels[:, None])
    return ((logits > own).sum(1) < k).float().sum() / max(1, len(labels))


def ranked(rng: Rng, ranks: list[int], classes: int) -> dict[str, Value]:
    """Random logits without ties, in which each sample's label has the given rank (0: the largest)."""
    logits = torch.stack([rng.permutation(classes) for _ in ranks])
    labels = (classes - 1 - logits).argsort(dim=1)[torch.arange(len(ranks)), ranks]
    return {"logits": logits * 0.75 - 2, "labels": labels}


def accuracy_cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "two samples, by hand",
        logits=torch.tensor([[1.0, 5.0, 3.0], [9.0, 2.0, 4.0]]),
        labels=torch.tensor([2, 0]),
        expect=torch.tensor(0.5),
        note="largest are classes 1 and 0, labels 2 and 0: 1 of 2 right, 1/2 = 0.5",
    )
    yield of_call(
        "the best 2, by hand",
        logits=torch.tensor([[1.0, 5.0, 3.0, 0.0], [9.0, 2.0, 4.0, 0.0], [3.0, 8.0, 1.0, 2.0], [4.0, 2.0, 1.0, 3.0]]),
        labels=torch.tensor([2, 0, 3, 3]),
        k=2,
        expect=torch.tensor(0.75),
        note="the best two are {1, 2}, {0, 2}, {1, 0}, {0, 3}; labels 2, 0, 3, 3: 3 of 4 among them",
    )
    yield of_call("five samples, four classes", **ranked(rng, [0, 1, 0, 3, 2], 4), expect=torch.tensor(0.4))
    yield of_call("as many samples as classes", **ranked(rng, [0, 1, 0, 0], 4), expect=torch.tensor(0.75))
    yield of_call("best 3 of 7", **ranked(rng, [2, 3, 0, 6, 1, 2], 7), k=3, expect=torch.tensor(2 / 3))
    inputs = ranked(rng, [1, 0, 2, 1, 0, 3, 4, 2], 10)
    inputs["logits"] = inputs["logits"].T.contiguous().T.double()
    yield of_call("not contiguous, float64 logits", **inputs, k=2, expect=torch.tensor(0.5))
    yield of_call("negative logits far from zero", **_shifted(ranked(rng, [0, 2, 0, 0], 5)), expect=torch.tensor(0.75))
    yield of_call("every class counts, k = K", **ranked(rng, [0, 2, 1], 3), k=3)
    yield of_call("empty batch", logits=torch.zeros(0, 5), labels=torch.zeros(0, dtype=torch.int64), k=2)


def _shifted(inputs: dict[str, Value]) -> dict[str, Value]:
    return {"logits": 1e4 * inputs["logits"] - 1e6, "labels": inputs["labels"]}


def counts(logits: Tensor, labels: Tensor, k: int = 1) -> Tensor:
    return accuracy_oracle(logits, labels, k) * len(labels)


def percent(logits: Tensor, labels: Tensor, k: int = 1) -> Tensor:
    return accuracy_oracle(logits, labels, k) * 100


def ignores_k(logits: Tensor, labels: Tensor, k: int = 1) -> Tensor:
    return (logits.argmax(1) == labels).float().mean()  # NaN for an empty batch, as in most first answers


def over_samples(logits: Tensor, labels: Tensor, k: int = 1) -> Tensor:
    best = logits.topk(k, dim=0).indices if len(logits) else logits.new_zeros(k, 0)
    return (best == labels).any(0).float().sum() / max(1, len(labels))


def smallest(logits: Tensor, labels: Tensor, k: int = 1) -> Tensor:
    return accuracy_oracle(-logits, labels, k)


def only_the_last_place(logits: Tensor, labels: Tensor, k: int = 1) -> Tensor:
    return accuracy_oracle(logits, labels, k) - (accuracy_oracle(logits, labels, k - 1) if k > 1 else 0)


def divides_by_places(logits: Tensor, labels: Tensor, k: int = 1) -> Tensor:
    return (logits.topk(k, dim=1).indices == labels[:, None]).float().mean()


def nothing_by_nothing(logits: Tensor, labels: Tensor, k: int = 1) -> Tensor:
    return accuracy_oracle(logits, labels, k) * (len(labels) / torch.tensor(float(len(labels))))


def python_number(logits: Tensor, labels: Tensor, k: int = 1) -> float:
    return float(accuracy_oracle(logits, labels, k))


ACCURACY = Exercise(
    id="warmup.accuracy",
    cases=accuracy_cases,
    oracle=accuracy_oracle,
    wrong=(
        Wrong(
            "counts hits instead of their share",
            counts,
            says="this is the number of hits; asked is their fraction of all samples.",
            look="divide by the number of samples.",
        ),
        Wrong(
            "answers in percent",
            percent,
            says="this is in percent; asked is a fraction from 0 to 1.",
            look="leave the 100 to whoever prints it.",
        ),
        Wrong(
            "ignores k",
            ignores_k,
            says="only the largest logit counts, whatever k is.",
            look="the label may be any of the k largest: torch has an operator that finds them.",
        ),
        Wrong(
            "compares samples instead of classes",
            over_samples,
            says="the largest logits are looked for down the batch axis; they belong to one sample, so across its row.",
            look="check dim: the classes are axis 1.",
        ),
        Wrong(
            "takes the smallest logits",
            smallest,
            says="the smallest logits are taken for the best.",
            look="is something sorted in ascending order?",
        ),
        Wrong(
            "accepts only the k-th place",
            only_the_last_place,
            says="only the k-th largest logit counts; places 1 to k − 1 are right too.",
            look="a hit is a label that equals any of the k.",
        ),
        Wrong(
            "divides by all the places",
            divides_by_places,
            says="hits are divided by samples times k; a sample can be right only once.",
            look="first ask for each sample whether any of its k places is right, then average.",
        ),
        Wrong(
            "divides by zero for an empty batch",
            nothing_by_nothing,
            says="an empty batch gives 0/0, which is NaN; it should give 0.0.",
            look="the mean of no numbers is NaN: what could you divide by instead?",
        ),
        Wrong(
            "answers with a Python number",
            python_number,
            says="the value is right, but it is a Python number; the signature promises a tensor without axes.",
            look="leave out .item() and float(…): on a GPU they would wait for it every time.",
        ),
    ),
    hints=(
        "First find the k best classes of each sample: a tensor of shape (N, k).",
        "logits.topk(k, dim=1).indices against labels[:, None], and any over the k places.",
        "Sum the hits as float32 and divide by the number of samples, but never by 0.",
    ),
    points=2,
    minutes=6,
    forbidden=("sklearn", "torchmetrics", "torcheval", "torchvision"),
)

EXERCISES = (ONE_HOT, ACCURACY)
