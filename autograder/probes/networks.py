"""Probes for answers that are given a network: layers of torch.nn under any names, run in any order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from autograder.probes.makers import probe

KINDS: Mapping[str, type[nn.Module]] = {
    "conv": nn.Conv2d,
    "linear": nn.Linear,
    "norm": nn.BatchNorm2d,
    "relu": nn.ReLU,
    "dropout": nn.Dropout,
    "dropout2d": nn.Dropout2d,
    "mean": nn.AdaptiveAvgPool2d,
    "flatten": nn.Flatten,
}


class Patchwork(nn.Module):
    """Layers that run in `order`, each as often as it is named there; the others never run.

    A name with dots ("stage.conv") lies in a module of its own. Parameters are filled by a fixed pattern, unless
    weights are loaded, so that torch's random state stays as it was.
    """

    def __init__(self, layers: Mapping[str, Sequence[Any]], order: Sequence[str]) -> None:
        super().__init__()
        self.order = list(order)
        for name, (kind, *sizes) in layers.items():
            options = sizes.pop() if sizes and isinstance(sizes[-1], dict) else {}
            weighted = {"device": "meta"} if kind in ("conv", "linear", "norm") else {}
            inner, _, last = name.rpartition(".")
            _box(self, inner).add_module(last, KINDS[kind](*sizes, **options, **weighted))
        self.to_empty(device="cpu")
        _fill(self)
        self._given = {name: id(item) for name, item in self.named_parameters()}

    def forward(self, x: Tensor) -> Tensor:
        for name in self.order:
            x = self.get_submodule(name)(x)
        return x

    def journal(self) -> dict[str, str]:
        """What an answer could have left behind: modes, hooks, gradients, parameters that are new ones."""
        parts = dict(self.named_modules())
        own = {name: id(item) for name, item in self.named_parameters()}
        hooked = [name for name, part in parts.items() if part._forward_hooks or part._forward_pre_hooks]
        return {
            "in train mode": _listed(name or "the network" for name, part in parts.items() if part.training),
            "hooks left on": _listed(name or "the network" for name in hooked),
            "gradients in": _listed(
                f"{name} ({float(item.grad.sum()):.4g})"
                for name, item in self.named_parameters()
                if item.grad is not None
            ),
            "parameters replaced": _listed(name for name in own if own[name] != self._given.get(name)),
        }


def _listed(names: Any) -> str:
    return ", ".join(names) or "none"


def _box(model: nn.Module, path: str) -> nn.Module:
    """The module at a dotted path, made where it is missing."""
    for name in path.split(".") if path else ():
        if name not in model._modules:
            model.add_module(name, nn.Module())
        inner = model._modules[name]
        assert inner is not None
        model = inner
    return model


def _fill(model: nn.Module) -> None:
    with torch.no_grad():
        for number, item in enumerate(model.parameters()):
            pattern = torch.cos(0.7 * torch.arange(item.numel(), dtype=torch.float64) + number + 0.3)
            item.copy_((pattern / max(1, item[0].numel()) ** 0.5).reshape(item.shape))
        for part in model.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.reset_running_stats()


@probe
def patchwork(
    layers: Mapping[str, Sequence[Any]],
    order: Sequence[str],
    weights: Mapping[str, Tensor] | None = None,
    evaluating: Sequence[str] = (),
    frozen: Sequence[str] = (),
    tied: Mapping[str, str] | None = None,
    double: bool = False,
    graded: Sequence[str] = (),
) -> Patchwork:
    """See `Patchwork`; a layer is (kind, sizes …, {options}), kind one of `KINDS`.

    weights: some or all of its state_dict; it moves to their device and dtype. evaluating: modules in eval mode, ""
    for the network itself; the others are in train mode. frozen: parameters without gradients. tied: layers whose
    weight is that of another one. double: float64. graded: parameters in whose `.grad` lie ones.
    """
    model = Patchwork(layers, order)
    for name, other in (tied or {}).items():
        model.get_submodule(name).weight = model.get_submodule(other).weight
    if double:
        model.double()
    if weights:
        like = next(item for item in weights.values() if item.is_floating_point())
        model.to(device=like.device, dtype=like.dtype).load_state_dict(weights, strict=False)
    for name in frozen:
        model.get_parameter(name).requires_grad_(False)
    for name in graded:
        parameter = model.get_parameter(name)
        parameter.grad = torch.ones_like(parameter)
    for name in evaluating:
        model.get_submodule(name).training = False
    model._given = {name: id(item) for name, item in model.named_parameters()}
    return model


@probe
def layer(kind: str, sizes: Sequence[Any], weights: Mapping[str, Tensor], options: Mapping[str, Any]) -> nn.Module:
    """One layer of torch.nn in evaluation mode, holding `weights`, on their device and in their dtype."""
    made = KINDS[kind](*sizes, **options, device="meta").to_empty(device="cpu")
    like = next(iter(weights.values()))
    made.to(device=like.device, dtype=like.dtype).load_state_dict(weights, strict=True)
    return made.eval()
