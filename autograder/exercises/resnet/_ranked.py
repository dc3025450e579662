"""What the exercises on rankings share: scores to rank, their cases, and scikit-learn's curve."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from autograder.spec import Case, Rng, Value, of_call

FLOAT64 = torch.float64
Score = Callable[[Tensor, Tensor], Tensor]
HAND: dict[str, Any] = {"scores": torch.tensor([0.4, 0.9, 0.1, 0.4]), "labels": torch.tensor([0, 1, 0, 1])}


def on_cpu(scores: Tensor, labels: Tensor) -> tuple[Any, Any]:
    return labels.cpu().numpy(), scores.cpu().numpy()


def counts_oracle(scores: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """By counting at each threshold, in NumPy."""
    truth, found = on_cpu(scores, labels)
    thresholds = np.unique(found)[::-1].copy()
    passed = found[None, :] >= thresholds[:, None]
    hits, alarms = (passed & (truth == 1)).sum(1), (passed & (truth == 0)).sum(1)
    answer = (torch.from_numpy(part).to(scores.device) for part in (thresholds, hits, alarms))
    first, second, third = answer
    return first, second.long(), third.long()


def curve(scores: Tensor, labels: Tensor) -> tuple[Any, Any, Any]:
    """False-positive rates, true-positive rates and thresholds from the highest down, the first above all scores."""
    from sklearn.metrics import roc_curve

    found: tuple[Any, Any, Any] = roc_curve(*on_cpu(scores, labels), drop_intermediate=False)
    return found


def drawn(
    rng: Rng, n: int, *, share: float = 0.4, levels: int = 0, dtype: torch.dtype = torch.float32
) -> dict[str, Any]:
    """Scores that are higher for positives, and both classes for sure. levels: rounded to so many values."""
    labels = (rng.uniform(n) < share).long()
    labels[:2] = torch.tensor([0, 1])
    order = rng.permutation(n)
    scores = rng.normal(n, dtype=FLOAT64) + labels
    scores = (scores * levels / 4).round() * 4 / levels if levels else scores
    return {"scores": scores.to(dtype)[order], "labels": labels[order]}


def cases_of(expect: Value, note: str) -> Callable[[Rng], Iterator[Case]]:
    """The cases of a score over all thresholds; expect: its value for HAND."""

    def cases(rng: Rng) -> Iterator[Case]:
        yield of_call("four samples, by hand", **HAND, expect=expect, note=note, terms=4)
        yield of_call("20 samples, all different", **drawn(rng, 20), terms=20)
        yield of_call("many equal scores", **drawn(rng, 40, levels=4), terms=40)
        yield of_call("all scores equal", scores=torch.full((8,), 0.3), labels=torch.tensor([0, 1, 0, 0, 1, 1, 0, 0]))
        mirrored = drawn(rng, 30)
        yield of_call("worse than guessing", scores=-mirrored["scores"], labels=mirrored["labels"], terms=30)
        close = drawn(rng, 25, dtype=FLOAT64)
        close["scores"] = 0.5 + 1e-12 * close["scores"]
        yield of_call("float64 scores that differ by 1e-12", **close, terms=25)
        wide = drawn(rng, 60)
        both = torch.stack([wide["scores"], wide["labels"].float()], dim=1)
        yield of_call("not contiguous", scores=both[:, 0], labels=wide["labels"], terms=60)
        yield of_call("one positive in 200", **drawn(rng, 200, share=0.0), terms=200)

    return cases


def one_by_one(scores: Tensor) -> Tensor:
    """Scores made different, the earlier of equal ones above the later."""
    order = scores.argsort(descending=True, stable=True)
    ranks = torch.empty(len(scores), dtype=FLOAT64, device=scores.device)
    ranks[order] = torch.arange(len(scores), 0, -1, dtype=FLOAT64, device=scores.device)
    return ranks


def breaking_ties(oracle: Callable[..., Any]) -> Callable[..., Any]:
    return lambda scores, labels: oracle(one_by_one(scores), labels)


def positives_swapped(oracle: Callable[..., Any]) -> Callable[..., Any]:
    return lambda scores, labels: oracle(scores, 1 - labels)


def in_float32(oracle: Callable[..., Any]) -> Callable[..., Any]:
    return lambda scores, labels: oracle(scores.float(), labels)


def number(value: Any, like: Tensor) -> Tensor:
    return torch.tensor(float(value), dtype=torch.float32, device=like.device)
