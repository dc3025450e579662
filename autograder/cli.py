"""The command `p2v`. The one place that sees both the judge and the references, and hands one to the other."""

from __future__ import annotations

import importlib
import importlib.util
import json
from pathlib import Path
from typing import Annotated

import typer

from autograder import registry
from autograder.selftest import Row
from autograder.spec import Answer, Exercise

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Pixels to Voxels: the course's own command.")


@app.command()
def selftest(
    lesson: Annotated[
        str | None, typer.Argument(help="A lesson (lenet) or an exercise (lenet.conv2d); all if left out.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print rows and totals as JSON.")] = False,
    full: Annotated[bool, typer.Option("--full", help="20 seeds instead of 3.")] = False,
) -> None:
    """Tests every exercise: reference accepted, stub refused, wrong answers rejected and named."""
    from autograder import selftest as tests

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
def doctor() -> None:
    """Says what is and isn't available on this machine, and what to do about it."""
    from autograder import doctor as checks

    checks.main()


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
    answer: Answer = getattr(importlib.import_module(f"solutions.{exercise.lesson}"), exercise.name)
    return answer


def alternatives() -> dict[str, list[Answer]]:
    """Right answers that look different, by exercise id; empty where the tests are not installed."""
    folder = Path(__file__).resolve().parent.parent / "tests" / "alternatives"
    found: dict[str, list[Answer]] = {}
    for path in sorted(folder.glob("*.py")):
        spec = importlib.util.spec_from_file_location(f"alternatives_{path.stem}", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        for key, answers in getattr(module, "ALTERNATIVES", {}).items():
            found.setdefault(key, []).extend(answers)
    return found


def main() -> None:
    """Entry point of the command."""
    app()


if __name__ == "__main__":
    main()
