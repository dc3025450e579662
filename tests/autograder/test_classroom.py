"""A class without JupyterHub, from an empty folder to marks for a learning platform."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest
import typer
from nbgrader.api import Gradebook
from typer.testing import CliRunner

from autograder import classroom, cli, collecting, handouts, packs, registry
from autograder.classroom import Classroom, ClassroomError
from autograder.collecting import CollectError
from autograder.packs import Pack
from autograder.sandbox import protections
from autograder.spec import Rng
from tests.docs.pages import commands, fences
from tests.gradebook.marks import exported
from tests.gradebook.papers import Paper

pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")  # nbgrader's own
LESSON = "00_start"
QUESTION = "answer-warmup-unshuffled"
NAMES = ["01_lenet_b", "01_lenet"]
ROOT = Path(__file__).resolve().parents[2]
PACK = """
name = "autumn"
seed = 5
[points]
"warmup.one_hot" = 6
[exercises]
warmup = ["one_hot", "accuracy"]
"""
CASES = """
import torch
from autograder.spec import of_call

CASES = {"warmup.one_hot": lambda rng: [of_call("nine classes", labels=torch.tensor([8, 0]), num_classes=9)]}
"""


@pytest.fixture(autouse=True)
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


def p2v(*words, expect=0):
    """Runs `p2v classroom …` in this process and gives what it prints."""
    done = CliRunner().invoke(cli.app, ["classroom", *map(str, words)])
    assert done.exit_code == expect, (done.output, done.exception)
    return done.output


def solved(place, *names, lesson=LESSON):
    """A right notebook with an answered question, made from the released one."""
    released = nbformat.read(place / "release" / lesson / f"{lesson}.ipynb", as_version=4)
    source = nbformat.read(place / "source" / lesson / f"{lesson}.ipynb", as_version=4)
    paper = Paper(released, source).solve(*names)
    return nbformat.writes(paper.reply(QUESTION, "Batches of one class each.").notebook).encode()


def says_it_is(notebook):
    """The smallest file that says which notebook it is."""
    return json.dumps({"metadata": {"pixels_to_voxels": {"notebook": notebook}}}).encode()


def zipped(files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def test_init_makes_a_folder_that_nbgrader_understands(place):
    said = p2v("init", place, "--course-id", "autumn26")
    assert "p2v classroom release 00_start" in said
    for name in ("source", "submitted", "autograded", "feedback", ".p2v"):
        assert (place / name).stat().st_mode & 0o077 == 0
    built = ROOT / "solutions" / "notebooks"
    for path in built.rglob("*.ipynb"):
        assert (place / "source" / path.relative_to(built)).read_bytes() == path.read_bytes()
    ignored = (place / ".gitignore").read_text().split()
    assert {"source/", "submitted/", "gradebook.db*", ".p2v/"} <= set(ignored)
    found = Classroom(place)
    assert found.course.course_id == "autumn26"
    assert "autograder.gradebook.JudgeExercises" in found.config.Autograde.autograde_preprocessors
    assert not found.has_exchange


def test_init_again_overwrites_nothing(place):
    p2v("init", place)
    (place / "nbgrader_config.py").write_text("mine")
    (place / "README.md").unlink()
    source = place / "source" / LESSON / f"{LESSON}.ipynb"
    source.write_text("mine too")
    said = p2v("init", place)
    assert (place / "nbgrader_config.py").read_text() == "mine"
    assert source.read_text() == "mine too"
    assert f"made: {place / 'README.md'}" in said
    assert "there already, left as it is" in said


@pytest.mark.parametrize("name", ["", "a+b", "a b", "../x"])
def test_a_course_id_that_nbgrader_cannot_use_is_refused(place, name):
    with pytest.raises(ClassroomError, match="course id: expected"):
        classroom.init(place / "new", name)
    assert not (place / "new").exists()


def test_a_class_release_without_answers_cannot_be_released_from(place, monkeypatch):
    monkeypatch.setattr(classroom.references, "packages", lambda: ())
    with pytest.raises(ClassroomError, match="answers aren't installed"):
        classroom.init(place / "new")


def test_elsewhere_it_says_how_to_begin(place):
    with pytest.raises(ClassroomError, match="p2v classroom init FOLDER"):
        Classroom(place)


def test_a_release_holds_no_answers_and_can_be_made_again(room, place):
    said = p2v("release", LESSON)
    assert "released:" in said
    released = place / "release" / LESSON / f"{LESSON}.ipynb"
    assert released.read_bytes() == (ROOT / "course" / LESSON / f"{LESSON}.ipynb").read_bytes()
    before = released.read_bytes()
    p2v("release", LESSON)
    assert released.read_bytes() == before


def test_sources_that_an_instructor_changed_are_taken_as_they_are(room, place):
    source = place / "source" / LESSON / f"{LESSON}.ipynb"
    notebook = nbformat.read(source, as_version=4)
    notebook.cells[0].source += "\n\nRead chapter 3 first."
    nbformat.write(notebook, source)
    assert "was changed by hand" in "\n".join(room.release(LESSON, Pack()))
    assert "chapter 3" in (place / "release" / LESSON / f"{LESSON}.ipynb").read_text()
    source.unlink()
    assert "made: " in room.release(LESSON, Pack())[0]
    assert "chapter 3" not in source.read_text()


def test_a_pack_sets_the_points_and_leaves_the_rest_for_practice(room, place, tmp_path):
    pack = tmp_path / "pack"
    pack.mkdir()
    (pack / "pack.toml").write_text(PACK)
    (pack / "cases.py").write_text(CASES)
    p2v("release", LESSON)
    p2v("release", LESSON, "--pack", pack)
    with room.gradebook() as gradebook:
        points = {cell.name: cell.max_score for cell in gradebook.find_notebook(LESSON, LESSON).grade_cells}
    accuracy = next(points.pop(name) for name in list(points) if name == "check-warmup-accuracy")
    assert accuracy == 2
    assert points == {"check-warmup-one_hot": 6, "answer-warmup-unshuffled": 2}
    text = (place / "release" / LESSON / f"{LESSON}.ipynb").read_text()
    assert "check(batches)  # for practice: not graded" in text
    assert "4 exercises, 8 points" in text
    assert "nine classes" not in text


@pytest.mark.slow
@pytest.mark.skipif(bool(protections.missing()), reason="this machine has no sandbox")
def test_from_release_to_a_table_of_marks(room, place, tmp_path):
    pack = tmp_path / "pack"
    pack.mkdir()
    (pack / "pack.toml").write_text(PACK)
    (pack / "cases.py").write_text(CASES)
    config = place / "nbgrader_config.py"
    config.write_text(f"{config.read_text()}c.JudgeExercises.pack = {str(pack)!r}\n")
    p2v("release", LESSON)
    few = solved(place, "accuracy").replace(b"raise NotImplementedError()", b"return 1 * (labels[:, None] == 0)")
    files = {"Ada_7_assignsubmission_file_/00_start.ipynb": solved(place), "Bo_8_assignsubmission_file_/x.ipynb": few}
    (tmp_path / "moodle.zip").write_bytes(zipped(files))
    assert "collected: Ada" in p2v("collect", LESSON, "--from", tmp_path / "moodle.zip")
    for command in (["autograde", LESSON, "--student", "Ada"], []):  # nbgrader's own, then ours for the rest
        words = ["-m", "nbgrader", *command] if command else ["-m", "autograder.cli", "classroom", "grade", LESSON]
        done = subprocess.run([sys.executable, *words], capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    p2v("feedback", LESSON)
    page = (place / "feedback" / "Ada" / LESSON / f"{LESSON}.html").read_text()
    assert "accepted, 6 of 6 points" in page
    said = p2v("export", LESSON, "--format", "csv", "--out", "grades.csv")
    assert "2 of 2 students handed in, 10 points at most." in said
    assert "2 still wait for marks by hand (nbgrader formgrader): Ada, Bo" in said
    table = exported_rows(place / "grades.csv")
    assert float(table["Ada"]["score"]) == 8
    assert 2 <= float(table["Bo"]["score"]) < 8
    assert "nine classes" in (place / "feedback" / "Bo" / LESSON / f"{LESSON}.html").read_text()


def exported_rows(path):
    text = path.read_text().replace("lesson", "assignment", 1)
    path.write_text(text)
    return {student: row for (student, _), row in exported(path).items()}


def test_feedback_and_marks_that_are_not_there_yet(room):
    with pytest.raises(ClassroomError, match="p2v classroom grade 00_start"):
        room.feedback(LESSON)
    (room.folder / "source" / LESSON / f"{LESSON}.ipynb").unlink()
    with pytest.raises(ClassroomError, match="p2v classroom release 00_start"):
        collecting.collect(room, LESSON, room.folder, ids={})


def test_each_student_practises_on_cases_of_their_own(room, place):
    (place / "list.txt").write_text("student_id\nada, Ada Lovelace\n\n# left\nbo\n")
    assert "2 notebooks for single students" in p2v("release", LESSON, "--students", "list.txt")
    texts = {}
    for student in ("ada", "bo"):
        copy = nbformat.read(place / "handout" / student / LESSON / f"{LESSON}.ipynb", as_version=4)
        nbformat.validate(copy)
        [cell] = [cell for cell in copy.cells if cell.id == "practice-seed"]
        texts[student] = cell.source
        copy.cells.remove(cell)
        assert copy == nbformat.read(place / "release" / LESSON / f"{LESSON}.ipynb", as_version=4)
    assert texts["ada"] != texts["bo"]
    assert re.fullmatch(r'start\("warmup", seed=\d+\)  # your own practice cases', texts["ada"])
    p2v("release", LESSON, "--students", "list.txt")
    again = (place / "handout" / "ada" / LESSON / f"{LESSON}.ipynb").read_text()
    assert json.dumps(texts["ada"])[1:-1] in again


def test_a_copy_for_nobody_is_refused(room, place):
    room.release(LESSON, Pack())
    with pytest.raises(ClassroomError, match="nbgrader db student add ID"):
        handouts.hand_out(room, LESSON, [])
    (place / "list.txt").write_text("../ada\n")
    with pytest.raises(ClassroomError, match="a folder can be called by"):
        handouts.read_students(place / "list.txt")


def test_the_exchange_carries_a_lesson_there_and_back(room, place, tmp_path):
    exchange = tmp_path / "exchange"
    exchange.mkdir()
    exchange.chmod(0o777)
    config = place / "nbgrader_config.py"
    config.write_text(f"{config.read_text()}c.Exchange.root = {str(exchange)!r}\n")
    assert "released to the exchange" in p2v("release", LESSON)
    with pytest.raises(ClassroomError, match="already exists"):
        Classroom(place).release(LESSON, Pack())
    assert "released to the exchange" in p2v("release", LESSON, "--again")
    assert (exchange / "p2v" / "outbound" / LESSON / f"{LESSON}.ipynb").is_file()
    inbound = exchange / "p2v" / "inbound"

    def submit(when, content):
        folder = inbound / f"ada+{LESSON}+{when}+x"
        folder.mkdir()
        (folder / f"{LESSON}.ipynb").write_bytes(content)
        (folder / "timestamp.txt").write_text(when)

    submit("2026-01-01 10:00:00 UTC", b"one")
    assert p2v("collect", LESSON) == "collected: ada\n"
    assert p2v("collect", LESSON) == "nothing new\n"
    submit("2026-01-02 10:00:00 UTC", b"two")
    handed = place / "submitted" / "ada" / LESSON / f"{LESSON}.ipynb"
    assert p2v("collect", LESSON) == "nothing new\n"
    assert handed.read_bytes() == b"one"
    assert "collected again: ada" in p2v("collect", LESSON, "--replace")
    assert handed.read_bytes() == b"two"
    [older] = (place / ".p2v" / "replaced" / LESSON / "ada").iterdir()
    assert (older / f"{LESSON}.ipynb").read_bytes() == b"one"


def test_without_an_exchange_collect_asks_where_from(room):
    with pytest.raises(ClassroomError, match="--from FOLDER"):
        room.collect(LESSON)


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


def test_the_gradebook_of_a_class_can_be_exported(room):
    room.release(LESSON, Pack())
    with Gradebook(room.course.db_url, "p2v") as gradebook:
        gradebook.add_student("ada", first_name="Ada", last_name="Lovelace")
    assert "0 of 1 students handed in, 9 points at most." in p2v("export", LESSON, "--format", "canvas", "--zeros")
    table = (room.folder / f"{LESSON}-canvas.csv").read_text().splitlines()
    assert table[-1] == '"Lovelace, Ada",,,ada,,0'


DOCUMENT = (ROOT / "docs" / "classroom.md").read_text(encoding="utf-8")


def test_the_commands_in_the_document_exist():
    shown = [words for words in commands(DOCUMENT) if words[0] == "p2v" and len(words) > 2]
    assert len(shown) > 10
    for words in shown:
        at = typer.main.get_command(cli.app)
        for word in words[1:]:
            at = getattr(at, "commands", {}).get(word, at)
        known = {option for item in at.params for option in item.opts}
        assert {word for word in words if word.startswith("--")} <= known, words


def test_the_pack_in_the_document_works(tmp_path):
    [settings], [cases, _] = fences(DOCUMENT, "toml"), fences(DOCUMENT, "python")
    (tmp_path / "pack.toml").write_text(settings)
    (tmp_path / "cases.py").write_text(cases)
    pack = Pack.load(tmp_path)
    assert pack.points_of(registry.find("conv2d")) == 10
    assert not pack.asks(registry.find("avg_pool2d"))
    assert len(list(pack.applied(registry.find("relu")).cases(Rng(0)))) == 2 + len(
        list(registry.find("relu").cases(Rng(0)))
    )


def test_the_paths_in_the_document_are_read_so():
    table = DOCUMENT.partition("| where from")[2].partition("\n\n")[0]
    pairs = re.findall(r"^\| [^|]+ \| `([^`]+)`[^|]* \| `([^`]+)` \|$", table, re.M)
    assert len(pairs) == 5
    for path, student in pairs:
        found = collecting._recognised(path, b"", "01_lenet", NAMES, None)
        assert collecting._student(found.names, {}) == student
