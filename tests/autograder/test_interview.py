"""The interview drill in a terminal."""

import pytest
from typer.testing import CliRunner

from autograder import cli, drill, interview

BANK = [
    interview.Question(f"toys.q{n}", n, f"**Question {n}.** Why?", f"key {n}", f"guide {n}", f"wrong {n}", "more", "")
    for n in range(1, 6)
]


def drilled(answers, seed=1):
    """The screen, line by line as it was shown, prompts as "?"."""
    screen, waiting = [], iter(answers)

    def ask(prompt):
        screen.append("?")
        answer = next(waiting)
        if isinstance(answer, type):
            raise answer
        return answer

    return drill.drill(BANK, seed=seed, ask=ask, say=screen.append), screen


def test_the_answer_is_shown_only_after_enter():
    count, screen = drilled([""] * 9)
    assert count == 5
    assert screen[1] == "?"
    shown = next(item for item in BANK if item.text in screen[0])
    assert shown.key_points not in screen[0]
    assert shown.key_points in screen[2]
    assert shown.wrong_answers in screen[2]
    assert shown.marking_guide not in "".join(map(str, screen))


def test_each_question_once_in_an_order_given_by_the_seed():
    orders = [[line for line in drilled([""] * 9, seed)[1] if "Question" in line] for seed in (1, 1, 2)]
    assert orders[0] == orders[1] != orders[2]
    assert len({line.partition("·")[2] for line in orders[0]}) == 5


@pytest.mark.parametrize(
    ("answers", "count"), [(["q"], 0), (["", "q"], 1), (["", "", EOFError], 1), ([KeyboardInterrupt], 0)]
)
def test_it_can_be_left_at_any_moment(answers, count):
    assert drilled(answers)[0] == count


def test_the_command_lists_and_asks(monkeypatch):
    monkeypatch.setattr(interview, "questions", lambda lesson=None, folder=None: tuple(BANK))
    runner = CliRunner()
    listed = runner.invoke(cli.app, ["interview", "--list"]).output.splitlines()
    assert listed[0].split() == ["toys.q1", "1", "point", "Question", "1"]
    assert len(listed) == 5
    asked = runner.invoke(cli.app, ["interview", "--seed", "3"], input="\n\nq\n").output
    assert "key" in asked
    assert "1 of 5 questions." in asked


def test_a_lesson_without_questions_and_a_course_without_a_bank_are_told_apart(tmp_path, monkeypatch):
    monkeypatch.setattr(interview, "questions", lambda lesson=None, folder=None: () if lesson else tuple(BANK))
    assert "'sky'; there are for toys" in interview.nothing_to_ask("sky")
    monkeypatch.setattr(interview, "questions", lambda lesson=None, folder=None: ())
    assert "full course only" in interview.nothing_to_ask("sky")
