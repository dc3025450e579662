"""The page and tables that an instructor gets after grading: what they say, and that it is right."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest

from autograder import class_report, marks
from autograder.marks import Sheet
from tests.autograder.class_samples import (
    CONV,
    FAILS_ALONE,
    FLIPS,
    LESSON,
    PAD,
    RELU,
    SIGN,
    SMALL,
    WHEN,
    ZEROES,
    A,
    B,
    Report,
    keep,
    mark,
    near,
    report_on,
    right,
    rows_of,
    timing,
)


def test_marks_by_student_and_exercise(page):
    assert page.rows("marks") == [
        ["ada", "20", "100 %", "4", "10", "1", "5"],
        ["ben", "20", "100 %", "4", "10", "1", "5"],
        ["cleo", "17", "85 %", "3", "8", "1", "5"],
        ["dario", "16", "80 %", "3", "10", "1", "2"],
        ["eun", "8", "40 %", "3", "5", "0", "·"],
        ["farid", "10", "50 %", "4", "5", "1", "0"],
        ["gita", "6", "30 %", "0", "5", "1", "·"],
        ["hugo", "0", "0 %", "·", "·", "·", "·"],
        ["ines", "–", "–", "–", "–", "–", "–"],
    ]
    foot = [[cell.text for cell in row.find_all(["th", "td"])] for row in page.section("marks").tfoot("tr")]
    assert foot == [
        ["Points to get", "20", "", "4", "10", "1", "5"],
        ["Mean of those graded", "12.1", "61 %", "2.6", "6.6", "0.8", "2.1"],
    ]
    heads = [head.text for head in page.section("marks").thead("th")]
    assert heads == ["Student", "Points", "Share", "pad2d", "conv2d", "relu", "fit"]


@pytest.mark.parametrize(
    ("row", "column", "why"),
    [
        (0, 4, "10 of 10 points, accepted; speed 1 × the baseline, limit 8 ×; seed 7"),
        (3, 3, f"3 of 4 points, not right yet; fails first in case “{FAILS_ALONE}”; 8 of 9 cases right; "),
        (4, 4, f"5 of 10 points, not right yet; named mistake: {FLIPS}; 4 of 9 cases right; seed 7"),
        (4, 6, "not solved; 4 of 9 cases right; seed 7"),
        (8, 3, "not graded"),
    ],
)
def test_each_mark_says_why(page, row, column, why):
    cell = page.section("marks").tbody("tr")[row].find_all(["th", "td"])[column]
    assert cell["title"].startswith(why)


def test_distribution(page):
    says = page.says("distribution")
    assert "the mean is 61 % and the median 65 %. Half of the class lies between 38 % and 89 %." in says
    picture = page.section("distribution").svg
    assert [text.text for text in picture("text", class_="count")] == ["1", "1", "1", "1", "2", "2"]
    assert "30 to under 40 %: 1; 40 to under 50 %: 1; 50 to under 60 %: 1; 60 to under 70 %: 0" in picture["aria-label"]
    assert picture["aria-label"].endswith("80 to under 90 %: 2; 90 to 100 %: 2")
    tiles = [(tile.dt.text, tile.dd.text) for tile in page.soup.find("dl")("div")]
    assert tiles == [
        *(("students graded", "8 of 9"), ("exercises", "4"), ("points to get", "20")),
        *(("mean", "61 %"), ("median", "65 %"), ("with all points", "2")),
    ]


def test_hardest_exercises_come_first(page):
    assert page.rows("hardest") == [
        ["fit", "5", "5 of 8", "60 %", "42 %"],
        ["pad2d", "4", "7 of 8", "43 %", "66 %"],
        ["conv2d", "10", "7 of 8", "57 %", "66 %"],
        ["relu", "1", "7 of 8", "86 %", "75 %"],
    ]


def test_named_mistakes_are_counted_the_commonest_first(page):
    assert page.rows("mistakes") == [
        [FLIPS, "conv2d", "3", "43 %", "eun, farid, gita"],
        [ZEROES, "fit", "2", "40 %", "dario, farid"],
        [SIGN, "relu", "1", "14 %", "eun"],
    ]


def test_right_answers_by_speed_tier(page):
    heads = [head.text for head in page.section("speed").thead("th")][2:]
    assert heads == ["Gold", "Within", "Over", "Inconclusive", "Not timed", "Median", "Limit"]
    assert page.rows("speed") == [
        ["pad2d", "", "0", "0", "0", "0", "3", "–", "–"],
        ["conv2d", "", "1", "1", "1", "1", "0", "4.5 ×", "8.0 ×"],
        ["relu", "", "0", "0", "0", "0", "6", "–", "–"],
    ]


def test_nearly_right_answers_that_fail_alike_put_the_check_in_doubt(page):
    doubts = page.section("doubts")
    assert [head.text for head in doubts("h3")] == [PAD]
    assert f"3 of 7 answers are right in all cases but one, and it is the same: “{FAILS_ALONE}”" in page.says("doubts")
    assert [item.text for item in doubts("li")] == [
        "cleo, seed 7: expected an error",
        "dario, seed 21: expected an error",
        "eun, seed 7: expected an error",
    ]
    assert "A check may be at fault in pad2d." in page.first()


def many(count, one):
    """Marks of `count` students, and right ones of two more."""
    return [replace(one, seed=place) for place in range(count)] + [right(one.exercise)] * 2


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (many(6, near()), "6 of 8 answers are right in all cases but one"),
        (many(1, mark(PAD, 0.0, "fault")), "The grading program itself failed on 1 of 3 answers"),
        (many(3, mark(CONV, 8.0, "slow", speed=timing(9.9))), "3 of 5 answers are right and miss the speed limit"),
        ([mark(PAD, 1.0, passed=place) for place in range(5)], "None of the 5 who tried got it right."),
        (many(2, near()), None),
        (many(6, near(mistake="pads with ones")), None),
        (many(6, mark(PAD, 0.0, failing=FAILS_ALONE, passed=0, cases=1)), None),
        ([near(failing=f"case {place}") for place in range(4)] + [right(PAD)], None),
        (many(3, near()) + [right(PAD)] * 12, None),
        (many(3, mark(CONV, 8.0, "slow", speed=timing(11.0))), None),
        ([mark(PAD, 0.0, "unsolved")] * 9, None),
    ],
)
def test_when_a_check_is_in_doubt(tmp_path, found, why):
    for place, one in enumerate(found):
        keep(tmp_path, f"student{place}", [one])
    says = report_on(tmp_path).says("doubts")
    assert says.count(why or "None: nothing in the marks points at a wrong check.") == 1
    assert ("5 of" in says or "more" in says) == bool(why and why.startswith("6 of 8"))


def test_files_say_who_is_missing_and_what_waits(tmp_path, course, book):
    shutil.copytree(course, tmp_path, dirs_exist_ok=True)
    shutil.copy(book, tmp_path)
    keep(tmp_path, "gita", SMALL["gita"], notes=("This file was no notebook.",))
    (tmp_path / marks.FOLDER / LESSON / "hugo" / f"{A}.json").write_text('{"marks": {"half')
    page = report_on(tmp_path)
    says = page.says("files")
    assert "Handed in nothing (1) jonas (Jonas Sample)" in says
    assert f"Handed in, not graded yet ines (Ines Sample): {A}, {B} To grade them: p2v grade {LESSON}" in says
    assert page.rows("files") == [
        ["gita", f"{A}.ipynb", "This file was no notebook."],
        ["hugo", f"{A}.ipynb", "The file of marks can't be read. Grading again writes it anew."],
    ]
    assert page.rows("marks")[7][:3] == ["hugo Hugo Sample", "–", "–"]
    assert "Not graded yet: work of 1 student." in page.first()
    assert "Something was wrong with files of 2 students; notes say what." in page.first()


def test_marks_by_hand_questions_and_penalties_count(tmp_path, course, book):
    shutil.copytree(course, tmp_path, dirs_exist_ok=True)
    shutil.copy(book, tmp_path)
    done = class_report.write(tmp_path, LESSON)
    page = Report(done.page.read_text(encoding="utf-8"))
    heads = [head.text for head in page.section("marks").thead("th")]
    assert heads[-3:] == ["Questions", "Late", "In all"]
    rows = page.rows("marks")
    assert rows[0] == ["ada Ada Sample", "20", "100 %", "4", "10", "1", "5", "0 +?", "0", "20"]
    assert rows[1][-3:] == ["1", "-2", "19"]
    assert rows[2] == ["cleo Cleo Sample", "18.5", "92 %", "3", "9.5✎", "1", "5", "3", "0", "21.5"]
    cell = page.section("marks").tbody("tr")[2].find_all("td")[3]
    assert cell["title"].startswith("9.5 of 10 points, given by hand. right, over its budget")
    assert "1 answer is to mark by hand: nbgrader formgrader" in page.first()
    totals = {row["student"]: row for row in rows_of(done.totals)}
    kinds = ("points", "questions", "questions_to_mark", "late_penalty", "total")
    assert [float(totals["cleo"][kind]) for kind in kinds] == [18.5, 3, 0, 0, 21.5]
    assert [float(totals["ben"][kind]) for kind in kinds] == [20, 1, 0, 2, 19]
    assert [float(totals["ada"][kind]) for kind in kinds] == [20, 0, 1, 0, 20]
    by_hand = {(row["student"], row["exercise"]): row["points_by_hand"] for row in rows_of(done.marks)}
    assert {key for key, value in by_hand.items() if value} == {("cleo", CONV)}


def test_who_was_graded_with_which_judge(tmp_path, page):
    now = (marks.judge_version(), marks.spec_hash(PAD))
    assert page.rows("judged") == [
        [*now, "sandboxed", "judged", "32", "8", "2026-03-01 10:00 UTC", "2026-03-01 10:00 UTC"]
    ]
    assert page.rows("judged", 1)[3] == ["dario", A, "7, 21", "2026-03-01 10:00 UTC", "2026-03-02 10:00 UTC"]
    keep(tmp_path, "ada", [right(PAD), right(RELU, judge="0.0.9", when=WHEN.format(2))])
    keep(tmp_path, "ben", [right(PAD, spec="before", sandboxed=False), right(RELU, timed=False)])
    page = report_on(tmp_path)
    assert sorted(row[:6] for row in page.rows("judged")) == sorted(
        [
            [*now, "sandboxed", "judged", "1", "1"],
            ["0.0.9", f"{now[1]} (not the one installed here)", "sandboxed", "judged", "1", "1"],
            [now[0], "before (not the one installed here)", "trusted, without a sandbox", "judged", "1", "1"],
            [*now, "sandboxed", "not judged", "1", "1"],
        ]
    )
    for says in (
        "Grading without a sandbox made 1 mark",
        "Another version of the check or the judge made 2 marks",
        "Speed was not judged for 1 mark",
    ):
        assert says in page.first()


def test_changes_by_grading_again(tmp_path, page):
    assert "Grading again has changed no mark." in page.says("changes")
    before = Sheet("ada", LESSON, A, marks={PAD: near(spec="before"), RELU: right(RELU)})
    sheet = before.with_mark(right(PAD, when=WHEN.format(3))).with_mark(right(RELU, when=WHEN.format(3), seed=8))
    marks.save(tmp_path, sheet.with_mark(mark(RELU, 0.0, source="new", when=WHEN.format(4))))
    page = report_on(tmp_path)
    assert page.rows("changes") == [
        ["2026-03-04 10:00 UTC", "ada", "relu", "1 (accepted)", "0 (not yet)", "another submission"],
        ["2026-03-03 10:00 UTC", "ada", "pad2d", "3 (not yet)", "4 (accepted)", "another version of the check"],
    ]
    assert "Grading again changed 2 marks of 1 student: 1 up, 1 down." in page.says("changes")


def test_an_exercise_that_this_class_is_not_asked_is_worth_nothing(tmp_path):
    for name in ("ada", "ben"):
        keep(tmp_path, name, [right(PAD), replace(right(RELU), points=0.0, max_points=0.0)])
    page = report_on(tmp_path)
    assert page.rows("marks")[0] == ["ada", "4", "100 %", "4", "0"]
    assert page.rows("hardest")[0] == ["relu", "0", "2 of 2", "100 %", "0 %"]
