"""Multi-head attention as PyTorch has it, and the mistakes that are made in it, each a twist of the right answer."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from autograder.exercises.attention._attention import Mask, oracle
from autograder.spec import Value

Answer = Tensor | tuple[Tensor, Tensor]


class Oracle(nn.Module):
    in_proj_bias: Tensor | None

    def __init__(self, dim: int, heads: int, bias: bool = True) -> None:
        super().__init__()
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * dim, dim))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * dim)) if bias else None
        self.out_proj = nn.Linear(dim, dim, bias)
        nn.init.xavier_uniform_(self.in_proj_weight)

    def split(self, x: Tensor) -> Tensor:
        return torch.stack(x.chunk(self.heads, dim=-1), dim=1)

    def merge(self, x: Tensor) -> Tensor:
        return torch.cat(x.unbind(1), dim=-1)

    def project(self, query: Tensor, key: Tensor, value: Tensor) -> list[Tensor]:
        bias = None if self.in_proj_bias is None else self.in_proj_bias
        weights = self.in_proj_weight.chunk(3)
        biases = [None] * 3 if bias is None else list(bias.chunk(3))
        return [F.linear(x, w, b) for x, w, b in zip((query, key, value), weights, biases, strict=True)]

    def padded(self, mask: Mask, padding: Mask) -> Mask:
        """Where a query may look."""
        if padding is None:
            return mask
        seen = ~padding[:, None, None, :]
        return seen if mask is None else mask & seen

    def attend(self, q: Tensor, k: Tensor, mask: Mask, causal: bool) -> Tensor:
        """The weights (N, heads, n, m)."""
        one_hot = torch.eye(k.shape[-2], dtype=k.dtype, device=k.device).expand(*k.shape[:-2], -1, -1)
        return oracle(q, k, one_hot, mask, causal)

    def finish(self, merged: Tensor) -> Tensor:
        out: Tensor = self.out_proj(merged)
        return out

    def others(self, query: Tensor, key: Mask, value: Mask) -> tuple[Tensor, Tensor]:
        key = query if key is None else key
        return key, key if value is None else value

    def shown(self, weights: Tensor) -> Tensor:
        return weights

    def forward(
        self,
        query: Tensor,
        key: Mask = None,
        value: Mask = None,
        key_padding_mask: Mask = None,
        mask: Mask = None,
        causal: bool = False,
        need_weights: bool = False,
    ) -> Answer:
        q, k, v = (self.split(part) for part in self.project(query, *self.others(query, key, value)))
        weights = self.attend(q, k, self.padded(mask, key_padding_mask), causal)
        out = self.finish(self.merge(weights @ v))
        return (out, self.shown(weights)) if need_weights else out


class MergedByReshape(Oracle):
    def merge(self, x: Tensor) -> Tensor:
        return x.reshape(x.shape[0], x.shape[2], -1)


class DealtInTurn(Oracle):
    def split(self, x: Tensor) -> Tensor:
        dealt: Tensor = x.unflatten(-1, (-1, self.heads))
        return dealt.movedim(-1, 1)


class ScaledByAll(Oracle):
    def attend(self, q: Tensor, k: Tensor, mask: Mask, causal: bool) -> Tensor:
        return super().attend(q * self.heads**-0.5, k, mask, causal)


class KeysFirst(Oracle):
    def project(self, query: Tensor, key: Tensor, value: Tensor) -> list[Tensor]:
        k, q, v = super().project(key, query, value)
        return [q, k, v]


class InTurnOfThree(Oracle):
    def project(self, query: Tensor, key: Tensor, value: Tensor) -> list[Tensor]:
        weights = self.in_proj_weight.unflatten(0, (-1, 3)).unbind(1)
        bias = self.in_proj_bias
        biases = [None] * 3 if bias is None else list(bias.unflatten(0, (-1, 3)).unbind(1))
        return [F.linear(x, w, b) for x, w, b in zip((query, key, value), weights, biases, strict=True)]


class NoInputBias(Oracle):
    def project(self, query: Tensor, key: Tensor, value: Tensor) -> list[Tensor]:
        zero = 0.0 if self.in_proj_bias is None else 0 * self.in_proj_bias.sum()
        weights = self.in_proj_weight.chunk(3)
        return [F.linear(x, w) + zero for x, w in zip((query, key, value), weights, strict=True)]


class NoOutput(Oracle):
    def finish(self, merged: Tensor) -> Tensor:
        return merged


class WithShortcut(Oracle):
    def forward(self, query: Tensor, *rest: Value, **asks: Value) -> Answer:
        found = super().forward(query, *rest, **asks)
        return (query + found[0], found[1]) if isinstance(found, tuple) else query + found


class PaddingTurned(Oracle):
    def padded(self, mask: Mask, padding: Mask) -> Mask:
        return super().padded(mask, None if padding is None else ~padding)


class PaddingIgnored(Oracle):
    def padded(self, mask: Mask, padding: Mask) -> Mask:
        return mask


class MaskTurned(Oracle):
    def padded(self, mask: Mask, padding: Mask) -> Mask:
        return super().padded(None if mask is None else ~mask, padding)


class PaddingAlone(Oracle):
    def padded(self, mask: Mask, padding: Mask) -> Mask:
        return super().padded(mask if padding is None else None, padding)


class PaddedQueries(Oracle):
    def padded(self, mask: Mask, padding: Mask) -> Mask:
        if padding is None:
            return mask
        seen = ~padding[:, None, :, None]
        return seen if mask is None else mask & seen


class CausalIgnored(Oracle):
    def attend(self, q: Tensor, k: Tensor, mask: Mask, causal: bool) -> Tensor:
        return super().attend(q, k, mask, False)


class NotANumber(Oracle):
    def attend(self, q: Tensor, k: Tensor, mask: Mask, causal: bool) -> Tensor:
        found = super().attend(q, k, mask, causal)
        total = found.sum(-1, keepdim=True)
        return found / total.where(total > 0.5, total * 0)


class ValuesOfTheQuery(Oracle):
    def others(self, query: Tensor, key: Mask, value: Mask) -> tuple[Tensor, Tensor]:
        return query if key is None else key, query if value is None else value


class KeysForValues(Oracle):
    def others(self, query: Tensor, key: Mask, value: Mask) -> tuple[Tensor, Tensor]:
        return super().others(query, key, None)


class Averaged(Oracle):
    def shown(self, weights: Tensor) -> Tensor:
        return weights.mean(1)


class UnmaskedShown(Oracle):
    def forward(self, query: Tensor, *rest: Value, **asks: Value) -> Answer:
        found = super().forward(query, *rest, **asks)
        if not isinstance(found, tuple):
            return found
        unmasked = {name: value for name, value in asks.items() if name not in ("key_padding_mask", "mask", "causal")}
        return found[0], super().forward(query, *rest, **unmasked)[1]


class BornAtZero(Oracle):
    def __init__(self, dim: int, heads: int, bias: bool = True) -> None:
        super().__init__(dim, heads, bias)
        nn.init.zeros_(self.in_proj_weight)


class Unfilled(Oracle):
    """What was in memory is anything; this is large, whatever was there."""

    def __init__(self, dim: int, heads: int, bias: bool = True) -> None:
        super().__init__(dim, heads, bias)
        nn.init.normal_(self.in_proj_weight, std=1e9)


class BornBiased(Oracle):
    def __init__(self, dim: int, heads: int, bias: bool = True) -> None:
        super().__init__(dim, heads, bias)
        if self.in_proj_bias is not None:
            nn.init.ones_(self.in_proj_bias)
