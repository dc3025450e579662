"""What an answer may borrow from `mine` while it is graded, beyond what its exercise needs.

`from mine.warmup import batches` works at home for everything that comes before, so it must work here. What the
notebook itself defines is the student's own and stays so; what it doesn't hold is lent from the references, unless
the reference is built on the very exercise, which would hand its answer over.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from autograder import references, registry
from autograder.slicing import LIBRARY, Cell
from autograder.spec import Exercise


def lent(exercise: Exercise, cells: Sequence[Cell]) -> tuple[str, ...]:
    """The ids of exercises whose references are lent: named in the cells, but neither needed nor defined there.

    The cells are only searched: nothing of them is parsed or run here.
    """
    text = "\n".join(cell.source for cell in cells)
    if not re.search(rf"\b{LIBRARY}\b", text):
        return ()
    named = set(re.findall(r"\w+", text))
    defined = set(re.findall(r"^[ \t]*(?:(?:async[ \t]+)?def|class)[ \t]+(\w+)", text, re.MULTILINE))
    defined |= set(re.findall(r"^(\w+)[ \t]*(?::[^=\n]+)?=[^=]", text, re.MULTILINE))
    return tuple(item for item in _lendable(exercise.id) if item.partition(".")[2] in named - defined)


@cache
def _lendable(exercise_id: str) -> tuple[str, ...]:
    exercise = registry.find(exercise_id)
    course = [item for lesson in sorted(registry.lessons(), key=registry.number) for item in registry.exercises(lesson)]
    # What comes later may hold the answer without naming it: `leaky_relu` that of `relu`.
    earlier = course[: [item.id for item in course].index(exercise_id)]
    return tuple(item.id for item in earlier if item.id not in exercise.needs and not _contains(item, exercise))


def _contains(other: Exercise, exercise: Exercise) -> bool:
    """Whether the reference of `other` holds that of `exercise`, or there is none to lend."""
    try:
        return re.search(rf"\b{exercise.name}\b", references.standalone(other.lesson, other.name)) is not None
    except LookupError:
        return True
