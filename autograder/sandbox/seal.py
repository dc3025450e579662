"""Takes forbidden operators out of a process, at every dispatch key, so that no way through torch leads to them.

Python functions past the dispatcher lose their code instead: every reference to them, found by whatever hunt, raises.
This is done in a child that serves one exercise; nothing undoes it there.
"""

from __future__ import annotations

import contextlib
import ctypes
import fnmatch
import gc
import sys
import types
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from operator import attrgetter
from typing import Any

import numpy
import torch

from autograder.failures import ForbiddenCall
from autograder.forbid import matches
from autograder.sandbox import native

KEYS = (
    *("CPU", "CUDA", "Meta", "QuantizedCPU", "SparseCPU", "MkldnnCPU", "QuantizedMeta", "NestedTensorCPU"),
    *("SparseCsrCPU", "AutogradCPU", "AutogradOther", "AutogradNestedTensor", "AutocastCPU", "Autograd"),
    *("ADInplaceOrView", "FuncTorchBatched", "Functionalize", "CompositeExplicitAutograd"),
    *("CompositeExplicitAutogradNonFunctional", "CompositeImplicitAutograd"),
    *("CompositeImplicitAutogradNestedTensor", "ZeroTensor", "Conjugate", "Negative"),
)
AUTOGRAD = "torch.autograd"
DUAL_NUMBERS = ("aten::_make_dual*",)  # gradients forwards begin with them
BY_NAME = ("mkldnn::*_pointwise*", "onednn::*_pointwise*")  # end in any activation, whose name they are given
COMPILED = ("prim::*Group", "prim::StaticSubgraph", "prim::MKLDNN*")  # hold or are operators past the dispatcher
COMPILERS = (  # of `torch._C`, as far as this torch has them
    *("_jit_to_static_module", "_fuse_to_static_module"),
    *("_te.construct_codegen", "_te.lower", "_te.TensorExprKernel.__init__.__func__"),
)
REWRITTEN = ("torch._refs", "torch._decomp")  # torch's operators once more in Python, by the same names
Kernel = tuple[str, str]  # an operator's full name, a dispatch key


@cache
def kernels(patterns: tuple[str, ...]) -> tuple[Kernel, ...]:
    """Every registered kernel of the operators that match. Worked out on the trusted side, once per exercise."""
    operators = tuple(pattern for pattern in patterns if "::" in pattern)
    operators += DUAL_NUMBERS if AUTOGRAD in patterns else ()
    operators += BY_NAME if operators else ()
    known = torch._C._dispatch_get_all_op_names() if operators else []
    names = [name for name in known if _forbidden(name.partition(".")[0], operators)]
    return tuple((name, key) for name in names for key in KEYS if _registered(name, key))


def _forbidden(operator: str, patterns: tuple[str, ...]) -> bool:
    """Whether an operator matches. One of aten's stands for its namesakes too, such as those of oneDNN."""
    return any(matches(name, patterns) for name in (operator, f"aten::{operator.rpartition('::')[2]}"))


def _registered(name: str, key: str) -> bool:
    try:
        return bool(torch._C._dispatch_has_kernel_for_dispatch_key(name, key))
    except RuntimeError:
        return False


def seal_operators(found: Sequence[Kernel]) -> None:
    """Puts a refusal in the place of each kernel, for as long as the process lives."""
    libraries: dict[str, Any] = {}
    refusals: dict[str, Callable[..., Any]] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of every kernel that is replaced
        for name, key in found:
            space, _, operator = name.partition("::")
            if space not in libraries:
                libraries[space] = torch._C._dispatch_library("IMPL", space, "", "sealed", 0)
            refusal = refusals.setdefault(name, _refusal(name.partition(".")[0]))
            libraries[space].impl(operator, key, refusal, False)
    for library in libraries.values():  # were one freed, its refusals would be taken back
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(library))


def _refusal(name: str) -> Callable[..., Any]:
    def refuse(*_: Any, **__: Any) -> Any:
        raise ForbiddenCall(name)

    return refuse


