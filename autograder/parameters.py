"""Parameters that don't fit the weights to be loaded: side by side, and in words where they part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest

from torch import Tensor, nn

SHOWN_ROWS = 12  # of a parameter table: a report has room for no more
TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)  # weights: incoming channels first
CAUSE = "likely cause: "  # begins the last line where one is known
Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]
Row = tuple[str | None, str | None]  # an expected name and the answer's own


@dataclass(frozen=True)
class Reason:
    """fact: what differs, in words. cause: what it mostly comes from, or ""."""

    fact: str
    cause: str = ""


def misfit(expected: Mapping[str, Tensor], got: Mapping[str, Tensor], module: nn.Module | None = None) -> str:
    """Where parameters differ: a sentence, then the table around the first row that differs, then a cause if known.

    module: the answer that `got` belongs to.
    """
    wanted, own = _shapes(expected), _shapes(got)
    rows = _by_name(wanted, own) if _share_names(wanted, own) else list(zip_longest(wanted, own))
    marked = next((i for i, (one, other) in enumerate(rows) if _differ(wanted, own, one, other)), len(rows))
    known = _reason(module or nn.Module(), wanted, own, rows[marked]) if marked < len(rows) else Reason("")
    fact = f": {known.fact}" if known.fact else ""
    lines = [f"the parameters don't fit{fact} (expected on the left, yours on the right):"]
    lines += _table(rows, marked, wanted, own)
    return "\n".join([*lines, CAUSE + known.cause] if known.cause else lines)


def split(message: str) -> tuple[str, str, str]:
    """The sentence, the table and the cause of a message that `misfit` has made; of any other the last two are ""."""
    first, *rows = message.split("\n")
    cause = rows.pop().removeprefix(CAUSE) if rows and rows[-1].startswith(CAUSE) else ""
    return first, "\n".join(rows), cause


def _shapes(tensors: Mapping[str, Tensor]) -> Shapes:
    return {name: tuple(value.shape) for name, value in tensors.items()}


def _share_names(wanted: Shapes, own: Shapes) -> bool:
    return 2 * sum(name in own for name in wanted) > len(wanted)


def _by_name(wanted: Shapes, own: Shapes) -> list[Row]:
    """The expected names in their order, and behind each those of the answer's own that follow it there."""
    rows: list[Row] = [(name, name if name in own else None) for name in wanted]
    before: Row | None = None
    for name in own:
        row: Row = (name if name in wanted else None, name)
        if row[0] is None:
            rows.insert(rows.index(before) + 1 if before else 0, row)
        before = row
    return rows


def _differ(wanted: Shapes, own: Shapes, one: str | None, other: str | None) -> bool:
    return one is None or other is None or wanted[one] != own[other]


