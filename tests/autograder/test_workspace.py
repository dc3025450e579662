"""Updates and resets lose nothing that a student wrote."""

import copy

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from autograder import files, workspace
from autograder.notebook import read
from autograder.workspace import WorkspaceError, digest
from tests.autograder.toys import DOUBLE


def ours(cell, role, **marks):
    cell.metadata["pixels_to_voxels"] = {"role": role, **marks}
    return cell


def released(text="Old text.", demo="show(double)", extra=()):
    return new_notebook(
        cells=[
            ours(new_markdown_cell(text, id="text-001"), "text"),
            ours(
                new_code_cell("def double(x):\n    raise NotImplementedError()", id="toys-double"),
                "solution",
                exercise="toys.double",
            ),
            ours(new_code_cell("check(double)", id="check-toys-double"), "check", exercise="toys.double"),
            ours(new_code_cell(demo, id="demo-001"), "demo", digest=digest(demo)),
            *extra,
        ]
    )


@pytest.fixture
def places(tmp_path):
    course, work = tmp_path / "course", tmp_path / "work"
    (course / "toys").mkdir(parents=True)
    work.mkdir()
    nbformat.write(released(), course / "toys" / "toys.ipynb")
    nbformat.write(released(), work / "toys.ipynb")
    return course, work


def edit(path, change):
    notebook = read(path)
    change(notebook)
    nbformat.write(notebook, path)


def sources(path):
    return [cell.source for cell in read(path).cells]


def test_nothing_new_means_nothing_touched(places):
    course, work = places
    before = (work / "toys.ipynb").read_bytes()
    assert workspace.update(course, work) == []
    assert (work / "toys.ipynb").read_bytes() == before


def test_new_text_comes_in_and_answers_stay(places):
    course, work = places

    def solve(notebook):
        notebook.cells[1].source = "def double(x):\n    return x + x"
        notebook.cells.insert(2, new_code_cell("my_note = 1"))
        notebook.cells[-1].source = "show(double, my_way=True)"

    edit(work / "toys.ipynb", solve)
    old = (work / "toys.ipynb").read_bytes()
    new_cell = ours(new_markdown_cell("A new section.", id="text-002"), "text")
    nbformat.write(released("New text.", "show(double, better=True)", [new_cell]), course / "toys" / "toys.ipynb")
    (done,) = workspace.update(course, work)
    assert done.backup.read_bytes() == old
    assert sources(work / "toys.ipynb") == [
        "New text.",
        "def double(x):\n    return x + x",
        "my_note = 1",
        "check(double)",
        "show(double, better=True)",
        "show(double, my_way=True)",
        "A new section.",
    ]
    assert workspace.update(course, work) == []


def test_an_answer_whose_exercise_left_the_course_is_kept(places):
    course, work = places
    edit(work / "toys.ipynb", lambda notebook: setattr(notebook.cells[1], "source", "def double(x):\n    return x + x"))
    without = released()
    without.cells = [without.cells[0], without.cells[3]]
    nbformat.write(without, course / "toys" / "toys.ipynb")
    workspace.update(course, work)
    assert "def double(x):\n    return x + x" in sources(work / "toys.ipynb")


def test_cells_before_the_first_stay_first(places):
    course, work = places
    edit(work / "toys.ipynb", lambda notebook: notebook.cells.insert(0, new_markdown_cell("mine")))
    nbformat.write(released("New text."), course / "toys" / "toys.ipynb")
    workspace.update(course, work)
    assert sources(work / "toys.ipynb")[:2] == ["mine", "New text."]


def test_copies_that_the_student_made_of_our_cells_are_kept(places):
    """JupyterLab copies a cell's metadata with it and gives the copy an id of its own."""
    course, work = places

    def copy_cells(notebook):
        for index, source in ((3, "show(double, again=True)"), (1, "def double(x):\n    return 2 * x")):
            twin = copy.deepcopy(notebook.cells[index])
            twin.id, twin.source = f"random{index}", source
            notebook.cells.insert(index + 1, twin)

    edit(work / "toys.ipynb", copy_cells)
    nbformat.write(released("New text."), course / "toys" / "toys.ipynb")
    workspace.update(course, work)
    found = sources(work / "toys.ipynb")
    assert "def double(x):\n    return 2 * x" in found
    assert "show(double, again=True)" in found
    assert any("NotImplementedError" in source for source in found)
    nbformat.validate(read(work / "toys.ipynb"))


def test_reset_gives_a_stub_and_keeps_the_attempt(places):
    course, work = places
    edit(work / "toys.ipynb", lambda notebook: setattr(notebook.cells[1], "source", "my attempt"))
    backup = workspace.reset(DOUBLE, course, work)
    assert "NotImplementedError" in sources(work / "toys.ipynb")[1]
    assert "my attempt" in sources(backup)


def test_reset_leaves_no_copy_that_would_go_on_defining(places):
    course, work = places

    def copied(notebook):
        notebook.cells[1].source = "first attempt"
        again = copy.deepcopy(notebook.cells[1])
        again.source, again.id = "second attempt", "mine"
        notebook.cells.insert(2, again)

    edit(work / "toys.ipynb", copied)
    backup = workspace.reset(DOUBLE, course, work)
    assert not any("attempt" in source for source in sources(work / "toys.ipynb"))
    assert {"first attempt", "second attempt"} <= set(sources(backup))


def test_reset_brings_a_deleted_cell_back_before_its_check(places):
    course, work = places
    edit(work / "toys.ipynb", lambda notebook: notebook.cells.pop(1))
    workspace.reset(DOUBLE, course, work)
    assert sources(work / "toys.ipynb")[1].startswith("def double")
    assert sources(work / "toys.ipynb")[2] == "check(double)"


def test_reset_without_a_working_copy_says_what_to_do(places):
    course, work = places
    (work / "toys.ipynb").unlink()
    with pytest.raises(WorkspaceError, match="p2v lab"):
        workspace.reset(DOUBLE, course, work)


def test_a_failed_write_leaves_the_old_file(places, monkeypatch):
    _, work = places
    before = (work / "toys.ipynb").read_bytes()
    monkeypatch.setattr(files.os, "replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        files.write_whole(b"new", work / "toys.ipynb")
    assert (work / "toys.ipynb").read_bytes() == before
    assert list(work.iterdir()) == [work / "toys.ipynb"]
