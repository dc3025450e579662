"""The command `p2v`. The one place that sees both the judge and the references, and hands one to the other."""

from __future__ import annotations

import atexit
import importlib.util
import json
import os
import secrets
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from autograder import cli_class, cli_train, home, references, registry
from autograder.notebook import NotebookError
from autograder.selftest import Row
from autograder.spec import Answer, Exercise, SpecError
from autograder.workspace import WorkspaceError

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Pixels to Voxels: the course's own command.",
)
data = typer.Typer(no_args_is_help=True, help="Full data sets: what there is, and fetching it.")
app.add_typer(data, name="data")
app.add_typer(cli_class.app)
app.add_typer(cli_train.app)


@app.command()
def lab(
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Only print the address.")] = False,
    port: Annotated[int | None, typer.Option(help="The port; the first free one from 8888 if left out.")] = None,
) -> None:
    """Opens JupyterLab on your working copies."""
    from autograder import lab as server

    raise typer.Exit(server.main(no_browser, port))


@app.command()
def check(
    lesson: Annotated[str, typer.Argument(help="A lesson's folder, 01_lenet.")],
    notebook: Annotated[Path | None, typer.Argument(help="The notebook; your working copies if left out.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the cases; a fresh one if left out.")] = None,
    as_graded: Annotated[
        bool, typer.Option("--as-graded", help="Exactly as grading does it, sandbox and all.")
    ] = False,
) -> None:
    """Judges every exercise of a lesson's notebooks, each in a process of its own."""
    from autograder import checking
    from autograder.worker import WorkerError

    drawn = secrets.randbits(31) if seed is None else seed
    try:
        verdicts = checking.check_lesson(lesson, notebook, drawn, print, as_graded=as_graded)
    except WorkerError as problem:
        _stop(str(problem))
    raise typer.Exit(0 if all(verdict.status == "accepted" for verdict in verdicts) else 1)


@app.command()
def progress(
    lesson: Annotated[str | None, typer.Argument(help="A lesson's module (lenet); all if left out.")] = None,
) -> None:
    """Shows what you have solved, in which tier, with how many hints and in what time."""
    from autograder import progress_view
    from autograder.progress import Progress

    lessons = [lesson] if lesson else list(registry.lessons())
    print(progress_view.text(Progress(home.find_workspace() / ".p2v"), lessons))


@app.command()
def update() -> None:
    """Brings a newer course into your working copies; your cells are kept, the old files are set aside."""
    from autograder import workspace

    place = home.find_workspace()
    done = workspace.update(home.find_course(), place)
    for item in done:
        print(f"{item.notebook.name}: updated, {item.kept} cells of yours kept; as it was: {item.backup}")
    copies = home.prepare_workspace(home.find_course(), place)
    for copy in copies:
        print(f"{copy.name}: new")
    if not done and not copies:
        print(f"Everything in {place} is up to date.")
    elif done:
        print("If a notebook is open in JupyterLab, close its tab without saving and open it again.")


@app.command()
def reset(exercise: Annotated[str, typer.Argument(help="An exercise, conv2d or lenet.conv2d.")]) -> None:
    """Gives an exercise a fresh stub in your working copy; what stood there is set aside."""
    from autograder import workspace

    found = registry.find(exercise)
    backup = workspace.reset(found, home.find_course(), home.find_workspace())
    print(f"{found.id} has a fresh stub. The notebook as it was: {backup}")
    print("If the notebook is open in JupyterLab, close its tab without saving and open it again.")


@app.command()
def interview(
    lesson: Annotated[str | None, typer.Argument(help="A lesson's module (lenet); all if left out.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the order; a fresh one if left out.")] = None,
    only_list: Annotated[bool, typer.Option("--list", help="Print the questions' names and titles.")] = False,
) -> None:
    """Asks interview questions in random order; after each, Enter shows the key points and common mistakes."""
    from autograder import drill
    from autograder import interview as bank

    found = bank.questions(lesson)
    if not found:
        raise bank.NothingToReveal(bank.nothing_to_ask(lesson))
    if only_list:
        print(drill.listing(found))
    else:
        asked = drill.drill(found, seed=seed, ask=input, say=print)
        print(f"{asked} of {len(found)} questions.")


@app.command()
def weave(
    if_stale: Annotated[bool, typer.Option("--if-stale", help="Only what has changed.")] = False,
    check_only: Annotated[
        bool, typer.Option("--check", help="Write nothing; say whether a build would differ.")
    ] = False,
) -> None:
    """Builds the notebooks from solutions/ (for authors)."""
    from autograder import weave as weaver

    options = ["--if-stale"] * if_stale + ["--check"] * check_only
    raise typer.Exit(weaver.main(options))


