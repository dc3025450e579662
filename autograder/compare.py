"""Compares an answer's output with what was expected, and says how it differs."""

from __future__ import annotations

import math
import sys
from typing import Any

import torch
from torch import Tensor

from autograder.spec import Mismatch, Opaque, Tolerance, Value
from autograder.spec.verdict import MismatchKind

FAR_LARGER = 10  # times
FLOAT_EPS = torch.finfo(torch.float32).eps  # Python floats mostly come from float32 tensors


class Comparison:
    """One rule of comparison: tolerance, terms and scale of a case; `lenient` ignores dtype and lets NaN equal NaN.

    Lenient comparison is for recognising a mistake, never for accepting an answer.
    """

    def __init__(
        self, tolerance: Tolerance, terms: int = 1, scale: float | None = None, *, lenient: bool = False
    ) -> None:
        self._tolerance = tolerance
        self._terms = terms
        self._scale = scale
        self._lenient = lenient

    def outputs(self, expected: dict[str, Value], got: dict[str, Value]) -> Mismatch | None:
        """The first output that differs, or None. Outputs that nobody expected are ignored."""
        for name, value in expected.items():
            if name not in got:
                return Mismatch("keys", name, value, None, f"there is no {name}")
            found = self.values(value, got[name], name)
            if found is not None:
                return found
        return None

    def values(self, expected: Value, got: Value, path: str) -> Mismatch | None:
        """How `got` differs from `expected`, or None."""
        if isinstance(expected, Tensor):
            return self._tensors(expected, got, path)
        if isinstance(expected, tuple | list):
            return self._sequences(expected, got, path)
        if isinstance(expected, dict):
            return self._dicts(expected, got, path)
        return self._scalars(expected, got, path)

    def _sequences(self, expected: Any, got: Value, path: str) -> Mismatch | None:
        if not isinstance(got, tuple | list):
            return _type_mismatch(expected, got, path)
        for index, (one, other) in enumerate(zip(expected, got, strict=False)):
            found = self.values(one, other, f"{path}[{index}]")
            if found is not None:
                return found
        if len(expected) != len(got):
            return Mismatch("length", path, expected, got, f"expected {len(expected)} items, got {len(got)}")
        return None

    def _dicts(self, expected: dict[str, Value], got: Value, path: str) -> Mismatch | None:
        if not isinstance(got, dict):
            return _type_mismatch(expected, got, path)
        missing = [key for key in expected if key not in got]
        if missing:
            message = f"expected the keys {_listed(expected)}, got {_listed(got)}"
            return Mismatch("keys", path, expected, got, message)
        for key, value in expected.items():
            found = self.values(value, got[key], f"{path}[{key!r}]")
            if found is not None:
                return found
        return None

    def _scalars(self, expected: Value, got: Value, path: str) -> Mismatch | None:
        number = isinstance(expected, int | float) and not isinstance(expected, bool)
        if number and isinstance(got, int | float) and not isinstance(got, bool):
            if isinstance(expected, int) and not isinstance(got, int):
                return _type_mismatch(expected, got, path)
            return self._numbers(expected, got, path)
        if type(expected) is not type(got):
            return _type_mismatch(expected, got, path)
        if expected != got:
            return Mismatch("value", path, expected, got, f"expected {expected!r}, got {got!r}", count=1, total=1)
        return None

    def _numbers(self, expected: float, got: float, path: str) -> Mismatch | None:
        if isinstance(got, int) and got.bit_length() >= sys.float_info.max_exp:  # no float is as large
            got = math.inf if got > 0 else -math.inf
        exact = isinstance(expected, int) or math.isinf(expected)  # a share of infinity would allow everything
        allowed = 0.0 if exact else self._allowed(path, FLOAT_EPS, abs(expected))
        if expected == got or abs(expected - got) <= allowed:
            return None
        if self._lenient and math.isnan(expected) and math.isnan(got):
            return None
        kind: MismatchKind = "value" if math.isfinite(got) else "nonfinite"
        return Mismatch(
            kind,
            path,
            expected,
            got,
            f"expected {expected:.6g}, got {got:.6g}",
            count=1,
            total=1,
            largest=abs(expected - got),
            allowed=allowed,
        )

    def _tensors(self, expected: Tensor, got: Value, path: str) -> Mismatch | None:
        if not isinstance(got, Tensor):
            return _type_mismatch(expected, got, path)
        if expected.shape != got.shape:
            message = f"expected shape {tuple(expected.shape)}, got {tuple(got.shape)}"
            return Mismatch("shape", path, expected, got, message)
        if expected.dtype != got.dtype and (not self._lenient or expected.is_complex() != got.is_complex()):
            return Mismatch("dtype", path, expected, got, f"expected {expected.dtype}, got {got.dtype}")
        return self._elements(expected, got, path)

    def _elements(self, expected: Tensor, got: Tensor, path: str) -> Mismatch | None:
        if expected.numel() == 0:
            return None
        exact = torch.complex128 if expected.is_complex() else torch.float64
        one, other = expected.to(exact), got.to(exact)
        difference = (one - other).abs()
        if not math.isfinite(difference.max()):  # masks are slow, and seldom needed
            difference[one == other] = 0.0  # equal infinities
            if self._lenient:
                difference[one.isnan() & other.isnan()] = 0.0
            difference = difference.nan_to_num(nan=math.inf)
        floating = expected.is_floating_point() or expected.is_complex()
        if expected.dtype == got.dtype == torch.int64:  # float64 holds the small ones only
            difference = difference.clamp(min=1.0).where(expected != got, 0.0)
        allowed = self._allowed(path, torch.finfo(expected.dtype).eps, _scale(one)) if floating else 0.0
        count = int((difference > allowed).sum())
        if count == 0:
            return None
        return _element_mismatch(expected, got, path, difference, count, allowed)

    def _allowed(self, path: str, eps: float, scale: float) -> float:
        if path in self._tolerance.absolute:
            return self._tolerance.absolute[path]
        if path in self._tolerance.relative:
            return self._tolerance.relative[path] * scale
        scale = max(scale, self._scale or 0.0)
        return self._tolerance.factor * eps * (4.0 + math.sqrt(self._terms)) * scale


