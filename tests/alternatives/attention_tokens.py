"""Right answers about tokens that look different from the reference."""

import math

import torch
import torch.nn.functional as F
from torch import nn

# --- attention -------------------------------------------------------------------------------------------------------


def attention_by_exponentials(q, k, v, mask=None, causal=False, scale=None, dropout=0.0):
    """The softmax written out; what may not be seen gets the share 0."""
    scores = torch.einsum("...nd,...md->...nm", q, k) * (1 / math.sqrt(q.size(-1)) if scale is None else scale)
    n, m = scores.shape[-2:]
    seen = torch.ones(n, m, dtype=torch.bool, device=q.device)
    if causal:
        seen = torch.arange(n, device=q.device)[:, None] >= torch.arange(m, device=q.device)
    if mask is not None:
        seen = torch.logical_and(seen, mask)
    top = torch.where(seen, scores, torch.finfo(scores.dtype).min).amax(-1, keepdim=True).detach()
    shares = torch.where(seen, (torch.where(seen, scores, top) - top).exp(), 0.0)
    total = shares.sum(-1, keepdim=True)
    weights = shares / torch.where(total > 0, total, 1.0)
    if dropout > 0:
        weights = weights * (torch.rand(weights.shape, device=q.device) >= dropout) / (1 - dropout)
    return torch.einsum("...nm,...me->...ne", weights, v)


def attention_by_nan_to_num(q, k, v, mask=None, causal=False, scale=None, dropout=0.0):
    """A row of −∞ gives NaN, which masked_fill's own derivative stops: it writes 0 wherever it has filled."""
    scores = q @ k.mT * (q.shape[-1] ** -0.5 if scale is None else scale)
    if causal:
        scores = scores.masked_fill(~torch.ones(scores.shape[-2:], dtype=torch.bool, device=q.device).tril(), -math.inf)
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    return F.dropout(scores.softmax(-1).nan_to_num(0.0), dropout) @ v


def attention_by_blind_rows(q, k, v, mask=None, causal=False, scale=None, dropout=0.0):
    """A row that may look at nothing is let loose, and multiplied by 0 in the end."""
    scale = q.shape[-1] ** -0.5 if scale is None else scale
    scores = (q @ k.mT) * scale
    if causal:
        triangle = torch.tril(torch.ones_like(scores[(0,) * (scores.ndim - 2)], dtype=torch.bool))
        mask = triangle if mask is None else triangle & mask
    if mask is None:
        return F.dropout(F.softmax(scores, dim=-1), dropout) @ v
    blind = ~mask.any(dim=-1, keepdim=True)
    scores = scores.masked_fill(~(mask | blind), float("-inf"))
    return (F.dropout(F.softmax(scores, dim=-1), dropout) @ v) * (~blind).to(v.dtype)


def backward_by_einsum(grad_out, q, k, v):
    d = q.shape[-1]
    p = torch.softmax(torch.einsum("...id,...jd->...ij", q, k) / math.sqrt(d), -1)
    out = p @ v
    dp = torch.einsum("...ie,...je->...ij", grad_out, v)
    ds = p * (dp - (grad_out * out).sum(-1, keepdim=True)) / math.sqrt(d)
    return (
        torch.einsum("...ij,...jd->...id", ds, k),
        torch.einsum("...ij,...id->...jd", ds, q),
        torch.einsum("...ij,...ie->...je", p, grad_out),
    )


def backward_by_jacobian(grad_out, q, k, v):
    """The softmax's matrix of derivatives for every row: diag(p) − p pᵀ."""
    root = q.shape[-1] ** 0.5
    p = (q / root @ k.mT).softmax(-1)
    jacobian = torch.diag_embed(p) - p[..., :, None] * p[..., None, :]
    ds = (jacobian @ (grad_out @ v.mT)[..., None])[..., 0]
    return ds @ k / root, ds.mT @ q / root, p.mT @ grad_out


