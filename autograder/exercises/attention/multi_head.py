"""Multi-head attention with the parameters of nn.MultiheadAttention."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from autograder.exercises.attention import _many_heads as layer
from autograder.exercises.attention._modules import born, module_case, of_birth
from autograder.exercises.attention._ready_made import MULTI_HEAD
from autograder.exercises.attention.attending import some, with_blind
from autograder.spec import Case, Exercise, Rng, Speed, Value, Wrong


def weights(rng: Rng, dim: int, dtype: torch.dtype = torch.float32, *, bias: bool = True) -> dict[str, Tensor]:
    """Queries and keys a little larger than at the start, so that heads look at something."""
    found = {"in_proj_weight": 1.5 * dim**-0.5 * rng.normal(3 * dim, dim, dtype=dtype)}
    if bias:
        found["in_proj_bias"] = 0.5 * rng.normal(3 * dim, dtype=dtype)
    found["out_proj.weight"] = dim**-0.5 * rng.normal(dim, dim, dtype=dtype)
    if bias:
        found["out_proj.bias"] = 0.5 * rng.normal(dim, dtype=dtype)
    return found


def by_hand() -> Case:
    """The projections copy; two heads of one number."""
    found = {
        "in_proj_weight": torch.eye(2).repeat(3, 1),
        "in_proj_bias": torch.zeros(6),
        "out_proj.weight": torch.eye(2),
        "out_proj.bias": torch.zeros(2),
    }
    return module_case(
        "two tokens, two heads, projections that copy, by hand",
        {"query": torch.tensor([[[0.0, 2.0], [1.0, 0.0]]])},
        found,
        options={"dim": 2, "heads": 2},
        expect=torch.tensor([[[0.5, 1.964028], [0.731059, 1.0]]]),
        note="token 0: head 0 has q = 0, weights ½ ½, finds ½·0 + ½·1; head 1 has q = 2, scores 4 and 0, weights 0.982 "
        "and 0.018, finds 0.982·2 = 1.964",
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
    options: dict[str, Value] = {"dim": found["out_proj.weight"].shape[0], "heads": heads}
    if "in_proj_bias" not in found:
        options["bias"] = False
    named = {key: None for key in inputs if key in ("key_padding_mask", "mask")}
    return module_case(name, inputs, found, options=options, asks={**named, **asks}, train=train, gradients=gradients)


def padding(rng: Rng, n: int, m: int) -> Tensor:
    """True at the end of each sample, of another length each."""
    lengths = torch.arange(n) % (m - 1) + 1
    return torch.arange(m) >= lengths[:, None]


def cases(rng: Rng) -> Iterator[Case]:
    yield by_hand()
    yield case("self-attention, 2 heads of 3", weights(rng, 6), {"query": rng.normal(1, 4, 6)})
    yield case("batch of 3, 3 heads of 2", weights(rng, 6), {"query": rng.normal(3, 5, 6)}, heads=3)
    yield case("as many tokens as heads", weights(rng, 8), {"query": rng.normal(2, 4, 8)}, heads=4)
    yield case("one head", weights(rng, 4), {"query": rng.normal(2, 3, 4)}, heads=1)
    yield case("without biases", weights(rng, 6, bias=False), {"query": rng.normal(2, 4, 6)})
    other = {"query": rng.normal(2, 4, 6), "key": rng.normal(2, 4, 6)}
    yield case("other keys, values from the keys", weights(rng, 6), other)
    more = {"query": rng.normal(2, 3, 6), "key": rng.normal(2, 5, 6), "value": rng.normal(2, 5, 6)}
    yield case("other keys, other values, more of them", weights(rng, 6), more)
    x = {"query": rng.normal(3, 4, 6)}
    yield case("padding", weights(rng, 6), {**x, "key_padding_mask": padding(rng, 3, 4)})
    yield case("a mask", weights(rng, 6), {**x, "mask": some(rng, 4, 4)})
    yield case("a mask for each head", weights(rng, 6), {**x, "mask": some(rng, 3, 2, 4, 4)})
    yield case("causal", weights(rng, 6), x, causal=True)
    everything = {**x, "key_padding_mask": padding(rng, 3, 4), "mask": some(rng, 4, 4)}
    yield case("padding, mask and causal", weights(rng, 6), everything, causal=True)
    yield case("a query that may look at nothing", weights(rng, 6), {**x, "mask": with_blind(rng, 4, 4)})
    yield case("the weights too", weights(rng, 6), x, need_weights=True)
    blind = {**x, "key_padding_mask": padding(rng, 3, 4), "mask": with_blind(rng, 4, 4)}
    yield case("the weights behind padding, mask and causal", weights(rng, 6), blind, causal=True, need_weights=True)
    yield born(dim=64, heads=4)
    double = torch.float64
    yield case(
        "float64, gradients, train mode",
        weights(rng, 6, double),
        {"query": rng.normal(2, 4, 6, dtype=double), "mask": with_blind(rng, 4, 4)},
        gradients=("query", "net"),
        train=True,
    )


MULTI_HEAD_ATTENTION = Exercise(
    id="attention.MultiHeadAttention",
    cases=cases,
    oracle=layer.Oracle,
    measure=of_birth,
    wrong=(
        Wrong(
            "merges the heads by a reshape alone",
            layer.MergedByReshape,
            says="the heads are merged in the wrong order: each token gets pieces of several others.",
            look="you have merge_heads.",
        ),
        Wrong(
            "deals the numbers out to the heads in turn",
            layer.DealtInTurn,
            says="the heads take numbers in turn; each takes a block of neighbours.",
            look="you have split_heads.",
        ),
        Wrong(
            "scales by the whole width",
            layer.ScaledByAll,
            says="the scores are divided by the root of dim; a head's queries have only dim / heads numbers.",
            look="what is d inside a head?",
        ),
        Wrong(
            "takes keys before queries",
            layer.KeysFirst,
            says="the first third of in_proj_weight is used for keys and the second for queries.",
            look="queries, keys, values: in this order.",
        ),
        Wrong(
            "takes the rows of the projection in turn",
            layer.InTurnOfThree,
            says="queries, keys and values take rows of in_proj_weight in turn; each takes a block.",
            look="in_proj_weight.chunk(3).",
        ),
        Wrong(
            "forgets in_proj_bias",
            layer.NoInputBias,
            says="in_proj_bias is never added.",
            look="it has three parts, as the weight has.",
        ),
        Wrong(
            "leaves out out_proj",
            layer.NoOutput,
            says="the merged heads are the answer; out_proj, which mixes them, comes last.",
            look="what happens to self.out_proj in forward?",
        ),
        Wrong(
            "adds the query",
            layer.WithShortcut,
            says="the input is added; the shortcut belongs to the block around this layer.",
            look="out_proj's result is the answer.",
        ),
        Wrong(
            "turns the padding round",
            layer.PaddingTurned,
            says="key_padding_mask is True where a key is padding, which nobody may look at.",
            look="it says the opposite of mask: one ~ is needed.",
        ),
        Wrong(
            "ignores the padding",
            layer.PaddingIgnored,
            says="key_padding_mask is never used.",
            look="(N, m) becomes (N, 1, 1, m).",
        ),
        Wrong(
            "turns the mask round",
            layer.MaskTurned,
            says="mask is used the other way round: True means that a query may look (nn.MultiheadAttention differs).",
            look="hand it on as it is.",
        ),
        Wrong(
            "forgets the mask where there is padding",
            layer.PaddingAlone,
            says="where both masks are given, only the padding counts; a key must be allowed by both.",
            look="combine them with &.",
        ),
        Wrong(
            "hides the padded queries",
            layer.PaddedQueries,
            says="the padding hides queries, along the rows; it must hide keys, along the columns.",
            look="(N, m) becomes (N, 1, 1, m), not (N, 1, m, 1).",
        ),
        Wrong("ignores causal", layer.CausalIgnored, says="causal is never used.", look="hand it on."),
        Wrong(
            "gives NaN where a query may look at nothing",
            layer.NotANumber,
            says="a query whose keys are all masked gives NaN; its heads find 0, and out_proj adds its bias.",
            look="your scaled_dot_product_attention knows how.",
        ),
        Wrong(
            "takes values from the query",
            layer.ValuesOfTheQuery,
            says="where no value is given it is taken from the query; it is the key.",
            look="value = key if value is None else value.",
        ),
        Wrong(
            "takes values from the keys always",
            layer.KeysForValues,
            says="value is never used.",
            look="value = key if value is None else value.",
        ),
        Wrong(
            "averages the weights over the heads",
            layer.Averaged,
            says="the weights are averaged over the heads; asked are each head's.",
            look="(N, heads, n, m).",
        ),
        Wrong(
            "shows weights without the masks",
            layer.UnmaskedShown,
            says="the weights that are shown are those of all keys; behind a mask they are 0.",
            look="the unit matrix for values goes through the same masks.",
        ),
        Wrong(
            "starts with all weights alike",
            layer.BornAtZero,
            says="in a new layer all numbers of in_proj_weight are alike, so that all heads learn the same, or none.",
            look="nn.init.xavier_uniform_, once, in __init__. (torch.empty fills nothing in.)",
        ),
        Wrong(
            "leaves the weights as memory was",
            layer.Unfilled,
            says="the weights of a new layer are far too large or too small. torch.empty makes room and fills nothing "
            "in: they are what happened to lie there.",
            look="nn.init.xavier_uniform_, once, in __init__.",
        ),
        Wrong(
            "starts with a bias",
            layer.BornBiased,
            says="in_proj_bias of a new layer isn't 0.",
            look="torch.zeros.",
        ),
    ),
    hints=(
        "in_proj_weight.chunk(3) gives three weights (dim, dim): one for each of query, key, value. Then split_heads.",
        "Masks: key_padding_mask (N, m) → ~key_padding_mask[:, None, None, :]; & mask, if there is one.",
        "out = merge_heads(scaled_dot_product_attention(q, k, v, mask, causal)), then out_proj.",
        "The weights are what you get with the unit matrix for values: each key then hands over its own name.",
    ),
    points=5,
    minutes=30,
    needs=("attention.scaled_dot_product_attention", "attention.split_heads", "attention.merge_heads"),
    forbidden=MULTI_HEAD,
    speed=Speed(
        case=lambda rng: case("speed", weights(rng, 128), {"query": rng.normal(8, 96, 128)}, heads=4),
        limit=3.0,
        against="the same in torch",
    ),
)

EXERCISES = (MULTI_HEAD_ATTENTION,)
