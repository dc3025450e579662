"""Pairs of masks for scores: ragged, random, touching the edge, of one pixel, with uneven spacing, and empty ones."""

import pytest
import torch

from tests.peers.comparing import normal


def ellipse(*size, seed):
    """A ragged ellipse that may reach the image's edge."""
    distance = 0.2 * normal(*size, seed=seed)
    for axis, length in enumerate(size):
        middle, radius = (0.35 + 0.06 * (seed % 5)) * length, (0.3 + 0.04 * (seed % 3)) * length
        along = ((torch.arange(length) - middle) / radius).square()
        distance = distance + along.reshape([-1 if other == axis else 1 for other in range(len(size))])
    return distance < 1


def dot(*size, at):
    mask = torch.zeros(size, dtype=torch.bool)
    mask[at] = True
    return mask


PAIRS = {
    "ellipses": (ellipse(30, 26, seed=0), ellipse(30, 26, seed=1), (1.0, 1.0)),
    "ellipsoids": (ellipse(14, 18, 16, seed=2), ellipse(14, 18, 16, seed=4), (1.0, 1.0, 1.0)),
    "thick slices": (ellipse(8, 18, 16, seed=3), ellipse(8, 18, 16, seed=1), (5.0, 0.8, 0.7)),
    "noise": (normal(19, 23, seed=5) > 0.3, normal(19, 23, seed=6) > 0.5, (0.5, 1.5)),
    "noise in a volume": (normal(7, 9, 8, seed=7) > 0.8, normal(7, 9, 8, seed=8) > 0.2, (2.0, 1.0, 1.0)),
    "touching all edges": (torch.ones(9, 11, dtype=torch.bool), ellipse(9, 11, seed=2), (1.0, 2.0)),
    "touching one edge": (ellipse(12, 10, seed=1).roll(-5, 0), ellipse(12, 10, seed=2), (1.0, 1.0)),
    "two pixels": (dot(9, 12, at=(0, 11)), dot(9, 12, at=(8, 3)), (0.3, 2.0)),
    "two voxels": (dot(5, 6, 7, at=(0, 0, 6)), dot(5, 6, 7, at=(4, 5, 0)), (3.0, 1.0, 0.5)),
    "a pixel against an ellipse": (dot(15, 15, at=(14, 0)), ellipse(15, 15, seed=0), (1.0, 1.0)),
    "the same": (ellipse(15, 13, seed=0), ellipse(15, 13, seed=0), (1.0, 1.0)),
}


def noise(seed):
    """Two random masks of a random size, from nearly empty to nearly full, 2D or 3D, and a spacing."""
    generator = torch.Generator().manual_seed(seed)
    size = torch.randint(3, 11, (2 + seed % 2,), generator=generator).tolist()
    shares = torch.rand(2, generator=generator)
    masks = [torch.rand(size, generator=generator) < share for share in shares]
    for mask in masks:
        mask[tuple(length // 2 for length in size)] = True
    spacing = 0.3 + 4 * torch.rand(len(size), generator=generator)
    return *masks, tuple(spacing.tolist())


PAIRS |= {f"random, {seed}": noise(seed) for seed in range(12)}
EVERY = pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
SOME = ellipse(10, 12, seed=0)
NOTHING = torch.zeros_like(SOME)
EMPTY = {"first": (NOTHING, SOME), "second": (SOME, NOTHING), "both": (NOTHING, NOTHING)}
