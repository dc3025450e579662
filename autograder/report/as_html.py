"""The report in a notebook: HTML without scripts, for light and dark themes, eyes and screen readers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from autograder.report.parts import (
    SYMBOLS,
    Code,
    FailingCase,
    Grid,
    Grids,
    Headline,
    Inputs,
    Measure,
    Part,
    Passed,
    Picture,
    Pictures,
    Preformatted,
    Say,
    Stages,
)
from autograder.report.picture import data_uri
from autograder.report.style import CSS
from autograder.report.words import clean, counted, one_line

MOST_NAMES = 12
_CALL = re.compile(r"(?<![\w.])\.?\w[\w.]*\((?:[^()]|\([^()]*\))*\)")  # no space before the bracket
MOST_ROWS = 14


def render(parts: Sequence[Part]) -> str:
    """The parts as one section with its own style."""
    head = next(part for part in parts if isinstance(part, Headline))
    body = "\n".join(html for part in parts if (html := html_of(part)))
    label = escape(f"Check of {head.name}")
    return f'<section class="p2v-report p2v-{head.tone}" aria-label="{label}"><style>{CSS}</style>\n{body}\n</section>'


def html_of(part: Part) -> str:
    """One part's HTML. Everything that isn't ours is escaped here and nowhere else."""
    match part:
        case Headline():
            return _headline(part)
        case Passed():
            return _passed(part)
        case FailingCase():
            return _failing(part)
        case Inputs():
            return _inputs(part)
        case Grids():
            return _grids(part)
        case Pictures():
            return f'<div class="p2v-side">{"".join(map(_picture, part.pictures))}</div>'
        case Measure():
            return _measure(part)
        case Say():
            return _say(part)
        case Code():
            return _code(part)
        case Preformatted():
            return _preformatted(part)
        case Stages():
            return _stages(part)


def _headline(part: Headline) -> str:
    sign = f'<span class="p2v-sign" aria-hidden="true">{SYMBOLS[part.tone]}</span>'
    aside = f"<small>{escape(part.aside)}</small>" if part.aside else ""
    name = f"<code>{escape(part.name)}</code>"
    return f'<p class="p2v-head" role="status">{sign} {name} <strong>{escape(part.says)}</strong> {aside}</p>'


def _passed(part: Passed) -> str:
    items = [f"<li>{_sign(True)} {escape(one_line(name, 60))}</li>" for name in part.names[:MOST_NAMES]]
    if len(part.names) > MOST_NAMES:
        items.append(f"<li>{_sign(True)} and {len(part.names) - MOST_NAMES} more</li>")
    return f'<ul class="p2v-cases" aria-label="Cases that are right">{"".join(items)}</ul>'


def _failing(part: FailingCase) -> str:
    name = f"<strong>{escape(one_line(part.name, 70))}</strong>"
    line = (
        f"<p>{_sign(False)} {name} <small>first failing case, <code>{escape(part.try_it)}</code> to try it</small></p>"
    )
    if not part.others:
        return line
    names = (part.name, *part.others)
    items = "".join(f"<li>{_sign(False)} {escape(one_line(name, 60))}</li>" for name in names)
    return f'<details><summary>{len(names)} cases fail</summary><ul class="p2v-cases">{items}</ul></details>{line}'


def _inputs(part: Inputs) -> str:
    written = {grid.name for grid in part.grids}
    items = [f"<code>{escape(name)}</code>&nbsp;{escape(text)}" for name, text in part.items if name not in written]
    grids = f'<div class="p2v-side">{"".join(map(_grid, part.grids))}</div>' if part.grids else ""
    lines = [" &nbsp; ".join(items), f"<code>{escape(part.program)}</code>" if part.program else ""]
    said = "<br>".join(filter(None, lines))
    return grids + (f'<p class="p2v-inputs p2v-soft">{said}</p>' if said else "")


def _grids(part: Grids) -> str:
    fact = f"<p>{escape(part.fact)}</p>" if part.fact else ""
    return f'<div class="p2v-side">{"".join(map(_grid, part.grids))}{fact}</div>'


def _grid(grid: Grid) -> str:
    rows = grid.rows or tuple(range(len(grid.cells)))
    columns = grid.columns or tuple(range(len(grid.cells[0]) if grid.cells else 0))
    head = "".join(f'<th scope="col">{column}</th>' for column in columns)
    body = "".join(
        f'<tr><th scope="row">{index}</th>'
        + "".join(f"<td>{_cell(text, (r, c) in grid.marked)}</td>" for c, text in enumerate(row))
        + "</tr>"
        for r, (index, row) in enumerate(zip(rows, grid.cells, strict=True))
    )
    title = escape(grid.title)
    table = f'<table aria-label="{title}"><thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody></table>'
    return f"<figure><figcaption>{title}</figcaption>{table}</figure>"


def _prose(text: str) -> str:
    """A sentence with its calls and attributes set as code: conv2d(x), x.new_zeros(…)."""
    return _CALL.sub(r"<code>\g<0></code>", escape(text))


def _cell(text: str, wrong: bool) -> str:
    return f'<mark title="differs"><span>≠</span>{escape(text)}</mark>' if wrong else escape(text)


def _picture(picture: Picture) -> str:
    source = data_uri(picture.values, picture.low, picture.high, heat=picture.heat)
    alt = escape(picture.alt)
    rows, columns = picture.values.shape
    width = min(180, max(90, round(180 * columns / max(rows, columns))))
    image = f'<img src="{source}" width="{width}" alt="{alt}" title="{alt}">'
    return f"<figure><figcaption>{escape(picture.title)}</figcaption>{image}</figure>"


def _measure(part: Measure) -> str:
    sign = f" {_sign(part.ok)}" if part.ok is not None else ""
    aside = f" &nbsp; <small>{_prose(part.aside)}</small>" if part.aside else ""
    return f"<p><strong>{escape(part.label)}</strong>{sign} {_prose(part.text)}{aside}</p>"


def _say(part: Say) -> str:
    label = f"<strong>{escape(part.label)}:</strong> " if part.label else ""
    aside = f" &nbsp; <small>{_prose(part.aside)}</small>" if part.aside else ""
    kind = ' class="p2v-next"' if part.label == "Next" else ""
    return f"<p{kind}>{label}{_prose(part.text)}{aside}</p>"


def _code(part: Code) -> str:
    rows = [f"{one_line(line.place, 40)}, line {line.number}:   {one_line(line.text, 120)}" for line in part.lines]
    return _block("\n".join(rows), "Your lines")


def _preformatted(part: Preformatted) -> str:
    rows = clean(part.text, 4000).splitlines()
    block = _block("\n".join(rows[:MOST_ROWS]), part.label or "Details")
    if len(rows) <= MOST_ROWS:
        return block
    rest = _block("\n".join(rows[MOST_ROWS:]), "The rest")
    return f"{block}<details><summary>{counted(len(rows) - MOST_ROWS, 'more line')}</summary>{rest}</details>"


def _block(text: str, label: str) -> str:
    """A block that scrolls where it is too wide; it can be reached and scrolled by keyboard."""
    return f'<pre tabindex="0" role="group" aria-label="{escape(label)}">{escape(text)}</pre>'


def _stages(part: Stages) -> str:
    way = [f"<li>{escape(one_line(name, 40))} {_sign(True)}</li>" for name in ("input", *part.agreed)]
    if len(way) > 9:
        way = [way[0], f'<li class="p2v-soft">{len(way) - 7} more {_sign(True)}</li>', *way[-6:]]
    if part.between:
        way.append(f'<li class="p2v-here">{_sign(False)} here</li><li class="p2v-soft">{escape(part.wrong)}</li>')
    else:
        way.append(f'<li class="p2v-here">{escape(part.wrong)} {_sign(False)}</li>')
    way.append('<li class="p2v-soft">not compared further</li>')
    return f'<ol class="p2v-way" aria-label="Stages in order">{"".join(way)}</ol>'


def _sign(right: bool) -> str:
    """A symbol with a word for who can't see it."""
    kind, word, symbol = ("yes", "right", "✓") if right else ("no", "wrong", "✗")
    return f'<span class="p2v-{kind}" role="img" aria-label="{word}">{symbol}</span>'
