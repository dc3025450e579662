"""Predictions for images that are too large for one pass: tile by tile, blended."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor


def tile_and_stitch(
    model: Callable[[Tensor], Tensor],
    image: Float[Tensor, "C H W"],
    tile: int,
    overlap: int,
    batch: int = 8,
) -> Float[Tensor, "K H W"]:
    """What `model` says about a large image, asked tile by tile and blended without seams.

    Along each axis tiles of `tile` pixels begin at 0, tile − overlap, 2 · (tile − overlap), … as
    long as they lie inside, and the last one is moved back so that it ends with the image. An axis
    shorter than a tile is one tile of its own length. Tiles go through the model row by row, `batch`
    at a time, without gradients; `model` gives (n, K, h, w) for (n, C, h, w).

    Where tiles overlap, the result is their weighted mean. A pixel's weight in a tile is the product
    of two numbers, one an axis: its distance in pixels to the nearer end of the tile, 0 for the first
    and the last pixel, but at least 1e-6, so that no sum of weights is 0.

    Six columns, tile 4, overlap 2: tiles at 0 and 2, each with the weights 1e-6 1 1 1e-6. Column 2
    has weight 1 in the first and 1e-6 in the second, column 3 the other way round.

    What is averaged is what the model gives: give it probabilities if these are to be averaged. Its
    mode is left as it is. Raises ValueError unless 0 ≤ overlap < tile. Source: Ronneberger and others
    2015, figure 2 (overlapping tiles). Peer: MONAI's `sliding_window_inference`, with other weights.
    """
    if not 0 <= overlap < tile:
        raise ValueError(f"expected 0 ≤ overlap < tile, got overlap {overlap} and tile {tile}")
    spots, ramps = [], []
    for length in image.shape[1:]:
        spots.append([*range(0, length - tile, tile - overlap), max(length - tile, 0)])
        near = torch.arange(min(tile, length), device=image.device)
        ramps.append(near.minimum(near.flip(0)).to(image.dtype).clamp(min=1e-6))
    window = ramps[0][:, None] * ramps[1]
    high, wide = window.shape
    corners = [(top, left) for top in spots[0] for left in spots[1]]
    total, weight = image.new_zeros(()), image.new_zeros(image.shape[1:])
    for first in range(0, len(corners), batch):
        group = corners[first : first + batch]
        with torch.no_grad():
            said = model(torch.stack([image[:, top : top + high, left : left + wide] for top, left in group]))
        if not first:
            total = said.new_zeros(said.shape[1], *image.shape[1:])
        for (top, left), part in zip(group, said, strict=True):
            total[:, top : top + high, left : left + wide] += window * part
            weight[top : top + high, left : left + wide] += window
    return total / weight
