"""Defines an answer from a notebook's cells, in whatever process it is to run."""

from __future__ import annotations

import linecache
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import ModuleType
from typing import Any

from autograder import failures
from autograder.forbid import find_in_source
from autograder.slicing import Cell, Statement, first_line, needed
from autograder.spec import Failure


def define(name: str, cells: Sequence[Cell], needs: Mapping[str, str], forbidden: Sequence[str]) -> Any:
    """Runs what the definition of `name` needs, and nothing else; gives the answer, or a Failure.

    needs: the lessons by the names that are had from `mine`. forbidden: dotted names that the source may not use.
    """
    chosen = needed(cells, name, given=needs)
    if not chosen:
        return Failure("missing", f"no cell defines {name}")
    hit = forbidden_in(chosen, forbidden)
    if hit is not None:
        return hit
    module = ModuleType("__main__")  # as in a notebook
    sys.modules["answer"] = sys.modules["__main__"] = module
    try:
        for need, lesson in needs.items():
            setattr(module, need, getattr(__import__(f"mine.{lesson}", fromlist=[need]), need))
        for item in chosen:
            _execute(item, module)
    except (Exception, SystemExit, failures.ForbiddenCall) as error:
        return failures.of_exception(error)
    answer = getattr(module, name, None)
    return answer if callable(answer) else Failure("missing", f"{name} is not a function or class")


def forbidden_in(found: Sequence[Statement], forbidden: Sequence[str]) -> Failure | None:
    """The first forbidden name that the statements use, with its line."""
    for item in found:
        hit = find_in_source(item.text, forbidden, item.cell.place)
        if hit is not None:
            line = replace(hit[1], number=hit[1].number + first_line(item.node) - 1)
            return Failure("forbidden", hit[0], (line,))
    return None


def _execute(item: Statement, module: ModuleType) -> None:
    filename = f"<{item.cell.place}>"
    linecache.cache[filename] = (len(item.cell.source), None, item.cell.source.splitlines(keepends=True), filename)
    text = "\n" * (first_line(item.node) - 1) + item.text
    exec(compile(text, filename, "exec"), module.__dict__)
