"""Records what a reference gives, as an oracle for exercises that no trusted library answers."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import torch

from autograder import wire
from autograder.driver import exact_arithmetic, run_case
from autograder.files import write_whole
from autograder.spec import Answer, Case, Exercise, Golden, Outputs, Rng, SpecError


def record(exercise: Exercise, reference: Answer) -> Path:
    """Runs the reference on every case of every recorded seed and writes the outputs. Raises SpecError if it fails."""
    if not isinstance(exercise.oracle, Golden):
        raise SpecError(f"{exercise.id} has an oracle of its own; only a Golden oracle is recorded")
    outputs: dict[str, dict[str, Outputs]] = {}
    with exact_arithmetic():
        for seed in range(exercise.oracle.seeds):
            found = outputs.setdefault(str(seed), {})
            for case in exercise.cases(Rng(seed)):
                trace = run_case(case, reference)
                if trace.failure is not None:
                    raise SpecError(f"{exercise.id}, case {case.name!r}: the reference failed: {trace.failure.message}")
                found[case.name] = trace.outputs
    write_whole(wire.encode({"torch": torch.__version__, "outputs": outputs}), exercise.oracle.file)
    _read.cache_clear()
    return exercise.oracle.file


def cases_of(exercise: Exercise, seed: int) -> list[Case]:
    """An exercise's cases for a seed; those of a Golden oracle carry what was recorded as what is expected."""
    golden = exercise.oracle
    if not isinstance(golden, Golden):
        return list(exercise.cases(Rng(seed)))
    known = seed % golden.seeds
    return [
        case
        if case.hidden  # of a class's pack, which says itself what is expected
        else replace(case, expect={**_recorded(exercise, golden, known, case.name), **case.expect})
        for case in exercise.cases(Rng(known))
    ]


def _recorded(exercise: Exercise, golden: Golden, seed: int, case_name: str) -> Outputs:
    try:
        return _read(golden.file)["outputs"][str(seed)][case_name]
    except (OSError, KeyError):
        raise SpecError(
            f"{exercise.id}, case {case_name!r}, seed {seed}: nothing is recorded in {golden.file}; "
            f"`p2v record {exercise.id}` records it"
        ) from None


@cache
def _read(path: Path) -> dict[str, dict[str, dict[str, Outputs]]]:
    content: dict[str, dict[str, dict[str, Outputs]]] = wire.decode(path.read_bytes())
    return content
