"""Measurements as tables and as JSON, and the command that makes them."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from autograder import machine
from autograder.bench import grading, judge_alone, meter, submissions
from autograder.bench.grading import Row, Target, Wishes
from autograder.bench.judge_alone import Spent
from autograder.marks import judge_version, now
from autograder.sandbox import protections
from autograder.timing import one_thread
from p2v_data import UserError


def main(lesson: str, wishes: Wishes, *, judge_only: bool, as_json: bool) -> int:
    """Measures and prints; 1 if a target was missed."""
    refusal = protections.refusal()
    if refusal:
        raise UserError(refusal)
    found = submissions.lesson(lesson)
    with one_thread():
        alone = list(judge_alone.measured(found))
    rows = [] if judge_only else list(grading.measured(found, wishes, _say))
    gain = meter.gain(max(wishes.workers)) if rows and max(wishes.workers) > 1 else 1.0
    aims = grading.targets(rows, wishes.large, gain)
    if as_json:
        print(json.dumps({**content(rows, aims, alone), "processes at once": gain}, indent=1))
    else:
        show(rows, aims, alone)
    return int(not all(aim.reached for aim in aims))


def content(rows: Sequence[Row], aims: Sequence[Target], alone: Sequence[Spent]) -> dict[str, Any]:
    """All that was measured, as plain values."""
    return {
        "when": now(),
        "machine": machine.described(),
        "judge": judge_version(),
        "mix": {kind: 1 / len(submissions.KINDS) for kind in submissions.KINDS},
        "grading": [
            {**asdict(row), "seconds": row.seconds, "cpu": row.cpu, "spread": row.spread, "peak": row.peak}
            for row in rows
        ],
        "targets": [{**asdict(aim), "reached": aim.reached} for aim in aims],
        "judge alone": [asdict(spent) for spent in alone],
    }


def show(rows: Sequence[Row], aims: Sequence[Target], alone: Sequence[Spent]) -> None:
    """Prints the tables, with what they rest on."""
    console = Console()
    console.print(_alone(alone))
    if rows:
        console.print(_costs(rows))
        console.print(_targets(aims))
        kinds = ", ".join(submissions.KINDS)
        console.print(
            f"As many submissions of each kind: {kinds}. nbgrader grades fewer of them than ours. What a large class "
            "takes lies on the line through a small class and the largest. Times are from the start of the command to "
            "the marks in the gradebook. Memory is the most of all processes together, looked at every three seconds."
        )
    console.print(f"{machine.described()}; {now()}")


def _costs(rows: Sequence[Row]) -> Table:
    headings = ("how", "workers", "submissions", "s each", "quickest – slowest", "CPU s each", "memory")
    table = _table("Grading", *headings)
    for row in rows:
        low, high = row.spread
        spread = f"{low:.2f} – {high:.2f}" if len(row.costs) > 1 else "one run"
        numbers = (f"{row.seconds:.2f}", spread, f"{row.cpu:.2f}", f"{row.peak / 2**30:.1f} GiB")
        table.add_row(row.name, str(row.workers or "–"), str(row.submissions), *numbers)
    return table


def _targets(aims: Sequence[Target]) -> Table:
    table = _table("Targets", "what", "wanted", "found", "reached")
    for aim in aims:
        wanted = f"{'≥' if aim.at_least else '≤'} {aim.wanted:g} {aim.unit}"
        found = f"{aim.found:.1f} {aim.unit}{' (extrapolated)' if aim.extrapolated else ''}"
        table.add_row(aim.what, wanted, found, "yes" if aim.reached else "no")
    return table


def _alone(alone: Sequence[Spent]) -> Table:
    parts = {"first": "first time", "correctness": "correctness", "start": "its start", "timing": "timing"}
    table = _table("The judge alone: ms for one right answer", "exercise", *parts.values(), "status")
    for spent in alone:
        table.add_row(spent.exercise, *(f"{1e3 * getattr(spent, part):,.0f}" for part in parts), spent.status)
    sums = (sum(getattr(spent, part) for spent in alone) for part in parts)
    table.add_row("all", *(f"{1e3 * seconds:,.0f}" for seconds in sums), "")
    return table


def _table(title: str, *headings: str) -> Table:
    table = Table(title=title, title_justify="left")
    for heading in headings:
        words = heading in ("how", "what", "exercise", "status", "reached")
        table.add_column(heading, justify="left" if words else "right")
    return table


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)
