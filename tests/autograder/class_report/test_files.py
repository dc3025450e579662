"""The class report's files: CSV, safety of what students wrote, where things lie, and what the command says."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import time
from dataclasses import replace
from itertools import pairwise

import pytest
from typer.testing import CliRunner

from autograder import class_report, cli, marks, packs
from autograder.marks import Sheet
from tests.autograder.class_samples import (
    CONV,
    FAILS_ALONE,
    FIT,
    LESSON,
    PAD,
    RELU,
    SMALL,
    ZEROES,
    A,
    B,
    hand_in,
    keep,
    mark,
    near,
    report_on,
    right,
    rows_of,
)

SETTINGS = """
from autograder.nbgrader_settings import configure
c = get_config()
configure(c, course_id="autumn", release="given")
"""


def p2v(*words):
    return CliRunner().invoke(cli.app, ["class-report", *map(str, words)])


def test_csv_files(written):
    rows = rows_of(written.marks)
    assert len(rows) == 9 * 4
    dario = {row["exercise"]: row for row in rows if row["student"] == "dario"}
    about = ("points", "max_points", "status", "mistake", "failing_case", "passed", "cases", "seed", "notebook")
    assert [dario[PAD][name] for name in about] == ["3.0", "4.0", "not yet", "", FAILS_ALONE, "8", "9", "21", A]
    assert [dario[FIT][name] for name in about[:4]] == ["2.0", "5.0", "not yet", ZEROES]
    assert [dario[CONV][name] for name in ("tier", "ratio", "limit")] == ["inconclusive", "5.0", "8.0"]
    assert {row["status"] for row in rows if row["student"] == "ines"} == {"not graded"}
    totals = {row["student"]: row for row in rows_of(written.totals)}
    about = ("points", "max_points", "share", "total", "tried", "solved", "handed_in")
    assert [totals["eun"][name] for name in about] == ["8.0", "20.0", "0.4", "8.0", "3", "0", A]
    assert [totals["ines"][name] for name in about] == ["0.0", "20.0", "0.0", "0.0", "0", "0", f"{A} {B}"]


@pytest.mark.parametrize(
    ("text", "harmless"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'=1"),
        ("one\r=1", "one =1"),
        ("one\n=1", "one =1"),
        ("one; =1", "one; '=1"),
        ('one",=1', 'one",=1'),
        ("right; 9 of 9 = all", "right; 9 of 9 = all"),
    ],
)
def test_csv_cells_run_nothing_in_a_spreadsheet(tmp_path, text, harmless):
    keep(tmp_path, "@ada", [near(problem=text, mistake=text)], notes=(text,))
    done = class_report.write(tmp_path, LESSON)
    [row], [total] = rows_of(done.marks), rows_of(done.totals)
    assert row["problem"] == row["mistake"] == total["notes"] == harmless
    assert row["student"] == total["student"] == "'@ada"


def test_nothing_of_a_students_becomes_html(tmp_path):
    evil = "<script>alert(1)</script>\"'><img src=x>&amp;"
    hand_in(tmp_path, "eve<b>", {PAD: f"def pad2d(x):\n    return '''{evil}'''"})
    for name in ("eve<b>", *(f"x<i>{place}" for place in range(3))):
        keep(tmp_path, name, [near(problem=evil, failing=evil), mark(RELU, 0.0, mistake=evil)], notes=(evil,))
    page = report_on(tmp_path)
    assert evil in page.says("doubts")
    assert evil in page.says("mistakes")
    assert page.rows("files")[0] == ["eve<b>", f"{A}.ipynb", evil]
    assert len(page.soup("script")) == 1
    assert not page.soup("img")
    assert not [tag for tag in page.soup(["b", "i"]) if not tag.get("class") and not tag.get("style")]


def test_without_marks_it_says_what_to_run(tmp_path):
    said = p2v(LESSON, "--course", tmp_path)
    assert (said.exit_code, said.stdout) == (2, "")
    assert said.stderr.startswith(f"Nothing of {LESSON} has been graded in {tmp_path} yet.")
    assert said.stderr.endswith("is this the course folder? If not, say --course FOLDER.\n")
    hand_in(tmp_path, "ada")
    assert p2v(LESSON, "--course", tmp_path).stderr.endswith(f"Run this first: p2v grade {LESSON}\n")
    marks.save(tmp_path, Sheet("ada", "02_resnet", A, marks={PAD: right(PAD)}))
    said = p2v(LESSON, "--course", tmp_path).stderr
    assert said.endswith(f"There are marks of 02_resnet. To grade {LESSON}: p2v grade {LESSON}\n")
    assert not (tmp_path / class_report.FOLDER).exists()


def test_the_command_writes_where_it_is_told(tmp_path):
    keep(tmp_path, "ada", [right(PAD)])
    said = p2v(LESSON, "--course", tmp_path)
    assert said.exit_code == 0
    names = [f"{LESSON}-marks.csv", f"{LESSON}-totals.csv", f"{LESSON}.html"]
    assert sorted(path.name for path in (tmp_path / "class-report").iterdir()) == names
    assert str(tmp_path / "class-report" / f"{LESSON}.html") in said.stdout
    assert p2v(LESSON, "--course", tmp_path, "--out", tmp_path / "elsewhere").exit_code == 0
    assert p2v(LESSON, "--course", tmp_path, "--out", tmp_path / "week1.html").exit_code == 0
    assert (tmp_path / "elsewhere" / f"{LESSON}.html").is_file()
    assert (tmp_path / "week1-totals.csv").is_file()
    (tmp_path / "file").touch()
    said = p2v(LESSON, "--course", tmp_path, "--out", tmp_path / "file" / "page.html")
    assert said.exit_code == 2
    assert "file" in said.stderr


@pytest.mark.parametrize("content", [None, b"", b"no database", b"SQLite format 3\0" + bytes(200)])
def test_a_gradebook_that_cannot_be_read_is_said(tmp_path, content):
    keep(tmp_path, "ada", [right(PAD)])
    if content is not None:
        (tmp_path / "gradebook.db").write_bytes(content)
    page = report_on(tmp_path)
    assert "There is no gradebook here that can be read" in page.says("files")
    assert page.rows("marks") == [["ada", "4", "100 %", "4"]]


def test_files_lie_where_nbgrader_config_says(tmp_path, book, monkeypatch):
    monkeypatch.setenv(packs.VARIABLE, "")
    monkeypatch.setenv("PATH", "")  # which the settings lengthen
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "pack.toml").write_text('name = "autumn"\n')
    more = ["c.CourseDirectory.submitted_directory = 'inbox'", "c.CourseDirectory.db_url = 'sqlite:///book.db'"]
    text = "\n".join([SETTINGS, *more, "c.JudgeExercises.pack = 'pack'"])
    (tmp_path / "nbgrader_config.py").write_text(text)
    shutil.copy(book, tmp_path / "book.db")
    hand_in(tmp_path, "ines", folder="inbox")
    hand_in(tmp_path, "nobody")
    keep(tmp_path, "ada", [right(PAD)])
    page = report_on(tmp_path)
    students = [row[0] for row in page.rows("marks")]
    assert "ada Ada Sample" in students
    assert not any(name.startswith("nobody") for name in students)
    assert f"ines (Ines Sample): {A}, {B}" in page.says("files")
    assert packs.chosen().name == "autumn"


def test_the_page_stands_alone_and_can_be_read_aloud(page):
    assert page.soup.html["lang"] == "en"
    assert not re.search(r"(?:src|href)=[\"'](?!#)|https?:|@import|url\(", page.text)
    digest = base64.b64encode(hashlib.sha256(page.soup.script.string.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in page.soup.find("meta", {"http-equiv": True})["content"]
    levels = [int(head.name[1]) for head in page.soup(re.compile(r"^h\d$"))]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    anchors = [link["href"][1:] for link in page.soup("a")]
    assert len(anchors) >= 10
    assert all(page.soup.find(id=anchor) for anchor in anchors)
    for table in page.soup("table"):
        assert table.caption.text
        assert all(head["scope"] == "col" for head in table.thead("th"))
        assert all(row.th["scope"] == "row" for row in table.tbody("tr"))
    assert page.soup.svg["role"] == "img"


def test_a_class_of_300_takes_seconds(tmp_path):
    found = [replace(one, html="<p>report</p>" * 100) for one in SMALL["dario"]]
    for place in range(300):
        keep(tmp_path, f"student{place:03}", found)
        hand_in(tmp_path, f"student{place:03}")
    start = time.perf_counter()
    done = class_report.write(tmp_path, LESSON)
    assert time.perf_counter() - start < 20
    assert done.students == len(rows_of(done.totals)) == 300
