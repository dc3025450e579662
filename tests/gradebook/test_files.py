"""Whatever a student did to the notebook or its file, it is graded as far as it goes, and what was done is said."""

from __future__ import annotations

import json
import time

import nbformat
import pytest
from nbformat.v4 import new_output

from tests.gradebook import desk

LESSON = desk.LESSON


def graded(handed, folder, patch, *names):
    return desk.grade(desk.hand_in(handed, folder), *names, patch=patch.setattr)


@pytest.mark.parametrize("kind", ["raw", "markdown"])
def test_an_answer_and_a_check_that_were_switched_off_count(tmp_path, monkeypatch, kind):
    one = desk.paper().solve("relu", "leaky_relu")
    for cell in (one.answer("relu"), one.check("leaky_relu")):
        cell.cell_type = kind
        cell.attachments = {"a.png": {"image/png": "aGk="}}
        del cell["outputs"], cell["execution_count"]
    found = graded(one.notebook, tmp_path, monkeypatch, "relu", "leaky_relu")
    assert found.points == {"relu": 1.0, "leaky_relu": 1.0}
    assert f"The cell lenet-relu was a {kind} cell; it was made a code cell again." in found.words
    assert f"The cell check(leaky_relu) was a {kind} cell; it was made a code cell again." in found.words
    nbformat.validate(found.notebook)


def test_a_question_made_code_is_text_again(tmp_path, monkeypatch):
    one = desk.paper().reply("answer-lenet-why_padding", "So that the border counts.")
    cell = one.cell("answer-lenet-why_padding")
    cell.update(cell_type="code", outputs=[], execution_count=1)
    found = graded(one.notebook, tmp_path, monkeypatch)
    [answer] = [cell for cell in found.notebook.cells if cell.source == "So that the border counts."]
    assert answer.cell_type == "markdown"
    nbformat.validate(found.notebook)


def test_an_older_release_is_graded_where_it_still_fits_and_told(tmp_path, monkeypatch):
    one = desk.paper().solve("relu", "leaky_relu")
    one.notebook.metadata.pixels_to_voxels["digest"] = "an older one"
    one.delete(one.check("tanh"), one.answer("tanh"))
    one.check("leaky_relu").update(source="check(leaky)")
    one.check("leaky_relu").metadata.nbgrader["points"] = 7
    found = graded(one.notebook, tmp_path, monkeypatch, "relu", "leaky_relu", "tanh")
    assert found.points == {"relu": 1.0, "leaky_relu": 1.0, "tanh": 0.0}
    assert "This is another release of 01_lenet.ipynb than the one that is graded." in found.words
    assert "p2v update" in found.words
    assert "put back as they were released: check(tanh)" in found.words
    assert "there is no tanh yet" in found.words


def test_the_present_release_is_told_nothing(tmp_path, monkeypatch):
    found = graded(desk.paper().notebook, tmp_path, monkeypatch)
    assert found.words.strip() == ""


@pytest.mark.parametrize("part", ["00_start/00_start", "01_lenet/01_lenet_b"])
def test_another_notebook_under_this_name_is_told_by_name(tmp_path, monkeypatch, part):
    lesson, _, name = part.partition("/")
    found = graded(desk.paper(name, lesson).solve().notebook, tmp_path, monkeypatch, "relu", "tanh")
    assert found.points == {"relu": 0.0, "tanh": 0.0}
    assert f"This file is called 01_lenet.ipynb, but it is {name}.ipynb." in found.words


def of_bytes(change):
    return lambda: change(nbformat.writes(desk.paper().solve("relu").notebook).encode())


