"""A class's private case pack: further cases, a seed, points, and which exercises are asked.

It lies in a folder outside the public repository (see docs/classroom.md):

    pack.toml   name, seed, [points], [weights], [exercises]
    cases.py    CASES = {"lenet.conv2d": function(rng) that yields cases}
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
import tomllib
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from autograder import registry
from autograder.judge import expected_outputs
from autograder.spec import Case, Exercise, Golden, Rng, SpecError
from autograder.spec.exercise import Cases

VARIABLE = "P2V_PACK"
SETTINGS, CASES = "pack.toml", "cases.py"
KEYS = {"name": str, "seed": int, "points": dict, "weights": dict, "exercises": dict}
Rooms = Mapping[str, Sequence[str]]


class PackError(SpecError):
    """A pack that can't be used; the message says file, expected and got."""


@dataclass(frozen=True)
class Pack:
    """What a class changes about grading; an empty one changes nothing.

    seed: of the cases in grading, or None for a fresh one. points: by exercise id. weights: factors of the course's
    own points. exercises: the ids asked, by lesson ("lenet"); a lesson that isn't named asks for all.
    cases: private ones by exercise id. digest: of the pack's files, which says whether two gradings used the same.
    """

    name: str = ""
    seed: int | None = None
    points: Mapping[str, int] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)
    exercises: Rooms = field(default_factory=dict)
    cases: Mapping[str, Cases] = field(default_factory=dict)
    digest: str = ""
    _applied: dict[str, tuple[Exercise, Exercise]] = field(default_factory=dict, repr=False, compare=False)

    @staticmethod
    def load(folder: Path | str) -> Pack:
        """The pack in a folder, tried out: each private case runs on the exercise's oracle. Raises PackError."""
        place = Path(folder).expanduser().resolve()
        settings = _settings(place / SETTINGS)
        pack = Pack(
            name=settings.get("name", place.name),
            seed=settings.get("seed"),
            points=_points(place / SETTINGS, settings.get("points", {})),
            weights=_weights(place / SETTINGS, settings.get("weights", {})),
            exercises=_asked(place / SETTINGS, settings.get("exercises", {})),
            cases=_cases(place / CASES),
            digest=_digest(place),
        )
        for exercise_id in pack.cases:
            _try_out(pack.applied(registry.find(exercise_id)), registry.find(exercise_id), place / CASES)
        return pack

    def asks(self, exercise: Exercise) -> bool:
        """Whether the class is asked for an exercise; one that isn't may be done, and counts 0 of 0."""
        chosen = self.exercises.get(exercise.lesson)
        return chosen is None or exercise.id in chosen

    def points_of(self, exercise: Exercise) -> int:
        """What an exercise is worth in this class; 0 if it isn't asked."""
        if not self.asks(exercise):
            return 0
        return self.points.get(exercise.id, max(1, round(exercise.points * self.weights.get(exercise.id, 1.0))))

    def applied(self, exercise: Exercise) -> Exercise:
        """The exercise as this class is graded on it: its own cases, then the private ones, and the class's points.

        One that isn't asked keeps its points, since an exercise has at least one: ask `asks` first.
        """
        own = self.cases.get(exercise.id)
        before, found = self._applied.get(exercise.id, (None, exercise))
        if before is not exercise:  # always the same object, so that what is worked out for it can be kept
            own = self.cases.get(exercise.id)
            found = replace(exercise, points=self.points_of(exercise) or exercise.points)
            found = found if own is None else replace(found, cases=_both(exercise.cases, own))
            self._applied[exercise.id] = exercise, found
        return found


NO_PACK = Pack()


def chosen(folder: Path | str = "") -> Pack:
    """The pack in `folder`, else in the one that P2V_PACK names, else an empty one. Raises PackError."""
    named = str(folder) or os.environ.get(VARIABLE, "").strip()
    return _loaded(str(Path(named).expanduser().resolve())) if named else NO_PACK


def use(folder: Path | str, *, if_none: bool = False) -> Pack:
    """Chooses a pack for this process and those it starts; the pack that is then in use.

    "" leaves the choice as it is; so does if_none where there is one already. Raises PackError.
    """
    if str(folder) and not (if_none and os.environ.get(VARIABLE, "").strip()):
        os.environ[VARIABLE] = str(Path(folder).expanduser().resolve())
    return chosen()


def from_settings(named: str, course: Path) -> str:
    """The folder that a course's settings name, a relative one as seen from the course folder; "" for none."""
    return str(course.resolve() / Path(named).expanduser()) if named else ""


@lru_cache(maxsize=8)
def _loaded(folder: str) -> Pack:
    return Pack.load(folder)


def _both(public: Cases, private: Cases) -> Cases:
    def cases(rng: Rng) -> Iterator[Case]:
        """Public cases first: the same seed draws the same ones with and without a pack."""
        yield from public(rng)
        for case in private(rng):
            if not isinstance(case, Case):
                raise SpecError(f"expected cases, got {type(case).__name__}")
            yield replace(case, hidden=True)

    return cases


