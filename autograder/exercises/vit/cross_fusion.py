"""Fusion by cross-attention: the image's tokens look at the table's columns and at the note's words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import torch
from torch import Tensor

from autograder.exercises.attention._modules import module_case, weights
from autograder.exercises.attention._ready_made import MULTI_HEAD
from autograder.exercises.vit import _cross_wrongly_c as mistakes
from autograder.exercises.vit._cross_c import Oracle
from autograder.spec import Case, Exercise, Rng, Speed, Value, Wrong

Inputs = Mapping[str, Tensor]


def by_hand() -> Case:
    one, zero = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.zeros(2, 2)
    found = {
        "columns.weight": torch.tensor([[2.0, -2.0]]),
        "columns.bias": torch.tensor([[0.0, 0.0]]),
        "attend.q_proj_weight": one,
        "attend.k_proj_weight": zero,
        "attend.v_proj_weight": one,
        "attend.in_proj_bias": torch.zeros(6),
        "attend.out_proj.weight": one,
        "attend.out_proj.bias": torch.zeros(2),
        "norm.weight": torch.tensor([1.0, 1.0]),
        "norm.bias": torch.tensor([0.0, 3.0]),
        "head.weight": torch.tensor([[1.0, 1.0], [1.0, 0.0]]),
        "head.bias": torch.tensor([0.0, 0.25]),
    }
    return module_case(
        "one column, by hand",
        {"image_tokens": torch.tensor([[[0.0, 1.0], [-9.0, 2.0]]]), "table": torch.tensor([[2.0]])},
        found,
        options={"dim": 2, "features": 1, "classes": 2, "heads": 1},
        expect=torch.tensor([[3.0, 0.25]]),
        note="the column's token is 2·(2, −2) = (4, −4), and both find it; sums (4, −3) and (−5, −2); norm: (1, −1) + "
        "(0, 3) = (1, 2) and (−1, 1) + (0, 3) = (−1, 4); mean (0, 3); head: 0 + 3 and 0 + 0.25",
    )


def inputs(rng: Rng, batch: int, n: int, dim: int, features: int, dtype: torch.dtype = torch.float32) -> Inputs:
    return {
        "image_tokens": rng.normal(batch, n, dim, dtype=dtype),
        "table": rng.normal(batch, features, dtype=dtype),
    }


def notes(rng: Rng, batch: int, length: int, vocabulary: int, words: list[int]) -> Tensor:
    """Word numbers, unknown ones (1) among them; `words` says how many each note has, in any order."""
    found = rng.integers(2, vocabulary + 2, batch, length)
    found[:, 0] = 1
    counts = torch.tensor(words)[rng.permutation(batch)]
    return found.masked_fill(torch.arange(length) >= counts[:, None], 0)


def case(
    name: str,
    rng: Rng,
    given: Inputs,
    *,
    classes: int = 3,
    heads: int = 2,
    vocabulary: int = 0,
    note: Tensor | None = None,
    need_weights: bool = False,
    train: bool = False,
    gradients: tuple[str, ...] = (),
) -> Case:
    tokens, table = given.values()
    options: dict[str, int] = {"dim": tokens.shape[2], "features": table.shape[1], "classes": classes, "heads": heads}
    options |= {"vocabulary": vocabulary} if vocabulary else {}
    found = {key: 1.5 * value for key, value in weights(rng, Oracle(**options), tokens.dtype).items()}
    asks: dict[str, Value] = {"need_weights": True} if need_weights else {}
    if note is not None:
        given, asks = {**given, "notes": note}, {"notes": None, **asks}
    return module_case(name, given, found, options=options, asks=asks, train=train, gradients=gradients)


def cases(rng: Rng) -> Iterator[Case]:
    yield by_hand()
    yield case("a table alone", rng, inputs(rng, 2, 5, 6, 3))
    yield case("one image, four heads", rng, inputs(rng, 1, 6, 8, 5), heads=4)
    yield case("as many tokens as columns", rng, inputs(rng, 3, 4, 4, 4))
    yield case("one token", rng, inputs(rng, 2, 1, 6, 4))
    full = notes(rng, 2, 5, 7, [5, 5])
    yield case("a note, no padding", rng, inputs(rng, 2, 4, 6, 3), vocabulary=7, note=full)
    short = notes(rng, 3, 6, 9, [6, 3, 1])
    yield case("notes with padding", rng, inputs(rng, 3, 5, 6, 4), vocabulary=9, note=short)
    empty = notes(rng, 3, 4, 5, [4, 2, 0])
    yield case("an empty note", rng, inputs(rng, 3, 4, 4, 2), vocabulary=5, note=empty)
    yield case("no notes, though it could read", rng, inputs(rng, 2, 4, 6, 3), vocabulary=5)
    yield case("the weights too", rng, inputs(rng, 2, 3, 6, 4), need_weights=True)
    seen = notes(rng, 3, 4, 6, [4, 1, 2])
    yield case("weights behind padding", rng, inputs(rng, 3, 3, 6, 2), vocabulary=6, note=seen, need_weights=True)
    strided = {"image_tokens": rng.strided(2, 5, 6), "table": rng.strided(2, 3)}
    yield case("not contiguous", rng, strided)
    exact = case(
        "float64, gradients, train mode",
        rng,
        inputs(rng, 3, 4, 6, 3, torch.float64),
        vocabulary=8,
        note=notes(rng, 3, 5, 8, [5, 2, 3]),
        train=True,
        gradients=("image_tokens", "table", "net"),
    )
    yield replace(exact, scale=2.0)  # gradients of some biases all but cancel


def large(rng: Rng) -> Case:
    words = notes(rng, 16, 16, 100, [16] * 16)
    return case("speed", rng, inputs(rng, 16, 196, 96, 16), heads=4, vocabulary=100, note=words)


LOOKS = (
    Wrong(
        "lets the table look at the image",
        mistakes.OtherWayRound,
        says="the table's and the note's tokens ask, and the image answers; it is the other way round.",
        look="the image's tokens are the queries, the first argument of your CrossAttention.",
    ),
    Wrong(
        "adds what the table finds",
        mistakes.AddedToTheImage,
        says="the table's and the note's tokens ask, and what they find is added to the image's tokens.",
        look="the image's tokens are the queries, the first argument of your CrossAttention.",
    ),
    Wrong(
        "lets the image look at itself",
        mistakes.LooksAtItself,
        says="the image looks at its own tokens; table and note play no part.",
        look="what are keys and values made of?",
    ),
    Wrong(
        "ignores the note",
        mistakes.NoNote,
        says="the note plays no part.",
        look="its words' tokens belong to the context, behind the table's.",
    ),
    Wrong(
        "forgets the table where there is a note",
        mistakes.NoTable,
        says="with a note, the table plays no part.",
        look="torch.cat of both along the axis of the tokens.",
    ),
    Wrong(
        "looks at table and note one after the other",
        mistakes.OneAfterTheOther,
        says="table and note are looked at separately and both finds are added; one softmax runs over both.",
        look="one context of m = F + L tokens.",
    ),
    Wrong(
        "puts the note first",
        mistakes.NoteFirst,
        says="the note's words stand before the table's columns; that is seen in the weights.",
        look="the order inside torch.cat.",
    ),
)

PADDING = (
    Wrong(
        "doesn't mask the padding",
        mistakes.PaddingSeen,
        says="padding is looked at like a word.",
        look="your CrossAttention takes `padding`, True where nobody may look.",
    ),
    Wrong(
        "turns the mask round for words",
        mistakes.PaddingTurned,
        says="of the note only padding is looked at; `padding` is True where nobody may look.",
        look="which number is padding?",
    ),
    Wrong(
        "turns the whole mask round",
        mistakes.MaskTurned,
        says="only padding is looked at, and the table isn't; `padding` is True where nobody may look.",
        look="notes == 0, and False for every column of the table.",
    ),
    Wrong(
        "hides the table where there is a note",
        mistakes.TableHidden,
        says="with a note, nobody looks at the table: its columns are marked as padding.",
        look="`padding` is True where nobody may look: False for every column.",
    ),
    Wrong(
        "puts the note first in the context alone",
        mistakes.NoteFirstInTheContext,
        says="the note's words stand before the table's columns, and the mask has them behind: it hides columns.",
        look="both torch.cat need the same order, the table first.",
    ),
    Wrong(
        "masks unknown words too",
        mistakes.UnknownMasked,
        says="unknown words are masked with the padding; an unknown word is a word (there was something to say).",
        look="which number is padding?",
    ),
    Wrong(
        "takes padding for zeros",
        mistakes.ZeroForPadding,
        says="the embedding of padding is set to 0, but it still has a key and takes part of the attention.",
        look="a token of zeros isn't a token that nobody looks at.",
    ),
)

AFTERWARDS = (
    Wrong(
        "leaves out the shortcut",
        mistakes.NoShortcut,
        says="what the image finds replaces its tokens; it is added to them.",
        look="image tokens + what they found.",
    ),
    Wrong(
        "leaves out the norm",
        mistakes.NoNorm,
        says="the sum doesn't go through `norm`.",
        look="sum, norm, mean, head.",
    ),
    Wrong(
        "norms before the sum",
        mistakes.NormOfFinding,
        says="only what was found goes through `norm`, before the image is added.",
        look="sum first, norm second.",
    ),
    Wrong(
        "norms the image before it looks",
        mistakes.NormFirst,
        says="`norm` stands before the attention; here it comes after the sum.",
        look="attend, sum, norm, mean, head.",
    ),
    Wrong(
        "norms twice",
        mistakes.NormTwice,
        says="the image goes through `norm` before it looks, and the sum once more.",
        look="attend, sum, norm, mean, head.",
    ),
    Wrong(
        "leaves eps at 1e-5",
        mistakes.LargerEps,
        says="torch's LayerNorm has eps 1e-5 unless told otherwise; a vision transformer has 1e-6.",
        look="nn.LayerNorm's arguments.",
    ),
    Wrong(
        "takes the mean before the norm",
        mistakes.MeanFirst,
        says="the mean over the tokens comes before `norm`; each token is normed by itself.",
        look="sum, norm, mean, head.",
    ),
    Wrong(
        "takes the mean before it looks",
        mistakes.OneQuery,
        says="the tokens are averaged before they look, so there is one query for the whole image.",
        look="every place of the image looks for itself.",
    ),
    Wrong(
        "takes the first token",
        mistakes.FirstToken,
        says="the first token goes through the head; it is the mean of all.",
        look="mean over the axis of the tokens.",
    ),
    Wrong(
        "answers with probabilities",
        mistakes.Chances,
        says="the answer went through a softmax; logits are asked for.",
        look="the head's result is the answer.",
    ),
    Wrong(
        "averages the weights over the heads",
        mistakes.Averaged,
        says="the weights are averaged over the heads; asked are each head's.",
        look="(N, heads, n, m), as your CrossAttention gives them.",
    ),
)

CROSS_ATTENTION_FUSION = Exercise(
    id="vit.CrossAttentionFusion",
    cases=cases,
    oracle=Oracle,
    wrong=(*LOOKS, *PADDING, *AFTERWARDS),
    hints=(
        "context = self.columns(table); with notes, torch.cat([context, self.words(notes)], dim=1).",
        "padding = torch.cat of (N, F) times False and notes == 0; None without notes.",
        "found, weights = self.attend(image_tokens, context, padding, need_weights=True)",
        "self.head(self.norm(image_tokens + found).mean(1))",
    ),
    points=3,
    minutes=20,
    needs=("attention.CrossAttention", "vit.TabularTokens"),
    forbidden=MULTI_HEAD,
    speed=Speed(case=large, limit=4.0, against="the same in torch"),
)

EXERCISES = (CROSS_ATTENTION_FUSION,)
