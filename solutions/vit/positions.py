"""Where a token stands: learned places, sines and cosines, and places for images of another size."""

import torch
from jaxtyping import Float
from torch import Tensor, nn


def sincos_2d(grid: tuple[int, int], dim: int, base: float = 10_000.0) -> Float[Tensor, "n dim"]:
    """Places made of waves: for each cell of a `grid` of rows and columns, row by row, `dim`
    numbers in four quarters, sin(y·ω), sin(x·ω), cos(y·ω), cos(x·ω).

    y is the row, x the column, both from 0. A quarter holds dim / 4 frequencies
    ω_k = base^(−k / (dim / 4)), k = 0, 1, …: from one radian a cell to slow waves.

    dim 4 has the one frequency ω = 1. Grid (1, 2): [0, 0, 1, 1] and [0, sin 1, 1, cos 1] =
    [0, 0.841, 1, 0.540].

    The result is float32. Raises ValueError unless 4 divides `dim`. Source: Vaswani and others
    2017, section 3.5, for both axes. Peer: timm's `build_sincos2d_pos_embed`.
    """
    if dim % 4:
        raise ValueError(f"dim must be a multiple of 4 (sine and cosine, rows and columns), got {dim}")
    frequencies = base ** (-torch.arange(dim // 4) / (dim // 4))
    cells = torch.cartesian_prod(torch.arange(grid[0]), torch.arange(grid[1]))  # (n, 2): y, x
    angles = (cells[:, :, None] * frequencies).flatten(1)  # the rows' angles, then the columns'
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def add_positions(
    tokens: Float[Tensor, "N n dim"],
    pos_embed: Float[Tensor, "1 m dim"],
    cls_token: Float[Tensor, "1 1 dim"] | None = None,
) -> Float[Tensor, "N m dim"]:
    """Put the class token in front of each image's tokens, if there is one, and add to every
    token the position that belongs to it.

    `pos_embed` has a row for the class token too, the first: m = n + 1, or n without one. The
    class token is the same for every image, and gets its position like any other.

    Tokens [1], [2], class token [9], positions [0.1], [0.2], [0.3]: [9.1], [1.2], [2.3].

    Raises ValueError if the numbers of tokens and positions differ. Source: Dosovitskiy and
    others 2021, equation 1.
    """
    if cls_token is not None:
        tokens = torch.cat([cls_token.expand(len(tokens), -1, -1), tokens], dim=1)
    if tokens.shape[1] != pos_embed.shape[1]:
        raise ValueError(f"{tokens.shape[1]} tokens, class token included, but {pos_embed.shape[1]} positions")
    return tokens + pos_embed


def interpolate_pos_embed(
    pos_embed: Float[Tensor, "1 m dim"],
    grid: tuple[int, int],
    old_grid: tuple[int, int] | None = None,
    extra: int = 1,
) -> Float[Tensor, "1 M dim"]:
    """Positions learned on an `old_grid` of patches, for a `grid` of other size: the model then
    takes images larger or smaller than those it was trained on.

    The first `extra` rows belong to no place (a class token's) and stay as they are. The others,
    row by row, are a picture of dim channels; it is resized as photographs are, by
    `F.interpolate` with mode "bicubic" and antialias. Without `old_grid` the old one is square.
    The same size gives `pos_embed` itself. M = extra + grid[0] · grid[1].

    Class token [9], places [1], [2] / [3], [6], grid (1, 1): all four are as far from the middle,
    (1 + 2 + 3 + 6) / 4 = 3, so [9], [3].

    Raises ValueError unless there are `extra` + old_grid[0] · old_grid[1] rows. Source:
    Dosovitskiy and others 2021, section 3.2. Peer: timm's `resample_abs_pos_embed`.
    """
    count = pos_embed.shape[1] - extra
    side = round(max(count, 0) ** 0.5)
    old_grid = (side, side) if old_grid is None else old_grid
    if old_grid[0] * old_grid[1] != count:
        wanted = f"{old_grid[0]} × {old_grid[1]}"
        raise ValueError(f"{count} positions after the first {extra} don't fill a grid of {wanted}")
    if grid == old_grid:
        return pos_embed
    first, places = pos_embed[:, :extra], pos_embed[:, extra:]
    picture = places.unflatten(1, old_grid).movedim(-1, 1)
    resized = nn.functional.interpolate(picture, grid, mode="bicubic", antialias=True)
    return torch.cat([first, resized.movedim(1, -1).flatten(1, 2)], dim=1)
