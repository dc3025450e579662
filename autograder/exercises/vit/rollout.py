"""Attention followed through all blocks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from autograder.exercises.attention.spreading import shares
from autograder.exercises.vit._ready_made_b import LIBRARIES
from autograder.spec import Case, Exercise, Rng, Speed, Wrong, of_call

Weights = Sequence[Tensor]


def oracle(weights: Weights, residual: float = 0.5) -> Tensor:
    """Block by block, row by row, in float64."""
    first = weights[0]
    n = first.shape[-1]
    flow = torch.eye(n, dtype=torch.float64, device=first.device).repeat(len(first), 1, 1)
    for block in weights:
        averaged = sum(block[:, head].double() for head in range(block.shape[1])) / block.shape[1]
        assert isinstance(averaged, Tensor)
        following = torch.zeros_like(flow)
        for row in range(n):
            looks = (1 - residual) * averaged[:, row]
            looks[:, row] += residual
            looks = looks / looks.sum(1, keepdim=True)
            following[:, row] = (looks[:, :, None] * flow).sum(1)
        flow = following
    return flow.to(first.dtype)


def blocks(rng: Rng, depth: int, *shape: int, dtype: torch.dtype = torch.float32) -> list[Tensor]:
    return [shares(rng, *shape, shape[-1], dtype=dtype) for _ in range(depth)]


def thinned(rng: Rng, depth: int, *shape: int) -> list[Tensor]:
    """Weights below a tenth are left out, so that rows don't sum to 1."""
    return [block * (block >= 0.1) for block in blocks(rng, depth, *shape)]


def case(name: str, weights: list[Tensor], **residual: Any) -> Case:
    return of_call(name, weights=weights, **residual, terms=weights[0].shape[-1] * len(weights))


def cases(rng: Rng) -> Iterator[Case]:
    zero, one = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
    yield of_call(
        "two blocks of two tokens, by hand",
        weights=[torch.stack([zero, zero]).reshape(1, 1, 2, 2), torch.stack([one, one]).reshape(1, 1, 2, 2)],
        expect=torch.tensor([[[0.75, 0.25], [0.5, 0.5]]]),
        note="with the shortcut [[1, 0], [½, ½]], then [[½, ½], [0, 1]]; row 0: ½·(1, 0) + ½·(½, ½) = (¾, ¼)",
        terms=4,
    )
    yield case("one block", blocks(rng, 1, 1, 2, 4))
    yield case("three blocks, two heads", blocks(rng, 3, 1, 2, 5))
    yield case("four blocks, batch of 2, three heads", blocks(rng, 4, 2, 3, 6))
    yield case("a weaker shortcut", blocks(rng, 3, 2, 2, 4), residual=0.2)
    yield case("no shortcut", blocks(rng, 3, 3, 4, 5), residual=0.0)
    yield case("small weights are left out", thinned(rng, 3, 2, 2, 6), residual=0.4)
    yield case("twelve blocks", blocks(rng, 12, 1, 3, 17))
    yield case("not contiguous", [block.transpose(0, 1) for block in blocks(rng, 2, 3, 2, 4)])
    yield case("float64", blocks(rng, 3, 2, 2, 7, dtype=torch.float64), residual=0.3)


# --- wrong answers ---------------------------------------------------------------------------------------------------


def identity(like: Tensor) -> Tensor:
    return torch.eye(like.shape[-1], dtype=like.dtype, device=like.device)


def rows(matrix: Tensor) -> Tensor:
    """Each row divided by its sum."""
    return matrix / matrix.sum(-1, keepdim=True)


def mixed(averaged: Tensor, residual: float) -> Tensor:
    return torch.lerp(averaged, identity(averaged).expand_as(averaged), residual)


def steps(weights: Weights, residual: float) -> list[Tensor]:
    return [rows(mixed(block.mean(1), residual)) for block in weights]


def chained(matrices: Sequence[Tensor]) -> Tensor:
    """The later on the left."""
    flow = matrices[0]
    for matrix in matrices[1:]:
        flow = matrix @ flow
    return flow


