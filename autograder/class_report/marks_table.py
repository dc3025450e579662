"""Everybody's marks in one table, coloured, and how they are distributed."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import fmean, median, quantiles

from markupsafe import Markup, escape

from autograder.class_report import parts
from autograder.class_report.collect import NOT_TRIED, Asked, Facts, Person
from autograder.class_report.parts import Cell, percent
from autograder.marks import Mark
from autograder.report.words import one_line

BINS = 10
STATUSES = {
    "accepted": "accepted",
    "right": "right, speed not judged",
    "slow": "right, over its budget",
    "not yet": "not right yet",
    "forbidden": "not from scratch",
    "unsolved": "not solved",
    "missing": "no answer found",
    "fault": "the grading program failed",
}


def marks_section(facts: Facts) -> Markup:
    """The table with its key, a field to find a student, and a line that says why."""
    tools = Markup(
        '<div class="tools"><label>Find a student <input type="search" id="find" autocomplete="off"></label>{}</div>'
    ).format(_key())
    how = (
        "Points by student and exercise. Click a heading to sort; click a cell, or walk with the arrow keys, to read "
        "why it has these points."
    )
    said = Markup('<output id="why" aria-live="polite"></output>')
    return parts.section("marks", "Marks", parts.paragraph(how), tools, said, _table(facts))


def _key() -> Markup:
    words = ("0", "under ¼", "under ½", "under ¾", "less than all", "all points")
    items = [Markup('<span><b class="h{}"></b>{}</span>').format(level, text) for level, text in enumerate(words)]
    rest = Markup('<span><b class="none"></b>– not graded, · not solved</span><span>✎ by hand</span>')
    return Markup('<div class="key">{}{}</div>').format(parts.joined(items), rest)


def _table(facts: Facts) -> Markup:
    hand = [person for person in facts.people if _extra(person)]
    heads = [("Student", ""), ("Points", "sum number"), ("Share", "sum number")]
    heads += [(item.name, "turned number") for item in facts.asked]
    heads += [("Questions", "sum number"), ("Late", "sum number"), ("In all", "sum number")] if hand else []
    head = parts.joined(
        Markup('<th scope="col" class="{}"><button type="button"><span>{}</span></button></th>').format(kind, name)
        for name, kind in heads
    )
    body = parts.joined((_row(facts, person, bool(hand)) for person in facts.people), "\n")
    return Markup(
        '<div class="scroll" tabindex="0" role="region" aria-label="Marks"><table class="sortable grid">'
        '<caption class="unseen">Points of each student for each exercise</caption>'
        "<thead><tr>{}</tr></thead><tbody>{}</tbody><tfoot>{}</tfoot></table></div>"
    ).format(head, body, _foot(facts, bool(hand)))


def _extra(person: Person) -> bool:
    given = person.by_hand
    return bool(given.questions or given.waiting or given.penalty)


def _row(facts: Facts, person: Person, hand: bool) -> Markup:
    who = escape(person.id)
    if person.name:
        who += Markup(" <small>{}</small>").format(person.name)
    cells = [_sum(facts.total(person)), _share(facts.share(person))] if person.graded else [_blank(), _blank()]
    cells += [exercise_cell(person, asked) for asked in facts.asked]
    if hand:
        given = person.by_hand
        waiting = Cell(f"{given.questions:g} +?", given.questions, title=f"{given.waiting} not marked yet")
        cells += [waiting if given.waiting else _sum(given.questions), _sum(-given.penalty)]
        cells.append(_sum(max(0.0, facts.total(person) + given.questions - given.penalty)))
    return Markup("<tr><th scope='row'>{}</th>{}</tr>").format(who, parts.joined(map(_td, cells)))


def _td(cell: Cell) -> Markup:
    attributes = Markup(' class="{}" tabindex="-1"').format(cell.kind or "sum")
    if cell.order is not None:
        attributes += Markup(' data-order="{}"').format(f"{cell.order:g}")
    if cell.title:
        attributes += Markup(' title="{}"').format(cell.title)
    return Markup("<td{}>{}</td>").format(attributes, cell.shows)


def _sum(points: float) -> Cell:
    return Cell(f"{round(points, 2):g}", points)


def _share(share: float) -> Cell:
    return Cell(percent(share), share, f"sum {level(share)}")


def _blank() -> Cell:
    return Cell("–", -1.0)


def exercise_cell(person: Person, asked: Asked) -> Cell:
    """The points of one exercise, with the reason as its title."""
    mark = person.marks.get(asked.id)
    given = person.manual(asked.id)
    points = person.points(asked.id)
    if given is not None:
        why = f"{given:g} of {asked.points:g} points, given by hand"
        return Cell(f"{points:g}✎", points, level(points / asked.points), f"{why}. {_why(mark)}")
    if mark is None:
        why = "not graded" if person.handed else "nothing handed in"
        return Cell("–", -1.0, "none", why)
    if mark.status in NOT_TRIED:
        return Cell("·", 0.0, "none", _why(mark))
    share = points / asked.points if asked.points else 0.0
    return Cell(f"{round(points, 2):g}", points, level(share), f"{points:g} of {asked.points:g} points, {_why(mark)}")


def _why(mark: Mark | None) -> str:
    if mark is None:
        return "The judge hasn't marked it"
    says = [STATUSES.get(mark.status, mark.status)]
    if mark.mistake:
        says.append(f"named mistake: {mark.mistake}")
    elif mark.failing:
        says.append(f"fails first in case “{mark.failing}”")
    if mark.cases and mark.passed < mark.cases:
        says.append(f"{mark.passed} of {mark.cases} cases right")
    if mark.problem:
        says.append(one_line(mark.problem, 160))
    if mark.speed:
        says.append(f"speed {mark.speed['ratio']:.2g} × the baseline, limit {mark.speed['limit']:g} ×")
    return f"{'; '.join(says)}; seed {mark.seed}"


def level(share: float) -> str:
    """The class of a share's colour."""
    if share <= 0.0:
        return "h0"
    return "h5" if share >= 1.0 else f"h{1 + min(3, int(share * 4))}"


