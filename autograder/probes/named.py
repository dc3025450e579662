"""A probe for answers that sort a network's parameters: nothing but parameters, under any names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from autograder.probes.makers import probe


@probe
def named_parameters(
    values: Mapping[str, Tensor], frozen: Sequence[str] = (), shared: Mapping[str, str] | None = None
) -> nn.Module:
    """A module that holds `values` under their dotted names, and can't be called.

    frozen: names without gradients. shared: further names, each for the parameter of another name.
    """
    model = nn.Module()
    for name, value in values.items():
        _hold(model, name, nn.Parameter(value, requires_grad=name not in frozen))
    for name, other in (shared or {}).items():
        _hold(model, name, model.get_parameter(other))
    return model


def _hold(model: nn.Module, name: str, parameter: nn.Parameter) -> None:
    """Registers the parameter at a dotted path; modules on the way are made where they are missing."""
    path, _, last = name.rpartition(".")
    for part in path.split(".") if path else ():
        if part not in model._modules:
            model.add_module(part, nn.Module())
        inner = model._modules[part]
        assert inner is not None
        model = inner
    model.register_parameter(last, parameter)
