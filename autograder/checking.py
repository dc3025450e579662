"""Judges whole notebooks from a terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from tqdm.auto import tqdm

from autograder import home, registry, report
from autograder.grading import grade, grade_trusting
from autograder.notebook import METADATA, NotebookError, code_cells, exercise_ids, read
from autograder.sandbox import protections
from autograder.slicing import Cell
from autograder.spec import Exercise, Verdict

Say = Callable[[str], None]


class _Grade(Protocol):
    def __call__(self, exercise: Exercise, cells: Sequence[Cell], *, seed: int) -> Verdict: ...


def check_lesson(lesson: str, notebook: Path | None, seed: int, say: Say, *, as_graded: bool = False) -> list[Verdict]:
    """Judges every exercise that the lesson's notebooks ask for, and says each verdict; the whole report if it fails.

    notebook: this one only; else the working copies, or the released notebooks' names say which.
    as_graded: puts released cells back and runs the answers in the sandbox, as an instructor's grading does.
    Raises NotebookError for a notebook that can't be read or that asks for no exercise.
    """
    paths = [notebook] if notebook is not None else working_copies(lesson)
    judge = _grading(say) if as_graded else grade_trusting
    verdicts: list[Verdict] = []
    for path in paths:
        content = read(path)
        ids = exercise_ids(content)
        if as_graded:
            ids, content = _as_handed_in(lesson, path, content, say)
        if not ids:
            raise NotebookError(f"{path} asks for no exercise of this course; is it one of the course's notebooks?")
        verdicts += _judged(path.name, ids, code_cells(content), judge, seed)
    say(summary(verdicts, seed))
    return verdicts


def _judged(name: str, ids: Sequence[str], cells: Sequence[Cell], judge: _Grade, seed: int) -> list[Verdict]:
    verdicts = []
    for exercise_id in tqdm(ids, desc=name, unit="exercise", leave=False, disable=None):
        exercise = registry.find(exercise_id)
        verdict = judge(exercise, cells, seed=seed)
        verdicts.append(verdict)
        accepted = verdict.status == "accepted"
        tqdm.write(report.one_line(verdict) if accepted else report.text(verdict, exercise))
    return verdicts


def _grading(say: Say) -> _Grade:
    """How this machine can grade: in the sandbox, else without, which it says."""
    lacking = protections.missing()
    if not lacking:
        return grade
    say(f"Without the sandbox that grading has, since this machine lacks it ({'; '.join(lacking)}).")
    say("The marks are the same. Only what the sandbox forbids (files, network, new processes) goes unnoticed here.")
    return grade_trusting


def _as_handed_in(lesson: str, path: Path, content: Any, say: Say) -> tuple[list[str], Any]:
    """The exercises that the released notebook asks for, and the notebook with the released cells back in place."""
    from autograder.submitted import SourceCell, restore, well_formed

    original = _released(lesson, path, content)
    if original is None:
        say(f"{path.name}: the released notebook of {lesson} isn't here, so changed or missing cells are not noticed.")
        return exercise_ids(content), content
    released = {
        str(cell.metadata["nbgrader"]["grade_id"]): SourceCell(cell.cell_type, cell.source, cell.metadata["nbgrader"])
        for cell in original.cells
        if "nbgrader" in cell.metadata
    }
    handed_in = well_formed(content)
    for note in restore(handed_in, released):
        say(f"{path.name}: {note}")
    return exercise_ids(original), handed_in


def _released(lesson: str, path: Path, content: Any) -> Any | None:
    """The released notebook: of this file's name, else the one that it says it is."""
    course = home.find_course()
    ours = content.metadata.get(METADATA)
    said = str(ours.get("notebook", "")) if isinstance(ours, dict) else ""
    for place in (course / lesson / path.name, course / lesson / said.rpartition("/")[2]):
        if place.is_file():
            return read(place)
    return None


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
