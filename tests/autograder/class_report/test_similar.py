"""Which answers the class report calls alike, and which not; and the page in a browser."""

from __future__ import annotations

import json
import random
import time

import pytest

from autograder import class_report
from tests.autograder.class_samples import (
    CONV,
    FIT,
    LESSON,
    PAD,
    A,
    B,
    Report,
    disguised,
    full_class,
    hand_in,
    ids,
    keep,
    made_up_code,
    mark,
    near,
    report_on,
    right,
    small_class,
    solutions,
)

EVERY = (*ids(A), *ids(B))
SHORT = "lenet.linear", "lenet.relu"


def graded(course, answers):
    """A class that handed in answers, by student and exercise; all marked as right."""
    for student, own in answers.items():
        hand_in(course, student, own)
        keep(course, student, [right(id) for id in EVERY])
    return course


def independent(count=3):
    """Students who solved every exercise each in their own way."""
    return {f"own{place}": {id: solutions(id)[place] for id in EVERY} for place in range(count)}


def groups(course):
    """The groups of the page: headings and what each holds."""
    found = {}
    for head in Report.section(report_on(course), "similar")("h3"):
        found[head.text] = []
        for item in head.find_next_siblings():
            if item.name != "details":
                break
            found[head.text].append(item.summary.text)
    return found


def test_independent_answers_and_the_released_code_are_not_alike(tmp_path):
    page = report_on(graded(tmp_path, {**independent(), "idle1": {}, "idle2": {}}))
    assert "No two answers are alike beyond what the task explains." in page.says("similar")
    assert not page.section("similar")("details")
    assert "Answers are alike" not in page.first()


@pytest.mark.parametrize("change", [lambda text: text, disguised], ids=["as it is", "disguised"])
@pytest.mark.parametrize("exercise", [CONV, FIT, "lenet.LeNet5", "lenet.cross_entropy"])
def test_copies_are_found(tmp_path, exercise, change):
    copy = {"zoe": {exercise: change(solutions(exercise)[1])}}
    found = groups(graded(tmp_path, {**independent(), **copy}))
    assert list(found) == ["own1, zoe · 1 exercise"]
    [says] = found["own1, zoe · 1 exercise"]
    name, _, rest = says.partition(": own1 and zoe, ")
    assert name == exercise.partition(".")[2]
    assert 75 <= int(rest.removesuffix(" % alike")) <= 100


def test_groups_are_joined_over_exercises_and_shown_side_by_side(tmp_path):
    text, other = solutions(CONV)[1], solutions(FIT)[1]
    class_ = independent()
    class_ |= {
        "yan": {CONV: disguised(text), FIT: other},
        "zoe": {CONV: text, FIT: disguised(other), PAD: "def pad2d("},
    }
    page = report_on(graded(tmp_path, class_))
    assert list(groups(tmp_path)) == ["own1, yan, zoe · 2 exercises"]
    assert "Answers are alike in 1 group of students, in up to 2 exercises." in page.first()
    pair = page.section("similar").find("div", class_="pair")
    assert [head.text for head in pair("h4")] == ["yan", "zoe"]
    marked = [line.text.strip() for line in pair("pre")[1]("mark")]
    assert any("seen.flatten(3)" in line for line in marked)
    assert 'raise ValueError("the kernel does not fit")' in marked
    assert not any(line.startswith("def ") or "Float[Tensor" in line for line in marked)
    assert "Similar answers are no proof of copying" in page.says("similar")


def test_two_who_copied_are_found_among_26(tmp_path):
    found = groups(full_class(tmp_path))
    assert list(found) == ["ada, ben · 2 exercises"]
    assert [says.partition(":")[0] for says in found["ada, ben · 2 exercises"]] == ["conv2d", "fit"]


def test_short_answers_are_not_compared(tmp_path):
    same = {id: solutions(id)[0] for id in SHORT}
    page = report_on(graded(tmp_path, {"ada": same, "ben": same}))
    assert not page.section("similar")("details")
    assert "Not compared, as honest short answers coincide: linear, relu." in page.says("similar")


def test_one_solution_that_went_round_accuses_nobody(tmp_path):
    text = solutions(CONV)[1]
    class_ = {f"own{place}": {CONV: made_up_code(CONV, random.Random(place))} for place in range(6)}
    page = report_on(graded(tmp_path, class_ | {f"s{place}": {CONV: text} for place in range(8)}))
    assert not page.section("similar")("details")
    assert "or one solution went round: conv2d (8 students)." in page.says("similar")


