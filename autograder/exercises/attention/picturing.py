"""What a query looks at, as a picture for each head."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from autograder.exercises.attention.spreading import shares
from autograder.spec import Case, Exercise, Rng, Speed, Wrong, of_call

Size = tuple[int, int]


def oracle(weights: Tensor, size: Size, query: int = 0, extra: int = 0) -> Tensor:
    height, width = size
    looks = weights.select(2, query)
    rows = [looks[..., extra + row * width : extra + (row + 1) * width] for row in range(height)]
    return shared_out(torch.stack(rows, dim=2))


def shared_out(maps: Tensor) -> Tensor:
    """Divided by the sum over the last two axes, where that isn't 0."""
    total = maps.sum((2, 3), keepdim=True)
    return torch.where(total > 0, maps / total.masked_fill(total == 0, 1.0), 0.0)


def case(name: str, weights: Tensor, size: Size, query: int, extra: int, *gradients: str) -> Case:
    terms = size[0] * size[1]
    return of_call(name, weights=weights, size=size, query=query, extra=extra, gradients=gradients, terms=terms)


def blind(rng: Rng) -> Tensor:
    """Head 1 looks at the first token alone."""
    weights = shares(rng, 2, 3, 7, 7)
    weights[:, 1] = torch.eye(7)[0]
    return weights


def cases(rng: Rng) -> Iterator[Case]:
    weights = torch.full((1, 1, 5, 5), 0.2)
    weights[0, 0, 1] = torch.tensor([0.5, 0.1, 0.1, 0.3, 0.0])
    yield of_call(
        "a class token and 2 × 2 places, query 1, by hand",
        weights=weights,
        size=(2, 2),
        query=1,
        extra=1,
        expect=torch.tensor([[[[0.2, 0.2], [0.6, 0.0]]]]),
        note="without the class token's 0.5 the weights sum to 0.5; divided by it: 0.2, 0.2 and 0.6, 0",
        terms=4,
    )
    yield case("3 × 4 places, two heads", shares(rng, 1, 2, 12, 12), (3, 4), 5, 0)
    yield case("4 × 4 places, a class token, batch of 2", shares(rng, 2, 3, 17, 17), (4, 4), 9, 1, "weights")
    yield of_call("nothing but the size", weights=shares(rng, 2, 2, 6, 6), size=(2, 3), terms=6)
    yield case("the class token asks", shares(rng, 2, 2, 10, 10), (3, 3), 0, 1)
    yield case("four registers before the places", shares(rng, 1, 3, 14, 14), (2, 5), 8, 4)
    yield case("the last query looks at another image", shares(rng, 2, 2, 4, 16), (5, 3), 3, 1)
    yield case("one head looks at the class token alone", blind(rng), (3, 2), 4, 1)
    yield case("not contiguous", shares(rng, 2, 9, 3, 9).transpose(1, 2), (2, 4), 2, 1)
    yield case("float64", shares(rng, 1, 2, 13, 13, dtype=torch.float64), (4, 3), 7, 1, "weights")


def pictures(looks: Tensor, size: Size, extra: int) -> Tensor:
    """Weights (N, heads, m) as maps that aren't shared out anew."""
    maps: Tensor = looks[..., extra:].unflatten(-1, size)
    return maps


def directly(weights: Tensor, size: Size, query: int = 0, extra: int = 0) -> Tensor:
    maps = pictures(weights[:, :, query], size, extra)
    return maps / maps.sum((2, 3), keepdim=True)


def down_the_columns(weights: Tensor, size: Size, query: int = 0, extra: int = 0) -> Tensor:
    return shared_out(pictures(weights[:, :, query], (size[1], size[0]), extra).transpose(2, 3))


def width_first(weights: Tensor, size: Size, query: int = 0, extra: int = 0) -> Tensor:
    return shared_out(pictures(weights[:, :, query], (size[1], size[0]), extra))


def not_shared_out(weights: Tensor, size: Size, query: int = 0, extra: int = 0) -> Tensor:
    return pictures(weights[:, :, query], size, extra)


def last_left_out(weights: Tensor, size: Size, query: int = 0, extra: int = 0) -> Tensor:
    return shared_out(pictures(weights[:, :, query, : weights.shape[-1] - extra], size, 0))


def spread_evenly(weights: Tensor, size: Size, query: int = 0, extra: int = 0) -> Tensor:
    maps = oracle(weights, size, query, extra)
    nowhere = maps.sum((2, 3), keepdim=True) == 0
    return torch.where(nowhere, 1 / (size[0] * size[1]), maps)


def with_a_little(weights: Tensor, size: Size, query: int = 0, extra: int = 0) -> Tensor:
    maps = pictures(weights[:, :, query], size, extra)
    return maps / (maps.sum((2, 3), keepdim=True) + 1e-8)


def of_a_key(weights: Tensor, size: Size, query: int = 0, extra: int = 0) -> Tensor:
    return shared_out(pictures(weights[..., query], size, extra))


def of_all_queries(weights: Tensor, size: Size, query: int = 0, extra: int = 0) -> Tensor:
    return shared_out(pictures(weights.mean(2), size, extra))


