"""Imported by the server that workers are forked from: everything they need, so that a child starts in no time.

Nothing here may compute or start a thread: a fork would hang.
"""

from autograder import registry, worker

registry.all_exercises()
__all__ = ["worker"]
