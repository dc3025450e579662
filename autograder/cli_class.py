"""The instructors' commands, which `cli` adds to `p2v`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from autograder import cli_classroom

app = typer.Typer()
bench = typer.Typer(no_args_is_help=True, help="Measurements, for those who work on the course.")
app.add_typer(bench, name="bench")
app.add_typer(cli_classroom.app, name="classroom")


@app.command()
def grade(
    lesson: Annotated[str, typer.Argument(help="A lesson's folder, 01_lenet.")],
    workers: Annotated[int | None, typer.Option(min=1, help="Processes at work; all cores if left out.")] = None,
    scheduler: Annotated[str | None, typer.Option(help="Address of a Dask scheduler, tcp://HOST:8786.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of the cases; a fresh one if left out.")] = None,
    again: Annotated[bool, typer.Option("--all", help="Grade everything again, changed or not.")] = False,
    timing: Annotated[bool, typer.Option(help="The second pass too, which judges speed and long trainings.")] = True,
    trust: Annotated[bool, typer.Option("--trust", help="Run the answers without a sandbox.")] = False,
    pack: cli_classroom.PackFolder = "",
) -> None:
    """Grades all submissions of a lesson, and goes on where it was stopped (for instructors, in the course folder)."""
    from autograder import class_grading, packs

    packs.use(pack)
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
    from autograder.report.words import counted

    try:
        done = reports.write(course, lesson, out)
    except (reports.NothingGradedError, OSError) as problem:
        print(problem, file=sys.stderr)
        raise typer.Exit(2) from None
    students = counted(done.students, "student")
    print(f"{done.page}: {students}. Open it in a browser; beside it {done.marks.name}, {done.totals.name}")


@bench.command("grading")
def bench_grading(
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
    submissions: Annotated[int, typer.Option(min=1, help="Submissions for our judge.")] = 100,
    stock: Annotated[int, typer.Option(min=0, help="Submissions for nbgrader as it comes; 0 leaves it out.")] = 5,
    large: Annotated[int, typer.Option(min=0, help="A class to reckon up to from these; 0 for none.")] = 500,
    repeats: Annotated[int, typer.Option(min=1, help="Runs of each, which show the spread.")] = 2,
    lesson: Annotated[str, typer.Option(help="A lesson's folder.")] = "01_lenet",
    judge_only: Annotated[bool, typer.Option("--judge-only", help="Only where one answer's time goes.")] = False,
) -> None:
    """Grades a simulated class with nbgrader as it comes and with ours, and compares with what was to be reached."""
    from autograder.bench import grading, shown

    wishes = grading.Wishes(submissions, stock, large, repeats, grading.cores())
    raise typer.Exit(shown.main(lesson, wishes, judge_only=judge_only, as_json=as_json))


@bench.command("peers")
def bench_peers(
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
    only: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only references whose name holds this; may be repeated.")
    ] = None,
) -> None:
    """Measures the course's references against torch, torchvision and timm, on the same weights."""
    from autograder.bench import peers

    raise typer.Exit(peers.main(only or (), as_json=as_json))
