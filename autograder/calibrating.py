"""`p2v calibrate`: measures this machine, with a progress bar, and says what came of it."""

from __future__ import annotations

import sys

from tqdm import tqdm

from autograder import calibration
from autograder.sandbox import protections
from autograder.sandbox.stopwatch import Sibling
from autograder.timing import one_thread
from p2v_data import UserError


def main(lesson: str | None) -> int:
    """Calibrates a lesson or the course; 1 if the machine was too busy for some exercises."""
    missing = protections.missing()
    if missing:
        raise UserError(f"Speed is judged in the sandbox only, and there is none here: {', '.join(missing)}.")
    unsteady = []
    exercises = calibration.timed_exercises(lesson)
    with one_thread(), tqdm(total=len(exercises), unit="exercise", disable=None, file=sys.stderr) as bar:
        for exercise, found in calibration.calibrate(exercises, Sibling):
            bar.set_postfix_str(exercise.id)
            bar.update()
            tqdm.write(f"{exercise.id:28}{1e3 * found.least:8.2f} ms, typically {1e3 * found.typical:.2f} ms")
            if not found.steady:
                unsteady.append(exercise.id)
    print(f"{len(exercises)} baselines measured, kept in {calibration.path()}")
    if unsteady:
        print(f"Too unsteady: {', '.join(unsteady)}. Calibrate again when the machine has nothing else to do.")
    return int(bool(unsteady))
