"""How a new vision transformer's weights are judged: by the law of what they are drawn from."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch

from autograder.exercises.vit._net import STD
from autograder.spec import Outputs, Tolerance, Value

LINEAR = "linear weights: std, divided by 0.02 (0.88 where they are cut off at two std)"
PLACES = "positions: std, divided by 0.02 (0.88 where they are cut off at two std)"
N_LINEAR, N_PLACES = 100_000, 3_000  # values in the networks of the cases: at least these
Z = 5.6


def law(found: Mapping[str, Value]) -> Outputs:
    """Statistics of first weights; by shape, but for the kernels' own bias."""
    every = {name: value.double() for name, value in found.items()}
    linear = torch.cat([value.flatten() for value in every.values() if value.ndim == 2]) / STD
    places, token = (
        torch.cat([value.flatten() for value in every.values() if value.ndim == 3 and (value.shape[1] > 1) is many])
        for many in (True, False)
    )
    kernels = {name.rpartition(".")[0] for name, value in every.items() if value.ndim == 4}
    vectors = {name: value for name, value in every.items() if value.ndim == 1}
    biases = [value for name, value in vectors.items() if name.endswith("bias") and name[:-5] not in kernels]
    return {
        LINEAR: float(linear.square().mean().sqrt()),
        PLACES: float((places / STD).square().mean().sqrt()),
        "share of linear weights within one std": float((linear.abs() < 1).double().mean()),
        "linear weights end at two std": bool(linear.abs().max() < 2.01),
        "positions end at two std": bool(places.abs().max() < 2.01 * STD),
        "biases start at 0": not any(bool(value.any()) for value in biases),
        "the class token starts at 0": bool(token.abs().max() < 1e-4),
    }


TOLERANCE = Tolerance(
    absolute={
        LINEAR: 2 * Z / math.sqrt(2 * N_LINEAR),
        PLACES: 2 * Z / math.sqrt(2 * N_PLACES),
        "share of linear weights within one std": 2 * Z * math.sqrt(0.21 / N_LINEAR),
    }
)  # twice, since the oracle's statistics are drawn as well
