"""Marks as learning platforms import them, and the tables that say what they call people."""

from __future__ import annotations

import csv
import io
import os
import sys
from pathlib import Path

import pytest
from nbgrader.api import Gradebook

from autograder import lms
from autograder.lms import ExportError, Line, Marks

pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")  # nbgrader's own
LESSON = "01_lenet"


@pytest.fixture
def gradebook(tmp_path, monkeypatch):
    """A class of four: in time with a mark by hand, late, nothing handed in, and one that waits for marks."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    monkeypatch.setenv("PATH", path)  # nbgrader calls alembic by name
    with Gradebook(f"sqlite:///{tmp_path / 'gradebook.db'}", "p2v") as book:
        book.add_assignment(LESSON)
        book.add_notebook("nb", LESSON)
        book.add_grade_cell("check-a", "nb", LESSON, max_score=5, cell_type="code")
        book.add_grade_cell("answer-b", "nb", LESSON, max_score=2.5, cell_type="markdown")
        people = {"ada": ("Ada", "Lovelace"), "bo": ("Bo", "Ek"), "cy": ("Cy", "Öz, jr."), "di": ("", "")}
        for name, (first, last) in people.items():
            book.add_student(name, first_name=first or None, last_name=last or None, email=f"{name}@uni.example")
        for name, auto, manual, penalty in (("ada", 4.25, 2.5, None), ("bo", 5.0, 0.0, 10.0), ("di", 3.0, None, 1.0)):
            submission = book.add_submission(LESSON, name)
            submission.notebooks[0].late_submission_penalty = penalty
            code = book.find_grade("check-a", "nb", LESSON, name)
            code.auto_score, code.needs_manual_grade = auto, False
            text = book.find_grade("answer-b", "nb", LESSON, name)
            text.manual_score, text.needs_manual_grade = manual, manual is None
        book.db.commit()
        yield book


def rows(text):
    return list(csv.reader(io.StringIO(text, newline="")))


def test_late_penalties_and_marks_by_hand_count(gradebook):
    marks = lms.read_marks(gradebook, LESSON)
    assert marks.most == 7.5
    assert {line.student: line.score for line in marks.lines} == {"ada": 6.75, "bo": 0.0, "cy": None, "di": 2.0}
    assert [line.student for line in marks.lines if line.to_mark] == ["di"]


def test_an_unknown_lesson_is_told(gradebook):
    with pytest.raises(ExportError, match=r"knows no 02_resnet; it has 01_lenet\."):
        lms.read_marks(gradebook, "02_resnet")


def test_canvas(gradebook, tmp_path):
    exported = tmp_path / "canvas.csv"
    exported.write_text(
        "Student,ID,SIS User ID,SIS Login ID,Section,Old (1)\n    Points Possible,,,,,10\n"
        '"Lovelace, Ada",4711,S1,ada,Mon,3\n"Ek, Bo",4712,S2,bo,Tue,\n',
        encoding="utf-8-sig",
    )
    table = rows(
        lms.export(lms.read_marks(gradebook, LESSON, lms.read_ids(exported)), "canvas", column="Lesson 1 (88)")
    )
    assert table[:4] == [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Lesson 1 (88)"],
        ["    Points Possible", "", "", "", "", "7.5"],
        ["Lovelace, Ada", "4711", "S1", "ada", "Mon", "6.75"],
        ["Ek, Bo", "4712", "S2", "bo", "Tue", "0"],
    ]
    assert table[4] == ["Öz, jr., Cy", "", "", "cy", "", ""]
    assert table[5][0] == "di"


def test_moodle(gradebook, tmp_path):
    ids = tmp_path / "ids.csv"
    ids.write_text("ada,900\nbo,bo@other.example\n")
    table = rows(lms.export(lms.read_marks(gradebook, LESSON, lms.read_ids(ids)), "moodle"))
    assert table == [
        ["First name", "Last name", "ID number", "Email address", LESSON],
        ["Ada", "Lovelace", "900", "ada@uni.example", "6.75"],
        ["Bo", "Ek", "", "bo@other.example", "0"],
        ["Cy", "Öz, jr.", "cy", "cy@uni.example", ""],
        ["", "", "di", "di@uni.example", "2"],
    ]


def test_blackboard(gradebook, tmp_path):
    ids = tmp_path / "ids.csv"
    ids.write_text("student_id,Username,Student ID\nada,alove1,77\n")
    text = lms.export(lms.read_marks(gradebook, LESSON, lms.read_ids(ids)), "blackboard", missing_as_zero=True)
    assert text.splitlines()[:2] == [
        '"Last Name","First Name","Username","Student ID","01_lenet [Total Pts: 7.5 Score]"',
        '"Lovelace","Ada","alove1","77","6.75"',
    ]
    assert rows(text)[3] == ["Öz, jr.", "Cy", "cy", "", "0"]


def test_plain(gradebook):
    table = list(csv.DictReader(io.StringIO(lms.export(lms.read_marks(gradebook, LESSON), "csv"), newline="")))
    late = table[1]
    assert (late["student_id"], late["raw_score"], late["late_penalty"], late["score"]) == ("bo", "5", "10", "0")
    assert [row["waits_for_marking"] for row in table] == ["no", "no", "no", "yes"]
    assert {row["max_score"] for row in table} == {"7.5"}


def test_another_form_is_refused():
    with pytest.raises(ExportError, match="expected one of canvas, moodle, blackboard, csv, got 'excel'"):
        lms.export(Marks("x", 1.0, ()), "excel")


@pytest.mark.parametrize(("value", "text"), [(0.1 + 0.2, "0.3"), (1e-9, "0"), (120.0, "120"), (2 / 3, "0.6667")])
def test_marks_are_written_without_noise(value, text):
    assert lms.number(value) == text


def test_a_students_name_is_what_is_known_of_it():
    assert Line("x", "Ada", "Lovelace").name == "Lovelace, Ada"
    assert Line("x", own={"Student": "Ada L."}).name == "Ada L."
    assert Line("x").name == "x"


def test_ids_read_both_ways(tmp_path):
    path = tmp_path / "ids.csv"
    path.write_text("student_id,ID,Email address\nada,4711,a@b.example\n\n")
    ids = lms.read_ids(path)
    assert lms.platform_names(ids) == {"ada": "ada", "4711": "ada", "a@b.example": "ada"}


@pytest.mark.parametrize("content", [b"", b"name,mood,weather\na,b,c\n", "größe".encode("utf-16")])
def test_a_table_that_says_nothing_is_refused(tmp_path, content):
    path = tmp_path / "ids.csv"
    path.write_bytes(content)
    with pytest.raises(ExportError, match=r"ids\.csv: expected"):
        lms.read_ids(path)
