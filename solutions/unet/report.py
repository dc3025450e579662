"""A report that hides nothing: a line for each class, over many cases."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from solutions.unet.counting import dice, iou, label_counts
from solutions.unet.surfaces import hd95_per_class


def score_card(
    true: Int[Tensor, "N *size"],
    predicted: Int[Tensor, "N *size"],
    classes: int,
    spacing: Sequence[float] | None = None,
) -> dict[str, Tensor]:
    """Scores of N cases, each an image (H, W) or a volume (D, H, W) of labels 0 … classes − 1, in
    columns: each value has a number for every class but the background, 1 … classes − 1.

    A case counts for a class if the class is in its truth, or in its answer, or in both.

    | key | | if no case counts |
    |---|---|---|
    | `"cases"` | how many cases count, int64 | 0 |
    | `"iou"`, `"dice"` | mean over the cases that count, float32 | 1 |
    | `"infinite"` | in how many of them HD95 is infinite: missed or made up altogether, int64 | 0 |
    | `"hd95"` | mean over the others, where it is finite, float64; infinite if there are none | 0 |

    Nothing is ever nan, and "infinite" says how many cases the mean of "hd95" leaves out.

    Two cases of one row: true 1 1 0 and 0 0 1, predicted 1 1 0 and 0 0 0. Class 1: two cases, IoU
    (1 + 0) / 2 = 0.5, Dice 0.5, one infinite, HD95 of the other 0.
    """
    each = [label_counts(t, p, classes) for t, p in zip(true, predicted, strict=True)]
    tp, fp, fn = (torch.stack(column)[:, 1:] for column in zip(*each, strict=True))
    distance = torch.stack([hd95_per_class(t, p, classes, spacing) for t, p in zip(true, predicted, strict=True)])
    counts, finite = tp + fp + fn > 0, distance.isfinite()
    cases = counts.sum(0)

    def mean(values: Float[Tensor, "N K"], where: Bool[Tensor, "N K"], none: Float[Tensor, "K"]) -> Float[Tensor, "K"]:
        total, chosen = torch.where(where, values, 0.0).sum(0), where.sum(0)
        return torch.where(chosen > 0, total / chosen.clamp(min=1), none.to(values))

    perfect, missed = torch.ones(len(cases)), torch.where(cases > 0, torch.inf, 0.0)
    return {
        "cases": cases,
        "iou": mean(iou(tp, fp, fn), counts, perfect),
        "dice": mean(dice(tp, fp, fn), counts, perfect),
        "infinite": (~finite).sum(0),
        "hd95": mean(distance, counts & finite, missed),
    }
