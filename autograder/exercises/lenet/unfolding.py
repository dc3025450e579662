"""All patches of an image as columns (im2col)."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from autograder.exercises.forbidden import CONVOLUTION
from autograder.spec import Case, Exercise, Memory, Rng, Speed, Wrong, of_call

Size = tuple[int, int]


def oracle(x: Tensor, kernel_size: Size, stride: int = 1, dilation: int = 1) -> Tensor:
    return F.unfold(x, kernel_size, dilation=dilation, stride=stride)


def cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "2×3 image, 2×2 kernel, by hand",
        x=torch.tensor([[[[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]]]),
        kernel_size=(2, 2),
        expect=torch.tensor([[[0.0, 1.0], [1.0, 2.0], [3.0, 4.0], [4.0, 5.0]]]),
        note="the first patch is 0 1 / 3 4: the first column reads 0 1 3 4",
    )
    yield of_call("two rows of patches", x=rng.normal(1, 1, 3, 4), kernel_size=(2, 2))
    yield of_call("two channels", x=rng.normal(1, 2, 3, 3), kernel_size=(2, 2), gradients=("x",), terms=4)
    yield of_call("tall kernel", x=rng.normal(1, 2, 4, 5), kernel_size=(3, 1))
    yield of_call("wide kernel, batch of 3", x=rng.normal(3, 2, 4, 6), kernel_size=(2, 3), gradients=("x",), terms=6)
    yield of_call("stride 2", x=rng.normal(2, 1, 5, 7), kernel_size=(3, 3), stride=2, gradients=("x",), terms=4)
    yield of_call("stride 2, a row and a column left over", x=rng.normal(1, 1, 4, 6), kernel_size=(3, 3), stride=2)
    yield of_call("dilation 2", x=rng.normal(1, 2, 5, 6), kernel_size=(2, 3), stride=1, dilation=2)
    yield of_call(
        "stride 2, dilation 3", x=rng.normal(2, 2, 9, 8), kernel_size=(3, 2), stride=2, dilation=3, gradients=("x",)
    )
    yield of_call("kernel as large as the image", x=rng.normal(2, 2, 3, 4), kernel_size=(3, 4))
    yield of_call("1×1 kernel", x=rng.normal(2, 3, 2, 3), kernel_size=(1, 1))
    yield of_call(
        "float64, not contiguous",
        x=rng.strided(2, 3, 6, 5, dtype=torch.float64),
        kernel_size=(2, 3),
        stride=2,
        gradients=("x",),
        terms=6,
    )


def patches(x: Tensor, kernel_size: Size, stride: int, dilation: int) -> Tensor:
    """F.unfold's columns with every axis apart: (N, C, kh, kw, Ho, Wo)."""
    columns = oracle(x, kernel_size, stride, dilation)
    across = oracle(x[:, :, : dilation * (kernel_size[0] - 1) + 1], kernel_size, stride, dilation).shape[-1]
    return columns.reshape(len(x), x.shape[1], *kernel_size, -1, across)


def down_first(x: Tensor, kernel_size: Size, stride: int = 1, dilation: int = 1) -> Tensor:
    return patches(x, kernel_size, stride, dilation).transpose(-1, -2).flatten(4).flatten(1, 3)


def rows_of_patches(x: Tensor, kernel_size: Size, stride: int = 1, dilation: int = 1) -> Tensor:
    return oracle(x, kernel_size, stride, dilation).transpose(1, 2)


def channel_fastest(x: Tensor, kernel_size: Size, stride: int = 1, dilation: int = 1) -> Tensor:
    return patches(x, kernel_size, stride, dilation).movedim(1, 3).flatten(4).flatten(1, 3)


def kernel_column_first(x: Tensor, kernel_size: Size, stride: int = 1, dilation: int = 1) -> Tensor:
    return patches(x, kernel_size, stride, dilation).transpose(2, 3).flatten(4).flatten(1, 3)


def one_too_few(x: Tensor, kernel_size: Size, stride: int = 1, dilation: int = 1) -> Tensor:
    return oracle(x[..., :-1, :-1], kernel_size, stride, dilation)


