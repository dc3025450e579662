"""Attention between tokens: queries (…, n, d) look at keys (…, m, d) and take home values (…, m, e).

A mask is True where a query may look, as in `F.scaled_dot_product_attention`.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn


def scaled_dot_product_attention(
    q: Float[Tensor, "*B n d"],
    k: Float[Tensor, "*B m d"],
    v: Float[Tensor, "*B m e"],
    mask: Bool[Tensor, "*#B n m"] | None = None,
    causal: bool = False,
    scale: float | None = None,
    dropout: float = 0.0,
) -> Float[Tensor, "*B n e"]:
    """Each query takes a weighted mean of the values: softmax(q kᵀ · scale) v, the softmax
    over the keys.

    `scale` is 1 / √d unless given. `mask` is True where a query may look at a key; with
    `causal`, query i may look at keys 0 … i only; with both, where both allow it. Scores of
    any size are safe. A query that may look at nothing gets 0, and sends no gradient: it is
    never NaN. `dropout` is the probability with which each single weight is set to 0 after
    the softmax; the others are divided by 1 − `dropout`.

    One query [1, 0], keys [1, 0] and [0, 1], `scale=1`: scores 1 and 0, weights exp 1 /
    (exp 1 + exp 0) = 0.731 and 0.269. With the values [10] and [20]: 0.731·10 + 0.269·20 =
    12.69.

    Source: Vaswani and others, "Attention is all you need", 2017, equation 1. Peer:
    `F.scaled_dot_product_attention`.
    """
    scores = q * (q.shape[-1] ** -0.5 if scale is None else scale) @ k.transpose(-1, -2)
    if causal:  # every query may look at key 0, so -inf leaves no row without any key
        later = torch.ones(scores.shape[-2:], dtype=torch.bool, device=q.device).triu(1)
        scores.masked_fill_(later, -torch.inf)
    if mask is None:
        weights = scores.softmax(-1)
    else:  # a finite number in place of -inf, so that a row without any key is no 0 / 0, in its gradient either
        lowest = torch.finfo(scores.dtype).min
        weights = scores.masked_fill_(~mask, lowest).softmax(-1).masked_fill(~mask, 0.0)
    if dropout:
        weights = nn.functional.dropout(weights, dropout)
    return weights @ v


def attention_backward(
    grad_out: Float[Tensor, "*B n e"],
    q: Float[Tensor, "*B n d"],
    k: Float[Tensor, "*B m d"],
    v: Float[Tensor, "*B m e"],
) -> tuple[Float[Tensor, "*B n d"], Float[Tensor, "*B m d"], Float[Tensor, "*B m e"]]:
    """Carry a gradient back through softmax(q kᵀ / √d) v by hand: `(dq, dk, dv)`. Autograd
    is not to be used.

    With the weights P and G = `grad_out`: dv = Pᵀ G and dP = G vᵀ. Through the softmax each
    row of scores gets dS = P ∘ (dP − the row's sum of P ∘ dP), ∘ being the product number by
    number. Then dq = dS k / √d and dk = dSᵀ q / √d.

    One query [1], keys [0] and [0], values [0] and [4], G = [1]: both weights are 0.5, dv =
    [0.5], [0.5]; dP = 0 and 4, the row's sum 0.5·0 + 0.5·4 = 2, so dS = 0.5·(0 − 2) = −1
    and 0.5·(4 − 2) = 1; dk = −1·1 and 1·1, and dq = −1·0 + 1·0 = 0.

    Peer: autograd through `F.scaled_dot_product_attention`.
    """
    scale = q.shape[-1] ** -0.5
    weights = (q * scale @ k.transpose(-1, -2)).softmax(-1)
    dv = weights.transpose(-1, -2) @ grad_out
    dweights = grad_out @ v.transpose(-1, -2)
    shared = (weights * dweights).sum(-1, keepdim=True)
    dscores = weights * (dweights - shared) * scale
    return dscores @ k, dscores.transpose(-1, -2) @ q, dv


def attention_entropy(weights: Float[Tensor, "*B n m"]) -> Float[Tensor, "*B n"]:
    """How widely each query looks: the entropy −Σ p log p of its weights in nats, from 0 (it
    looks at one key) to log m (at all alike). A weight of exactly 0 adds 0; no 1e-9 is added
    to the others.

    The weights 0.5, 0.25, 0.25: 0.5·0.693 + 0.25·1.386 + 0.25·1.386 = 1.04.

    Peer: `scipy.stats.entropy` along the last axis.
    """
    terms: Tensor = torch.special.xlogy(weights, weights)
    return -terms.sum(-1)
