"""The transformer's block: a norm for each token, attention, and a small network for each token."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from solutions.attention import merge_heads, split_heads
from solutions.resnet import drop_path


def layer_norm(
    x: Float[Tensor, "*B dim"],
    weight: Float[Tensor, "dim"],
    bias: Float[Tensor, "dim"],
    eps: float = 1e-6,
) -> Float[Tensor, "*B dim"]:
    """Bring each token to mean 0 and variance 1 over its own numbers, then scale by `weight` and
    shift by `bias`.

    The variance is divided by dim, not by dim − 1, and `eps` is added to it under the root.

    The token [1, 3] has mean 2 and variance 1: −1 and 1. With weight [2, 2] and bias [0, 5]:
    [−2, 7].

    Source: Ba, Kiros and Hinton 2016, equation 4. Peer: `F.layer_norm` over the last axis.
    """
    deviation = x - x.mean(-1, keepdim=True)
    variance = deviation.square().mean(-1, keepdim=True)
    return deviation * (variance + eps).rsqrt() * weight + bias


def layer_norm_backward(
    grad_out: Float[Tensor, "*B dim"],
    x: Float[Tensor, "*B dim"],
    weight: Float[Tensor, "dim"],
    eps: float = 1e-6,
) -> tuple[Float[Tensor, "*B dim"], Float[Tensor, "dim"], Float[Tensor, "dim"]]:
    """The gradients (dx, dweight, dbias) of `layer_norm`, by hand. Autograd is not to be used.

    With x̂ the normalised values, σ = √(variance + eps) and g = grad_out · weight:

        dx = (g − mean(g) − x̂ · mean(g · x̂)) / σ

    with means over a token's numbers. dweight = Σ grad_out · x̂ and dbias = Σ grad_out run over
    all tokens.

    Token [1, 3], weight [1, 1], eps 0, grad_out [1, 0]: x̂ = [−1, 1], mean(g) = 0.5,
    mean(g · x̂) = −0.5, so dx = [1 − 0.5 − 0.5, 0 − 0.5 + 0.5] = [0, 0]: two numbers always
    come out as −1 and 1.

    Peer: autograd through `F.layer_norm`.
    """
    deviation = x - x.mean(-1, keepdim=True)
    steepness = (deviation.square().mean(-1, keepdim=True) + eps).rsqrt()
    normalised = deviation * steepness
    scaled = grad_out * weight
    shared = scaled.mean(-1, keepdim=True) + normalised * (scaled * normalised).mean(-1, keepdim=True)
    dweight, dbias = (part.reshape(-1, x.shape[-1]).sum(0) for part in (grad_out * normalised, grad_out))
    return (scaled - shared) * steepness, dweight, dbias


def gelu(x: Float[Tensor, "*S"], approximate: str = "none") -> Float[Tensor, "*S"]:
    """A soft ReLU: x · Φ(x), Φ(x) being the share of a standard normal distribution below x.

    "none": exact, Φ(x) = ½ (1 + erf(x / √2)). "tanh": the approximation that many published
    models were trained with, ½ x (1 + tanh(√(2/π) · (x + 0.044715 x³))).

    gelu(1) = 1 · 0.8413 = 0.8413; with "tanh" 0.8412. gelu(0) = 0.

    Raises ValueError for another `approximate`. Source: Hendrycks and Gimpel 2016, section 2.
    Peer: `F.gelu`.
    """
    if approximate == "none":
        return 0.5 * x * (1 + torch.erf(x * math.sqrt(0.5)))
    if approximate == "tanh":
        return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    raise ValueError(f'approximate is "none" or "tanh", got {approximate!r}')


class Mlp(nn.Module):
    """The small network that each token goes through on its own: `fc1` (dim to hidden), GELU in
    its exact form, `fc2` (hidden to dim), both with bias.

    One token [1], fc1 with weights [[1], [−1]], fc2 with [[1, 2]], no biases: 1 and −1, behind
    GELU 0.8413 and −0.1587, so [0.8413·1 − 0.1587·2] = [0.524].

    Source: Dosovitskiy and others 2021, section 3.1. Peer: `timm.layers.Mlp`.
    """

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden)
        self.fc2 = nn.Linear(hidden, dim)

    def forward(self, x: Float[Tensor, "*B dim"]) -> Float[Tensor, "*B dim"]:
        out: Tensor = self.fc2(nn.functional.gelu(self.fc1(x)))
        return out


class SelfAttention(nn.Module):
    """Attention among the tokens of one image, with timm's names.

    `qkv`: a Linear from dim to 3·dim; its outputs are the queries of all heads, then the keys,
    then the values. `proj`: a Linear over the heads' results side by side, head 0 first. Head h
    has the h-th block of dim / heads neighbouring numbers; scores are divided by √(dim / heads).

    forward: with `need_weights` a pair, the output and the weights (N, heads, n, n), each
    query's row of which adds up to 1.

    Tokens [1] and [0], one head, qkv with weights [[1], [2], [10]], proj with [[1]], no biases.
    Token 0: query 1, keys 2 and 0, weights 0.881 and 0.119, values 10 and 0: 8.81. Token 1:
    query 0, weights ½ and ½: 5.

    Raises ValueError unless `heads` divides `dim`. Source: Vaswani and others 2017, section 3.2.
    Peer: timm's `Attention` in `timm.models.vision_transformer`, with `qkv_bias=True`.
    """

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        if dim % heads:
            raise ValueError(f"expected a width that {heads} heads can share evenly, got {dim}")
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(
        self, x: Float[Tensor, "N n dim"], need_weights: bool = False
    ) -> Float[Tensor, "N n dim"] | tuple[Float[Tensor, "N n dim"], Float[Tensor, "N heads n n"]]:
        q, k, v = (split_heads(part, self.heads) for part in self.qkv(x).chunk(3, dim=-1))
        if not need_weights:
            found = nn.functional.scaled_dot_product_attention(q, k, v)
            out: Tensor = self.proj(merge_heads(found))
            return out
        weights = (q * q.shape[-1] ** -0.5 @ k.transpose(-1, -2)).softmax(-1)
        return self.proj(merge_heads(weights @ v)), weights


class DropPath(nn.Module):
    """`drop_path` as a layer: in training each sample loses the branch with probability `p`, drawn
    anew at every call."""

    def __init__(self, p: float = 0.0) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Float[Tensor, "N *S"]) -> Float[Tensor, "N *S"]:
        if not self.training or self.p == 0:
            return x
        return drop_path(x, self.p, seed=int(torch.randint(2**31, ())))


class TransformerBlock(nn.Module):
    """Two residual branches, each with a norm in front: x + attn(norm1(x)), then x + mlp(norm2(x)).

    `norm1` and `norm2`: `nn.LayerNorm(dim, eps=1e-6)`; `attn`: a `SelfAttention`; `mlp`: an `Mlp`
    with int(mlp_ratio · dim) numbers in the middle. Both branches go through `drop`, a
    `DropPath(drop_path)`, before they are added: in training a sample may lose either or both.
    The second branch starts from what the first has left.

    If attention gives [1, 0] whatever comes in and the small network [0, 0.5], the token [3, 4]
    becomes [3 + 1 + 0, 4 + 0 + 0.5] = [4, 4.5].

    Source: Dosovitskiy and others 2021, equations 2 and 3 ("pre-norm"). Peer: timm's `Block` in
    `timm.models.vision_transformer`, with `qkv_bias=True`.
    """

    def __init__(self, dim: int, heads: int, mlp_ratio: float = 4.0, drop_path: float = 0.0) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.attn = SelfAttention(dim, heads)
        self.norm2 = nn.LayerNorm(dim, eps=1e-6)
        self.mlp = Mlp(dim, int(dim * mlp_ratio))
        self.drop = DropPath(drop_path)

    def forward(self, x: Float[Tensor, "N n dim"]) -> Float[Tensor, "N n dim"]:
        x = x + self.drop(self.attn(self.norm1(x)))
        out: Tensor = x + self.drop(self.mlp(self.norm2(x)))
        return out
