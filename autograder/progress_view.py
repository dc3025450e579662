"""Progress to look at: a bar of squares per lesson, one square an exercise."""

from __future__ import annotations

from html import escape

from autograder import registry
from autograder.progress import Progress, Standing

SIGNS = {"solved": "✓", "tried": "…", "new": "·"}
LIST = "display:flex;flex-wrap:wrap;gap:4px;list-style:none;padding:0;margin:4px 0"
COLOURS = {"solved": "#1b7f4d", "gold": "#b8860b", "tried": "#8a6d3b", "new": "transparent"}


def _rows(record: Progress, lesson: str) -> list[Standing]:
    ids = [exercise.id for exercise in registry.exercises(lesson)]
    return list(record.standings(ids).values())


def _summary(record: Progress, lesson: str, rows: list[Standing]) -> str:
    solved = sum(row.status == "solved" for row in rows)
    gold = sum(row.tier == "gold" for row in rows)
    hints = sum(row.hints for row in rows)
    minutes = record.seconds(lesson) / 60
    return f"{solved} of {len(rows)} solved, {gold} gold, {hints} hints, {minutes:.0f} minutes"


def text(record: Progress, lessons: list[str]) -> str:
    """The progress as lines of text."""
    lines = []
    for lesson in lessons:
        rows = _rows(record, lesson)
        lines.append(f"{lesson}: {_summary(record, lesson, rows)}")
        for row in rows:
            gold = " gold" if row.tier == "gold" else ""
            used = f"  hints {row.hints}" if row.hints else ""
            tried = f"  checks {row.checks}" if row.checks else ""
            lines.append(
                f"  {SIGNS[row.status]} {row.id.partition('.')[2]:24}{row.points:4g} points{gold}{used}{tried}"
            )
    return "\n".join(lines)


def html(record: Progress, lessons: list[str]) -> str:
    """The progress as squares: ✓ solved, ★ gold, … tried, empty new; each names its exercise."""
    parts = []
    for lesson in lessons:
        rows = _rows(record, lesson)
        squares = "".join(_square(row) for row in rows)
        parts.append(
            f'<div style="margin:0.4em 0"><strong>{escape(lesson)}</strong> '
            f"{escape(_summary(record, lesson, rows))}"
            f'<ul style="{LIST}">{squares}</ul></div>'
        )
    return "".join(parts)


def _square(row: Standing) -> str:
    gold = row.tier == "gold"
    colour = COLOURS["gold" if gold else row.status]
    ink = "inherit" if row.status == "new" else "#fff"
    sign = "★" if gold else SIGNS[row.status]
    name = row.id.partition(".")[2]
    label = f"{name}: {'gold' if gold else row.status}, {row.points:g} points, {row.hints} hints"
    style = (
        f"background:{colour};color:{ink};border:1px solid var(--jp-border-color1,#888);border-radius:4px;"
        "padding:2px 6px;font-size:0.85em"
    )
    return f'<li style="{style}" title="{escape(label)}" aria-label="{escape(label)}">{sign} {escape(name)}</li>'
