"""Seals what lies below Python's functions: built-in functions, numpy's ufuncs, autograd, TorchScript, ctypes.

Whatever refers to one of these, and under whatever name, ends at one structure in memory, and there it is made to
refuse. What stands in a structure is checked before it is written to: RuntimeError where it isn't as expected.
"""

from __future__ import annotations

import _ctypes
import ctypes
import gc
import types
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy
import torch

POINTER = ctypes.sizeof(ctypes.c_void_p)
HEAD = object.__basicsize__  # of every object: its reference count and its type
TYPE_CALL = HEAD + 14 * POINTER  # of a type: what calling its objects does
VECTORCALL = 1 << 11  # a type's flag: its objects are called past what stands there
SET_ENGINE = "_ZN5torch8autograd23set_default_engine_stubEPFRNS0_6EngineEvE"
FORGET = "_ZN5torch3jit18deregisterOperatorERKN3c1014FunctionSchemaE"
THROW = "_ZSt25__throw_bad_function_callv"  # of the C++ library; takes nothing and never returns


def refuse_builtin(function: types.BuiltinFunctionType) -> None:
    """Lets a function that is written in C raise TypeError, and every fresh copy of its module too."""
    _expect(type(function) is types.BuiltinFunctionType, function)
    definition = _word(id(function) + HEAD)
    name = ctypes.string_at(_word(definition.value or 0).value or 0)
    _expect(name == function.__name__.encode(), function)
    refusal = ctypes.cast(ctypes.pythonapi.PyErr_BadArgument, ctypes.c_void_p)
    _word((definition.value or 0) + POINTER).value = refusal.value


def refuse_ufunc(function: numpy.ufunc) -> None:
    """Lets a ufunc take no arguments, so that it refuses all it is given."""
    _expect(type(function) is numpy.ufunc, function)
    counts = (ctypes.c_int * 3).from_address(id(function) + HEAD)
    _expect(list(counts) == [function.nin, function.nout, function.nargs], function)
    counts[:] = [0, 0, 0]


def stop_autograd() -> None:
    """Stops gradients by machine for good: backwards by the engine, from Python or not, and node by node by hand.

    Forwards, by dual numbers, they need an operator, which is sealed like any other (`seal.DUAL_NUMBERS`).
    """
    throw = ctypes.cast(ctypes.CDLL("libstdc++.so.6")[THROW], ctypes.c_void_p)
    _in_torch(SET_ENGINE)(throw)
    engine = type(torch.autograd.Variable._execution_engine)
    _namespace(engine).pop("run_backward", None)
    ctypes.pythonapi.PyType_Modified(ctypes.py_object(engine))
    _refuse_calls([item for item in vars(torch._C._functions).values() if isinstance(item, type)])


def forget_operator(schema: Any) -> None:
    """Lets TorchScript know an operator of its own no longer. What asked for it before this still has it."""
    address = _word(id(schema) + HEAD).value or 0
    name = ctypes.string_at(_word(address).value or 0)
    _expect(name == schema.name.encode(), schema)
    _in_torch(FORGET)(ctypes.c_void_p(address))


def stop_ctypes() -> None:
    """Stops ctypes from calling machine code, where nothing is sealed. Comes last: all else is sealed with ctypes."""
    for name in ("call_function", "call_cdeclfunction"):
        refuse_builtin(getattr(_ctypes, name))
    _refuse_calls(list(_with_subclasses(_ctypes.CFuncPtr)))


def _refuse_calls(kinds: Sequence[type]) -> None:
    """Lets objects of these types be called no longer. Their own `__call__` would still lead there, so it goes too."""
    calls = [_word(id(kind) + TYPE_CALL) for kind in kinds]
    _expect(calls[0].value is not None and len({call.value for call in calls}) == 1, kinds[0])
    _expect(not any(kind.__flags__ & VECTORCALL for kind in kinds), kinds[0])
    for kind in kinds:
        _namespace(kind).pop("__call__", None)
        ctypes.pythonapi.PyType_Modified(ctypes.py_object(kind))
    for call in calls:
        call.value = None


def _with_subclasses(kind: type) -> Iterator[type]:
    yield kind
    others: list[type] = kind.__subclasses__()
    for other in others:
        yield from _with_subclasses(other)


def _namespace(kind: type) -> dict[str, Any]:
    """The dictionary behind a type's read-only view."""
    found: dict[str, Any] = gc.get_referents(vars(kind))[0]
    return found


def _in_torch(name: str) -> Any:
    """A function of torch's library by the name that its compiler gave it."""
    return ctypes.CDLL(str(Path(torch.__file__).parent / "lib" / "libtorch_cpu.so"))[name]


def _word(address: int) -> ctypes.c_void_p:
    """The pointer that stands at an address."""
    return ctypes.c_void_p.from_address(address)


def _expect(right: bool, what: Any) -> None:
    if not right:
        raise RuntimeError(f"{what!r} is laid out in another way than was expected")
