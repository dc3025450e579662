"""The places are found, and nothing that a student has is ever overwritten."""

from __future__ import annotations

import importlib.util
import os
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from autograder import home

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _no_override(monkeypatch):
    monkeypatch.delenv("P2V_WORKSPACE", raising=False)


@pytest.fixture
def course(tmp_path):
    for name in ("00_start/00_start", "01_lenet/01_lenet", "01_lenet/01_lenet_b"):
        path = tmp_path / "course" / f"{name}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"released {path.name}")
    return tmp_path / "course"


def installed(monkeypatch, folder):
    """As if the package lay in `folder`, away from any checkout."""
    monkeypatch.setattr(home, "__file__", str(folder / "autograder" / "home.py"))


def test_the_checkout_is_found():
    assert home.repo_root() == ROOT


def test_installed_there_is_no_checkout(monkeypatch, tmp_path):
    installed(monkeypatch, tmp_path)
    assert home.repo_root() is None


def test_the_course_of_a_class_release_without_solutions_is_found(monkeypatch, tmp_path, course):
    installed(monkeypatch, tmp_path)
    (tmp_path / "pyproject.toml").touch()
    assert home.repo_root() is None
    assert home.find_course() == course


def test_the_installed_course_is_found(monkeypatch, tmp_path):
    spec = ModuleSpec("p2v_course", None, is_package=True)
    spec.submodule_search_locations = [str(tmp_path / "p2v_course")]
    (tmp_path / "p2v_course").mkdir()
    installed(monkeypatch, tmp_path)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    assert home.find_course() == tmp_path / "p2v_course"


def test_no_course_says_what_to_do(monkeypatch, tmp_path):
    installed(monkeypatch, tmp_path)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(home.CourseNotFoundError, match="p2v weave"):
        home.find_course()


def test_the_variable_comes_first(monkeypatch, tmp_path):
    (tmp_path / home.MARKER).touch()
    monkeypatch.setenv("P2V_WORKSPACE", str(tmp_path / "elsewhere"))
    assert home.find_workspace(tmp_path) == tmp_path / "elsewhere"


def test_an_empty_variable_counts_as_none(monkeypatch, tmp_path):
    monkeypatch.setenv("P2V_WORKSPACE", " ")
    (tmp_path / home.MARKER).touch()
    assert home.find_workspace(tmp_path) == tmp_path


def test_the_nearest_marker_upwards_wins(tmp_path):
    inner = tmp_path / "a" / "b" / "c"
    inner.mkdir(parents=True)
    (tmp_path / home.MARKER).touch()
    (tmp_path / "a" / home.MARKER).touch()
    assert home.find_workspace(inner) == tmp_path / "a"


def test_inside_the_checkout_it_is_workspace():
    assert home.find_workspace(ROOT / "tests" / "setup") == ROOT / "workspace"


def test_elsewhere_it_is_in_the_home_folder(monkeypatch, tmp_path):
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "me")
    assert home.find_workspace(tmp_path) == tmp_path / "me" / "pixels-to-voxels"


def test_working_copies_and_marker_are_made(course, tmp_path):
    made = home.prepare_workspace(course, tmp_path / "mine")
    assert [path.name for path in made] == ["00_start.ipynb", "01_lenet.ipynb", "01_lenet_b.ipynb"]
    assert made[0].read_text() == "released 00_start.ipynb"
    assert home.find_workspace(tmp_path / "mine") == tmp_path / "mine"


def test_what_a_student_has_is_never_overwritten(course, tmp_path):
    workspace = tmp_path / "mine"
    home.prepare_workspace(course, workspace)
    (workspace / "00_start.ipynb").write_text("my work")
    (workspace / "01_lenet.ipynb").write_text("")
    (workspace / home.MARKER).write_text("mine too")
    (workspace / "01_lenet_b.ipynb").unlink()
    assert [path.name for path in home.prepare_workspace(course, workspace)] == ["01_lenet_b.ipynb"]
    assert (workspace / "00_start.ipynb").read_text() == "my work"
    assert (workspace / "01_lenet.ipynb").read_text() == ""
    assert (workspace / home.MARKER).read_text() == "mine too"


