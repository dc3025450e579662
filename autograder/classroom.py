"""A class without JupyterHub: a course folder, and nbgrader's own steps from release to feedback run in it."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import logging
import re
import shutil
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import nbformat
from nbgrader.api import Gradebook
from nbgrader.apps import NbGrader
from nbgrader.converters import GenerateAssignment, GenerateFeedback
from nbgrader.exchange import ExchangeFactory
from nbgrader.utils import capture_log
from traitlets.config import Config

from autograder import home, packs, references, registry
from autograder.files import write_whole
from autograder.notebook import METADATA
from autograder.packs import Pack
from autograder.spec import Exercise
from autograder.weave import sources
from autograder.weave.notebook import written
from p2v_data import UserError

CONFIG = "nbgrader_config.py"
REPLACED = Path(".p2v") / "replaced"  # in the course folder
PRIVATE = ("source", "submitted", "autograded", "feedback", ".p2v")
COURSE_ID = re.compile(r"[A-Za-z0-9][\w.-]*")

SETTINGS = '''"""This class's settings for nbgrader, by `p2v classroom init`. What you add below the call wins."""

from autograder.nbgrader_settings import configure

c = get_config()
configure(c, course_id="{course_id}")
# c.Exchange.root = "/srv/nbgrader/exchange"      # where students fetch and submit, if you have such a folder
# c.JudgeExercises.pack = "/home/me/autumn-pack"  # private cases, points and a choice of exercises
'''
IGNORED = """# Answers, students' work and marks
source/
submitted/
autograded/
feedback/
handout/
gradebook.db*
*.csv
.p2v/
"""
README = """# A class of Pixels to Voxels

In this folder, with the course's environment switched on:

    p2v classroom release 01_lenet     # notebooks without solutions, in release/01_lenet
    p2v classroom collect 01_lenet --from DOWNLOAD.zip
    p2v classroom grade 01_lenet
    p2v classroom feedback 01_lenet    # an HTML page for each notebook, in feedback/
    p2v classroom export 01_lenet --format canvas

`nbgrader formgrader`, `nbgrader autograde` and all its other commands work here too.
source/ holds the answers: keep this folder to yourself.
"""


class ClassroomError(UserError):
    """Something that an instructor can mend; the message says how."""


@dataclass(frozen=True)
class Asked:
    """What weaving reads of an exercise: with a pack, the class's own points (0: for practice)."""

    id: str
    points: int
    minutes: int
    needs: tuple[str, ...]


def init(folder: Path, course_id: str = "p2v") -> tuple[list[Path], list[Path]]:
    """Makes a course folder, or completes one: the files made, and those that were there and stay as they are.

    Raises ClassroomError for a course id that nbgrader can't use, or where the answers aren't installed.
    """
    if not COURSE_ID.fullmatch(course_id):
        raise ClassroomError(f"course id: expected letters, digits, dots, - and _, got {course_id!r}")
    texts = {CONFIG: SETTINGS.format(course_id=course_id), ".gitignore": IGNORED, "README.md": README}
    texts |= {f"source/{place}": text for place, text in woven(lessons()).items()}
    made, kept = [], []
    folder.mkdir(parents=True, exist_ok=True)
    for name in PRIVATE:
        place = folder / name
        if not place.exists():
            place.mkdir(mode=0o700)
    for name, text in texts.items():
        place = folder / name
        if place.exists():
            kept.append(place)
        else:
            write_whole(text.encode(), place)
            made.append(place)
    return made, kept


def lessons() -> list[str]:
    """The lessons that can be released, "01_lenet"."""
    return sorted({path.parent.name for path in home.find_course().glob("[!.]*/*.ipynb")})


def woven(lessons: Iterable[str], pack: Pack | None = None) -> dict[str, str]:
    """Lessons' notebooks with their solutions, "01_lenet/01_lenet.ipynb", worth what the pack says.

    Raises ClassroomError where the answers aren't installed, WeaveError for a lesson that there isn't.
    """

    def asked(module: str) -> Iterable[Asked]:
        found: tuple[Exercise, ...] = registry.exercises(module) if module in registry.lessons() else ()
        return [Asked(item.id, (pack or Pack()).points_of(item), item.minutes, item.needs) for item in found]

    return sources(_root(), lessons, asked)


def _root() -> Path:
    """The folder that holds `solutions/`, of a checkout or an installed course."""
    for package in references.packages():
        spec = importlib.util.find_spec(package)
        for place in (spec.submodule_search_locations if spec else None) or []:
            if any(Path(place).glob("*.md")):
                return Path(place).parent
    raise ClassroomError(
        "The answers aren't installed here (a class release leaves them out), and notebooks are made from them. "
        "Install the whole course: `pip install .` in a copy of its repository that has solutions/."
    )


class Classroom:
    """The course folder `folder`, as nbgrader sees it. Raises ClassroomError if it is none."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        if not (self.folder / CONFIG).is_file():
            told = f"{self.folder} is no course folder: it holds no {CONFIG}. `p2v classroom init FOLDER` makes one."
            raise ClassroomError(told)
        self.app = NbGrader(log_level=logging.CRITICAL)
        self.app.initialize([], root=str(self.folder))
        self.course = self.app.coursedir

    @property
    def config(self) -> Config:
        """nbgrader's settings, all files taken together."""
        found: Config = self.app.config
        return found

    @property
    def pack_folder(self) -> str:
        """The pack that the settings name, or ""."""
        return packs.from_settings(self.config.JudgeExercises.get("pack", ""), self.folder)

    @cached_property
    def has_exchange(self) -> bool:
        """Whether the settings name an exchange; nbgrader's own default path is nobody's wish."""
        named = "root" in self.config.Exchange or "ExchangeFactory" in self.config
        return named and sys.platform != "win32"

    def gradebook(self) -> Gradebook:
        """nbgrader's gradebook; use as a context."""
        return Gradebook(self.course.db_url, self.course.course_id)

    def place(self, step: str, lesson: str, student: str = ".") -> Path:
        """A step's folder. step: "source", "release", "submitted", "autograded" or "feedback"."""
        return Path(self.course.format_path(getattr(self.course, f"{step}_directory"), student, lesson))

    def release(self, lesson: str, pack: Pack, *, again: bool = False) -> list[str]:
        """Makes the notebooks without solutions, and puts them into the exchange if there is one; says what it did.

        again: into the exchange also where it has the lesson already.
        """
        said = self._refresh(lesson, pack)
        self.course.assignment_id = lesson
        self._run(GenerateAssignment(coursedir=self.course, parent=self.app, force=True), "generate_assignment")
        said.append(f"released: {self.place('release', lesson)}")
        if self.has_exchange:
            self._exchange("ReleaseAssignment", "release_assignment", force=again)
            said.append("released to the exchange")
        return said

    def _refresh(self, lesson: str, pack: Pack) -> list[str]:
        """Writes the notebooks with solutions anew, but for those that somebody has changed."""
        said = []
        for name, text in woven([lesson], pack).items():
            path = self.place("source", lesson) / name.rpartition("/")[2]
            before = path.read_text(encoding="utf-8") if path.is_file() else None
            if before is not None and before != text and not _is_untouched(before):
                said.append(f"{path} was changed by hand and is taken as it is; delete it to get the course's own")
            elif before != text:
                write_whole(text.encode(), path)
                said.append(f"{'made' if before is None else 'made anew'}: {path}")
        return said

    def collect(self, lesson: str, *, replace: bool = False) -> list[str]:
        """Fetches what students submitted from the exchange. replace: newer work too; the older is kept aside."""
        if not self.has_exchange:
            told = "There is no exchange in this folder's settings (c.Exchange.root)."
            raise ClassroomError(f"{told} Say where the students' files are: --from FOLDER or --from FILE.zip")
        before = self.submitted(lesson)
        aside = {student: self.set_aside(lesson, student) for student in before if replace}
        self.course.assignment_id = lesson
        self._exchange("Collect", "collect", update=replace)
        said = [f"collected: {student}" for student in self.submitted(lesson) if student not in before]
        for student, copy in aside.items():
            if _same(copy, self.place("submitted", lesson, student)):
                shutil.rmtree(copy)
            else:
                said.append(f"collected again: {student} (the older files: {copy})")
        return said or ["nothing new"]

    def submitted(self, lesson: str) -> list[str]:
        """Who has handed in."""
        found = self.place("submitted", lesson, "*")
        return sorted(path.parent.name for path in self.folder.glob(str(found.relative_to(self.folder))))

    def set_aside(self, lesson: str, student: str) -> Path:
        """Copies what a student handed in to a place where nbgrader doesn't look."""
        stamp = f"{time.strftime('%Y-%m-%d_%H-%M-%S')}-{time.time_ns() % 10**6:06}"
        copy = self.folder / REPLACED / lesson / student / stamp
        shutil.copytree(self.place("submitted", lesson, student), copy)
        return copy

    def feedback(self, lesson: str) -> list[str]:
        """Writes an HTML page for each graded notebook, and puts it into the exchange if there is one."""
        self.course.assignment_id = lesson
        if not list(self.folder.glob(str(self.place("autograded", lesson, "*").relative_to(self.folder)))):
            raise ClassroomError(f"Nothing of {lesson} is graded yet: `p2v classroom grade {lesson}` first.")
        pages = GenerateFeedback(coursedir=self.course, parent=self.app, force=True)
        pages.update_config(Config(HTMLExporter={"template_name": "feedback"}))
        self._run(pages, "generate_feedback")
        said = [f"written: {self.place('feedback', lesson, 'STUDENT')}"]
        if self.has_exchange:
            self._exchange("ReleaseFeedback", "release_feedback")
            said.append("released to the exchange")
        return said

    def _exchange(self, step: str, name: str, **settings: Any) -> None:
        factory = ExchangeFactory(parent=self.app)
        action = getattr(factory, step)(coursedir=self.course, authenticator=self._authenticator, parent=self.app)
        for key, value in settings.items():
            setattr(action, key, value)
        self._run(action, name)

    @cached_property
    def _authenticator(self) -> Any:
        from nbgrader.auth import Authenticator

        return Authenticator(parent=self.app)

    def _run(self, step: Any, name: str) -> None:
        result: Mapping[str, Any] = capture_log(step)
        if not result["success"]:
            error = str(result.get("error", ""))
            if "KeyboardInterrupt" in error:
                raise KeyboardInterrupt
            raise ClassroomError(f"nbgrader {name} failed:\n{_reasons(str(result.get('log', '')), error)}")


def _reasons(log: str, error: str) -> str:
    """nbgrader's own complaints, else the exception's last line."""
    loud = [line for line in log.splitlines() if line.startswith(("[ERROR]", "[CRITICAL]")) and line.strip("[] ")]
    return "\n".join(f"  {line}" for line in loud or error.strip().splitlines()[-1:])


def _is_untouched(text: str) -> bool:
    """Whether a notebook is as it was woven: its digest is that of its content."""
    try:
        notebook = nbformat.reads(text, as_version=4)
        digest = notebook.metadata[METADATA].pop("digest")
    except (ValueError, KeyError, AttributeError, json.JSONDecodeError):
        return False
    return bool(hashlib.sha256(written(notebook).encode()).hexdigest()[:16] == digest)


def _same(one: Path, other: Path) -> bool:
    """Whether two folders hold the same files."""
    first, second = (
        {path.relative_to(place): path.read_bytes() for path in place.rglob("*") if path.is_file()}
        for place in (one, other)
    )
    return first == second
