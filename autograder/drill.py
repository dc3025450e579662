"""Asks the lessons' interview questions in a terminal, one after the other; keeps nothing."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from autograder.interview import Question, in_sections
from autograder.report.words import counted

SEEN_ALONE = ("Key points", "Common wrong answers")


def drill(
    questions: Sequence[Question], *, seed: int | None, ask: Callable[[str], str], say: Callable[[str], None]
) -> int:
    """Shows each question, waits, then shows its key points and common wrong answers. Returns how many were shown.

    seed: of the order; None draws one. ask: shows a prompt and waits for a line, as `input` does; "q", the end of the
    input and Ctrl-C end the drill.
    """
    order = random.Random(seed).sample(questions, len(questions))
    for number, item in enumerate(order, start=1):
        say(f"\n{number} of {len(order)} · {item.id} · {counted(item.points, 'point')}\n\n{item.text}\n")
        if not _goes_on(ask, say, "Answer aloud, then press Enter (q ends) "):
            return number - 1
        say(f"\n{in_sections(item, SEEN_ALONE)}\n")
        if number < len(order) and not _goes_on(ask, say, "Enter for the next one (q ends) "):
            return number
    return len(order)


def listing(questions: Sequence[Question]) -> str:
    """A line for each question: its id, its points, its title."""
    width = max((len(item.id) for item in questions), default=0)
    return "\n".join(f"{item.id:{width}}  {counted(item.points, 'point'):>9}  {item.title}" for item in questions)


def _goes_on(ask: Callable[[str], str], say: Callable[[str], None], prompt: str) -> bool:
    try:
        return ask(prompt).strip().lower() not in ("q", "quit")
    except (EOFError, KeyboardInterrupt):
        say("")
        return False
