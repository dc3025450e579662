"""A released lesson in copies for single students, whose checks draw other practice cases for each.

Only practice differs: the copies ask the same, and grading draws cases of its own for everyone.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from nbformat.v4 import new_code_cell

from autograder.classroom import Classroom, ClassroomError
from autograder.files import write_whole
from autograder.notebook import METADATA, read
from autograder.weave.notebook import written

FOLDER, SECRET = "handout", Path(".p2v") / "practice-secret"


def hand_out(room: Classroom, lesson: str, students: Iterable[str]) -> list[Path]:
    """Writes each student's copy of a released lesson to handout/STUDENT/LESSON; the copies.

    A student's seed is always the same, and none can be told from another's. Raises ClassroomError without students.
    """
    chosen = sorted(set(students))
    if not chosen:
        raise ClassroomError(
            "For whom? Name the students in a file, one id a line (--students FILE), "
            "or enter them in the gradebook: nbgrader db student add ID"
        )
    secret = _secret(room.folder / SECRET)
    copies = []
    for source in sorted(room.place("release", lesson).glob("*.ipynb")):
        for student in chosen:
            copy = room.folder / FOLDER / student / lesson / source.name
            seed = seed_for(secret, lesson, student)
            write_whole(written(with_seed(read(source), seed)).encode(), copy)
            copies.append(copy)
    return copies


def with_seed(notebook: Any, seed: int) -> Any:
    """The notebook with one more cell below its imports, which sets the seed of its practice cases."""
    ours = notebook.metadata[METADATA]
    roles = [(cell.metadata.get(METADATA) or {}).get("role") for cell in notebook.cells]
    marks = {METADATA: {"role": "practice"}, "deletable": False, "editable": False}
    source = f'start("{ours["lesson"]}", seed={seed})  # your own practice cases'
    notebook.cells.insert(roles.index("imports") + 1, new_code_cell(source, id="practice-seed", metadata=marks))
    return notebook


def seed_for(secret: str, lesson: str, student: str) -> int:
    """A student's seed."""
    text = "\0".join([secret, lesson, student])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1


def read_students(path: Path) -> list[str]:
    """Ids from a file, one a line; of a line with commas, what stands before the first. Raises ClassroomError."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ClassroomError(f"{path}: expected a list of students, one id a line: {error}") from None
    found = [line.partition(",")[0].strip() for line in lines]
    found = [name for name in found if name and not name.startswith("#") and name not in ("id", "student_id")]
    for name in found:
        if "/" in name or "\\" in name or name.startswith("."):
            raise ClassroomError(f"{path}: expected an id that a folder can be called by, got {name!r}")
    return found


def _secret(path: Path) -> str:
    if not path.is_file():
        write_whole(secrets.token_hex(16).encode(), path)
        path.chmod(0o600)
    return path.read_text(encoding="ascii")
