"""Inputs for the exercises on transfer: weights of the probes' `StagedNet`, and images for it."""

from __future__ import annotations

import torch
from torch import Tensor

from autograder.spec import Probe, Rng

FLOAT64 = torch.float64
PARTS = ("stage1", "stage2", "stage3", "fc")  # those that have parameters
CLASSES = 5


def weights(rng: Rng, head: str = "fc", dtype: torch.dtype = FLOAT64, bias: bool = True) -> dict[str, Tensor]:
    """Random weights and statistics by name, of a size that keeps the signal alive."""
    found: dict[str, Tensor] = {}
    for number, (inputs, outputs) in enumerate(((3, 4), (4, 5), (5, 6)), start=1):
        found[f"stage{number}.0.weight"] = 0.4 * rng.normal(outputs, inputs, 3, 3, dtype=dtype)
        found[f"stage{number}.1.weight"] = rng.uniform(outputs, low=0.5, high=1.5, dtype=dtype)
        found[f"stage{number}.1.bias"] = 0.3 * rng.normal(outputs, dtype=dtype)
        found[f"stage{number}.1.running_mean"] = 0.5 * rng.normal(outputs, dtype=dtype)
        found[f"stage{number}.1.running_var"] = rng.uniform(outputs, low=0.5, high=2.0, dtype=dtype)
    linear = head if head == "fc" else f"{head}.1"
    found[f"{linear}.weight"] = rng.normal(CLASSES, 6, dtype=dtype)
    return found | ({f"{linear}.bias": rng.normal(CLASSES, dtype=dtype)} if bias else {})


def net(
    rng: Rng,
    head: str = "fc",
    dtype: torch.dtype = FLOAT64,
    frozen: bool = False,
    train: bool = False,
    bias: bool = True,
) -> Probe:
    """The small network with random weights. bias: of the head."""
    given = {"weights": weights(rng, head, dtype, bias), "head": head, "frozen": frozen, "train": train, "bias": bias}
    return Probe("staged_net", given)


def images(rng: Rng, count: int = 4, height: int = 6, width: int = 5, dtype: torch.dtype = FLOAT64) -> Tensor:
    """Images for it."""
    return rng.normal(count, 3, height, width, dtype=dtype)
