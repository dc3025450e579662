"""Fits a case's arguments to an answer whose parameters may have other names, or hide behind a decorator."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from types import CellType
from typing import Any

from torch import nn


class Unfit(Exception):
    """The arguments don't fit the answer's signature."""


def bind(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """By name where the answer has these parameters, else in order: parameter names are the student's choice.

    Raises Unfit, in words, where neither is possible.
    """
    try:
        signature = _signature(function)
    except (TypeError, ValueError):
        return args, dict(kwargs)
    attempts: tuple[tuple[tuple[Any, ...], dict[str, Any]], ...]
    attempts = ((args, dict(kwargs)), _renamed(signature, args, kwargs), ((*args, *kwargs.values()), {}))
    reason = ""
    for attempt in attempts:
        try:
            signature.bind(*attempt[0], **attempt[1])
            return attempt
        except TypeError as error:
            reason = str(error)
    wanted = ", ".join([*("…" for _ in args), *kwargs])
    raise Unfit(f"called with ({wanted}), but your signature is {signature}: {reason}")


def _signature(function: Callable[..., Any]) -> inspect.Signature:
    """A function's signature; that of what it wraps if it takes anything and holds one function to pass it on to."""
    signature = inspect.signature(function)
    kinds = [item.kind for item in signature.parameters.values()]
    if kinds != [inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD]:
        return signature
    if isinstance(function, nn.Module):
        return inspect.signature(function.forward)
    held = [cell.cell_contents for cell in getattr(function, "__closure__", None) or () if _is_filled(cell)]
    inner = [item for item in held if inspect.isfunction(item) and item is not function]
    return _signature(inner[0]) if len(inner) == 1 else signature


def _is_filled(cell: CellType) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False


def _renamed(
    signature: inspect.Signature, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """`kwargs` under the answer's own names: those it doesn't have go in order to the parameters that are left."""
    parameters = list(signature.parameters.values())
    only_in_order = [item.name for item in parameters if item.kind == item.POSITIONAL_ONLY][len(args) :]
    own = [item.name for item in parameters if item.kind in (item.POSITIONAL_ONLY, item.POSITIONAL_OR_KEYWORD)]
    own = own[len(args) :]
    left = iter([name for name in own if name not in kwargs])
    known = {*own, *(item.name for item in parameters if item.kind == item.KEYWORD_ONLY)}
    named = {name if name in known else next(left, name): value for name, value in kwargs.items()}
    return (*args, *(named.pop(name) for name in only_in_order if name in named)), named
