"""What a class hands in, from whatever a learning platform makes of it."""

from __future__ import annotations

import json
import re

import pytest

from autograder import collecting
from autograder.collecting import CollectError
from autograder.home import repo_root
from tests.autograder.class_commands import p2v, zipped

pytestmark = pytest.mark.usefixtures("place")
NAMES = ["01_lenet_b", "01_lenet"]


def says_it_is(notebook):
    """The smallest file that says which notebook it is."""
    return json.dumps({"metadata": {"pixels_to_voxels": {"notebook": notebook}}}).encode()


@pytest.fixture
def lenet(room):
    """A class that was given both notebooks of lesson 01 (their content plays no part here)."""
    folder = room.folder / "release" / "01_lenet"
    folder.mkdir(parents=True)
    for name in NAMES:
        (folder / f"{name}.ipynb").write_text("{}")
    return room


def handed_in(room, lesson="01_lenet"):
    base = room.folder / "submitted"
    return {path.relative_to(base).as_posix(): path.read_bytes() for path in base.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("path", "student", "notebook"),
    [
        ("ada/01_lenet.ipynb", "ada", "01_lenet"),
        ("ada/01_lenet/01_lenet_b.ipynb", "ada", "01_lenet_b"),
        ("download/group 1/ada/01_lenet.ipynb", "ada", "01_lenet"),
        ("ada_01_lenet_b.ipynb", "ada", "01_lenet_b"),
        ("01_lenet-ada.ipynb", "ada", "01_lenet"),
        ("Ada Lovelace_123_assignsubmission_file_/01_lenet.ipynb", "Ada_Lovelace", "01_lenet"),
        ("Ada Lovelace_123_assignsubmission_file_01_lenet_b.ipynb", "Ada_Lovelace", "01_lenet_b"),
        ("lovelaceada_4711_99_01_lenet.ipynb", "4711", "01_lenet"),
        ("lovelaceada_LATE_4711_99_01_lenet-2.ipynb", "4711", "01_lenet"),
        ("Lesson 1_ada12_attempt_2026-01-31-12-00-00_01_lenet_b.ipynb", "ada12", "01_lenet_b"),
        ("ada/01_lenet (1).ipynb", "ada", "01_lenet"),
        ("ada/01_lenet-Copy1.ipynb", "ada", "01_lenet"),
        ("ada/final version.ipynb", "ada", "01_lenet_b"),
        ("ada.zip", "ada", "01_lenet"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_names_are_found_in_paths(lenet, tmp_path, path, student, notebook, packed):
    content = says_it_is("01_lenet/01_lenet_b.ipynb")
    if path.endswith(".zip"):
        content = zipped({"01_lenet.ipynb": b"x"})
    origin = tmp_path / "download"
    if packed:
        origin.write_bytes(zipped({path: content, "__MACOSX/ada/._01_lenet.ipynb": b"", "ada/notes.txt": b"hello"}))
    else:
        (origin / path).parent.mkdir(parents=True)
        (origin / path).write_bytes(content)
    done = collecting.collect(lenet, "01_lenet", origin, ids={})
    assert done.left_out == {}
    assert done.taken == [student]
    assert f"{student}/01_lenet/{notebook}.ipynb" in handed_in(lenet)
    assert (done.late == [student]) == ("LATE" in path)
    stamp = [text for name, text in handed_in(lenet).items() if name.endswith("timestamp.txt")]
    assert len(stamp) == ("attempt" in path)


def test_the_table_of_ids_and_a_pattern_say_who_is_who(lenet, tmp_path):
    ids = tmp_path / "ids.csv"
    ids.write_text("student_id,ID\nada,4711\n")
    origin = tmp_path / "canvas.zip"
    origin.write_bytes(zipped({"lovelaceada_4711_99_01_lenet.ipynb": b"x"}))
    assert p2v("collect", "01_lenet", "--from", origin, "--ids", ids) == "collected: ada\n"
    origin.write_bytes(zipped({"week3/s-bo/hw/01_lenet.ipynb": b"x", "week3/readme/01_lenet.ipynb": b"y"}))
    said = p2v("collect", "01_lenet", "--from", origin, "--pattern", r"s-(?P<student>\w+)/", expect=1)
    assert "collected: bo" in said
    assert "left out: week3/readme/01_lenet.ipynb: --pattern doesn't match its path" in said


def test_of_several_attempts_the_last_counts_and_the_others_are_told(lenet, tmp_path):
    origin = tmp_path / "bb.zip"
    name = "hw_ada_attempt_2026-01-{}-12-00-00_01_lenet.ipynb"
    origin.write_bytes(zipped({name.format(day): day.encode() for day in ("03", "09", "05")}))
    done = collecting.collect(lenet, "01_lenet", origin, ids={})
    files = handed_in(lenet)
    assert files["ada/01_lenet/01_lenet.ipynb"] == b"09"
    assert files["ada/01_lenet/timestamp.txt"].startswith(b"2026-01-")
    assert sorted(done.left_out) == [name.format("03"), name.format("05")]
    canvas = [f"bo_1_9_01_lenet{number}.ipynb" for number in ("", "-2", "-10", "-3")]
    origin.write_bytes(zipped({path: path.encode() for path in canvas}))
    collecting.collect(lenet, "01_lenet", origin, ids={})
    assert handed_in(lenet)["1/01_lenet/01_lenet.ipynb"] == b"bo_1_9_01_lenet-10.ipynb"


def test_what_was_collected_is_kept_until_it_is_asked_to_be_replaced(lenet, tmp_path):
    origin = tmp_path / "in"
    (origin / "ada").mkdir(parents=True)
    path = origin / "ada" / "01_lenet.ipynb"
    path.write_bytes(b"one")
    (origin / "ada" / "timestamp.txt").write_text("2026-01-01 10:00:00 UTC")
    assert p2v("collect", "01_lenet", "--from", origin) == "collected: ada\n"
    assert handed_in(lenet)["ada/01_lenet/timestamp.txt"].startswith(b"2026-01-01 10:00:00")
    assert p2v("collect", "01_lenet", "--from", origin) == "as it was: ada\n"
    path.write_bytes(b"two")
    (origin / "ada" / "timestamp.txt").write_text("no time at all")
    assert "kept as it was" in p2v("collect", "01_lenet", "--from", origin, expect=1)
    assert handed_in(lenet)["ada/01_lenet/01_lenet.ipynb"] == b"one"
    assert "collected again: ada" in p2v("collect", "01_lenet", "--from", origin, "--replace")
    assert handed_in(lenet) == {"ada/01_lenet/01_lenet.ipynb": b"two"}
    [older] = (lenet.folder / ".p2v" / "replaced" / "01_lenet" / "ada").iterdir()
    assert (older / "01_lenet.ipynb").read_bytes() == b"one"


def test_files_that_lead_elsewhere_or_nowhere_are_harmless(lenet, tmp_path):
    files = {
        "../../evil/01_lenet.ipynb": b"x",
        "../01_lenet.ipynb": b"x",
        "01_lenet.ipynb": b"x",
        "ada/poem.ipynb": b"roses",
        "bo/broken.zip": b"no zip",
        "cy/deep.zip": zipped({"a.zip": zipped({"b.zip": zipped({"01_lenet.ipynb": b"x"})})}),
        "di/bad.ipynb": b"[" * 100_000,
    }
    (tmp_path / "x.zip").write_bytes(zipped(files))
    done = collecting.collect(lenet, "01_lenet", tmp_path / "x.zip", ids={})
    assert set(handed_in(lenet)) == {"evil/01_lenet/01_lenet.ipynb"}
    assert not (tmp_path / "evil").exists()
    assert "doesn't say whose it is" in done.left_out["01_lenet.ipynb"]
    assert "none of 01_lenet.ipynb, 01_lenet_b.ipynb" in done.left_out["ada/poem.ipynb"]
    assert "no zip" in done.left_out["bo/broken.zip"]


def test_a_file_too_large_is_left_out(lenet, tmp_path, monkeypatch):
    monkeypatch.setattr(collecting, "MOST_BYTES", 10)
    (tmp_path / "x.zip").write_bytes(zipped({"ada/01_lenet.ipynb": b"x" * 11}))
    assert "larger than" in str(collecting.collect(lenet, "01_lenet", tmp_path / "x.zip", ids={}))
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "ada_01_lenet.ipynb").write_bytes(b"x" * 11)
    assert "larger than" in str(collecting.collect(lenet, "01_lenet", tmp_path / "x", ids={}))


def test_an_origin_or_a_pattern_that_cannot_be_used_is_told(lenet, tmp_path):
    (tmp_path / "x.txt").write_text("hello")
    with pytest.raises(CollectError, match="this file is no zip"):
        collecting.collect(lenet, "01_lenet", tmp_path / "x.txt", ids={})
    with pytest.raises(CollectError, match="there is neither"):
        collecting.collect(lenet, "01_lenet", tmp_path / "nothing", ids={})
    for pattern, told in (("(", "unterminated"), ("(.*)", "expected a group")):
        with pytest.raises(CollectError, match=told):
            collecting.collect(lenet, "01_lenet", tmp_path, ids={}, pattern=pattern)


def test_the_paths_in_the_document_are_read_so():
    table = (
        (repo_root() / "docs" / "classroom.md")
        .read_text(encoding="utf-8")
        .partition("| where from")[2]
        .partition("\n\n")[0]
    )
    pairs = re.findall(r"^\| [^|]+ \| `([^`]+)`[^|]* \| `([^`]+)` \|$", table, re.M)
    assert len(pairs) == 5
    for path, student in pairs:
        found = collecting._recognised(path, b"", "01_lenet", NAMES, None)
        assert collecting._student(found.names, {}) == student
