"""Sharing a token's numbers out to heads, and putting them together again."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from autograder.spec import Case, Exercise, Rng, Wrong, of_call


def split_oracle(x: Tensor, heads: int) -> Tensor:
    return torch.stack(x.chunk(heads, dim=-1), dim=1)


def merge_oracle(x: Tensor) -> Tensor:
    return torch.cat(x.unbind(1), dim=-1)


def split_case(name: str, x: Tensor, heads: int, *gradients: str) -> Case:
    return of_call(name, x=x, heads=heads, gradients=gradients)


def split_cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "one token, two heads, by hand",
        x=torch.tensor([[[1.0, 2.0, 3.0, 4.0]]]),
        heads=2,
        expect=torch.tensor([[[[1.0, 2.0]], [[3.0, 4.0]]]]),
        note="head 0 gets the first half, 1 2, head 1 the second, 3 4",
    )
    yield split_case("5 tokens, 3 heads of 2", rng.normal(1, 5, 6), 3, "x")
    yield split_case("batch of 2, 4 tokens, 2 heads of 4", rng.normal(2, 4, 8), 2)
    yield split_case("as many tokens as heads", rng.normal(2, 3, 12), 3)
    yield split_case("heads of one number", rng.normal(2, 3, 4), 4)
    yield split_case("one head", rng.normal(2, 3, 4), 1)
    yield split_case("not contiguous", rng.strided(2, 5, 6), 2)
    yield split_case("float64", rng.normal(3, 4, 10, dtype=torch.float64), 5, "x")


def dealt_in_turn(x: Tensor, heads: int) -> Tensor:
    dealt: Tensor = x.unflatten(-1, (-1, heads))
    return dealt.movedim(-1, 1)


def not_turned(x: Tensor, heads: int) -> Tensor:
    apart: Tensor = x.unflatten(-1, (heads, -1))
    return apart


def reshaped(x: Tensor, heads: int) -> Tensor:
    return x.reshape(x.shape[0], heads, x.shape[1], -1)


def heads_first(x: Tensor, heads: int) -> Tensor:
    return split_oracle(x, heads).transpose(0, 1)


def numbers_before_tokens(x: Tensor, heads: int) -> Tensor:
    return split_oracle(x, heads).transpose(2, 3)


def last_head_first(x: Tensor, heads: int) -> Tensor:
    return split_oracle(x, heads).flip(1)


def merge_case(name: str, x: Tensor, *gradients: str) -> Case:
    return of_call(name, x=x, gradients=gradients)


def merge_cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "two heads, two tokens, by hand",
        x=torch.tensor([[[[1.0, 2.0], [5.0, 6.0]], [[3.0, 4.0], [7.0, 8.0]]]]),
        expect=torch.tensor([[[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]]),
        note="token 0 has 1 2 in head 0 and 3 4 in head 1: 1 2 3 4",
    )
    yield merge_case("3 heads of 2, 5 tokens", rng.normal(1, 3, 5, 2), "x")
    yield merge_case("batch of 2", rng.normal(2, 2, 4, 4))
    yield merge_case("as many tokens as heads", rng.normal(2, 3, 3, 4))
    yield merge_case("heads of one number", rng.normal(2, 4, 3, 1))
    yield merge_case("not contiguous", rng.strided(2, 3, 5, 4))
    yield merge_case("float64", rng.normal(3, 5, 4, 2, dtype=torch.float64), "x")


def merge_reshaped(x: Tensor) -> Tensor:
    return x.reshape(x.shape[0], x.shape[2], -1)


def merge_in_turn(x: Tensor) -> Tensor:
    return x.movedim(1, -1).flatten(-2)


def merge_averaged(x: Tensor) -> Tensor:
    return x.mean(1).repeat(1, 1, x.shape[1])


def merge_last_first(x: Tensor) -> Tensor:
    return merge_oracle(x.flip(1))


def merge_tokens_last(x: Tensor) -> Tensor:
    return merge_oracle(x).transpose(1, 2)


def merge_not_flat(x: Tensor) -> Tensor:
    return x.transpose(1, 2)


AXES = "write the shape after each step beside it: (N, n, heads·d), (N, n, heads, d), (N, heads, n, d)."

SPLIT = Exercise(
    id="attention.split_heads",
    cases=split_cases,
    oracle=split_oracle,
    wrong=(
        Wrong(
            "deals the numbers out in turn",
            dealt_in_turn,
            says="the heads take numbers in turn (0, 2, 4 and 1, 3, 5); each takes a block of neighbours.",
            look="split the last axis into (heads, d), in this order.",
        ),
        Wrong(
            "leaves the heads behind the tokens",
            not_turned,
            says="the result is (N, n, heads, d); tokens and heads still have to change places.",
            look=AXES,
        ),
        Wrong(
            "reshapes in one step",
            reshaped,
            says="a reshape keeps the order of the numbers in memory, so each head gets pieces of several tokens.",
            look=AXES,
        ),
        Wrong("puts the heads before the batch", heads_first, says="the result is (heads, N, n, d).", look=AXES),
        Wrong(
            "turns numbers and tokens",
            numbers_before_tokens,
            says="within a head, tokens and numbers have changed places: (N, heads, d, n).",
            look=AXES,
        ),
        Wrong(
            "counts the heads from the end",
            last_head_first,
            says="head 0 has the last block; it has the first.",
            look="which numbers come first in a token?",
        ),
    ),
    hints=(
        "Two steps: split the last axis in two, then let two axes change places.",
        "x.unflatten(-1, (heads, -1)) is (N, n, heads, d).",
    ),
    points=1,
    minutes=6,
    may_alias=True,
    forbidden=("einops",),
)

MERGE = Exercise(
    id="attention.merge_heads",
    cases=merge_cases,
    oracle=merge_oracle,
    wrong=(
        Wrong(
            "reshapes in one step",
            merge_reshaped,
            says="a reshape keeps the order of the numbers in memory, so each token gets pieces of several others.",
            look="(N, heads, n, d) first becomes (N, n, heads, d).",
        ),
        Wrong(
            "mixes the heads' numbers",
            merge_in_turn,
            says="the heads' numbers alternate; all of head 0 comes first, then all of head 1.",
            look="which of heads and d varies faster in a token?",
        ),
        Wrong(
            "averages the heads",
            merge_averaged,
            says="the heads are averaged; they stand side by side.",
            look="no number is lost.",
        ),
        Wrong(
            "counts the heads from the end",
            merge_last_first,
            says="the last head comes first.",
            look="merge_heads(split_heads(x, h)) is x.",
        ),
        Wrong(
            "puts the tokens last",
            merge_tokens_last,
            says="the result is (N, heads·d, n); tokens come before their numbers.",
            look="merge_heads(split_heads(x, h)) has the shape of x.",
        ),
        Wrong(
            "doesn't join heads and numbers",
            merge_not_flat,
            says="the result is (N, n, heads, d): the last two axes are still apart.",
            look="flatten(-2).",
        ),
    ),
    hints=("The two steps of split_heads, backwards.", "transpose(1, 2), then flatten the last two axes."),
    points=1,
    minutes=4,
    may_alias=True,
    forbidden=("einops",),
)

EXERCISES = (SPLIT, MERGE)
