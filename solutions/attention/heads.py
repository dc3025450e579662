"""Attention in several subspaces at once, with the parameters of `nn.MultiheadAttention` (batch first); its maps."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from solutions.attention.attend import scaled_dot_product_attention


def split_heads(x: Float[Tensor, "N n heads*d"], heads: int) -> Float[Tensor, "N heads n d"]:
    """Share each token's numbers out to `heads` heads: head h gets the h-th block of d
    neighbouring numbers.

    One token [1, 2, 3, 4] and 2 heads: head 0 gets [1, 2], head 1 gets [3, 4].

    Raises ValueError unless `heads` divides the width of a token.
    """
    if x.shape[-1] % heads:
        raise ValueError(f"expected a width that {heads} heads can share evenly, got {x.shape[-1]}")
    apart: Tensor = x.unflatten(-1, (heads, -1))
    return apart.transpose(-2, -3)


def merge_heads(x: Float[Tensor, "N heads n d"]) -> Float[Tensor, "N n heads*d"]:
    """Undo `split_heads`: each token's heads side by side again, head 0 first."""
    return x.transpose(-2, -3).flatten(-2)


class MultiHeadAttention(nn.Module):
    """Attention in `heads` subspaces of dim / heads numbers each.

    `in_proj_weight` (3·dim, dim) and `in_proj_bias` (3·dim): the rows for queries, then for
    keys, then for values. `out_proj`: a Linear over the heads' results side by side.
    `bias=False`: `in_proj_bias` is None and `out_proj` has no bias. The projection starts
    Xavier-uniform, its bias at 0.

    forward: `key` is `query` unless given, `value` is `key` unless given (self-attention).
    `key_padding_mask` is True where a key is only *padding*, as in the peer; `mask`,
    broadcast to (N, heads, n, m), is True where a query *may* look, the opposite of the
    peer's `attn_mask`; `causal` as in `scaled_dot_product_attention`, which also says what
    a query gets that may look at nothing. With `need_weights` the answer is a pair: the
    output, and the weights of each head (N, heads, n, m).

    Raises ValueError unless `heads` divides `dim`.

    Source: Vaswani and others, "Attention is all you need", 2017, section 3.2.2. Peer:
    `nn.MultiheadAttention(dim, heads, batch_first=True)`.
    """

    def __init__(self, dim: int, heads: int, bias: bool = True) -> None:
        super().__init__()
        if dim % heads:
            raise ValueError(f"expected a width that {heads} heads can share evenly, got {dim}")
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * dim, dim))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * dim)) if bias else None
        self.out_proj = nn.Linear(dim, dim, bias)
        nn.init.xavier_uniform_(self.in_proj_weight)

    def forward(
        self,
        query: Float[Tensor, "N n dim"],
        key: Float[Tensor, "N m dim"] | None = None,
        value: Float[Tensor, "N m dim"] | None = None,
        key_padding_mask: Bool[Tensor, "N m"] | None = None,
        mask: Bool[Tensor, "*#Nh n m"] | None = None,
        causal: bool = False,
        need_weights: bool = False,
    ) -> Float[Tensor, "N n dim"] | tuple[Float[Tensor, "N n dim"], Float[Tensor, "N heads n m"]]:
        key = query if key is None else key
        value = key if value is None else value
        weights = self.in_proj_weight.chunk(3)
        biases = (None,) * 3 if self.in_proj_bias is None else self.in_proj_bias.chunk(3)
        q, k, v = (
            split_heads(nn.functional.linear(tokens, weight, bias), self.heads)
            for tokens, weight, bias in zip((query, key, value), weights, biases, strict=True)
        )
        if key_padding_mask is not None:
            seen = ~key_padding_mask[:, None, None, :]
            mask = seen if mask is None else mask & seen
        if not need_weights:
            out: Tensor = self.out_proj(merge_heads(scaled_dot_product_attention(q, k, v, mask, causal)))
            return out
        one_hot = torch.eye(k.shape[-2], dtype=q.dtype, device=q.device)  # values that name their key
        shares = scaled_dot_product_attention(q, k, one_hot, mask, causal)
        return self.out_proj(merge_heads(shares @ v)), shares


