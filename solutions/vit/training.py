"""How the weights of a transformer are handled by its optimiser."""

from typing import Any

from torch import nn


def decay_groups(model: nn.Module, weight_decay: float = 0.05) -> list[dict[str, Any]]:
    """Parameter groups for an optimiser: first the weights that decay, then those that don't.

    A group is `{"params": [...], "weight_decay": ...}`, its parameters in the order in which the
    model lists them. Decay pulls matrices and kernels towards 0, and that is all it should do: no
    decay, 0.0, for whatever has at most one axis (biases, the norms' weights, single numbers),
    nor for parameters whose name ends in `cls_token` or `pos_embed`, which are data rather than
    weights. Frozen parameters are in no group, a shared one is there once, and a group without
    parameters is left out.

    A model with `proj.weight` (4, 3), `proj.bias` (4) and `pos_embed` (1, 5, 4), decay 0.05:
    [{"params": [proj.weight], "weight_decay": 0.05},
    {"params": [pos_embed, proj.bias], "weight_decay": 0.0}]
    (a module lists its own parameters before those of its parts).

    Source: DeiT's published code, and timm's: its `VisionTransformer.no_weight_decay` names the
    exceptions. Peer: timm's `param_groups_weight_decay`, which puts the group without decay first.
    """
    decaying: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            exempt = parameter.ndim <= 1 or name.endswith(("cls_token", "pos_embed"))
            (others if exempt else decaying).append(parameter)
    groups = [{"params": decaying, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
    return [group for group in groups if group["params"]]
