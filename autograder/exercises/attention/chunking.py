"""Exact attention in little memory: the softmax piece by piece. Peak memory is part of the grade."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from autograder.exercises.attention._ready_made import ATTENTION
from autograder.spec import Case, Exercise, Memory, Rng, Speed, Wrong, of_call

TOKENS = 8192
# 8,192 tokens of 16 numbers: queries, keys and values have 1.5 MiB together. All scores at once have 256 MiB, and the
# weights made of them as many again: 341 times the inputs. The budget is less than a fortieth of that.
BUDGET = 8.0


def oracle(q: Tensor, k: Tensor, v: Tensor, chunk: int = 256) -> Tensor:
    return F.scaled_dot_product_attention(q, k, v)


def tokens(rng: Rng, *batch: int, n: int = 6, m: int = 6, d: int = 4, e: int = 4) -> dict[str, Tensor]:
    return {"q": rng.normal(*batch, n, d), "k": rng.normal(*batch, m, d), "v": rng.normal(*batch, m, e)}


def case(name: str, parts: dict[str, Tensor], chunk: int) -> Case:
    terms = parts["k"].shape[-2] + parts["k"].shape[-1]
    return of_call(name, q=parts["q"], k=parts["k"], v=parts["v"], chunk=chunk, terms=terms)


def cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "two keys, one at a time, by hand",
        q=torch.tensor([[1.0]]),
        k=torch.tensor([[0.0], [math.log(3)]]),
        v=torch.tensor([[4.0], [8.0]]),
        chunk=1,
        expect=torch.tensor([[7.0]]),
        note="after key 0: largest 0, sum 1, values 4; key 1 is larger: 1/3 + 1 = 4/3 and 4/3 + 8 = 28/3; quotient 7",
        terms=2,
    )
    yield case("6 tokens in chunks of 2", tokens(rng), 2)
    yield case("everything in one chunk", tokens(rng, 2), 16)
    yield case("batch and heads, wider values", tokens(rng, 2, 3, n=8, m=8, d=4, e=6), 4)
    yield case("7 tokens in chunks of 3: one is left over", tokens(rng, 2, n=7, m=7), 3)
    yield case("more keys than queries", tokens(rng, 2, n=4, m=12), 4)
    yield case("chunks of one token", tokens(rng, n=5, m=5), 1)
    parts = tokens(rng, n=6, m=6)
    yield case("the largest score last", {**parts, "k": parts["k"] * torch.linspace(0.2, 4, 6)[:, None]}, 2)
    up_level_down = torch.tensor([60.0, 0.0, -60.0])[:, None]
    steep = {"q": up_level_down * torch.ones(4), "k": rng.normal(6, 4), "v": rng.normal(6, 4)}
    steep["k"] += torch.linspace(-3, 3, 6)[:, None]
    yield replace(case("scores above 100", steep, 2), scale=400.0)
    below = {**steep, "q": torch.full((3, 4), -60.0), "k": steep["k"].abs() + 2}
    yield replace(case("no score above −100", below, 2), scale=700.0)
    yield case("not contiguous", {name: rng.strided(2, 6, 4) for name in "qkv"}, 4)
    yield case(f"64 queries, {TOKENS:,} keys", tokens(rng, 1, n=64, m=TOKENS, d=8, e=8), 512)
    yield case("float64", {name: part.double() for name, part in tokens(rng, 2, n=9, m=7).items()}, 4)


# --- wrong answers ---------------------------------------------------------------------------------------------------


def online(
    finish: Callable[[Tensor, Tensor], Tensor] = torch.div,
    *,
    sum_shrinks: bool = True,
    values_shrink: bool = True,
    backwards: bool = False,
    scaled: bool = True,
    shifted: bool = True,
    start: float = -torch.inf,
    one_for_all: bool = False,
    whole_chunks: bool = False,
) -> Callable[..., Tensor]:
    """The online softmax, with one habit changed."""

    def answer(q: Tensor, k: Tensor, v: Tensor, chunk: int = 256) -> Tensor:
        q = q * q.shape[-1] ** -0.5 if scaled else q
        top = torch.full_like(q[..., :1], start)
        total = torch.zeros_like(top)
        found = torch.zeros_like(q[..., :1]) * v[..., :1, :]
        last = k.shape[-2] // chunk * chunk if whole_chunks and k.shape[-2] >= chunk else k.shape[-2]
        for at in range(0, last, chunk):
            stop = min(at + chunk, last)
            scores = q @ k[..., at:stop, :].transpose(-1, -2)
            highest = scores.max() if one_for_all else scores.amax(-1, keepdim=True)
            higher = torch.maximum(top, highest) if shifted else torch.zeros_like(top)
            weights = (scores - higher).exp()
            shrink = torch.where(top.isinf(), 0.0, (top - higher).exp()) if shifted else torch.ones_like(top)
            if backwards:
                shrink = torch.where(top.isinf(), 0.0, (higher - top).exp())
            total = total * (shrink if sum_shrinks else 1.0) + weights.sum(-1, keepdim=True)
            found = found * (shrink if values_shrink else 1.0) + weights @ v[..., at:stop, :]
            top = higher
        return finish(found, total)

    return answer


def mean_of_chunks(q: Tensor, k: Tensor, v: Tensor, chunk: int = 256) -> Tensor:
    each = [oracle(q, *pair) for pair in zip(k.split(chunk, -2), v.split(chunk, -2), strict=True)]
    return torch.stack(each).mean(0)


def own_chunk_only(q: Tensor, k: Tensor, v: Tensor, chunk: int = 256) -> Tensor:
    keys, values = k.split(chunk, -2), v.split(chunk, -2)
    parts = [oracle(part, keys[i % len(keys)], values[i % len(keys)]) for i, part in enumerate(q.split(chunk, -2))]
    return torch.cat(parts, -2)


def undivided(found: Tensor, total: Tensor) -> Tensor:
    return found


CHUNKED = Exercise(
    id="attention.chunked_attention",
    cases=cases,
    oracle=oracle,
    wrong=(
        Wrong(
            "averages the chunks",
            mean_of_chunks,
            says="each chunk of keys has a softmax of its own, and the results are averaged; a chunk with larger "
            "scores must count for more.",
            look="keep the sum of exponentials, and divide once, in the end.",
        ),
        Wrong(
            "looks at one chunk only",
            own_chunk_only,
            says="each chunk of queries sees one chunk of keys; it must see all of them.",
            look="two loops, one inside the other.",
        ),
        Wrong(
            "doesn't shrink the values",
            online(values_shrink=False),
            says="when a larger score turns up, the sum of exponentials is made smaller, but the values are not.",
            look="both were relative to the old largest score.",
        ),
        Wrong(
            "doesn't shrink the sum",
            online(sum_shrinks=False),
            says="when a larger score turns up, the values are made smaller, but the sum of exponentials is not.",
            look="both were relative to the old largest score.",
        ),
        Wrong(
            "shrinks nothing",
            online(sum_shrinks=False, values_shrink=False),
            says="sums of different chunks are relative to different largest scores, and are added as they are.",
            look="what happens to the old sums when the largest score rises?",
        ),
        Wrong(
            "shrinks the wrong way",
            online(backwards=True),
            says="the old sums are multiplied by exp(new − old), which makes them larger.",
            look="an old largest score below the new one must count less: exp(old − new) ≤ 1.",
        ),
        Wrong(
            "doesn't divide",
            online(undivided),
            says="the result is the sum of values times exponentials; their sum of weights isn't 1 yet.",
            look="divide by the sum of exponentials, once, after the last chunk.",
        ),
        Wrong(
            "doesn't scale",
            online(scaled=False),
            says="the scores aren't divided by √d.",
            look="scale the queries once, before the loops.",
        ),
        Wrong(
            "overflows",
            online(shifted=False),
            says="exp of a large score is ∞, and ∞ / ∞ is NaN.",
            look="scores relative to the largest so far are never above 0.",
        ),
        Wrong(
            "starts the largest score at 0",
            online(start=0.0),
            says="the largest score starts at 0, so that where all scores are far below 0 every exponential is 0, and "
            "0 / 0 is NaN.",
            look="what is smaller than any score?",
        ),
        Wrong(
            "takes one largest score for all queries",
            online(one_for_all=True),
            says="all queries share one largest score; where another query's is far above, a query's exponentials are "
            "all 0, and 0 / 0 is NaN.",
            look="amax(-1, keepdim=True).",
        ),
        Wrong(
            "forgets the keys that are left over",
            online(whole_chunks=True),
            says="the last keys, which fill no whole chunk, are never looked at.",
            look="7 tokens in chunks of 3 are three chunks.",
        ),
    ),
    hints=(
        "Keep three tensors for a chunk of queries: largest score (…, c, 1), sum (…, c, 1), values (…, c, e).",
        "For a chunk of keys: higher = max(largest, scores' largest); weights = exp(scores − higher).",
        "shrink = exp(largest − higher); total · shrink + weights.sum(-1); found · shrink + weights @ values.",
        "x.split(chunk, -2) cuts the tokens up, the last piece being smaller. torch.cat puts the results together.",
    ),
    points=5,
    minutes=30,
    forbidden=ATTENTION,
    speed=Speed(
        case=lambda rng: case("speed", tokens(rng, 1, n=TOKENS, m=TOKENS, d=16, e=16), 512),
        limit=6.0,
        against="F.scaled_dot_product_attention",
    ),
    memory=Memory(limit=BUDGET),
)

EXERCISES = (CHUNKED,)
