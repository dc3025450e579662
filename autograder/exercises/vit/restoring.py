"""Kept tokens back in their places, the mask token in the others."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from autograder.exercises.vit._ready_made_b import LIBRARIES
from autograder.spec import Case, Exercise, Rng, Speed, Wrong, of_call


def oracle(kept: Tensor, mask_token: Tensor, order: Tensor) -> Tensor:
    """Token by token."""
    count, n = order.shape
    rows = [
        kept[image, place] if place < kept.shape[1] else mask_token[0, 0]
        for image in range(count)
        for place in order[image].tolist()
    ]
    return torch.stack(rows).reshape(count, n, -1)


def orders(rng: Rng, count: int, n: int) -> Tensor:
    """A permutation for each image, none of which is its own inverse, and no two alike."""
    found: list[Tensor] = []
    while len(found) < count:
        drawn = rng.permutation(n)
        if not torch.equal(drawn[drawn], torch.arange(n)) and not any(torch.equal(drawn, one) for one in found):
            found.append(drawn)
    return torch.stack(found)


def case(name: str, kept: Tensor, mask_token: Tensor, order: Tensor, *gradients: str) -> Case:
    return of_call(name, kept=kept, mask_token=mask_token, order=order, gradients=gradients)


def cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "two kept tokens of four, by hand",
        kept=torch.tensor([[[20.0], [40.0]]]),
        mask_token=torch.tensor([[[5.0]]]),
        order=torch.tensor([[2, 0, 3, 1]]),
        expect=torch.tensor([[[5.0], [20.0], [5.0], [40.0]]]),
        note="places 2, 0, 3, 1: 2 and 3 aren't below 2, so tokens 0 and 2 are hidden; token 1 is the first of the "
        "kept ones, token 3 the second",
    )
    both = ("kept", "mask_token")
    yield case("three of seven, gradients", rng.normal(1, 3, 4), rng.normal(1, 1, 4), orders(rng, 1, 7), *both)
    yield case("batch of 3", rng.normal(3, 4, 5), rng.normal(1, 1, 5), orders(rng, 3, 6), *both)
    yield case("one is kept", rng.normal(2, 1, 3), rng.normal(1, 1, 3), orders(rng, 2, 5))
    yield case("all are kept", rng.normal(2, 6, 3), rng.normal(1, 1, 3), orders(rng, 2, 6))
    yield case("as many images as kept tokens", rng.normal(4, 4, 3), rng.normal(1, 1, 3), orders(rng, 4, 9))
    yield case("a quarter is kept", rng.normal(2, 12, 6), rng.normal(1, 1, 6), orders(rng, 2, 49))
    yield case("not contiguous", rng.strided(2, 3, 4), rng.strided(1, 1, 4), orders(rng, 8, 8).T[:, :2].T)
    wide = torch.float64
    yield case("float64", rng.normal(3, 5, 2, dtype=wide), rng.normal(1, 1, 2, dtype=wide), orders(rng, 3, 8), *both)


def filled(kept: Tensor, mask_token: Tensor, order: Tensor) -> Tensor:
    """The kept tokens and behind them the mask token, n in all."""
    hidden = order.shape[1] - kept.shape[1]
    return torch.cat([kept, mask_token.repeat(len(kept), hidden, 1)], 1)


def picked(row: Tensor, order: Tensor) -> Tensor:
    return row.gather(1, order[:, :, None].expand(-1, -1, row.shape[2]))


def left_sorted(kept: Tensor, mask_token: Tensor, order: Tensor) -> Tensor:
    return filled(kept, mask_token, order)


def by_the_inverse(kept: Tensor, mask_token: Tensor, order: Tensor) -> Tensor:
    return picked(filled(kept, mask_token, order), order.argsort(1))


def hidden_first(kept: Tensor, mask_token: Tensor, order: Tensor) -> Tensor:
    return picked(filled(kept, mask_token, order).roll(-kept.shape[1], 1), order)


def from_left_to_right(kept: Tensor, mask_token: Tensor, order: Tensor) -> Tensor:
    seen = order < kept.shape[1]
    which = (seen.cumsum(1) - 1).where(seen, order)
    return picked(filled(kept, mask_token, order), which)


def one_order(kept: Tensor, mask_token: Tensor, order: Tensor) -> Tensor:
    return oracle(kept, mask_token, order[:1].expand_as(order))


def zeros(kept: Tensor, mask_token: Tensor, order: Tensor) -> Tensor:
    return oracle(kept, torch.zeros_like(mask_token), order)


def mean_of_the_kept(kept: Tensor, mask_token: Tensor, order: Tensor) -> Tensor:
    hidden = kept.mean(1, keepdim=True).expand(-1, order.shape[1] - kept.shape[1], -1)
    return picked(torch.cat([kept, hidden], 1), order)


def one_number(kept: Tensor, mask_token: Tensor, order: Tensor) -> Tensor:
    return oracle(kept, mask_token[:, :, :1].expand_as(mask_token), order)


def added_everywhere(kept: Tensor, mask_token: Tensor, order: Tensor) -> Tensor:
    return oracle(kept, torch.zeros_like(mask_token), order) + mask_token


def one_place_late(kept: Tensor, mask_token: Tensor, order: Tensor) -> Tensor:
    places = torch.where(order == kept.shape[1], 0, order)
    return oracle(kept, mask_token, places)


def token_cut_off(kept: Tensor, mask_token: Tensor, order: Tensor) -> Tensor:
    return oracle(kept, mask_token.detach(), order)


def all_cut_off(kept: Tensor, mask_token: Tensor, order: Tensor) -> Tensor:
    return oracle(kept.detach(), mask_token.detach(), order)


RESTORING = Exercise(
    id="vit.restore_masked",
    cases=cases,
    oracle=oracle,
    wrong=(
        Wrong(
            "leaves the tokens sorted",
            left_sorted,
            says="the kept tokens stand in front and the mask tokens behind; each should be back in its place.",
            look="where `order` picks something in your answer.",
        ),
        Wrong(
            "goes by the inverse of the order",
            by_the_inverse,
            says="the tokens are put in place by the inverse of `order`.",
            look="order[:, j] says where token j lies among the sorted ones: is that gather or scatter?",
        ),
        Wrong(
            "puts the mask tokens first",
            hidden_first,
            says="the mask tokens stand before the kept ones when they are put in place; kept have the first places.",
            look="the order of the two in torch.cat.",
        ),
        Wrong(
            "fills the seen places from left to right",
            from_left_to_right,
            says="hidden places are right, but the kept tokens go to the others from left to right, as they come; they "
            "are sorted by noise.",
            look="`order` says which of the kept tokens belongs where.",
        ),
        Wrong(
            "takes one order for the whole batch",
            one_order,
            says="all images are put together by the first one's order; each has its own.",
            look="does your index have an axis for the batch?",
        ),
        Wrong(
            "fills with zeros",
            zeros,
            says="hidden places are 0; the mask token stands there, which is learned.",
            look="where mask_token stands in your answer.",
        ),
        Wrong(
            "fills with the mean of the kept",
            mean_of_the_kept,
            says="hidden places get the mean of the kept tokens; it is the mask token.",
            look="where mask_token stands in your answer.",
        ),
        Wrong(
            "fills with one number",
            one_number,
            says="hidden places get the mask token's first number dim times; it has dim numbers of its own.",
            look="expand the axes of images and places; the last one stays.",
        ),
        Wrong(
            "adds the mask token everywhere",
            added_everywhere,
            says="the mask token is added to all places, the kept ones too.",
            look="it stands *instead of* a hidden token.",
        ),
        Wrong(
            "hides one token too few",
            one_place_late,
            says="the first of the hidden places holds kept[:, 0].",
            look="kept are the places *below* keep.",
        ),
        Wrong(
            "teaches the mask token nothing",
            token_cut_off,
            says="the values are right, but no gradient reaches the mask token.",
            look="detach, .data, .item(): what cuts it off?",
        ),
        Wrong(
            "lets no gradient through",
            all_cut_off,
            says="the values are right, but no gradient reaches what went in.",
            look="detach, or a new tensor that numbers are copied to with no_grad?",
        ),
    ),
    hints=(
        "Make a row of n tokens first: the kept ones, then the mask token n − keep times (expand).",
        "Then token j of the answer is number order[:, j] of that row: take_along_dim or gather along axis 1.",
        "order[:, :, None] gives the index an axis for dim.",
    ),
    points=2,
    minutes=10,
    forbidden=LIBRARIES,
    speed=Speed(
        case=lambda rng: case("speed", rng.normal(64, 49, 128), rng.normal(1, 1, 128), orders(rng, 64, 196)),
        limit=4.0,
        baseline=lambda kept, mask_token, order: picked(filled(kept, mask_token, order), order),
        against="cat and gather",
    ),
)

EXERCISES = (RESTORING,)
