"""The border of a mask."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from autograder.exercises.unet._masks import blob, dot, empty
from autograder.exercises.unet._ready_made import IMAGES, SCORES
from autograder.exercises.unet._surfaces import border_of
from autograder.spec import Case, Exercise, Rng, Wrong, of_call


def oracle(mask: Tensor) -> Tensor:
    return border_of(mask)


def cases(rng: Rng) -> Iterator[Case]:
    square = empty(5, 5)
    square[1:4, 1:4] = True
    ring = square.clone()
    ring[2, 2] = False
    yield of_call(
        "a square of 3 × 3, by hand",
        mask=square,
        expect=ring,
        note="only the middle has all four neighbours in the mask",
    )
    yield of_call("a blob", mask=blob(rng, 13, 16))
    yield of_call("a blob in a volume", mask=blob(rng, 7, 8, 9))
    yield of_call("a volume of one slice", mask=blob(rng, 1, 9, 8))
    yield of_call("touches every edge", mask=torch.ones(5, 7, dtype=torch.bool))
    edge = empty(8, 9)
    edge[2:7, :6] = True
    yield of_call("touches one edge", mask=edge)
    yield of_call("touches the last slice", mask=torch.stack([empty(6, 7), *3 * [blob(rng, 6, 7)]]))
    yield of_call("one pixel", mask=dot(4, 5, at=(2, 3)))
    yield of_call("one voxel in a corner", mask=dot(3, 4, 5, at=(0, 3, 4)))
    yield of_call("empty", mask=empty(4, 6))
    holed = torch.ones(7, 9, dtype=torch.bool)
    holed[3, 4] = False
    yield of_call("a hole", mask=holed)
    yield of_call("noise, not contiguous", mask=(rng.uniform(9, 12) < 0.8).T)


def cornered(mask: Tensor) -> Tensor:
    return border_of(mask, corners=True)


def pooled(mask: Tensor) -> Tensor:
    """What max_pool of the background finds, with a square and its own padding."""
    return border_of(mask, corners=True, outside=1)


def open_edges(mask: Tensor) -> Tensor:
    return border_of(mask, outside=1)


def grown(mask: Tensor) -> Tensor:
    """The mask and its neighbours."""
    return ~(~mask & ~border_of(~mask, outside=1))


def outer(mask: Tensor) -> Tensor:
    return grown(mask) & ~mask


def both_sides(mask: Tensor) -> Tensor:
    return outer(mask) | border_of(mask)


def inside(mask: Tensor) -> Tensor:
    return mask & ~border_of(mask)


def one_way(mask: Tensor) -> Tensor:
    """A pixel counts as border if the one before it, along any axis, isn't in the mask."""
    kept = mask.clone()
    for axis, size in enumerate(mask.shape):
        kept &= torch.cat([torch.zeros_like(mask.narrow(axis, 0, 1)), mask.narrow(axis, 0, size - 1)], dim=axis)
    return mask & ~kept


def rolled(mask: Tensor) -> Tensor:
    kept = mask.clone()
    for axis in range(mask.ndim):
        kept &= mask.roll(1, axis) & mask.roll(-1, axis)
    return mask & ~kept


def slice_by_slice(mask: Tensor) -> Tensor:
    return border_of(mask) if mask.ndim == 2 else torch.stack([border_of(part) for part in mask])


def as_numbers(mask: Tensor) -> Tensor:
    return border_of(mask).float()


MASK_BORDER = Exercise(
    id="unet.mask_border",
    cases=cases,
    oracle=oracle,
    wrong=(
        Wrong(
            "looks across corners",
            cornered,
            says="a pixel counts as border if it meets the background across a corner; only direct neighbours count.",
            look="4 neighbours in an image, 6 in a volume.",
        ),
        Wrong(
            "has no border at the image's edge",
            open_edges,
            says="where the mask touches the image's edge, it has no border; outside the image is background.",
            look="what do you pad with?",
        ),
        Wrong(
            "looks across corners, and not beyond the edge",
            pooled,
            says="a square finds neighbours across corners too, and the image's edge is taken for the mask's inside. "
            "max_pool with its own padding does both.",
            look="one axis at a time; and what do you pad with?",
        ),
        Wrong(
            "gives the layer around the mask",
            outer,
            says="this is the background's layer next to the mask; the border belongs to the mask.",
            look="every pixel of the border is True in the mask itself.",
        ),
        Wrong(
            "gives both layers",
            both_sides,
            says="this is the last layer of the mask and the first of the background; only the mask's own is asked.",
            look="the border is part of the mask.",
        ),
        Wrong(
            "gives the inside",
            inside,
            says="this is what is left when the border is taken off.",
            look="mask and not inside.",
        ),
        Wrong(
            "looks one way only",
            one_way,
            says="each axis is looked along in one direction only: half of the border is missing.",
            look="the neighbour before, and the one after.",
        ),
        Wrong(
            "wraps around",
            rolled,
            says="a pixel at the edge has its neighbour at the opposite edge: roll wraps around.",
            look="what comes in at the edge must be background.",
        ),
        Wrong(
            "goes slice by slice",
            slice_by_slice,
            says="a volume is handled slice by slice: the layers at its top and bottom are missing.",
            look="a volume has three axes, and a voxel six neighbours.",
        ),
        Wrong(
            "gives numbers for a mask",
            as_numbers,
            says="the border is right, but in numbers; it is a mask of bools, like the input.",
            look="the dtype.",
        ),
    ),
    hints=(
        "A pixel is inside if it and all its direct neighbours are in the mask. The rest of the mask is border.",
        "Along each axis, shift the mask by one in both directions, with False coming in, and take the logical and.",
        "F.pad(mask, …) with False on all sides, then slices of it; or -max_pool of the negative, along each axis.",
    ),
    points=2,
    minutes=15,
    forbidden=(*SCORES, *IMAGES),
)

EXERCISES = (MASK_BORDER,)
