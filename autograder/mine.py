"""The student's own library: accepted answers, imported as `from mine.lenet import conv2d`.

What isn't accepted yet comes from the reference, with a notice; where there is no reference, the import says
which exercise to solve.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from autograder import registry
from autograder.files import write_whole
from autograder.spec import Exercise

PACKAGE = "mine"
Reference = Callable[[str, str], Any]  # (lesson, name) -> the reference's object; LookupError if there is none


class NotSolvedYet(ImportError):
    """An exercise is needed that isn't solved, and no reference is installed to stand in."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


class Library:
    """A workspace's `mine` folder. `notify` shows one line to the student."""

    def __init__(
        self,
        folder: Path,
        reference: Reference | None,
        notify: Callable[[str], None] = print,
    ) -> None:
        self.folder = folder
        self._reference = reference
        self._notify = notify
        self._noticed: set[str] = set()
        self._loaded: dict[Path, tuple[int, Any]] = {}

    def path(self, exercise: Exercise) -> Path:
        """Where an accepted answer lies."""
        return self.folder / exercise.lesson / f"{exercise.name}.py"

    def has(self, exercise: Exercise) -> bool:
        """Whether the student's answer was accepted and saved."""
        return self.path(exercise).is_file()

    def save(self, exercise: Exercise, source: str) -> Path:
        """Writes an accepted answer, whole or not at all."""
        path = self.path(exercise)
        write_whole(f'"""Your accepted {exercise.id}."""\n\n{source}'.encode(), path)
        return path

    def own(self, exercise: Exercise) -> Any | None:
        """The student's accepted object; None where there is none, or (with a notice) none that can be loaded."""
        if not self.has(exercise):
            return None
        try:
            return self._loaded_from(self.path(exercise), exercise)
        except Exception as error:
            self._notify_once(
                exercise,
                f"{exercise.id} was accepted once, but {self.path(exercise)} can't be loaded any more "
                f"({type(error).__name__}: {error}). Run its cell and its check again; that writes the file anew.",
            )
            return None

    def get(self, lesson: str, name: str) -> Any:
        """The student's accepted object, else the reference's, else NotSolvedYet."""
        exercise = next((item for item in registry.exercises(lesson) if item.name == name), None)
        own = self.own(exercise) if exercise is not None else None
        if own is not None:
            return own
        try:
            if self._reference is None:
                raise LookupError
            found = self._reference(lesson, name)
        except LookupError:
            raise NotSolvedYet(
                f"{lesson}.{name} is needed here and isn't solved yet: solve it first (check({name}) accepts it)."
            ) from None
        if exercise is not None:
            self._notify_once(exercise, f"{exercise.id} isn't accepted yet: this cell runs on the reference.")
        return found

    def _notify_once(self, exercise: Exercise, text: str) -> None:
        if exercise.id not in self._noticed:
            self._noticed.add(exercise.id)
            self._notify(text)

    def _loaded_from(self, path: Path, exercise: Exercise) -> Any:
        """What the file defines, read anew when it changed. No bytecode is kept: its stamp counts whole seconds."""
        stamp = path.stat().st_mtime_ns
        known = self._loaded.get(path)
        if known is None or known[0] != stamp:
            module = ModuleType(f"{PACKAGE}.{exercise.lesson}.{exercise.name}__module")
            module.__file__ = str(path)
            sys.modules[module.__name__] = module
            exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), module.__dict__)
            known = self._loaded[path] = (stamp, getattr(module, exercise.name))
        return known[1]


class _Lesson(ModuleType):
    """`mine.lenet`: each name is looked up when it is imported, so a newly accepted answer is seen at once."""

    def __init__(self, name: str, library: Library) -> None:
        super().__init__(name)
        self.__path__: list[str] = []
        self._library = library

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._library.get(self.__name__.partition(".")[2], name)


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds `mine` and `mine.LESSON`; nothing of that name needs to be on the path."""

    def __init__(self, library: Library) -> None:
        self._library = library

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        head, _, lesson = fullname.partition(".")
        if head != PACKAGE or (lesson and lesson not in registry.lessons()):
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        if spec.name == PACKAGE:
            return ModuleType(PACKAGE, __doc__)
        return _Lesson(spec.name, self._library)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing to run: names are looked up on demand."""


def install(library: Library) -> None:
    """Makes `from mine.lenet import …` work in this process; replaces an earlier installation."""
    sys.meta_path[:] = [item for item in sys.meta_path if not isinstance(item, _Finder)]
    for name in [name for name in sys.modules if name == PACKAGE or name.startswith(f"{PACKAGE}.")]:
        del sys.modules[name]
    sys.meta_path.insert(0, _Finder(library))
