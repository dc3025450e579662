"""Scores of segmentations, notebook 05d, against MONAI's."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from autograder.bench.pair import Pair
from autograder.references import reference

SIDE, CLASSES = 128, 13


def unet_scores() -> Iterator[Pair]:
    """Distances of one class and of all, and Dice from label maps; MONAI gets its one-hot maps ready-made."""
    monai = "monai.metrics"
    yield Pair(f"hausdorff, 95 %, {SIDE}³", f"{monai}.compute_hausdorff_distance", _one_class, wanted=1.7)
    yield Pair(
        f"hd95_per_class, {CLASSES} classes, {SIDE}³", f"{monai}.compute_hausdorff_distance", _classes, wanted=5.0
    )
    yield Pair(f"dice, {CLASSES} classes, {SIDE}³", f"{monai}.compute_dice", _dice, wanted=20.0)


class _Ready:
    """A peer that is called with what it likes best, whatever ours is called with."""

    def __init__(self, score: Callable[..., Tensor], *inputs: Tensor) -> None:
        self.score, self.inputs = score, inputs

    def __call__(self, *_: Any) -> Tensor:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # MONAI's own, of what it calls itself
            return self.score(*self.inputs)


def _one_class() -> tuple[Callable[..., Tensor], _Ready, tuple[Tensor, Tensor]]:
    from monai.metrics.hausdorff_distance import compute_hausdorff_distance

    a, b = _ball((64, 64, 64), 34, 1.0), _ball((67, 62, 65), 34, 2.0)
    theirs = partial(compute_hausdorff_distance, include_background=True, percentile=95)
    return _far, _Ready(theirs, *(mask[None, None].float() for mask in (b, a))), (a, b)


def _far(a: Tensor, b: Tensor) -> Tensor:
    return torch.tensor([[reference("unet", "hausdorff")(a, b, percentile=95.0)]])


def _classes() -> tuple[Callable[..., Tensor], _Ready, tuple[Tensor, Tensor, int]]:
    from monai.metrics.hausdorff_distance import compute_hausdorff_distance

    true, predicted = _labels(0), _labels(1)
    theirs = partial(compute_hausdorff_distance, include_background=False, percentile=95)
    ready = _Ready(theirs, _one_hot(predicted), _one_hot(true))
    return _each_far, ready, (true, predicted, CLASSES)


def _each_far(*inputs: Any) -> Tensor:
    found: Tensor = reference("unet", "hd95_per_class")(*inputs)
    return found[None]


def _dice() -> tuple[Callable[..., Tensor], _Ready, tuple[Tensor, Tensor, int]]:
    true, predicted = _labels(0), _labels(1)
    return _overlap, _Ready(_dice_of_monai, _one_hot(predicted), _one_hot(true)), (true, predicted, CLASSES)


def _overlap(*inputs: Any) -> Tensor:
    found: Tensor = reference("unet", "dice")(*reference("unet", "label_counts")(*inputs))
    return found


def _dice_of_monai(predicted: Tensor, true: Tensor) -> Tensor:
    from monai.metrics.meandice import compute_dice

    return compute_dice(predicted, true, include_background=True)[0]


def _one_hot(labels: Tensor) -> Tensor:
    return F.one_hot(labels, CLASSES).movedim(-1, 0)[None].float()


def _ball(middle: tuple[int, int, int], radius: float, wave: float) -> Tensor:
    """A ball with dents."""
    z, y, x = torch.meshgrid(*(torch.arange(SIDE).float() - at for at in middle), indexing="ij")
    dents = (z / 3 + wave).sin() + (y / 4).cos() + (x / 5 + wave * y / 9).sin()
    return (z.square() + y.square() + x.square()).sqrt() < radius + dents


def _labels(shift: int) -> Tensor:
    """Twelve dented balls in the background, all moved by `shift` along each axis."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.zeros(SIDE, SIDE, SIDE, dtype=torch.int64)
    for label in range(1, CLASSES):
        z, y, x = (torch.randint(25, 103, (3,), generator=generator) + shift).tolist()
        radius = float(torch.randint(8, 18, (), generator=generator))
        labels[_ball((z, y, x), radius, 1.0 + shift)] = label
    return labels
