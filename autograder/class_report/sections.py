"""The parts of the page about exercises: how hard, which mistakes, how fast, and whether a check is in doubt."""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup

from autograder.class_report import parts
from autograder.class_report.collect import Person
from autograder.class_report.figures import TIERS, Doubt, Hardness, Mistake, Speed
from autograder.class_report.parts import Cell, Column, percent
from autograder.marks import Mark
from autograder.report.words import one_line, ratio

EXAMPLES = 5
TIER_COLOURS = dict(zip(TIERS, ("gold", "within", "over", "unsure", "untimed"), strict=True))


def hardness_section(found: Sequence[Hardness]) -> Markup:
    """The exercises, the hardest first."""
    columns = [
        Column("Exercise"),
        Column("Points", True),
        Column("Tried", True, "A solution was handed in"),
        Column("Solved", True, "All cases right, of those who tried"),
        Column("Mean of points, of all graded", True),
    ]
    rows = [
        (
            parts.code(item.asked.name),
            Cell(f"{item.asked.points:g}", item.asked.points),
            Cell(f"{item.tried} of {item.graded}", item.tried),
            parts.share_bar(item.solved / item.tried) if item.tried else Cell("–", -1.0),
            parts.share_bar(item.share),
        )
        for item in found
    ]
    says = "By the mean of points. Solved means right in all cases, be it fast enough or not."
    return parts.section("hardest", "Hardest exercises", parts.paragraph(says), parts.table("Exercises", columns, rows))


def mistakes_section(found: Sequence[Mistake]) -> Markup:
    """The named mistakes, the commonest first."""
    if not found:
        return parts.section("mistakes", "Named mistakes", parts.paragraph("No answer made a mistake that has a name."))
    columns = [
        Column("Mistake"),
        Column("Exercise"),
        Column("Students", True),
        Column("Of those who tried", True),
        Column("Who"),
    ]
    rows = [
        (
            item.name,
            parts.code(item.exercise.partition(".")[2]),
            len(item.students),
            Cell(percent(share := len(item.students) / max(1, item.tried)), share),
            parts.names(item.students),
        )
        for item in found
    ]
    says = "Mistakes that explain every failing case of an answer, the commonest first: what to go through in class."
    return parts.section("mistakes", "Named mistakes", parts.paragraph(says), parts.table("Mistakes", columns, rows))


def speed_section(found: Sequence[Speed]) -> Markup:
    """The right answers by tier."""
    if not found:
        return parts.section("speed", "Speed", parts.paragraph("No exercise of this lesson has a speed budget."))
    columns = [Column("Exercise"), Column("Right answers")]
    columns += [Column(name.capitalize(), True) for name in TIERS]
    columns += [Column("Median", True, "of the ratio to the baseline"), Column("Limit", True)]
    says = (
        "Right answers by tier. Over also counts answers that take too much memory. Inconclusive ones were measured on "
        "a busy machine and cost no points; grade them again when it is quiet."
    )
    key = parts.joined(Markup('<span><b class="{}"></b>{}</span>').format(TIER_COLOURS[name], name) for name in TIERS)
    table = parts.table("Speed", columns, [_speed_row(item) for item in found])
    return parts.section(
        "speed", "Speed", parts.paragraph(says), Markup('<div class="key tools">{}</div>').format(key), table
    )


def _speed_row(item: Speed) -> tuple[Cell | Markup, ...]:
    counts = [item.counts.get(name, 0) for name in TIERS]
    pieces = parts.joined(
        Markup('<i class="{}" style="flex:{}"></i>').format(TIER_COLOURS[name], count)
        for name, count in zip(TIERS, counts, strict=True)
        if count
    )
    bar = Markup('<span class="stack" aria-hidden="true">{}</span>').format(pieces)
    numbers = [Cell(count) for count in counts]
    ends = [
        Cell("–" if math.isnan(value) else f"{ratio(value)} ×", -1.0 if math.isnan(value) else value)
        for value in (item.ratio, item.limit)
    ]
    return (parts.code(item.asked.name), Cell(bar, sum(counts)), *numbers, *ends)


def doubts_section(found: Sequence[Doubt]) -> Markup:
    """Exercises whose check may be at fault."""
    title = "Checks that may be at fault"
    if not found:
        return parts.section("doubts", title, parts.paragraph("None: nothing in the marks points at a wrong check."))
    says = "Look at these before marks are given out. Being listed is a reason to look, not a finding."
    return parts.section("doubts", title, parts.paragraph(says), *map(_doubt, found))


def _doubt(item: Doubt) -> Markup:
    rows = [_example(person, mark) for person, mark in item.examples[:EXAMPLES]]
    more = len(item.examples) - len(rows)
    every = parts.folded(f"{more} more", parts.paragraph(", ".join(p.id for p, _ in item.examples[EXAMPLES:])))
    return parts.joined(
        [
            Markup("<h3>{}</h3>").format(parts.code(item.exercise)),
            parts.paragraph(item.why),
            parts.paragraph(Markup("<strong>Look at:</strong> {}").format(item.look)),
            parts.bullets(rows),
            every if more > 0 else "",
        ]
    )


def _example(person: Person, mark: Mark) -> Markup:
    says = f": {one_line(mark.problem, 160)}" if mark.problem else ""
    return Markup("{}, seed {}{}").format(person.id, mark.seed, says)


def attention(items: Sequence[Markup]) -> Markup:
    """What to look at first, on top of the page."""
    if not items:
        fine = parts.paragraph("Everything handed in is graded, and nothing needs a second look.")
        return Markup('<aside class="first fine" aria-label="In short">{}</aside>').format(fine)
    return Markup('<aside class="first" aria-labelledby="first"><h2 id="first">Look at first</h2>{}</aside>').format(
        parts.bullets(items)
    )
