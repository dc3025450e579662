"""The instructors' commands, which `cli` adds to `p2v`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def grade(
    lesson: Annotated[str, typer.Argument(help="A lesson's folder, 01_lenet.")],
    workers: Annotated[int | None, typer.Option(min=1, help="Processes at work; all cores if left out.")] = None,
    scheduler: Annotated[str | None, typer.Option(help="Address of a Dask scheduler, tcp://HOST:8786.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of the cases; a fresh one if left out.")] = None,
    again: Annotated[bool, typer.Option("--all", help="Grade everything again, changed or not.")] = False,
    timing: Annotated[bool, typer.Option(help="Judge the speed of right answers too.")] = True,
    trust: Annotated[bool, typer.Option("--trust", help="Run the answers without a sandbox.")] = False,
) -> None:
    """Grades all submissions of a lesson, and goes on where it was stopped (for instructors, in the course folder)."""
    from autograder import class_grading

    wishes = class_grading.Wishes(seed, again, timing, trust)
    raise typer.Exit(class_grading.main(Path.cwd(), lesson, wishes, workers, scheduler))


@app.command()
def calibrate(
    lesson: Annotated[str | None, typer.Argument(help="A lesson's module (lenet); all if left out.")] = None,
) -> None:
    """Measures once what this machine needs for each timed exercise's baseline; keep it quiet meanwhile."""
    from autograder import calibrating

    raise typer.Exit(calibrating.main(lesson))
