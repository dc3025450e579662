"""Using a network that has learnt something else: a new head, frozen parts, rates by depth.

The parts of a model are its direct children, `model.named_children()`, in the order in which they were given to it:
`conv1`, `bn1`, … `layer4`, … `fc` for a ResNet.
"""

from types import MethodType
from typing import Any

from torch import nn


def replace_head(model: nn.Module, head: str, num_classes: int) -> nn.Linear:
    """Put a fresh linear layer with `num_classes` outputs in the place of the linear layer
    `head`, and return it.

    `head` is the layer's dotted name, "fc" or "classifier.1". The new one has as many
    inputs, a bias if the old one had one, its device and its dtype; its weights are
    `nn.Linear`'s own random start. All else stays as it is.

    Raises ValueError if `head` is not an `nn.Linear`, and AttributeError if there is
    nothing of that name.
    """
    old = model.get_submodule(head)
    if not isinstance(old, nn.Linear):
        raise ValueError(f"{head} is a {type(old).__name__}; only a Linear can be replaced")
    weight = old.weight
    new = nn.Linear(old.in_features, num_classes, bias=old.bias is not None, device=weight.device, dtype=weight.dtype)
    holder, _, name = head.rpartition(".")
    setattr(model.get_submodule(holder), name, new)
    return new


def freeze(model: nn.Module, until: str = "") -> None:
    """Freeze the parts of `model` from the first up to and including `until`; all parts
    behind it learn.

    A frozen part has no parameter that asks for gradients, and computes as in eval mode
    even after `model.train()`: its batch norms use their running statistics, and leave them
    alone. The other parts' parameters ask for gradients, and follow `model.train()` and
    `model.eval()` as ever; for now they take the mode that `model` is in. With "" nothing
    is frozen: that undoes an earlier call.

    Raises ValueError if there is no part of that name.
    """
    parts = dict(model.named_children())
    if until and until not in parts:
        raise ValueError(f"there is no part {until!r}; the model's parts are {', '.join(parts)}")
    frozen = bool(until)
    for name, part in parts.items():
        part.requires_grad_(not frozen)
        part.__dict__.pop("train", None)  # what an earlier call put there
        part.train(model.training and not frozen)
        if frozen:
            part.__dict__["train"] = MethodType(lambda self, mode=True: self, part)  # leaves the mode as it is
        frozen = frozen and name != until


def unfreeze_gradually(model: nn.Module, epoch: int, every: int = 1) -> list[str]:
    """Gradual unfreezing: in epoch 0 only the last part learns, and with every `every`
    epochs one more joins in, from the output towards the input. All others are frozen, as
    by `freeze`.

    Only parts with parameters count; those without any (pooling, ReLU) are passed over.
    Returns the names of the parts that learn, from the input to the output. Five such
    parts, `every` = 2: epochs 0 and 1 train the last, 2 and 3 the last two, and from epoch
    8 on all five learn.

    Raises ValueError unless epoch ≥ 0 and every ≥ 1. Source: Howard and Ruder 2018.
    """
    if epoch < 0 or every < 1:
        raise ValueError(f"expected epoch ≥ 0 and every ≥ 1, got {epoch} and {every}")
    names = [name for name, part in model.named_children() if any(True for _ in part.parameters())]
    learning = min(1 + epoch // every, len(names))
    frozen = names[: len(names) - learning]
    freeze(model, frozen[-1] if frozen else "")
    return names[len(names) - learning :]


def layer_wise_lr(model: nn.Module, lr: float, decay: float = 0.75) -> list[dict[str, Any]]:
    """Parameter groups for an optimiser, one for each part that learns, from the input to
    the output: the last part learns with the rate `lr`, each one before it with `decay`
    times the rate of the next.

    A group is `{"params": [...], "lr": ...}`. Parameters that are frozen are left out, and
    parts that have no others don't count: three parts that learn have the rates decay² ·
    lr, decay · lr and lr.

    Raises ValueError unless 0 < decay ≤ 1. Source: Howard and Ruder 2018 (“discriminative
    fine-tuning”).
    """
    if not 0 < decay <= 1:
        raise ValueError(f"decay must lie above 0 and at most at 1, got {decay}")
    learning = [[item for item in part.parameters() if item.requires_grad] for part in model.children()]
    learning = [params for params in learning if params]
    deepest = len(learning) - 1
    return [{"params": params, "lr": lr * decay ** (deepest - depth)} for depth, params in enumerate(learning)]
