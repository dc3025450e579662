"""The page as a whole: what to look at first on top, then marks, exercises, answers and the record of grading."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from statistics import fmean, median

from markupsafe import Markup

from autograder.class_report import figures, parts, record, sections
from autograder.class_report.collect import Facts
from autograder.class_report.marks_table import distribution_section, marks_section
from autograder.class_report.similarity import Similarity
from autograder.class_report.style import CSS, SCRIPT
from autograder.marks import now
from autograder.report.words import counted

PLACES = {
    "marks": "Marks",
    "distribution": "Distribution",
    "hardest": "Hardest exercises",
    "mistakes": "Named mistakes",
    "speed": "Speed",
    "doubts": "Checks in doubt",
    "similar": "Similar answers",
    "files": "Files",
    "judged": "How it was graded",
    "changes": "Changes",
}
PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
content="default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{hash}'">
<meta name="robots" content="noindex"><title>{lesson}: class report</title><style>{css}</style></head>
<body><header><h1>Class report: {lesson}</h1>
<p class="soft">Written {when}. It names students and shows their code: for those who teach this class only.</p>
{tiles}{first}</header><nav aria-label="On this page">{places}</nav><main>
{body}
</main><script>{script}</script></body></html>
"""


def page(facts: Facts, alike: Similarity) -> str:
    """The whole report as one HTML file that fetches nothing."""
    doubts, changes, ways = figures.doubts(facts), figures.changes(facts), figures.judged(facts)
    body = [
        marks_section(facts),
        distribution_section(facts),
        sections.hardness_section(figures.hardness(facts)),
        sections.mistakes_section(figures.mistakes(facts)),
        sections.speed_section(figures.speeds(facts)),
        sections.doubts_section(doubts),
        record.similar_section(alike),
        record.files_section(facts),
        record.judged_section(facts, ways),
        record.history_section(changes),
    ]
    first = sections.attention(list(_first(facts, doubts, ways, alike)))
    return Markup(PAGE).format(
        hash=base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode(),
        lesson=facts.lesson,
        css=Markup(CSS),
        when=now()[:16].replace("T", " ") + " UTC",
        tiles=_tiles(facts),
        first=first,
        places=parts.bullets(parts.link(place, title) for place, title in PLACES.items()),
        body=parts.joined(body, "\n"),
        script=Markup(SCRIPT),
    )


def _tiles(facts: Facts) -> Markup:
    shares = [facts.share(person) for person in facts.graded]
    full = sum(share >= 1.0 - 1e-9 for share in shares)
    items = [
        ("students graded", f"{len(facts.graded)} of {len(facts.people)}"),
        ("exercises", str(len(facts.asked))),
        ("points to get", f"{facts.points:g}"),
        ("mean", parts.percent(fmean(shares))),
        ("median", parts.percent(median(shares))),
        ("with all points", str(full)),
    ]
    return Markup('<dl class="tiles">{}</dl>').format(
        parts.joined(Markup("<div><dt>{}</dt><dd>{}</dd></div>").format(what, value) for what, value in items)
    )


def _first(
    facts: Facts, doubts: Sequence[figures.Doubt], ways: Sequence[figures.Judged], alike: Similarity
) -> Iterator[Markup]:
    """What should be looked at before marks are given out, a sentence each."""
    if doubts:
        names = ", ".join(dict.fromkeys(item.exercise.partition(".")[2] for item in doubts))
        yield _point("doubts", "A check may be at fault", f"in {names}.")
    waiting = sum(bool(record.unseen_notebooks(person)) for person in facts.people)
    if waiting:
        yield _point("files", "Not graded yet:", f"work of {counted(waiting, 'student')}.")
    noted = sum(any(sheet.notes for sheet in person.sheets) for person in facts.people)
    if noted:
        yield _point("files", "Something was wrong with files", f"of {counted(noted, 'student')}; notes say what.")
    yield from _about_ways(ways)
    if alike.groups:
        most = max(len(group.pairs) for group in alike.groups)
        says = f"in {counted(len(alike.groups), 'group')} of students, in up to {counted(most, 'exercise')}."
        yield _point("similar", "Answers are alike", says)
    by_hand = sum(person.by_hand.waiting for person in facts.people)
    if by_hand:
        yield Markup("{} to mark by hand: {}").format(
            counted(by_hand, "answer is" if by_hand == 1 else "answer"), parts.code("nbgrader formgrader")
        )


def _about_ways(ways: Sequence[figures.Judged]) -> Iterator[Markup]:
    trusted = sum(item.marks for item in ways if not item.sandboxed)
    if trusted:
        says = f"made {counted(trusted, 'mark')}: the code was trusted, so these could have been forged."
        yield _point("judged", "Grading without a sandbox", says)
    old = sum(item.marks for item in ways if not item.current)
    if old:
        says = f"made {counted(old, 'mark')}; grading again brings all to the same."
        yield _point("judged", "Another version of the check or the judge", says)
    untimed = sum(item.marks for item in ways if not item.timed)
    if untimed:
        yield _point("judged", "Speed was not judged", f"for {counted(untimed, 'mark')}.")


def _point(anchor: str, title: str, says: str) -> Markup:
    return Markup("{} {}").format(parts.link(anchor, title), says)
