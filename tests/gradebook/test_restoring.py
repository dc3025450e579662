"""Whatever is done to a notebook, it can be graded, and what was done is said."""

from __future__ import annotations

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from autograder.notebook import METADATA, code_cells
from autograder.submitted import SourceCell, restore, well_formed


def source(name, text, **marks):
    given = {"grade": False, "solution": False, "locked": False, "task": False, "schema_version": 3}
    return SourceCell("code", text, given | {"grade_id": name, "cell_type": "code", "checksum": ""} | marks)


RELEASED = {
    "imports": source("imports", "import torch", locked=True),
    "toy-one": source("toy-one", "stub", solution=True),
    "check-toy-one": source("check-toy-one", "check(one)", grade=True, locked=True, points=3.0),
    "toy-two": source("toy-two", "stub", solution=True),
    "check-toy-two": source("check-toy-two", "check(two)", grade=True, locked=True, points=1.0),
}


def whole():
    cells = [new_code_cell(item.text, metadata={"nbgrader": dict(item.marks)}) for item in RELEASED.values()]
    return new_notebook(cells=cells)


def ids(notebook):
    return [cell.metadata.get("nbgrader", {}).get("grade_id") for cell in notebook.cells]


def test_an_untouched_notebook_stays_as_it_is():
    notebook = whole()
    before = nbformat.writes(notebook)
    assert restore(notebook, RELEASED) == []
    assert nbformat.writes(notebook) == before


@pytest.mark.parametrize(
    "marks",
    [
        {},
        {"grade_id": "check-toy-one"},
        {"grade_id": "check-toy-one", "points": "many", "schema_version": 1},
        "text",
        3,
    ],
)
def test_metadata_is_made_whole(marks):
    notebook = whole()
    notebook.cells[2].metadata["nbgrader"] = marks
    restore(notebook, RELEASED)
    [check] = [cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade_id") == "check-toy-one"]
    assert check.metadata["nbgrader"] == RELEASED["check-toy-one"].marks


@pytest.mark.parametrize("gone", [(0,), (2,), (1, 2), (2, 3), (0, 1, 2, 3, 4)])
def test_missing_cells_come_back_in_their_order(gone):
    notebook = whole()
    names = ids(notebook)
    for index in reversed(gone):
        del notebook.cells[index]
    [note] = restore(notebook, RELEASED)
    assert "Missing cells" in note
    kept = [name for index, name in enumerate(names) if index not in gone or RELEASED[name].kept]
    assert ids(notebook) == kept


def test_an_answer_that_was_deleted_does_not_come_back():
    notebook = whole()
    del notebook.cells[1]
    assert restore(notebook, RELEASED) == []
    assert "toy-one" not in ids(notebook)


def test_of_two_cells_with_one_id_the_last_counts():
    notebook = whole()
    notebook.cells.append(new_code_cell("again", metadata={"nbgrader": dict(RELEASED["toy-one"].marks)}))
    assert restore(notebook, RELEASED) == ["There are several cells toy-one; the last one counts."]
    assert ids(notebook) == ["imports", None, "check-toy-one", "toy-two", "check-toy-two", "toy-one"]


def test_a_changed_check_is_told_and_an_added_mark_is_taken_off():
    notebook = whole()
    notebook.cells[4].source = "3"
    notebook.cells.append(new_code_cell("5", metadata={"nbgrader": {"grade": True, "grade_id": "mine", "points": 9}}))
    assert restore(notebook, RELEASED) == [
        "The locked cell check(two) had been changed; it was put back as it was released."
    ]
    assert "nbgrader" not in notebook.cells[5].metadata


def test_many_missing_cells_are_told_in_one_sentence():
    released = {f"check-{n}": source(f"check-{n}", f"check({n})", grade=True, locked=True, points=1) for n in range(30)}
    [note] = restore(new_notebook(), released)
    assert note.endswith("check(7) and 22 more.")


def test_cells_keep_the_numbers_that_the_student_sees():
    notebook = whole()
    del notebook.cells[0]
    restore(notebook, RELEASED)
    places = {cell.source: cell.place for cell in code_cells(notebook)}
    assert places["import torch"] == "a given cell"
    assert [cell.place for cell in code_cells(notebook)][1:] == ["cell 1", "cell 3"]


def test_broken_cells_are_mended_or_left_out():
    broken = NotebookNode(
        cells=[
            NotebookNode(cell_type="code", source="x = 1"),
            NotebookNode(cell_type="code", metadata={}, outputs=[]),
            NotebookNode(cell_type="poem", source="roses", metadata={}),
            NotebookNode(cell_type="markdown", source="words", metadata=NotebookNode({METADATA: "forged"}), id="a"),
            NotebookNode(cell_type="markdown", source="more", metadata=[], id="a"),
            "no cell at all",
        ],
        metadata=[],
    )
    mended = well_formed(broken)
    nbformat.validate(mended)
    assert [cell.source for cell in mended.cells] == ["x = 1", "words", "more"]
    assert code_cells(mended)[0].place == "cell 1"


@pytest.mark.parametrize("cells", [None, {}, "text"])
def test_a_notebook_without_cells_becomes_an_empty_one(cells):
    assert well_formed(NotebookNode(cells=cells)).cells == []


def test_pictures_in_an_answer_stay():
    cell = new_markdown_cell("![](attachment:a.png)")
    cell.attachments = NotebookNode({"a.png": {"image/png": "aGk="}})
    assert well_formed(new_notebook(cells=[cell])).cells[0].attachments == cell.attachments
