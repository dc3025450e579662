"""Masks and label maps for the cases of notebook 05d."""

from __future__ import annotations

import torch
from torch import Tensor

from autograder.spec import Rng


def blob(rng: Rng, *size: int) -> Tensor:
    """A bool mask: an ellipse somewhere near the middle, with a ragged edge."""
    distance = 0.4 * rng.uniform(*size)
    for axis, length in enumerate(size):
        middle, radius = (float(rng.uniform(1, low=low, high=high)) * length for low, high in ((0.4, 0.6), (0.2, 0.45)))
        along = ((torch.arange(length) - middle) / radius).square()
        distance = distance + along.reshape([-1 if other == axis else 1 for other in range(len(size))])
    return distance < 1


def empty(*size: int) -> Tensor:
    return torch.zeros(size, dtype=torch.bool)


def dot(*size: int, at: tuple[int, ...]) -> Tensor:
    """A mask of one pixel."""
    mask = empty(*size)
    mask[at] = True
    return mask


def blobs(rng: Rng, classes: int, *size: int) -> Tensor:
    """A label map with a blob of each class but 0, later ones over earlier ones."""
    labels = torch.zeros(size, dtype=torch.int64)
    for label in range(1, classes):
        corner = [int(rng.integers(0, max(1, length // 2), 1)) for length in size]
        box = tuple(slice(start, start + -(-length // 2)) for start, length in zip(corner, size, strict=True))
        labels[box][blob(rng, *labels[box].shape)] = label
    return labels


def disturbed(rng: Rng, labels: Tensor, share: float = 0.1) -> Tensor:
    """The labels moved by one along each axis, and a share of them replaced by others of the map."""
    moved = labels.roll([1] * labels.ndim, list(range(labels.ndim)))
    others = labels.flatten()[rng.permutation(labels.numel())].reshape(labels.shape)
    return torch.where(rng.uniform(*labels.shape) < share, others, moved)
