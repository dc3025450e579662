"""Collects the rows of the table, writes them to the file that P2V_GPU_TABLE names, and shows them at the end."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from autograder.selftest import Row
from tests.gpu import table

ROWS = pytest.StashKey[list[Row]]()


@pytest.fixture
def rows(request):
    """The rows so far; the file is written anew with each, so that a run cut short leaves what it found."""
    found = request.config.stash.setdefault(ROWS, [])
    yield found
    if os.environ.get("P2V_GPU_TABLE"):
        Path(os.environ["P2V_GPU_TABLE"]).write_text(table.markdown(found, table.GPU), encoding="utf-8")


def pytest_terminal_summary(terminalreporter, config):
    found = config.stash.get(ROWS, [])
    if found:
        terminalreporter.section("on the GPU")
        terminalreporter.write(table.markdown(found, table.GPU))
