"""Weights under Hugging Face's names, for a network with timm's: the same numbers, renamed, three matrices in one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from autograder.exercises.vit._ready_made_net import MODELS
from autograder.spec import Case, Exercise, Outputs, Ref, Rng, Wrong, call, state

State = Mapping[str, Tensor]
WHOLE = {
    "vit.embeddings.cls_token": "cls_token",
    "vit.embeddings.position_embeddings": "pos_embed",
    "vit.embeddings.patch_embeddings.projection": "patch_embed.proj",
    "vit.layernorm": "norm",
    "classifier": "head",
}
INSIDE = {
    "layernorm_before": "norm1",
    "attention.output.dense": "attn.proj",
    "layernorm_after": "norm2",
    "intermediate.dense": "mlp.fc1",
    "output.dense": "mlp.fc2",
}
THREE = ("query", "key", "value")
Joined = Callable[[Sequence[Tensor]], Tensor]


def below(three: Sequence[Tensor]) -> Tensor:
    return torch.cat(tuple(three))


def translated(
    state: State,
    *,
    inside: Mapping[str, str] = INSIDE,
    order: Sequence[str] = THREE,
    as_they_come: bool = False,
    joined: Joined = below,
    first: int = 0,
    value: Callable[[str, Tensor], Tensor] = lambda name, tensor: tensor,
    kinds: Sequence[str] = ("weight", "bias"),
) -> dict[str, Tensor]:
    """The state under our names, with the habits of mistakes.

    order: of query, key and value; as_they_come: the state's own instead. first: the number of the first block. value:
    what becomes of a tensor with one of our names. kinds: what of linear layers is taken.
    """
    found: dict[str, Tensor] = {}
    for theirs, tensor in state.items():
        stem, _, kind = theirs.rpartition(".")
        if theirs in WHOLE:
            found[WHOLE[theirs]] = tensor
        elif stem in WHOLE:
            found[f"{WHOLE[stem]}.{kind}"] = tensor
        else:
            prefix, _, inner = stem.removeprefix("vit.encoder.layer.").partition(".")
            block = f"blocks.{int(prefix) + first}"
            if inner in inside:
                found[f"{block}.{inside[inner]}.{kind}"] = tensor
            else:
                found.setdefault(f"{block}.attn.qkv.{kind}", _three(state, theirs, order, as_they_come, joined))
    left = {name: item for name, item in found.items() if "norm" in name or name.rpartition(".")[2] in kinds}
    left |= {name: found[name] for name in ("cls_token", "pos_embed")}
    return {name: value(name, item) for name, item in left.items()}


def _three(state: State, theirs: str, order: Sequence[str], as_they_come: bool, joined: Joined) -> Tensor:
    """Query, key and value of the layer to which the name `theirs` belongs."""
    stem, kind = theirs.rsplit(".", 2)[0], theirs.rpartition(".")[2]
    names = [f"{stem}.{part}.{kind}" for part in order]
    return joined([state[name] for name in (filter(names.__contains__, state) if as_they_come else names)])


def oracle(state: State) -> dict[str, Tensor]:
    return translated(state)


def theirs(
    rng: Rng, *, dim: int, hidden: int, depth: int, patches: int = 4, dtype: torch.dtype = torch.float32
) -> dict[str, Tensor]:
    """Random weights, in the order in which their network is built."""
    sizes: dict[str, tuple[int, ...]] = {
        "vit.embeddings.cls_token": (1, 1, dim),
        "vit.embeddings.position_embeddings": (1, patches + 1, dim),
        "vit.embeddings.patch_embeddings.projection.weight": (dim, 1, 2, 2),
        "vit.embeddings.patch_embeddings.projection.bias": (dim,),
    }
    for number in range(depth):
        linear = {f"attention.attention.{part}": (dim, dim) for part in THREE}
        linear |= {"attention.output.dense": (dim, dim), "intermediate.dense": (hidden, dim)}
        linear |= {"output.dense": (dim, hidden)}
        norms = dict.fromkeys(("layernorm_before", "layernorm_after"), (dim,))
        for name, shape in (linear | norms).items():
            sizes[f"vit.encoder.layer.{number}.{name}.weight"] = shape
            sizes[f"vit.encoder.layer.{number}.{name}.bias"] = shape[:1]
    sizes |= {"vit.layernorm.weight": (dim,), "vit.layernorm.bias": (dim,)}
    sizes |= {"classifier.weight": (3, dim), "classifier.bias": (3,)}
    return {name: rng.normal(*shape, dtype=dtype) for name, shape in sizes.items()}


def one(name: str, weights: State, note: str = "") -> Case:
    """A call with these weights, and a look at them afterwards."""
    steps = (call("out", Ref("state")), state("state", "state afterwards"))
    return Case(name, steps, inputs={"state": dict(weights)}, note=note)


def cases(rng: Rng) -> Iterator[Case]:
    small = theirs(rng, dim=1, hidden=2, depth=1, patches=1)
    stem = "vit.encoder.layer.0.attention.attention"
    small |= {f"{stem}.{part}.weight": torch.tensor([[float(number)]]) for number, part in enumerate(THREE, 1)}
    note = "query [[1]], key [[2]], value [[3]]: blocks.0.attn.qkv.weight is [[1], [2], [3]]"
    yield one("one block, tokens of one number", small, note)
    yield one("two blocks", theirs(rng, dim=4, hidden=6, depth=2))
    yield one("as wide in the middle", theirs(rng, dim=3, hidden=3, depth=2))
    many = theirs(rng, dim=2, hidden=4, depth=12)
    yield one("12 blocks, names in alphabetical order, as files hold them", dict(sorted(many.items())))
    double = theirs(rng, dim=4, hidden=8, depth=1, dtype=torch.float64)
    yield one("float64, names from the last to the first", dict(reversed(double.items())))


def measure(case: Case, outputs: Outputs) -> Outputs:
    """Names that are missing or too many, the weights, and whether those that came in are what they were."""
    given, found, after = case.inputs["state"], outputs["out"], outputs["state afterwards"]
    known = oracle(given)
    missing, more = [name for name in known if name not in found], [name for name in found if name not in known]
    kept = list(after) == list(given) and all(torch.equal(after[name], tensor) for name, tensor in given.items())
    names = {"first name missing": (*missing, "none")[0], "first name too many": (*more, "none")[0]}
    return names | {"out": found, "state is as it was": kept}


def habit(**options: Any) -> Callable[..., dict[str, Tensor]]:
    """The translation with one habit changed."""

    def answer(state: State) -> dict[str, Tensor]:
        return translated(state, **options)

    return answer


def for_linear(change: Callable[[Tensor], Tensor]) -> Callable[[str, Tensor], Tensor]:
    """A change of all linear layers' weights."""
    return lambda name, tensor: change(tensor) if tensor.ndim == 2 else tensor


