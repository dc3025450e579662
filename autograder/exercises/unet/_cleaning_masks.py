"""Masks to try answers on, and scipy's operations on them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from autograder.spec import Rng

CROSS = torch.tensor([[0, 1, 0], [1, 1, 1], [0, 1, 0]], dtype=torch.bool)
SQUARE = torch.ones(3, 3, dtype=torch.bool)


def drawn(*rows: str) -> Tensor:
    """A mask as it looks: "#" is True."""
    return torch.tensor([[sign == "#" for sign in row] for row in rows])


def speckled(rng: Rng, height: int, width: int, share: float = 0.5) -> Tensor:
    """Each pixel by itself is True with this probability."""
    return rng.uniform(height, width) < share


def blobs(rng: Rng, height: int, width: int, share: float = 0.5) -> Tensor:
    """Smooth shapes with a few stray pixels."""
    smooth = ndimage.gaussian_filter(rng.normal(height, width).numpy(), 1.5)
    shapes = torch.from_numpy(smooth > np.quantile(smooth, 1 - share))
    return shapes ^ speckled(rng, height, width, 0.06)


def by_numpy(function: Callable[..., Any], mask: Tensor, *rest: Any, **options: Any) -> Tensor:
    """A function of numpy arrays, on tensors."""
    arrays = [item.cpu().numpy() if isinstance(item, Tensor) else item for item in (mask, *rest)]
    return torch.from_numpy(np.ascontiguousarray(function(*arrays, **options))).to(mask.device)


def dilated(mask: Tensor, kernel: Tensor, outside: bool = False) -> Tensor:
    return by_numpy(ndimage.binary_dilation, mask, kernel, border_value=int(outside))


def eroded(mask: Tensor, kernel: Tensor, outside: bool = False) -> Tensor:
    return by_numpy(ndimage.binary_erosion, mask, kernel, border_value=int(outside))


def labelled(mask: Tensor, connectivity: int = 8) -> Tensor:
    """Components in the order in which they are met."""
    structure = (CROSS if connectivity == 4 else SQUARE).numpy()
    return by_numpy(lambda array: ndimage.label(array, structure)[0].astype(np.int64), mask)


def filled(mask: Tensor, structure: Tensor | None = None) -> Tensor:
    return by_numpy(ndimage.binary_fill_holes, mask, None if structure is None else structure.numpy())


def kept_by(mask: Tensor, connectivity: int, keeps: Callable[[Tensor], Tensor]) -> Tensor:
    """The components that `keeps` says True of; it gets the sizes of all, the first one's first."""
    components = labelled(mask, connectivity)
    sizes = components.flatten().bincount()[1:]
    kept = torch.cat([torch.zeros(1, dtype=torch.bool, device=mask.device), keeps(sizes)])
    return kept[components]
