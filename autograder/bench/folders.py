"""Course folders in which one lesson is graded, by nbgrader as it comes or by our judge."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

import nbformat

from autograder.bench import meter
from autograder.bench.meter import Cost
from autograder.bench.submissions import Lesson, hand_in

SEED = 7
GRADED = (".p2v", "autograded", "gradebook.db", "feedback")  # what grading leaves behind
STOCK = """
c = get_config()
c.CourseDirectory.course_id = "bench"
c.ExecutePreprocessor.timeout = 1800
"""
OURS = """
from autograder.nbgrader_settings import configure

c = get_config()
configure(c, course_id="bench")
"""


class Folder:
    """A new course folder with a lesson, and what a class has handed in."""

    def __init__(self, place: Path, lesson: Lesson, submissions: int, config: str, *, demos: bool = True) -> None:
        self.place = place / "course folder"
        self._lesson = lesson.name
        self.place.mkdir(parents=True)
        (self.place / "nbgrader_config.py").write_text(config, encoding="utf-8")
        for folder, notebooks in (("source", lesson.solved), ("release", lesson.released)):
            (self.place / folder / lesson.name).mkdir(parents=True)
            for name, notebook in notebooks.items():
                nbformat.write(notebook, self.place / folder / lesson.name / f"{name}.ipynb")
        hand_in(lesson, submissions, self.place / "submitted", demos=demos)

    def autograde(self) -> Cost:
        """What it costs to have nbgrader grade everything."""
        return self._graded(_nbgrader("autograde", self._lesson))

    def grade(self, workers: int, *, timing: bool) -> Cost:
        """What it costs to have `p2v grade` grade everything."""
        own = ["grade", self._lesson, "--all", "--seed", str(SEED), "--workers", str(workers)]
        return self._graded([*_python("autograder.cli"), *own, "--timing" if timing else "--no-timing"])

    def _graded(self, command: list[str]) -> Cost:
        """The cost of a command in the folder as it was before anything was graded."""
        for name in GRADED:
            path = self.place / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        release = _nbgrader("generate_assignment", self._lesson, "--force")
        meter.measured(release, self.place, self._environment())
        return meter.measured(command, self.place, self._environment())

    def _environment(self) -> Mapping[str, str]:
        """The user's, but with a home of its own, so that nothing of the user's is read or changed."""
        home = self.place.parent / "home"
        home.mkdir(exist_ok=True)
        beside = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
        own = {"HOME": str(home), "P2V_WORKSPACE": str(home / "workspace"), "PATH": beside, "P2V_DEVICE": "cpu"}
        return {**os.environ, **own}


def _nbgrader(*arguments: str) -> list[str]:
    return [*_python("nbgrader"), *arguments]


def _python(module: str) -> list[str]:
    return [sys.executable, "-m", module]
