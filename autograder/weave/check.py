"""Refusals that concern marks, functions and specs as a whole; names in cells are `resolve`'s."""

from __future__ import annotations

from collections.abc import Iterator

from autograder.weave.course import Course
from autograder.weave.markdown import Lesson
from autograder.weave.markers import CannotAsk, asked
from autograder.weave.marks import ExerciseMark, GivenMark, Question
from autograder.weave.problems import Problems, nearest


def check(course: Course, problems: Problems) -> None:
    """Collects what is wrong with marks, functions, specs and ids."""
    _duplicate_notebooks(course, problems)
    _duplicate_ids(course, problems)
    for part in course.parts:
        for block in part.blocks:
            if isinstance(block, ExerciseMark):
                _exercise(course, part, block, problems)
            elif isinstance(block, GivenMark):
                _given(course, part, block, problems)
    for module in course.references:
        _unmarked_functions(course, module, problems)
    _unmarked_specs(course, problems)


def _where(course: Course, module: str) -> str:
    return f"solutions/{module}" if len(course.references[module].paths) > 1 else course.references[module].paths[0]


def _exercise(course: Course, part: Lesson, mark: ExerciseMark, problems: Problems) -> None:
    reference = course.references.get(part.module)
    if reference is None:
        return
    definition = reference.definitions.get(mark.name)
    if definition is None:
        known = nearest(mark.name, reference.definitions)
        where = _where(course, part.module)
        problems.add(part.path, mark.line, f"exercise mark {mark.name!r} has no function in {where}{known}")
        return
    try:
        asked(definition, mark)
    except CannotAsk as reason:
        problems.add(part.path, mark.line, f"exercise mark {mark.name!r}: {reason}")
    if f"{part.module}.{mark.name}" not in course.specs:
        names = [id.partition(".")[2] for id in course.specs if id.startswith(f"{part.module}.")]
        where = f"autograder/exercises/{part.module}"
        problems.add(
            part.path, mark.line, f"exercise mark {mark.name!r} has no spec in {where}{nearest(mark.name, names)}"
        )


def _given(course: Course, part: Lesson, mark: GivenMark, problems: Problems) -> None:
    reference = course.references.get(part.module)
    for name in mark.names if reference else ():
        assert reference is not None
        if name not in reference.definitions:
            known = nearest(name, reference.definitions)
            where = _where(course, part.module)
            problems.add(part.path, mark.line, f"given mark {name!r} has no definition in {where}{known}")
        if f"{part.module}.{name}" in course.specs:
            problems.add(part.path, mark.line, f"{name!r} has a spec, so it is asked; it can't be given")


def _marked(course: Course) -> Iterator[tuple[str, str, int]]:
    """Every id that a mark makes, with its file and line."""
    for part in course.parts:
        for block in part.blocks:
            if isinstance(block, GivenMark):
                yield from ((f"{part.module}.{name}", part.path, block.line) for name in block.names)
            elif isinstance(block, ExerciseMark):
                yield f"{part.module}.{block.name}", part.path, block.line
            elif isinstance(block, Question):
                yield f"question {part.module}.{block.name}", part.path, block.line


def _duplicate_ids(course: Course, problems: Problems) -> None:
    first: dict[str, str] = {}
    exercises: dict[str, str] = {}
    for id, path, line in _marked(course):
        if id in first:
            problems.add(path, line, f"{id} has a mark already, at {first[id]}")
            continue
        first[id] = f"{path}:{line}"
        if id in course.asked:
            other = exercises.setdefault(id.partition(".")[2], id)
            if other != id:
                problems.add(path, line, f"{id} and {other} have one name; exercise names are unique in the course")


def _duplicate_notebooks(course: Course, problems: Problems) -> None:
    first: dict[str, str] = {}
    for part in course.parts:
        file_name = part.notebook.rpartition("/")[2]
        other = first.setdefault(file_name, part.path)
        if other != part.path:
            problems.add(part.path, 1, f"{other} makes a notebook called {file_name} too")


def _parts(course: Course, module: str) -> str:
    return " or ".join(part.path for part in course.parts if part.module == module)


def _unmarked_functions(course: Course, module: str, problems: Problems) -> None:
    for name, definition in course.references[module].definitions.items():
        id = f"{module}.{name}"
        if name.startswith("_") or definition.kind == "value" or id in course.given or course.is_exercise(id):
            continue  # a spec without mark is told as such
        problems.add(
            definition.path,
            definition.line,
            f"{definition.kind} {name!r} has no mark in {_parts(course, module)}; "
            f"add <!-- exercise: {name} --> or <!-- given: {name} -->, or call it _{name}",
        )


def _unmarked_specs(course: Course, problems: Problems) -> None:
    for id in course.specs:
        module, _, name = id.partition(".")
        if id not in course.asked:
            where = _parts(course, module)
            message = f"exercise {id} has no mark in {where}; add <!-- exercise: {name} -->"
            problems.add(f"autograder/exercises/{module}", 0, message)
