"""All lessons with their references and specs, and where in the course each exercise and each given stands."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

from autograder.weave.markdown import Lesson, parse
from autograder.weave.marks import ExerciseMark, GivenMark
from autograder.weave.problems import Problems
from autograder.weave.source import Definition, Reference, read_reference


class Spec(Protocol):
    """What weaving reads of an exercise."""

    @property
    def id(self) -> str: ...
    @property
    def points(self) -> int: ...
    @property
    def minutes(self) -> int: ...
    @property
    def needs(self) -> tuple[str, ...]: ...


Specs: TypeAlias = Callable[[str], Iterable[Spec]]


@dataclass(frozen=True, order=True)
class Position:
    """A place in the course: the part's index, then the block's."""

    part: int
    block: int


@dataclass(frozen=True)
class Course:
    """Everything that weaving reads, in the order in which students meet it (that of the notebooks' names).

    asked, given: the first place of each exercise and of each given definition, by id ("lenet.conv2d").
    """

    parts: tuple[Lesson, ...]
    references: Mapping[str, Reference]
    specs: Mapping[str, Spec]
    asked: Mapping[str, Position]
    given: Mapping[str, Position]

    def definition(self, id: str) -> Definition | None:
        """The reference's definition of an id."""
        module, _, name = id.partition(".")
        reference = self.references.get(module)
        return reference.definitions.get(name) if reference else None

    def is_exercise(self, id: str) -> bool:
        """Whether students write it."""
        return id in self.asked or id in self.specs

    def exercise_named(self, name: str) -> str | None:
        """The id of the exercise with this name; names are unique in the course."""
        return next((id for id in (*self.asked, *self.specs) if id.partition(".")[2] == name), None)

    def place(self, position: Position) -> str:
        """ "solutions/lenet.md:120"."""
        part = self.parts[position.part]
        return f"{part.path}:{part.blocks[position.block].line}"


def read_course(root: Path, specs: Specs, problems: Problems) -> Course:
    """Reads `solutions/*.md`, the references they name, and the specs of their lessons."""
    solutions = root / "solutions"
    lessons = []
    for file in sorted(solutions.glob("*.md")):
        lesson = parse(file.read_text(encoding="utf-8"), file.relative_to(root).as_posix(), problems)
        lessons += [lesson] if lesson else []
    parts = tuple(sorted(lessons, key=lambda lesson: lesson.notebook))
    references: dict[str, Reference] = {}
    found: dict[str, Spec] = {}
    for part in parts:
        if part.module in references:
            continue
        reference = read_reference(solutions, part.module, problems)
        if reference is None:
            problems.add(part.path, 1, f"module {part.module!r} has no reference solutions/{part.module}")
            continue
        references[part.module] = reference
        found |= {spec.id: spec for spec in specs(part.module)}
    return Course(parts, references, found, _positions(parts, ExerciseMark), _positions(parts, GivenMark))


def _positions(parts: tuple[Lesson, ...], kind: type[ExerciseMark] | type[GivenMark]) -> dict[str, Position]:
    found: dict[str, Position] = {}
    for number, part in enumerate(parts):
        for index, block in enumerate(part.blocks):
            names: tuple[str, ...] = ()
            if isinstance(block, kind):
                names = block.names if isinstance(block, GivenMark) else (block.name,)
            for name in names:
                found.setdefault(f"{part.module}.{name}", Position(number, index))
    return found
