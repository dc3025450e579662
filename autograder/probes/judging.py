"""A probe for answers that are given a score of a table: a formula, in which every row and column counts otherwise."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from autograder.probes.makers import probe


@probe
def table_score(weights: Tensor, target: Tensor, number: bool = False) -> Callable[[Tensor], Tensor | float]:
    """Minus the mean squared distance of table · weights from `target`; gaps (NaN) count as 0.

    weights (F,), target (N,). number: it answers with a Python number.
    """

    def score(table: Tensor) -> Tensor | float:
        error = table.nan_to_num(nan=0.0) @ weights - target
        found = -error.square().mean()
        return float(found) if number else found

    return score
