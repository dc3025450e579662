"""Folds for cross-validation, judged by who validates where; which samples share a fold is left to chance."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, Literal

import torch
from torch import Tensor

from autograder.exercises.resnet.draws import drawn, draws_of, repeated, repeats
from autograder.spec import Case, Exercise, Outputs, Rng, Wrong

Folds = list[tuple[Tensor, Tensor]]


def made(
    n: int,
    k: int,
    seed: int,
    groups: Tensor | None,
    *,
    shuffled: bool = True,
    shuffles_groups: bool = True,
    grouped: bool = True,
    balanced: bool = True,
    drops_rest: bool = False,
    rest_to_last: bool = False,
    swapped: bool = False,
    trains_on: Literal["others", "all", "one fold"] = "others",
    holdouts: bool = False,
) -> Folds:
    """Training and validation indices of each fold, with the habits of mistakes."""
    generator = torch.Generator().manual_seed(seed)
    alone = groups is None or not grouped
    whose: list[int] = list(range(n)) if groups is None or not grouped else groups.tolist()
    names = sorted(set(whose))
    members = {name: [sample for sample in range(n) if whose[sample] == name] for name in names}
    random = shuffled and (alone or shuffles_groups)
    order = torch.randperm(len(names), generator=generator).tolist() if random else range(len(names))
    chosen = [names[i] for i in order]
    if balanced:
        chosen.sort(key=lambda name: -len(members[name]))
    folds: list[list[int]] = [[] for _ in range(k)]
    for place, name in enumerate(chosen):
        fold = min(folds, key=len) if balanced else folds[place % k]
        fold.extend(members[name])
    if alone and drops_rest:
        folds = [fold[: n // k] for fold in folds]
    if alone and rest_to_last:
        flat = [sample for fold in folds for sample in fold]
        size = n // k
        folds = [flat[i * size : (i + 1) * size if i < k - 1 else n] for i in range(k)]
    if holdouts:  # a fresh split for each fold
        folds = [torch.randperm(n, generator=generator).tolist()[: n // k] for _ in folds]
    return [_pair(n, folds, i, trains_on, swapped) for i in range(k)]


def _pair(n: int, folds: list[list[int]], i: int, trains_on: str, swapped: bool) -> tuple[Tensor, Tensor]:
    own = set(folds[i])
    others = [sample for sample in range(n) if sample not in own]
    train = {"others": others, "all": list(range(n)), "one fold": folds[(i + 1) % len(folds)]}[trains_on]
    pair = torch.tensor(train), torch.tensor(folds[i])
    return pair[::-1] if swapped else pair


def oracle(n: int, k: int, seed: int = 0, groups: Tensor | None = None) -> Folds:
    return made(n, k, seed, groups)


def cases(rng: Rng) -> Iterator[Case]:
    yield drawn(
        "five samples, two folds, by hand",
        rng,
        note="say the folds hold 1 4 and 0 2 3: then train on 0 2 3 and validate on 1 4, and the other way round",
        n=5,
        k=2,
    )
    yield drawn("60 samples, 5 folds", rng, n=60, k=5)
    yield drawn("23 samples, 4 folds", rng, n=23, k=4)
    yield drawn("as many folds as samples", rng, n=7, k=7)
    threes = torch.arange(8).repeat_interleave(3)[rng.permutation(24)]
    yield drawn("24 samples of 8 patients, 4 folds", rng, n=24, k=4, groups=threes)
    sizes = torch.tensor([20, 1, 2, 9, 8, 1, 1, 7, 5, 6])
    names = 7 * torch.arange(10) + 3
    uneven = names.repeat_interleave(sizes)[rng.permutation(60)]
    yield drawn("groups of 1 to 20 samples, 3 folds", rng, n=60, k=3, groups=uneven)
    yield drawn("two groups, two folds", rng, n=9, k=2, groups=torch.tensor([5, 5, 2, 5, 2, 2, 2, 5, 2]))
    yield repeated(rng, n=40, k=4)
    pairs = torch.arange(20).repeat_interleave(2)[rng.permutation(40)]
    yield repeated(rng, "20 groups: the same seed twice, then another", n=40, k=4, groups=pairs)


def measure(case: Case, outputs: Outputs) -> Outputs:
    """Who validates, who trains, how large the folds are, and whether groups stay together."""
    if "again" in outputs:
        return repeats(outputs) | {"samples in their old order": _in_order(outputs["one"])}
    (folds,) = draws_of(outputs)
    n, k, groups = case.inputs["n"], case.inputs["k"], case.inputs.get("groups")
    if any(part.dtype != torch.int64 or part.ndim != 1 for pair in folds for part in pair):
        raise ValueError("no indices")
    validated = torch.cat([val for _, val in folds])
    sizes = [len(val) for _, val in folds]
    facts: Outputs = {
        "number of folds": len(folds),
        "every sample validates exactly once": sorted(validated.tolist()) == list(range(n)),
        "samples both trained and validated on": max(len(set(a.tolist()) & set(b.tolist())) for a, b in folds) > 0,
        "every fold trains on all other samples": all(
            sorted(torch.cat(pair).tolist()) == list(range(n)) for pair in folds
        ),
        "validates on fewer samples than it trains on": k == 2 or all(len(a) > len(b) for a, b in folds),
    }
    if groups is None:
        facts["sizes of the folds differ by more than 1"] = max(sizes) - min(sizes) > 1
    else:
        homes = [set(groups[val].tolist()) for _, val in folds]
        facts["a group is in two folds"] = sum(map(len, homes)) > len(set().union(*homes))
        facts["folds are as even as the rule makes them"] = sorted(sizes) == _sizes_by_rule(groups, k)
    return facts


def _sizes_by_rule(groups: Tensor, k: int) -> list[int]:
    """Sizes of the folds when each group, the largest first, goes to the emptiest fold; ties don't change them."""
    filled = [0] * k
    for size in groups.unique(return_counts=True)[1].sort(descending=True).values.tolist():
        filled[filled.index(min(filled))] += size
    return sorted(filled)


