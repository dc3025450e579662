"""A probe for losses over several outputs: the cross-entropy of label images."""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor

from autograder.probes.makers import probe


@probe
def label_error() -> Callable[[Tensor, Tensor], Tensor]:
    """The mean cross-entropy of logits (N, K, h, w) and int64 labels, (N, h, w) or (N, 1, h, w); others are refused."""

    def error(logits: Tensor, labels: Tensor) -> Tensor:
        if labels.is_floating_point():
            raise TypeError(f"this loss takes labels, int64, got {labels.dtype}")
        if logits.shape[-2:] != labels.shape[-2:]:
            raise ValueError(f"logits of {tuple(logits.shape)} don't fit labels of {tuple(labels.shape)}")
        return F.cross_entropy(logits, labels[:, 0] if labels.ndim == logits.ndim else labels)

    return error
