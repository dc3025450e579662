"""Parameter groups: what decays and what doesn't."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from autograder.exercises.vit._ready_made_b import LIBRARIES
from autograder.spec import Case, Exercise, Outputs, Probe, Ref, Rng, Value, Wrong, call

Groups = list[dict[str, Any]]
Exempt = Callable[[str, Tensor], bool]  # from a parameter's name and itself
OF_TIMM = ("cls_token", "pos_embed")


def by_rule(name: str, parameter: Tensor) -> bool:
    return parameter.ndim < 2 or name.endswith(OF_TIMM)


def grouped(
    model: nn.Module,
    weight_decay: float,
    exempt: Exempt = by_rule,
    *,
    frozen: bool = False,
    duplicates: bool = False,
    empty: bool = False,
) -> Groups:
    """Two groups. frozen: with frozen parameters. duplicates: shared ones by each of their names. empty: empty ones."""
    named = [
        (name, parameter)
        for name, parameter in model.named_parameters(remove_duplicate=not duplicates)
        if frozen or parameter.requires_grad
    ]
    groups = [
        {"params": [p for name, p in named if exempt(name, p) is spared], "weight_decay": rate}
        for spared, rate in ((False, weight_decay), (True, 0.0))
    ]
    return [group for group in groups if group["params"] or empty]


def oracle(model: nn.Module, weight_decay: float = 0.05) -> Groups:
    return grouped(model, weight_decay)


TRANSFORMER = {
    "cls_token": (1, 1, 4),
    "pos_embed": (1, 5, 4),
    "patch_embed.proj.weight": (4, 3, 2, 2),
    "patch_embed.proj.bias": (4,),
    "blocks.0.norm1.weight": (4,),
    "blocks.0.norm1.bias": (4,),
    "blocks.0.attn.qkv.weight": (12, 4),
    "blocks.0.attn.qkv.bias": (12,),
    "blocks.0.attn.proj.weight": (4, 4),
    "blocks.0.attn.proj.bias": (4,),
    "norm.weight": (4,),
    "norm.bias": (4,),
    "head.weight": (3, 4),
    "head.bias": (3,),
}
TWO_PARTS = {
    "encoder.cls_token": (1, 1, 3),
    "encoder.pos_embed": (1, 4, 3),
    "encoder.pos_embed_mlp.weight": (3, 3),
    "encoder.cls_token_proj.weight": (2, 3),
    "encoder.cls_token_proj.bias": (2,),
    "decoder.decoder_pos_embed": (1, 4, 2),
    "decoder.head.weight": (5, 2),
}
UNUSUAL = {
    "temperature": (),
    "embed_bias_table": (5, 2),
    "layer_norms.mixing.weight": (3, 3),
    "blocks.0.scale.gamma": (3,),
    "blocks.0.norm.weight": (3,),
    "fc.weight": (2, 3),
}


def case(
    rng: Rng, name: str, shapes: Mapping[str, Sequence[int]], *, note: str = "", options: Value = None, **asks: Value
) -> Case:
    """options: `frozen` and `shared` of the probe."""
    values = {key: rng.normal(*shape) for key, shape in shapes.items()}
    inputs: dict[str, Value] = {"model": Probe("named_parameters", {"values": values, **(options or {})}), **asks}
    given: dict[str, Value] = {key: Ref(key) for key in inputs}
    return Case(name, (call("groups", **given),), inputs=inputs, note=note)


def by_hand() -> Case:
    weight, bias, place = torch.eye(2), torch.tensor([3.0, 4.0]), torch.full((1, 3, 2), 5.0)
    values = {"pos_embed": place, "proj.weight": weight, "proj.bias": bias}
    first = {"params": [weight], "weight_decay": 0.1}
    return Case(
        "a matrix, a bias and positions, by hand",
        (call("groups", model=Ref("model"), weight_decay=Ref("weight_decay")),),
        inputs={"model": Probe("named_parameters", {"values": values}), "weight_decay": 0.1},
        expect={"groups": [first, {"params": [place, bias], "weight_decay": 0.0}]},
        note="proj.weight has 2 axes: it decays by 0.1; proj.bias has 1, and pos_embed is exempt by its name: 0.0",
    )


def cases(rng: Rng) -> Iterator[Case]:
    yield by_hand()
    yield case(rng, "a vision transformer, decay by default", TRANSFORMER)
    yield case(rng, "tokens and positions of two parts", TWO_PARTS, weight_decay=0.3)
    yield case(rng, "a single number, and names that mislead", UNUSUAL, weight_decay=0.02)
    stem = [name for name in TRANSFORMER if name.startswith(("patch_embed", "cls_token", "blocks.0.attn.qkv"))]
    yield case(rng, "some parameters are frozen", TRANSFORMER, options={"frozen": stem}, weight_decay=0.1)
    biases = [name for name in TRANSFORMER if not name.endswith("bias")]
    yield case(rng, "only biases learn", TRANSFORMER, options={"frozen": biases}, weight_decay=0.1)
    tied = {"head.weight": "embed.weight", "head.bias": "embed.bias"}
    embedding = {"embed.weight": (4, 3), "embed.bias": (4,), "pos_embed": (1, 2, 3)}
    yield case(rng, "a shared matrix and a shared bias", embedding, options={"shared": tied}, weight_decay=0.2)
    yield case(rng, "only matrices", {"a.weight": (2, 3), "b.weight": (2, 2)}, weight_decay=0.01)


def measure(case: Case, outputs: Outputs) -> Outputs:
    """Parameters by their names."""
    groups, probe = outputs.get("groups"), case.inputs["model"]
    if not isinstance(groups, list | tuple):
        return outputs
    known: Mapping[str, Tensor] = probe.options["values"]
    return {**outputs, "groups": type(groups)(_named(group, known) for group in groups)}


def _named(group: Value, known: Mapping[str, Tensor]) -> Value:
    if not isinstance(group, dict) or not isinstance(group.get("params"), list | tuple):
        return group
    return {**group, "params": [_name(parameter, known) for parameter in group["params"]]}


def _name(parameter: Value, known: Mapping[str, Tensor]) -> Value:
    """The name of a parameter of the case's model; anything else stays as it is."""
    if isinstance(parameter, Tensor):
        for name, value in known.items():
            if value.shape == parameter.shape and torch.equal(value.to(parameter), parameter):
                return name
    return parameter


