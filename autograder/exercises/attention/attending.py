"""Scaled dot-product attention: masks, causality, scale, dropout, and queries that may look at nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from autograder.exercises.attention import _attending_wrongly as mistakes
from autograder.exercises.attention._attention import Mask, allowed, oracle
from autograder.exercises.attention._ready_made import ATTENTION
from autograder.spec import Case, Exercise, Outputs, Ref, Rng, Speed, Value, Wrong, backward, call, seed

ORDER: dict[str, Value] = {"mask": None, "causal": False, "scale": None, "dropout": 0.0}


def case(name: str, q: Tensor, k: Tensor, v: Tensor, *gradients: str, **others: Value) -> Case:
    """Arguments as far as `others` goes."""
    last = max((list(ORDER).index(key) for key in others), default=-1)
    given: dict[str, Any] = {key: others.get(key, ORDER[key]) for key in list(ORDER)[: last + 1]}
    inputs = {"q": q, "k": k, "v": v, **given}  # of_call has a scale of its own
    asked: dict[str, Any] = {key: Ref(key) for key in inputs}
    steps = [call("out", **asked)]
    if gradients:
        steps.append(backward("out", *gradients))
    return Case(name, tuple(steps), inputs=inputs, terms=max(q.shape[-1], k.shape[-2], q.shape[-2]))


def tokens(rng: Rng, *batch: int, n: int = 4, m: int = 5, d: int = 3, e: int = 3) -> tuple[Tensor, Tensor, Tensor]:
    return rng.normal(*batch, n, d), rng.normal(*batch, m, d), rng.normal(*batch, m, e)


def some(rng: Rng, *shape: int) -> Tensor:
    """A random mask in which every query may look at one key at least, and not at all of them."""
    mask = rng.uniform(*shape) < 0.5
    mask[..., 0], mask[..., -1] = True, False
    return mask


def with_blind(rng: Rng, *shape: int) -> Tensor:
    """Likewise, but the second query may look at nothing."""
    mask = some(rng, *shape)
    mask[..., 1, :] = False
    return mask


def cases(rng: Rng) -> Iterator[Case]:
    first, second = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    yield replace(
        case(
            "one query, two keys, by hand",
            first,
            torch.cat([first, second]),
            torch.tensor([[10.0], [20.0]]),
            scale=1.0,
        ),
        expect={"out": torch.tensor([[12.689414]])},
        note="scores 1 and 0; weights exp 1 / (exp 1 + exp 0) = 0.731 and 0.269; 0.731·10 + 0.269·20 = 12.69",
    )
    yield case("4 queries, 5 keys", *tokens(rng), "q", "k", "v")
    yield case("batch and heads, wider values", *tokens(rng, 2, 3, n=3, m=4, d=8, e=5), "q", "k", "v")
    yield case("as many queries as keys", *tokens(rng, 2, n=4, m=4, d=4, e=4))
    yield case("scale 2", *tokens(rng, 2), scale=2.0)
    yield case("a mask", *tokens(rng, 2), "q", "k", "v", mask=some(rng, 4, 5))
    yield case("a mask for each head", *tokens(rng, 2, 2), mask=some(rng, 2, 1, 4, 5))
    yield case("causal", *tokens(rng, 2, n=4, m=4), "q", "k", "v", causal=True)
    yield case("causal, more keys than queries", *tokens(rng, 1, n=3, m=5), causal=True)
    both = some(rng, 4, 4)
    both[0, 1] = True  # so that causal takes at least this one away
    yield case("causal and a mask", *tokens(rng, 2, n=4, m=4), mask=both, causal=True)
    yield case("a query that may look at nothing", *tokens(rng, 2), mask=with_blind(rng, 4, 5))
    yield case("its gradient", *tokens(rng, 2), "q", "k", "v", mask=with_blind(rng, 4, 5))
    q, k, v = tokens(rng, 2, n=3, m=4)
    yield replace(case("scores around 100", 10 * q, 10 * k, v), scale=300.0)
    some_large = torch.tensor([100.0, 0.0, -100.0]).diag_embed()
    yield case("scores of 300, 0 and −300", F.pad(some_large, (0, 1)), 6 * torch.eye(4), rng.normal(4, 3))
    yield case("not contiguous", rng.strided(2, 4, 3), rng.strided(2, 5, 3), rng.strided(2, 5, 2))
    q, k, v = (part.double() for part in tokens(rng, 2, 2, n=5, m=6, d=7, e=4))
    yield case("float64", q, k, v, "q", "k", "v", mask=with_blind(rng, 5, 6))
    yield dropped("dropout 0.3", rng, 96)
    yield dropped("dropout 0.3, two samples and a mask", rng, 2, 128, mask=rng.uniform(128, 128) < 0.75)


def dropped(name: str, rng: Rng, *shape: int, mask: Mask = None) -> Case:
    """The values are the keys' names, twice: so the output is the weights, and shows what became of each.

    So many keys for each query that a right answer drops all or none of them in less than one of 10⁹ checks.
    """
    n = shape[-1]
    names = torch.eye(n).repeat(1, 2).expand(*shape[:-1], -1, -1).contiguous()
    inputs: dict[str, Value] = {"q": rng.normal(*shape, 4), "k": rng.normal(*shape, 4), "v": names}
    inputs |= {"mask": mask, "causal": False, "scale": None, "dropout": 0.3}
    asked: dict[str, Any] = {key: Ref(key) for key in inputs}
    start = seed(int(rng.integers(0, 2**31, 1)))
    return Case(name, (start, call("out", **asked), call("again", **asked)), inputs=inputs, terms=n)


def measure(case: Case, outputs: Outputs) -> Outputs:
    """Of random weights, their law: how many are dropped, where, and what becomes of the others."""
    if "again" not in outputs:
        return outputs
    out, again, (q, k, v) = outputs["out"], outputs["again"], (case.inputs[key] for key in "qkv")
    if out.shape != v.shape:  # as many queries as keys
        raise ValueError(f"expected weights of shape {tuple(v.shape)}")
    left, right = out.double().chunk(2, dim=-1)
    kept, seen = left != 0, allowed(q, k, case.inputs["mask"], False).expand_as(left)
    p = case.inputs["dropout"]
    share = 1.0 - float(kept[seen].double().mean())
    whole = oracle(q.double(), k.double(), v[..., : v.shape[-2]].double(), case.inputs["mask"])
    factors = (left / whole)[kept & seen]
    few, many = (float(factors.min()), float(factors.max())) if len(factors) else (0.0, 0.0)
    return {
        "as many weights dropped as asked": abs(share - p) < 5.6 * (p * (1 - p) / int(seen.sum())) ** 0.5,
        "every query keeps some and loses some": _mixed(kept, seen, -1),
        "every key is kept by some and lost by some": _mixed(kept, seen, -2),
        "masked weights stay 0": not bool((kept & ~seen).any()),
        "each sample draws for itself": kept.ndim == 2 or not torch.equal((kept | ~seen)[0], (kept | ~seen)[1]),
        "a weight is dropped for all of the value": torch.equal(left, right),
        "the next call draws anew": not torch.equal(out, again),
        "smallest factor of a kept weight": few,
        "largest factor of a kept weight": many,
    }


def _mixed(kept: Tensor, seen: Tensor, dim: int) -> bool:
    """Whether some of the weights that there are have been kept along `dim`, and some dropped, everywhere."""
    return bool((kept & seen).any(dim).all() and (~kept & seen).any(dim).all())


WRONG = (
    Wrong(
        "takes the softmax over the queries",
        mistakes.over_queries,
        says="the softmax runs over the wrong axis: the weights of one query must add up to 1.",
        look="scores are (…, n, m): which of the two axes are the keys?",
    ),
    Wrong(
        "takes the softmax over the queries, of scores that were masked",
        mistakes.over_queries_masked_once,
        says="the softmax runs over the wrong axis: the weights of one query must add up to 1.",
        look="scores are (…, n, m): which of the two axes are the keys?",
    ),
    Wrong(
        "doesn't scale",
        mistakes.unscaled,
        says="the scores aren't divided by √d where no scale is given.",
        look="scale=None means 1 / √d.",
    ),
    Wrong(
        "divides by d",
        mistakes.by_d,
        says="the scores are divided by d; it is the root of d.",
        look="a sum of d random products is about √d large.",
    ),
    Wrong(
        "scales by the number of keys",
        mistakes.by_keys,
        says="the scores are divided by the root of the number of keys; d is how many numbers a query has.",
        look="the last axis of q.",
    ),
    Wrong(
        "ignores scale",
        mistakes.scale_ignored,
        says="scale is never used: 1 / √d is always taken.",
        look="scale, if given, takes the place of 1 / √d.",
    ),
    Wrong(
        "turns the mask round",
        mistakes.inverted,
        says="the mask is used the other way round: True means that a query may look.",
        look="which entries does masked_fill fill?",
    ),
    Wrong(
        "masks after the softmax",
        mistakes.mask_after,
        says="the weights are set to 0 after the softmax, so those that are left no longer add up to 1.",
        look="a key that may not be seen must not count in the softmax's sum.",
    ),
    Wrong(
        "gives masked keys a score of 0",
        mistakes.score_zero,
        says="a masked score is 0, and exp(0) = 1 is a share like any other.",
        look="which score gives exp(score) = 0?",
    ),
    Wrong(
        "adds the mask to the scores",
        mistakes.mask_added,
        says="the mask is added as 0 and 1; it decides what counts at all.",
        look="masked_fill, or torch.where.",
    ),
    Wrong(
        "gives NaN where a query may look at nothing",
        mistakes.not_a_number,
        says="a row of −∞ only has the softmax 0 / 0: NaN. Such a query gets 0.",
        look="use a large finite number in place of −∞, and set masked weights to 0 afterwards.",
    ),
    Wrong(
        "hides the NaN and leaves its gradient",
        mistakes.mended_too_late,
        says="the NaN is replaced after the softmax, but the softmax's own gradient is NaN too, and nothing stops it "
        "before it reaches all keys.",
        look="no NaN may arise in the first place: a large finite number in place of −∞.",
    ),
    Wrong(
        "lets a query that may look at nothing look everywhere",
        mistakes.looks_everywhere,
        says="where all keys are masked, the softmax of equal scores is the mean of all values; it should be 0.",
        look="set masked weights to 0 once more, after the softmax.",
    ),
    Wrong("ignores the mask", mistakes.mask_ignored, says="mask is never used.", look="a mask of False hides a key."),
    Wrong("ignores causal", mistakes.causal_ignored, says="causal is never used.", look="query i sees keys 0 … i."),
    Wrong(
        "looks into the future",
        mistakes.future,
        says="with causal, queries see the later keys instead of the earlier ones.",
        look="tril or triu?",
    ),
    Wrong(
        "leaves out the query's own place",
        mistakes.not_itself,
        says="with causal, query i sees keys 0 … i − 1; its own place belongs to them.",
        look="what is kept on the diagonal?",
    ),
    Wrong(
        "counts causal from the end",
        mistakes.from_the_end,
        says="with more keys than queries the triangle is pushed to the right; query 0 sees key 0 only.",
        look="tril() of an n × m matrix starts in the upper left corner.",
    ),
    Wrong(
        "takes either the mask or causal",
        mistakes.one_or_the_other,
        says="where a mask is given, causal is forgotten; a key must be allowed by both.",
        look="combine them with &.",
    ),
    Wrong(
        "overflows",
        mistakes.overflows,
        says="exp of a large score is ∞, and ∞ / ∞ is NaN.",
        look="take each row's largest score off first; torch's softmax does.",
    ),
    Wrong(
        "takes one largest score off all rows",
        mistakes.one_largest,
        says="the largest score of all is taken off every row; in a row far below it each exponential is 0, and 0 / 0 "
        "is NaN.",
        look="each row has a largest score of its own: amax(-1, keepdim=True).",
    ),
    Wrong(
        "never drops anything",
        mistakes.never_drops,
        says="dropout is never used.",
        look="set each weight to 0 with this probability.",
    ),
    Wrong(
        "drops only where there is no mask",
        mistakes.drops_unmasked_only,
        says="with a mask, dropout is never used.",
        look="both ways through your code must pass the line with the dropout.",
    ),
    Wrong(
        "draws once for the whole batch",
        mistakes.one_draw_for_all,
        says="all samples and heads lose the same weights; each weight has its own luck.",
        look="one random number for each of the weights, batch and heads included.",
    ),
    Wrong(
        "doesn't make up for what it drops",
        mistakes.not_made_up_for,
        says="the weights that are left aren't divided by 1 − dropout, so outputs are smaller on average.",
        look="F.dropout does both.",
    ),
    Wrong(
        "drops scores",
        mistakes.drops_scores,
        says="scores are dropped before the softmax; a score of 0 is a weight like others.",
        look="softmax first, dropout second.",
    ),
    Wrong(
        "drops outputs",
        mistakes.drops_outputs,
        says="single numbers of the output are dropped; whole weights are.",
        look="dropout stands between the softmax and the product with v.",
    ),
    Wrong(
        "drops whole queries",
        mistakes.drops_queries,
        says="a query loses all its weights or none; each weight has its own luck.",
        look="one random number for each of the n · m weights.",
    ),
)

ATTEND = Exercise(
    id="attention.scaled_dot_product_attention",
    cases=cases,
    oracle=oracle,
    measure=measure,
    wrong=WRONG,
    hints=(
        "Three lines without masks: scores = q @ k.transpose(-1, -2) · scale, softmax over the last axis, times v.",
        "Make one mask of both: torch.ones(n, m, dtype=torch.bool).tril() for causal, & mask if there is one.",
        "masked_fill(~mask, torch.finfo(dtype).min) before the softmax, masked_fill(~mask, 0) after it: never NaN.",
        "nn.functional.dropout(weights, dropout) after the softmax.",
    ),
    points=5,
    minutes=30,
    forbidden=ATTENTION,
    speed=Speed(
        case=lambda rng: case("speed", *tokens(rng, 2, 4, n=160, m=160, d=32, e=32)),
        limit=4.0,
        gold=2.0,
        against="F.scaled_dot_product_attention",
    ),
)

EXERCISES = (ATTEND,)
