"""Parts that share no source, judged by who is where; which source lands in which part is left to chance."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any, Literal

import torch
from torch import Tensor

from autograder.exercises.resnet.draws import drawn, draws_of, repeated, repeats
from autograder.spec import Case, Exercise, Outputs, Rng, Wrong

Parts = tuple[Tensor, ...]
EVEN = (0.7, 0.15, 0.15)


def made(
    sources: Tensor,
    fractions: Sequence[float],
    seed: int,
    *,
    keeps: Literal["sources", "tiles"] = "sources",
    counts: Literal["tiles", "sources"] = "tiles",
    shuffled: bool = True,
    gives: Literal["tiles", "sources", "values"] = "tiles",
    lone: bool = False,
    coins: bool = False,
    global_state: bool = False,
    rest_left_out: bool = False,
    fills: Literal["neediest", "until full", "while it fits"] = "neediest",
    overlapping: bool = False,
) -> Parts:
    """Sources in a random order, cut where the fractions are reached, with the habits of mistakes."""
    if keeps == "tiles":
        sources = torch.arange(len(sources))
    names, counts_of = sources.unique(return_counts=True)
    generator = torch.manual_seed(seed) if global_state else torch.Generator().manual_seed(seed)
    order = torch.randperm(len(names), generator=generator).tolist() if shuffled else list(range(len(names)))
    sizes = counts_of[order].tolist() if counts == "tiles" else [1] * len(order)
    if lone:  # the order's first source for each part but the first one
        part_of = [k + 1 if k + 1 < len(fractions) else 0 for k in range(len(order))]
    elif coins:
        part_of = torch.multinomial(torch.tensor(fractions), len(order), True, generator=generator).tolist()
    else:
        part_of = _dealt(sizes, fractions) if fills == "neediest" else _filled(sizes, fractions, fills)
    if rest_left_out:
        part_of = [min(part, len(fractions) - 1) if part < len(fractions) - 1 else -1 for part in part_of]
    own = torch.empty(len(names), dtype=torch.long)
    own[order] = torch.tensor(part_of)
    part = own[torch.searchsorted(names, sources)]
    found = tuple((part == k).nonzero().flatten() for k in range(len(fractions)))
    if overlapping:  # the whole set to train on
        found = (torch.arange(len(sources)), *found[1:])
    if gives == "sources":
        return tuple(names[own == k] for k in range(len(fractions)))
    return tuple(sources[tiles] for tiles in found) if gives == "values" else found


def _dealt(sizes: Sequence[int], fractions: Sequence[float]) -> list[int]:
    """To each source, in order, the part that lacks most."""
    lacking = [fraction * sum(sizes) for fraction in fractions]
    found = []
    for size in sizes:
        found.append(lacking.index(max(lacking)))
        lacking[found[-1]] -= size
    return found


def _filled(sizes: Sequence[int], fractions: Sequence[float], fills: str) -> list[int]:
    """One part after the other, each closed when it is full, or when the next source no longer fits."""
    wanted = [fraction * sum(sizes) for fraction in fractions[:-1]] + [float("inf")]
    found, part, held = [], 0, 0
    for size in sizes:
        while held >= wanted[part] - 1e-6 if fills == "until full" else held + size > wanted[part] + 1e-6:
            part, held = part + 1, 0
        found.append(part)
        held += size
    return found


def oracle(sources: Tensor, fractions: Sequence[float] = EVEN, seed: int = 0) -> Parts:
    return made(sources, fractions, seed)


def _of_sizes(rng: Rng, sizes: Sequence[int]) -> Tensor:
    """So many tiles of each source, their numbers with gaps, in any order."""
    names = 3 * rng.permutation(len(sizes)) + 2
    return names.repeat_interleave(torch.tensor(sizes))[rng.permutation(sum(sizes))]


def cases(rng: Rng) -> Iterator[Case]:
    yield drawn(
        "six tiles of three sources, two halves, by hand",
        rng,
        note="source 7 has three tiles, the other two together three: 0 1 2 in one part, 3 4 5 in the other",
        sources=torch.tensor([7, 7, 7, 2, 2, 9]),
        fractions=(0.5, 0.5),
    )
    yield drawn("twenty sources of five tiles", rng, sources=_of_sizes(rng, [5] * 20), fractions=EVEN)
    yield drawn("every tile a source of its own", rng, sources=rng.permutation(60), fractions=(0.6, 0.2, 0.2))
    uneven = _of_sizes(rng, [1, 9] * 100)
    yield drawn("sources of 1 or 9 tiles", rng, times=12, sources=uneven, fractions=(0.5, 0.5))
    many = _of_sizes(rng, [1, 2, 3, 4, 5, 6, 7] * 5)
    yield drawn("eight parts", rng, times=3, sources=many, fractions=(0.125,) * 8)
    yield drawn("a part of nothing", rng, sources=_of_sizes(rng, [2] * 12), fractions=(0.75, 0.0, 0.25))
    yield repeated(rng, sources=_of_sizes(rng, [3] * 24), fractions=EVEN)


def measure(case: Case, outputs: Outputs) -> Outputs:
    """Whether sources stay whole, every tile has a place, sizes are right, and chance is at work."""
    sources, fractions = case.inputs["sources"], case.inputs["fractions"]
    if "again" in outputs:
        return repeats(outputs) | {"sources in their old order": _in_order(sources, outputs["one"])}
    facts: Outputs = {}
    for parts in draws_of(outputs):
        for name, value in _facts(sources, fractions, parts).items():
            facts[name] = facts.get(name, value) and value
    return facts


def _facts(sources: Tensor, fractions: Sequence[float], parts: Parts) -> dict[str, bool]:
    if any(part.dtype == torch.bool for part in parts):
        return {"numbers, not a mask": False}
    if any(part.dtype != torch.int64 or part.ndim != 1 for part in parts):
        raise ValueError("no numbers of tiles")
    everything = torch.cat(list(parts))
    n, largest = len(sources), int(sources.unique(return_counts=True)[1].max())
    facts = {
        "numbers, not a mask": True,
        "a part for each fraction": len(parts) == len(fractions),
        "only numbers of tiles": bool(((everything >= 0) & (everything < n)).all()),
    }
    if not all(facts.values()):
        return facts
    homes = [sources[part].unique() for part in parts]
    off = [len(part) - fraction * n for part, fraction in zip(parts, fractions, strict=True)]
    placed = everything.unique().numel()
    facts |= {
        "every tile is in a part": placed == n,
        "no tile is in two parts": placed == len(everything),
        "no source is in two parts": sum(map(len, homes)) == torch.cat(homes).unique().numel(),
        "sizes as they should be": max(map(abs, off)) < largest,
        "the last part isn't too large": off[-1] < largest,
        "the last part isn't too small": off[-1] > -largest,
        "ascending": all(torch.equal(part, part.sort().values) for part in parts),
    }
    many = {} if len(sources.unique()) < 12 else {"more than one source": any(len(home) > 1 for home in homes[1:])}
    return facts | many


def _in_order(sources: Tensor, parts: Parts) -> bool:
    """Whether the parts are what sources give that are dealt out, or cut, in their own order."""
    ends = [(int(sources[part].min()), int(sources[part].max())) for part in parts if len(part)]
    dealt = made(sources, EVEN, 0, shuffled=False)
    alike = len(parts) == len(dealt) and all(map(torch.equal, parts, dealt))
    return alike or all(a[1] < b[0] for a, b in pairwise(sorted(ends)))


def habit(**options: Any) -> Callable[..., Parts]:
    """The oracle with one habit changed."""

    def answer(sources: Tensor, fractions: Sequence[float] = EVEN, seed: int = 0) -> Parts:
        return made(sources, fractions, **{"seed": seed, **options})

    return answer


def places_for_names(sources: Tensor, fractions: Sequence[float] = EVEN, seed: int = 0) -> Parts:
    """As if sources were called 0, 1, 2, …"""
    part_of = torch.full((int(sources.max()) + 1,), -1)
    for number, part in enumerate(made(sources.unique(), fractions, seed)):
        part_of[part[part < len(part_of)]] = number
    return tuple((part_of[sources] == number).nonzero().flatten() for number in range(len(fractions)))


def masks(sources: Tensor, fractions: Sequence[float] = EVEN, seed: int = 0) -> Parts:
    return tuple(torch.isin(torch.arange(len(sources)), part) for part in made(sources, fractions, seed))


def sorted_randomly(sources: Tensor, fractions: Sequence[float] = EVEN, seed: int = 0) -> Parts:
    return tuple(part.flip(0) for part in made(sources, fractions, seed))


def _wrong(name: str, says: str, look: str, **options: Any) -> Wrong:
    return Wrong(name, habit(**options), says=says, look=look)


GROUP_SPLIT = Exercise(
    id="unet.group_split",
    cases=cases,
    oracle=oracle,
    measure=measure,
    wrong=(
        _wrong(
            "splits tiles",
            "tiles of one source lie in several parts: the test asks about images that training has seen.",
            "shuffle and deal out sources, not tiles.",
            keeps="tiles",
        ),
        _wrong(
            "counts sources",
            "the parts have the right shares of the sources, but not of the tiles.",
            "a fraction of N tiles is asked for; sources have different numbers of them.",
            counts="sources",
        ),
        _wrong(
            "draws a part for each source",
            "each source falls into a part by a throw of the dice, so sizes are right on average only.",
            "deal them out, and keep count of what each part still lacks.",
            coins=True,
        ),
        _wrong(
            "leaves the rest to the last part",
            "each part stops before it would get too large, and the last one gets what is left, which adds up.",
            "which part lacks most?",
            fills="while it fits",
        ),
        _wrong(
            "fills each part to the brim",
            "each part takes sources until it has enough, so all get a little too many, and the last one far too few.",
            "which part lacks most?",
            fills="until full",
        ),
        _wrong(
            "holds out one source each",
            "every part but the first gets a single source.",
            "how many tiles does each part lack?",
            lone=True,
        ),
        _wrong(
            "never shuffles",
            "sources are dealt out in their own order. They often come sorted, by hospital or by date.",
            "torch.randperm with a generator.",
            shuffled=False,
        ),
        _wrong(
            "leaves tiles out",
            "the last part is empty; it takes what the others leave.",
            "does every tile have a place?",
            rest_left_out=True,
        ),
        _wrong(
            "trains on everything",
            "the first part holds all tiles, those of the other parts too.",
            "a tile is in one part.",
            overlapping=True,
        ),
        _wrong(
            "gives sources",
            "the parts list sources; asked for are the numbers of their tiles.",
            "tile i belongs to the part of sources[i].",
            gives="sources",
        ),
        _wrong(
            "gives each tile's source",
            "the parts hold the sources' names, one for each tile; asked for are the tiles' numbers.",
            "nonzero gives places, a mask as an index gives values.",
            gives="values",
        ),
        Wrong(
            "takes a source's place for its name",
            places_for_names,
            says="sources are taken to be called 0, 1, 2, …; tiles of all other names are in no part.",
            look="unique gives their names. In the first case they are 2, 7 and 9.",
        ),
        Wrong(
            "gives masks",
            masks,
            says="the parts say True or False for every tile; asked for are the numbers of their tiles.",
            look="nonzero.",
        ),
        Wrong(
            "leaves tiles unsorted",
            sorted_randomly,
            says="the right tiles are in each part, but not in ascending order.",
            look="the contract's last sentence about parts.",
        ),
        _wrong("ignores the seed", "every seed gives the same parts.", "hand seed to your generator.", seed=0),
        _wrong(
            "moves the global random state",
            "torch.manual_seed was called, so that whatever is random afterwards starts anew.",
            "a generator of your own: torch.Generator().manual_seed(seed).",
            global_state=True,
        ),
    ),
    hints=(
        "sources.unique(return_inverse=True, return_counts=True) gives the sources, each tile's, and their sizes.",
        "Keep a list of how many tiles each part still lacks, at first fraction · N.",
        "Sources in random order, each to the part that lacks most. Then a tile's part is that of its source: "
        "(part[source_of] == i).nonzero().flatten().",
    ),
    points=3,
    minutes=15,
    forbidden=("sklearn", "torch.utils.data"),
)

EXERCISES = (GROUP_SPLIT,)
