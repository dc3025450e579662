"""What an instructor sees when a class has been graded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from autograder.marks import FAULT, Mark, Sheet
from autograder.report.words import counted

if TYPE_CHECKING:
    from autograder.class_grading import Result

MOST_ROWS, MOST_NAMES, MOST_LETTERS = 60, 10, 300
WIDTH = 100  # columns, where nobody looks at a terminal
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "right": ("accepted", "right"),
    "slow": ("slow",),
    "not yet": ("not yet", "forbidden"),
    "unsolved": ("unsolved", "missing"),
}


def show(result: Result, sheets: Sequence[Sheet]) -> None:
    """Prints a table of the class, then what asks for an instructor's look."""
    console = Console(soft_wrap=False)
    if not console.is_terminal:
        console = Console(width=WIDTH)
    console.print(_table(result, sheets))
    for line in _remarks(result, sheets):
        console.print(escape(line), highlight=False, soft_wrap=True)


def _table(result: Result, sheets: Sequence[Sheet]) -> Table:
    table = Table(title=f"{result.lesson}, seed {result.seed}")
    table.add_column("student")
    for name in ("points", *COLUMNS):
        table.add_column(name, justify="right")
    table.add_column("remarks")
    for student in result.students[:MOST_ROWS]:
        own = [sheet for sheet in sheets if sheet.student == student]
        found = [mark for sheet in own for mark in sheet.marks.values()]
        table.add_row(escape(student), *_counts(found), escape(_remark(student, found, own, result)))
    return table


def _counts(found: Sequence[Mark]) -> list[str]:
    points, most = sum(mark.points for mark in found), sum(mark.max_points for mark in found)
    counted = [sum(mark.status in kinds for mark in found) for kinds in COLUMNS.values()]
    return [f"{points:g} of {most:g}", *(str(number) if number else "" for number in counted)]


def _remark(student: str, found: Sequence[Mark], own: Sequence[Sheet], result: Result) -> str:
    faults = sum(mark.status == FAULT for mark in found)
    remarks = [f"{faults} not judged"] if faults else []
    if student in result.not_entered:
        remarks.append("not in the gradebook")
    notes = sum(len(sheet.notes) for sheet in own)
    if notes:
        remarks.append(f"{notes} notes on the files" if notes > 1 else "a note on a file")
    return ", ".join(remarks)


def _remarks(result: Result, sheets: Sequence[Sheet]) -> list[str]:
    lines = []
    left_out = len(result.students) - MOST_ROWS
    if left_out > 0:
        lines.append(f"… and {left_out} more.")
    lines.append(f"{result.judged} answers judged now, {sum(len(sheet.marks) for sheet in sheets)} marks in all.")
    if result.waiting:
        lines.append(
            "Left to the second pass, which judges speed and long trainings: "
            f"{counted(result.waiting, 'answer')}. To go on: p2v grade {result.lesson}"
        )
    if result.absent:
        lines.append(f"Nothing handed in: {_named(result.absent)}.")
    reasons: dict[str, list[str]] = {}
    for (student, exercise), why in result.faults.items():
        reasons.setdefault(why.splitlines()[0][:MOST_LETTERS], []).append(f"{student} {exercise}")
    for why, places in reasons.items():
        lines.append(f"Not judged, which counts 0 until you have looked at it: {_named(places)}. Reason: {why}")
    for student, why in result.not_entered.items():
        lines.append(f"Look at {student}: nbgrader didn't take the marks ({why}).")
    return lines


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return f"{', '.join(names[:MOST_NAMES])}{more}"
