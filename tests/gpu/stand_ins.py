"""What a machine that only computes may lack: small stand-ins, and the way to the course's own packages."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
TYPES = ("Float", "Int", "Bool", "UInt8", "Shaped")


class Shaped:
    """Stands for jaxtyping's types: `Float[Tensor, "N C"]` is the tensor alone."""

    def __class_getitem__(cls, item: Any) -> Any:
        return item[0]


def install() -> None:
    """Makes the course importable from a bare checkout."""
    for folder in (ROOT, ROOT / "datasets"):
        if str(folder) not in sys.path:
            sys.path.append(str(folder))
    if importlib.util.find_spec("jaxtyping") is None:
        sys.modules["jaxtyping"] = _module("jaxtyping", **dict.fromkeys(TYPES, Shaped))
    if importlib.util.find_spec("tqdm") is None:
        bar = _module("tqdm.auto", tqdm=lambda items=(), *_, **__: items)
        sys.modules["tqdm"] = _module("tqdm", tqdm=bar.tqdm, auto=bar)
        sys.modules["tqdm.auto"] = bar


def _module(name: str, **content: Any) -> Any:
    made = ModuleType(name)
    vars(made).update(content)
    return made
