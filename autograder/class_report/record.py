"""The parts of the page about the class and the grading: files, similar answers, how marks were made and changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from markupsafe import Markup

from autograder.class_report import parts
from autograder.class_report.beside import beside
from autograder.class_report.collect import Facts, Person
from autograder.class_report.figures import Change, Judged
from autograder.class_report.parts import Cell, Column, percent
from autograder.class_report.similarity import Group, Similarity
from autograder.marks import Sheet
from autograder.report.words import counted


def unseen_notebooks(person: Person) -> frozenset[str]:
    """Notebooks that were handed in and have no sheet of marks."""
    return person.handed - {sheet.notebook for sheet in person.sheets}


def files_section(facts: Facts) -> Markup:
    """Who handed in nothing, what isn't graded yet, and notes about files."""
    nothing = [_who(person) for person in facts.people if not (person.handed or person.sheets)]
    waiting = [(person, unseen_notebooks(person)) for person in facts.people if unseen_notebooks(person)]
    notes = [(person.id, f"{sheet.notebook}.ipynb", note) for person, sheet, note in _notes(facts)]
    content: list[Markup] = []
    if nothing:
        content += [Markup("<h3>Handed in nothing ({})</h3>").format(len(nothing)), parts.names(nothing, 40)]
    if waiting:
        rows = [f"{_who(person)}: {', '.join(sorted(names))}" for person, names in waiting]
        again = Markup("To grade them: {}").format(parts.code(f"p2v grade {facts.lesson}"))
        content += [Markup("<h3>Handed in, not graded yet</h3>"), parts.bullets(rows), parts.paragraph(again)]
    if notes:
        columns = [Column("Student"), Column("File"), Column("Note")]
        content += [Markup("<h3>Notes about files</h3>"), parts.table("Notes about files", columns, notes)]
    if not facts.gradebook:
        says = "There is no gradebook here that can be read, so nobody is listed who handed in nothing."
        content.append(parts.paragraph(says, "soft"))
    if not content:
        content = [parts.paragraph("Everybody handed in, and every file could be read as it was.")]
    return parts.section("files", "Files", *content)


def _notes(facts: Facts) -> Iterator[tuple[Person, Sheet, str]]:
    for person in facts.people:
        for sheet in person.sheets:
            for note in sheet.notes:
                yield person, sheet, note


def _who(person: Person) -> str:
    return f"{person.id} ({person.name})" if person.name else person.id


NO_PROOF = (
    "Similar answers are no proof of copying: short tasks have one natural solution, people study together, and the "
    "same forum or assistant helps many. Read the code, talk to the students, and follow your university's rules."
)
HOW = (
    "Compared is what students wrote themselves: what was released is left out, and so are names, comments and layout. "
    "What many wrote counts little."
)


def similar_section(found: Similarity) -> Markup:
    """Groups of similar answers, side by side."""
    content = [parts.paragraph(Markup("<strong>{}</strong>").format(NO_PROOF)), parts.paragraph(HOW)]
    if not found.groups:
        content.append(parts.paragraph("No two answers are alike beyond what the task explains."))
    content += [_group(group) for group in found.groups]
    if found.common:
        most = ", ".join(f"{_short(id)} ({number} students)" for id, number in found.common.items())
        says = f"Alike in so many answers that it says nothing of single students, or one solution went round: {most}."
        content.append(parts.paragraph(says))
    if found.short:
        says = f"Not compared, as honest short answers coincide: {', '.join(map(_short, found.short))}."
        content.append(parts.paragraph(says, "soft"))
    return parts.section("similar", "Similar answers", *content)


def _group(group: Group) -> Markup:
    who = ", ".join(group.students[:12])
    if len(group.students) > 12:
        who += f" and {len(group.students) - 12} more"
    title = Markup("<h3>{} · {}</h3>").format(who, counted(len(group.pairs), "exercise"))
    shown = [
        parts.folded(
            Markup("{}: {} and {}, {} alike").format(
                parts.code(_short(pair.exercise)), pair.one.student, pair.other.student, percent(pair.alike)
            ),
            beside(pair.one, pair.other),
        )
        for pair in group.pairs
    ]
    return title + parts.joined(shown)


def _short(exercise: str) -> str:
    return exercise.partition(".")[2]


def judged_section(facts: Facts, found: Sequence[Judged]) -> Markup:
    """Which judge and which check made the marks, with which seeds."""
    columns = [
        Column("Judge"),
        Column("Check", title="A fingerprint of the lesson's specifications"),
        Column("Code was"),
        Column("Speed"),
        Column("Marks", True),
        Column("Students", True),
        Column("From"),
        Column("To"),
    ]
    rows = [
        (
            item.judge or "unknown",
            parts.code(item.spec or "unknown") + ("" if item.current else " (not the one installed here)"),
            "sandboxed" if item.sandboxed else Cell("trusted, without a sandbox", kind="h1"),
            "judged" if item.timed else "not judged",
            item.marks,
            item.students,
            _time(item.first),
            _time(item.last),
        )
        for item in found
    ]
    table = parts.table("How the marks were made", columns, rows)
    return parts.section("judged", "How it was graded", table, _seeds(facts))


def _seeds(facts: Facts) -> Markup:
    columns = [Column("Student"), Column("Notebook"), Column("Seeds"), Column("Graded"), Column("In the gradebook")]
    rows = []
    for person in facts.people:
        for sheet in person.sheets:
            seeds = sorted({mark.seed for mark in sheet.marks.values()})
            last = max((mark.when for mark in sheet.marks.values()), default="")
            shown = ", ".join(map(str, seeds[:6])) + (" …" if len(seeds) > 6 else "")
            rows.append((person.id, sheet.notebook, shown, _time(last), _time(sheet.entered) or "not yet"))
    how = Markup("The cases of a mark can be drawn again: {}").format(
        parts.code(f"p2v check {facts.lesson} NOTEBOOK --seed SEED")
    )
    return parts.folded("Seeds, by student and notebook", parts.paragraph(how), parts.table("Seeds", columns, rows))


def history_section(found: Sequence[Change]) -> Markup:
    """What grading again has changed."""
    if not found:
        says = "Grading again has changed no mark."
        return parts.section("changes", "Changes", parts.paragraph(says))
    columns = [
        Column("When"),
        Column("Student"),
        Column("Exercise"),
        Column("Before", True),
        Column("After", True),
        Column("Why"),
    ]
    rows = [
        (
            _time(item.after.when),
            item.person.id,
            parts.code(_short(item.after.exercise)),
            Cell(f"{item.before.points:g} ({item.before.status})", item.before.points),
            Cell(f"{item.after.points:g} ({item.after.status})", item.after.points),
            item.why,
        )
        for item in found
    ]
    students = len({item.person.id for item in found})
    up = sum(item.after.points > item.before.points for item in found)
    down = sum(item.after.points < item.before.points for item in found)
    says = (
        f"Grading again changed {counted(len(found), 'mark')} of {counted(students, 'student')}: {up} up, {down} down."
    )
    return parts.section("changes", "Changes", parts.paragraph(says), parts.table("Changes", columns, rows))


def _time(when: str) -> str:
    """2026-01-31T12:00:00+00:00 as one reads it."""
    return when[:16].replace("T", " ") + (" UTC" if when.endswith("+00:00") else "")
