"""The class token in front, and a position for every token."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from autograder.exercises.vit._ready_made_a import LIBRARIES
from autograder.spec import Case, Exercise, Rng, Value, Wrong, of_call

Token = Tensor | None


def with_class(tokens: Tensor, cls_token: Token, last: bool = False) -> Tensor:
    if cls_token is None:
        return tokens
    alike = cls_token.repeat(len(tokens), 1, 1)
    return torch.cat([tokens, alike] if last else [alike, tokens], dim=1)


def oracle(tokens: Tensor, pos_embed: Tensor, cls_token: Token = None) -> Tensor:
    return with_class(tokens, cls_token) + pos_embed


def drawn(name: str, rng: Rng, batch: int, n: int, dim: int, *gradients: str, dtype: torch.dtype) -> Case:
    """With a class token."""
    return of_call(
        name,
        tokens=rng.normal(batch, n, dim, dtype=dtype),
        pos_embed=rng.normal(1, n + 1, dim, dtype=dtype),
        cls_token=3 + rng.normal(1, 1, dim, dtype=dtype),
        gradients=gradients,
        terms=batch,
    )


def cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "two tokens and the class token, by hand",
        tokens=torch.tensor([[[1.0], [2.0]]]),
        pos_embed=torch.tensor([[[0.1], [0.2], [0.3]]]),
        cls_token=torch.tensor([[[9.0]]]),
        expect=torch.tensor([[[9.1], [1.2], [2.3]]]),
        note="the class token comes first: 9 + 0.1, 1 + 0.2, 2 + 0.3",
    )
    single, double = torch.float32, torch.float64
    yield drawn("5 tokens", rng, 1, 5, 3, dtype=single)
    every = ("tokens", "pos_embed", "cls_token")
    yield drawn("batch of 3, gradients", rng, 3, 4, 5, *every, dtype=single)
    yield drawn("as many images as tokens", rng, 4, 4, 6, dtype=single)
    yield drawn("as many images as tokens with the class token", rng, 5, 4, 5, dtype=single)
    yield of_call("no class token", tokens=rng.normal(2, 6, 4), pos_embed=rng.normal(1, 6, 4), gradients=every[:2])
    none: dict[str, Value] = {"cls_token": None}
    yield of_call("None for a class token", tokens=rng.normal(2, 3, 4), pos_embed=rng.normal(1, 3, 4), **none)
    yield of_call(
        "not contiguous",
        tokens=rng.strided(2, 4, 6),
        pos_embed=rng.strided(1, 5, 6),
        cls_token=rng.normal(1, 1, 6),
    )
    yield drawn("one token", rng, 2, 1, 4, dtype=single)
    yield drawn("float64", rng, 2, 7, 3, *every, dtype=double)


def class_without_place(tokens: Tensor, pos_embed: Tensor, cls_token: Token = None) -> Tensor:
    if cls_token is None:
        return tokens + pos_embed
    return with_class(tokens + pos_embed[:, 1:], cls_token) + 0 * pos_embed


def shifted(tokens: Tensor, pos_embed: Tensor, cls_token: Token = None) -> Tensor:
    if cls_token is None:
        return tokens + pos_embed
    return with_class(tokens + pos_embed[:, :-1], cls_token) + 0 * pos_embed


def rolled(tokens: Tensor, pos_embed: Tensor, cls_token: Token = None) -> Tensor:
    return oracle(tokens, pos_embed if cls_token is None else pos_embed.roll(1, dims=1), cls_token)


def class_last(tokens: Tensor, pos_embed: Tensor, cls_token: Token = None) -> Tensor:
    return with_class(tokens, cls_token, last=True) + pos_embed


def moved_to_the_end(tokens: Tensor, pos_embed: Tensor, cls_token: Token = None) -> Tensor:
    right = oracle(tokens, pos_embed, cls_token)
    return right if cls_token is None else right.roll(-1, dims=1)


def multiplied(tokens: Tensor, pos_embed: Tensor, cls_token: Token = None) -> Tensor:
    return with_class(tokens, cls_token) * pos_embed


def side_by_side(tokens: Tensor, pos_embed: Tensor, cls_token: Token = None) -> Tensor:
    row = with_class(tokens, cls_token)
    return torch.cat([row, pos_embed.expand_as(row)], dim=2)


def no_class(tokens: Tensor, pos_embed: Tensor, cls_token: Token = None) -> Tensor:
    return tokens + pos_embed[:, -tokens.shape[1] :]


def class_added(tokens: Tensor, pos_embed: Tensor, cls_token: Token = None) -> Tensor:
    placed = no_class(tokens, pos_embed)
    return placed if cls_token is None else placed + cls_token


def first_patch_lost(tokens: Tensor, pos_embed: Tensor, cls_token: Token = None) -> Tensor:
    if cls_token is None:
        return tokens + pos_embed
    return with_class(tokens[:, 1:], cls_token) + pos_embed[:, :-1]


def no_places(tokens: Tensor, pos_embed: Tensor, cls_token: Token = None) -> Tensor:
    return with_class(tokens, cls_token) + 0 * pos_embed


def same_place(tokens: Tensor, pos_embed: Tensor, cls_token: Token = None) -> Tensor:
    return with_class(tokens, cls_token) + pos_embed[:, :1]


FRONT = (
    Wrong(
        "gives the class token no position",
        class_without_place,
        says="the patches' tokens are right, but the class token has no position added. The first row of pos_embed is "
        "its own, and published weights have learned it.",
        look="class token first, positions second: which tokens are there when you add?",
    ),
    Wrong(
        "adds the positions before the class token is there",
        shifted,
        says="the first patch has the class token's position, the second the first patch's, and so on: all places are "
        "shifted by one.",
        look="pos_embed has a row for the class token, the first.",
    ),
    Wrong(
        "gives the class token the last position",
        rolled,
        says="the class token stands in front, but has the last row of pos_embed, and every patch the row before its "
        "own.",
        look="row 0 of pos_embed meets token 0.",
    ),
    Wrong(
        "puts the class token at the end",
        class_last,
        says="the class token is the last one, with the last patch's position, and the patches have the positions "
        "before theirs. It comes first.",
        look="the order in which the two are put together.",
    ),
    Wrong(
        "moves the class token to the end",
        moved_to_the_end,
        says="every token has its right position, but the class token stands last. The head will look for it in row 0.",
        look="the order in which the two are put together.",
    ),
    Wrong(
        "leaves the class token out",
        no_class,
        says="there are only the patches' tokens; the class token should stand in front of them.",
        look="m = n + 1.",
    ),
    Wrong(
        "adds the class token to every token",
        class_added,
        says="the class token is added to each patch's token; it is a token of its own.",
        look="cat along axis 1 makes one token more.",
    ),
    Wrong(
        "overwrites the first patch",
        first_patch_lost,
        says="the class token stands where the first patch's token was, and that is lost.",
        look="cat along axis 1 makes one token more.",
    ),
)

PLACES = (
    Wrong(
        "multiplies",
        multiplied,
        says="tokens and positions are multiplied; they are added.",
        look="a position of 0 should change nothing.",
    ),
    Wrong(
        "puts tokens and positions side by side",
        side_by_side,
        says="each token has its position behind its own numbers, and is twice as wide; the two are added.",
        look="the result is (N, m, dim).",
    ),
    Wrong("ignores the positions", no_places, says="pos_embed is never added.", look="the last line of your answer."),
    Wrong(
        "gives all tokens the first position",
        same_place,
        says="every token gets the first row of pos_embed; each has a row of its own.",
        look="pos_embed is (1, m, dim): only the first axis spreads over the batch.",
    ),
)

ADD_POSITIONS = Exercise(
    id="vit.add_positions",
    cases=cases,
    oracle=oracle,
    wrong=(*FRONT, *PLACES),
    hints=(
        "If there is a class token, put it in front first; then add all positions at once.",
        "cls_token.expand(len(tokens), -1, -1) is the same token for each image; torch.cat([…, tokens], dim=1).",
    ),
    points=1,
    minutes=8,
    forbidden=LIBRARIES,
)

EXERCISES = (ADD_POSITIONS,)
