"""A class without JupyterHub, from an empty folder to marks for a learning platform."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import typer
from nbgrader.api import Gradebook

from autograder import classroom, cli, collecting, handouts, registry
from autograder.classroom import Classroom, ClassroomError
from autograder.packs import Pack
from autograder.sandbox import protections
from autograder.spec import Rng
from tests.autograder.class_commands import p2v, zipped
from tests.docs.pages import commands, fences
from tests.gradebook.marks import exported
from tests.gradebook.papers import Paper

pytestmark = [
    pytest.mark.usefixtures("place"),
    pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning"),  # nbgrader's own
]
LESSON = "00_start"
QUESTION = "answer-warmup-unshuffled"
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


def solved(place, *names, lesson=LESSON):
    """A right notebook with an answered question, made from the released one."""
    released = nbformat.read(place / "release" / lesson / f"{lesson}.ipynb", as_version=4)
    source = nbformat.read(place / "source" / lesson / f"{lesson}.ipynb", as_version=4)
    paper = Paper(released, source).solve(*names)
    return nbformat.writes(paper.reply(QUESTION, "Batches of one class each.").notebook).encode()


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
