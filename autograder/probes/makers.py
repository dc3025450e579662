"""The register of probes: a maker, known by its function name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from autograder.spec import Probe

_MAKERS: dict[str, Callable[..., Any]] = {}


def probe(maker: Callable[..., Any]) -> Callable[..., Any]:
    """Registers a maker under its function name; a case then says `Probe("name", {options})`."""
    if maker.__name__ in _MAKERS:
        raise ValueError(f"a probe named {maker.__name__!r} exists already")
    _MAKERS[maker.__name__] = maker
    return maker


def make(item: Probe, resolve: Callable[[Any], Any]) -> Any:
    """The object that a probe names; its options may hold handles, which `resolve` turns into objects."""
    try:
        maker = _MAKERS[item.name]
    except KeyError:
        raise ValueError(f"unknown probe {item.name!r}; known are {', '.join(sorted(_MAKERS))}") from None
    return maker(**{key: resolve(value) for key, value in item.options.items()})
