"""Attention among an image's tokens, with timm's names and timm's layout of queries, keys and values."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from autograder.exercises.vit import _vit
from autograder.exercises.vit._ready_made_net import TRANSFORMER
from autograder.exercises.vit._vit import Answer, names_compared, sizes_of, under_other_names, weights
from autograder.spec import Case, Exercise, Ref, Rng, Speed, Step, Wrong, backward, call, load, mode, new

Oracle = _vit.SelfAttention
ALL = call("state_dict", target="net", method="state_dict")
OUT, GRADIENTS = call("out", Ref("x"), target="net"), backward("out", "x", "net")
SHOWN = call("out and weights", Ref("x"), target="net", need_weights=True)


def by_hand() -> Case:
    found = {
        "qkv.weight": torch.tensor([[1.0], [2.0], [10.0]]),
        "qkv.bias": torch.zeros(3),
        "proj.weight": torch.tensor([[1.0]]),
        "proj.bias": torch.zeros(1),
    }
    return Case(
        "two tokens of one number, by hand",
        (new("net", dim=1, heads=1), load("net", found), OUT),
        inputs={"x": torch.tensor([[[1.0], [0.0]]])},
        expect={"out": torch.tensor([[[8.807971], [5.0]]])},
        note="token 0: query 1·1, keys 2·1 and 0, scores 2 and 0, weights 0.881 and 0.119, values 10 and 0: 8.81; "
        "token 1: query 0, weights ½ ½: 5",
        terms=4,
    )


def one(rng: Rng, name: str, x: Tensor, heads: int, *steps: Step) -> Case:
    """A layer whose weights are loaded, then `steps`."""
    options = {"dim": x.shape[-1], "heads": heads}
    found = weights(rng, sizes_of(Oracle, *options.items()), x.dtype)
    program = (new("net", **options), load("net", found), *steps)
    return Case(name, program, inputs={"x": x}, terms=x.numel())


def cases(rng: Rng) -> Iterator[Case]:
    yield by_hand()
    yield one(rng, "2 heads of 3, timm's names", rng.normal(1, 4, 6), 2, ALL, OUT)
    yield one(rng, "batch of 3, 3 heads of 2", rng.normal(3, 5, 6), 3, mode("net", "train"), OUT)
    yield one(rng, "as many tokens as heads", rng.normal(2, 4, 8), 4, OUT)
    yield one(rng, "one head", rng.normal(2, 3, 4), 1, OUT)
    yield one(rng, "one token", rng.normal(2, 1, 6), 2, OUT)
    yield one(rng, "not contiguous", rng.strided(2, 5, 6), 2, OUT)
    yield one(rng, "the weights too", rng.normal(2, 4, 6), 2, SHOWN)
    yield one(rng, "large scores", 12 * rng.normal(1, 5, 8), 2, OUT)
    yield one(rng, "float64, gradients", rng.normal(2, 4, 6, dtype=torch.float64), 3, OUT, GRADIENTS)


class DealtInTurn(Oracle):
    def split(self, x: Tensor) -> Tensor:
        dealt: Tensor = x.unflatten(-1, (-1, self.heads))
        return dealt.movedim(-1, 1)


class MergedByReshape(Oracle):
    def merge(self, x: Tensor) -> Tensor:
        return x.reshape(x.shape[0], x.shape[2], -1)


class HeadByHead(Oracle):
    """Rows of the projection: head 0's queries, keys, values, then head 1's."""

    def three(self, x: Tensor) -> tuple[Tensor, ...]:
        apart: Tensor = self.qkv(x).unflatten(-1, (self.heads, 3, -1))
        return apart.permute(3, 0, 2, 1, 4).unbind(0)


class InTurnOfThree(Oracle):
    def three(self, x: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.split(part) for part in self.qkv(x).unflatten(-1, (-1, 3)).unbind(-1))


class KeysFirst(Oracle):
    def three(self, x: Tensor) -> tuple[Tensor, ...]:
        k, q, v = super().three(x)
        return q, k, v


class ValuesSecond(Oracle):
    def three(self, x: Tensor) -> tuple[Tensor, ...]:
        q, v, k = super().three(x)
        return q, k, v


class NoBias(Oracle):
    def three(self, x: Tensor) -> tuple[Tensor, ...]:
        found = F.linear(x, self.qkv.weight) + 0 * self.qkv.bias
        return tuple(self.split(part) for part in found.chunk(3, dim=-1))


class ScaledByAll(Oracle):
    def scale(self, q: Tensor) -> float:
        return 1 / math.sqrt(self.heads * q.shape[-1])


class Unscaled(Oracle):
    def scale(self, q: Tensor) -> float:
        return 1.0


class ByD(Oracle):
    def scale(self, q: Tensor) -> float:
        return 1 / q.shape[-1]


class ByTokens(Oracle):
    def scale(self, q: Tensor) -> float:
        return 1 / math.sqrt(q.shape[-2])


class OverQueries(Oracle):
    def shares(self, scores: Tensor) -> Tensor:
        return scores.softmax(-2)


class OverHeads(Oracle):
    def shares(self, scores: Tensor) -> Tensor:
        return scores.softmax(1)


class Overflowing(Oracle):
    def shares(self, scores: Tensor) -> Tensor:
        found = scores.exp()
        return found / found.sum(-1, keepdim=True)


class NoOutput(Oracle):
    def finish(self, merged: Tensor, x: Tensor) -> Tensor:
        return merged


class WithShortcut(Oracle):
    def finish(self, merged: Tensor, x: Tensor) -> Tensor:
        return x + super().finish(merged, x)


class Averaged(Oracle):
    def shown(self, weights: Tensor, scores: Tensor) -> Tensor:
        return weights.mean(1)


class ScoresShown(Oracle):
    def shown(self, weights: Tensor, scores: Tensor) -> Tensor:
        return scores


class NeverShown(Oracle):
    def forward(self, x: Tensor, need_weights: bool = False) -> Answer:
        return super().forward(x)


class Fused(Oracle):
    """What answers are timed against."""

    def forward(self, x: Tensor, need_weights: bool = False) -> Answer:
        q, k, v = self.three(x)
        return self.finish(self.merge(F.scaled_dot_product_attention(q, k, v)), x)


OtherNames = under_other_names(Oracle, {"qkv": "in_proj", "proj": "out_proj"})

WRONG = (
    Wrong(
        "deals the numbers out to the heads in turn",
        DealtInTurn,
        "the heads take numbers in turn; each takes a block of neighbours.",
        "you have split_heads.",
    ),
    Wrong(
        "merges the heads by a reshape alone",
        MergedByReshape,
        "the heads are merged in the wrong order: each token gets pieces of several others.",
        "you have merge_heads.",
    ),
    Wrong(
        "takes qkv's outputs head by head",
        HeadByHead,
        "qkv's outputs are read as queries, keys and values of head 0, then of head 1, …; all heads' queries come "
        "first, then all keys, then all values.",
        "which of the two is cut first: the three parts, or the heads?",
    ),
    Wrong(
        "takes qkv's outputs in turn",
        InTurnOfThree,
        "queries, keys and values take qkv's outputs in turn; each takes a block of dim neighbours.",
        "chunk(3, dim=-1).",
    ),
    Wrong(
        "takes keys before queries",
        KeysFirst,
        "the first third of qkv's outputs is used as keys and the second as queries.",
        "queries, keys, values: in this order, as the name says.",
    ),
    Wrong(
        "takes values before keys",
        ValuesSecond,
        "the second third of qkv's outputs is used as values and the last as keys.",
        "queries, keys, values: in this order, as the name says.",
    ),
    Wrong(
        "forgets qkv's bias",
        NoBias,
        "qkv's bias is never added.",
        "calling the layer, self.qkv(x), adds it.",
    ),
    Wrong(
        "scales by the whole width",
        ScaledByAll,
        "the scores are divided by the root of dim; a head's queries have only dim / heads numbers.",
        "what is d inside a head?",
    ),
    Wrong(
        "doesn't scale",
        Unscaled,
        "the scores are not divided by √(dim / heads).",
        "a sum of d random products is about √d large.",
    ),
    Wrong(
        "divides by d",
        ByD,
        "the scores are divided by dim / heads; it is the root of that.",
        "a sum of d random products is about √d large.",
    ),
    Wrong(
        "scales by the number of tokens",
        ByTokens,
        "the scores are divided by the root of the number of tokens; d is how many numbers a head's query has.",
        "the last axis of q, after the heads are split.",
    ),
    Wrong(
        "takes the softmax over the queries",
        OverQueries,
        "the softmax runs over the wrong axis: the weights of one query must add up to 1.",
        "scores are (N, heads, n, n): which of the last two axes are the keys?",
    ),
    Wrong(
        "takes the softmax over the heads",
        OverHeads,
        "the softmax runs over the heads; each head has weights of its own, which add up to 1 for each query.",
        "scores are (N, heads, n, n): which axis are the keys?",
    ),
    Wrong(
        "overflows",
        Overflowing,
        "exp of a large score is ∞, and ∞ / ∞ is NaN.",
        "softmax(-1) takes each row's largest score off first.",
    ),
    Wrong(
        "leaves out proj",
        NoOutput,
        "the merged heads are the answer; proj, which mixes them, comes last.",
        "what happens to self.proj in forward?",
    ),
    Wrong(
        "adds the input",
        WithShortcut,
        "the input is added; the shortcut belongs to the block around this layer.",
        "proj's result is the answer.",
    ),
    Wrong(
        "averages the weights over the heads",
        Averaged,
        "need_weights asks for the weights of each head, (N, heads, n, n).",
        "leave the axis of the heads.",
    ),
    Wrong(
        "gives the scores for weights",
        ScoresShown,
        "with need_weights the scores come back; asked are the weights, behind the softmax.",
        "each row adds up to 1.",
    ),
    Wrong(
        "ignores need_weights",
        NeverShown,
        "with need_weights=True the answer is a pair: output and weights.",
        "return out, weights.",
    ),
    Wrong(
        "gives its parts other names",
        OtherNames,
        "it works, but its parts are not called qkv and proj: published weights come under these names.",
        "the contract's table.",
    ),
)

SELF_ATTENTION = Exercise(
    id="vit.SelfAttention",
    cases=cases,
    oracle=Oracle,
    measure=names_compared,
    wrong=WRONG,
    hints=(
        "It is MultiHeadAttention without masks; the projection is a layer, self.qkv, and its result is cut in three.",
        "self.qkv(x).chunk(3, dim=-1), then split_heads for each of the three.",
        "Where nobody asks for the weights, F.scaled_dot_product_attention(q, k, v) is the quickest way. Else "
        "(q @ k.transpose(-1, -2) / √d).softmax(-1).",
        "self.proj(merge_heads(…)) comes last.",
    ),
    points=3,
    minutes=15,
    needs=("attention.split_heads", "attention.merge_heads", "attention.scaled_dot_product_attention"),
    forbidden=TRANSFORMER,
    speed=Speed(
        case=lambda rng: one(rng, "speed", rng.uniform(2, 197, 192), 3, OUT),
        limit=2.5,
        baseline=Fused,
        against="F.scaled_dot_product_attention between nn.Linear",
    ),
)

EXERCISES = (SELF_ATTENTION,)
