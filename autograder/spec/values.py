"""What may stand in a case or come out of an answer: plain values, nothing that runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor


@dataclass(frozen=True)
class Ref:
    """A handle: an input of the case, or what an earlier step made."""

    name: str


@dataclass(frozen=True)
class Probe:
    """A callable or small module that the driver knows by name (see `autograder.probes`).

    As an input of a case it is made once, and steps and later inputs mean that one by `Ref`.
    """

    name: str
    options: Mapping[str, Any]


@dataclass(frozen=True)
class Opaque:
    """Something in an answer that is not a plain value; only its type's name is kept."""

    type_name: str


# None, bool, int, float, str, Tensor, Ref, Probe, Opaque, and tuples, lists and dicts (with str keys) of them.
Value: TypeAlias = Any
Outputs: TypeAlias = dict[str, Value]


class Rng:
    """Random inputs for cases, reproducible by seed and independent of torch's global generator."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._generator = torch.Generator().manual_seed(seed)

    def normal(self, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
        """Standard normal values."""
        return torch.randn(shape, generator=self._generator, dtype=torch.float64).to(dtype)

    def uniform(self, *shape: int, low: float = 0.0, high: float = 1.0, dtype: torch.dtype = torch.float32) -> Tensor:
        """Uniform values in [low, high)."""
        values = torch.rand(shape, generator=self._generator, dtype=torch.float64)
        return values.mul_(high - low).add_(low).to(dtype)

    def integers(self, low: int, high: int, *shape: int) -> Tensor:
        """Integers in [low, high), int64."""
        return torch.randint(low, high, shape, generator=self._generator)

    def permutation(self, n: int) -> Tensor:
        """The integers 0 … n−1 in random order, int64."""
        return torch.randperm(n, generator=self._generator)

    def strided(self, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
        """Standard normal values whose memory order is the reverse of the axes' order (not contiguous)."""
        return self.normal(*reversed(shape), dtype=dtype).permute(*reversed(range(len(shape))))
