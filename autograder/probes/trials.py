"""A probe for hyperparameter search: an objective that is a formula, and remembers what it was asked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from autograder.probes.makers import probe


class Trials(list[Any]):
    """The loss of settings after a budget, and the list of all that was asked: (settings, budget, loss) each.

    The loss is the squared distance of the settings' decimal logarithms from `best`, a part that depends on them in a
    wild way and fades with the budget, so that the ranking changes, and a part that grows with the budget, so that
    losses of different budgets can't be compared. It is NaN where the first setting is above `breaks_above`.
    """

    def __init__(self, best: Mapping[str, float], breaks_above: float) -> None:
        super().__init__()
        self._best, self._breaks_above = dict(best), breaks_above

    def __call__(self, settings: Mapping[str, float], budget: int) -> float:
        logarithms = {name: math.log10(settings[name]) for name in self._best}
        distance = sum((logarithms[name] - best) ** 2 for name, best in self._best.items())
        wild = 1 + math.sin(40 * sum(logarithms.values()))
        first = float(settings[next(iter(self._best))])
        loss = math.nan if first > self._breaks_above else distance + wild / budget + math.log2(budget)
        self.append(({name: float(value) for name, value in settings.items()}, budget, loss))
        return loss

    def __bool__(self) -> bool:
        return True  # even before the first call


@probe
def trials(best: dict[str, float], breaks_above: float = math.inf) -> Trials:
    """See `Trials`; `best` are decimal logarithms."""
    return Trials(best, breaks_above)
