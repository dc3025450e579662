"""Biases that tell attention how far apart two tokens are."""

import torch
from jaxtyping import Float
from torch import Tensor


def relative_position_bias_1d(table: Float[Tensor, "2*n-1 heads"], n: int) -> Float[Tensor, "heads n n"]:
    """A number for each pair of the n tokens of a row, by their distance alone: entry (h, i,
    j) for query i and key j is table[i − j + n − 1, h].

    n = 2, table [[5], [6], [7]]: row 0 is for i − j = −1, row 1 for 0, row 2 for 1. So the
    answer is [[6, 5], [7, 6]].

    Raises ValueError unless the table has 2 n − 1 rows. Source: Raffel and others,
    "Exploring the limits of transfer learning with a unified text-to-text transformer",
    2020, which has a number for each bucket of distances.
    """
    if len(table) != 2 * n - 1:
        raise ValueError(f"expected {2 * n - 1} rows for {n} tokens, got {len(table)}")
    place = torch.arange(n, device=table.device)
    row = place[:, None] - place[None, :] + n - 1
    return table[row].permute(2, 0, 1)


def relative_position_bias_2d(
    table: Float[Tensor, "(2*h-1)*(2*w-1) heads"], h: int, w: int
) -> Float[Tensor, "heads h*w h*w"]:
    """Likewise for the h × w tokens of a window, numbered row by row: query i at (yᵢ, xᵢ) and
    key j at (yⱼ, xⱼ) share row (yᵢ − yⱼ + h − 1) · (2 w − 1) + (xᵢ − xⱼ + w − 1) of the
    table.

    h = 1 is `relative_position_bias_1d` of w tokens. h = w = 2: token 1 is at (0, 1), token
    2 at (1, 0), so query 1 and key 2 share row (0 − 1 + 1) · 3 + (1 − 0 + 1) = 2.

    Raises ValueError unless the table has (2 h − 1)(2 w − 1) rows. Source: Liu and others,
    "Swin transformer", 2021. Peer: timm's `RelPosBias`.
    """
    if len(table) != (2 * h - 1) * (2 * w - 1):
        raise ValueError(f"expected {(2 * h - 1) * (2 * w - 1)} rows for {h} × {w} tokens, got {len(table)}")
    token = torch.arange(h * w, device=table.device)
    y, x = token // w, token % w
    down, across = y[:, None] - y[None, :] + h - 1, x[:, None] - x[None, :] + w - 1
    return table[down * (2 * w - 1) + across].permute(2, 0, 1)
