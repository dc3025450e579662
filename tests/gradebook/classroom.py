"""A course folder in which nbgrader's own commands are run, as an instructor would."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import nbformat
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[2]
SEED = 7
Handed = NotebookNode | bytes  # a notebook, or a file that is none


class Classroom:
    """A course in a temporary folder, with the solutions and nbgrader_config.py of this checkout.

    The notebooks are the checkout's, which are as a build makes them (tests/autograder/weave/test_weave_course.py).
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "course folder"  # a blank, as on many an instructor's machine
        self.home = folder / "home"
        self.folder.mkdir()
        self.home.mkdir()
        shutil.copytree(ROOT / "solutions", self.folder / "solutions", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(ROOT / "course", self.folder / "course")
        config = (ROOT / "nbgrader_config.py").read_text(encoding="utf-8")
        exchange = f"c.Exchange.root = {str(folder / 'exchange')!r}\n"
        (self.folder / "nbgrader_config.py").write_text(f"{config}c.JudgeExercises.seed = {SEED}\n{exchange}")
        (folder / "exchange").mkdir(mode=0o777)
        (folder / "exchange").chmod(0o777)

    def environment(self) -> dict[str, str]:
        """Nobody's home but this class's, and no activated environment: `.venv/bin/nbgrader` must do."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "P2V", "PYTEST"))}
        own = {"HOME": str(self.home), "P2V_WORKSPACE": str(self.home / "workspace"), "OMP_NUM_THREADS": "1"}
        here = str(Path(sys.executable).parent)
        path = os.pathsep.join(place for place in kept["PATH"].split(os.pathsep) if place != here)
        return {**kept, **own, "PATH": path, "P2V_DEVICE": "cpu"}

    def run(self, *arguments: str, expect: int = 0) -> str:
        """Runs `nbgrader …` and gives what it prints."""
        program = Path(sys.executable).parent / "nbgrader"
        done = subprocess.run(
            [str(program), *arguments],
            cwd=self.folder,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=570,
        )
        assert done.returncode == expect, done.stdout
        return done.stdout

    def source(self, assignment: str, name: str) -> NotebookNode:
        """A source notebook, solutions and all."""
        return nbformat.read(self.folder / "solutions" / "notebooks" / assignment / f"{name}.ipynb", as_version=4)

    def released(self, assignment: str, name: str) -> NotebookNode:
        """A notebook as students get it."""
        return nbformat.read(self.folder / "course" / assignment / f"{name}.ipynb", as_version=4)

    def hand_in(self, student: str, assignment: str, notebooks: Mapping[str, Handed], when: str = "") -> None:
        """Puts files where nbgrader collects them. when: the time of submission, "2024-01-31 12:00:00 UTC"."""
        folder = self.folder / "submitted" / student / assignment
        folder.mkdir(parents=True)
        for name, notebook in notebooks.items():
            content = notebook if isinstance(notebook, bytes) else nbformat.writes(notebook).encode()
            (folder / f"{name}.ipynb").write_bytes(content)
        if when:
            (folder / "timestamp.txt").write_text(when)

    def feedback(self, student: str, assignment: str, name: str) -> str:
        """The feedback that a student gets for a notebook, as HTML."""
        return (self.folder / "feedback" / student / assignment / f"{name}.html").read_text(encoding="utf-8")

    @property
    def database(self) -> str:
        """The gradebook's address."""
        return f"sqlite:///{self.folder / 'gradebook.db'}"
