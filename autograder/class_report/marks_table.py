"""Everybody's marks in one table, coloured, and how they are distributed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
    heads += [("Questions", "turned number"), ("Late", "turned number"), ("In all", "sum number")] if hand else []
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
        cells += [waiting if given.waiting else _sum(given.questions), _sum(0.0 - given.penalty)]
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
        return Cell(f"{points:g}✎", points, level(_part(points, asked)), f"{why}. {_why(mark)}")
    if mark is None:
        why = "not graded" if person.handed else "nothing handed in"
        return Cell("–", -1.0, "none", why)
    if mark.status in NOT_TRIED:
        return Cell("·", 0.0, "none", _why(mark))
    why = f"{points:g} of {asked.points:g} points, {_why(mark)}"
    return Cell(f"{round(points, 2):g}", points, level(_part(points, asked)), why)


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
    to_get = [_sum(facts.points), Cell(""), *(Cell(f"{asked.points:g}", kind="plain") for asked in facts.asked)]
    mean = fmean(facts.total(person) for person in graded)
    means = [_sum(round(mean, 1)), _share(fmean(facts.share(person) for person in graded))]
    for asked in facts.asked:
        points = fmean(person.points(asked.id) for person, _ in facts.marks_of(asked.id))
        means.append(Cell(f"{points:.1f}", kind=level(_part(points, asked))))
    blank = [Cell("")] * (3 if hand else 0)
    return _foot_row("Points to get", [*to_get, *blank]) + _foot_row("Mean of those graded", [*means, *blank])


def _foot_row(says: str, cells: Sequence[Cell]) -> Markup:
    shown = parts.joined(Markup('<td class="{}">{}</td>').format(cell.kind or "sum", cell.shows) for cell in cells)
    return Markup("<tr><th scope='row'>{}</th>{}</tr>").format(says, shown)


def _part(points: float, asked: Asked) -> float:
    """Of what an exercise is worth; nothing, where it is worth nothing."""
    return points / asked.points if asked.points else 0.0


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
    ).format(w=width, h=height + 50, label=label, bars=bars, end=width - 16, y=height)


def _bars(counts: list[int], height: int, step: int) -> Iterator[Markup]:
    tallest = max(counts)
    for place, count in enumerate(counts):
        x, tall = 20 + place * step, (height - 26) * count / tallest
        y = round(height - tall, 1)
        yield Markup('<rect x="{}" y="{}" width="{}" height="{}" rx="2"/>').format(x + 2, y, step - 4, round(tall, 1))
        if count:
            yield _text(x + step // 2, y - 6, count)
    for place in range(len(counts) + 1):
        yield _text(20 + place * step, height + 18, place * 100 // BINS, "soft")
    yield _text(20 + step * BINS // 2, height + 40, "share of points, in %", "soft")


def _text(x: int, y: float, says: object, kind: str = "count") -> Markup:
    return Markup('<text x="{}" y="{}" text-anchor="middle" class="{}">{}</text>').format(x, round(y, 1), kind, says)


def _bin(place: int) -> str:
    low, high = place * 100 // BINS, (place + 1) * 100 // BINS
    return f"{low} to 100 %" if place == BINS - 1 else f"{low} to under {high} %"
