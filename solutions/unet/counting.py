"""Scores that count pixels: how much of each class is right, wrong and missed."""

import torch
from jaxtyping import Float, Int
from torch import Tensor


def label_counts(
    true: Int[Tensor, "..."], predicted: Int[Tensor, "..."], classes: int, ignore: int | None = None
) -> tuple[Int[Tensor, "K"], Int[Tensor, "K"], Int[Tensor, "K"]]:
    """Count for each class the pixels that are right (tp), claimed wrongly (fp) and missed (fn).

    Both label maps hold a class 0 … classes − 1 for each pixel or voxel and may have any number
    of axes and any integer type, also bool (two classes). tp[k]: both say k; fp[k]: only
    `predicted` does; fn[k]: only `true` does. Each int64, of length `classes`.

    Pixels whose true label is `ignore` count nowhere, whatever was predicted there; `ignore` may
    lie outside 0 … classes − 1 (255 is usual). What is predicted as that class elsewhere counts.

    True 0 0 1 2, predicted 0 1 1 1, three classes: tp 1, 1, 0, fp 0, 2, 0, fn 1, 0, 1. With
    ignore=2 the last pixel is left out: fp 0, 1, 0 and fn 1, 0, 0.

    Raises ValueError for shapes that differ, or a counted label outside 0 … classes − 1. Peer:
    `sklearn.metrics.multilabel_confusion_matrix`.
    """
    if true.shape != predicted.shape:
        raise ValueError(f"expected two maps of one shape, got {tuple(true.shape)} and {tuple(predicted.shape)}")
    if ignore is not None:
        true, predicted = (labels[true != ignore] for labels in (true, predicted))
    for name, labels in (("true", true), ("predicted", predicted)):
        if labels.numel() and not 0 <= (ends := labels.aminmax()).min <= ends.max < classes:
            raise ValueError(f"{name} holds a label outside 0 … {classes - 1}")
    pairs = torch.bincount((true.long() * classes + predicted).flatten(), minlength=classes**2)
    table = pairs.reshape(classes, classes)
    right = table.diagonal().clone()
    return right, table.sum(0) - right, table.sum(1) - right


def iou(tp: Int[Tensor, "..."], fp: Int[Tensor, "..."], fn: Int[Tensor, "..."]) -> Float[Tensor, "..."]:
    """Intersection over union, Jaccard's index: tp / (tp + fp + fn), 0 to 1, float32, for each
    element by itself.

    Where all three counts are 0 the class is nowhere, neither in the truth nor in the answer,
    and the score is 1. A class that is in only one of them has tp 0 and gets 0.

    tp 3, fp 1, fn 2: 3 / 6 = 0.5. Source: Jaccard 1901. Peer: `monai.metrics.MeanIoU`, which
    says nan where the truth is empty.
    """
    union = tp + fp + fn
    return torch.where(union > 0, tp / union.clamp(min=1), 1.0)


def dice(tp: Int[Tensor, "..."], fp: Int[Tensor, "..."], fn: Int[Tensor, "..."]) -> Float[Tensor, "..."]:
    """Dice's overlap, the F1 score of the pixels: 2 tp / (2 tp + fp + fn), 0 to 1, float32, for
    each element by itself. Twice the intersection over the sum of both sizes.

    Where all three counts are 0 the score is 1, as with `iou`.

    tp 3, fp 1, fn 2: 6 / (6 + 1 + 2) = 0.667. Source: Dice 1945. Peer: `monai.metrics.DiceMetric`
    with `ignore_empty=False`; left as it is, it says nan where the truth is empty.
    """
    sizes = 2 * tp + fp + fn
    return torch.where(sizes > 0, 2 * tp / sizes.clamp(min=1), 1.0)


def pixel_accuracy(tp: Int[Tensor, "K"], fp: Int[Tensor, "K"], fn: Int[Tensor, "K"]) -> Float[Tensor, ""]:
    """The share of all counted pixels whose class is right, 0 to 1, float32; 1 if no pixel was
    counted.

    Every pixel has one true class, so it is in exactly one class's tp + fn. A wrong pixel is
    there twice: as fn of its own class, and as fp of the one that it was taken for.

    tp 1, 1, 0, fp 0, 2, 0, fn 1, 0, 1: 2 of 4 pixels, 0.5.
    """
    pixels = (tp + fn).sum()
    return torch.where(pixels > 0, tp.sum() / pixels.clamp(min=1), 1.0)


def mean_iou(
    tp: Int[Tensor, "K"], fp: Int[Tensor, "K"], fn: Int[Tensor, "K"], background: bool = True
) -> Float[Tensor, ""]:
    """The mean of `iou` over the classes that occur, in the truth or in the answer: 0 to 1, float32.

    A class with tp, fp and fn all 0 is left out: it neither helps nor hurts. One that is only
    claimed or only missed stays in, with 0. Without `background` class 0 is left out as well. If
    no class is left the score is 1.

    tp 6, 0, 1, 0, fp 1, 1, 0, 0, fn 1, 0, 1, 0: IoU 6/8, 0/1 and 1/2; class 3 is nowhere, so
    (0.75 + 0 + 0.5) / 3 = 0.417; without background (0 + 0.5) / 2 = 0.25.

    Peer: `sklearn.metrics.jaccard_score` with `average="macro"`, over the same classes.
    """
    occurs = tp + fp + fn > 0
    occurs[0] &= background
    return torch.where(occurs.any(), (iou(tp, fp, fn) * occurs).sum() / occurs.sum().clamp(min=1), 1.0)
