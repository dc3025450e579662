"""Tells nbgrader where this course keeps its notebooks, and to grade with our judge. nbgrader finds it by its name."""

OURS = "autograder.gradebook"
THEIRS = "nbgrader.preprocessors"

c = get_config()  # type: ignore[name-defined]

c.CourseDirectory.course_id = "p2v"
c.CourseDirectory.source_directory = "solutions/notebooks"
c.CourseDirectory.release_directory = "course"
c.Autograde.sanitize_preprocessors = [
    f"{THEIRS}.ClearOutput",
    f"{OURS}.DropDuplicateIds",
    f"{THEIRS}.OverwriteKernelspec",
    f"{THEIRS}.OverwriteCells",
    f"{THEIRS}.CheckCellMetadata",
]
c.Autograde.autograde_preprocessors = [
    f"{OURS}.JudgeExercises",
    f"{THEIRS}.LimitOutput",
    f"{THEIRS}.SaveAutoGrades",
    f"{THEIRS}.AssignLatePenalties",
    f"{THEIRS}.CheckCellMetadata",
]
c.OverwriteCells.add_missing_cells = True
