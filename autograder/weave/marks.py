"""The one-line marks of a lesson: `<!-- exercise: conv2d -->` and its kin."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from autograder.weave.problems import Problems, nearest


@dataclass(frozen=True)
class ExerciseMark:
    """Where an exercise stands. `ask` and `given` name methods of a class; None and () leave it to the default."""

    line: int
    name: str
    ask: tuple[str, ...] | None = None
    given: tuple[str, ...] = ()


@dataclass(frozen=True)
class GivenMark:
    """Where definitions of the reference are shown and given."""

    line: int
    names: tuple[str, ...]


@dataclass(frozen=True)
class Question:
    """An interview question. `sections` maps "Key points", "Marking guide" … to their Markdown."""

    line: int
    name: str
    points: int
    text: str = ""
    sections: Mapping[str, str] = field(default_factory=dict)


Mark: TypeAlias = ExerciseMark | GivenMark | Question | Literal["end"]

OPTIONS: Mapping[str, tuple[str, ...]] = {"exercise": ("ask", "given"), "given": (), "question": ("points",), "end": ()}

_WHOLE = re.compile(r"^\s*<!--\s*(.*?)\s*-->\s*$")


@dataclass(frozen=True)
class _Place:
    path: str
    line: int
    problems: Problems

    def refuse(self, message: str) -> None:
        self.problems.add(self.path, self.line, message)


def mark_of(text: str, path: str, line: int, problems: Problems) -> Mark | None:
    """Reads a line that begins with `<!--`; None, with the reason in `problems`, if it is no mark."""
    place = _Place(path, line, problems)
    whole = _WHOLE.match(text)
    if whole is None:
        place.refuse("a mark is one line: <!-- … -->")
        return None
    head, colon, rest = whole[1].partition(":")
    kind = head.strip()
    if kind == "end" and not colon:
        return "end"
    if kind not in OPTIONS or not colon or kind == "end":
        word = kind.split(" ")[0]
        hint = f"; write <!-- {word}: … -->" if word in OPTIONS and word != "end" else nearest(word, OPTIONS)
        place.refuse(f"unknown mark <!-- {whole[1]} -->{hint}")
        return None
    if kind == "given":
        return _given(rest, place)
    words = rest.split()
    names = [word for word in words if "=" not in word]
    if len(names) != 1 or not names[0].isidentifier():
        place.refuse(f"mark {kind!r} takes one Python name, got {' '.join(names) or 'none'}")
        return None
    options = _options(kind, [word for word in words if "=" in word], place)
    return _exercise(names[0], options, place) if kind == "exercise" else _question(names[0], options, place)


def _options(kind: str, words: list[str], place: _Place) -> dict[str, str]:
    found: dict[str, str] = {}
    for word in words:
        key, _, value = word.partition("=")
        if key not in OPTIONS[kind]:
            place.refuse(f"mark {kind!r} has no option {key!r}{nearest(key, OPTIONS[kind])}")
        elif key in found:
            place.refuse(f"option {key!r} is given twice")
        elif not value:
            place.refuse(f"option {key!r} is empty; write it without spaces: {key}=a,b")
        else:
            found[key] = value
    return found


def _given(rest: str, place: _Place) -> GivenMark | None:
    names = tuple(word for word in re.split(r"[,\s]+", rest.strip()) if word)
    bad = [name for name in names if not name.isidentifier()]
    if not names or bad:
        place.refuse(f"mark 'given' takes Python names with commas between, got {', '.join(bad) or 'none'}")
        return None
    return GivenMark(place.line, names)


def _exercise(name: str, options: dict[str, str], place: _Place) -> ExerciseMark:
    ask = _methods(options["ask"]) if "ask" in options else None
    given = _methods(options.get("given", ""))
    both = sorted(set(ask or ()) & set(given))
    if both:
        place.refuse(f"{', '.join(both)} can't be both asked and given")
    return ExerciseMark(place.line, name, ask, given)


def _methods(value: str) -> tuple[str, ...]:
    return tuple(word for word in value.split(",") if word)


def _question(name: str, options: dict[str, str], place: _Place) -> Question:
    points = options.get("points", "")
    if not points.isdigit() or int(points) < 1:
        place.refuse(f"question {name!r} needs points=N, a whole number above 0")
        return Question(place.line, name, 1)
    return Question(place.line, name, int(points))
