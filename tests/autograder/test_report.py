"""Reports say the same in both forms, fit on a screen, name a cause and a next step, and carry nothing dangerous."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
import torch

from autograder import report
from autograder.judge import with_speed
from autograder.report.parts import Headline, Measure, Say
from autograder.spec import (
    CaseResult,
    Diagnosis,
    Failure,
    FirstWrongStage,
    Line,
    Mismatch,
    Problem,
    Verdict,
    of_call,
)
from tests.autograder.report_samples import CONV, NET, RIGHT, SAMPLES, WITHIN, both, mismatched


@pytest.mark.parametrize("name", SAMPLES)
def test_both_forms_say_it(name):
    verdict, exercise, said = SAMPLES[name]
    text, page = both(verdict, exercise)
    for phrase in said:
        assert phrase in text, f"{phrase!r} is not in the text:\n{report.text(verdict, exercise)}"
        assert phrase in page


@pytest.mark.parametrize("name", SAMPLES)
def test_both_forms_have_the_same_facts(name):
    verdict, exercise, _ = SAMPLES[name]
    text, page = both(verdict, exercise)
    for part in report.content(verdict, exercise):
        if part.rank == 0 and isinstance(part, Say | Measure | Headline):
            words_said = " ".join((part.says if isinstance(part, Headline) else part.text).split())
            assert words_said in text
            assert words_said in page


@pytest.mark.parametrize("name", SAMPLES)
def test_a_report_is_plain_and_fits_on_a_screen(name):
    verdict, exercise, _ = SAMPLES[name]
    lines = report.text(verdict, exercise).splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 118
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", "\n".join(lines))
    assert "Traceback" not in "\n".join(lines)
    assert "incorrect" not in "\n".join(lines).lower()


@pytest.mark.parametrize("name", [name for name in SAMPLES if name not in ("missing", "unsolved")])
def test_there_is_always_a_next_step_at_the_end(name):
    verdict, exercise, _ = SAMPLES[name]
    last = report.content(verdict, exercise)[-1]
    assert isinstance(last, Say)
    assert last.label == "Next"
    assert len(last.text) > 20


class Balanced(HTMLParser):
    """Notes what is opened and not closed, and every tag and attribute."""

    VOID = ("img", "br")

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.attributes = [], set(), []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.mark.parametrize("name", SAMPLES)
def test_the_html_is_well_formed_and_without_scripts(name):
    verdict, exercise, _ = SAMPLES[name]
    parser = Balanced()
    parser.feed(report.html(verdict, exercise))
    assert parser.open == []
    assert "script" not in parser.tags
    assert not any(key.startswith("on") for key, _ in parser.attributes)
    assert ("role", "status") in parser.attributes
    assert ("aria-label", f"Check of {exercise.id}") in parser.attributes


EVIL = '<img src=x onerror="alert(1)">&\x1b[2J\u202e'


def hostile():
    """A verdict in which every text that comes from the student is an attack."""
    case = of_call("first", x=torch.ones(2, 2))
    failure = Failure(
        "raised", f"ValueError: {EVIL}\n{EVIL}", (Line(f"cell {EVIL}", 3, f"raise ValueError('{EVIL}')"),)
    )
    found = Mismatch("keys", f"out['{EVIL}']", {EVIL: 1}, {EVIL: 2}, f"expected {EVIL}")
    result = CaseResult(case, Problem("failure", failure.message, failure=failure))
    stage = FirstWrongStage(EVIL, (EVIL, EVIL), found, entered_wrong=True)
    more = CaseResult(replace(case, name=EVIL), Problem("mismatch", EVIL, mismatch=found))
    return Verdict(
        "lenet.conv2d", "not yet", 5, results=(result, more), stage=stage, printed_lines=5000, printed=f"{EVIL}\n{EVIL}"
    )


@pytest.mark.parametrize("status", ["not yet", "forbidden"])
def test_a_students_text_is_escaped_and_stripped(status):
    verdict = hostile()
    if status == "forbidden":
        verdict = replace(verdict, status=status, results=(), failure=verdict.results[0].problem.failure)
    page, text = report.html(verdict, CONV, notes=(EVIL,)), report.text(verdict, CONV, notes=(EVIL,))
    assert "<img src=x" not in page
    assert "&lt;img src=x" in page
    for form in (page, text, report.one_line(verdict)):
        assert "\x1b" not in form
        assert "\u202e" not in form


def test_what_was_printed_is_counted():
    text, page = both(hostile())
    assert "Your code printed 5,000 lines; the first:" in text
    assert "Your code printed 5,000 lines; the first:" in page


def test_a_screenful_is_kept_however_much_there_is_to_say():
    verdict = SAMPLES["stage"][0]
    long = "word " * 60
    many = tuple(CaseResult(of_call(f"case {i} {long}", x=torch.ones(3)), None) for i in range(40))
    verdict = replace(
        verdict,
        results=(*many, *verdict.results),
        diagnosis=Diagnosis("n", long, long, 1),
        printed_lines=9,
        printed=long,
    )
    lines = report.text(verdict, NET, notes=[long] * 10).splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 118
    assert any("Next:" in line for line in lines)


def test_wrong_values_are_marked_in_both_forms():
    expected = torch.zeros(2, 3)
    got = expected.clone()
    got[1, 2] = 7.0
    verdict = mismatched(expected, got, where=(1, 2), count=1, total=6, largest=7.0, allowed=1e-6)
    assert "*7.0*" in report.text(verdict, CONV)
    assert report.text(verdict, CONV).count("*") == 2 + len(["conv2d(", "case(conv2d))"]) - 1 + 1
    page = report.html(verdict, CONV)
    assert page.count("<mark") == 1
    assert re.search(r"<mark[^>]*><span>≠</span>7.0</mark>", page)
    assert 'scope="row"' in page
    assert 'scope="col"' in page


def test_large_planes_get_pictures_with_words():
    expected = torch.randn(1, 2, 20, 30, generator=torch.Generator().manual_seed(0))
    got = expected.clone()
    got[0, 1, :, -1] += 1.0
    more = {"where": (0, 1, 4, 29), "count": 20, "total": 1200, "largest": 1.0, "allowed": 1e-6}
    verdict = mismatched(expected, got, **more)
    page = report.html(verdict, CONV)
    assert page.count('src="data:image/png;base64,') == 3
    assert "20 of 600 differ" in page
    text, plain = both(verdict)
    assert "The wrong values are all in the last column." in text
    assert "The wrong values are all in the last column." in plain
    assert "expected[0, 1, 2:7," in text


def test_saved_and_notes_are_told():
    text, page = both(with_speed(CONV, RIGHT, WITHIN), saved=True, notes=("checked on a GPU",))
    for form in (text, page):
        assert "Saved as mine.lenet.conv2d: later lessons run on it" in form
        assert "compare(conv2d) shows the reference beside yours" in form
        assert "Checked on a GPU." in form


def test_the_librarys_note_counts_as_saved():
    text, _ = both(replace(with_speed(CONV, RIGHT, WITHIN), notes=("saved",)))
    assert "Saved as mine.lenet.conv2d" in text
    assert "saved." not in text.lower()


def test_one_line_is_one_line():
    assert report.one_line(with_speed(CONV, RIGHT, WITHIN)) == "✓ lenet.conv2d    accepted, 5 of 5 points"
    for verdict, _, _ in SAMPLES.values():
        assert "\n" not in report.one_line(verdict)


def test_hints_are_numbered_and_end():
    assert report.hint_text(CONV, 1).startswith("conv2d, hint 1 of 2: Look at one pixel.")
    assert "This is the last one." in report.hint_text(CONV, 2)
    assert "no more hints (2 hints so far)" in report.hint_text(CONV, 3)


def test_reports_are_pure():
    verdict, exercise, _ = SAMPLES["stage"]
    assert report.text(verdict, exercise) == report.text(verdict, exercise)
    assert report.html(verdict, exercise) == report.html(verdict, exercise)
