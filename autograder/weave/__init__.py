"""Builds the notebooks from lessons: `solutions/NAME.md`, the reference beside it, and the specs of its exercises."""

from autograder.weave.build import build, is_stale, main, sources
from autograder.weave.problems import Problem, WeaveError

__all__ = ["Problem", "WeaveError", "build", "is_stale", "main", "sources"]
