"""The instructors' commands, which `cli` adds to `p2v`."""

from __future__ import annotations

import sys
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


@app.command("class-report")
def class_report(
    lesson: Annotated[str, typer.Argument(help="A lesson's folder, 01_lenet.")],
    course: Annotated[
        Path, typer.Option(help="The course folder, with submitted/; where you are if left out.")
    ] = Path(),
    out: Annotated[Path | None, typer.Option(help="The page to write; class-report/LESSON.html if left out.")] = None,
) -> None:
    """Writes what a lesson's marks say about the class: a page, and two CSV files beside it (for instructors)."""
    from autograder import class_report as reports

    try:
        done = reports.write(course, lesson, out)
    except (reports.NothingGradedError, OSError) as problem:
        print(problem, file=sys.stderr)
        raise typer.Exit(2) from None
    print(
        f"{done.page}: {done.students} students. Open it in a browser; beside it {done.marks.name}, {done.totals.name}"
    )
