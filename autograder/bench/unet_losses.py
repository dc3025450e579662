"""The losses of lesson 05 against MONAI's, forward and back, on two volumes of 96³ with four classes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from autograder.bench.pairs import Answer, Inputs, Pair
from autograder.references import reference

SIDE, CLASSES, WANTED = 96, 4, 1.3


def losses() -> Iterator[Pair]:
    """Each loss that MONAI has too."""
    for ours, theirs in (
        ("soft_dice_loss", "DiceLoss"),
        ("generalised_dice_loss", "GeneralizedDiceLoss"),
        ("tversky_loss", "TverskyLoss"),
        ("focal_loss", "FocalLoss"),
        ("dice_focal_loss", "DiceFocalLoss"),
        ("hausdorff_dt_loss", "HausdorffDTLoss"),
    ):
        name = f"{ours}, 2 × {CLASSES} × {SIDE}³, and back"
        yield Pair(name, f"MONAI's {theirs}", partial(_loss, ours, theirs), backward=True, wanted=WANTED)
    yield Pair("huber_loss, and back", "F.huber_loss", _huber, backward=True, wanted=None)


def _loss(ours: str, theirs: str) -> tuple[Answer, Answer, Inputs]:
    from monai import losses as monai_losses  # kept out of the way of those who don't measure

    labels = _blobs(1).argmax(1)
    mine, scale = partial(_of_labels, reference("unet", ours), labels), 1
    options: dict[str, Any] = {"to_onehot_y": True, "include_background": True, "softmax": True}
    if theirs == "FocalLoss":  # whose mean divides by the classes too
        options = {"to_onehot_y": True, "use_softmax": True}
        scale = CLASSES
    elif theirs == "DiceFocalLoss":
        mine = partial(mine, focal_weight=1 / CLASSES)
    elif theirs == "GeneralizedDiceLoss":  # whose weights aren't scaled, so that its smooth means something else
        options |= {"smooth_nr": 0.0, "smooth_dr": 0.0}
    peer = partial(_of_labels, getattr(monai_losses, theirs)(**options), labels[:, None], scale=scale)
    return mine, peer, (4 * _blobs(0),)


def _of_labels(
    loss: Callable[..., Tensor], labels: Tensor, logits: Tensor, scale: float = 1.0, **options: float
) -> Tensor:
    return scale * loss(logits, labels, **options)


def _blobs(seed: int) -> Tensor:
    """Smooth, as a network's answers and organs are: the distances of noise cost more than they ever do."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn(2, CLASSES, 12, 12, 12, generator=generator)
    return F.interpolate(coarse, size=(SIDE, SIDE, SIDE), mode="trilinear")


def _huber() -> tuple[Answer, Answer, Inputs]:
    generator = torch.Generator().manual_seed(0)
    inputs = tuple(torch.randn(2, SIDE, SIDE, SIDE, generator=generator) for _ in range(2))
    return reference("unet", "huber_loss"), F.huber_loss, inputs
