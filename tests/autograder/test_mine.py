"""The student's own library."""

import importlib
import sys

import pytest

from autograder import files, mine, registry

POOL = registry.find("avg_pool2d")


@pytest.fixture(autouse=True)
def clean_imports():
    yield
    sys.meta_path[:] = [item for item in sys.meta_path if not isinstance(item, mine._Finder)]
    for name in [name for name in sys.modules if name.partition(".")[0] == "mine"]:
        del sys.modules[name]


def reference(lesson, name):
    if name == "unknown":
        raise LookupError(name)
    return f"the reference's {lesson}.{name}"


def borrowed(name="avg_pool2d"):
    return getattr(importlib.import_module("mine.lenet"), name)


def test_the_reference_stands_in_with_one_notice(tmp_path):
    notices = []
    mine.install(mine.Library(tmp_path, reference, notices.append))
    assert borrowed() == borrowed() == "the reference's lenet.avg_pool2d"
    assert notices == ["lenet.avg_pool2d isn't accepted yet: this cell runs on the reference."]


def test_accepted_code_comes_first_and_is_seen_when_it_changes(tmp_path):
    library = mine.Library(tmp_path, reference)
    mine.install(library)
    path = library.save(POOL, "def avg_pool2d():\n    return 'first'\n")
    assert borrowed()() == "first"
    library.save(POOL, "def avg_pool2d():\n    return 'second, and longer'\n")
    assert borrowed()() == "second, and longer"
    assert path == tmp_path / "lenet" / "avg_pool2d.py"
    assert [item.name for item in path.parent.glob("*.part")] == []


def test_a_saved_answer_that_cannot_be_loaded_stops_nothing(tmp_path):
    notices = []
    library = mine.Library(tmp_path, reference, notices.append)
    mine.install(library)
    library.save(POOL, "import gone_for_ever\n")
    assert library.own(POOL) is None
    assert borrowed() == "the reference's lenet.avg_pool2d"
    assert len(notices) == 1
    assert "can't be loaded any more (ModuleNotFoundError: No module named 'gone_for_ever')" in notices[0]


def test_an_answer_saved_twice_in_a_second_is_the_later_one(tmp_path):
    library = mine.Library(tmp_path, reference)
    path = library.save(POOL, "def avg_pool2d():\n    return 1\n")
    assert library.own(POOL)() == 1
    path.write_text(path.read_text().replace("1", "2"))  # the same length
    assert mine.Library(tmp_path, reference).own(POOL)() == 2
    assert list(tmp_path.rglob("*.pyc")) == []


def test_without_references_the_import_says_what_to_solve(tmp_path):
    mine.install(mine.Library(tmp_path, None))
    with pytest.raises(ImportError, match=r"lenet\.avg_pool2d is needed here and isn't solved yet"):
        borrowed()


def test_unknown_lessons_are_ordinary_import_errors(tmp_path):
    mine.install(mine.Library(tmp_path, reference))
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("mine.nothing")


def test_a_write_that_fails_leaves_the_old_answer(tmp_path, monkeypatch):
    library = mine.Library(tmp_path, reference)
    path = library.save(POOL, "def avg_pool2d():\n    return 1\n")
    monkeypatch.setattr(files.os, "replace", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        library.save(POOL, "broken")
    assert "return 1" in path.read_text()
    assert [item.name for item in path.parent.iterdir()] == ["avg_pool2d.py"]