def other_way(weights: Weights, residual: float = 0.5) -> Tensor:
    return chained(steps(weights, residual)[::-1])


def last_block(weights: Weights, residual: float = 0.5) -> Tensor:
    return steps(weights, residual)[-1]


def averaged_blocks(weights: Weights, residual: float = 0.5) -> Tensor:
    return torch.stack(steps(weights, residual)).mean(0)


def number_by_number(weights: Weights, residual: float = 0.5) -> Tensor:
    return torch.stack(steps(weights, residual)).prod(0)


def no_shortcut(weights: Weights, residual: float = 0.5) -> Tensor:
    return chained(steps(weights, 0.0))


def always_half(weights: Weights, residual: float = 0.5) -> Tensor:
    return chained(steps(weights, 0.5))


def shares_exchanged(weights: Weights, residual: float = 0.5) -> Tensor:
    return chained(steps(weights, 1 - residual))


def whole_identity(weights: Weights, residual: float = 0.5) -> Tensor:
    return chained([rows(block.mean(1) + residual * identity(block)) for block in weights])


def added_up(weights: Weights, residual: float = 0.5) -> Tensor:
    return chained([block.mean(1) + identity(block) for block in weights])


def never_shared_out(weights: Weights, residual: float = 0.5) -> Tensor:
    return chained([mixed(block.mean(1), residual) for block in weights])


def shared_out_at_the_end(weights: Weights, residual: float = 0.5) -> Tensor:
    return rows(never_shared_out(weights, residual))


def shared_out_before(weights: Weights, residual: float = 0.5) -> Tensor:
    return chained([mixed(rows(block.mean(1)), residual) for block in weights])


def columns(weights: Weights, residual: float = 0.5) -> Tensor:
    return chained([rows(mixed(block.mean(1), residual).mT).mT for block in weights])


def softened(weights: Weights, residual: float = 0.5) -> Tensor:
    return chained([mixed(block.mean(1), residual).softmax(-1) for block in weights])


def largest_head(weights: Weights, residual: float = 0.5) -> Tensor:
    return chained([rows(mixed(block.amax(1), residual)) for block in weights])


def summed_heads(weights: Weights, residual: float = 0.5) -> Tensor:
    return chained([rows(mixed(block.sum(1), residual)) for block in weights])


def first_head(weights: Weights, residual: float = 0.5) -> Tensor:
    return chained([rows(mixed(block[:, 0], residual)) for block in weights])


def each_head(weights: Weights, residual: float = 0.5) -> Tensor:
    return chained([rows(mixed(block, residual)) for block in weights]).mean(1)


def images_averaged(weights: Weights, residual: float = 0.5) -> Tensor:
    return chained([rows(mixed(block.mean(0), residual)) for block in weights])


def turned(weights: Weights, residual: float = 0.5) -> Tensor:
    return oracle(weights, residual).mT


def class_token_alone(weights: Weights, residual: float = 0.5) -> Tensor:
    return oracle(weights, residual)[:, 0]


BLOCKS = (
    Wrong(
        "multiplies in the other order",
        other_way,
        says="the matrices are multiplied in the other order: the earlier block stands on the left.",
        look="a token of block 2 is made of tokens of block 1, which are made of the input's. Which product is that?",
    ),
    Wrong(
        "takes the last block only",
        last_block,
        says="this is the last block's own matrix; what it looked at is itself made of other tokens.",
        look="where the loop's result from the block before goes in.",
    ),
    Wrong(
        "averages the blocks",
        averaged_blocks,
        says="the blocks' matrices are averaged; they are multiplied.",
        look="a path goes through all blocks, one after the other.",
    ),
    Wrong(
        "multiplies number by number",
        number_by_number,
        says="the matrices are multiplied number by number; this is about paths, so it is the matrix product.",
        look="@, not *.",
    ),
    Wrong(
        "gives the first token's row",
        class_token_alone,
        says="only the row of token 0 comes back; asked is the whole matrix of every image.",
        look="the result is (N, n, n).",
    ),
    Wrong(
        "exchanges rows and columns",
        turned,
        says="what should be a row is a column.",
        look="each *row* of the result sums to 1.",
    ),
)