def _in_order(folds: Folds) -> bool:
    """Whether each fold holds neighbours, or every k-th sample: nothing was shuffled."""
    n = sum(len(val) for _, val in folds)
    sets = [sorted(val.tolist()) for _, val in folds]
    return all(len({b - a for a, b in pairwise(fold)}) == 1 for fold in sets) and n > 0


def habit(**options: Any) -> Callable[..., Folds]:
    """The oracle with one habit changed."""

    def answer(n: int, k: int, seed: int = 0, groups: Tensor | None = None) -> Folds:
        return made(n, k, **{"seed": seed, "groups": groups, **options})

    return answer


def _wrong(name: str, says: str, look: str, **options: Any) -> Wrong:
    return Wrong(name, habit(**options), says=says, look=look)


K_FOLD = Exercise(
    id="resnet.k_fold",
    cases=cases,
    oracle=oracle,
    measure=measure,
    wrong=(
        _wrong(
            "ignores the groups",
            "samples of one group are in several folds: the network is asked about patients it has seen.",
            "shuffle and deal out the groups, not the samples.",
            grouped=False,
        ),
        _wrong(
            "deals groups out in turn",
            "each fold gets as many groups, however large they are, so some folds are far larger than others.",
            "give a group to the fold that has the fewest samples so far, large groups first.",
            balanced=False,
        ),
        _wrong(
            "never shuffles",
            "neighbours stay together. Data often come sorted, by class or by hospital.",
            "torch.randperm with a generator.",
            shuffled=False,
        ),
        _wrong(
            "never shuffles the groups",
            "with groups every seed gives the same folds: only their sizes decide.",
            "shuffle the groups, then sort them by size; argsort(stable=True) keeps the order among equals.",
            shuffles_groups=False,
        ),
        _wrong(
            "leaves samples out",
            "when k doesn't divide n, the samples that are left over never validate.",
            "some folds are larger by one.",
            drops_rest=True,
        ),
        _wrong(
            "gives the last fold the rest",
            "when k doesn't divide n, the last fold gets all that is left over; sizes may differ by 1 at most.",
            "deal them out one by one.",
            rest_to_last=True,
        ),
        _wrong(
            "swaps training and validation",
            "each pair begins with the fold itself: it trains on one part and validates on all the others.",
            "(all other samples, its own).",
            swapped=True,
        ),
        _wrong(
            "trains on all samples",
            "the samples of the fold are trained on too.",
            "training is what is left when the fold is taken out.",
            trains_on="all",
        ),
        _wrong(
            "trains on one other fold",
            "each fold trains on one other fold only; it should train on all others.",
            "how many samples are in no fold of the pair?",
            trains_on="one fold",
        ),
        _wrong(
            "splits anew for each fold",
            "each fold is a fresh random split, so some samples validate several times and others never.",
            "shuffle once, then cut.",
            holdouts=True,
        ),
        _wrong("ignores the seed", "every seed gives the same folds.", "hand seed to your generator.", seed=0),
    ),
    hints=(
        "Without groups each sample is a group of its own: one piece of code does both.",
        "groups.unique(return_inverse=True, return_counts=True) gives groups, the group of each sample, and sizes.",
        "Give each group, in a shuffled order with the largest first, to the fold with the fewest samples so far. Then "
        "the fold of a sample is that of its group, and fold i validates on (fold == i).nonzero().flatten().",
    ),
    points=3,
    minutes=20,
    forbidden=("sklearn", "torch.utils.data"),
)

EXERCISES = (K_FOLD,)
