"""Reads all lessons, refuses or writes: solutions/notebooks/ (with solutions) and course/ (released)."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from autograder.weave.check import check
from autograder.weave.course import Course, Spec, Specs, read_course
from autograder.weave.markdown import Lesson
from autograder.weave.notebook import Woven, weave
from autograder.weave.problems import Problem, Problems, WeaveError, nearest
from autograder.weave.resolve import resolve

SOURCE, RELEASE = "solutions/notebooks", "course"


def registered(lesson: str) -> Iterable[Spec]:
    """The specs that stand in `autograder/exercises`."""
    from autograder import registry

    return registry.exercises(lesson) if lesson in registry.lessons() else ()


def build(
    root: Path,
    *,
    lessons: Iterable[str] | None = None,
    if_stale: bool = False,
    check_only: bool = False,
    specs: Specs = registered,
) -> list[Path]:
    """Builds the notebooks of a checkout and returns the files written (those whose content changed).

    lessons: names of lessons or parts ("lenet", "lenet_b", "01_lenet"); all if None. if_stale: leave alone what is up
    to date, without asking nbgrader. check_only: write nothing, return what a build would change, leftovers included.
    specs: the exercises of a lesson by its module's name.

    Raises WeaveError, with every problem found, before anything is written.
    """
    woven = _woven(root, lessons, specs)
    if if_stale:
        woven = [item for item in woven if not _is_current(root, item)]
    if not woven:
        return []
    files = _files(root, woven)
    changed = [path for path, text in files.items() if _read(path) != text]
    if check_only:
        return changed + (_leftovers(root, files) if lessons is None else [])
    _write({path: files[path] for path in changed})
    return changed


def sources(root: Path, lessons: Iterable[str], specs: Specs = registered) -> dict[str, str]:
    """The notebooks of lessons ("01_lenet") with their solutions, "01_lenet/01_lenet.ipynb"; writes nothing.

    Raises WeaveError.
    """
    return {item.lesson.notebook: item.text for item in _woven(root, lessons, specs)}


def is_stale(root: Path | None = None) -> bool:
    """Whether a built notebook is missing or older than what it is built from. Raises WeaveError."""
    if root is None:
        from autograder.home import repo_root

        root = repo_root()
    return root is not None and any(not _is_current(root, item) for item in _woven(root, None, registered))


def main(argv: Sequence[str] | None = None) -> int:
    """The command line: `python -m autograder.weave [LESSON …] [--if-stale] [--check]`."""
    parser = argparse.ArgumentParser(prog="p2v weave", description="Builds the notebooks from the lessons.")
    parser.add_argument("lessons", nargs="*", help="names such as lenet or 01_lenet; all if left out")
    parser.add_argument("--if-stale", action="store_true", help="build only what is out of date")
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit with 1 if a build would change a file"
    )
    parser.add_argument("--root", type=Path, default=Path.cwd(), help="the checkout (default: here)")
    options = parser.parse_args(argv)
    root = options.root.resolve()
    try:
        paths = build(root, lessons=options.lessons or None, if_stale=options.if_stale, check_only=options.check)
    except WeaveError as error:
        print(error, file=sys.stderr)
        count = len(error.problems)
        print(f"\n{count} problem{'s' if count > 1 else ''}; nothing was written", file=sys.stderr)
        return 1
    for path in paths:
        print(f"{'differs from a fresh build' if options.check else 'built'}: {path.relative_to(root).as_posix()}")
    if not paths:
        print("the notebooks are up to date")
    return 1 if options.check and paths else 0


def _woven(root: Path, lessons: Iterable[str] | None, specs: Specs) -> list[Woven]:
    problems = Problems()
    course = read_course(root, specs, problems)
    chosen = _chosen(course, lessons, problems)
    check(course, problems)
    resolved = [resolve(course, number, problems) for number in range(len(course.parts))]
    found = problems.found if lessons is None else problems.of(_paths(course, chosen))
    if found:
        raise WeaveError(found)
    pairs = zip(course.parts, resolved, strict=True)
    return [weave(course, part, names) for part, names in pairs if part in chosen]


def _chosen(course: Course, lessons: Iterable[str] | None, problems: Problems) -> list[Lesson]:
    if not course.parts and not problems.found:
        raise WeaveError([Problem("solutions", 0, "no lessons here (*.md); a class release has no sources to build")])
    if lessons is None:
        return list(course.parts)
    chosen: list[Lesson] = []
    known = {name for part in course.parts for name in _names(part)}
    for wanted in lessons:
        found = [part for part in course.parts if wanted in _names(part)]
        if not found and not any(problem.path == f"solutions/{wanted}.md" for problem in problems.found):
            raise WeaveError([Problem("solutions", 0, f"no lesson is called {wanted!r}{nearest(wanted, known)}")])
        if not found:
            raise WeaveError(problems.of([f"solutions/{wanted}.md"]))
        chosen += [part for part in found if part not in chosen]
    return chosen


def _names(part: Lesson) -> tuple[str, ...]:
    folder, _, file = part.notebook.partition("/")
    return part.name, part.module, folder, file.removesuffix(".ipynb")


def _paths(course: Course, chosen: list[Lesson]) -> set[str]:
    """The files whose problems concern the chosen parts."""
    modules = {part.module for part in chosen}
    references = [course.references[module] for module in modules if module in course.references]
    paths = {path for reference in references for path in reference.paths}
    paths |= {f"autograder/exercises/{module}" for module in modules}
    return paths | {part.path for part in course.parts if part.module in modules}


@dataclass(frozen=True)
class _Places:
    source: Path
    release: Path


def _places(root: Path, item: Woven) -> _Places:
    return _Places(root / SOURCE / item.lesson.notebook, root / RELEASE / item.lesson.notebook)


def _is_current(root: Path, item: Woven) -> bool:
    places = _places(root, item)
    if _read(places.source) != item.text:
        return False
    try:
        metadata = json.loads(_read(places.release) or "{}")["metadata"]["pixels_to_voxels"]
    except (ValueError, KeyError):
        return False
    return bool(metadata.get("digest") == item.digest)


def _files(root: Path, woven: list[Woven]) -> dict[Path, str]:
    """What is to be written, checked."""
    from autograder.weave.release import release

    problems = Problems()
    released = release(woven, problems)
    if problems.found:
        raise WeaveError(problems.found)
    files: dict[Path, str] = {}
    for item in woven:
        places = _places(root, item)
        files |= {places.source: item.text, places.release: released[item.lesson.notebook]}
    return files


def _leftovers(root: Path, files: Iterable[Path]) -> list[Path]:
    """Notebooks that no lesson makes, and files that nbgrader would copy into a release."""
    present = [*(root / SOURCE).rglob("*"), *(root / RELEASE).rglob("*.ipynb")]
    wanted = set(files)
    return sorted(
        path for path in present if path.is_file() and path not in wanted and ".ipynb_checkpoints" not in path.parts
    )


def _read(path: Path) -> str | None:
    return path.read_bytes().decode("utf-8") if path.is_file() else None


def _write(files: dict[Path, str]) -> None:
    """Writes all files beside their places, then renames them."""
    aside = {path: path.with_name(f".{path.name}.{os.getpid()}.tmp") for path in files}
    try:
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            aside[path].write_bytes(text.encode("utf-8"))
        for path, new in aside.items():
            os.replace(new, path)
    finally:
        for new in aside.values():
            new.unlink(missing_ok=True)