def all_decay(model: nn.Module, weight_decay: float = 0.05) -> Groups:
    return grouped(model, weight_decay, lambda name, p: False)


def vectors_decay(model: nn.Module, weight_decay: float = 0.05) -> Groups:
    return grouped(model, weight_decay, lambda name, p: name.endswith(OF_TIMM))


def vectors_of_one_axis(model: nn.Module, weight_decay: float = 0.05) -> Groups:
    return grouped(model, weight_decay, lambda name, p: p.ndim == 1 or name.endswith(OF_TIMM))


def places_decay(model: nn.Module, weight_decay: float = 0.05) -> Groups:
    return grouped(model, weight_decay, lambda name, p: p.ndim < 2)


def class_tokens_decay(model: nn.Module, weight_decay: float = 0.05) -> Groups:
    return grouped(model, weight_decay, lambda name, p: p.ndim < 2 or name.endswith("pos_embed"))


def biases_alone(model: nn.Module, weight_decay: float = 0.05) -> Groups:
    return grouped(model, weight_decay, lambda name, p: name.endswith(("bias", *OF_TIMM)))


def by_name(model: nn.Module, weight_decay: float = 0.05) -> Groups:
    words = ("norm", "bias", *OF_TIMM)
    return grouped(model, weight_decay, lambda name, p: any(word in name for word in words))


def whole_names(model: nn.Module, weight_decay: float = 0.05) -> Groups:
    return grouped(model, weight_decay, lambda name, p: p.ndim < 2 or name in OF_TIMM)


def last_parts(model: nn.Module, weight_decay: float = 0.05) -> Groups:
    return grouped(model, weight_decay, lambda name, p: p.ndim < 2 or name.rpartition(".")[2] in OF_TIMM)


def anywhere(model: nn.Module, weight_decay: float = 0.05) -> Groups:
    return grouped(model, weight_decay, lambda name, p: p.ndim < 2 or any(word in name for word in OF_TIMM))


def matrices_alone(model: nn.Module, weight_decay: float = 0.05) -> Groups:
    return grouped(model, weight_decay, lambda name, p: p.ndim != 2)


def frozen_too(model: nn.Module, weight_decay: float = 0.05) -> Groups:
    return grouped(model, weight_decay, frozen=True)


def twice(model: nn.Module, weight_decay: float = 0.05) -> Groups:
    return grouped(model, weight_decay, duplicates=True)


def empty_group(model: nn.Module, weight_decay: float = 0.05) -> Groups:
    return grouped(model, weight_decay, empty=True)


def other_order(model: nn.Module, weight_decay: float = 0.05) -> Groups:
    return grouped(model, weight_decay)[::-1]


def rates_exchanged(model: nn.Module, weight_decay: float = 0.05) -> Groups:
    groups = grouped(model, weight_decay)
    return [{**group, "weight_decay": weight_decay - group["weight_decay"]} for group in groups]


def no_zero(model: nn.Module, weight_decay: float = 0.05) -> Groups:
    groups = grouped(model, weight_decay)
    return [group if group["weight_decay"] else {"params": group["params"]} for group in groups]


