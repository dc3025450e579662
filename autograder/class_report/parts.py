"""Pieces of a page: tables that can be sorted, bars, folded parts. What isn't ours is escaped by `Markup.format`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

Content = str | Markup | float | int


@dataclass(frozen=True)
class Cell:
    """A cell of a table. order: what it is sorted by, if not by what it shows. kind: its CSS class."""

    shows: Content
    order: float | None = None
    kind: str = ""
    title: str = ""


@dataclass(frozen=True)
class Column:
    """A column's heading. number: its cells are numbers."""

    says: str
    number: bool = False
    title: str = ""


def section(id: str, title: str, *content: Content) -> Markup:
    """A part of the page with a heading."""
    head = Markup('<section id="{id}" aria-labelledby="{id}-title"><h2 id="{id}-title">{title}</h2>')
    return head.format(id=id, title=title) + joined(content, "\n") + Markup("</section>")


def joined(items: Iterable[Content], by: str = "") -> Markup:
    """Pieces one after another; text is escaped."""
    return Markup(by).join(escape(item) for item in items)


def paragraph(text: Content, kind: str = "") -> Markup:
    """A paragraph."""
    return Markup('<p class="{}">{}</p>').format(kind, text) if kind else Markup("<p>{}</p>").format(text)


def code(text: str) -> Markup:
    """Something to type, or a name in code."""
    return Markup("<code>{}</code>").format(text)


def link(anchor: str, text: Content) -> Markup:
    """A link to a place on this page."""
    return Markup('<a href="#{}">{}</a>').format(anchor, text)


def folded(title: Content, *content: Content) -> Markup:
    """What is shown when asked for."""
    return Markup("<details><summary>{}</summary>{}</details>").format(title, joined(content))


def bullets(items: Iterable[Content]) -> Markup:
    """A list."""
    return Markup("<ul>{}</ul>").format(joined(Markup("<li>{}</li>").format(item) for item in items))


def table(label: str, columns: Sequence[Column], rows: Iterable[Sequence[Cell | Content]], *, kind: str = "") -> Markup:
    """A table that can be sorted by any column; the first cell of a row names it."""
    head = joined(_heading(column) for column in columns)
    body = joined((_row(row, columns) for row in rows), "\n")
    return Markup(
        '<div class="scroll" tabindex="0" role="region" aria-label="{label}"><table class="sortable {kind}">'
        '<caption class="unseen">{label}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    ).format(label=label, kind=kind, head=head, body=body)


def _heading(column: Column) -> Markup:
    tip = Markup(' title="{}"').format(column.title) if column.title else ""
    kind = "number" if column.number else ""
    return Markup('<th scope="col" class="{}"{}><button type="button"><span>{}</span></button></th>').format(
        kind, tip, column.says
    )


def _row(row: Sequence[Cell | Content], columns: Sequence[Column]) -> Markup:
    cells = [item if isinstance(item, Cell) else Cell(item) for item in row]
    first = Markup('<th scope="row"{}>{}</th>').format(_attributes(cells[0], ""), cells[0].shows)
    rest = joined(_cell(cell, column) for cell, column in zip(cells[1:], columns[1:], strict=True))
    return Markup("<tr>{}{}</tr>").format(first, rest)


def _cell(cell: Cell, column: Column) -> Markup:
    return Markup("<td{}>{}</td>").format(_attributes(cell, "number" if column.number else ""), cell.shows)


def _attributes(cell: Cell, kind: str) -> Markup:
    found = Markup("")
    if kinds := " ".join(filter(None, (kind, cell.kind))):
        found += Markup(' class="{}"').format(kinds)
    if cell.order is not None:
        found += Markup(' data-order="{}"').format(f"{cell.order:g}")
    if cell.title:
        found += Markup(' title="{}"').format(cell.title)
    return found


def share_bar(share: float) -> Cell:
    """A share as a bar and in words."""
    text = percent(share)
    bar = Markup('<span class="bar" aria-hidden="true"><i style="width:{}%"></i></span> {}')
    return Cell(bar.format(f"{100 * share:.0f}", text), share)


def percent(share: float) -> str:
    """0.25 as "25 %"."""
    return f"{100 * share:.0f} %"


def names(students: Sequence[str], most: int = 3) -> Markup:
    """The first few students; the others are shown when asked for."""
    if len(students) <= most:
        return escape(", ".join(students))
    few, rest = ", ".join(students[:most]), ", ".join(students[most:])
    return folded(f"{few} and {len(students) - most} more", paragraph(rest))
