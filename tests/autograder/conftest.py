"""A class without JupyterHub, in a folder of its own."""

from __future__ import annotations

import os
import shutil
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


@pytest.fixture(scope="session")
def new_class(tmp_path_factory):
    """A class folder as `p2v classroom init` makes it, to be copied: weaving the course takes a second or two."""
    folder = tmp_path_factory.mktemp("new_class")
    classroom.init(folder)
    return folder


@pytest.fixture
def room(new_class, place):
    shutil.copytree(new_class, place, dirs_exist_ok=True)
    return Classroom(place)
