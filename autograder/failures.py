"""Turns what an answer raised into a few words and the student's own lines."""

from __future__ import annotations

import linecache
import sys
import sysconfig
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from autograder.spec import Failure, Line

HERE = str(Path(__file__).resolve().parent)
LIBRARIES = tuple({sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), HERE})
DRIVER = str(Path(HERE) / "driver.py")
MOST_LINES = 4


class TimeLimit(BaseException):
    """The answer ran past its time. Not an Exception, so that a student's `except Exception` doesn't swallow it."""


class ForbiddenCall(BaseException):
    """The answer called something that the exercise forbids."""

    def __init__(self, name: str, lines: tuple[Line, ...] = ()) -> None:
        super().__init__(name)
        self.name = name
        self.lines = lines


def of_exception(error: BaseException) -> Failure:
    """What to tell the student about an exception that left their code."""
    lines = tuple(_student_lines(error.__traceback__))[-MOST_LINES:]
    if isinstance(error, ForbiddenCall):
        return Failure("forbidden", error.name, error.lines or lines)
    if isinstance(error, NotImplementedError):
        return Failure("unsolved", str(error), lines)
    if isinstance(error, RecursionError):
        return Failure("raised", "RecursionError: the function calls itself without end", lines)
    if isinstance(error, SystemExit):
        return Failure("raised", f"your code asked Python to exit ({error.code!r})", lines)
    text = "\n".join(str(error).strip().splitlines()[:3])
    return Failure("raised", f"{type(error).__name__}: {text}" if text else type(error).__name__, lines)


def caller_lines() -> tuple[Line, ...]:
    """The student's lines on the present call stack, innermost last."""
    lines: list[Line] = []
    for frame, number in traceback.walk_stack(sys._getframe(1)):
        name = frame.f_code.co_filename
        if name == DRIVER:
            break  # what called the check is no part of the answer
        if is_student_file(name):
            lines.append(_line(name, number))
    return tuple(reversed(lines[:MOST_LINES]))


def is_student_file(filename: str) -> bool:
    """Whether a frame's file is the student's: neither Python's, nor a library's, nor ours."""
    if filename.startswith("<frozen") or filename in ("<string>", "<stdin>"):
        return False
    return not filename.startswith(LIBRARIES)


def _student_lines(trace: TracebackType | None) -> Iterator[Line]:
    for frame, number in traceback.walk_tb(trace):
        if is_student_file(frame.f_code.co_filename):
            yield _line(frame.f_code.co_filename, number)


def _line(filename: str, number: int) -> Line:
    return Line(place_of(filename), number, linecache.getline(filename, number).strip())


def place_of(filename: str) -> str:
    """ "cell 14" for a notebook's cell, else the file's name."""
    if filename.startswith("<"):
        return filename.strip("<>")
    shell = sys.modules.get("IPython")
    kernel = shell.get_ipython() if shell is not None else None
    if kernel is not None:
        label = kernel.compile.format_code_name(filename)
        if label is not None:
            return f"cell {str(label[1]).removeprefix('In[').rstrip(']')}"
    return Path(filename).name
