"""What a classifier gets right, class by class: rows are the truth, columns the answer."""

import torch
from jaxtyping import Float, Int
from torch import Tensor


def confusion_matrix(target: Int[Tensor, "N"], predicted: Int[Tensor, "N"], num_classes: int) -> Int[Tensor, "K K"]:
    """Count how often each true class (row) was answered as each class (column), in int64.

    Target `[0, 0, 1]`, predicted `[0, 1, 1]`, two classes: `[[1, 1], [0, 1]]`. No samples:
    all zeros. Both may be of any integer type, uint8 too.

    Raises ValueError if a class lies outside 0..num_classes − 1. Peer:
    `sklearn.metrics.confusion_matrix`.
    """
    for name, classes in (("target", target), ("predicted", predicted)):
        if ((classes < 0) | (classes >= num_classes)).any():
            raise ValueError(f"{name} holds a class outside 0..{num_classes - 1}")
    cells = target.long() * num_classes + predicted.long()
    return torch.bincount(cells, minlength=num_classes**2).reshape(num_classes, num_classes)


def precision(confusion: Int[Tensor, "K K"], average: str = "macro") -> Float[Tensor, "..."]:
    """Of the answers "class k", the share that was right: 0 to 1, float32. Rows are the
    truth, columns the answers.

    `average`: `"none"` gives each class's number, (K,); `"macro"` their plain mean;
    `"micro"` the share over all answers together. A class that was never answered has 0 /
    0, which counts as 0, in the mean too.

    `[[3, 1], [2, 4]]`: 3 / (3 + 2) = 0.6 and 4 / (1 + 4) = 0.8, macro (0.6 + 0.8) / 2 =
    0.7, micro (3 + 4) / 10 = 0.7.

    Raises ValueError for another `average`. Peer: `sklearn.metrics.precision_score` with
    `zero_division=0`.
    """
    if average not in ("macro", "micro", "none"):
        raise ValueError(f'average must be "macro", "micro" or "none", got {average!r}')
    right, answered = confusion.diagonal(), confusion.sum(dim=0)
    if average == "micro":
        right, answered = right.sum(), answered.sum()
    share = right.to(torch.float32) / answered.clamp(min=1).to(torch.float32)
    return share.mean() if average == "macro" else share


def recall(confusion: Int[Tensor, "K K"], average: str = "macro") -> Float[Tensor, "..."]:
    """Of the samples that are class k, the share that was found: 0 to 1, float32. Rows are
    the truth, columns answers.

    `average`: `"none"` gives each class's number, (K,); `"macro"` their plain mean;
    `"micro"` the share over all samples together. A class without samples has 0 / 0, which
    counts as 0, in the mean too.

    `[[3, 1], [2, 4]]`: 3 / (3 + 1) = 0.75 and 4 / (2 + 4) = 0.667, macro 0.708, micro (3 +
    4) / 10 = 0.7.

    Raises ValueError for another `average`. Peer: `sklearn.metrics.recall_score` with
    `zero_division=0`.
    """
    return precision(confusion.T, average)


def f1(confusion: Int[Tensor, "K K"], average: str = "macro") -> Float[Tensor, "..."]:
    """Harmonic mean of precision and recall, 0 to 1, float32. Rows are the truth, columns
    the answers.

    `average`: `"none"` gives each class's number, (K,); `"macro"` their plain mean;
    `"micro"` that of micro precision and micro recall. Where nothing is class k and nothing
    was answered so, 0 / 0 counts as 0, in the mean too.

    `[[3, 1], [2, 4]]`, class 0: precision 3/5, recall 3/4, so 2 · (0.6 · 0.75) / (0.6 +
    0.75) = 0.667.

    Raises ValueError for another `average`. Peer: `sklearn.metrics.f1_score` with
    `zero_division=0`.
    """
    kind = "none" if average == "macro" else average
    p, r = precision(confusion, kind), recall(confusion, kind)
    score = (2 * p * r / (p + r)).nan_to_num()  # 0 / 0 counts as 0
    return score.mean() if average == "macro" else score
