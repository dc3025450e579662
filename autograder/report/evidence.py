"""What a failing case shows: its inputs, the values side by side, pictures, and the first wrong stage."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import groupby

import torch
from torch import Tensor

from autograder import parameters
from autograder.report.findings import finding
from autograder.report.grids import compared, differing, input_grid, is_whole, unequal_shapes, worst_plane
from autograder.report.parts import Grid, Grids, Inputs, Part, Picture, Pictures, Preformatted, Say, Stages
from autograder.report.problems import how_many
from autograder.report.words import clean, counted, describe, one_line, path_in_words, shape, short
from autograder.spec import Case, CaseResult, FirstWrongStage, Mismatch, Ref, Step, Value
from autograder.spec.case import SUBJECT

MOST_GRIDS = 4
LOOKING = ("state", "draw")  # steps that only look: what they see is named where it is compared


def inputs_of(case: Case, name: str, *, written: bool) -> Iterator[Part]:
    """The inputs of a case for the answer called `name`, in a few words; with `written`, the small ones in full."""
    grids: list[Grid] = []
    items: list[tuple[str, str]] = []
    for key, value in case.inputs.items():
        grid = input_grid(key, value) if isinstance(value, Tensor) and value.ndim >= 2 else None
        if written and grid is not None and len(grids) < MOST_GRIDS:
            grids.append(grid)
        items.append((key, describe(value)))
    program = _program(case, name)
    if items or program:
        yield Inputs(tuple(items), tuple(grids), program, rank=4 if grids else 0)


def evidence(result: CaseResult, all_found: Sequence[Mismatch], *, brief: bool, why: bool) -> Iterator[Part]:
    """The values of a mismatch, expected and got.

    all_found: those of all failing cases. brief: leaves grids and pictures to the stage. why: looks for relations.
    """
    problem = result.problem
    found = problem.mismatch if problem else None
    if problem is not None and problem.failure is not None and problem.failure.kind == "output":
        rows = clean(parameters.split(problem.failure.message)[1], 2000)
        if rows:
            yield Preformatted("", rows)
    elif found is not None and found.kind == "shape":
        grids = unequal_shapes(found)
        if grids is not None:
            yield Grids(grids, rank=2)
    elif found is not None and _has_values(found):
        yield from [Say("", f"{_capital(path_in_words(found.path))}: {fact(found)}.")] if brief else _values(found)
        relation = finding(found, all_found) if why and not brief else ""
        if relation:
            yield Say("", relation, rank=1)


def _has_values(found: Mismatch) -> bool:
    """Whether there are grids to show: a single number stands in the sentence before."""
    return found.kind in ("value", "nonfinite") and isinstance(found.got, Tensor) and found.got.ndim > 0


def _values(found: Mismatch) -> Iterator[Part]:
    grids = compared(found)
    if grids is None:
        return
    yield Grids(grids, fact(found), everywhere=_everywhere(found))
    yield from pictures(found)


def _everywhere(found: Mismatch) -> bool:
    return found.kind == "value" and found.count == found.total


def fact(found: Mismatch) -> str:
    """ "4 of 4 values differ, largest by 4.0 at [0, 0, 0, 0], allowed 3e-6"."""
    place = f"at {list(found.where)}" if found.where else ""
    if found.kind == "nonfinite":
        return f"{how_many(found)}, {'the first ' if place else ''}{place}".strip(", ")
    if found.total == 1:
        return f"off by {short(found.largest)}" + (f", allowed {short(found.allowed)}" if found.allowed else "")
    count = f"{found.count:,} of {counted(found.total, 'value')} {'differs' if found.count == 1 else 'differ'}"
    whole = isinstance(found.expected, Tensor) and not found.expected.dtype.is_floating_point
    largest = f"{found.largest:.0f}" if whole else short(found.largest)
    by = f"{'largest ' if found.count > 1 else ''}by {largest} {place}".strip()
    return f"{count}, {by}" + (f", allowed {short(found.allowed)}" if found.allowed else "")


def _scale(expected: Tensor, got: Tensor) -> tuple[float, float]:
    """What is black and white in both pictures: all values, but `got` stretches the range to five times at most."""
    known = [values[values.isfinite()] for values in (expected, got)]
    if not known[0].numel():
        return 0.0, 1.0
    low, high = float(known[0].min()), float(known[0].max())
    if not known[1].numel():
        return low, high
    room = 2 * ((high - low) or 1.0)
    return min(low, max(low - room, float(known[1].min()))), max(high, min(high + room, float(known[1].max())))


def pictures(found: Mismatch) -> Iterator[Pictures]:
    """Expected, got and their difference as images, for planes too large to write out."""
    if is_whole(found) or not isinstance(found.got, Tensor):
        return
    one = worst_plane(found.expected.to(torch.float64), found.where)
    other = worst_plane(found.got.to(torch.float64), found.where)
    wrong = worst_plane(differing(found), found.where)
    if one is None or other is None or wrong is None or min(one.shape) < 2:
        return
    low, high = _scale(one, other)
    off = (one - other).abs().nan_to_num(nan=math.inf) * wrong
    off = torch.where(wrong, off, torch.zeros_like(off))
    known = off[off.isfinite()]
    largest = float(known.max()) if known.numel() else 0.0
    which = f" of {list(found.where[:-2])}" if len(found.where) > 2 else ""
    rows, columns = one.shape
    size = f"{rows} × {columns} values{which}"
    share = f"{int(wrong.sum())} of {wrong.numel()} differ, the largest by {short(found.largest)}"
    yield Pictures(
        (
            Picture("expected", one, low, high, f"expected: {size}, {short(low)} (black) to {short(high)} (white)"),
            Picture("got", other, low, high, f"got: the same {size}, on the same scale"),
            Picture(
                f"difference, up to {short(largest)}",
                off,
                0.0,
                largest or 1.0,
                f"difference{which}: {share}",
                heat=True,
            ),
        )
    )


def stage_parts(stage: FirstWrongStage) -> Iterator[Part]:
    """The first wrong stage: the way to it, its sizes, and where its output differs."""
    found = stage.mismatch
    name = one_line(stage.name, 60) + (", already at its input" if stage.entered_wrong else "")
    yield Say("First stage that differs", f"{name}: {_both_shapes(found)}")
    yield Stages(stage.agreed, one_line(stage.name, 60), stage.entered_wrong)
    if stage.entered_wrong:
        before = one_line(stage.agreed[-1], 60) if stage.agreed else "the start"
        yield Say(
            "", f"What enters {one_line(stage.name, 60)} is wrong already: the fault lies between {before} and it."
        )
    if _has_values(found):
        grids = compared(found)
        if grids is not None:
            yield Grids(grids, fact(found), everywhere=_everywhere(found), rank=2)
        yield from pictures(found)
        relation = finding(found, [found])
        if relation:
            yield Say("", relation, rank=1)


def _both_shapes(found: Mismatch) -> str:
    if not (isinstance(found.expected, Tensor) and isinstance(found.got, Tensor)):
        return f"{one_line(found.message)}"
    if found.expected.shape != found.got.shape:
        return f"expected {shape(found.expected)}, got {shape(found.got)}"
    if found.kind == "dtype":
        return f"{one_line(found.message)}"
    return f"expected and got {shape(found.got)}, largest difference {short(found.largest)}"


def _program(case: Case, name: str) -> str:
    """The case's steps as code, where they are more than one plain call of the answer and its gradients."""
    first, *rest = case.steps
    if first.verb == "call" and first.target == SUBJECT and not first.args and all(s.verb == "backward" for s in rest):
        return ""
    steps = [_step(item, name) for item in case.steps if item.verb not in LOOKING]
    runs = [(step, len(list(same))) for step, same in groupby(steps)]
    return one_line("; ".join(step if times == 1 else f"{step} {times} times" for step, times in runs), 220)


def _step(item: Step, name: str) -> str:
    arguments = ", ".join(
        [*map(_argument, item.args), *(f"{key}={_argument(value)}" for key, value in item.kwargs.items())]
    )
    target = "" if item.target == SUBJECT else item.target
    said = {
        "new": f"{item.out} = {name}({arguments})",
        "load": f"{counted(len(item.kwargs), 'weight')} into {target}",
        "mode": f"{target}.{item.args[0] if item.args else ''}()",
        "call": f"{item.out} = {'.'.join(filter(None, [target or name, item.method]))}({arguments})",
        "backward": f"gradients of {item.target} for {', '.join(map(str, item.args))}",
        "iterate": f"take {item.args[0] if item.args else ''} from {target}",
        "step": f"{target}.step()",
        "seed": f"torch.manual_seed({arguments})",
    }
    return said.get(item.verb, f"{item.verb} {target}".strip())


def _argument(value: Value) -> str:
    return value.name if isinstance(value, Ref) else describe(value)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
