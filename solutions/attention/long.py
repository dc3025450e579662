"""Attention for many tokens: exact in little memory, or linear and not the same."""

import torch
from jaxtyping import Float
from torch import Tensor, nn


def chunked_attention(
    q: Float[Tensor, "*B n d"], k: Float[Tensor, "*B m d"], v: Float[Tensor, "*B m e"], chunk: int = 256
) -> Float[Tensor, "*B n e"]:
    """softmax(q kᵀ / √d) v, exactly, without ever holding all n · m weights.

    `chunk` queries at a time walk along the keys, `chunk` keys at a time, and keep three
    things for each query: its largest score so far, the sum of exponentials relative to it,
    and the values' sum with the same weights. When a larger score turns up, both sums are
    first made smaller by exp(old largest − new largest). In the end the second is divided
    by the first. n and m need not be multiples of `chunk`.

    Scores log 1 and log 3, values [4] and [8], chunk 1. After the first key: largest log 1,
    sum 1, values 4. The second is larger: both sums times exp(log 1 − log 3) = 1/3, so sum
    1/3 + 1 = 4/3, values 4/3 + 8 = 28/3, result (28/3) / (4/3) = 7 = (1·4 + 3·8) / (1 + 3).

    Raises ValueError if `chunk` is below 1. Sources: Milakov and Gimelshein, "Online
    normalizer calculation for softmax", 2018; Rabe and Staats, "Self-attention does not
    need O(n²) memory", 2021. Peer: `F.scaled_dot_product_attention`.
    """
    if chunk < 1:
        raise ValueError(f"expected a chunk of at least 1, got {chunk}")
    keys, values = k.transpose(-1, -2).split(chunk, -1), v.split(chunk, -2)
    parts = []
    for part in (q * q.shape[-1] ** -0.5).split(chunk, -2):
        largest = part.new_full((*part.shape[:-1], 1), -torch.inf)
        total, found = torch.zeros_like(largest), torch.zeros_like(part[..., :1])
        for key, value in zip(keys, values, strict=True):
            scores = part @ key
            higher = torch.maximum(largest, scores.detach().amax(-1, keepdim=True))
            weights = scores.sub_(higher).exp_()
            shrink = (largest - higher).exp()
            total = total * shrink + weights.sum(-1, keepdim=True)
            found = found * shrink + weights @ value
            largest = higher
        parts.append(found / total)
    return torch.cat(parts, -2)


def linear_attention(
    q: Float[Tensor, "*B n d"], k: Float[Tensor, "*B m d"], v: Float[Tensor, "*B m e"]
) -> Float[Tensor, "*B n e"]:
    """Attention whose time and memory grow with n + m, not with n · m.

    The weight of key j for query i is φ(qᵢ) · φ(kⱼ) divided by its sum over all keys, with
    φ(x) = elu(x) + 1, which is never negative (in float32 it is 0 below about −17). Since it
    is a plain product, keys and values are added up once for all queries: out = φ(q) (φ(k)ᵀ
    v) / (φ(q) Σⱼ φ(kⱼ)). Nothing is added to the denominator.

    One number each, query 0 (φ = 1), keys 0 and 1 (φ = 1 and 2), values [10] and [40]:
    weights 1/3 and 2/3, so (1·10 + 2·40) / 3 = 30.

    Source: Katharopoulos and others, "Transformers are RNNs", 2020, equations 5 to 7.
    """
    q, k = nn.functional.elu(q) + 1, nn.functional.elu(k) + 1
    total = q @ k.sum(-2).unsqueeze(-1)
    return q @ (k.transpose(-1, -2) @ v) / total
