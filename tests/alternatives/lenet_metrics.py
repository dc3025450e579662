"""Right answers to the metrics that look different from the reference."""

import numpy as np
import torch


def classes_checked(tensor, num_classes):
    if tensor.numel() and (tensor.min() < 0 or tensor.max() >= num_classes):
        raise ValueError("a class outside the range")
    return tensor.long()


def confusion_matrix_by_product(target, predicted, num_classes):
    """One-hot rows of truth times one-hot rows of answers."""
    classes = torch.arange(num_classes, device=target.device)
    truth, answer = (classes_checked(t, num_classes)[:, None] == classes for t in (target, predicted))
    return (truth.double().T @ answer.double()).round().long()


def confusion_matrix_by_put(target, predicted, num_classes):
    out = torch.zeros((num_classes, num_classes), dtype=torch.int64, device=target.device)
    place = (classes_checked(target, num_classes), classes_checked(predicted, num_classes))
    return out.index_put_(place, torch.ones_like(place[0]), accumulate=True)


def confusion_matrix_in_numpy(target, predicted, num_classes):
    pair = [classes_checked(t, num_classes).cpu().numpy() for t in (target, predicted)]
    counts = np.zeros((num_classes, num_classes), dtype=np.int64)
    np.add.at(counts, tuple(pair), 1)
    return torch.from_numpy(counts).to(target.device)


def safe_ratio(a, b):
    a, b = a.double(), b.double()
    return torch.where(b == 0, torch.zeros_like(a), a / torch.where(b == 0, torch.ones_like(b), b))


def averaged(parts, wholes, average):
    if average == "none":
        return safe_ratio(parts, wholes).float()
    if average == "macro":
        return (safe_ratio(parts, wholes).sum() / len(parts)).float()
    if average == "micro":
        return safe_ratio(parts.sum(), wholes.sum()).float()
    raise ValueError(f"unknown average {average}")


def precision_by_ratio(confusion, average="macro"):
    return averaged(torch.diagonal(confusion), confusion.sum(0), average)


def recall_by_ratio(confusion, average="macro"):
    return averaged(torch.diagonal(confusion), confusion.sum(1), average)


def f1_by_counts(confusion, average="macro"):
    hits = torch.diagonal(confusion)
    return averaged(hits, hits + ((confusion.sum(0) - hits) + (confusion.sum(1) - hits)).double() / 2, average)


def by_loop(confusion, average, score):
    """Scores from plain numbers: (true positives, false positives, false negatives) of each class or of all."""
    rows = confusion.tolist()
    counts = []
    for k in range(len(rows)):
        hits = rows[k][k]
        counts.append((hits, sum(row[k] for row in rows) - hits, sum(rows[k]) - hits))
    if average == "micro":
        answer = score(*(sum(column) for column in zip(*counts, strict=True)))
    elif average in ("none", "macro"):
        answer = [score(*count) for count in counts]
        answer = sum(answer) / len(answer) if average == "macro" else answer
    else:
        raise ValueError(average)
    return torch.tensor(answer, dtype=torch.float32, device=confusion.device)


def precision_by_loop(confusion, average="macro"):
    return by_loop(confusion, average, lambda tp, fp, fn: tp / (tp + fp) if tp + fp else 0.0)


def recall_by_loop(confusion, average="macro"):
    return by_loop(confusion, average, lambda tp, fp, fn: tp / (tp + fn) if tp else 0.0)


def f1_by_loop(confusion, average="macro"):
    def harmonic(tp, fp, fn):
        if tp == 0:
            return 0.0
        p, r = tp / (tp + fp), tp / (tp + fn)
        return 2 * p * r / (p + r)

    return by_loop(confusion, average, harmonic)


ALTERNATIVES = {
    "lenet.confusion_matrix": [confusion_matrix_by_product, confusion_matrix_by_put, confusion_matrix_in_numpy],
    "lenet.precision": [precision_by_ratio, precision_by_loop],
    "lenet.recall": [recall_by_ratio, recall_by_loop],
    "lenet.f1": [f1_by_counts, f1_by_loop],
}
