"""Judges whole notebooks from a terminal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tqdm.auto import tqdm

from autograder import home, registry, report
from autograder.grading import grade_trusting
from autograder.notebook import NotebookError, code_cells, exercise_ids, read
from autograder.spec import Verdict


def check_lesson(lesson: str, notebook: Path | None, seed: int, say: Callable[[str], None]) -> list[Verdict]:
    """Judges every exercise that the lesson's notebooks ask for, and says each verdict; the whole report if it fails.

    notebook: this one only; else the working copies, or the released notebooks' names say which.
    Raises NotebookError for a notebook that can't be read or that asks for no exercise.
    """
    paths = [notebook] if notebook is not None else working_copies(lesson)
    verdicts: list[Verdict] = []
    for path in paths:
        content = read(path)
        ids = exercise_ids(content)
        if not ids:
            raise NotebookError(f"{path} asks for no exercise of this course; is it one of the course's notebooks?")
        cells = code_cells(content)
        for exercise_id in tqdm(ids, desc=path.name, unit="exercise", leave=False, disable=None):
            exercise = registry.find(exercise_id)
            verdict = grade_trusting(exercise, cells, seed=seed)
            verdicts.append(verdict)
            accepted = verdict.status == "accepted"
            tqdm.write(report.one_line(verdict) if accepted else report.text(verdict, exercise))
    say(summary(verdicts, seed))
    return verdicts


def working_copies(lesson: str) -> list[Path]:
    """The student's notebooks of a lesson. Raises NotebookError where there are none."""
    course, workspace = home.find_course(), home.find_workspace()
    names = [path.name for path in sorted((course / lesson).glob("*.ipynb"))]
    if not names:
        known = ", ".join(sorted(path.name for path in course.iterdir() if path.is_dir()))
        raise NotebookError(f"no lesson is called {lesson!r}; there are {known}")
    found = [workspace / name for name in names if (workspace / name).is_file()]
    if not found:
        raise NotebookError(f"{workspace} has no working copy of {lesson}; `p2v lab` or `p2v update` makes one")
    return found


def summary(verdicts: list[Verdict], seed: int) -> str:
    """The last line: how many were accepted, for how many points."""
    accepted = sum(verdict.status == "accepted" for verdict in verdicts)
    points = sum(verdict.points for verdict in verdicts)
    most = sum(verdict.max_points for verdict in verdicts)
    head = "all accepted" if accepted == len(verdicts) else f"{accepted} of {len(verdicts)} accepted"
    return f"{head}: {len(verdicts)} exercises, {points:g} of {most} points (cases drawn with --seed {seed})"
