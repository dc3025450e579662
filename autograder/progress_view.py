"""Progress to look at: a bar of squares per lesson, one square an exercise, in the order of the course."""

from __future__ import annotations

import json
from functools import cache
from html import escape

from autograder import home, registry
from autograder.progress import Progress, Standing
from autograder.report.words import counted

SIGNS = {"solved": "✓", "gold": "★", "tried": "…", "new": "·"}
LIST = "display:flex;flex-wrap:wrap;gap:4px;list-style:none;padding:0;margin:4px 0"
COLOURS = {  # paper and ink
    "solved": ("#1b7f4d", "#fff"),
    "gold": ("#e3b21f", "#222"),
    "tried": ("#2f6fab", "#fff"),
    "new": ("transparent", "inherit"),
}


@cache
def _places() -> dict[str, int]:
    """Where in the course each exercise stands, found by its check cell; empty if the course isn't at hand."""
    places: dict[str, int] = {}
    try:
        notebooks = sorted(home.find_course().glob("*/*.ipynb"))
    except home.CourseNotFoundError:
        return places
    for path in notebooks:
        try:
            cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        except (OSError, ValueError, KeyError):
            continue
        for cell in cells:
            name = cell["metadata"].get("nbgrader", {}).get("grade_id", "")
            if name.startswith("check-"):
                places.setdefault(name.removeprefix("check-").replace("-", ".", 1), len(places))
    return places


def _ids(lesson: str) -> list[str]:
    """A lesson's exercises, those that the course doesn't show last."""
    places = _places()
    return sorted((exercise.id for exercise in registry.exercises(lesson)), key=lambda id: places.get(id, len(places)))


def _in_order(lessons: list[str]) -> list[str]:
    places = _places()
    return sorted(lessons, key=lambda lesson: min((places.get(id, len(places)) for id in _ids(lesson)), default=0))


def _rows(record: Progress, lesson: str) -> list[Standing]:
    return list(record.standings(_ids(lesson)).values())


def _summary(record: Progress, lesson: str, rows: list[Standing]) -> str:
    solved = sum(row.status == "solved" for row in rows)
    gold = sum(row.tier == "gold" for row in rows)
    hints = counted(sum(row.hints for row in rows), "hint")
    minutes = counted(round(record.seconds(lesson) / 60), "minute")
    return f"{solved} of {len(rows)} solved, {gold} gold, {hints}, {minutes}"


def text(record: Progress, lessons: list[str]) -> str:
    """The progress as lines of text."""
    lines = []
    for lesson in _in_order(lessons):
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
    for lesson in _in_order(lessons):
        rows = _rows(record, lesson)
        squares = "".join(_square(row) for row in rows)
        parts.append(
            f'<div style="margin:0.4em 0"><strong>{escape(lesson)}</strong> '
            f"{escape(_summary(record, lesson, rows))}"
            f'<ul style="{LIST}">{squares}</ul></div>'
        )
    key = f"{SIGNS['solved']} solved, {SIGNS['gold']} solved and fast, {SIGNS['tried']} tried, {SIGNS['new']} to do"
    return "".join(parts) + f'<small style="opacity:0.8">{key}</small>'


def _square(row: Standing) -> str:
    state = "gold" if row.tier == "gold" else row.status
    paper, ink = COLOURS[state]
    name = row.id.partition(".")[2]
    label = escape(f"{name}: {state}, {row.points:g} points, {counted(row.hints, 'hint')}")
    style = (
        f"background:{paper};color:{ink};border:1px solid var(--jp-border-color1,#888);border-radius:4px;"
        "padding:2px 6px;font-size:0.85em"
    )
    return f'<li style="{style}" title="{label}" aria-label="{label}">{SIGNS[state]} {escape(name)}</li>'
