"""Says what the judge found, to the student: a screenful in a terminal, the same with pictures in a notebook.

`content` turns a verdict into parts once; `text` and `html` show the same parts. Pure: no clock, no files, no notebook.
"""

from __future__ import annotations

from collections.abc import Sequence

from autograder.report import as_html, as_text
from autograder.report.content import content, hint_text
from autograder.report.headline import headline
from autograder.report.hidden import concealed
from autograder.report.parts import SYMBOLS
from autograder.report.words import describe
from autograder.spec import Exercise, Verdict

__all__ = ["content", "describe", "hint_text", "html", "one_line", "text"]


def text(
    verdict: Verdict, exercise: Exercise, *, width: int = 118, saved: bool = False, notes: Sequence[str] = ()
) -> str:
    """The report as plain text of at most 24 lines of `width` characters.

    saved: the answer has joined the student's own library. notes: further sentences from whoever ran the check.
    """
    return as_text.render(content(verdict, exercise, saved=saved, notes=notes), width)


def html(verdict: Verdict, exercise: Exercise, *, saved: bool = False, notes: Sequence[str] = ()) -> str:
    """The same report as a piece of HTML; text that comes from the student is escaped."""
    return as_html.render(content(verdict, exercise, saved=saved, notes=notes))


def one_line(verdict: Verdict) -> str:
    """The verdict on one line, for lists: "✓ lenet.conv2d    accepted, 5 of 5 points"."""
    head = headline(concealed(verdict))
    return f"{SYMBOLS[head.tone]} {head.name}    {head.says}"
