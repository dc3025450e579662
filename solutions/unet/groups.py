"""Parts for training, validation and test that share no source image."""

from collections.abc import Sequence

import torch
from jaxtyping import Int
from torch import Tensor


def group_split(
    sources: Int[Tensor, " N"], fractions: Sequence[float] = (0.7, 0.15, 0.15), seed: int = 0
) -> tuple[Int[Tensor, " n"], ...]:
    """Split the tiles 0 … N − 1 into one part for each of `fractions`, so that all tiles of a source
    image lie in the same part.

    `sources` says for each tile which image it was cut from. Sources are dealt out whole and in
    random order, and no part is off its fraction · N tiles by as many as the largest source has.
    Each part is given as the numbers of its tiles, ascending.

    Sources 7 7 7 2 2 9, fractions ½ and ½: three tiles each, so either source 7 alone (0 1 2) and
    the other two (3 4 5), or the other way round.

    Equal `seed`s give equal parts; the global random state is left as it was. Raises ValueError if
    a fraction is negative or they don't sum to 1. Peer: scikit-learn's `GroupShuffleSplit`, which
    counts sources, not tiles.
    """
    if min(fractions) < 0 or abs(sum(fractions) - 1) > 1e-6:
        raise ValueError(f"fractions are shares of 1 that sum to 1, got {tuple(fractions)}")
    _, source_of, sizes = sources.unique(return_inverse=True, return_counts=True)
    order = torch.randperm(len(sizes), generator=torch.Generator().manual_seed(seed))
    missing = [fraction * len(sources) for fraction in fractions]
    part_of = torch.empty_like(sizes)
    for source in order.tolist():
        part_of[source] = neediest = missing.index(max(missing))
        missing[neediest] -= int(sizes[source])
    part = part_of[source_of]
    return tuple((part == i).nonzero().flatten() for i in range(len(fractions)))
