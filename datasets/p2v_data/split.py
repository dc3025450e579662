"""Stratified choice: every class gets its share, and the same seed always gives the same images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Int
    from numpy import ndarray

SPLIT_SEED = 20


def stratified_split(
    labels: Int[ndarray, " N"], chosen: int, seed: int
) -> tuple[Int[ndarray, " N-chosen"], Int[ndarray, " chosen"]]:
    """Positions left over and positions chosen, each in random order, disjoint, together all of ``labels``.

    Each class gives its share of ``chosen``, rounded so that the total is exact.

    Args:
        labels: the class of each image.
        chosen: how many to choose, 0..N.
        seed: the same seed gives the same choice on every machine and NumPy version.

    Raises:
        ValueError: ``chosen`` is more than there is, or negative.
    """
    if not 0 <= chosen <= len(labels):
        raise ValueError(f"{chosen} images asked for; this set can give 0 to {len(labels)}.")
    random = np.random.RandomState(seed)  # the legacy generator: its stream is promised never to change
    order = random.permutation(len(labels))
    classes, counts = np.unique(labels, return_counts=True)
    take = np.zeros(len(labels), dtype=bool)
    for name, share in zip(classes, _shares(counts, chosen), strict=True):
        take[order[labels[order] == name][:share]] = True
    return random.permutation(order[~take[order]]), random.permutation(order[take[order]])


def _shares(counts: Int[ndarray, " K"], total: int) -> Int[ndarray, " K"]:
    """``total`` divided in proportion to ``counts``; what rounding down leaves over goes to the largest remainders."""
    exact = counts * total
    everyone = max(int(counts.sum()), 1)
    shares = exact // everyone
    remainders = exact % everyone
    left_over = total - int(shares.sum())
    shares[np.argsort(-remainders, kind="stable")[:left_over]] += 1
    return shares