def of_the_first(weights: Tensor, size: Size, query: int = 0, extra: int = 0) -> Tensor:
    return oracle(weights, size, 0, extra)


def counted_among_places(weights: Tensor, size: Size, query: int = 0, extra: int = 0) -> Tensor:
    return oracle(weights, size, query + extra, extra)


def heads_averaged(weights: Tensor, size: Size, query: int = 0, extra: int = 0) -> Tensor:
    return oracle(weights.mean(1, keepdim=True), size, query, extra)[:, 0]


def over_all_heads(weights: Tensor, size: Size, query: int = 0, extra: int = 0) -> Tensor:
    maps = pictures(weights[:, :, query], size, extra)
    total = maps.sum((1, 2, 3), keepdim=True)
    return maps / total.masked_fill(total == 0, 1.0)


def by_the_largest(weights: Tensor, size: Size, query: int = 0, extra: int = 0) -> Tensor:
    maps = pictures(weights[:, :, query], size, extra)
    largest = maps.amax((2, 3), keepdim=True)
    return maps / largest.masked_fill(largest == 0, 1.0)


def softened(weights: Tensor, size: Size, query: int = 0, extra: int = 0) -> Tensor:
    maps: Tensor = weights[:, :, query, extra:].softmax(-1).unflatten(-1, size)
    return maps


PLACES = (
    Wrong(
        "goes down the columns",
        down_the_columns,
        says="the keys fill the picture column by column; they are its places row by row.",
        look="what unflatten or reshape does with the last axis, and a picture that isn't square.",
    ),
    Wrong(
        "takes the width for the height",
        width_first,
        says="the map has W rows and H columns; `size` is (H, W).",
        look="the shape for 3 × 4 places is (N, heads, 3, 4).",
    ),
    Wrong(
        "leaves out the last keys",
        last_left_out,
        says="the keys left out are the last ones; those without a place come first.",
        look="weights from number `extra` on.",
    ),
)

SUMS = (
    Wrong(
        "keeps the sum without the class token",
        not_shared_out,
        says="a map sums to less than 1; what remains without the first `extra` keys is divided by its sum.",
        look="the sum of each map where extra is 1.",
    ),
    Wrong(
        "gives NaN where a head looks at no place",
        directly,
        says="a head whose whole weight is on the class token has 0 for a sum, and 0 / 0 is NaN; its map is 0.",
        look="divide by 1 where the sum is 0.",
    ),
    Wrong(
        "spreads evenly what looks at no place",
        spread_evenly,
        says="a head that looks at no place gets the same weight everywhere; its map is 0.",
        look="the case in which one head looks at the class token alone.",
    ),
    Wrong(
        "adds a little to the sum",
        with_a_little,
        says="something like 1e-8 is added to every sum, not only to those of 0; that is seen in float64.",
        look="torch.where, or a clamp, on the sum.",
    ),
    Wrong(
        "divides by the sum over all heads",
        over_all_heads,
        says="the maps of all heads together sum to 1; each head's does.",
        look="the sum runs over the last two axes.",
    ),
    Wrong(
        "divides by the largest weight",
        by_the_largest,
        says="each map is divided by its largest weight; it is divided by its sum.",
        look="a map sums to 1.",
    ),
    Wrong(
        "takes a softmax again",
        softened,
        says="the weights went through a softmax once more; they are probabilities already.",
        look="no softmax here.",
    ),
)

QUERIES = (
    Wrong(
        "takes who looks at the token",
        of_a_key,
        says="the weights that all queries give to one key are shown; asked is what one query gives to all keys.",
        look="which axis of the weights adds up to 1?",
    ),
    Wrong(
        "averages over the queries",
        of_all_queries,
        says="the weights of all queries are averaged; one query is asked for.",
        look="`query` picks from the axis before the last.",
    ),
    Wrong(
        "always takes the first query",
        of_the_first,
        says="`query` is not used: this is what token 0 looks at.",
        look="where `query` stands in your answer.",
    ),
    Wrong(
        "counts the query among the places",
        counted_among_places,
        says="`extra` is added to `query`, which counts all tokens already.",
        look="the class token itself can be asked for: query 0.",
    ),
    Wrong(
        "averages the heads",
        heads_averaged,
        says="the heads are averaged; each has its own map.",
        look="the result has the shape (N, heads, H, W).",
    ),
)

MAPS = Exercise(
    id="attention.attention_maps",
    cases=cases,
    oracle=oracle,
    wrong=(*PLACES, *SUMS, *QUERIES),
    hints=(
        "One query, of all heads: weights[:, :, query]. Then the keys from number `extra` on.",
        "unflatten(-1, size) makes rows and columns of the last axis; the sum runs over both.",
        "Divide by torch.where(total > 0, total, 1.0).",
    ),
    points=2,
    minutes=8,
    may_alias=True,
    speed=Speed(
        case=lambda rng: case("speed", shares(rng, 128, 8, 2, 1025), (32, 32), 1, 1),
        limit=4.0,
        baseline=directly,
        against="one division of the query's own weights",
    ),
)

EXERCISES = (MAPS,)
