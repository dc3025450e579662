"""Attention followed through all blocks: where what a token holds in the end came from."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor


def attention_rollout(weights: Sequence[Float[Tensor, "N heads n n"]], residual: float = 0.5) -> Float[Tensor, "N n n"]:
    """How much of each token of the last block's output (row) came from each token of the first
    block's input (column), if attention were all there is.

    `weights`: the attention weights of each block, the first block first. In each block the
    heads are averaged to a matrix A. A token also keeps itself, through the shortcut around the
    attention: residual · I + (1 − residual) · A. Each row of this is divided by its sum, which
    isn't 1 where weights were left out before. The matrices are multiplied, a later block's on
    the left of those before it. Each row of the result sums to 1.

    One head, two tokens. Block 1: both look at token 0, A = [[1, 0], [1, 0]]; block 2: both look
    at token 1, A = [[0, 1], [0, 1]]. With the shortcut [[1, 0], [½, ½]] and [[½, ½], [0, 1]];
    second times first: [[¾, ¼], [½, ½]].

    Raises ValueError where there is no block. Source: Abnar and Zuidema 2020, section 3.
    """
    if not weights:
        raise ValueError("expected the weights of at least one block, got none")
    one = torch.eye(weights[0].shape[-1], dtype=weights[0].dtype, device=weights[0].device)
    flow = one
    for block in weights:
        mixed = residual * one + (1 - residual) * block.mean(1)
        flow = mixed / mixed.sum(-1, keepdim=True) @ flow
    return flow
