"""Tells nbgrader where this course keeps its notebooks, and to grade with our judge. nbgrader finds it by its name."""

from autograder.nbgrader_settings import configure

c = get_config()  # type: ignore[name-defined]
configure(c, source="solutions/notebooks", release="course")
