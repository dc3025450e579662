"""Choosing what training itself can't learn: folds to measure on, and settings found by trying."""

import math
from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor


def k_fold(
    n: int, k: int, seed: int = 0, groups: Int[Tensor, "n"] | None = None
) -> list[tuple[Int[Tensor, "train"], Int[Tensor, "val"]]]:
    """Split the samples 0 … n − 1 into `k` folds, and give for each fold the indices (of all other
    samples, of its own): what to train on, and what to validate on.

    Every sample validates exactly once. Which fold it falls into is random.

    - Without `groups`, the sizes of the folds differ by 1 at most.
    - With `groups`, one number for each sample (say which patient it shows), no group is in two
      folds. Groups are taken in a random order but the larger ones first, each into the fold that
      has the fewest samples so far: so the sizes differ by no more than the largest group has.

    n = 5, k = 2 may give ([0, 2, 3], [1, 4]) and ([1, 4], [0, 2, 3]).

    Equal `seed`s give equal folds; the global random state is left as it was. Raises ValueError
    unless 2 ≤ k ≤ the number of samples, or of groups if there are any. Peer: scikit-learn's
    `KFold` and `GroupKFold`.
    """
    members = torch.arange(n) if groups is None else groups
    found, group_of, sizes = members.unique(return_inverse=True, return_counts=True)
    if not 2 <= k <= len(found):
        raise ValueError(f"expected 2 to {len(found)} folds, got {k}")
    order = torch.randperm(len(found), generator=torch.Generator().manual_seed(seed)).to(sizes.device)
    order = order[sizes[order].argsort(descending=True, stable=True)]
    fold_of, filled = torch.empty_like(sizes), [0] * k
    for group, size in zip(order.tolist(), sizes[order].tolist(), strict=True):
        fold_of[group] = emptiest = filled.index(min(filled))
        filled[emptiest] += size
    fold = fold_of[group_of]
    return [((fold != i).nonzero().flatten(), (fold == i).nonzero().flatten()) for i in range(k)]


def log_uniform(low: float, high: float, n: int, seed: int = 0) -> Float[Tensor, "n"]:
    """`n` random numbers between `low` and `high` whose *logarithm* is uniform, as float64.

    Every factor of ten gets its equal share: between 0.001 and 1 a third of the numbers lies below
    0.01, a third between 0.01 and 0.1, a third above.

    Equal `seed`s give equal numbers; the global random state is left as it was. Raises ValueError
    unless 0 < low ≤ high.
    """
    if not 0 < low <= high:
        raise ValueError(f"expected 0 < low ≤ high, got {low} and {high}")
    share = torch.rand(n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return torch.exp(math.log(low) + math.log(high / low) * share)


def random_search(
    objective: Callable[[dict[str, float], int], float],
    space: dict[str, tuple[float, float]],
    trials: int,
    budget: int = 1,
    seed: int = 0,
) -> dict[str, Any]:
    """Try random settings, stop the bad ones early, and give the best.

    `objective(settings, budget)` is the validation loss after training with these settings for
    `budget` epochs; lower is better, and a loss that is not finite is the worst there is. `space`
    says for the name of each setting between which (low, high) it is drawn, log-uniformly and
    independent of the others.

    All `trials` settings are drawn and run with `budget`. The better half of them (rounded up) runs
    again with twice the budget, the better half of these with four times, and so on until one is
    left; the run of that one alone is the last.

    Five trials and budget 1: 5 runs with budget 1, 3 with 2, 2 with 4, 1 with 8.

    The answer is `{"settings": …, "loss": …, "history": …}`: the settings that are left, their loss
    in the last run, and a list of all runs in order, each (settings, budget, loss).

    Equal `seed`s try equal settings; the global random state is left as it was. Raises ValueError
    if there is no trial or no setting. Source: Bergstra and Bengio 2012 for the random search, Jamieson and
    Talwalkar 2016 for the halving.
    """
    if trials < 1 or not space:
        raise ValueError(f"expected at least one trial and one setting, got {trials} and {len(space)}")
    seeds = torch.randint(1 << 31, (len(space),), generator=torch.Generator().manual_seed(seed)).tolist()
    columns = [log_uniform(*ends, trials, own).tolist() for ends, own in zip(space.values(), seeds, strict=True)]
    alive = [dict(zip(space, row, strict=True)) for row in zip(*columns, strict=True)]
    history: list[tuple[dict[str, float], int, float]] = []
    while True:
        runs = [(settings, budget, objective(settings, budget)) for settings in alive]
        history += runs
        if len(runs) == 1:
            return {"settings": runs[0][0], "loss": runs[0][2], "history": history}
        runs.sort(key=lambda run: run[2] if math.isfinite(run[2]) else math.inf)
        alive = [settings for settings, _, _ in runs[: (len(runs) + 1) // 2]]
        budget *= 2
