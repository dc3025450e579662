"""The references, if they are installed: packages announced under the entry point group `p2v.references`.

The judge never imports the solutions by name, so that a class release can leave them out.
"""

from __future__ import annotations

import importlib
import inspect
from functools import cache
from importlib.metadata import entry_points
from typing import Any

GROUP = "p2v.references"


@cache
def packages() -> tuple[str, ...]:
    """Names of the packages that hold references."""
    return tuple(item.value for item in entry_points(group=GROUP))


def reference(lesson: str, name: str) -> Any:
    """The reference's object, `reference("lenet", "conv2d")`. Raises LookupError where it isn't installed."""
    for package in packages():
        try:
            return getattr(importlib.import_module(f"{package}.{lesson}"), name)
        except (ImportError, AttributeError):
            continue
    raise LookupError(f"no reference for {lesson}.{name} is installed")


def source(lesson: str, name: str) -> str:
    """The reference's text. Raises LookupError where it isn't installed."""
    return inspect.getsource(reference(lesson, name))
