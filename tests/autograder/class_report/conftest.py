"""A class whose figures are known, and the report on it."""

from __future__ import annotations

import pytest

from autograder import class_report
from tests.autograder.class_samples import LESSON, Report, gradebook, small_class


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    return small_class(tmp_path_factory.mktemp("class"))


@pytest.fixture(scope="module")
def written(course):
    return class_report.write(course, LESSON)


@pytest.fixture(scope="module")
def page(written):
    return Report(written.page.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    path = tmp_path_factory.mktemp("book") / "gradebook.db"
    gradebook(path)
    return path
