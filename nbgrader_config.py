"""Tells nbgrader where this course keeps its notebooks, and to grade with our judge. nbgrader finds it by its name."""

import os
import sys
import warnings
from pathlib import Path

from sqlalchemy.exc import SAWarning

THEIRS = "nbgrader.preprocessors"

# nbgrader calls a helper (alembic) by name; it lies beside Python, also where the environment isn't activated.
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
warnings.simplefilter("ignore", SAWarning)  # nbgrader's own, three for every submission

c = get_config()  # type: ignore[name-defined]

c.CourseDirectory.course_id = "p2v"
c.CourseDirectory.source_directory = "solutions/notebooks"
c.CourseDirectory.release_directory = "course"
c.GenerateAssignment.force = True  # the release is built: writing it again changes no byte, and fills the gradebook
c.Autograde.exporter_class = "autograder.submitted.SubmissionReader"
c.Autograde.sanitize_preprocessors = [
    "autograder.submitted.RestoreCells",
    f"{THEIRS}.ClearOutput",
    f"{THEIRS}.OverwriteKernelspec",
    f"{THEIRS}.OverwriteCells",
    f"{THEIRS}.CheckCellMetadata",
]
c.Autograde.autograde_preprocessors = [
    "autograder.gradebook.JudgeExercises",
    f"{THEIRS}.LimitOutput",
    f"{THEIRS}.SaveAutoGrades",
    f"{THEIRS}.AssignLatePenalties",
    f"{THEIRS}.CheckCellMetadata",
]
