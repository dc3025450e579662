"""A lesson's Markdown, cut into blocks: prose, demo cells, and marks where exercises, givens and questions stand."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import yaml

from autograder.weave.marks import ExerciseMark, GivenMark, Question, mark_of
from autograder.weave.problems import Problems, nearest

REQUIRED = ("notebook", "title", "module")
SECTIONS = ("Key points", "Marking guide", "Common wrong answers", "Follow-up")
OPTIONAL_SECTIONS = ("Demonstration",)

_FENCE = re.compile(r"^(\s*)(`{3,}|~{3,})\s*(.*?)\s*$")
_HEADING = re.compile(r"^(#{1,6})\s+(.+?)\s*$")
_COMMENT = re.compile(r"^\s*<!--")
_NOTEBOOK = re.compile(r"^[A-Za-z0-9_\-]+/[A-Za-z0-9_\-]+\.ipynb$")


@dataclass(frozen=True)
class Prose:
    """Markdown that becomes one cell."""

    line: int
    text: str


@dataclass(frozen=True)
class Demo:
    """A fenced Python cell; `line` is that of its first line of code."""

    line: int
    code: str


Block: TypeAlias = Prose | Demo | ExerciseMark | GivenMark | Question


@dataclass(frozen=True)
class Lesson:
    """One Markdown file: a lesson, or a part of one.

    path: of the file, relative to the checkout. notebook: "01_lenet/01_lenet.ipynb". module: of the reference, "lenet".
    """

    path: str
    notebook: str
    title: str
    module: str
    blocks: tuple[Block, ...]
    front: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The file's name without its ending, "lenet_b"."""
        return self.path.rpartition("/")[2].removesuffix(".md")


def parse(text: str, path: str, problems: Problems) -> Lesson | None:
    """Reads a lesson; what is wrong with it goes to `problems`. None if its front matter can't be used."""
    lines = text.splitlines()
    end = next((i for i, line in enumerate(lines) if i and line.rstrip() == "---"), None)
    if not lines or lines[0].rstrip() != "---" or end is None:
        problems.add(path, 1, "expected front matter: notebook, title and module between two lines of ---")
        return None
    front = _front_matter("\n".join(lines[1:end]), path, problems)
    blocks = _Reader(lines, end + 1, path, problems).blocks()
    if front is None:
        return None
    return Lesson(path, front["notebook"], str(front["title"]), front["module"], tuple(blocks), front)


def _front_matter(text: str, path: str, problems: Problems) -> dict[str, Any] | None:
    try:
        front = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        reason = getattr(error, "problem", None) or "unreadable"
        problems.add(path, mark.line + 2 if mark else 1, f"front matter is not YAML: {reason}")
        return None
    if not isinstance(front, dict):
        problems.add(path, 1, "front matter must be `key: value` lines")
        return None
    before = len(problems.found)
    for key in REQUIRED:
        if not isinstance(front.get(key), str) or not front[key].strip():
            near = nearest(key, [str(other) for other in front if other not in REQUIRED])
            problems.add(path, 1, f"front matter lacks {key!r}, or it isn't text{near}")
    if len(problems.found) == before and not _NOTEBOOK.match(front["notebook"]):
        problems.add(path, 1, f"notebook must read FOLDER/NAME.ipynb, got {front['notebook']!r}")
    if len(problems.found) == before and not front["module"].isidentifier():
        problems.add(path, 1, f"module must be a Python name, got {front['module']!r}")
    return front if len(problems.found) == before else None


