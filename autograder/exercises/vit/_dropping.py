"""Stochastic depth in blocks, judged by its law: each answer is one of those that dropping whole branches can give."""

from __future__ import annotations

from itertools import product

import torch
from torch import Tensor

from autograder.exercises.resnet.draws import share
from autograder.exercises.vit._vit import Block
from autograder.spec import Outputs

FIT = 1e-3  # how near an answer must be to one of them


def ways(rates: list[float], branches: int) -> Tensor:
    """By what each branch is multiplied, (ways, branches): 0, or what makes up for one of these rates."""
    factors = [0.0, *(1 / (1 - p) for p in rates)]
    return torch.tensor(list(product(factors, repeat=branches)))


def through(block: Block, x: Tensor, factors: Tensor) -> Tensor:
    """Each sample through the block, with its two branches multiplied by `factors`, (N, 2)."""
    first, second = factors.to(x)[..., None, None].unbind(1)
    x = x + first * block.first(x)
    return x + second * block.second(x)


def facts(answers: Tensor, possible: Tensor, factors: Tensor, rates: list[float]) -> Outputs:
    """What became of each block's branches in the samples of a batch.

    possible: what each way gives, `factors` being all ways. rates: how often a branch of each block should be dropped.
    """
    apart = torch.cdist(answers.double().flatten(1), possible.double().flatten(1))
    if not bool((apart.amin(1) < FIT).all()):  # not so for NaN either
        empty = bool((answers == 0).flatten(1).all(1).any())
        return {"answers": "others than dropping whole branches gives", "some are 0 alone": empty}
    found = factors[apart.argmin(1)].unflatten(1, (-1, 2))  # (N, blocks, 2)
    counted: Outputs = {"answers": "those that dropping whole branches gives"}
    for number, p in enumerate(rates):
        for branch, name in enumerate(("attention", "mlp")):
            here = found[:, number, branch]
            left = ", ".join(f"{value:.2f}" for value in here[here > 0].unique().tolist())
            counted[f"block {number}, {name}, dropped"] = share(int((here == 0).sum()), len(here), p)
            counted[f"block {number}, {name}, the others times"] = left
    return counted