def seal_interpreted(patterns: Sequence[str]) -> None:
    """Takes out what TorchScript computes itself: operators that match (for single numbers, say), compiled groups."""
    operators = tuple(pattern for pattern in patterns if "::" in pattern)
    if not operators:
        return
    dispatched = set(torch._C._dispatch_get_all_op_names())
    for schema in torch._C._jit_get_all_schemas():
        own = f"{schema.name}.{schema.overload_name}".rstrip(".") not in dispatched
        if own and (matches(schema.name, COMPILED) or _forbidden(schema.name, operators)):
            native.forget_operator(schema)
            space, _, name = schema.name.partition("::")
            known = vars(getattr(torch.ops, space)).get(name)
            if known is not None:
                native.refuse_builtin(known._op)
    for path in COMPILERS:
        with contextlib.suppress(AttributeError):
            native.refuse_builtin(attrgetter(path)(torch._C))


@cache
def rewritings() -> tuple[types.FunctionType, ...]:
    """What `REWRITTEN` holds, in whatever wrapping or table. To be looked for once, before all children are forked."""
    found = (item for item in gc.get_objects() if type(item) is types.FunctionType)
    return tuple(item for item in found if str(item.__module__).startswith(REWRITTEN))


def seal_rewritings(patterns: Sequence[str]) -> None:
    """Takes the code out of torch's own Python versions of the operators that match; meta tensors need the others."""
    operators = tuple(pattern for pattern in patterns if "::" in pattern)
    for function in rewritings() if operators else ():
        names = (function.__name__, function.__name__.lstrip("_"))
        if any(_forbidden(name, operators) for name in names):
            _take_code(function, f"aten::{function.__name__}")


def seal_names(patterns: Sequence[str]) -> None:
    """Takes the code out of the Python functions and classes whose dotted names match, as far as they are imported.

    What isn't imported yet can't be found on the disk either (see `sandbox.readable`).
    """
    for pattern in patterns:
        if "::" in pattern:
            continue
        if pattern == AUTOGRAD:
            native.stop_autograd()  # the rest of torch.autograd stays: `torch.no_grad` is part of it
        elif pattern in sys.modules:
            inside = [name for name in sys.modules if name == pattern or name.startswith(f"{pattern}.")]
            for module in inside:
                _seal_matching(module, "*", home=pattern)
        else:
            owner, _, name = pattern.rpartition(".")
            _seal_matching(owner, name)


def _seal_matching(path: str, pattern: str, home: str = "") -> None:
    """Empties what matches in a module or class. home: only what was made in this package, not what it imports."""
    owner = _found(path)
    if owner is None:
        return
    for name, value in list(vars(owner).items()):
        made_here = str(getattr(value, "__module__", None) or "").startswith(home)
        if made_here and fnmatch.fnmatchcase(name, pattern) and not name.startswith("__"):
            _empty(f"{path}.{name}", value, owner, name)


def _found(path: str) -> Any:
    """The module or class of a dotted name, None where it isn't imported."""
    head, _, last = path.rpartition(".")
    return sys.modules.get(path) or getattr(sys.modules.get(head), last, None)


def _empty(full: str, value: Any, owner: Any, name: str) -> None:
    if isinstance(value, types.ModuleType) or _top(value) not in SEALED:
        return
    for function in _functions_in(value):
        _take_code(function, full)
    if isinstance(value, types.BuiltinFunctionType) and not full.startswith("torch."):  # torch's lead to operators
        native.refuse_builtin(value)
    if isinstance(value, numpy.ufunc):
        native.refuse_ufunc(value)
    if callable(value) and not isinstance(value, type | types.FunctionType) and isinstance(owner, types.ModuleType):
        setattr(owner, name, _refusal(full))  # says what is wrong, where what is sealed below can't


SEALED = ("torch", "numpy", "scipy", "math", "")


def _top(value: Any) -> str:
    """The package that something was made in."""
    return str(getattr(value, "__module__", None) or "").partition(".")[0]


def _functions_in(value: Any) -> Iterator[types.FunctionType]:
    """A function and those that it is wrapped around, or the methods of a class."""
    if isinstance(value, type):
        for item in vars(value).values():
            if not isinstance(item, type) and _top(item) in SEALED:  # an enumeration holds a function of Enum's
                yield from _functions_in(item)
        return
    if isinstance(value, types.FunctionType):
        yield value
    for inner in ("__func__", "__wrapped__", "_implementation"):  # the last is numpy's
        if callable(getattr(value, inner, None)):
            yield from _functions_in(getattr(value, inner))


def _take_code(function: types.FunctionType, full: str) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        from autograder.failures import ForbiddenCall

        raise ForbiddenCall("this")

    code = refuse.__code__
    constants = tuple(full if item == "this" else item for item in code.co_consts)
    function.__code__ = code.replace(co_consts=constants, co_freevars=function.__code__.co_freevars)
