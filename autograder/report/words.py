"""Numbers, values and foreign text in a form that is safe and short to read."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from torch import Tensor

from autograder.spec import Opaque, Probe, Ref, Value

LONGEST_MESSAGE = 240
LONGEST_VALUE = 48
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)")
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")


def clean(text: str, longest: int = LONGEST_MESSAGE) -> str:
    """A student's text without terminal escapes, control characters and more length than a line can bear."""
    text = _UNSEEN.sub("", _ESCAPES.sub("", text[: 4 * longest])).replace("\t", "    ")
    return text if len(text) <= longest else text[: longest - 1] + "…"


def one_line(text: str, longest: int = LONGEST_MESSAGE) -> str:
    """The same, on one line."""
    return clean(" ".join(text[: 4 * longest].split()), longest)


def short(value: float) -> str:
    """A number as one says it: 4.0, 0.71, 3e-6."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("infinity" if value > 0 else "-infinity")
    if value == 0.0:
        return "0"
    if 1e-3 <= abs(value) < 1e6:
        text = f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"
        return text if "." in text or abs(value) >= 100 else f"{text}.0"
    return re.sub(r"(?:\.0)?e([+-])0*(\d+)", lambda m: f"e{m[1].replace('+', '')}{m[2]}", f"{value:.1e}")


def ratio(value: float) -> str:
    """A ratio: 3.1, 21, 1,020."""
    return f"{value:.1f}" if value < 10 else f"{value:,.0f}"


def shape(value: Tensor) -> str:
    """(1, 2, 3), as torch prints it."""
    return str(tuple(value.shape))


def dtype(value: Tensor) -> str:
    """float32"""
    return str(value.dtype).removeprefix("torch.")


def describe(value: Value) -> str:
    """An input in a few words: shape and type of a tensor, the value of anything small."""
    if isinstance(value, Tensor):
        if value.ndim == 0:
            return f"{number(value.item())} (a scalar tensor, {dtype(value)})"
        if value.ndim == 1 and 0 < value.numel() <= 8:
            return f"[{', '.join(number(item) for item in value.tolist())}] {dtype(value)}"
        return f"{shape(value)} {dtype(value)}"
    if isinstance(value, Ref):
        return value.name
    if isinstance(value, Probe):
        return f"{value.name}({', '.join(f'{key}={describe(item)}' for key, item in value.options.items())})"
    if isinstance(value, Opaque):
        return f"a {one_line(value.type_name, 40)}"
    if isinstance(value, tuple | list):
        return _sequence(value)
    if isinstance(value, dict):
        keys = ", ".join(list(value)[:4]) + (", …" if len(value) > 4 else "")
        return one_line(f"a dict with {keys}" if value else "an empty dict", LONGEST_VALUE)
    return one_line(repr(value), LONGEST_VALUE)


def _sequence(value: Sequence[Value]) -> str:
    opening, closing = ("[", "]") if isinstance(value, list) else ("(", ")")
    inner = ", ".join(describe(item) for item in value[:8])
    text = f"{opening}{inner}{', …' if len(value) > 8 else ''}{closing}"
    return text if len(text) <= LONGEST_VALUE else f"a {type(value).__name__} of {len(value)}"


def number(value: float | int | bool) -> str:
    """One number of an input: 0.5, 3, True."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def listed(items: Sequence[str], most: int = 6) -> str:
    """a, b and c; with more than `most`, "a, b and 5 more"."""
    shown = list(items[:most])
    if len(items) > most:
        return f"{', '.join(shown)} and {len(items) - most} more"
    return " and ".join(filter(None, [", ".join(shown[:-1]), shown[-1]])) if shown else ""


def counted(count: int, noun: str, plural: str = "") -> str:
    """1 case, 2 cases, 5,000 lines."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def path_in_words(path: str) -> str:
    """ "out[1]" → "item 1 of the result", "gradient of weight" → "the gradient of weight"."""
    if path.startswith("gradient of "):
        return f"the {one_line(path, 80)}"
    name, bracket, rest = path.partition("[")
    whole = {"out": "the result", "items": "what it yields", "state": "the state"}.get(name, "")
    whole = whole or (name if name.startswith("the ") else f"“{name}”")
    for key in re.findall(r"\[([^\]]*)\]", bracket + rest):
        whole = f"item {key} of {whole}" if key.lstrip("-").isdigit() else f"“{key.strip(chr(39))}” in {whole}"
    return one_line(whole, 120)
