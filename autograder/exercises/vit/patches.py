"""Images cut into patches that lie side by side, and put together again."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from autograder.exercises.vit._ready_made_a import CUTTING
from autograder.spec import Case, Exercise, Rng, Speed, Wrong, of_call

Grid = tuple[int, int]
FLOAT64 = torch.float64


def cut_oracle(images: Tensor, size: int) -> Tensor:
    return F.unfold(images, size, stride=size).transpose(1, 2)


def join_oracle(patches: Tensor, size: int, grid: Grid) -> Tensor:
    return F.fold(patches.transpose(1, 2), (grid[0] * size, grid[1] * size), size, stride=size)


# --- patchify --------------------------------------------------------------------------------------------------------


def cut_cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "2 × 4 pixels, two patches, by hand",
        images=torch.tensor([[[[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]]]),
        size=2,
        expect=torch.tensor([[[1.0, 2.0, 5.0, 6.0], [3.0, 4.0, 7.0, 8.0]]]),
        note="the first patch is 1 2 / 5 6, read row by row: 1 2 5 6",
    )
    yield of_call("two rows of patches", images=rng.normal(1, 1, 4, 6), size=2)
    yield of_call("three channels", images=rng.normal(1, 3, 4, 4), size=2, gradients=("images",))
    yield of_call("batch of 3, as many rows as channels", images=rng.normal(3, 2, 4, 6), size=2)
    yield of_call("patches of 3 × 3, upright image", images=rng.normal(2, 3, 9, 6), size=3, gradients=("images",))
    yield of_call("patches of one pixel", images=rng.normal(2, 3, 3, 2), size=1)
    yield of_call("one patch", images=rng.normal(2, 3, 4, 4), size=4)
    yield of_call("not contiguous", images=rng.strided(2, 3, 6, 8), size=2)
    yield of_call("float64", images=rng.normal(2, 3, 8, 4, dtype=FLOAT64), size=4, gradients=("images",))


def apart(images: Tensor, size: int) -> Tensor:
    """The patches with every axis apart: (N, C, size, size, rows, columns)."""
    sizes = (len(images), images.shape[1], size, size, images.shape[2] // size, images.shape[3] // size)
    return F.unfold(images, size, stride=size).reshape(sizes)


def down_first(images: Tensor, size: int) -> Tensor:
    return apart(images, size).permute(0, 5, 4, 1, 2, 3).flatten(3).flatten(1, 2)


def channel_last(images: Tensor, size: int) -> Tensor:
    return apart(images, size).permute(0, 4, 5, 2, 3, 1).flatten(3).flatten(1, 2)


def pixels_down_first(images: Tensor, size: int) -> Tensor:
    return apart(images, size).permute(0, 4, 5, 1, 3, 2).flatten(3).flatten(1, 2)


def cut_in_one_step(images: Tensor, size: int) -> Tensor:
    return images.reshape(len(images), -1, images.shape[1] * size**2)


def as_columns(images: Tensor, size: int) -> Tensor:
    return F.unfold(images, size, stride=size)


def overlapping(images: Tensor, size: int) -> Tensor:
    return F.unfold(images, size).transpose(1, 2)


def every_so_many(images: Tensor, size: int) -> Tensor:
    height, width = images.shape[-2:]
    return F.unfold(images, size, dilation=(height // size, width // size)).transpose(1, 2)


def each_channel(images: Tensor, size: int) -> Tensor:
    return apart(images, size).permute(0, 1, 4, 5, 2, 3).flatten(4).flatten(1, 3)


def pixels_apart(images: Tensor, size: int) -> Tensor:
    return apart(images, size).permute(0, 4, 5, 1, 2, 3).flatten(1, 2)


AXES = "give each axis of (N, C, rows, size, columns, size) a name, then write the order in which you want them."

PATCHIFY = Exercise(
    id="vit.patchify",
    cases=cut_cases,
    oracle=cut_oracle,
    wrong=(
        Wrong(
            "goes through the patches column by column",
            down_first,
            says="the second patch is the one below the first; it is the one to its right. Each patch is right, but "
            "its place in the row of tokens isn't, and positions would be learned for a turned picture.",
            look="which of rows and columns varies faster where you merge them?",
        ),
        Wrong(
            "puts the channel last",
            channel_last,
            says="within a patch the channel varies fastest: red, green, blue of one pixel, then the next pixel. A "
            "convolution's kernel has all of red first.",
            look="the kernel's shape is (dim, C, size, size): channel, row, column.",
        ),
        Wrong(
            "reads the pixels column by column",
            pixels_down_first,
            says="within a patch you go down before you go right; it is read row by row.",
            look=AXES,
        ),
        Wrong(
            "reshapes in one step",
            cut_in_one_step,
            says="a reshape keeps the order of the numbers in memory: each “patch” is a stretch of an image's rows.",
            look=AXES,
        ),
        Wrong(
            "writes patches as columns",
            as_columns,
            says="the result is (N, C·size·size, n): each patch is a column. A token is a row.",
            look="the patch's number comes before the numbers in it.",
        ),
        Wrong(
            "lets the patches overlap",
            overlapping,
            says="the patches are one pixel apart and overlap; they lie side by side.",
            look="the step from a patch to the next is `size`.",
        ),
        Wrong(
            "takes pixels that lie apart",
            every_so_many,
            says="a patch's pixels come from all over the image: the axis of rows was split into (size, rows), not "
            "into (rows, size).",
            look="of the two parts of a split axis the second is made of neighbours.",
        ),
        Wrong(
            "makes a token of each channel",
            each_channel,
            says="there are C tokens for each patch, one a channel; a token holds all channels of its patch.",
            look="the channel belongs behind the patch's number, with the pixels.",
        ),
        Wrong(
            "leaves channel and pixels apart",
            pixels_apart,
            says="the result is (N, n, C, size, size); the last three axes are still to be joined.",
            look="flatten(2).",
        ),
    ),
    hints=(
        "Split rows and columns in two each: (N, C, rows, size, columns, size). unflatten does that.",
        "Then permute to (N, rows, columns, C, size, size), and join what belongs together.",
        "images.unflatten(3, (-1, size)).unflatten(2, (-1, size)); permute(0, 2, 4, 1, 3, 5); flatten(3) and "
        "flatten(1, 2).",
    ),
    points=2,
    minutes=12,
    forbidden=CUTTING,
    may_alias=True,  # one patch, or patches of one pixel, may be the image's own memory
    speed=Speed(
        case=lambda rng: of_call("speed", images=rng.normal(8, 3, 224, 224), size=16),
        limit=3.0,
        against="F.unfold",
    ),
)


# --- unpatchify ------------------------------------------------------------------------------------------------------


def join_cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "two patches side by side, by hand",
        patches=torch.tensor([[[1.0, 2.0, 5.0, 6.0], [3.0, 4.0, 7.0, 8.0]]]),
        size=2,
        grid=(1, 2),
        expect=torch.tensor([[[[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]]]),
        note="the patches are 1 2 / 5 6 and 3 4 / 7 8; side by side their first rows read 1 2 3 4",
    )
    yield of_call("2 × 3 patches", patches=rng.normal(1, 6, 4), size=2, grid=(2, 3))
    yield of_call("three channels", patches=rng.normal(1, 4, 12), size=2, grid=(2, 2), gradients=("patches",))
    yield of_call("batch of 3, 3 × 2 patches", patches=rng.normal(3, 6, 8), size=2, grid=(3, 2))
    yield of_call("patches of 3 × 3", patches=rng.normal(2, 8, 27), size=3, grid=(2, 4), gradients=("patches",))
    yield of_call("patches of one pixel", patches=rng.normal(2, 6, 3), size=1, grid=(3, 2))
    yield of_call("one patch", patches=rng.normal(2, 1, 32), size=4, grid=(1, 1))
    yield of_call("not contiguous", patches=rng.strided(2, 12, 12), size=2, grid=(3, 4))
    yield of_call("float64", patches=rng.normal(2, 4, 48, dtype=FLOAT64), size=4, grid=(2, 2), gradients=("patches",))


def joined(pieces: Tensor) -> Tensor:
    """Images from (N, C, size, size, rows, columns)."""
    rows, columns, size = *pieces.shape[-2:], pieces.shape[2]
    return F.fold(pieces.flatten(4).flatten(1, 3), (rows * size, columns * size), size, stride=size)


def from_columns(patches: Tensor, size: int, grid: Grid) -> Tensor:
    pieces: Tensor = patches.unflatten(2, (-1, size, size)).unflatten(1, (grid[1], grid[0]))
    return joined(pieces.permute(0, 3, 4, 5, 2, 1))


def from_channel_last(patches: Tensor, size: int, grid: Grid) -> Tensor:
    pieces: Tensor = patches.unflatten(2, (size, size, -1)).unflatten(1, grid)
    return joined(pieces.permute(0, 5, 3, 4, 1, 2))


def from_pixel_columns(patches: Tensor, size: int, grid: Grid) -> Tensor:
    pieces: Tensor = patches.unflatten(2, (-1, size, size)).unflatten(1, grid)
    return joined(pieces.permute(0, 3, 5, 4, 1, 2))


def joined_in_one_step(patches: Tensor, size: int, grid: Grid) -> Tensor:
    return patches.reshape(len(patches), -1, grid[0] * size, grid[1] * size)


def columns_for_rows(patches: Tensor, size: int, grid: Grid) -> Tensor:
    return join_oracle(patches, size, (grid[1], grid[0]))


def interleaved(patches: Tensor, size: int, grid: Grid) -> Tensor:
    pieces: Tensor = patches.unflatten(2, (-1, size, size)).unflatten(1, grid)
    return pieces.permute(0, 3, 4, 1, 5, 2).flatten(4).flatten(2, 3)


def not_joined(patches: Tensor, size: int, grid: Grid) -> Tensor:
    pieces: Tensor = patches.unflatten(2, (-1, size, size)).unflatten(1, grid)
    return pieces.permute(0, 3, 1, 4, 2, 5)


UNPATCHIFY = Exercise(
    id="vit.unpatchify",
    cases=join_cases,
    oracle=join_oracle,
    wrong=(
        Wrong(
            "places the patches column by column",
            from_columns,
            says="the second patch was put below the first; it belongs to its right.",
            look="split the axis of patches into grid, rows first.",
        ),
        Wrong(
            "takes the channel for the last",
            from_channel_last,
            says="the numbers of a patch were read as row, column, channel; they are channel, row, column.",
            look="the last axis splits into (C, size, size).",
        ),
        Wrong(
            "writes the pixels column by column",
            from_pixel_columns,
            says="each patch is turned over its diagonal: its rows became columns.",
            look="the last axis splits into (C, size, size): row before column.",
        ),
        Wrong(
            "reshapes in one step",
            joined_in_one_step,
            says="a reshape keeps the order of the numbers in memory, so one patch fills an image's first rows.",
            look="bring the axes into the order N, C, rows, size, columns, size first.",
        ),
        Wrong(
            "swaps the grid's rows and columns",
            columns_for_rows,
            says="grid was taken as (columns, rows); it is (rows, columns).",
            look="grid[0] patches stand one below the other.",
        ),
        Wrong(
            "strews the pixels",
            interleaved,
            says="the pixels of a patch lie apart in the image, those of all patches interleaved: the order size, "
            "rows, size, columns was joined.",
            look="rows come before the pixels' rows in the order, as tens before ones: (rows, size), (columns, size).",
        ),
        Wrong(
            "doesn't join the axes",
            not_joined,
            says="the result is (N, C, rows, size, columns, size); rows and size are to be one axis, columns and size "
            "another.",
            look="flatten(4), then flatten(2, 3).",
        ),
    ),
    hints=(
        "The steps of patchify, backwards: split, permute, join.",
        "unflatten(2, (-1, size, size)) and unflatten(1, grid) give (N, rows, columns, C, size, size).",
        "permute(0, 3, 1, 4, 2, 5) is (N, C, rows, size, columns, size).",
    ),
    points=2,
    minutes=8,
    forbidden=CUTTING,
    may_alias=True,
    speed=Speed(
        case=lambda rng: of_call("speed", patches=rng.normal(8, 196, 768), size=16, grid=(14, 14)),
        limit=3.0,
        against="F.fold",
    ),
)

EXERCISES = (PATCHIFY, UNPATCHIFY)
