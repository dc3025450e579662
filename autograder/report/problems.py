"""Why a case failed, in words: what is wrong, its likely cause, and the next step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from autograder import parameters
from autograder.compare import type_name
from autograder.report.causes import advice
from autograder.report.words import clean, counted, describe, dtype, listed, one_line, path_in_words, shape, short
from autograder.spec import Case, CaseResult, Exercise, Mismatch, Opaque, Problem, Value
from autograder.spec.case import SUBJECT

COPY = "work on a copy: x.clone(), or avoid += and masked_fill_ (methods that end in _ change their tensor)."


@dataclass(frozen=True)
class Explained:
    """what: the fact, a full sentence. cause: what it mostly comes from, or "". step: what to do next.

    Causes and steps begin in lower case: they follow a label.
    """

    what: str
    cause: str
    step: str


def explain(result: CaseResult, exercise: Exercise) -> Explained:
    """Puts a failing case into words."""
    problem = result.problem
    if problem is None:
        raise ValueError(f"case {result.case.name!r} passed: there is nothing to explain")
    if problem.kind == "failure":
        return _of_failure(problem, exercise)
    if problem.kind in _BROKEN:
        return _BROKEN[problem.kind](problem)
    if problem.mismatch is None:
        return Explained(_sentence(problem.message), "", f"look at {try_it(result.case, exercise)}.")
    return _MISMATCHES[problem.mismatch.kind](problem.mismatch, result.case, exercise)


def _of_failure(problem: Problem, exercise: Exercise) -> Explained:
    failure = problem.failure
    kind, message = (failure.kind, failure.message) if failure else ("raised", problem.message)
    if kind == "timeout":
        return Explained(
            "Nothing is lost: only this check was stopped.",
            "a loop that never ends, or one Python step for every value.",
            "check what ends each loop; then let one tensor operation do what the loop does value by value.",
        )
    if kind == "output":
        first, table, cause = parameters.split(message)
        step = "compare the attributes that __init__ makes, and their sizes, with the exercise's text, in order."
        return Explained(
            _sentence(first), clean(cause), step if table else "return what the exercise's text asks for, no more."
        )
    advised = advice(message, exercise.name)
    return Explained(f"Your code raised {one_line(message)}", advised.cause, advised.step)


def _changed(problem: Problem) -> Explained:
    names = one_line(problem.message.partition("its input ")[2]).removesuffix("in place").strip()
    if problem.message.endswith("in place"):
        names = ""
    what = f"Your answer changed its input{' ' + names if names else ''}: its caller still needs it as it was."
    return Explained(what, "", COPY.replace("x.clone()", f"{names}.clone()") if names.isidentifier() else COPY)


def _alias(problem: Problem) -> Explained:
    told = problem.message.replace("your answer's out ", "the result ").replace("with its input", "with the input")
    return Explained(
        _sentence(told),
        "the input itself is returned, or a view of it (slicing, reshape, permute): who changes one changes both.",
        "return new values: .clone() on what you return.",
    )


def _device(problem: Problem) -> Explained:
    return Explained(
        _sentence(problem.message),
        "a tensor made inside without the input's device.",
        "make it with device=x.device, or like the input: x.new_zeros(…).",
    )


def _gradient(problem: Problem) -> Explained:
    wrt = one_line(problem.message.removeprefix("no gradient reaches "), 60)
    return Explained(
        f"The values agree, but no gradient reaches {wrt}.",
        f"{wrt} is cut off on its way to the result: .detach(), .data, .item(), a NumPy detour, torch.tensor(…) around "
        "it, or no_grad.",
        f"follow {wrt} through your code, and stay with tensor operations at each step.",
    )


def _type(found: Mismatch, case: Case, exercise: Exercise) -> Explained:
    wanted, got = type_name(found.expected), one_line(type_name(found.got), 60).replace("a ndarray", "a NumPy array")
    if found.path == "the result":  # the measure could not read what came
        return Explained(_sentence(found.message), "", "return what the exercise's text and signature ask for.")
    cause, step = _type_cause(found.expected, found.got)
    return Explained(f"Expected {wanted} as {path_in_words(found.path)}, got {got}.", cause, step)


def _type_cause(expected: Value, got: Value) -> tuple[str, str]:
    name = got.type_name if isinstance(got, Opaque) else type(got).__name__
    if got is None:
        return "the function ends without return.", "add the line that returns your result."
    if isinstance(got, Tensor) and isinstance(expected, int | float):
        return "", "turn a tensor of one value into a number: .item()."
    if isinstance(got, Tensor) and isinstance(expected, tuple | list):
        return "only one of the results is returned.", f"return all {len(expected)}, in the order of the exercise."
    if isinstance(expected, Tensor) and isinstance(got, int | float):
        return ".item(), or Python's sum, took the value out of torch.", "return the tensor itself."
    if isinstance(expected, Tensor) and isinstance(got, tuple | list):
        return "a comma too many, or a list of tensors.", "return one tensor: torch.stack or torch.cat joins a list."
    if name == "ndarray":
        return "a NumPy detour, which also loses gradients.", "stay in torch from the input to the result."
    if name == "generator":
        return "a function that uses yield gives a generator.", "use return, or collect the items with list(…)."
    if name in ("function", "method", "type", "builtin_function_or_method"):
        return "a function is returned, not what it gives.", "call it: the brackets () are missing."
    if isinstance(expected, int) and isinstance(got, float):
        return "/ gives a float, even where it divides evenly.", "use // or int(…)."
    return "", "return what the exercise's signature says."


def _length(found: Mismatch, case: Case, exercise: Exercise) -> Explained:
    wanted, got = len(found.expected), len(found.got)
    more = "more than" if got > wanted else "fewer than"
    trial = try_it(case, exercise)
    return Explained(
        f"Expected {counted(wanted, 'item')} in {path_in_words(found.path)}, got {got}: {more} there should be.",
        "",
        f"count them by hand for this case; {trial} gives {'its inputs' if trial.startswith('case(') else 'yours'}.",
    )


def _keys(found: Mismatch, case: Case, exercise: Exercise) -> Explained:
    return Explained(
        f"In {path_in_words(found.path)}: {one_line(found.message)}.",
        "a name that is spelt differently, or not made yet.",
        "use exactly the names of the exercise's text.",
    )


def _shape(found: Mismatch, case: Case, exercise: Exercise) -> Explained:
    expected, got = found.expected, found.got
    what = f"{_capital(path_in_words(found.path))} has shape {shape(got)}, expected {shape(expected)}."
    return Explained(what, *_shape_cause(tuple(expected.shape), tuple(got.shape)))


def _shape_cause(wanted: tuple[int, ...], got: tuple[int, ...]) -> tuple[str, str]:
    if sorted(wanted) == sorted(got):
        return "the axes are in another order.", "put them in order with .permute(…); reshape would mix the values."
    if [n for n in wanted if n != 1] == [n for n in got if n != 1]:
        if len(got) < len(wanted):
            return (
                "an axis of length 1 was lost, by indexing or a reduction.",
                "keep it: keepdim=True, x[:1], unsqueeze.",
            )
        return "an axis of length 1 is too many.", "take it away with .squeeze(axis), or reduce without keepdim."
    if torch.Size(wanted).numel() == torch.Size(got).numel():
        return "the right number of values, in another form.", "compare the last reshape with the signature's shapes."
    if len(wanted) != len(got):
        many = "too many" if len(got) > len(wanted) else "too few"
        return f"{counted(abs(len(got) - len(wanted)), 'axis', 'axes')} {many}.", "print the shape after each step."
    differ = [axis for axis in range(len(wanted)) if wanted[axis] != got[axis]]
    if not all(got) and all(wanted):
        return "a slice came out empty: x[p:-p] holds nothing when p is 0.", "slice up to a place: x[p : p + length]."
    where = f"axis {differ[0]}" if len(differ) == 1 else f"axes {listed([str(axis) for axis in differ])}"
    off_by_one = all(abs(wanted[axis] - got[axis]) == 1 for axis in differ)
    cause = "off by one: the end of a range, or rounding the wrong way." if off_by_one else ""
    return cause, f"work the length of {where} out by hand for this case's inputs, and print yours after each step."


def _dtype(found: Mismatch, case: Case, exercise: Exercise) -> Explained:
    wanted, got = found.expected.dtype, found.got.dtype
    tensors = [value for value in case.inputs.values() if isinstance(value, Tensor)]
    whose = " (the input's type)" if any(value.dtype == wanted for value in tensors) else ""
    name = path_in_words(found.path)
    what = f"Got {got}, expected {wanted}{whose}{'' if found.path == 'out' else f', for {name}'}."
    return Explained(what, *_dtype_cause(wanted, got, dtype(found.expected)))


def _dtype_cause(wanted: torch.dtype, got: torch.dtype, name: str) -> tuple[str, str]:
    make = "make new tensors with dtype=x.dtype, or like the input: x.new_zeros(…)."
    if got == torch.float64:
        return (
            ".double(), or a NumPy detour in the middle: NumPy's numbers are float64.",
            "stay in torch, and " + make,
        )
    if wanted == torch.float64:
        return "a tensor made inside is float32, torch's default, and digits are lost.", make
    if got == torch.bool:
        return "a comparison gives True and False.", f"turn them into numbers: .to(torch.{name})."
    if wanted.is_floating_point:
        return "counting, // or argmax gives integers.", f"turn them into {name} before you divide or return."
    if got.is_floating_point:
        cause = "torch.zeros and its like make floats unless told otherwise; / and .mean() do so even from integers."
        return cause, f"make it with dtype=torch.{name}, use //, or .to(torch.{name}) at the end."
    return "", f"use .to(torch.{name})."


def _nonfinite(found: Mismatch, case: Case, exercise: Exercise) -> Explained:
    got = found.got if isinstance(found.got, Tensor) else torch.tensor(found.got)
    some = "NaN" if bool(got.isnan().any()) else "infinite"
    if isinstance(found.got, Tensor):
        what = f"In {path_in_words(found.path)}, {how_many(found)}, where numbers were expected."
    else:
        what = f"{_capital(path_in_words(found.path))} is {some}, expected {short(found.expected)}."
    if some == "NaN":
        return Explained(
            what,
            "0/0, ∞ − ∞, a mean over nothing, the log or root of a negative number, or exp of a large one.",
            "print the first step whose result has .isnan().any(); large numbers want their maximum subtracted first.",
        )
    return Explained(
        what,
        "a division by 0, log(0), exp of a large number, or a padding of −inf that got through.",
        "print the first step whose result has .isinf().any().",
    )


def _value(found: Mismatch, case: Case, exercise: Exercise) -> Explained:
    name = path_in_words(found.path)
    if isinstance(found.expected, Tensor) and found.expected.ndim:
        what = f"{_capital(name)} differs."
    else:
        what = f"{_capital(name)}: expected {' , got '.join(_apart(found.expected, found.got))}".replace(" ,", ",")
        what += f" (allowed: {short(found.allowed)} off)." if found.allowed else "."
    if found.path.startswith("gradient of"):
        wrt = found.path.removeprefix("gradient of ")
        return Explained(
            f"The values agree, but {name} doesn't.",
            f"part of what {wrt} does was detached, rounded or compared on the way (abs and sign are flat at 0), or "
            "equal values share a gradient (amax, maximum).",
            f"look for these, and for .data, torch.tensor(…) or no_grad, on the way of {wrt}.",
        )
    return Explained(what, "", _value_step(case, exercise))


def _value_step(case: Case, exercise: Exercise) -> str:
    if case.note:
        return "work the first value out on paper as above, and print what your code takes instead."
    names = [name for name, value in case.inputs.items() if not isinstance(value, Tensor) and value is not None]
    if names:
        return f"what does this case have that those that pass don't? Look at {listed(names)} first."
    return f"compare what {try_it(case, exercise)} gives with the expected values, one by one."


def _apart(expected: Value, got: Value) -> list[str]:
    """Two values with as many digits as it takes to tell them apart."""
    one, other = (item.item() if isinstance(item, Tensor) else item for item in (expected, got))
    if not (isinstance(one, float) and isinstance(other, float)):
        return [describe(one), describe(other)]
    pairs = ([f"{one:#.{digits}g}", f"{other:#.{digits}g}"] for digits in (4, 7, 10, 13, 17))
    return next((pair for pair in pairs if pair[0] != pair[1]), [repr(one), repr(other)])


def how_many(found: Mismatch) -> str:
    """ "1 of 3 values is NaN or infinite"."""
    said = one_line(found.message)
    return said.replace(" are ", " is ") if said.startswith("1 of ") else said


def try_it(case: Case, exercise: Exercise) -> str:
    """How to run or see the failing case in a cell of one's own."""
    first = case.steps[0]
    if first.verb == "call" and first.target == SUBJECT and not first.args:
        return f"{exercise.name}(*case({exercise.name}))"
    return f"case({exercise.name})"


def _sentence(text: str) -> str:
    text = _capital(one_line(text))
    return text if text.endswith((".", ":", "…", "?", "!")) else f"{text}."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


_BROKEN: dict[str, Callable[[Problem], Explained]] = {
    "changed": _changed,
    "alias": _alias,
    "device": _device,
    "gradient": _gradient,
}
_MISMATCHES: dict[str, Callable[[Mismatch, Case, Exercise], Explained]] = {
    "type": _type,
    "length": _length,
    "keys": _keys,
    "shape": _shape,
    "dtype": _dtype,
    "nonfinite": _nonfinite,
    "value": _value,
}
