"""The real lessons: built and committed as they are written; and stock nbgrader makes the same of them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from autograder.weave import build

ROOT = Path(__file__).resolve().parents[3]


def test_committed_notebooks_equal_a_fresh_build():
    assert build(ROOT, check_only=True) == []


@pytest.mark.slow
def test_stock_nbgrader_with_its_gradebook_releases_the_same(built, tmp_path):
    shutil.copy(ROOT / "nbgrader_config.py", tmp_path)
    shutil.copytree(built.root / "solutions" / "notebooks", tmp_path / "solutions" / "notebooks")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])  # nbgrader calls alembic by name
    command = [sys.executable, "-m", "nbgrader", "generate_assignment", "01_shapes", "--course=tiny"]
    subprocess.run(command, cwd=tmp_path, env={**os.environ, "PATH": path}, check=True, capture_output=True)
    for ours in (built.root / "course" / "01_shapes").glob("*.ipynb"):
        theirs = tmp_path / "course" / "01_shapes" / ours.name
        assert theirs.read_text(encoding="utf-8").rstrip() == ours.read_text(encoding="utf-8").rstrip()
