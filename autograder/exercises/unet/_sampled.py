"""Looking pictures up between their pixels, written out in full: every new pixel weighs all the old ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

import torch
from torch import Tensor

from autograder.spec import Case, Ref, Rng, backward, call

Pair = tuple[Tensor, Tensor]
Beyond = Literal["mirrored", "doubled", "repeated"]  # … b a b …, … a a b …, … a a a …
FAR = 4  # how many sizes beyond the border a place may lie


def _extended(size: int, how: Beyond) -> tuple[Tensor, Tensor]:
    """Numbers of pixels far beyond the border on both sides, and which old pixel each of them shows."""
    numbers = torch.arange(-FAR * size, (FAR + 1) * size)
    how_to: dict[str, Callable[[int], int]] = {
        "mirrored": lambda i: min(i % max(1, 2 * size - 2), -i % max(1, 2 * size - 2)),
        "doubled": lambda i: min(i % (2 * size), (-i - 1) % (2 * size)),
        "repeated": lambda i: min(max(i, 0), size - 1),
    }
    return numbers, torch.tensor([how_to[how](int(i)) for i in numbers])


def _weights(places: Tensor, size: int, beyond: Beyond | None, *, nearest: bool, floored: bool = False) -> Tensor:
    """(…, size): how much of every old pixel goes into a place on one axis."""
    numbers, shown = (torch.arange(size),) * 2 if beyond is None else _extended(size, beyond)
    away = places[..., None] - numbers.to(places)
    if nearest:
        near = (away >= 0) & (away < 1) if floored else (away > -0.5) & (away <= 0.5)
        weight = near.to(places)
    else:
        weight = (1 - away.abs()).clamp(min=0)
    return weight @ torch.nn.functional.one_hot(shown, size).to(places)


def image_at(images: Tensor, at: Tensor, beyond: Beyond | None = None, *, nearest: bool = False) -> Tensor:
    """The images at places (row, column); beyond None: all is 0 there."""
    rows, columns = (_weights(at[..., k].double(), images.shape[2 + k], beyond, nearest=nearest) for k in range(2))
    return torch.einsum("nhwr,nhwk,ncrk->nchw", rows, columns, images.double()).to(images.dtype)


def mask_at(
    masks: Tensor, at: Tensor, beyond: Beyond | None = None, outside: int = 0, *, floored: bool = False
) -> Tensor:
    """The labels at places (row, column); beyond None: `outside` there."""
    rows, columns = (
        _weights(at[..., k].double(), masks.shape[1 + k], beyond, nearest=True, floored=floored) for k in range(2)
    )
    found = torch.einsum("nhwr,nhwk,nrk->nhw", rows, columns, masks.double() - outside) + outside
    return found.round().to(masks.dtype)


def pair_at(images: Tensor, masks: Tensor, at: Tensor, outside: int | None) -> Pair:
    """What `sample_pair` should give."""
    beyond: Beyond | None = "mirrored" if outside is None else None
    return image_at(images, at, beyond), mask_at(masks, at, beyond, outside or 0)


def own_places(height: int, width: int) -> Tensor:
    """(H, W, 2): every pixel's own row and column."""
    rows, columns = torch.arange(height), torch.arange(width)
    return torch.stack(torch.meshgrid(rows, columns, indexing="ij"), dim=-1).double()


def clear(at: Tensor, margin: float = 2e-3) -> bool:
    """Whether no place lies so near the middle between two pixels that rounding might go either way."""
    return bool(((at.double() % 1 - 0.5).abs() > margin).all())


def labels(rng: Rng, *shape: int, dtype: torch.dtype = torch.int64) -> Tensor:
    """Masks with the labels 0, 1, 5 and 200, so that no mean of two is a third."""
    return torch.tensor([0, 1, 5, 200])[rng.integers(0, 4, *shape)].to(dtype)


def with_gradient(case: Case) -> Case:
    """The case, with the gradient that comes back through the image of the pair."""
    given: dict[str, Any] = {key: Ref(key) for key in case.inputs}
    steps = (
        call("out", **given),
        call("image", 0, target="out", method="__getitem__"),
        backward("image", "images"),
    )
    return replace(case, steps=steps)