def entropy_by_log(weights):
    return -(weights * weights.clamp(min=1e-30).log()).sum(dim=-1)


def entropy_where(weights):
    safe = torch.where(weights > 0, weights, 1.0)
    return (weights * (1 / safe).log()).sum(-1)


# --- heads -----------------------------------------------------------------------------------------------------------


def split_by_chunks(x, heads):
    return torch.stack(torch.chunk(x, heads, dim=2), dim=1)


def split_by_view(x, heads):
    n, tokens, width = x.shape
    return x.reshape(n, tokens, heads, width // heads).permute(0, 2, 1, 3).contiguous()


def merge_by_cat(x):
    return torch.cat([x[:, head] for head in range(x.shape[1])], dim=2)


def merge_by_view(x):
    n, heads, tokens, d = x.shape
    return x.permute(0, 2, 1, 3).reshape(n, tokens, heads * d)


class HeadsInALoop(nn.Module):
    """One head after the other, on slices of the weights."""

    def __init__(self, dim, heads, bias=True):
        super().__init__()
        self.dim, self.heads = dim, heads
        self.in_proj_weight = nn.Parameter(torch.randn(3 * dim, dim) * dim**-0.5)
        if bias:
            self.in_proj_bias = nn.Parameter(torch.zeros(3 * dim))
        self.out_proj = nn.Linear(dim, dim, bias=bias)

    def forward(self, query, key=None, value=None, key_padding_mask=None, mask=None, causal=False, need_weights=False):
        key = query if key is None else key
        value = key if value is None else value
        bias = getattr(self, "in_proj_bias", torch.zeros(3 * self.dim, dtype=query.dtype, device=query.device))
        width = self.dim // self.heads
        found, looks = [], []
        for head in range(self.heads):
            rows = [torch.arange(width, device=query.device) + head * width + part * self.dim for part in range(3)]
            q, k, v = (x @ self.in_proj_weight[r].T + bias[r] for x, r in zip((query, key, value), rows, strict=True))
            seen = mask if mask is None or mask.ndim < 4 else mask[:, head if mask.shape[1] > 1 else 0]
            if key_padding_mask is not None:
                open_keys = ~key_padding_mask.unsqueeze(1)
                seen = open_keys if seen is None else seen & open_keys
            one_hot = torch.eye(k.shape[1], dtype=k.dtype, device=k.device).expand(len(k), -1, -1)
            looks.append(attention_by_exponentials(q, k, one_hot, seen, causal))
            found.append(looks[-1] @ v)
        out = self.out_proj(torch.cat(found, dim=-1))
        return (out, torch.stack(looks, dim=1)) if need_weights else out


class HeadsTogether(nn.Module):
    """One projection for self-attention, and torch's own attention for the rest."""

    def __init__(self, dim, heads, bias=True):
        super().__init__()
        self.heads = heads
        self.in_proj_weight = nn.Parameter(nn.init.xavier_uniform_(torch.empty(3 * dim, dim)))
        self.register_parameter("in_proj_bias", nn.Parameter(torch.zeros(3 * dim)) if bias else None)
        self.out_proj = nn.Linear(dim, dim, bias=bias)

    def project(self, query, key, value):
        if query is key is value:
            return F.linear(query, self.in_proj_weight, self.in_proj_bias).chunk(3, dim=-1)
        whole = [F.linear(x, self.in_proj_weight, self.in_proj_bias).chunk(3, dim=-1) for x in (query, key, value)]
        return whole[0][0], whole[1][1], whole[2][2]

    def forward(self, query, key=None, value=None, key_padding_mask=None, mask=None, causal=False, need_weights=False):
        key = query if key is None else key
        value = key if value is None else value
        q, k, v = (split_by_view(x, self.heads) for x in self.project(query, key, value))
        seen = torch.ones(q.shape[2], k.shape[2], dtype=torch.bool, device=q.device)
        seen = seen.tril() if causal else seen
        seen = seen if mask is None else seen & mask
        if key_padding_mask is not None:
            seen = seen & key_padding_mask.logical_not()[:, None, None]
        lost = ~seen.any(-1, keepdim=True)
        names = torch.eye(k.shape[2], dtype=q.dtype, device=q.device).expand(*k.shape[:2], -1, -1)
        both = F.scaled_dot_product_attention(q, k, torch.cat([v, names], -1), attn_mask=seen | lost) * ~lost
        out = self.out_proj(merge_by_view(both[..., : v.shape[-1]]))
        return (out, both[..., v.shape[-1] :]) if need_weights else out


def heads_of_torch(q, k, v, seen=None, need_weights=False):
    """Torch's attention, with values as wide as the keys; weights, where wanted, by a softmax of their own."""
    if seen is None:
        out = F.scaled_dot_product_attention(q, k, v)
    else:
        lost = ~seen.any(-1, keepdim=True)
        out = F.scaled_dot_product_attention(q, k, v, attn_mask=seen | lost) * ~lost
    if not need_weights:
        return out, None
    scores = q @ k.mT / q.shape[-1] ** 0.5
    if seen is not None:
        scores = scores.masked_fill(~seen, -1e30)
    return out, scores.softmax(-1) * (1 if seen is None else seen)


class HeadsOfTorch(HeadsTogether):
    def forward(self, query, key=None, value=None, key_padding_mask=None, mask=None, causal=False, need_weights=False):
        key = query if key is None else key
        q, k, v = (split_by_view(x, self.heads) for x in self.project(query, key, key if value is None else value))
        if causal:
            earlier = torch.arange(k.shape[2], device=q.device) <= torch.arange(q.shape[2], device=q.device)[:, None]
            mask = earlier if mask is None else mask & earlier
        if key_padding_mask is not None:
            there = ~key_padding_mask[:, None, None]
            mask = there if mask is None else mask & there
        out, weights = heads_of_torch(q, k, v, mask, need_weights)
        out = self.out_proj(merge_by_view(out))
        return (out, weights) if need_weights else out


def maps_by_normalize(weights, size, query=0, extra=0):
    """Weights are never negative, so their sum is the norm of order 1, which is kept above 1e-12."""
    looks = weights[:, :, query, extra:]
    return F.normalize(looks, p=1, dim=-1).reshape(*looks.shape[:2], *size)


def maps_in_loops(weights, size, query=0, extra=0):
    maps = weights.new_zeros(*weights.shape[:2], *size)
    for image in range(maps.shape[0]):
        for head in range(maps.shape[1]):
            look = weights[image, head, query][extra:]
            if look.sum() > 0:
                maps[image, head] = (look / look.sum()).view(size)
    return maps


def maps_by_einsum(weights, size, query=0, extra=0):
    """The query is picked by a product with a unit vector."""
    one = torch.zeros(weights.shape[2], dtype=weights.dtype, device=weights.device)
    one[query] = 1
    looks = torch.einsum("bhqk,q->bhk", weights, one)[:, :, extra:]
    return (looks / looks.sum(-1, keepdim=True)).nan_to_num(0.0).unflatten(2, size)


class CrossInALoop(nn.Module):
    """One head after the other."""

    def __init__(self, dim, context_dim, heads):
        super().__init__()
        self.heads = heads
        self.q_proj_weight = nn.Parameter(torch.randn(dim, dim) * dim**-0.5)
        self.k_proj_weight = nn.Parameter(torch.randn(dim, context_dim) * context_dim**-0.5)
        self.v_proj_weight = nn.Parameter(torch.randn(dim, context_dim) * context_dim**-0.5)
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * dim))
        self.out_proj = nn.Linear(dim, dim)

    def forward(self, x, context, padding=None, need_weights=False):
        a, b, c = self.in_proj_bias.chunk(3)
        q, k, v = x @ self.q_proj_weight.T + a, context @ self.k_proj_weight.T + b, context @ self.v_proj_weight.T + c
        seen = None if padding is None else torch.logical_not(padding).unsqueeze(1)
        names = torch.eye(context.shape[1], dtype=x.dtype, device=x.device).expand(len(x), -1, -1)
        parts = zip(q.chunk(self.heads, -1), k.chunk(self.heads, -1), v.chunk(self.heads, -1), strict=True)
        looks = [(attention_by_exponentials(one, two, names, seen), three) for one, two, three in parts]
        out = self.out_proj(torch.cat([look @ values for look, values in looks], -1))
        return (out, torch.stack([look for look, _ in looks], 1)) if need_weights else out


