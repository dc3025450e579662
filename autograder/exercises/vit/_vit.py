"""The vision transformer of torch.nn's layers under timm's names: the oracles, open to twists; weights for them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from autograder.spec import Case, Outputs, Rng, Value

Answer = Tensor | tuple[Tensor, Tensor]
Sizes = Mapping[str, tuple[int, ...]]
EPS = 1e-6  # of every LayerNorm


class Mlp(nn.Module):
    """What wrong answers do differently has a method of its own, here and below."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden)
        self.fc2 = nn.Linear(hidden, dim)

    def bend(self, x: Tensor) -> Tensor:
        return F.gelu(x)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.fc2(self.bend(self.fc1(x)))
        return out


class SelfAttention(nn.Module):
    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def three(self, x: Tensor) -> tuple[Tensor, ...]:
        """Queries, keys, values, (N, heads, n, d) each."""
        return tuple(self.split(part) for part in self.qkv(x).chunk(3, dim=-1))

    def split(self, x: Tensor) -> Tensor:
        return torch.stack(x.chunk(self.heads, dim=-1), dim=1)

    def scale(self, q: Tensor) -> float:
        return 1 / math.sqrt(q.shape[-1])

    def shares(self, scores: Tensor) -> Tensor:
        return scores.softmax(-1)

    def merge(self, x: Tensor) -> Tensor:
        return torch.cat(x.unbind(1), dim=-1)

    def finish(self, merged: Tensor, x: Tensor) -> Tensor:
        out: Tensor = self.proj(merged)
        return out

    def shown(self, weights: Tensor, scores: Tensor) -> Tensor:
        return weights

    def forward(self, x: Tensor, need_weights: bool = False) -> Answer:
        q, k, v = self.three(x)
        scores = torch.einsum("nhid,nhjd->nhij", q, k) * self.scale(q)
        weights = self.shares(scores)
        out = self.finish(self.merge(weights @ v), x)
        return (out, self.shown(weights, scores)) if need_weights else out


class DropPath(nn.Module):
    def __init__(self, p: float = 0.0) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return x
        kept = torch.rand(len(x), device=x.device) >= self.p
        return x * kept[:, None, None].to(x.dtype) / (1 - self.p)


class Block(nn.Module):
    eps = EPS

    def __init__(self, dim: int, heads: int, mlp_ratio: float = 4.0, drop_path: float = 0.0) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=self.eps)
        self.attn = SelfAttention(dim, heads)
        self.norm2 = nn.LayerNorm(dim, eps=self.eps)
        self.mlp = Mlp(dim, int(dim * mlp_ratio))
        self.drop = DropPath(drop_path)

    def first(self, x: Tensor) -> Tensor:
        """The branch of attention."""
        out: Tensor = self.attn(self.norm1(x))
        return out

    def second(self, x: Tensor) -> Tensor:
        """The branch of the small network."""
        out: Tensor = self.mlp(self.norm2(x))
        return out

    def kept(self, branch: Tensor) -> Tensor:
        """What is left of a branch."""
        out: Tensor = self.drop(branch)
        return out

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.kept(self.first(x))
        return x + self.kept(self.second(x))


class PatchEmbed(nn.Module):
    def __init__(self, patch_size: int, in_channels: int, dim: int) -> None:
        super().__init__()
        self.patch_size = patch_size
        self.proj = nn.Conv2d(in_channels, dim, patch_size, patch_size)

    def forward(self, images: Tensor) -> Tensor:
        maps: Tensor = self.proj(images)
        return maps.flatten(2).transpose(1, 2)


def resized(positions: Tensor, old: tuple[int, int], grid: tuple[int, int]) -> Tensor:
    """Positions of places alone, (1, rows · columns, dim), for a grid of another size."""
    if old == grid:
        return positions
    picture = positions.transpose(1, 2).unflatten(2, old)
    return F.interpolate(picture, grid, mode="bicubic", antialias=True).flatten(2).transpose(1, 2)


# --- cases -----------------------------------------------------------------------------------------------------------


@cache
def sizes_of(make: Callable[..., nn.Module], *options: tuple[str, Value]) -> Sizes:
    """The shape of every entry of the state_dict of what `make` makes. Draws nothing from torch's own generator."""
    with torch.device("meta"):
        return {name: tuple(value.shape) for name, value in make(**dict(options)).state_dict().items()}


def weights(rng: Rng, sizes: Sizes, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    """Random weights of these sizes: values stay near 1, and heads look at something."""
    counts = [math.prod(shape) for shape in sizes.values()]
    parts = rng.normal(sum(counts), dtype=dtype).split(counts)
    return {name: _shaped(name, part.reshape(shape)) for (name, shape), part in zip(sizes.items(), parts, strict=True)}


def _shaped(name: str, values: Tensor) -> Tensor:
    """Standard normal values, made into a weight of this name."""
    if name in ("cls_token", "pos_embed"):
        return 0.7 * values
    if values.ndim > 1:
        return values * (1.5 if "qkv" in name else 1.0) / math.sqrt(values[0].numel())
    return 0.8 + 0.2 * values if "norm" in name and name.endswith("weight") else 0.3 * values


def names_compared(case: Case, outputs: Outputs) -> Outputs:
    """The outputs, with a comparison of its names in place of `state_dict`: published weights come under the names that
    the case loads.
    """
    if "state_dict" not in outputs:
        return outputs
    wanted = next(item.kwargs for item in case.steps if item.verb == "load")
    missing = [name for name in wanted if name not in outputs["state_dict"]]
    others = {name: value for name, value in outputs.items() if name != "state_dict"}
    return others | {
        "first of timm's names that is missing": missing[0] if missing else "none",
        "has names that timm's doesn't": any(name not in wanted for name in outputs["state_dict"]),
    }


def under_other_names(kind: type[nn.Module], others: Mapping[str, str]) -> Any:
    """The module, which works as ever, with parts of other names."""

    def begin(self: Any, *args: Any, **options: Any) -> None:
        kind.__init__(self, *args, **options)
        parts = dict(self._modules)
        self._modules.clear()
        self._modules.update({others.get(name, name): part for name, part in parts.items()})

    def part(self: Any, name: str) -> Any:
        return nn.Module.__getattr__(self, others.get(name, name))

    begin.__wrapped__ = kind.__init__  # type: ignore[attr-defined]
    return type("UnderOtherNames", (kind,), {"__init__": begin, "__getattr__": part})
