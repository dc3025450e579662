"""What the differing values have in common: facts that point at the cause without guessing at it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from autograder.report.grids import differing
from autograder.report.words import counted, listed, short
from autograder.spec import Mismatch

FEWEST = 4  # values below which a relation may be chance
CLOSE = 64.0  # times the allowed error: relations lose a few digits


@dataclass(frozen=True)
class Relation:
    """How all values of two tensors are related. `kind` is what must hold in every failing case."""

    kind: str
    says: str


def finding(first: Mismatch, every: Sequence[Mismatch]) -> str:
    """One sentence on how the first mismatch's values are related, or where the wrong ones are, or "".

    A relation counts only if it holds in `every` failing case: on a few values it may be chance.
    """
    if not _comparable(first):
        return ""
    related = _relation(first)
    others = (_relation(item) for item in every if _comparable(item) and item.path == first.path)
    if related is not None and all(other is not None and other.kind == related.kind for other in others):
        return related.says
    return _location(differing(first))


def _comparable(mismatch: Mismatch) -> bool:
    expected, got = mismatch.expected, mismatch.got
    both = isinstance(expected, Tensor) and isinstance(got, Tensor) and expected.shape == got.shape
    return both and mismatch.kind in ("value", "nonfinite") and expected.ndim > 0


def _relation(mismatch: Mismatch) -> Relation | None:
    expected, got = mismatch.expected.to(torch.float64), mismatch.got.to(torch.float64)
    close = CLOSE * mismatch.allowed
    if expected.numel() < FEWEST or not bool(expected.isfinite().all() & got.isfinite().all()):
        return None
    if _same(expected, got, close):
        return None  # right but for the last digits
    if not bool(got.any()):
        return Relation("zero", "Yours is zero everywhere.")
    if bool((got == got.flatten()[0]).all()):
        return Relation("constant", f"Yours is {short(float(got.flatten()[0]))} everywhere.")
    return _multiple(expected, got, close) or _shifted(expected, got, close) or _rearranged(expected, got, close)


def _multiple(expected: Tensor, got: Tensor, close: float) -> Relation | None:
    squares = float((expected * expected).sum())
    factor = float((got * expected).sum()) / squares if squares else 0.0
    if not factor or not _same(expected * factor, got, max(close, close * abs(factor))):
        return None
    if abs(factor + 1.0) < 1e-4:
        return Relation("sign", "Every sign is reversed.")
    under = 1.0 / factor
    whole = under > 1.5 and abs(under - round(under)) < 1e-4
    return Relation(
        "multiple", f"Yours is {f'1/{round(under)}' if whole else short(factor)} × the expected everywhere."
    )


def _shifted(expected: Tensor, got: Tensor, close: float) -> Relation | None:
    offset = float((got - expected).mean())
    if _same(expected + offset, got, close):
        side = "larger" if offset > 0 else "smaller"
        return Relation("offset", f"Yours is {side} by {short(abs(offset))} everywhere.")
    for axis in range(expected.ndim):
        others = [other for other in range(expected.ndim) if other != axis]
        if not others or expected.shape[axis] < 2 or expected.numel() < 3 * expected.shape[axis]:
            continue
        steps = (got - expected).mean(dim=others, keepdim=True)
        if _same(expected + steps, got, close):
            says = (
                f"All values with the same index of axis {axis} are off by one amount: something is added, or missing."
            )
            return Relation(f"offset along {axis}", says)
    return None


def _rearranged(expected: Tensor, got: Tensor, close: float) -> Relation | None:
    if expected.ndim >= 2 and expected.shape[-1] == expected.shape[-2] > 1 and _same(expected.mT, got, close):
        return Relation("swapped", "Yours is the expected with its last two axes swapped.")
    for axis in range(expected.ndim):
        if expected.shape[axis] > 1 and _same(expected.flip(axis), got, close):
            return Relation("reversed", f"Yours is the expected in reverse along axis {axis}.")
    if _same(expected.flatten().sort().values, got.flatten().sort().values, close):
        return Relation("order", "Yours has the expected values in another order.")
    return None


def _same(one: Tensor, other: Tensor, close: float) -> bool:
    return bool(((one - other).abs() <= close).all())


def _location(wrong: Tensor) -> str:
    if bool(wrong.all()):
        return ""
    if wrong.ndim >= 2 and min(wrong.shape[-2:]) >= 3:
        edges = _edges(wrong)
        if edges:
            return f"The wrong values are all in {edges}."
    for axis in range(wrong.ndim):
        others = [other for other in range(wrong.ndim) if other != axis]
        hit = (wrong.any(dim=others) if others else wrong).nonzero().flatten().tolist()
        length = wrong.shape[axis]
        if len(hit) <= 6 and 2 * len(hit) <= length:
            index = counted(len(hit), "index", "indices").partition(" ")[2]
            return f"The wrong values are all at {index} {listed([str(i) for i in hit])} of axis {axis} (of {length})."
    return ""


def _edges(wrong: Tensor) -> str:
    """The one border, or the border as a whole, that holds every wrong value of the last two axes."""
    borders = {
        "the first row": wrong[..., 1:, :],
        "the last row": wrong[..., :-1, :],
        "the first column": wrong[..., :, 1:],
        "the last column": wrong[..., :, :-1],
        "the first row and column": wrong[..., 1:, 1:],
        "the last row and column": wrong[..., :-1, :-1],
        "the border (first and last rows and columns)": wrong[..., 1:-1, 1:-1],
    }
    return next((name for name, rest in borders.items() if not bool(rest.any())), "")
