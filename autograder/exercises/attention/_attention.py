"""Scaled dot-product attention as PyTorch has it, with one rule more: who may look at nothing gets 0."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

Mask = Tensor | None
Scale = float | None


def allowed(q: Tensor, k: Tensor, mask: Mask, causal: bool) -> Tensor:
    """Where a query may look, (…, n, m)."""
    everywhere = torch.ones(q.shape[-2], k.shape[-2], dtype=torch.bool, device=q.device)
    seen = everywhere.tril() if causal else everywhere
    return seen if mask is None else seen & mask


def oracle(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: Mask = None,
    causal: bool = False,
    scale: Scale = None,
    dropout: float = 0.0,
) -> Tensor:
    if mask is None and not causal:
        return F.scaled_dot_product_attention(q, k, v, scale=scale, dropout_p=dropout)
    seen = allowed(q, k, mask, causal)
    blind = ~seen.any(-1, keepdim=True)
    out = F.scaled_dot_product_attention(q, k, v, attn_mask=seen | blind, scale=scale, dropout_p=dropout)
    return out * ~blind
