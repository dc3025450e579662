"""Modules whose parts have the contract's names: weights are loaded, and later cells look, by name."""

from __future__ import annotations

from dataclasses import replace

from autograder.spec import Case, Outputs, call

ALL = "state_dict"


def with_names(case: Case) -> Case:
    """The case, with a comparison of names besides. To be measured by `names_compared`."""
    return replace(case, steps=(*case.steps, call(ALL, target="net", method="state_dict")))


def names_compared(case: Case, outputs: Outputs) -> Outputs:
    """The outputs, with a comparison of its names, those that the case loads, in place of a state_dict."""
    if ALL not in outputs:
        return outputs
    wanted = next(item.kwargs for item in case.steps if item.verb == "load")
    missing = [name for name in wanted if name not in outputs[ALL]]
    others = {name: value for name, value in outputs.items() if name != ALL}
    return others | {"all parts have the contract's names": not missing}
