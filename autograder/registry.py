"""Finds exercises: every package under `autograder/exercises` is a lesson, every `EXERCISES` in it holds specs."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Iterator
from functools import cache, lru_cache

import autograder.exercises
from autograder.spec import Exercise, SpecError


class UnknownExercise(LookupError):
    """No exercise has this name; the message offers the nearest."""


@lru_cache(maxsize=1)
def lessons() -> tuple[str, ...]:
    """Module names of the lessons that have exercises."""
    return tuple(sorted(item.name for item in pkgutil.iter_modules(autograder.exercises.__path__) if item.ispkg))


@cache
def number(lesson: str) -> int:
    """Where a lesson stands in the course, counted from 0: the `NUMBER` of its package."""
    return int(importlib.import_module(f"autograder.exercises.{lesson}").NUMBER)


@cache
def exercises(lesson: str) -> tuple[Exercise, ...]:
    """A lesson's exercises, in the notebooks' order, which is the `ORDER` of its package."""
    if lesson not in lessons():
        raise UnknownExercise(f"no lesson is called {lesson!r}; there are {', '.join(lessons())}")
    found = tuple(_collect(lesson))
    known: dict[str, Exercise] = {}
    for item in found:
        if item.lesson != lesson:
            raise SpecError(f"{item.id} stands in the package of lesson {lesson!r}")
        if item.id in known:
            raise SpecError(f"{item.id} is registered twice")
        known[item.id] = item
    order = [f"{lesson}.{name}" for name in importlib.import_module(f"autograder.exercises.{lesson}").ORDER]
    if sorted(order) != sorted(known):
        odd = ", ".join(sorted(set(order) ^ set(known)))
        raise SpecError(f"ORDER of lesson {lesson!r} must name each of its exercises once; look at {odd or 'repeats'}")
    return tuple(known[name] for name in order)


def _collect(lesson: str) -> Iterator[Exercise]:
    package = importlib.import_module(f"autograder.exercises.{lesson}")
    for item in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{item.name}")
        yield from getattr(module, "EXERCISES", ())


@lru_cache(maxsize=1)
def all_exercises() -> tuple[Exercise, ...]:
    """Every exercise of the course; names are unique, so that `check(conv2d)` finds its own."""
    found = tuple(item for lesson in lessons() for item in exercises(lesson))
    names: dict[str, str] = {}
    for item in found:
        other = names.setdefault(item.name, item.id)
        if other != item.id:
            raise SpecError(f"{item.id} and {other} have the same name; names are unique in the course")
    return found


def find(name: str) -> Exercise:
    """The exercise with this id ("lenet.conv2d") or name ("conv2d"); case doesn't matter."""
    name = name.strip()
    for item in all_exercises():
        if name.lower() in (item.id.lower(), item.name.lower()):
            return item
    known = [item.id for item in all_exercises()] + [item.name for item in all_exercises()]
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    offer = f"; did you mean {' or '.join(near)}?" if near else ""
    raise UnknownExercise(f"no exercise is called {name!r}{offer or '.'}")
