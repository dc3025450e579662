"""Gives every cell the names it uses, from exercises and from what earlier parts gave; refuses the rest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from autograder.weave.course import Course, Position
from autograder.weave.imports import BASE, DEVICE, LESSON_NAMES
from autograder.weave.markdown import Demo
from autograder.weave.marks import ExerciseMark, GivenMark
from autograder.weave.names import bound_names, free_names
from autograder.weave.problems import Problems, nearest
from autograder.weave.source import Definition, Import


@dataclass(frozen=True)
class Carried:
    """A definition given in an earlier part and repeated here, with the exercises it uses."""

    definition: Definition
    imports: frozenset[str]


@dataclass
class Wiring:
    """What stands before a cell's own code: exercises imported by id, and definitions given in an earlier part."""

    imports: set[str] = field(default_factory=set)
    carried: list[Carried] = field(default_factory=list)


@dataclass(frozen=True)
class Resolved:
    """A part's cells with their wiring, by index of block, and what its import cell must import."""

    wiring: dict[int, Wiring]
    imports: tuple[Import, ...]


def resolve(course: Course, part: int, problems: Problems) -> Resolved:
    """Goes through a part from top to bottom."""
    return _Resolver(course, part, problems).run()


class _Resolver:
    """`available` maps each name that a cell can use to where it comes from: a module, or "" for imports and demos."""

    def __init__(self, course: Course, part: int, problems: Problems) -> None:
        self.course, self.number, self.problems = course, part, problems
        self.part = course.parts[part]
        self.imports = {item.bound: item for item in BASE}
        self.available: dict[str, str] = {}
        self.here = Position(part, 0)
        self.line = 0
        self.wiring = Wiring()

    def run(self) -> Resolved:
        for block in self.part.blocks:
            if isinstance(block, ExerciseMark | GivenMark):
                for definition in self._shown(block):
                    self._import_for(definition, block.line)
        self.available |= dict.fromkeys([*self.imports, DEVICE], "")
        wirings: dict[int, Wiring] = {}
        for index, block in enumerate(self.part.blocks):
            self.here, self.line, self.wiring = Position(self.number, index), block.line, Wiring()
            if isinstance(block, Demo):
                self._demo(block)
            elif isinstance(block, GivenMark):
                self._given(block)
            elif isinstance(block, ExerciseMark):
                self._exercise(block)
            wirings[index] = self.wiring
        return Resolved(wirings, tuple(self.imports.values()))

    def _refuse(self, message: str, line: int | None = None) -> None:
        self.problems.add(self.part.path, self.line if line is None else line, message)

    def _shown(self, block: ExerciseMark | GivenMark) -> Iterator[Definition]:
        """The definitions in a block's cell; unknown names are refused elsewhere."""
        for name in block.names if isinstance(block, GivenMark) else (block.name,):
            if definition := self.course.definition(f"{self.part.module}.{name}"):
                yield definition

    def _import_for(self, definition: Definition, line: int) -> None:
        if definition.name in self.imports or definition.name == DEVICE:
            self._refuse(f"{definition.name!r} is a name that every notebook's first cell binds", line)
        for name in definition.free:
            if name not in definition.imports:
                continue
            wanted = definition.imports[name]
            if self.imports.setdefault(name, wanted) != wanted:
                other = self.imports[name]
                self._refuse(
                    f"{definition.name!r} imports {wanted}; the notebook imports {other} under that name", line
                )

    def _demo(self, block: Demo) -> None:
        try:
            free, bound = free_names(block.code), bound_names(block.code)
        except SyntaxError as error:
            self._refuse(f"not Python: {error.msg}", block.line + (error.lineno or 1) - 1)
            return
        for name in sorted(bound):
            self._demo_binds(name)
        self.available |= {name: "" for name in bound if name not in self.available}
        for name, first in free.items():
            self._demo_name(name, block.line + first - 1)

    def _demo_binds(self, name: str) -> None:
        at = self.course.asked.get(self.course.exercise_named(name) or "")
        if at is not None and at.part == self.number:
            self._refuse(f"this cell assigns to {name!r}, an exercise of this notebook; choose another name")
        elif name in set(LESSON_NAMES) - {"start"}:  # start has done its work by then
            self._refuse(f"this cell assigns to {name!r}, which later cells call; choose another name")

    def _demo_name(self, name: str, line: int) -> None:
        if name in self.available:
            return
        id = self.course.exercise_named(name)
        if id is not None:
            self._use_exercise(id, "this cell", line)
            return
        earlier = [id for id, at in self.course.given.items() if id.endswith(f".{name}") and at < self.here]
        if earlier:
            self._carry(max(earlier, key=lambda id: self.course.given[id]))
            return
        known = {id.partition(".")[2] for id in (*self.course.asked, *self.course.given)} | set(self.available)
        hint = f"; add <!-- given: {name} --> above" if self._in_reference(name) else nearest(name, known)
        self._refuse(f"no earlier cell defines {name!r}{hint}", line)

    def _in_reference(self, name: str) -> bool:
        return self.course.definition(f"{self.part.module}.{name}") is not None

    def _use_exercise(self, id: str, who: str, line: int | None = None) -> None:
        at = self.course.asked.get(id)
        if at is None:
            if id not in self.course.specs:  # else `check` says that its mark is missing
                self._refuse(f"{who} uses {id}, which no lesson asks", line)
        elif at >= self.here:
            self._refuse(f"{who} uses {id}, which is asked later, at {self.course.place(at)}", line)
        else:
            self.wiring.imports.add(id)

    def _given(self, block: GivenMark) -> None:
        for definition in self._shown(block):
            self._definition(definition, block.names)
        self.available |= dict.fromkeys(block.names, self.part.module)

    def _exercise(self, block: ExerciseMark) -> None:
        id = f"{self.part.module}.{block.name}"
        definition, spec = self.course.definition(id), self.course.specs.get(id)
        if definition is None or spec is None:
            return
        for need in spec.needs:
            self._use_exercise(need, f"exercise {block.name!r}")
        self._definition(definition, (), spec.needs)

    def _definition(
        self, definition: Definition, beside: tuple[str, ...], needs: tuple[str, ...] | None = None
    ) -> None:
        """Finds what a definition uses. `beside`: names of its own cell. `needs`: of its spec, if it is an exercise."""
        for name in definition.free:
            if name in definition.imports:
                continue
            module = definition.course.get(name)
            if self.course.definition(f"{definition.module}.{name}"):
                module = definition.module
            id = f"{module}.{name}"
            who = f"{definition.name!r} ({definition.path}:{definition.line})"
            if module is None:
                self._refuse(f"{who} uses {name!r}, which its file neither defines nor imports by its own name")
            elif self.course.is_exercise(id):
                if needs is None:
                    self._use_exercise(id, who)
                elif id not in needs:
                    self._refuse(f"{who} uses exercise {id}, which `needs` in its spec doesn't name")
            elif name not in beside and self.available.get(name) != module:
                self._helper(id, who)

    def _helper(self, id: str, who: str) -> None:
        name = id.partition(".")[2]
        at = self.course.given.get(id)
        if at is not None and at.part < self.number:
            self._carry(id)
        elif at is not None:
            self._refuse(f"{who} uses {name!r}, which is given later, at {self.course.place(at)}")
        else:
            self._refuse(f"{who} uses the helper {name!r}, which no mark gives; add <!-- given: {name} --> above")

    def _carry(self, id: str) -> None:
        """Repeats a definition that an earlier part gave, with what it uses itself."""
        definition = self.course.definition(id)
        if definition is None or self.available.get(definition.name) == definition.module:
            return
        if definition.name in self.available:
            self._refuse(f"{id} was given in an earlier part, but {definition.name!r} is another name here by now")
            return
        self.available[definition.name] = definition.module
        self._import_for(definition, self.line)
        outer, self.wiring = self.wiring, Wiring()
        self._definition(definition, ())
        outer.carried += [*self.wiring.carried, Carried(definition, frozenset(self.wiring.imports))]
        self.wiring = outer