def for_name(which: str, change: Callable[[Tensor], Tensor]) -> Callable[[str, Tensor], Tensor]:
    """A change of what has this name."""
    return lambda name, tensor: change(tensor) if name == which else tensor


def emptied(state: State) -> dict[str, Tensor]:
    found = translated(state)
    assert isinstance(state, dict)
    state.clear()
    return found


def unsplit_left(state: State) -> dict[str, Tensor]:
    """Queries, keys and values on their own as well."""
    left = {name: tensor for name, tensor in state.items() if ".attention.attention." in name}
    return translated(state) | left


def swapped(one: str, other: str) -> dict[str, str]:
    """The table with two of its rows mixed up."""
    return INSIDE | {one: INSIDE[other], other: INSIDE[one]}


def beside(three: Sequence[Tensor]) -> Tensor:
    return torch.cat(tuple(three), dim=-1)


def in_turn(three: Sequence[Tensor]) -> Tensor:
    return torch.stack(tuple(three), dim=1).flatten(0, 1)


LAYOUT = "one below the other: query's rows, then key's, then value's."

WRONG = (
    Wrong(
        "takes keys before queries",
        habit(order=("key", "query", "value")),
        "qkv holds the keys first; it is query, key, value. (So they stand in the alphabet, but not here.)",
        LAYOUT,
    ),
    Wrong(
        "takes values before keys",
        habit(order=("query", "value", "key")),
        "qkv holds query, value, key; it is query, key, value.",
        LAYOUT,
    ),
    Wrong(
        "takes queries, keys and values as they come",
        habit(as_they_come=True),
        "qkv is put together in the order in which the names come in `state`. Files hold them in alphabetical order: "
        "key, query, value.",
        "ask for the three by name.",
    ),
    Wrong(
        "puts queries, keys and values side by side",
        habit(joined=beside),
        "the three matrices stand side by side, (dim, 3·dim); qkv has 3·dim outputs, (3·dim, dim).",
        LAYOUT,
    ),
    Wrong(
        "takes the rows of queries, keys and values in turn",
        habit(joined=in_turn),
        "qkv's rows are a query's, a key's, a value's, in turn.",
        LAYOUT,
    ),
    Wrong(
        "swaps the two norms",
        habit(inside=swapped("layernorm_before", "layernorm_after")),
        "layernorm_before has become norm2 and layernorm_after norm1.",
        "before what, and after what? Before and after attention.",
    ),
    Wrong(
        "mixes up the two layers called output.dense",
        habit(inside=swapped("attention.output.dense", "output.dense")),
        "attention.output.dense is attention's last layer, attn.proj; output.dense alone is the small network's, "
        "mlp.fc2.",
        "which shapes have they?",
    ),
    Wrong(
        "mixes up the small network's two layers",
        habit(inside=swapped("intermediate.dense", "output.dense")),
        "intermediate.dense is mlp.fc1 and output.dense is mlp.fc2.",
        "which shapes have they?",
    ),
    Wrong(
        "transposes the weights",
        habit(value=for_linear(lambda tensor: tensor.T)),
        "the linear layers' weights are transposed; both sides are PyTorch, (out, in).",
        "nothing needs to be turned.",
    ),
    Wrong(
        "leaves out the biases",
        habit(kinds=("weight",)),
        "the linear layers' biases are lost.",
        "query.bias, key.bias and value.bias are put together too.",
    ),
    Wrong(
        "counts blocks from 1",
        habit(first=1),
        "layer.0 has become blocks.1; both count from 0.",
        "the number stays.",
    ),
    Wrong(
        "drops the class token's position",
        habit(value=for_name("pos_embed", lambda tensor: tensor[:, 1:])),
        "the first row of position_embeddings is left out; it is the class token's, as in pos_embed.",
        "the shapes are the same on both sides.",
    ),
    Wrong(
        "flattens the kernels of the patches",
        habit(value=for_name("patch_embed.proj.weight", lambda tensor: tensor.flatten(1))),
        "patch_embed.proj is a convolution by its shape, (dim, C, size, size), on both sides.",
        "the shapes are the same on both sides.",
    ),
    Wrong(
        "leaves queries, keys and values beside qkv",
        unsplit_left,
        "beside qkv the result still holds queries, keys and values under their old names, and load_state_dict would "
        "refuse them.",
        "only names that VisionTransformer has.",
    ),
    Wrong(
        "empties state",
        emptied,
        "`state` has lost its entries; it belongs to who calls.",
        "read from it, and build a new dict.",
    ),
)

FROM_HUGGING_FACE = Exercise(
    id="vit.from_hugging_face",
    cases=cases,
    oracle=oracle,
    measure=measure,
    wrong=WRONG,
    hints=(
        "A new dict, filled in a loop over state.items().",
        "name.rpartition('.') parts the last word, weight or bias, from what stands before. Two dicts say what becomes "
        "of that: one for whole names, one for what follows vit.encoder.layer.3.",
        "At query, ask for key and value by name: name.replace('query', 'key'). torch.cat puts the three one below the "
        "other, matrices and biases alike. Pass over key and value when you come to them.",
    ),
    points=2,
    minutes=20,
    forbidden=MODELS,
    may_alias=True,
)

EXERCISES = (FROM_HUGGING_FACE,)