FILES = {
    "half a file": (of_bytes(lambda content: content[: len(content) // 2]), "this is no valid notebook"),
    "an empty file": (lambda: b"", "this is no valid notebook"),
    "a list": (lambda: b"[1, 2]", "this is no valid notebook (it holds no cells)"),
    "a number": (lambda: b"3", "this is no valid notebook"),
    "another JSON": (lambda: b'{"a": 1}', "this is no valid notebook"),
    "deep brackets": (lambda: b"[" * 200_000, "could not be read"),
    "UTF-16": (of_bytes(lambda content: content.decode().encode("utf-16")), "the file is not UTF-8 text"),
    "Latin-1": (lambda: json.dumps({"a": "größer"}, ensure_ascii=False).encode("latin-1"), "the file is not UTF-8"),
    "a picture": (lambda: b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "the file is not UTF-8 text"),
    "a page": (lambda: b"<html>Sign in</html>", "this is no valid notebook"),
}


@pytest.mark.parametrize("kind", FILES)
def test_a_file_that_is_no_notebook_says_so(tmp_path, monkeypatch, kind):
    content, reason = FILES[kind]
    found = graded(content(), tmp_path, monkeypatch, "relu")
    assert found.points == {"relu": 0.0}
    assert "01_lenet.ipynb could not be read" in found.words
    assert reason in found.words
    assert "Nothing in it could be graded." in found.words


def test_a_byte_order_mark_does_no_harm(tmp_path, monkeypatch):
    content = b"\xef\xbb\xbf" + nbformat.writes(desk.paper().solve("relu").notebook).encode()
    assert graded(content, tmp_path, monkeypatch, "relu").points == {"relu": 1.0}


def test_fifty_megabytes_of_output_do_no_harm(tmp_path, monkeypatch):
    one = desk.paper().solve("relu")
    one.answer("relu").outputs = [new_output("stream", text="x" * 30_000_000)]
    one.check("relu").outputs = [new_output("stream", text=f"line {n}\n" * 10) for n in range(20_000)]
    one.notebook.cells[0].metadata["widgets"] = {"state": {str(n): "y" * 1000 for n in range(20_000)}}
    path = desk.hand_in(one.notebook, tmp_path)
    assert path.stat().st_size > 50_000_000
    start = time.perf_counter()
    found = desk.grade(path, "relu", patch=monkeypatch.setattr)
    assert found.points == {"relu": 1.0}
    assert time.perf_counter() - start < 60


def test_nonsense_in_the_metadata_does_no_harm(tmp_path, monkeypatch):
    one = desk.paper().solve("relu", "leaky_relu")
    raw = json.loads(nbformat.writes(one.notebook))
    raw["metadata"] = {"language_info": 5, "kernelspec": "none", "widgets": [1], "pixels_to_voxels": "mine"}
    for number, cell in enumerate(raw["cells"]):
        cell["metadata"].update(jupyter=5, tags="all", collapsed={"no": 1}, slideshow=[])
        cell["id"] = "same" if number % 2 else "ä" * 100
    found = graded(json.dumps(raw).encode(), tmp_path, monkeypatch, "relu", "leaky_relu")
    assert found.points == {"relu": 1.0, "leaky_relu": 1.0}
    nbformat.validate(found.notebook)


def test_marks_about_grading_that_a_student_wrote_are_overwritten(tmp_path, monkeypatch):
    one = desk.paper()
    ours = one.notebook.metadata.pixels_to_voxels
    ours.update(sandboxed=False, faults=["check-lenet-relu"], notes=["all right"])
    found = graded(one.notebook, tmp_path, monkeypatch, "relu")
    kept = found.notebook.metadata.pixels_to_voxels
    assert (kept.sandboxed, kept.faults, kept.notes) == (True, [], [])


def doubled(one):
    again = one.add(one.solved["relu"], after=one.check("relu"))
    again.metadata.update(one.answer("relu").metadata)


def helped(one):
    head, _, body = one.solved["relu"].rpartition('"""')
    one.write({"relu": f'{head}"""\n    return _mine(x)'})
    one.add(f"def _mine(x):{body}")


def elsewhere(one):
    one.add(one.solved["relu"])
    one.delete(one.answer("relu"))


def renamed(one):
    one.solve("relu").check("relu").metadata.nbgrader["grade_id"] = "renamed"


def unmarked(one):
    for cell in one.solve("relu").notebook.cells:
        cell.metadata.pop("nbgrader", None)


def reordered(one):
    one.solve("relu").notebook.cells.reverse()


def dearer(one):
    one.check("relu").metadata.nbgrader["points"] = 300


def rewritten(one):
    one.check("relu").source = "300"


DONE_TO_CELLS = {  # what is done, the mark of relu, what is said
    doubled: (1.0, "There are several cells lenet-relu; the last one counts."),
    helped: (1.0, "lenet.relu accepted"),
    elsewhere: (1.0, "lenet.relu accepted"),
    renamed: (1.0, "Missing cells, which were put back as they were released: check(relu)."),
    unmarked: (1.0, "Missing cells, which were put back as they were released: imports"),
    reordered: (1.0, "lenet.relu accepted"),
    dearer: (0.0, "lenet.relu not solved yet"),
    rewritten: (0.0, "The locked cell check(relu) had been changed; it was put back as it was released."),
}


@pytest.mark.parametrize("change", DONE_TO_CELLS, ids=lambda change: change.__name__)
def test_what_is_done_to_cells_costs_nothing_and_gains_nothing(tmp_path, monkeypatch, change):
    one = desk.paper()
    change(one)
    points, told = DONE_TO_CELLS[change]
    found = graded(one.notebook, tmp_path, monkeypatch, "relu")
    assert found.points == {"relu": points}
    assert told in found.words