def _foot(facts: Facts, hand: bool) -> Markup:
    graded = facts.graded
    mean = fmean(facts.total(person) for person in graded)
    cells = [_sum(round(mean, 1)), _share(fmean(facts.share(person) for person in graded))]
    for asked in facts.asked:
        points = fmean(person.points(asked.id) for person, _ in facts.marks_of(asked.id))
        cells.append(Cell(f"{points:.1f}", points, level(points / asked.points if asked.points else 0.0)))
    cells += [Cell("")] * (3 if hand else 0)
    out_of = parts.joined(Markup('<td class="{}">{}</td>').format(cell.kind or "sum", cell.shows) for cell in cells)
    return Markup("<tr><th scope='row'>Mean of those graded</th>{}</tr>").format(out_of)


def distribution_section(facts: Facts) -> Markup:
    """A histogram of the shares, and the numbers in words."""
    shares = [facts.share(person) for person in facts.graded]
    counts = [0] * BINS
    for share in shares:
        counts[max(0, min(BINS - 1, int(share * BINS + 1e-9)))] += 1
    return parts.section("distribution", "Distribution", _in_words(shares), _histogram(counts))


def _in_words(shares: list[float]) -> Markup:
    says = f"Of all points, the mean is {percent(fmean(shares))} and the median {percent(median(shares))}."
    if len(shares) >= 4:
        low, _, high = quantiles(shares, n=4, method="inclusive")
        says += f" Half of the class lies between {percent(low)} and {percent(high)}."
    return parts.paragraph(says)


def _histogram(counts: list[int]) -> Markup:
    width, height, step = 680, 190, 64
    label = "; ".join(f"{_bin(place)}: {count}" for place, count in enumerate(counts))
    bars = parts.joined(_bars(counts, height, step))
    return Markup(
        '<svg class="histogram" viewBox="0 0 {w} {h}" role="img" aria-label="Students by share of points. {label}">'
        '{bars}<line x1="16" x2="{end}" y1="{y}" y2="{y}"/></svg>'
    ).format(w=width, h=height + 44, label=label, bars=bars, end=width - 16, y=height)


def _bars(counts: list[int], height: int, step: int) -> Iterator[Markup]:
    tallest = max(counts) or 1
    for place, count in enumerate(counts):
        x, tall = 22 + place * step, (height - 26) * count / tallest
        yield Markup('<rect x="{}" y="{}" width="{}" height="{}" rx="2"/>').format(
            x, round(height - tall, 1), step - 6, round(tall, 1)
        )
        middle = x + (step - 6) // 2
        if count:
            yield Markup('<text x="{}" y="{}" text-anchor="middle">{}</text>').format(
                middle, round(height - tall - 6, 1), count
            )
        yield Markup('<text x="{}" y="{}" text-anchor="middle" class="soft">{}</text>').format(
            middle, height + 18, _bin(place)
        )
    yield Markup('<text x="{}" y="{}" text-anchor="middle" class="soft">share of points, in %</text>').format(
        22 + step * BINS // 2, height + 38
    )


def _bin(place: int) -> str:
    wide = 100 // BINS
    last = place == BINS - 1
    return f"{place * wide}–{100 if last else (place + 1) * wide - 1}"
