"""What the specs of notebook c share: logits with labels, and the sums that losses are made of."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from autograder.spec import Case, Rng, of_call

FLOAT16, FLOAT64 = torch.float16, torch.float64
Sums = tuple[Tensor, Tensor, Tensor]


def case(
    rng: Rng,
    name: str,
    *shape: int,
    dtype: torch.dtype = torch.float32,
    size: float = 2.0,
    labels: Tensor | None = None,
    logits: Tensor | None = None,
    **options: Any,
) -> Case:
    """Logits of this shape, (N, K, …), with labels, the call and its gradient."""
    if logits is None:
        logits = size * rng.normal(*shape, dtype=dtype)
    if labels is None:
        labels = rng.integers(0, max(logits.shape[1], 2), len(logits), *logits.shape[2:])
    return of_call(
        name, logits=logits, labels=labels, **options, gradients=("logits",), terms=logits.numel(), scale=1.0
    )


def at_least_float32(logits: Tensor) -> Tensor:
    return logits.float() if logits.dtype.itemsize < 4 else logits


def shares(logits: Tensor) -> Tensor:
    """The probabilities."""
    x = at_least_float32(logits)
    return torch.special.expit(x) if x.shape[1] == 1 else F.softmax(x, dim=1)


def kept(labels: Tensor, ignore_index: int | None) -> Tensor:
    return torch.ones_like(labels, dtype=torch.bool) if ignore_index is None else labels != ignore_index


def truth(labels: Tensor, classes: int, ignore_index: int | None = None) -> Tensor:
    """(N, K, …) of bools: all False where a pixel is ignored."""
    names = torch.arange(classes, device=labels.device) if classes > 1 else torch.ones(1, device=labels.device)
    names = names.reshape([-1] + [1] * (labels.ndim - 1))
    return (labels[:, None] == names) & kept(labels, ignore_index)[:, None]


def sums(logits: Tensor, labels: Tensor, batch: bool = False, ignore_index: int | None = None) -> Sums:
    """hits, predicted, true."""
    p = shares(logits) * kept(labels, ignore_index)[:, None]
    t = truth(labels, logits.shape[1], ignore_index)
    axes = (0, *range(2, p.ndim)) if batch else tuple(range(2, p.ndim))
    return (p * t).sum(axes), p.sum(axes), t.to(p.dtype).sum(axes)


def foreground(values: Tensor, include_background: bool) -> Tensor:
    return values if include_background or values.shape[-1] == 1 else values[..., 1:]


def finished(losses: Tensor, reduction: str) -> Tensor:
    if reduction == "none":
        return losses
    return losses.mean() if reduction == "mean" else losses.sum()


def with_ignored(rng: Rng, labels: Tensor, ignore_index: int, share: float = 0.3) -> Tensor:
    """Some of the labels, drawn by chance, become the one that is ignored; the first pixel of each sample does."""
    drawn = rng.uniform(*labels.shape) < share
    drawn.flatten(1)[:, 0] = True
    return labels.masked_fill(drawn, ignore_index)
