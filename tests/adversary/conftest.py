"""The bait for all cheats, and what each gets where nothing confines it, or where nobody of importance confines it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.adversary import nobody
from tests.adversary.world import world

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def bait(tmp_path_factory):
    with world(tmp_path_factory.mktemp("class")) as found:
        yield found


@pytest.fixture(scope="session")
def outside(tmp_path_factory):
    """Points by the cheats' names, and the damage, where nothing confines them."""
    folder = tmp_path_factory.mktemp("outside")
    command = [sys.executable, "-m", "tests.adversary.outside", str(folder)]
    ran = subprocess.run(command, cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout.splitlines()[-1])


@pytest.fixture(scope="session")
def as_nobody():
    """What came of the cheats by their names, where the grading is done by a user without rights."""
    with tempfile.TemporaryDirectory(dir="/tmp") as home:  # pytest's own are closed to others
        folder = Path(home)
        if obstacle := nobody.obstacle(folder):
            pytest.skip(obstacle)
        course = folder / "class"
        course.mkdir()
        os.chown(course, nobody.NOBODY, nobody.NOBODY)
        ran = nobody.run(["-m", "tests.adversary.confined", str(course)], folder)
        assert ran.returncode == 0, ran.stderr
    refusal, found = json.loads(ran.stdout.splitlines()[-1])
    if refusal:
        pytest.skip(refusal)
    return found