class CrossOfLinears(nn.Module):
    """Three matrices under other names, in the peer's order."""

    def __init__(self, dim, context_dim, heads):
        super().__init__()
        self.heads = heads
        self.wq = nn.Parameter(torch.randn(dim, dim) * 0.1)
        self.wk = nn.Parameter(torch.randn(dim, context_dim) * 0.1)
        self.wv = nn.Parameter(torch.randn(dim, context_dim) * 0.1)
        self.b = nn.Parameter(torch.zeros(3 * dim))
        self.out = nn.Linear(dim, dim)

    def forward(self, x, context, padding=None, need_weights=False):
        dim = len(self.wq)
        q = split_by_view(F.linear(x, self.wq, self.b[:dim]), self.heads)
        k = split_by_view(F.linear(context, self.wk, self.b[dim : 2 * dim]), self.heads)
        v = split_by_view(F.linear(context, self.wv, self.b[2 * dim :]), self.heads)
        scores = torch.matmul(q, k.transpose(2, 3)) / (dim // self.heads) ** 0.5
        if padding is not None:
            hidden = padding.reshape(len(x), 1, 1, -1)
            scores = scores.masked_fill(hidden, -1e30)
        weights = scores.softmax(dim=-1)
        if padding is not None:
            weights = weights * ~hidden
        out = self.out(merge_by_cat(weights @ v))
        return (out, weights) if need_weights else out


class CrossOfTorch(CrossInALoop):
    def forward(self, x, context, padding=None, need_weights=False):
        a, b, c = self.in_proj_bias.chunk(3)
        pairs = ((x, self.q_proj_weight, a), (context, self.k_proj_weight, b), (context, self.v_proj_weight, c))
        q, k, v = (split_by_view(F.linear(*pair), self.heads) for pair in pairs)
        seen = None if padding is None else ~padding[:, None, None]
        out, weights = heads_of_torch(q, k, v, seen, need_weights)
        out = self.out_proj(merge_by_view(out))
        return (out, weights) if need_weights else out


# --- distances -------------------------------------------------------------------------------------------------------


def bias_by_slices(table, n):
    rows = [table[i : i + n].flip(0) for i in range(n)]
    return torch.stack(rows).permute(2, 0, 1)


def bias_by_loops(table, n):
    out = torch.stack([torch.stack([table[i - j + n - 1] for j in range(n)]) for i in range(n)])
    return out.movedim(2, 0).contiguous()


def window_by_coordinates(table, h, w):
    grid = torch.stack(torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")).flatten(1)
    apart = (grid[:, :, None] - grid[:, None, :]).permute(1, 2, 0)
    apart = apart + torch.tensor([h - 1, w - 1])
    index = (apart * torch.tensor([2 * w - 1, 1])).sum(-1).to(table.device)
    return table[index.reshape(-1)].reshape(h * w, h * w, -1).permute(2, 0, 1).contiguous()


def window_by_index_picture(table, h, w):
    """The numbers of the table's rows as a picture, of which every query cuts out its window."""
    picture = torch.arange(len(table), device=table.device).reshape(2 * h - 1, 2 * w - 1)
    cut = [picture[y : y + h, x : x + w].flip(0, 1).flatten() for y in range(h) for x in range(w)]
    return table.T[:, torch.stack(cut)]


# --- many tokens -----------------------------------------------------------------------------------------------------


def chunked_with_logsumexp(q, k, v, chunk=256):
    """Two passes over the keys: first the logarithm of the sum, then the values."""
    q = q / math.sqrt(q.shape[-1])
    out = []
    for part in torch.split(q, chunk, dim=-2):
        total = None
        for keys in torch.split(k, chunk, dim=-2):
            here = torch.logsumexp(part @ keys.mT, dim=-1, keepdim=True)
            total = here if total is None else torch.logaddexp(total, here)
        pairs = zip(torch.split(k, chunk, dim=-2), torch.split(v, chunk, dim=-2), strict=True)
        out.append(sum(torch.exp(part @ keys.mT - total) @ values for keys, values in pairs))
    return torch.cat(out, dim=-2)


def chunked_keys_outside(q, k, v, chunk=256):
    """The loop over keys outside, with the state of all queries kept."""
    n, m = q.shape[-2], k.shape[-2]
    top = torch.full((*q.shape[:-1], 1), -math.inf, dtype=q.dtype, device=q.device)
    total, out = torch.zeros_like(top), torch.zeros(*q.shape[:-1], v.shape[-1], dtype=q.dtype, device=q.device)
    for j in range(0, m, chunk):
        keys, values = k[..., j : j + chunk, :], v[..., j : j + chunk, :]
        for i in range(0, n, chunk):
            rows = (..., slice(i, i + chunk), slice(None))
            scores = q[rows] @ keys.mT / q.shape[-1] ** 0.5
            new = torch.maximum(top[rows], scores.amax(-1, keepdim=True))
            old, weights = torch.exp(top[rows] - new), torch.exp(scores - new)
            total[rows] = total[rows] * old + weights.sum(-1, keepdim=True)
            out[rows] = out[rows] * old + weights @ values
            top[rows] = new
    return out / total


def linear_by_einsum(q, k, v):
    q, k = F.elu(q) + 1, F.elu(k) + 1
    together = torch.einsum("...md,...me->...de", k, v)
    below = torch.einsum("...nd,...d->...n", q, k.sum(dim=-2))
    return torch.einsum("...nd,...de->...ne", q, together) / below[..., None]


def linear_where(q, k, v):
    """φ written out; the sum of keys carried along as one more value."""

    def phi(x):
        return torch.where(x > 0, x + 1, torch.exp(torch.clamp(x, max=0)))

    found = phi(q) @ (phi(k).mT @ torch.cat([v, torch.ones_like(v[..., :1])], dim=-1))
    return found[..., :-1] / found[..., -1:]


ALTERNATIVES = {
    "attention.scaled_dot_product_attention": [
        attention_by_exponentials,
        attention_by_nan_to_num,
        attention_by_blind_rows,
    ],
    "attention.attention_backward": [backward_by_einsum, backward_by_jacobian],
    "attention.attention_entropy": [entropy_by_log, entropy_where],
    "attention.split_heads": [split_by_chunks, split_by_view],
    "attention.merge_heads": [merge_by_cat, merge_by_view],
    "attention.MultiHeadAttention": [HeadsInALoop, HeadsTogether, HeadsOfTorch],
    "attention.attention_maps": [maps_by_normalize, maps_in_loops, maps_by_einsum],
    "attention.CrossAttention": [CrossInALoop, CrossOfLinears, CrossOfTorch],
    "attention.relative_position_bias_1d": [bias_by_slices, bias_by_loops],
    "attention.relative_position_bias_2d": [window_by_coordinates, window_by_index_picture],
    "attention.chunked_attention": [chunked_with_logsumexp, chunked_keys_outside],
    "attention.linear_attention": [linear_by_einsum, linear_where],
}
