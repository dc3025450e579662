"""Cross-attention: queries of one kind of tokens, keys and values of another."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from autograder.exercises.attention._attention import Mask, oracle
from autograder.exercises.attention._modules import born, module_case, of_birth
from autograder.exercises.attention._ready_made import MULTI_HEAD
from autograder.exercises.attention.multi_head import padding
from autograder.spec import Case, Exercise, Rng, Speed, Value, Wrong

Answer = Tensor | tuple[Tensor, Tensor]


class Oracle(nn.Module):
    def __init__(self, dim: int, context_dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q_proj_weight = nn.Parameter(torch.empty(dim, dim))
        self.k_proj_weight = nn.Parameter(torch.empty(dim, context_dim))
        self.v_proj_weight = nn.Parameter(torch.empty(dim, context_dim))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * dim))
        self.out_proj = nn.Linear(dim, dim)
        for weight in (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
            nn.init.xavier_uniform_(weight)

    def biases(self) -> tuple[Tensor, ...]:
        return self.in_proj_bias.chunk(3)

    def project(self, x: Tensor, context: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        query, key, value = self.biases()
        q = F.linear(x, self.q_proj_weight, query)
        return q, F.linear(context, self.k_proj_weight, key), F.linear(context, self.v_proj_weight, value)

    def split(self, x: Tensor) -> Tensor:
        return torch.stack(x.chunk(self.heads, dim=-1), dim=1)

    def seen(self, padding: Tensor) -> Tensor:
        return ~padding[:, None, None, :]

    def attend(self, q: Tensor, k: Tensor, mask: Mask) -> Tensor:
        """The weights (N, heads, n, m)."""
        one_hot = torch.eye(k.shape[-2], dtype=k.dtype, device=k.device).expand(*k.shape[:-2], -1, -1)
        return oracle(q, k, one_hot, mask)

    def merge(self, x: Tensor) -> Tensor:
        return torch.cat(x.unbind(1), dim=-1)

    def finish(self, merged: Tensor, x: Tensor) -> Tensor:
        out: Tensor = self.out_proj(merged)
        return out

    def shown(self, weights: Tensor) -> Tensor:
        return weights

    def forward(self, x: Tensor, context: Tensor, padding: Mask = None, need_weights: bool = False) -> Answer:
        q, k, v = (self.split(part) for part in self.project(x, context))
        weights = self.attend(q, k, None if padding is None else self.seen(padding))
        out = self.finish(self.merge(weights @ v), x)
        return (out, self.shown(weights)) if need_weights else out


def weights(rng: Rng, dim: int, context_dim: int, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    def drawn(rows: int, columns: int) -> Tensor:
        return rng.normal(rows, columns, dtype=dtype) * (1.5 / math.sqrt(columns))

    return {
        "q_proj_weight": drawn(dim, dim),
        "k_proj_weight": drawn(dim, context_dim),
        "v_proj_weight": drawn(dim, context_dim),
        "in_proj_bias": 0.5 * rng.normal(3 * dim, dtype=dtype),
        "out_proj.weight": drawn(dim, dim),
        "out_proj.bias": 0.5 * rng.normal(dim, dtype=dtype),
    }


def by_hand() -> Case:
    found = {
        "q_proj_weight": torch.tensor([[1.0]]),
        "k_proj_weight": torch.tensor([[1.0, 0.0]]),
        "v_proj_weight": torch.tensor([[0.0, 1.0]]),
        "in_proj_bias": torch.zeros(3),
        "out_proj.weight": torch.tensor([[1.0]]),
        "out_proj.bias": torch.tensor([0.0]),
    }
    return module_case(
        "one token looks at two, by hand",
        {"x": torch.tensor([[[1.0]]]), "context": torch.tensor([[[1.0, 10.0], [0.0, 20.0]]])},
        found,
        options={"dim": 1, "context_dim": 2, "heads": 1},
        expect=torch.tensor([[[12.689414]]]),
        note="keys are the first numbers: weights 0.731, 0.269; values the second: 0.731·10 + 0.269·20 = 12.69",
    )


def case(
    name: str,
    found: Mapping[str, Tensor],
    inputs: Mapping[str, Value],
    *,
    heads: int = 2,
    gradients: tuple[str, ...] = (),
    train: bool = False,
    **asks: Value,
) -> Case:
    dim, context_dim = found["k_proj_weight"].shape
    options: dict[str, Value] = {"dim": dim, "context_dim": context_dim, "heads": heads}
    named = {key: None for key in inputs if key == "padding"}
    return module_case(name, inputs, found, options=options, asks={**named, **asks}, train=train, gradients=gradients)


def pair(rng: Rng, batch: int, n: int, m: int, dim: int, context_dim: int) -> dict[str, Value]:
    return {"x": rng.normal(batch, n, dim), "context": rng.normal(batch, m, context_dim)}


def cases(rng: Rng) -> Iterator[Case]:
    yield by_hand()
    yield case("2 heads, narrower context", weights(rng, 6, 4), pair(rng, 1, 3, 5, 6, 4))
    yield case("batch of 3, as wide as the tokens", weights(rng, 6, 6), pair(rng, 3, 4, 4, 6, 6), heads=3)
    yield case("one query, many keys", weights(rng, 8, 5), pair(rng, 2, 1, 9, 8, 5), heads=4)
    yield case("as many tokens as heads", weights(rng, 8, 8), pair(rng, 2, 4, 4, 8, 8), heads=4)
    hidden = {**pair(rng, 3, 5, 5, 6, 6), "padding": padding(rng, 3, 5)}
    yield case("padding", weights(rng, 6, 6), hidden)
    nothing = torch.tensor([[False, False, True], [True, True, True]])
    blind = case(
        "padding only, in one sample",
        weights(rng, 6, 4),
        {**pair(rng, 2, 2, 3, 6, 4), "padding": nothing},
        gradients=("x", "context", "net"),
    )
    yield replace(blind, scale=5.0)  # one sample's gradients of the scores all but cancel
    yield case("the weights too", weights(rng, 6, 4), pair(rng, 2, 3, 5, 6, 4), need_weights=True)
    hidden = {**pair(rng, 3, 2, 5, 6, 4), "padding": padding(rng, 3, 5)}
    yield case("the weights behind padding", weights(rng, 6, 4), hidden, need_weights=True)
    yield born(dim=64, context_dim=48, heads=4)
    double = torch.float64
    exact = {key: value.double() for key, value in pair(rng, 2, 3, 5, 6, 4).items()}
    yield case(
        "float64, gradients, train mode",
        weights(rng, 6, 4, double),
        exact,
        gradients=("x", "context", "net"),
        train=True,
    )


class OtherWayRound(Oracle):
    def forward(self, x: Tensor, context: Tensor, padding: Mask = None, need_weights: bool = False) -> Answer:
        return super().forward(context, x, padding, need_weights)


class LooksAtItself(Oracle):
    def project(self, x: Tensor, context: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return super().project(x, x)


class ValuesOfItself(Oracle):
    def project(self, x: Tensor, context: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        q, k, _ = super().project(x, context)
        return q, k, super().project(x, x)[2]


class KeysForValues(Oracle):
    def project(self, x: Tensor, context: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        q, k, _ = super().project(x, context)
        return q, k, k


class BiasesMixed(Oracle):
    def biases(self) -> tuple[Tensor, ...]:
        return self.in_proj_bias.reshape(-1, 3).unbind(1)


class NoBiases(Oracle):
    def biases(self) -> tuple[Tensor, ...]:
        return (0 * self.in_proj_bias).chunk(3)


class NoOutput(Oracle):
    def finish(self, merged: Tensor, x: Tensor) -> Tensor:
        return merged


class WithShortcut(Oracle):
    def finish(self, merged: Tensor, x: Tensor) -> Tensor:
        return x + super().finish(merged, x)


class PaddingTurned(Oracle):
    def seen(self, padding: Tensor) -> Tensor:
        return padding[:, None, None, :]


class PaddingIgnored(Oracle):
    def seen(self, padding: Tensor) -> Tensor:
        return torch.ones_like(padding)[:, None, None, :]


class ScaledByAll(Oracle):
    def attend(self, q: Tensor, k: Tensor, mask: Mask) -> Tensor:
        return super().attend(q * self.heads**-0.5, k, mask)


class MergedByReshape(Oracle):
    def merge(self, x: Tensor) -> Tensor:
        return x.reshape(x.shape[0], x.shape[2], -1)


class Averaged(Oracle):
    def shown(self, weights: Tensor) -> Tensor:
        return weights.mean(1)


class UnmaskedShown(Oracle):
    def forward(self, x: Tensor, context: Tensor, padding: Mask = None, need_weights: bool = False) -> Answer:
        found = super().forward(x, context, padding, need_weights)
        return (found[0], super().forward(x, context, None, True)[1]) if need_weights else found


class NanOfPaddingOnly(Oracle):
    """A row of −∞ only, mended after the softmax."""

    def attend(self, q: Tensor, k: Tensor, mask: Mask) -> Tensor:
        scores = (q @ k.transpose(-1, -2)) / math.sqrt(q.shape[-1])
        if mask is None:
            return scores.softmax(-1)
        return (scores + torch.zeros_like(scores).masked_fill(~mask, -torch.inf)).softmax(-1).nan_to_num(0.0)


class BornAtZero(Oracle):
    def __init__(self, dim: int, context_dim: int, heads: int) -> None:
        super().__init__(dim, context_dim, heads)
        for weight in (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
            nn.init.zeros_(weight)


class Unfilled(Oracle):
    """What was in memory is anything; this is large, whatever was there."""

    def __init__(self, dim: int, context_dim: int, heads: int) -> None:
        super().__init__(dim, context_dim, heads)
        for weight in (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
            nn.init.normal_(weight, std=1e9)


class BornBiased(Oracle):
    def __init__(self, dim: int, context_dim: int, heads: int) -> None:
        super().__init__(dim, context_dim, heads)
        nn.init.ones_(self.in_proj_bias)


CROSS_ATTENTION = Exercise(
    id="attention.CrossAttention",
    cases=cases,
    oracle=Oracle,
    measure=of_birth,
    wrong=(
        Wrong(
            "lets the context look",
            OtherWayRound,
            says="queries come from the context, keys and values from x; it is the other way round.",
            look="who asks? The answer has one token for each token of x.",
        ),
        Wrong(
            "looks at itself",
            LooksAtItself,
            says="keys and values come from x: this is self-attention, and the context plays no part.",
            look="which of the three projections take the context?",
        ),
        Wrong(
            "takes values from itself",
            ValuesOfItself,
            says="keys come from the context, but values from x.",
            look="what is looked at is also what is taken home.",
        ),
        Wrong(
            "takes the keys for values",
            KeysForValues,
            says="the keys are taken home as values; values have a projection of their own.",
            look="v_proj_weight.",
        ),
        Wrong(
            "mixes the biases",
            BiasesMixed,
            says="the three biases are taken from in_proj_bias in turn; each is a block.",
            look="in_proj_bias.chunk(3).",
        ),
        Wrong(
            "forgets the biases",
            NoBiases,
            says="in_proj_bias is never added.",
            look="it holds three biases, one after the other.",
        ),
        Wrong(
            "leaves out out_proj",
            NoOutput,
            says="the merged heads are the answer; out_proj comes last.",
            look="what happens to self.out_proj in forward?",
        ),
        Wrong(
            "adds x",
            WithShortcut,
            says="x is added; the shortcut belongs to the block around this layer.",
            look="out_proj's result is the answer.",
        ),
        Wrong(
            "turns the padding round",
            PaddingTurned,
            says="padding is True where a token of the context is padding, which nobody may look at.",
            look="scaled_dot_product_attention's mask says the opposite.",
        ),
        Wrong(
            "ignores the padding",
            PaddingIgnored,
            says="padding is never used.",
            look="(N, m) becomes (N, 1, 1, m).",
        ),
        Wrong(
            "scales by the whole width",
            ScaledByAll,
            says="the scores are divided by the root of dim; a head's queries have only dim / heads numbers.",
            look="what is d inside a head?",
        ),
        Wrong(
            "merges the heads by a reshape alone",
            MergedByReshape,
            says="the heads are merged in the wrong order.",
            look="you have merge_heads.",
        ),
        Wrong(
            "averages the weights over the heads",
            Averaged,
            says="the weights are averaged over the heads; asked are each head's.",
            look="(N, heads, n, m).",
        ),
        Wrong(
            "shows weights without the padding",
            UnmaskedShown,
            says="the weights that are shown are those of all keys; those of padding are 0.",
            look="the unit matrix for values goes through the same mask.",
        ),
        Wrong(
            "hides the NaN of a context of padding and leaves its gradient",
            NanOfPaddingOnly,
            says="where all of the context is padding, the answer is clean but its gradient is NaN.",
            look="no NaN may arise: your scaled_dot_product_attention takes care of that.",
        ),
        Wrong(
            "starts with all weights alike",
            BornAtZero,
            says="in a new layer all numbers of a projection are the same, so that all heads learn the same, or none.",
            look="nn.init.xavier_uniform_ for each of the three, in __init__. (torch.empty fills nothing in.)",
        ),
        Wrong(
            "leaves the weights as memory was",
            Unfilled,
            says="the weights of a new layer are far too large or too small. torch.empty makes room and fills nothing "
            "in: they are what happened to lie there.",
            look="nn.init.xavier_uniform_ for each of the three, in __init__.",
        ),
        Wrong(
            "starts with a bias",
            BornBiased,
            says="in_proj_bias of a new layer isn't 0.",
            look="torch.zeros.",
        ),
    ),
    hints=(
        "It is your MultiHeadAttention with three weights in place of one, since they differ in shape.",
        "q from x by q_proj_weight, k and v from context by the other two; biases from in_proj_bias.chunk(3).",
        "The padding becomes a mask by ~padding[:, None, None, :].",
    ),
    points=3,
    minutes=15,
    needs=("attention.scaled_dot_product_attention", "attention.split_heads", "attention.merge_heads"),
    forbidden=MULTI_HEAD,
    speed=Speed(
        case=lambda rng: case("speed", weights(rng, 128, 96), pair(rng, 8, 64, 96, 128, 96), heads=4),
        limit=3.0,
        against="the same in torch",
    ),
)

EXERCISES = (CROSS_ATTENTION,)
