"""Holes in a mask."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from autograder.exercises.unet._cleaning_masks import (
    CROSS,
    SQUARE,
    blobs,
    dilated,
    drawn,
    eroded,
    filled,
    labelled,
    speckled,
)
from autograder.exercises.unet._ready_made import IMAGES
from autograder.exercises.unet.numbering import COMB, GRAPHS, SPIRAL
from autograder.spec import Case, Exercise, Rng, Wrong, of_call


def oracle(mask: Tensor) -> Tensor:
    return filled(mask)


def cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "a ring, by hand",
        mask=drawn("###.", "#.#.", "###."),
        expect=drawn("###.", "###.", "###."),
        note="no way leads out of the pixel in the ring; the last column lies on the edge",
    )
    yield of_call("a ring of corners", mask=drawn(".....", "..#..", ".#.#.", "..#..", "....."))
    yield of_call("a large hole with an island", mask=drawn(*RINGS))
    yield of_call("bays at all four edges", mask=drawn("##.##", "#...#", "..#..", "#...#", "##.##"))
    yield of_call("a spiral", mask=SPIRAL)
    yield of_call("combs", mask=torch.cat([COMB, COMB.flip(0)]))
    yield of_call("shapes and specks", mask=~blobs(rng, 15, 18, 0.45))
    yield of_call("speckled", mask=speckled(rng, 13, 12, 0.7))
    yield of_call("nothing is True", mask=torch.zeros(3, 5, dtype=torch.bool))
    yield of_call("everything is True", mask=torch.ones(4, 3, dtype=torch.bool))
    yield of_call("one row", mask=drawn("#.##."))
    yield of_call("not contiguous", mask=speckled(rng, 20, 11, 0.65).T[:, ::2])


RINGS = ("##########", "#........#", "#.####...#", "#.#..#...#", "#.####...#", "#........#", "##########", "..........")


def over_corners(mask: Tensor) -> Tensor:
    return filled(mask, SQUARE)


def holes_alone(mask: Tensor) -> Tensor:
    return filled(mask) & ~mask


def narrow_ones(mask: Tensor) -> Tensor:
    return eroded(dilated(mask, CROSS), CROSS, outside=True)


def between_ends(mask: Tensor) -> Tensor:
    """All that has True on both sides in its row."""
    before, behind = mask.int().cumsum(1) > 0, mask.int().flip(1).cumsum(1).flip(1) > 0
    return before & behind


def between_four(mask: Tensor) -> Tensor:
    """All that has True on both sides in its row, and above and below in its column."""
    return mask | (between_ends(mask) & between_ends(mask.T).T)


def from_one_corner(mask: Tensor) -> Tensor:
    """The outside is what the upper left corner can reach."""
    regions = labelled(~mask, 4)
    return ~((regions == regions[0, 0]) & (regions > 0))


def top_and_bottom(mask: Tensor) -> Tensor:
    regions = labelled(~mask, 4)
    return mask | ~torch.isin(regions, torch.cat([regions[0], regions[-1]]))


def all_but_the_largest(mask: Tensor) -> Tensor:
    """The outside is the largest piece of background."""
    regions = labelled(~mask, 4)
    sizes = regions.flatten().bincount()
    sizes[0] = 0
    return ~((regions == sizes.argmax()) & ~mask)


def single_pixels(mask: Tensor) -> Tensor:
    ring = torch.tensor([[0, 1, 0], [1, 0, 1], [0, 1, 0]], dtype=torch.bool)
    return mask | eroded(mask, ring)


FILL = Exercise(
    id="unet.fill_holes",
    cases=cases,
    oracle=oracle,
    wrong=(
        Wrong(
            "lets the background out over corners",
            over_corners,
            says="the background slips through between two pixels that touch at a corner.",
            look="which connectivity does the background have?",
        ),
        Wrong(
            "gives the holes alone",
            holes_alone,
            says="only the holes come back; asked is the mask with its holes filled.",
            look="an or is missing.",
        ),
        Wrong(
            "closes instead",
            narrow_ones,
            says="what is narrow is filled, whether it is a hole or not, and what is wide isn't: that is a closing.",
            look="a hole may be as large as it likes.",
        ),
        Wrong(
            "fills each row from end to end",
            between_ends,
            says="whatever has True at its left and at its right is filled, also a bay that is open above.",
            look="a path to the edge may turn.",
        ),
        Wrong(
            "looks only along the row and the column",
            between_four,
            says="whatever has True to its left and right, above and below is filled, also where a path leads out "
            "round a corner.",
            look="a path to the edge may turn.",
        ),
        Wrong(
            "starts from one corner",
            from_one_corner,
            says="only background that the upper left corner can reach counts as outside; what others can reach is "
            "filled.",
            look="every pixel on the edge is a way out.",
        ),
        Wrong(
            "forgets the left and the right edge",
            top_and_bottom,
            says="background that reaches only the first or the last column is filled.",
            look="four edges.",
        ),
        Wrong(
            "takes the largest background for the outside",
            all_but_the_largest,
            says="all background but its largest piece is filled; but the outside may be in several pieces, and the "
            "largest piece may be a hole.",
            look="outside is what touches the edge.",
        ),
        Wrong(
            "fills single pixels only",
            single_pixels,
            says="holes of one pixel are filled, larger ones stay.",
            look="number the background's components.",
        ),
    ),
    hints=(
        "Number the components of the background, ~mask. Which of them are holes?",
        "The numbers on the edge: first and last row, first and last column. torch.isin says where they are.",
        "connected_components(~mask, connectivity=4): sides only. The mask's own pixels have the number 0.",
    ),
    points=2,
    minutes=10,
    needs=("unet.dilate", "unet.connected_components"),
    forbidden=(*IMAGES, *GRAPHS),
)

EXERCISES = (FILL,)
