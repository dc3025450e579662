"""Likely causes of what students' code raises, and where to look next."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Advice:
    """A likely cause (or "") and a next step."""

    cause: str
    step: str


_SHAPES = "print the shapes just before that line: print(x.shape)."
_KNOWN: tuple[tuple[str, str, str], ...] = (
    (
        r"size of tensor a .* must match|shape mismatch|not broadcastable|expanded size",
        "two tensors meet whose shapes don't fit (broadcasting compares axes from the right; they must be equal or 1).",
        _SHAPES,
    ),
    (
        r"shapes cannot be multiplied|size mismatch|batch1 and batch2|contraction dim",
        "in a product of matrices the last axis of the first must be as long as the second-last of the other.",
        f"{_SHAPES} One of them may need a transpose (.mT).",
    ),
    (r"is invalid for input of size", "reshape or view asks for another number of values than there are.", _SHAPES),
    (
        r"view size is not compatible",
        "view needs values that lie in order in memory; after permute or transpose they don't.",
        "use .reshape(…) instead of .view(…).",
    ),
    (
        r"return_types",
        "max, min, sort and topk with a dim give two things: values and indices.",
        "take .values or .indices; amax gives the values alone.",
    ),
    (
        r"non-zero size|numel\(\) == 0",
        "the input is empty there: nothing has no largest or smallest.",
        "ask for the empty case first, or use what is defined for nothing: sum, any, all.",
    ),
    (
        r"before Module.__init__",
        "__init__ makes layers before super().__init__() has run, or without it.",
        "let super().__init__() be the first line of __init__.",
    ),
    (
        r"out of range|out of bounds|IndexError",
        "a loop or slice runs past the end, often by one: the last index of n values is n − 1.",
        "print the index and the shape just before that line.",
    ),
    (
        r"expected (m1 and m2|scalar type|.*same dtype)|must have the same dtype|Float and Double|found Double",
        "float32 meets float64 (or integers): something was made without the input's type.",
        "make it with dtype=x.dtype, or like the input: x.new_zeros(…).",
    ),
    (
        r"same device|is on cpu|device type",
        "a tensor made inside is on the CPU, the input isn't.",
        "make it with device=x.device, or like the input: x.new_zeros(…).",
    ),
    (
        r"numpy\(\) on Tensor that requires grad",
        "NumPy would cut the result off from the gradient.",
        "stay in torch: most NumPy functions have a twin of the same name there.",
    ),
    (
        r"leaf Variable that requires grad",
        "parameters record what is done to them, and can't be changed in place while they do.",
        "update them under torch.no_grad().",
    ),
    (
        r"modified by an inplace operation",
        "a value that the gradient still needs was overwritten (+=, x[…] = …, a method that ends in _).",
        "write the result into a new tensor instead.",
    ),
    (
        r"does not require grad|no grad",
        "the result was cut off from its inputs (.detach(), .data, .item(), torch.tensor(…), no_grad).",
        "stay with tensor operations from the input to the result.",
    ),
    (
        r"[Bb]oolean value of Tensor",
        "“if” needs one truth value; a comparison of tensors gives one for each element.",
        "use torch.where or a mask for each element, or .any() / .all() for all of them together.",
    ),
    (
        r"NoneType",
        "something is None that your code takes for a value: an optional argument, or a function without return.",
        "ask first: if bias is not None: …  (with your own name), or add the return.",
    ),
    (
        r"NameError|UnboundLocalError",
        "a name is used before it has a value: a typing slip, or a cell that was not run since the kernel started.",
        "check the spelling, then run the cell that defines it.",
    ),
    (
        r"has no attribute",
        "a typing slip, or the value is of another kind than you think.",
        "print type(…) of it just before that line.",
    ),
    (
        r"ModuleNotFoundError|ImportError|No module named",
        "that package isn't here, or its name is spelt differently.",
        "only torch and what the first cell imports are needed.",
    ),
    (
        r"missing \d+ required|positional argument|unexpected keyword|multiple values for",
        "a function is called with other arguments than it takes.",
        "compare that call with the function's def line: help(…) shows it.",
    ),
    (r"division by zero", "a count or size is 0 there.", "print the divisor; empty inputs are allowed."),
    (
        r"RecursionError|calls itself",
        "the function calls itself and never reaches an end.",
        "give it a case in which it returns without calling itself.",
    ),
    (r"exit", "exit() or sys.exit() ends Python; a function just returns.", "replace it by return."),
    (
        r"out of memory|can't allocate|not enough memory|MemoryError",
        "a tensor became far larger than it need be.",
        "print the shapes: an axis too many in a broadcast is the usual reason.",
    ),
)


def advice(message: str, name: str) -> Advice:
    """What an exception's message suggests; `name` is the exercise's."""
    for pattern, cause, step in _KNOWN:
        if re.search(pattern, message):
            return Advice(cause, step)
    return Advice("", f"read the line above once more with the case's inputs in mind; case({name}) gives them to you.")