def _settings(path: Path) -> dict[str, Any]:
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PackError(f"{path}: expected a case pack's settings here, but there is no such file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PackError(f"{path}: this is no valid TOML: {error}") from None
    for key, value in found.items():
        if key not in KEYS:
            raise PackError(f"{path}: expected the keys {', '.join(KEYS)}, got {key!r}")
        if not isinstance(value, KEYS[key]) or isinstance(value, bool):
            word = {dict: f"a table [{key}]", int: "a whole number", str: "a text"}[KEYS[key]]
            raise PackError(f"{path}: {key}: expected {word}, got {value!r}")
    if not 0 <= found.get("seed", 0) < 2**31:
        raise PackError(f"{path}: seed: expected a whole number from 0 to {2**31 - 1}, got {found['seed']}")
    return found


def _known(path: Path, where: str, name: str) -> Exercise:
    try:
        return registry.find(name)
    except registry.UnknownExercise as error:
        raise PackError(f"{path}: {where}: expected an exercise's id, got {name!r}: {error}") from None


def _points(path: Path, given: Mapping[str, Any]) -> dict[str, int]:
    found: dict[str, int] = {}
    for name, value in _flat(given):
        if type(value) is not int or value < 1:
            raise PackError(f"{path}: [points] {name}: expected a whole number from 1, got {value!r}")
        found[_known(path, "[points]", name).id] = value
    return found


def _weights(path: Path, given: Mapping[str, Any]) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, value in _flat(given):
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1000:
            raise PackError(f"{path}: [weights] {name}: expected a number above 0, got {value!r}")
        found[_known(path, "[weights]", name).id] = float(value)
    return found


def _flat(given: Mapping[str, Any], head: str = "") -> Iterator[tuple[str, Any]]:
    """TOML reads lenet.conv2d = 5 without quotes as a table in a table; both ways of writing are taken."""
    for name, value in given.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{head}{name}.")
        else:
            yield f"{head}{name}", value


def _asked(path: Path, given: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for lesson, names in given.items():
        if lesson not in registry.lessons():
            raise PackError(f"{path}: [exercises]: expected one of {', '.join(registry.lessons())}, got {lesson!r}")
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise PackError(f"{path}: [exercises] {lesson}: expected a list of exercises, got {names!r}")
        items = [_known(path, f"[exercises] {lesson}", name) for name in names]
        for item in items:
            if item.lesson != lesson:
                raise PackError(f"{path}: [exercises] {lesson}: expected exercises of {lesson}, got {item.id}")
        found[lesson] = tuple(item.id for item in items)
    return found


def _cases(path: Path) -> dict[str, Callable[[Rng], Iterable[Case]]]:
    if not path.is_file():
        return {}
    spec = importlib.util.spec_from_file_location(f"p2v_pack_{_digest(path.parent)}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise PackError(f"{_place(path, error)}: {type(error).__name__}: {error}") from None
    given = getattr(module, "CASES", None)
    if not isinstance(given, Mapping):
        raise PackError(f"{path}: expected CASES, a dictionary of functions by exercise id, got {type(given).__name__}")
    found = {}
    for name, function in given.items():
        if not callable(function):
            raise PackError(f"{path}: CASES[{name!r}]: expected a function of rng, got {function!r}")
        found[_known(path, "CASES", str(name)).id] = function
    return found


def _place(path: Path, error: BaseException) -> str:
    """The file, and its line where the error says so."""
    lines = [item.lineno for item in traceback.extract_tb(error.__traceback__) if Path(item.filename) == path]
    line = error.lineno if isinstance(error, SyntaxError) else lines[-1] if lines else None
    return f"{path}, line {line}" if line else str(path)


def _try_out(exercise: Exercise, public: Exercise, path: Path) -> None:
    """Refuses private cases that can't be judged, before anything is graded on them."""
    where = f"CASES[{exercise.id!r}]"
    taken = {case.name for case in public.cases(Rng(0))}
    try:
        cases = list(exercise.cases(Rng(0)))[len(taken) :]
    except Exception as error:
        raise PackError(f"{_place(path, error)}: {where}: {type(error).__name__}: {error}") from None
    if not cases:
        raise PackError(f"{path}: {where}: expected at least one case, got none")
    for case in cases:
        if case.name in taken:
            raise PackError(f"{path}: {where}: expected a name of its own for each case, got {case.name!r} again")
        taken.add(case.name)
        _expected(exercise, case, f"{path}: {where}, case {case.name!r}")


def _expected(exercise: Exercise, case: Case, where: str) -> None:
    if isinstance(exercise.oracle, Golden) and not case.expect:
        raise PackError(f"{where}: {exercise.id} has recorded results; say what this case expects (expect=…)")
    try:
        expected_outputs(exercise, case, torch.device("cpu"))
    except SpecError as error:
        raise PackError(f"{where}: {error}") from None


def _digest(folder: Path) -> str:
    texts = [path.read_bytes() for name in (SETTINGS, CASES) if (path := folder / name).is_file()]
    return hashlib.sha256(b"\0".join(texts)).hexdigest()[:16]
