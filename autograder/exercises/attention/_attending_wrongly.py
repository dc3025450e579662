"""Mistakes in scaled dot-product attention, each a twist of the right answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from autograder.exercises.attention._attention import Mask, Scale, allowed, oracle


class Asked(NamedTuple):
    """What the answer is called with."""

    q: Tensor
    k: Tensor
    v: Tensor
    mask: Mask
    causal: bool
    scale: Scale
    dropout: float

    @property
    def scores(self) -> Tensor:
        scale = self.q.shape[-1] ** -0.5 if self.scale is None else self.scale
        return self.q @ self.k.transpose(-1, -2) * scale

    @property
    def seen(self) -> Tensor:
        return allowed(self.q, self.k, self.mask, self.causal)

    @property
    def everywhere(self) -> Tensor:
        return allowed(self.q, self.k, None, False)

    def hidden(self, value: float = -torch.inf) -> Tensor:
        """The scores, with this value where the query may not look."""
        return self.scores.masked_fill(~self.seen, value)

    def finish(self, weights: Tensor) -> Tensor:
        return F.dropout(weights, self.dropout) @ self.v

    def with_triangle(self, earlier: Tensor) -> Tensor:
        """The right answer, but for what causal means."""
        if not self.causal:
            return oracle(*self)
        mask = earlier if self.mask is None else self.mask & earlier
        return oracle(*self._replace(mask=mask, causal=False))


def answer(twist: Callable[[Asked], Tensor]) -> Callable[..., Tensor]:
    """A twist, with the answer's own parameters."""

    def wrong(
        q: Tensor,
        k: Tensor,
        v: Tensor,
        mask: Mask = None,
        causal: bool = False,
        scale: Scale = None,
        dropout: float = 0.0,
    ) -> Tensor:
        return twist(Asked(q, k, v, mask, causal, scale, dropout))

    return wrong


@answer
def over_queries(a: Asked) -> Tensor:
    return a.finish(a.hidden(torch.finfo(a.q.dtype).min).softmax(-2).masked_fill(~a.seen, 0.0))


@answer
def over_queries_masked_once(a: Asked) -> Tensor:
    return a.finish(a.hidden(torch.finfo(a.q.dtype).min).softmax(-2))


@answer
def unscaled(a: Asked) -> Tensor:
    return oracle(*a._replace(scale=1.0 if a.scale is None else a.scale))


@answer
def by_d(a: Asked) -> Tensor:
    return oracle(*a._replace(scale=1 / a.q.shape[-1] if a.scale is None else a.scale))


@answer
def by_keys(a: Asked) -> Tensor:
    return oracle(*a._replace(scale=a.k.shape[-2] ** -0.5 if a.scale is None else a.scale))


@answer
def scale_ignored(a: Asked) -> Tensor:
    return oracle(*a._replace(scale=None))


@answer
def inverted(a: Asked) -> Tensor:
    return oracle(*a._replace(mask=None if a.mask is None else ~a.mask))


@answer
def mask_after(a: Asked) -> Tensor:
    return a.finish(a.scores.softmax(-1) * a.seen)


@answer
def score_zero(a: Asked) -> Tensor:
    return a.finish(a.hidden(0.0).softmax(-1))


@answer
def mask_added(a: Asked) -> Tensor:
    return a.finish((a.scores + a.seen).softmax(-1))


@answer
def not_a_number(a: Asked) -> Tensor:
    return a.finish(a.hidden().softmax(-1))


@answer
def mended_too_late(a: Asked) -> Tensor:
    out_of_sight = torch.zeros_like(a.scores).masked_fill(~a.seen, -torch.inf)
    return a.finish((a.scores + out_of_sight).softmax(-1).nan_to_num(0.0))


@answer
def looks_everywhere(a: Asked) -> Tensor:
    return a.finish(a.hidden(torch.finfo(a.q.dtype).min).softmax(-1))


@answer
def mask_ignored(a: Asked) -> Tensor:
    return oracle(*a._replace(mask=None))


@answer
def causal_ignored(a: Asked) -> Tensor:
    return oracle(*a._replace(causal=False))


@answer
def future(a: Asked) -> Tensor:
    return a.with_triangle(a.everywhere.triu())


@answer
def not_itself(a: Asked) -> Tensor:
    return a.with_triangle(a.everywhere.tril(-1))


@answer
def from_the_end(a: Asked) -> Tensor:
    return a.with_triangle(a.everywhere.tril(a.k.shape[-2] - a.q.shape[-2]))


@answer
def one_or_the_other(a: Asked) -> Tensor:
    return oracle(*a._replace(causal=a.causal and a.mask is None))


@answer
def overflows(a: Asked) -> Tensor:
    shares = a.scores.exp() * a.seen
    blind = ~a.seen.any(-1, keepdim=True)
    return a.finish(shares / (shares.sum(-1, keepdim=True) + blind))


@answer
def one_largest(a: Asked) -> Tensor:
    shares = (a.scores - a.scores.max()).exp() * a.seen
    blind = ~a.seen.any(-1, keepdim=True)
    return a.finish(shares / (shares.sum(-1, keepdim=True) + blind))


@answer
def never_drops(a: Asked) -> Tensor:
    return oracle(*a._replace(dropout=0.0))


@answer
def drops_unmasked_only(a: Asked) -> Tensor:
    return oracle(*a._replace(dropout=a.dropout if a.mask is None and not a.causal else 0.0))


@answer
def one_draw_for_all(a: Asked) -> Tensor:
    one_hot = torch.eye(a.k.shape[-2], dtype=a.k.dtype, device=a.k.device).expand(*a.k.shape[:-2], -1, -1)
    weights = oracle(*a._replace(v=one_hot, dropout=0.0))
    return weights * F.dropout(torch.ones_like(weights[(0,) * (weights.ndim - 2)]), a.dropout) @ a.v


@answer
def not_made_up_for(a: Asked) -> Tensor:
    one_hot = torch.eye(a.k.shape[-2], dtype=a.k.dtype, device=a.k.device).expand(*a.k.shape[:-2], -1, -1)
    weights = oracle(*a._replace(v=one_hot, dropout=0.0))
    return a.finish(weights) * (1 - a.dropout)


@answer
def drops_scores(a: Asked) -> Tensor:
    if not a.dropout:
        return oracle(*a)
    scores = F.dropout(a.scores, a.dropout).masked_fill(~a.seen, torch.finfo(a.q.dtype).min)
    return scores.softmax(-1).masked_fill(~a.seen, 0.0) @ a.v


@answer
def drops_outputs(a: Asked) -> Tensor:
    return F.dropout(oracle(*a._replace(dropout=0.0)), a.dropout)


@answer
def drops_queries(a: Asked) -> Tensor:
    out = oracle(*a._replace(dropout=0.0))
    return out * F.dropout(torch.ones_like(out[..., :1]), a.dropout)
