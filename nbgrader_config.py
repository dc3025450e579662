"""Tells nbgrader where this course keeps its notebooks, and to grade with our judge. nbgrader finds it by its name."""

THEIRS = "nbgrader.preprocessors"

c = get_config()  # type: ignore[name-defined]

c.CourseDirectory.course_id = "p2v"
c.CourseDirectory.source_directory = "solutions/notebooks"
c.CourseDirectory.release_directory = "course"
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
