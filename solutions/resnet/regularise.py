"""Leaving things out at random while training, so that nothing can be relied on: single values, or whole branches."""

import torch
from jaxtyping import Float
from torch import Tensor


def dropout(x: Float[Tensor, "..."], p: float = 0.5, training: bool = True, seed: int = 0) -> Float[Tensor, "..."]:
    """Set each value of `x` to 0 with probability `p`, and divide the others by 1 − p.

    So the expected value stays what it was, and in evaluation (`training=False`) there is nothing
    to do: the values come back as they are. Every value draws for itself. With p = 1 all are 0.

    `1 2 3 4` with p = 0.5 may become `2 0 0 8`.

    Equal `seed`s give equal results; the global random state is left as it was. Raises ValueError
    unless 0 ≤ p ≤ 1. Source: Srivastava and others 2014, in today's "inverted" form. Peer:
    `F.dropout`.
    """
    if not 0 <= p <= 1:
        raise ValueError(f"p is a probability, expected 0 to 1, got {p}")
    if not training:
        return x
    kept = torch.rand(x.shape, generator=torch.Generator().manual_seed(seed)) >= p
    return x * kept.to(x) / (1 - p if p < 1 else 1)


def drop_path(x: Float[Tensor, "N *S"], p: float = 0.1, training: bool = True, seed: int = 0) -> Float[Tensor, "N *S"]:
    """Set whole samples of `x` to 0, each with probability `p`, and divide the others by 1 − p.

    `x` is what a residual branch adds: without it the block is the identity, so for that sample the
    network is one block shorter ("stochastic depth"). In evaluation (`training=False`) the values
    come back as they are. With p = 1 all are 0.

    Rows `1 2`, `3 4`, `5 6` with p = 0.5 may become `2 4`, `0 0`, `10 12`.

    Equal `seed`s give equal results; the global random state is left as it was. Raises ValueError
    unless 0 ≤ p ≤ 1. Source: Huang and others 2016. Peer: timm's `drop_path`.
    """
    branches = x.new_ones(len(x), *[1] * (x.ndim - 1))
    return x * dropout(branches, p, training, seed)
