"""Where a class's files lie: as its nbgrader_config.py says, else where nbgrader puts them by itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from autograder import home, packs

CONFIG = "nbgrader_config.py"
GRADEBOOK = "gradebook.db"


@dataclass(frozen=True)
class Places:
    """A lesson's files. submitted: each student's folder.

    released: the notebooks as this class got them, else the course's own. gradebook: a file that may not be there.
    """

    submitted: Mapping[str, Path]
    released: tuple[Path, ...]
    gradebook: Path


def places(course: Path, lesson: str) -> Places:
    """Reads the settings of a course folder, and chooses the case pack that they name. Raises PackError."""
    if not (course / CONFIG).is_file():
        submitted = _students(course / "submitted" / "*" / lesson)
        return Places(submitted, _released(course / "release" / lesson, lesson), course / GRADEBOOK)
    from autograder.classroom import Classroom

    room = Classroom(course)
    packs.use(room.pack_folder, if_none=True)
    return Places(
        _students(room.place("submitted", lesson, "*")),
        _released(room.place("release", lesson), lesson),
        _file(str(room.course.db_url), course),
    )


def _students(pattern: Path) -> dict[str, Path]:
    """The folders that a path with one star means, by what stands for the star."""
    at = next(place for place, part in enumerate(pattern.parts) if "*" in part)
    student = re.compile(re.escape(pattern.parts[at]).replace(r"\*", "(.+)"))
    found = Path(*pattern.parts[:at]).glob("/".join(pattern.parts[at:]))
    named = ((student.fullmatch(path.parts[at]), path) for path in found if path.is_dir())
    return {name[1]: path for name, path in named if name}


def _released(folder: Path, lesson: str) -> tuple[Path, ...]:
    found = sorted(folder.glob("*.ipynb"))
    if not found:
        try:
            found = sorted((home.find_course() / lesson).glob("*.ipynb"))
        except home.CourseNotFoundError:
            return ()
    return tuple(found)


def _file(address: str, course: Path) -> Path:
    """The file of an SQLite database; another kind of database has none that could be read."""
    from sqlalchemy.engine import make_url

    url = make_url(address)
    is_file = url.get_backend_name() == "sqlite" and url.database
    return course / str(url.database) if is_file else course / GRADEBOOK