def attention_maps(
    weights: Float[Tensor, "N heads n m"], size: tuple[int, int], query: int = 0, extra: int = 0
) -> Float[Tensor, "N heads H W"]:
    """What one query looks at, as a picture for each head: `size` is (H, W), and the places are
    keys row by row. The first `extra` keys are no places (a class token); they are left out,
    and what remains of a head's weights is divided by its sum. A head that looks at no place at
    all has a map of zeros; nothing is added to the sums of the others. `query` counts the
    tokens from 0, those without a place too.

    Weights 0.5, 0.1, 0.1, 0.3, 0 of which the first is the class token's, 2 × 2 places: the
    rest sums to 0.5, so [[0.2, 0.2], [0.6, 0]].

    Raises ValueError unless there are `extra` + H·W keys.
    """
    if weights.shape[-1] != extra + size[0] * size[1]:
        raise ValueError(f"expected {extra} + {size[0]} · {size[1]} keys, got {weights.shape[-1]}")
    maps: Tensor = weights[:, :, query, extra:].unflatten(-1, size)
    total = maps.sum((-2, -1), keepdim=True)
    return maps / torch.where(total > 0, total, 1.0)


class CrossAttention(nn.Module):
    """Tokens of one kind look at tokens of another kind, which may be of another width.

    `q_proj_weight` (dim, dim) makes the queries from `x`; `k_proj_weight` and
    `v_proj_weight`, both (dim, context_dim), make keys and values from `context`;
    `in_proj_bias` (3·dim) holds the three biases in this order; `out_proj` is a Linear. The
    projections start Xavier-uniform, their biases at 0.

    forward: `padding` (N, m) is True where a token of the context is only padding. With
    `need_weights` the answer is a pair: the output, and the weights (N, heads, n, m).

    Raises ValueError unless `heads` divides `dim`.

    Peer: `nn.MultiheadAttention(dim, heads, kdim=context_dim, vdim=context_dim,
    batch_first=True)` where context_dim is not dim.
    """

    def __init__(self, dim: int, context_dim: int, heads: int) -> None:
        super().__init__()
        if dim % heads:
            raise ValueError(f"expected a width that {heads} heads can share evenly, got {dim}")
        self.heads = heads
        self.q_proj_weight = nn.Parameter(torch.empty(dim, dim))
        self.k_proj_weight = nn.Parameter(torch.empty(dim, context_dim))
        self.v_proj_weight = nn.Parameter(torch.empty(dim, context_dim))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * dim))
        self.out_proj = nn.Linear(dim, dim)
        for weight in (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
            nn.init.xavier_uniform_(weight)

    def forward(
        self,
        x: Float[Tensor, "N n dim"],
        context: Float[Tensor, "N m context_dim"],
        padding: Bool[Tensor, "N m"] | None = None,
        need_weights: bool = False,
    ) -> Float[Tensor, "N n dim"] | tuple[Float[Tensor, "N n dim"], Float[Tensor, "N heads n m"]]:
        weights = (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight)
        q, k, v = (
            split_heads(nn.functional.linear(tokens, weight, bias), self.heads)
            for tokens, weight, bias in zip((x, context, context), weights, self.in_proj_bias.chunk(3), strict=True)
        )
        mask = None if padding is None else ~padding[:, None, None, :]
        if not need_weights:
            out: Tensor = self.out_proj(merge_heads(scaled_dot_product_attention(q, k, v, mask)))
            return out
        one_hot = torch.eye(k.shape[-2], dtype=q.dtype, device=q.device)  # values that name their key
        shares = scaled_dot_product_attention(q, k, one_hot, mask)
        return self.out_proj(merge_heads(shares @ v)), shares