def ignores_stride(x: Tensor, kernel_size: Size, stride: int = 1, dilation: int = 1) -> Tensor:
    return oracle(x, kernel_size, 1, dilation)


def ignores_dilation(x: Tensor, kernel_size: Size, stride: int = 1, dilation: int = 1) -> Tensor:
    return oracle(x, kernel_size, stride, 1)


def swaps_kernel(x: Tensor, kernel_size: Size, stride: int = 1, dilation: int = 1) -> Tensor:
    return oracle(x, (kernel_size[1], kernel_size[0]), stride, dilation)


def first_channel(x: Tensor, kernel_size: Size, stride: int = 1, dilation: int = 1) -> Tensor:
    return oracle(x[:, :1], kernel_size, stride, dilation).repeat(1, x.shape[1], 1)


def no_overlap(x: Tensor, kernel_size: Size, stride: int = 1, dilation: int = 1) -> Tensor:
    return F.unfold(x, kernel_size, dilation=dilation, stride=kernel_size)


UNFOLD2D = Exercise(
    id="lenet.unfold2d",
    cases=cases,
    oracle=oracle,
    wrong=(
        Wrong(
            "goes through the patches column by column",
            down_first,
            says="the patches come top to bottom first; asked is left to right first, then down, as one reads.",
            look="which axis varies fastest where you merge rows and columns of patches into L?",
        ),
        Wrong(
            "writes patches as rows",
            rows_of_patches,
            says="each patch is a row of the result; it should be a column.",
            look="the shape is (N, C·kh·kw, L): the patch number comes last.",
        ),
        Wrong(
            "lets the channel vary fastest",
            channel_fastest,
            says="inside a patch the channel varies fastest; it should vary slowest: all of channel 0, then channel 1.",
            look="bring the axes into the order C, kh, kw before you flatten them.",
        ),
        Wrong(
            "reads the kernel column by column",
            kernel_column_first,
            says="inside a patch you go down before you go right; read it row by row.",
            look="bring the axes into the order C, kh, kw before you flatten them.",
        ),
        Wrong(
            "stops one patch short",
            one_too_few,
            says="the last patch of each row and column is missing: k pixels fit n − k + 1 times into n.",
            look="put a 2-pixel kernel on 3 pixels and count the places.",
        ),
        Wrong(
            "ignores stride",
            ignores_stride,
            says="the patches are always one pixel apart; they should be stride pixels apart.",
            look="slices can take steps: start : stop : step.",
        ),
        Wrong(
            "ignores dilation",
            ignores_dilation,
            says="the kernel's cells are always neighbours; with dilation d they are d pixels apart.",
            look="cell (i, j) of the kernel sees the pixel i·dilation further down.",
        ),
        Wrong(
            "swaps kh and kw",
            swaps_kernel,
            says="the kernel's height and width are swapped.",
            look="kernel_size is (kh, kw): rows first.",
        ),
        Wrong(
            "takes every channel from the first",
            first_channel,
            says="all channels of a patch hold the first channel's pixels.",
            look="slice rows and columns, and leave the channel axis whole: x[:, :, …].",
        ),
        Wrong(
            "steps by the kernel's size",
            no_overlap,
            says="the patches lie side by side; with stride 1 they overlap.",
            look="the step between two patches is stride, not the kernel's size.",
        ),
    ),
    hints=(
        "Don't go through the patches (there are many) but through the kernel's cells (there are few).",
        "Cell (i, j) sees a shifted, strided slice of the whole image, of Ho × Wo pixels. Collect them.",
        "Stack the kh·kw slices after the channel axis, (N, C, kh·kw, Ho, Wo), then flatten to (N, C·kh·kw, L).",
    ),
    points=4,
    minutes=20,
    forbidden=CONVOLUTION,
    may_alias=True,  # with a 1×1 kernel the patches are the image's own pixels: a view is right
    speed=Speed(
        case=lambda rng: of_call("speed", x=rng.normal(2, 16, 48, 48), kernel_size=(3, 3)),
        limit=4.0,
        gold=1.5,
        against="F.unfold",
    ),
    memory=Memory(limit=20.0),  # the patches of a 3×3 kernel are 9 times the image; room for one copy of them
)

EXERCISES = (UNFOLD2D,)
