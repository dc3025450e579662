"""Where things are: the checkout, the released course, and the student's workspace."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

MARKER = ".p2v-workspace"
_MARKER_TEXT = "This folder is a Pixels to Voxels workspace. Keep this file: the course finds the folder by it.\n"


class CourseNotFoundError(FileNotFoundError):
    """The released notebooks are neither in a checkout nor in the installed package."""


def _beside_package() -> Path:
    return Path(__file__).resolve().parent.parent


def repo_root() -> Path | None:
    """The checkout this package runs from (it has solutions/ and pyproject.toml), or None when installed."""
    folder = _beside_package()
    return folder if (folder / "pyproject.toml").is_file() and (folder / "solutions").is_dir() else None


def find_course() -> Path:
    """The folder of released notebooks, `LESSON/NOTEBOOK.ipynb`.

    A checkout's `course/` comes first (also in a class release without solutions/), then the installed `p2v_course`.
    Raises CourseNotFoundError when there is neither.
    """
    folder = _beside_package()
    if (folder / "pyproject.toml").is_file() and (folder / "course").is_dir():
        return folder / "course"
    spec = importlib.util.find_spec("p2v_course")
    for place in (spec.submodule_search_locations if spec else None) or []:
        if Path(place).is_dir():
            return Path(place)
    raise CourseNotFoundError(
        f"no released notebooks: looked for {folder / 'course'} and for the installed package p2v_course. "
        "In a checkout `p2v weave` builds them; otherwise install the course again with `pip install .`."
    )


def find_workspace(start: Path | None = None) -> Path:
    """The student's folder; it may not exist yet.

    In this order: the variable P2V_WORKSPACE, the nearest folder upwards from `start` (default: where we are) that
    holds the marker file, the checkout's workspace/ if `start` lies in the checkout, `pixels-to-voxels` in the home
    folder.
    """
    chosen = os.environ.get("P2V_WORKSPACE", "").strip()
    if chosen:
        return Path(chosen).expanduser().resolve()
    here = (start or Path.cwd()).resolve()
    above = [here, *here.parents]
    for folder in above:
        if (folder / MARKER).is_file():
            return folder
    root = repo_root()
    return root / "workspace" if root in above and root is not None else Path.home() / "pixels-to-voxels"


def prepare_workspace(course: Path, workspace: Path) -> list[Path]:
    """Give the workspace a working copy of each notebook that it lacks, and its marker file.

    Returns the copies made. What exists is never touched, whatever is in it. Raises ValueError when two lessons
    have a notebook of one name, since both can't become the same working copy.
    """
    sources = _notebooks(course)
    workspace.mkdir(parents=True, exist_ok=True)
    _place(_MARKER_TEXT.encode(), workspace / MARKER)
    return [workspace / name for name, source in sources.items() if _place_copy(source, workspace / name)]


def _notebooks(course: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for source in sorted(course.glob("*/*.ipynb")):
        if source.parent.name.startswith("."):
            continue
        if source.name in found:
            raise ValueError(f"two notebooks are called {source.name}: {found[source.name]} and {source}. Rename one.")
        found[source.name] = source
    return found


def _place_copy(source: Path, target: Path) -> bool:
    return not os.path.lexists(target) and _place(source.read_bytes(), target)


def _place(content: bytes, target: Path) -> bool:
    """Write a new file whole or not at all. False if `target` exists, which is then left as it is."""
    aside = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        aside.write_bytes(content)
        return _move_without_overwriting(aside, target)
    finally:
        aside.unlink(missing_ok=True)


def _move_without_overwriting(aside: Path, target: Path) -> bool:
    try:
        os.link(aside, target)
    except FileExistsError:
        return False
    except OSError:  # a file system without hard links
        return _rename_without_overwriting(aside, target)
    return True


def _rename_without_overwriting(aside: Path, target: Path) -> bool:
    if os.path.lexists(target):
        return False
    try:
        os.rename(aside, target)
    except FileExistsError:  # Windows refuses to rename onto a file
        return False
    return True
