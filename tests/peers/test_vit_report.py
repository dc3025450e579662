"""The report says what it was given, all of it, on one page, as HTML and as PDF; and never less than it should."""

import html
import re
from dataclasses import replace

import pytest
import torch

from solutions.vit import (
    EyeReport,
    expected_grade,
    report_headline,
    report_html,
    report_page,
    report_rows,
    write_report,
)
from solutions.vit.report import NOTICE

GRADES = ("none", "mild", "moderate", "severe", "proliferative")


@pytest.fixture
def report():
    torch.manual_seed(0)
    return EyeReport(
        name="Simulated patient <7>",
        image=torch.rand(3, 64, 64),
        attention=torch.rand(8, 8),
        values=torch.tensor([45.0, torch.nan, 7.6]),
        filled=torch.tensor([45.0, 9.0, 7.6]),
        columns=("age (years)", "diabetes for (years)", "HbA1c (%)"),
        note="sees dark floaters",
        probabilities=torch.tensor([0.05, 0.12, 0.5, 0.25, 0.08]),
        grade=2,
        grades=GRADES,
        importance=torch.tensor([0.01, 0.08, -0.002]),
        limits=("Often wrong by one grade.", "Never tried on people & not to be."),
    )


def texts(page):
    axes = [text for axis in page.axes for text in [axis.title, *axis.texts, *axis.get_yticklabels()]]
    return " ".join(text.get_text().replace("\n", " ") for text in [*page.texts, *axes])


def plain(document):
    body = re.sub(r"<style>.*?</style>|<[^>]+>", " ", document, flags=re.S)
    return re.sub(r"\s+", " ", html.unescape(body))


def test_headline(report):
    assert report_headline(report) == (
        "Suggested grade 2 of 4 (moderate). Probability of this grade 50%, of a lower one 17%, of a higher one 33%."
    )
    healthy = replace(report, grade=0, probabilities=torch.tensor([0.9, 0.1, 0.0, 0.0, 0.0]))
    assert "0 of 4 (none). Probability of this grade 90%, of a lower one 0%" in report_headline(healthy)


def test_what_was_missing_and_what_stood_for_it(report):
    assert report_rows(report) == [
        ("age (years)", "45", "+0.010"),
        ("diabetes for (years)", "not measured (9 assumed)", "+0.080"),
        ("HbA1c (%)", "7.6", "-0.002"),
    ]


@pytest.mark.parametrize("written", [lambda r: texts(report_page(r)), lambda r: plain(report_html(r))])
def test_it_says_all_it_was_given(report, written):
    said = written(report)
    wanted = [NOTICE, report_headline(report), report.name, report.note, *report.columns, *report.limits]
    wanted += ["not measured (9 assumed)", "calibrated probability", "50%", "25%", *GRADES]
    for text in wanted:
        assert text.lower() in said.lower()
    assert "SIMULATED" in said
    assert "Not a medical device" in said


def test_nothing_on_the_page_lies_on_anything_else(report):
    """Lines of text don't overlap each other or the edge of the paper."""
    page = report_page(replace(report, note="wears glasses, " * 6, limits=("A rather long sentence, " * 7,) * 4))
    page.canvas.draw()
    boxes = [text.get_window_extent() for text in page.texts]
    for number, box in enumerate(boxes):
        assert page.bbox.x0 <= box.x0
        assert box.x1 <= page.bbox.x1
        assert page.bbox.y0 <= box.y0
        assert not any(box.overlaps(other) for other in boxes[number + 1 :])


def test_files(report, tmp_path):
    page = write_report(report, tmp_path / "report.pdf").read_bytes()
    assert page.startswith(b"%PDF")
    assert page.count(b"/Type /Page\n") + page.count(b"/Type /Page ") == 1
    document = write_report(report, tmp_path / "report.html").read_text(encoding="utf-8")
    assert document == report_html(report)
    assert "http" not in document
    assert "src=" not in document.replace('src="data:image/png;base64,', "")


def test_names_and_notes_are_escaped(report):
    document = report_html(replace(report, note="<script>alert(1)</script>"))
    assert "<script>" not in document
    assert "Simulated patient &lt;7&gt;" in document


def test_expected_grade():
    even = torch.tensor([[0.4, 0.3, 0.3, 1e-9, 1e-9]]).log()
    assert expected_grade(even).tolist() == [1]  # 0.3 + 0.6 = 0.9; the likeliest is 0
    sure = torch.tensor([[0.0, 0.0, 0.0, 0.0, 50.0], [50.0, 0.0, 0.0, 0.0, 0.0]], dtype=torch.float64)
    assert expected_grade(sure).tolist() == [4, 0]
