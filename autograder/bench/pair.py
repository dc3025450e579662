"""A reference and its peer, to be measured side by side: with the same weights, on the same inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

Answer = Callable[..., Any]
Both = tuple[Answer, Answer]
Inputs = tuple[Any, ...]


@dataclass(frozen=True)
class Pair:
    """Ours and the peer's. made: gives the two and their inputs; a module of theirs has ours's weights.

    backward: whether the gradients are taken too. wanted: how many times as quick as the peer ours must be; 1 means no
    slower, None that there is no such aim: what is built up from simple operations, to be read.
    """

    name: str
    peer: str
    made: Callable[[], tuple[Answer, Answer, Inputs]]
    backward: bool = False
    wanted: float | None = 1.0


def both_ways(name: str, peer: str, made: Callable[[], tuple[Answer, Answer, Inputs]], **options: Any) -> list[Pair]:
    there = Pair(name, peer, made, **options)
    return [there, Pair(f"{name}, and back", peer, made, backward=True, **options)]


def alike(
    ours: nn.Module, theirs: nn.Module, renamed: Callable[[Mapping[str, Tensor]], Mapping[str, Tensor]] = dict
) -> tuple[nn.Module, nn.Module]:
    """Both with the same weights, statistics and scales, as a trained net might have; those of a new norm do
    nothing. renamed: gives their tensors the names of ours."""
    for module in theirs.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.1)
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 1.5)
    ours.load_state_dict(renamed(theirs.state_dict()))
    return ours, theirs


def drawn(*shape: int, seed: int = 0) -> Tensor:
    """Normal numbers, the same for the same seed."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))