def always_the_default(model: nn.Module, weight_decay: float = 0.05) -> Groups:
    return grouped(model, 0.05)


def one_each(model: nn.Module, weight_decay: float = 0.05) -> Groups:
    named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    return [{"params": [p], "weight_decay": 0.0 if by_rule(name, p) else weight_decay} for name, p in named]


WHICH = (
    Wrong(
        "lets everything decay",
        all_decay,
        says="all parameters are in one group that decays.",
        look="which of them are matrices or kernels?",
    ),
    Wrong(
        "lets biases and norms decay",
        vectors_decay,
        says="biases and the norms' weights decay; a norm's weight pulled to 0 silences its channel.",
        look="how many axes has a parameter? ndim says so.",
    ),
    Wrong(
        "lets single numbers decay",
        vectors_of_one_axis,
        says="a single number, like a temperature, decays: it has no axis, and only those with exactly one are spared.",
        look="at most one axis.",
    ),
    Wrong(
        "lets the class token and positions decay",
        places_decay,
        says="cls_token and pos_embed decay: they have three axes, but they are no weights.",
        look="these two are known by their names alone.",
    ),
    Wrong(
        "lets the class token decay",
        class_tokens_decay,
        says="pos_embed is spared, but cls_token decays.",
        look="endswith takes a tuple of endings.",
    ),
    Wrong(
        "spares biases, but not norms",
        biases_alone,
        says="what is called bias is spared, but the norms' weights decay.",
        look="a norm's weight is a vector: its ndim tells, its name doesn't.",
    ),
    Wrong(
        "goes by the names of norms and biases",
        by_name,
        says="the words norm and bias in a name decide; a matrix can have such a name, and a vector another.",
        look="ndim says what a parameter is.",
    ),
    Wrong(
        "spares tokens and positions of the outermost module only",
        whole_names,
        says="encoder.cls_token isn't called cls_token as a whole, so it decays.",
        look="the *end* of the name.",
    ),
    Wrong(
        "compares the last part of the name",
        last_parts,
        says="decoder_pos_embed ends with pos_embed, but isn't equal to it, so it decays.",
        look="str.endswith.",
    ),
    Wrong(
        "looks for the words anywhere in the name",
        anywhere,
        says="matrices of parts that are called after the class token or the positions are spared as well.",
        look="the *end* of the name.",
    ),
    Wrong(
        "takes matrices only",
        matrices_alone,
        says="only parameters of two axes decay; a convolution's kernels have four, and decay too.",
        look="at most one axis, or more?",
    ),
)

HOW = (
    Wrong(
        "includes frozen parameters",
        frozen_too,
        says="parameters that don't ask for gradients are in the groups.",
        look="requires_grad.",
    ),
    Wrong(
        "lists a shared parameter twice",
        twice,
        says="a parameter with two names is listed by both; an optimiser warns of that.",
        look="named_parameters() names each parameter once, unless it is asked for more.",
    ),
    Wrong(
        "keeps an empty group",
        empty_group,
        says="a group without parameters is in the list.",
        look="leave it out at the end.",
    ),
    Wrong(
        "puts the group without decay first",
        other_order,
        says="the groups are right, but in the other order (timm's): those that decay come first.",
        look="the order of the list.",
    ),
    Wrong(
        "exchanges the two rates",
        rates_exchanged,
        says="matrices have the decay 0.0 and vectors `weight_decay`.",
        look="which of the two should be pulled to 0?",
    ),
    Wrong(
        "leaves weight_decay out of the second group",
        no_zero,
        says="the second group says nothing about weight_decay, so it gets the optimiser's default: 0.01 in AdamW.",
        look="the second group needs a 0.0.",
    ),
    Wrong(
        "always decays by 0.05",
        always_the_default,
        says="`weight_decay` is not used.",
        look="where weight_decay stands in your answer.",
    ),
    Wrong(
        "makes a group for each parameter",
        one_each,
        says="each parameter has a group of its own; two groups are asked for.",
        look="two lists first, then two dicts.",
    ),
)

DECAY_GROUPS = Exercise(
    id="vit.decay_groups",
    cases=cases,
    oracle=oracle,
    measure=measure,
    wrong=(*WHICH, *HOW),
    hints=(
        "model.named_parameters() gives names and parameters. Two lists: which does each one go to?",
        'No decay: ndim <= 1, or name.endswith(("cls_token", "pos_embed")). Pass over those with requires_grad False.',
        'Two dicts with "params" and "weight_decay"; keep those whose "params" isn\'t empty.',
    ),
    points=2,
    minutes=10,
    forbidden=LIBRARIES,
)

EXERCISES = (DECAY_GROUPS,)
