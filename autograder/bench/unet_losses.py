"""The losses of lesson 05 against MONAI's, forward and back, on two volumes of 96³ with four classes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from autograder.bench.pair import Answer, Inputs, Pair
from autograder.references import reference

SIDE, CLASSES, WANTED = 96, 4, 1.3


def unet_losses() -> Iterator[Pair]:
    """Each loss that MONAI has too."""
    for ours, theirs in (
        ("soft_dice_loss", "DiceLoss"),
        ("generalised_dice_loss", "GeneralizedDiceLoss"),
        ("tversky_loss", "TverskyLoss"),
        ("focal_loss", "FocalLoss"),
        ("dice_focal_loss", "DiceLoss + FocalLoss"),
        ("hausdorff_dt_loss", "HausdorffDTLoss"),
    ):
        name = f"{ours}, 2 × {CLASSES} × {SIDE}³, and back"
        yield Pair(name, f"MONAI's {theirs}", partial(_loss, ours, theirs), backward=True, wanted=WANTED)
    yield Pair("huber_loss, and back", "F.huber_loss", _huber, backward=True, wanted=None)


def _loss(ours: str, theirs: str) -> tuple[Answer, Answer, Inputs]:
    labels = _blobs(1).argmax(1)
    mine = partial(_of_labels, reference("unet", ours), labels)
    return mine, partial(_of_labels, _of_monai(theirs), labels[:, None]), (4 * _blobs(0),)


def _of_monai(name: str) -> Callable[[Tensor, Tensor], Tensor]:
    """MONAI's loss with what ours has by default."""
    from monai import losses as monai_losses  # kept out of the way of those who don't measure

    losses: Any = monai_losses
    options: dict[str, Any] = {"to_onehot_y": True, "softmax": True, "include_background": True}
    if name == "DiceLoss + FocalLoss":  # its DiceFocalLoss takes sigmoids for the focal part
        dice, focal = losses.DiceLoss(**options), _of_monai("FocalLoss")
        return lambda logits, labels: dice(logits, labels) + focal(logits, labels)
    if name == "FocalLoss":  # whose mean divides by the classes too
        pixels = losses.FocalLoss(to_onehot_y=True, use_softmax=True)
        return lambda logits, labels: CLASSES * pixels(logits, labels)
    if name == "TverskyLoss":
        options |= {"alpha": 0.3, "beta": 0.7}
    if name == "GeneralizedDiceLoss":  # whose weights aren't scaled, so that its smooth means something else
        options |= {"smooth_nr": 0.0, "smooth_dr": 0.0}
    peer: Callable[[Tensor, Tensor], Tensor] = getattr(losses, name)(**options)
    return peer


def _of_labels(loss: Callable[[Tensor, Tensor], Tensor], labels: Tensor, logits: Tensor) -> Tensor:
    return loss(logits, labels)


def _blobs(seed: int) -> Tensor:
    """Smooth, as a network's answers and organs are: the distances of noise cost more than they ever do."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn(2, CLASSES, 12, 12, 12, generator=generator)
    return F.interpolate(coarse, size=(SIDE, SIDE, SIDE), mode="trilinear")


def _huber() -> tuple[Answer, Answer, Inputs]:
    generator = torch.Generator().manual_seed(0)
    inputs = tuple(torch.randn(2, SIDE, SIDE, SIDE, generator=generator) for _ in range(2))
    return reference("unet", "huber_loss"), F.huber_loss, inputs
