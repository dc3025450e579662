"""The generated import lines: a notebook's first cell, and `from mine.…` at the head of others."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterable, Iterator

from autograder.weave.source import Import

LESSON_NAMES = ("LiveCurve", "case", "check", "compare", "hint", "progress", "reveal", "start")

BASE = (
    Import("math", "", ""),
    Import("matplotlib.pyplot", "", "plt"),
    Import("numpy", "", "np"),
    Import("torch", "", ""),
    Import("torch.nn.functional", "", "F"),
    Import("torch", "Tensor", ""),
    Import("torch", "nn", ""),
    Import("tqdm.auto", "tqdm", ""),
    Import("p2v_data", "", ""),
    *(Import("autograder.lesson", name, "") for name in LESSON_NAMES),
)
DEVICE = "device"  # assigned in the import cell: the device of this notebook
OURS = ("autograder", "p2v_data")
WIDTH = 100


def import_cell(imports: Iterable[Import], module: str) -> str:
    """The first code cell of a notebook; `imports` beyond the base are those of the definitions it shows."""
    wanted = sorted(set(imports) | set(BASE), key=_order)
    groups = [list(group) for _, group in itertools.groupby(wanted, key=lambda item: _order(item)[0])]
    text = "\n\n".join("\n".join(_lines(group)) for group in groups)
    return f'{text}\n\n{DEVICE} = p2v_data.device()\nstart("{module}")'


def mine_lines(ids: Iterable[str]) -> str:
    """`from mine.lenet import conv2d, pad2d`, one statement per lesson; "" where there are no ids."""
    by_lesson: dict[str, list[str]] = {}
    for id in sorted(set(ids)):
        lesson, _, name = id.partition(".")
        by_lesson.setdefault(lesson, []).append(name)
    return "\n".join(_from(f"mine.{lesson}", names) for lesson, names in by_lesson.items())


def _order(item: Import) -> tuple[int, bool, str, str]:
    top = item.module.partition(".")[0]
    group = 0 if top in sys.stdlib_module_names else 2 if top in OURS else 1
    return group, bool(item.name), item.module, item.name


def _lines(group: list[Import]) -> Iterator[str]:
    plain = [item for item in group if not item.name]
    yield from (f"import {item.clause}" for item in plain)
    for module, items in itertools.groupby([item for item in group if item.name], key=lambda item: item.module):
        yield _from(module, [item.clause for item in items])


def _from(module: str, clauses: list[str]) -> str:
    line = f"from {module} import {', '.join(clauses)}"
    if len(line) <= WIDTH:
        return line
    rows, row = [], ""
    for clause in clauses:
        if len(row) + len(clause) > WIDTH - 6:
            rows.append(row.rstrip())
            row = ""
        row += f"{clause}, "
    rows.append(row.rstrip())
    return "\n".join([f"from {module} import (", *(f"    {text}" for text in rows), ")"])