class _Reader:
    """Goes through the lines once; `at` is the index of the next."""

    def __init__(self, lines: list[str], at: int, path: str, problems: Problems) -> None:
        self.lines, self.at, self.path, self.problems = lines, at, path, problems

    def blocks(self) -> list[Block]:
        found: list[Block] = []
        prose: list[str] = []
        start = self.at

        def flush() -> None:
            if text := "\n".join(prose).strip():
                skipped = next(i for i, line in enumerate(prose) if line.strip())
                found.append(Prose(start + skipped + 1, text))
            prose.clear()

        while self.at < len(self.lines):
            first, line = self.at, self.lines[self.at]
            heading = _HEADING.match(line)
            block: Block | None = None
            taken: list[str] = []
            if _COMMENT.match(line):
                block = self._mark()
            elif _FENCE.match(line):
                taken, block = self._fence()
            else:
                self.at, taken = self.at + 1, [line]
            if not taken or (heading and len(heading[1]) <= 2):
                flush()
            if not prose:
                start = first
            prose += taken
            if block is not None:
                found.append(block)
        flush()
        return found

    def _fence(self) -> tuple[list[str], Demo | None]:
        """The lines of a fence that stays Markdown, or the demo that it is."""
        start = self.at
        opening = _FENCE.match(self.lines[start])
        assert opening is not None
        indent, ticks, info = opening.groups()
        closing = re.compile(rf"^\s*{re.escape(ticks[0])}{{{len(ticks)},}}\s*$")
        end = next((i for i in range(start + 1, len(self.lines)) if closing.match(self.lines[i])), None)
        if end is None:
            self.problems.add(self.path, start + 1, f"this {ticks} fence is never closed")
            self.at = len(self.lines)
            return self.lines[start:], None
        self.at = end + 1
        if indent or info.split(" ")[0] != "python":
            return self.lines[start : self.at], None
        if info != "python":
            self.problems.add(self.path, start + 1, f"a python fence takes no options, got {info!r}")
        return [], Demo(start + 2, "\n".join(self.lines[start + 1 : end]).strip("\n"))

    def _mark(self) -> Block | None:
        number, line = self.at + 1, self.lines[self.at]
        self.at += 1
        mark = mark_of(line, self.path, number, self.problems)
        if mark == "end":
            self.problems.add(self.path, number, "<!-- end --> without a question above it")
            return None
        if isinstance(mark, Question):
            return self._question(mark)
        return mark

    def _question(self, mark: Question) -> Question:
        """Reads on to `<!-- end -->`."""
        parts: dict[str, list[str]] = {"": []}
        current = ""
        while self.at < len(self.lines):
            line = self.lines[self.at]
            heading = _HEADING.match(line)
            if _COMMENT.match(line):
                break
            if _FENCE.match(line):
                start = self.at
                self._fence()
                parts[current] += self.lines[start : self.at]
                continue
            if heading and len(heading[1]) == 4:
                current = self._section(heading[2], parts)
            else:
                if heading:
                    self.problems.add(self.path, self.at + 1, f"a heading inside question {mark.name!r}: {_SECTIONS}")
                parts[current].append(line)
            self.at += 1
        return self._finished(mark, {name: "\n".join(text).strip() for name, text in parts.items()})

    def _section(self, title: str, parts: dict[str, list[str]]) -> str:
        known = {name.lower(): name for name in (*SECTIONS, *OPTIONAL_SECTIONS)}
        name = known.get(title.lower(), title)
        if title.lower() not in known:
            near = nearest(title, known.values())
            self.problems.add(self.path, self.at + 1, f"no section of a question is called {title!r}{near}")
        elif name in parts:
            self.problems.add(self.path, self.at + 1, f"a second section {name!r} in one question")
        parts.setdefault(name, [])
        return name

    def _finished(self, mark: Question, parts: dict[str, str]) -> Question:
        closed = self.at < len(self.lines) and re.match(r"^\s*<!--\s*end\s*-->\s*$", self.lines[self.at])
        if closed:
            self.at += 1
        else:
            self.problems.add(self.path, mark.line, f"question {mark.name!r} is not closed by <!-- end -->")
        if not parts[""]:
            self.problems.add(self.path, mark.line, f"question {mark.name!r} asks nothing")
        lacking = [name for name in SECTIONS if not parts.get(name)]
        if lacking:
            wanted = ", ".join(f"#### {name}" for name in lacking)
            self.problems.add(self.path, mark.line, f"question {mark.name!r} lacks {wanted}")
        text = parts.pop("")
        return Question(mark.line, mark.name, mark.points, text, parts)


_SECTIONS = "sections begin with ####; is <!-- end --> missing above?"
