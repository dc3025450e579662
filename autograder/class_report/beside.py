"""Two answers side by side, with the lines marked that say the same whatever the variables are called."""

from __future__ import annotations

import ast
import keyword
import re
from dataclasses import dataclass

from markupsafe import Markup

from autograder.class_report.own import KEPT_NAMES, Answer
from autograder.class_report.parts import joined
from autograder.report.words import clean

LONGEST = 120  # lines
SHORTEST = 6  # characters, in a line that is worth marking
_NAME = re.compile(r"(?<![.\w])[^\W\d]\w*")


@dataclass(frozen=True)
class _Line:
    """A line of code. head: it belongs to a function's signature, which the stub gives."""

    text: str
    head: bool


def beside(one: Answer, other: Answer) -> Markup:
    """The two answers, each in a block that can be scrolled by keyboard."""
    left, right = (_without_docstrings(item.text) for item in (one, other))
    first, second = ({_bare(line.text) for line in lines if not line.head} for lines in (left, right))
    blocks = _block(one, left, second), _block(other, right, first)
    return Markup('<div class="pair">{}{}</div>').format(*blocks)


def _without_docstrings(text: str) -> list[_Line]:
    """The lines of some definitions without their descriptions, which the stub gives."""
    lines = text.split("\n")
    left_out, heads = set[int](), set[int]()
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # statements that shared a line
        return [_Line(line, head=False) for line in lines]
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            said = node.body[0]
            heads.update(range(node.lineno, said.lineno))
            if ast.get_docstring(node, clean=False) is not None:
                left_out.update(range(said.lineno, (said.end_lineno or said.lineno) + 1))
    return [_Line(line, place in heads) for place, line in enumerate(lines, 1) if place not in left_out]


def _block(answer: Answer, lines: list[_Line], others: set[str]) -> Markup:
    shown = joined((_shown(line, others) for line in lines[:LONGEST]), "\n")
    if len(lines) > LONGEST:
        shown += f"\n… and {len(lines) - LONGEST} more lines"
    return Markup(
        '<div><h4>{who}</h4><pre tabindex="0" role="group" aria-label="Answer of {who}">{text}</pre></div>'
    ).format(who=answer.student, text=shown)


def _shown(line: _Line, others: set[str]) -> Markup:
    bare = _bare(line.text)
    alike = not line.head and len(bare) >= SHORTEST and bare in others
    return (Markup("<mark>{}</mark>") if alike else Markup("{}")).format(clean(line.text, 200))


def _bare(line: str) -> str:
    """A line without its comment, its blanks, its kind of quotes, and the names that a student chose."""
    text = _NAME.sub(lambda found: found[0] if _is_known(found[0]) else "v", line.partition("#")[0])
    return re.sub(r"\s+", "", text).replace("'", '"')


def _is_known(name: str) -> bool:
    return keyword.iskeyword(name) or name in KEPT_NAMES