def _scale(values: Tensor) -> float:
    """The largest finite magnitude."""
    largest = float(values.abs().max())
    if math.isfinite(largest):
        return largest
    finite = values[values.isfinite()]
    return float(finite.abs().max()) if finite.numel() else 0.0


def _element_mismatch(
    expected: Tensor, got: Tensor, path: str, difference: Tensor, count: int, allowed: float
) -> Mismatch:
    worst = int(difference.argmax())
    where = tuple(int(index) for index in torch.unravel_index(torch.tensor(worst), expected.shape))
    bad = int((~got.isfinite()).sum())
    kind: MismatchKind = "nonfinite" if bad and bool(expected.isfinite().all()) else "value"
    if kind == "nonfinite":
        message = f"{bad} of {got.numel()} values are NaN or infinite"
    else:
        message = f"{count} of {got.numel()} values differ"
    return Mismatch(
        kind,
        path,
        expected,
        got,
        message,
        where=where,
        count=count,
        total=expected.numel(),
        largest=float(difference.max()),
        allowed=allowed,
    )


def far_larger(got: Value, expected: Value) -> bool:
    """Whether there is so much more than was expected that to look at each number might take hours."""
    return _size(got) > FAR_LARGER * (_size(expected) + 100)


def _size(value: Value) -> int:
    """How many numbers and other single values there are."""
    if isinstance(value, Tensor):
        return value.numel()
    if isinstance(value, tuple | list | dict):
        return sum(1 + _size(item) for item in (value.values() if isinstance(value, dict) else value))
    return 1


def _type_mismatch(expected: Value, got: Value, path: str) -> Mismatch:
    return Mismatch("type", path, expected, got, f"expected {type_name(expected)}, got {type_name(got)}")


def _listed(keys: dict[str, Value]) -> str:
    return ", ".join(keys) or "none"


def type_name(value: Value) -> str:
    """How a value's type is called in reports: "a tensor", "None", "a tuple of 3"."""
    if value is None:
        return "None"
    if isinstance(value, Tensor):
        return "a tensor"
    if isinstance(value, Opaque):
        return f"{'an' if value.type_name[:1].lower() in 'aeiou' else 'a'} {value.type_name}"
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of {len(value)}"
    return f"{'an' if isinstance(value, int) and not isinstance(value, bool) else 'a'} {type(value).__name__}"
