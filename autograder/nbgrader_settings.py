"""nbgrader's settings for this course: where its notebooks lie, and that our judge grades them."""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SAWarning

THEIRS = "nbgrader.preprocessors"
RESTORE, JUDGE = "autograder.submitted.RestoreCells", "autograder.gradebook.JudgeExercises"


def configure(c: Any, *, course_id: str = "p2v", source: str = "source", release: str = "release") -> None:
    """Fills `c`, the object that `get_config()` gives in an nbgrader_config.py; what stands below the call wins.

    source, release: folders of the notebooks with and without solutions, seen from the course folder.
    """
    # nbgrader calls a helper (alembic) by name; it lies beside Python, also where the environment isn't activated.
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    warnings.simplefilter("ignore", SAWarning)  # nbgrader's own, three for every submission
    c.CourseDirectory.course_id = course_id
    c.CourseDirectory.source_directory = source
    c.CourseDirectory.release_directory = release
    c.GenerateAssignment.force = True  # writing a release again changes no byte, and fills the gradebook
    c.Autograde.exporter_class = "autograder.submitted.SubmissionReader"
    c.Autograde.sanitize_preprocessors = [
        RESTORE,
        f"{THEIRS}.ClearOutput",
        f"{THEIRS}.OverwriteKernelspec",
        f"{THEIRS}.OverwriteCells",
        f"{THEIRS}.CheckCellMetadata",
    ]
    c.Autograde.autograde_preprocessors = [
        JUDGE,
        f"{THEIRS}.LimitOutput",
        f"{THEIRS}.SaveAutoGrades",
        "autograder.gradebook.RecordGrading",
        f"{THEIRS}.AssignLatePenalties",
        f"{THEIRS}.CheckCellMetadata",
    ]