def test_helpers_count_and_other_exercises_do_not(tmp_path):
    helper = made_up_code(CONV, random.Random(1)).replace("def conv2d", "def help_me")
    ends = "return help_me(x)", "return help_me(weight)"
    ada, ben = (f"{helper}\n\ndef conv2d(x, weight, stride):\n    {end}" for end in ends)
    found = groups(graded(tmp_path, {"ada": {CONV: ada}, "ben": {CONV: ben}, **independent()}))
    assert list(found) == ["ada, ben · 1 exercise"]
    assert [says.partition(":")[0] for says in found["ada, ben · 1 exercise"]] == ["conv2d"]


def test_answers_that_cannot_be_read_stop_nothing(tmp_path):
    graded(tmp_path, {"ada": {CONV: "def conv2d(x:\n  !!"}, "ben": {CONV: "\0 'a" + "(" * 500}, "cem": {}})
    folder = tmp_path / "submitted" / "cem" / LESSON
    (folder / f"{A}.ipynb").write_text("no JSON")
    (folder / f"{B}.ipynb").write_text(json.dumps({"cells": [{"cell_type": "code", "source": 3}, 7]}))
    assert not report_on(tmp_path).section("similar")("details")


def test_answers_of_300_are_compared_in_seconds(tmp_path):
    draw = random.Random(1)
    class_ = {f"s{place:03}": {id: made_up_code(id, draw) for id in draw.sample(EVERY, 12)} for place in range(298)}
    class_ |= {"yan": {CONV: solutions(CONV)[1]}, "zoe": {CONV: disguised(solutions(CONV)[1])}}
    graded(tmp_path, class_)
    start = time.perf_counter()
    found = groups(tmp_path)
    assert time.perf_counter() - start < 30
    assert list(found) == ["yan, zoe · 1 exercise"]


@pytest.fixture(scope="module")
def browser():
    """A narrow page in a browser that has nothing to complain of."""
    pytest.importorskip("playwright")
    from tests.browser.lab import CHROMIUM, browser_page

    if CHROMIUM is None:
        pytest.skip("no Chromium found")
    with browser_page(width=420, height=900) as page:
        complaints = []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        yield page
        assert complaints == []


def show(browser, course):
    browser.goto(class_report.write(course, LESSON).page.as_uri())
    return browser


def students(shown):
    return shown.locator("#marks tbody tr:not([hidden]) th").all_inner_texts()


@pytest.mark.browser
def test_in_a_browser_marks_can_be_sorted_found_and_walked(tmp_path, browser):
    shown = show(browser, small_class(tmp_path))
    heading = shown.locator("#marks thead th").nth(1)
    heading.get_by_role("button").focus()
    shown.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") == "descending"
    assert students(shown) == ["ada", "ben", "cleo", "dario", "farid", "eun", "gita", "hugo", "ines"]
    shown.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") == "ascending"
    assert students(shown)[:3] == ["ines", "hugo", "gita"]
    shown.get_by_label("Find a student").fill("A")
    assert students(shown) == ["gita", "farid", "dario", "ada"]
    shown.get_by_label("Find a student").fill("farid")
    shown.locator("#marks tbody tr:not([hidden]) td").nth(2).click()
    assert shown.locator("#why").inner_text().startswith("farid, pad2d: 4 of 4 points, accepted")
    shown.keyboard.press("ArrowRight")
    assert shown.locator("#why").inner_text().startswith("farid, conv2d: 5 of 10 points, not right yet; named mistake")


@pytest.mark.browser
@pytest.mark.parametrize("width", [360, 1400])
def test_in_a_browser_long_words_widen_nothing(tmp_path, browser, width):
    long = "x" * 200
    for place in range(3):
        hand_in(tmp_path, f"{long}{place}", {CONV: solutions(CONV)[1]})
        keep(
            tmp_path, f"{long}{place}", [near(problem=long, failing=long), mark(CONV, 0.0, mistake=long)], notes=(long,)
        )
    shown = show(browser, tmp_path)
    shown.set_viewport_size({"width": width, "height": 900})
    shown.evaluate("for (const item of document.querySelectorAll('details')) item.open = true")
    assert shown.evaluate("document.documentElement.scrollWidth") == width
