"""Tells nbgrader where this course keeps its notebooks. nbgrader finds the file by its name."""

c = get_config()  # type: ignore[name-defined]  # noqa: F821

c.CourseDirectory.course_id = "p2v"
c.CourseDirectory.source_directory = "solutions/notebooks"
c.CourseDirectory.release_directory = "course"