def _table(rows: list[Row], marked: int, wanted: Shapes, own: Shapes) -> Iterator[str]:
    left = [f"{one} {wanted[one]}" if one is not None else "nothing" for one, _ in rows]
    right = [f"{other} {own[other]}" if other is not None else "nothing" for _, other in rows]
    start = max(0, min(marked - SHOWN_ROWS // 2, len(rows) - SHOWN_ROWS))
    end = min(start + SHOWN_ROWS, len(rows))
    width = max((len(one) for one in left[start:end]), default=0)
    if start:
        yield f"  … {start} rows that fit"
    for index in range(start, end):
        mark = "   ← first that differs" if index == marked else ""
        yield f"  {left[index]:<{width}}   {right[index]}{mark}"
    if end < len(rows):
        yield f"  … {len(rows) - end} more rows"


def _reason(module: nn.Module, wanted: Shapes, own: Shapes, row: Row) -> Reason:
    """What the first row that differs says."""
    one, other = row
    name = one or other or ""
    found = _of_a_list(module, wanted, own, name.partition(".")[0])
    if found is not None:
        return found
    part, _, kind = name.rpartition(".")
    if one is None or other is None:
        beside = wanted if one is None else own
        if part and not any(entry.startswith(f"{part}.") for entry in beside):
            return Reason(f"{part} has parameters, expected none" if one is None else f"{part} has no parameters")
        return _of_one_alone(part, kind, missing=other is None)
    if one != other:
        return Reason(f"yours has {other} {own[other]} where {one} {wanted[one]} was expected")
    return _of_shapes(module, name, wanted[name], own[name])


def _of_one_alone(part: str, kind: str, *, missing: bool) -> Reason:
    """A parameter that only one of the two sides has."""
    if kind == "bias" and missing:
        return Reason(
            f"{part or 'your answer'} has no bias, expected one",
            "bias=False, where it is made or in what it is made of.",
        )
    if kind == "bias":
        return Reason(
            f"{part or 'your answer'} has a bias, expected none",
            "layers have a bias unless bias=False tells them otherwise.",
        )
    if missing:
        return Reason(f"{part or 'your answer'} has no {kind}, expected one")
    return Reason(f"{part or 'your answer'} has a {kind}, expected none")


def _of_a_list(module: nn.Module, wanted: Shapes, own: Shapes, name: str) -> Reason | None:
    """What is wrong with a list of parts as a whole."""
    if not any(entry.startswith(f"{name}.") for entry in own):
        made = getattr(module, name, None)
        if isinstance(made, list | tuple | dict):
            kind = "nn.ModuleDict" if isinstance(made, dict) else "nn.ModuleList"
            return Reason(f"yours has no {name}", f"self.{name} is a plain {type(made).__name__}: make it an {kind}.")
        lacks = (
            f"{name} has no parts with parameters"
            if isinstance(made, nn.Module)
            else f"yours has no part called {name}"
        )
        return Reason(lacks) if _entries(wanted, name) else None
    ours, theirs = _entries(wanted, name), _entries(own, name)
    if len(ours) != len(theirs):
        return Reason(f"{name} has {_counted(len(theirs), 'part')}, expected {len(ours)}") if ours and theirs else None
    if ours != theirs and ours == theirs[::-1]:
        return Reason(f"{name} has its parts in reverse order", "the order in which the list is made.")
    return None


def _entries(shapes: Shapes, name: str) -> list[list[tuple[str, Shape]]]:
    """The parts of a list, each as its parameters' names and shapes; empty if they have no numbers."""
    found: dict[str, list[tuple[str, Shape]]] = {}
    for entry, shape in shapes.items():
        head, _, rest = entry.partition(".")
        number, _, inner = rest.partition(".")
        if head == name and number.isdigit():
            found.setdefault(number, []).append((inner, shape))
    return list(found.values())


def _of_shapes(module: nn.Module, name: str, wanted: Shape, got: Shape) -> Reason:
    """What a parameter of another shape says of its layer."""
    part, _, kind = name.rpartition(".")
    if kind != "weight" or len(wanted) != len(got) or len(wanted) < 3:
        return Reason(f"{name} has shape {got}, expected {wanted}")
    if wanted[2:] != got[2:]:
        return Reason(f"{part} has a kernel of {_times(got[2:])}, expected {_times(wanted[2:])}")
    channels = "its two numbers of channels are exchanged." if wanted[:2] == got[1::-1] else ""
    inward, outward = (0, 1) if isinstance(dict(module.named_modules()).get(part), TRANSPOSED) else (1, 0)
    said = []
    if wanted[inward] != got[inward]:
        said.append(f"takes {_counted(got[inward], 'channel')}, expected {wanted[inward]}")
    if wanted[outward] != got[outward]:
        said.append(f"gives {_counted(got[outward], 'channel')}, expected {wanted[outward]}")
    return Reason(f"{part} {' and '.join(said)}", channels)


def _times(kernel: Shape) -> str:
    return " × ".join(map(str, kernel))


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun if number == 1 else noun + 's'}"