SHORTCUT = (
    Wrong(
        "forgets the shortcut",
        no_shortcut,
        says="the attention alone is followed; a token also passes on what it was before.",
        look="where `residual` stands in your answer.",
    ),
    Wrong(
        "always keeps one half",
        always_half,
        says="the shortcut has the share ½, whatever `residual` is.",
        look="where `residual` stands in your answer.",
    ),
    Wrong(
        "exchanges the two shares",
        shares_exchanged,
        says="`residual` is the share of the attention, and the rest that of the shortcut; it is the other way round.",
        look="what does residual 0 mean?",
    ),
    Wrong(
        "leaves the attention its whole share",
        whole_identity,
        says="residual · I is added to the whole attention; attention has the share 1 − residual.",
        look="residual · I + (1 − residual) · A.",
    ),
    Wrong(
        "adds the identity as it is",
        added_up,
        says="I + A has rows that sum to 2, so after twelve blocks they sum to 4096.",
        look="residual · I + (1 − residual) · A, and each row divided by its sum.",
    ),
    Wrong(
        "never divides by the sums",
        never_shared_out,
        says="where weights were left out, rows don't sum to 1 any more, and the result's don't either.",
        look="each row of each block's matrix is divided by its sum.",
    ),
    Wrong(
        "divides by the sums at the end",
        shared_out_at_the_end,
        says="only the product's rows are divided by their sums; each block's are, before they are multiplied.",
        look="inside the loop.",
    ),
    Wrong(
        "divides by the sums before the shortcut",
        shared_out_before,
        says="the attention's rows are divided by their sums before the shortcut is mixed in; it comes after.",
        look="which matrix's rows should sum to 1?",
    ),
    Wrong(
        "divides by the sums of columns",
        columns,
        says="each column is divided by its sum; it is each row.",
        look="sum(-1, keepdim=True).",
    ),
    Wrong(
        "takes a softmax again",
        softened,
        says="the rows go through a softmax; they are shares already, and only need to be divided by their sum.",
        look="a division.",
    ),
)

HEADS = (
    Wrong(
        "takes the largest of the heads",
        largest_head,
        says="the largest weight of all heads counts; here it is their mean.",
        look="mean over which axis?",
    ),
    Wrong(
        "sums the heads",
        summed_heads,
        says="the heads are summed, so that the shortcut counts less the more of them there are.",
        look="the mean.",
    ),
    Wrong(
        "takes the first head only",
        first_head,
        says="only head 0 is followed; it is the mean of all heads.",
        look="the axis of heads is the second one.",
    ),
    Wrong(
        "follows each head by itself",
        each_head,
        says="each head is followed through all blocks and the results are averaged; but what head 0 reads was "
        "written by all heads of the block before.",
        look="average the heads inside a block, before you multiply.",
    ),
    Wrong(
        "averages the images",
        images_averaged,
        says="the mean is taken over the batch; it is over the heads.",
        look="the axes are (N, heads, n, n).",
    ),
)

ROLLOUT = Exercise(
    id="vit.attention_rollout",
    cases=cases,
    oracle=oracle,
    wrong=(*BLOCKS, *SHORTCUT, *HEADS),
    hints=(
        "One matrix (N, n, n) a block: the mean over the heads, mixed with torch.eye(n), each row divided by its sum.",
        "Start with the first block's matrix, and multiply each later one from the left: flow = matrix @ flow.",
        "residual * eye + (1 - residual) * block.mean(1). Give eye the dtype and device of the weights.",
    ),
    points=2,
    minutes=12,
    forbidden=LIBRARIES,
    speed=Speed(
        case=lambda rng: case("speed", blocks(rng, 6, 4, 3, 128)),
        limit=4.0,
        baseline=lambda weights, residual=0.5: chained(steps(weights, residual)),
        against="a product of six matrices",
    ),
)

EXERCISES = (ROLLOUT,)
