"""A class without JupyterHub, in a folder of its own."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from autograder import classroom, packs
from autograder.classroom import Classroom


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Settings of this class only, and the folder where it lies."""
    monkeypatch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "home"))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "home" / "data"))
    monkeypatch.delenv(packs.VARIABLE, raising=False)
    folder = tmp_path / "my class"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def room(place):
    classroom.init(place)
    return Classroom(place)
