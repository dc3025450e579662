"""The median of a neighbourhood."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from autograder.exercises.unet._ready_made import IMAGES
from autograder.spec import Case, Exercise, Rng, Speed, Wrong, of_call


def filtered(images: Tensor, size: int, *, way: Callable[..., Any] = ndimage.median_filter, **options: Any) -> Tensor:
    """Each channel by scipy."""
    options = {"mode": "mirror"} | options
    arrays = images.detach().cpu().numpy()
    found = way(np.ascontiguousarray(arrays), size=(1, 1, size, size), **options)
    return torch.from_numpy(found).to(images.device)


def by(**habits: Any) -> Callable[..., Tensor]:
    def answer(images: Tensor, size: int = 3) -> Tensor:
        return filtered(images, size, **habits)

    return answer


oracle = by()


def cases(rng: Rng) -> Iterator[Case]:
    row = torch.tensor([0.1, 0.9, 0.2, 0.3])
    yield of_call(
        "three equal rows, by hand",
        images=row.expand(1, 1, 3, 4).clone(),
        expect=torch.tensor([0.9, 0.2, 0.3, 0.2]).expand(1, 1, 3, 4).clone(),
        note="0.9 0.1 0.9, mirrored, in the first column; 0.1 0.9 0.2; 0.9 0.2 0.3; 0.2 0.3 0.2: each thrice",
    )
    yield of_call("batch of 3, 2 channels", images=rng.uniform(3, 2, 6, 5))
    yield of_call("size 5, not square", images=rng.uniform(2, 3, 7, 9), size=5)
    yield of_call("size 7", images=rng.normal(1, 1, 9, 8), size=7)
    yield of_call("size 1", images=rng.normal(2, 2, 3, 4), size=1)
    yield of_call("as small as possible", images=rng.normal(1, 2, 3, 4), size=5)
    salted = torch.where(rng.uniform(1, 1, 10, 11) < 0.1, 1.0, 0.3 + 0.1 * rng.uniform(1, 1, 10, 11))
    yield of_call("salt", images=salted)
    yield of_call("large numbers", images=1e4 * rng.normal(1, 2, 5, 6))
    yield of_call("float64", images=rng.normal(2, 1, 6, 7, dtype=torch.float64), size=5)
    yield of_call("not contiguous", images=rng.strided(2, 3, 6, 5))


def all_channels(images: Tensor, size: int = 3) -> Tensor:
    """One median over the channels as well."""
    mirrored = torch.nn.functional.pad(images, (size // 2,) * 4, mode="reflect")
    windows = mirrored.unfold(2, size, 1).unfold(3, size, 1).permute(0, 2, 3, 1, 4, 5).flatten(3)
    return windows.quantile(0.5, dim=-1)[:, None].expand_as(images).contiguous()


def smaller(images: Tensor, size: int = 3) -> Tensor:
    """No border: the image shrinks."""
    reach = size // 2
    return oracle(images, size)[:, :, reach : images.shape[2] - reach, reach : images.shape[3] - reach].contiguous()


def one_axis_each(images: Tensor, size: int = 3) -> Tensor:
    array = ndimage.median_filter(images.cpu().numpy(), size=(1, 1, size, 1), mode="mirror")
    return torch.from_numpy(ndimage.median_filter(array, size=(1, 1, 1, size), mode="mirror")).to(images.device)


def always_three(images: Tensor, size: int = 3) -> Tensor:
    return oracle(images, 3)


def without_itself(images: Tensor, size: int = 3) -> Tensor:
    ring = np.ones((1, 1, size, size), dtype=bool)
    ring[0, 0, size // 2, size // 2] = size == 1
    return torch.from_numpy(ndimage.median_filter(images.cpu().numpy(), footprint=ring, mode="mirror")).to(
        images.device
    )


def cross_only(images: Tensor, size: int = 3) -> Tensor:
    cross = np.zeros((1, 1, size, size), dtype=bool)
    cross[0, 0, size // 2] = cross[0, 0, :, size // 2] = True
    array = images.cpu().numpy()
    return torch.from_numpy(ndimage.median_filter(array, footprint=cross, mode="mirror")).to(images.device)


def edge_kept(images: Tensor, size: int = 3) -> Tensor:
    """Where the window leaves the image, the value stays."""
    reach, out = size // 2, images.clone()
    inner = (..., slice(reach, images.shape[2] - reach), slice(reach, images.shape[3] - reach))
    out[inner] = oracle(images, size)[inner]
    return out


def window_cut_off(images: Tensor, size: int = 3) -> Tensor:
    """Only what lies within the image counts, the lower of two in the middle."""
    reach, out = size // 2, images.clone()
    for i in range(images.shape[2]):
        for j in range(images.shape[3]):
            window = images[:, :, max(i - reach, 0) : i + reach + 1, max(j - reach, 0) : j + reach + 1]
            out[:, :, i, j] = window.flatten(2).median(dim=-1).values
    return out


MEDIAN = Exercise(
    id="unet.median_filter",
    cases=cases,
    oracle=oracle,
    wrong=(
        Wrong(
            "takes the mean",
            by(way=ndimage.uniform_filter),
            says="this is the mean of the window: one wild value moves it.",
            look="the value in the middle when all are sorted.",
        ),
        Wrong(
            "repeats the edge",
            by(mode="reflect"),
            says="the edge's own pixels are repeated: `b a | a b`. That is what scipy calls “reflect”.",
            look="F.pad has a mode that mirrors at the pixel itself: `c b | a b c`.",
        ),
        Wrong(
            "repeats the last pixel only",
            by(mode="nearest"),
            says="beyond the edge the last pixel is repeated again and again; the image is mirrored there.",
            look="which mode of F.pad?",
        ),
        Wrong(
            "pads with zeros",
            by(mode="constant"),
            says="beyond the edge there are zeros, which pull the median down.",
            look="which mode of F.pad?",
        ),
        Wrong(
            "cuts the window off at the edge",
            window_cut_off,
            says="at the border the window is smaller: only what lies within the image counts.",
            look="mirror the image, so that every window has size² values.",
        ),
        Wrong("goes round the edge", by(mode="wrap"), says="beyond one edge lies the other.", look="mirror the image."),
        Wrong(
            "takes the largest",
            by(way=ndimage.maximum_filter),
            says="the largest value of the window comes out: salt grows.",
            look="the middle one.",
        ),
        Wrong(
            "takes the value below the median",
            lambda images, size=3: filtered(
                images, size, way=ndimage.rank_filter, rank=max((size * size - 1) // 2 - 1, 0)
            ),
            says="the value one place below the middle comes out.",
            look="of size² sorted values the one in the middle has the index (size² − 1) / 2.",
        ),
        Wrong(
            "mixes the channels",
            all_channels,
            says="the median runs over all channels together; each has its own.",
            look="which axes does the window have?",
        ),
        Wrong(
            "loses the border",
            smaller,
            says="the image has shrunk: windows that leave it are left out.",
            look="pad first.",
        ),
        Wrong(
            "leaves the border as it was",
            edge_kept,
            says="pixels at the border keep their values.",
            look="pad first.",
        ),
        Wrong(
            "filters rows and columns one after the other",
            one_axis_each,
            says="medians of columns, and then of rows: for means that is the same, for medians it isn't.",
            look="all size² values of a window together.",
        ),
        Wrong(
            "always takes 3 × 3",
            always_three,
            says="the window is 3 × 3, whatever `size` is.",
            look="where `size` stands in your answer.",
        ),
        Wrong(
            "leaves the pixel itself out",
            without_itself,
            says="the middle pixel isn't in its own window.",
            look="size² values.",
        ),
        Wrong(
            "looks along a cross",
            cross_only,
            says="only the window's middle row and column count.",
            look="size² values.",
        ),
    ),
    hints=(
        'F.pad(images, (reach,) * 4, mode="reflect") with reach = size // 2.',
        "padded.unfold(2, size, 1).unfold(3, size, 1) gives (N, C, H, W, size, size): flatten the last two axes.",
        "torch.median(dim=-1) gives values and indices.",
    ),
    points=2,
    minutes=10,
    forbidden=IMAGES,
    speed=Speed(
        case=lambda rng: of_call("speed", images=rng.uniform(2, 3, 128, 128), size=3),
        limit=3.0,
        baseline=lambda images, size=3: (
            torch.nn.functional.unfold(
                torch.nn.functional.pad(images, (size // 2,) * 4, mode="reflect").flatten(0, 1)[:, None], size
            )
            .sort(1)
            .values[:, size * size // 2]
            .reshape(images.shape)
        ),
        against="windows, sorted",
    ),
)

EXERCISES = (MEDIAN,)
