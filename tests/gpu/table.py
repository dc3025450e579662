"""Checks an exercise on a device, all that its spec promises, and puts what came of it into a table."""

from __future__ import annotations

import importlib
import platform
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import torch

from autograder import references, selftest
from autograder.goldens import cases_of
from autograder.judge import expected_outputs
from autograder.selftest import Row
from autograder.spec import Answer, Exercise
from p2v_data import DataMissingError

ALTERNATIVES = Path(__file__).resolve().parents[1] / "alternatives"
GPU = torch.device("cuda")
OVER_BUDGET = "the reference is over its own budget"


def reference_of(exercise: Exercise) -> Answer:
    """The reference answer; straight from the checkout where no package is installed that announces it."""
    try:
        found = references.reference(exercise.lesson, exercise.name)
    except LookupError:
        found = getattr(importlib.import_module(f"solutions.{exercise.lesson}"), exercise.name)
    answer: Answer = found
    return answer


@cache
def alternatives() -> dict[str, list[Answer]]:
    """Right answers that look different, by exercise id."""
    found: dict[str, list[Answer]] = {}
    for path in sorted(ALTERNATIVES.glob("[!_]*.py")):
        module = importlib.import_module(f"tests.alternatives.{path.stem}")
        for key, answers in getattr(module, "ALTERNATIVES", {}).items():
            found.setdefault(key, []).extend(answers)
    return found


def lacking(exercise: Exercise) -> str:
    """Why an exercise can't be checked on this machine (its data aren't here), or ""."""
    try:
        cases_of(exercise, 0)
    except DataMissingError as error:
        return str(error)
    return ""


def checked(exercise: Exercise, device: torch.device) -> Row:
    """Reference, stub, trivial and wrong answers, alternatives and the speed ratio on `device`."""
    expected_outputs(exercise, cases_of(exercise, 0)[0], device)  # warms up the oracle
    seeds = (0,) if exercise.live else (0, 1, 2)
    others = alternatives().get(exercise.id, ())
    return selftest.run(exercise, reference_of(exercise), others, seeds, device)


def faults(row: Row) -> list[str]:
    """What is wrong with an exercise here. Budgets were set on CPUs: elsewhere ratios are recorded, not judged."""
    return [fault for fault in row.faults if not fault.startswith(OVER_BUDGET)]


def device_name(device: torch.device) -> str:
    """ "NVIDIA …", or the processor's name."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or platform.machine()


def markdown(rows: Sequence[Row], device: torch.device) -> str:
    """The table, under the device's name."""
    lines = [
        f"{device_name(device)} ({device}), torch {torch.__version__}, {len(rows)} exercises",
        "",
        "| exercise | reference | wrong named | alternatives | check s | speed ratio | faults |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        speed = "–" if row.speed is None else f"{row.speed:.2f}"
        reference, found = "✓" if row.reference else "✗", "; ".join(row.faults).replace("|", "/") or "none"
        lines.append(
            f"| {row.id} | {reference} | {row.named}/{row.wrong} | {row.accepted}/{row.alternatives} "
            f"| {row.seconds:.3f} | {speed} | {found} |"
        )
    return "\n".join(lines) + "\n"