def test_a_dangling_link_is_left_alone(course, tmp_path):
    workspace = tmp_path / "mine"
    workspace.mkdir()
    (workspace / "00_start.ipynb").symlink_to(tmp_path / "unplugged-disk")
    home.prepare_workspace(course, workspace)
    assert (workspace / "00_start.ipynb").is_symlink()
    assert not (tmp_path / "unplugged-disk").exists()


def test_a_file_that_appears_meanwhile_is_kept(course, tmp_path, monkeypatch):
    workspace = tmp_path / "mine"
    link = os.link

    def slow_link(source, target):
        if Path(target).name == "00_start.ipynb":
            Path(target).write_text("saved just now")
        link(source, target)

    monkeypatch.setattr(os, "link", slow_link)
    made = home.prepare_workspace(course, workspace)
    assert "00_start.ipynb" not in [path.name for path in made]
    assert (workspace / "00_start.ipynb").read_text() == "saved just now"


@pytest.fixture
def no_links(monkeypatch):
    def refuse(source, target):
        raise PermissionError("this file system has no links")

    monkeypatch.setattr(os, "link", refuse)


@pytest.mark.usefixtures("no_links")
def test_without_hard_links_it_still_works_and_keeps(course, tmp_path):
    workspace = tmp_path / "mine"
    assert len(home.prepare_workspace(course, workspace)) == 3
    (workspace / "00_start.ipynb").write_text("my work")
    (workspace / home.MARKER).write_text("mine too")
    assert home.prepare_workspace(course, workspace) == []
    assert (workspace / "00_start.ipynb").read_text() == "my work"
    assert (workspace / home.MARKER).read_text() == "mine too"


@pytest.mark.usefixtures("no_links")
def test_without_hard_links_a_file_that_appears_meanwhile_is_kept(course, tmp_path, monkeypatch):
    workspace = tmp_path / "mine"
    write = Path.write_bytes

    def slow_write(self, content):
        if "00_start" in self.name:
            (workspace / "00_start.ipynb").write_text("saved just now")
        return write(self, content)

    monkeypatch.setattr(Path, "write_bytes", slow_write)
    made = home.prepare_workspace(course, workspace)
    assert "00_start.ipynb" not in [path.name for path in made]
    assert (workspace / "00_start.ipynb").read_text() == "saved just now"


def test_a_full_disk_leaves_nothing_half_written(course, tmp_path, monkeypatch):
    workspace = tmp_path / "mine"
    write = Path.write_bytes

    def full(self, content):
        write(self, content[:3])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        home.prepare_workspace(course, workspace)
    monkeypatch.undo()
    assert list(workspace.iterdir()) == []
    assert len(home.prepare_workspace(course, workspace)) == 3


def test_nothing_is_left_beside_the_copies(course, tmp_path):
    home.prepare_workspace(course, tmp_path / "mine")
    names = {path.name for path in (tmp_path / "mine").iterdir()}
    assert names == {home.MARKER, "00_start.ipynb", "01_lenet.ipynb", "01_lenet_b.ipynb"}


def test_checkpoints_are_no_lessons(course, tmp_path):
    (course / ".ipynb_checkpoints").mkdir()
    (course / ".ipynb_checkpoints" / "x.ipynb").touch()
    assert len(home.prepare_workspace(course, tmp_path / "mine")) == 3


def test_two_notebooks_of_one_name_are_refused(course, tmp_path):
    (course / "01_lenet" / "00_start.ipynb").touch()
    with pytest.raises(ValueError, match=r"two notebooks are called 00_start\.ipynb"):
        home.prepare_workspace(course, tmp_path / "mine")