@app.command()
def selftest(
    lesson: Annotated[str | None, typer.Argument(help="A lesson or an exercise; all if left out.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print rows and totals as JSON.")] = False,
    full: Annotated[bool, typer.Option("--full", help="20 seeds instead of 3.")] = False,
) -> None:
    """Tests every exercise: reference accepted, stub refused, wrong answers rejected and named."""
    from autograder import selftest as tests
    from p2v_data import threads

    threads()
    rows = tests.run_all(
        _chosen(lesson),
        reference_of,
        alternatives(),
        seeds=range(20 if full else 3),
        done=lambda row: None if as_json else _print_row(row),
    )
    totals = tests.totals(rows)
    if as_json:
        print(json.dumps({"rows": [vars(row) for row in rows], "totals": totals}, indent=1))
    else:
        print(" · ".join(f"{name} {value:g}" for name, value in totals.items()))
    raise typer.Exit(1 if totals["faults"] else 0)


@app.command()
def record(exercise: Annotated[str, typer.Argument(help="An exercise whose oracle is a Golden.")]) -> None:
    """Records an exercise's golden outputs from its reference (for authors)."""
    from autograder import goldens

    found = registry.find(exercise)
    print(f"recorded: {goldens.record(found, reference_of(found))}")


@app.command()
def doctor() -> None:
    """Says what is and isn't available on this machine, and what to do about it."""
    from autograder import doctor as checks

    raise typer.Exit(checks.main())


@data.command("list")
def data_list() -> None:
    """The full data sets, and which of them you have."""
    from p2v_data import catalogue

    for row in catalogue():
        have = f"here: {row.where}" if row.have else f"p2v data fetch {row.name}" + " says how" * bool(row.by_hand)
        print(f"{row.name:16}{row.size:>10}  {row.kind:10}{row.content}\n{'':28}{row.licence}; {have}")


@data.command("fetch")
def data_fetch(name: Annotated[str, typer.Argument(help="A name from `p2v data list`.")]) -> None:
    """Fetches a full data set: checked, resumed where it stopped, never half there."""
    from p2v_data import fetch

    print(f"ready: {fetch(name)}")


def _chosen(lesson: str | None) -> tuple[Exercise, ...]:
    if lesson is None:
        return registry.all_exercises()
    return registry.exercises(lesson) if lesson in registry.lessons() else (registry.find(lesson),)


def _print_row(row: Row) -> None:
    speed = f"{row.speed:5.1f} ×" if row.speed is not None else "      –"
    print(
        f"{row.id:28} reference {'✓' if row.reference else '✗'}  stub {'✓' if row.stub else '✗'}  "
        f"wrong {row.rejected}/{row.wrong} named {row.named}/{row.wrong}  "
        f"alternatives {row.accepted}/{row.alternatives}  {row.seconds:6.3f} s  speed {speed}",
        flush=True,
    )
    for fault in row.faults:
        print(f"    ✗ {fault}", flush=True)


def reference_of(exercise: Exercise) -> Answer:
    """The reference answer of an exercise."""
    answer: Answer = references.reference(exercise.lesson, exercise.name)
    return answer


def alternatives() -> dict[str, list[Answer]]:
    """Right answers that look different, by exercise id; empty where the tests are not installed."""
    folder = Path(__file__).resolve().parent.parent / "tests" / "alternatives"
    found: dict[str, list[Answer]] = {}
    for path in sorted(folder.glob("[!_]*.py")):
        spec = importlib.util.spec_from_file_location(f"alternatives_{path.stem}", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        for key, answers in getattr(module, "ALTERNATIVES", {}).items():
            found.setdefault(key, []).extend(answers)
    return found


def main() -> None:
    """Entry point of the command: what a user can mend is said in one line, without a traceback."""
    from autograder.interview import NothingToReveal
    from autograder.weave.problems import WeaveError
    from p2v_data import UserError

    try:
        app()
    except (
        UserError,
        WorkspaceError,
        NotebookError,
        SpecError,
        registry.UnknownExercise,
        home.CourseNotFoundError,
        NothingToReveal,
        WeaveError,
    ) as problem:
        _stop(str(problem))


def entry() -> NoReturn:
    """The command `p2v`, ended at once: Python would spend two seconds on taking torch apart."""
    code = 0
    try:
        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        code = 1
    with suppress(OSError):  # whoever read our output may be gone
        sys.stdout.flush()
    atexit._run_exitfuncs()
    os._exit(code)


def _stop(message: str) -> NoReturn:
    print(message, file=sys.stderr)
    raise SystemExit(2)


if __name__ == "__main__":
    entry()
