"""A student's session in a terminal: check, keep, go on after a restart."""

import importlib.util
import sys

import pytest

from autograder import lesson, mine
from autograder.session import Session

ANSWER = """
import torch

SCALE = 1.0


def shifted(x, mean):
    return x - mean[None, :, None, None]


def standardize(x, mean=None, std=None, eps=1e-8):
    mean = x.mean((0, 2, 3)) if mean is None else mean
    std = x.std((0, 2, 3), correction=0) if std is None else std
    return SCALE * shifted(x, mean) / (std[None, :, None, None] + eps)
"""


@pytest.fixture
def session(tmp_path, monkeypatch):
    made = Session(tmp_path)
    monkeypatch.setattr(lesson, "session", lambda: made)
    yield made
    sys.meta_path[:] = [item for item in sys.meta_path if not isinstance(item, mine._Finder)]


def module(tmp_path, source, name="my_answers"):
    path = tmp_path / f"{name}.py"
    path.write_text(source)
    spec = importlib.util.spec_from_file_location(name, path)
    made = importlib.util.module_from_spec(spec)
    sys.modules[name] = made
    spec.loader.exec_module(made)
    return made


def test_an_accepted_answer_is_kept_with_what_it_needs(session, tmp_path, capsys):
    answers = module(tmp_path, ANSWER)
    lesson.check(answers.standardize)
    out = capsys.readouterr().out
    assert "accepted" in out
    saved = (tmp_path / "mine" / "warmup" / "standardize.py").read_text()
    assert "SCALE = 1.0" in saved
    assert "def shifted" in saved
    assert session.progress.standing("warmup.standardize").status == "solved"
    from mine.warmup import standardize

    assert standardize.__module__.startswith("mine.")


def test_a_wrong_answer_is_not_kept_and_its_case_can_be_had(session, tmp_path, capsys):
    answers = module(tmp_path, ANSWER.replace("correction=0", "correction=1"))
    lesson.check(answers.standardize)
    out = capsys.readouterr().out
    assert "not yet" in out
    assert "What went wrong" in out
    assert not (tmp_path / "mine").exists()
    failing = lesson.case("standardize")
    assert failing.x.shape == session.last["warmup.standardize"].first_failing.case.inputs["x"].shape
    answers.standardize(*failing)


def test_hints_come_one_by_one_and_are_counted(session, capsys):
    lesson.hint("standardize")
    lesson.hint("standardize")
    out = capsys.readouterr().out
    assert "hint 1 of" in out
    assert "hint 2 of" in out
    assert session.progress.standing("warmup.standardize").hints == 2


def test_the_reference_is_not_an_answer(session, capsys):
    from solutions.warmup import standardize

    lesson.check(standardize)
    assert session.last["warmup.standardize"].status == "missing"
    assert not session.library.has(lesson.registry.find("standardize"))


def test_unknown_names_get_an_offer(session, capsys):
    lesson.check("standardise")
    assert "standardize" in capsys.readouterr().out


def test_what_is_no_answer_is_told(session, capsys):
    lesson.check(3)
    lesson.check("standardize", 3)
    lesson.check(lesson.NotRunYet("warmup.standardize"))
    out = capsys.readouterr().out
    assert "int" in out
    assert "Run the cell" in out


def test_compare_waits_for_acceptance(session, tmp_path, capsys):
    lesson.compare("standardize")
    assert "isn't accepted yet" in capsys.readouterr().out
    lesson.check(module(tmp_path, ANSWER).standardize)
    lesson.compare("standardize")
    assert "reference" in capsys.readouterr().out


def test_an_answer_that_needs_its_surroundings_is_not_kept(session, tmp_path, capsys):
    answers = module(tmp_path, ANSWER.replace("SCALE = 1.0", ""))
    answers.SCALE = 1.0  # set from outside, as by a cell that was deleted since
    lesson.check(answers.standardize)
    assert "not on its own" in capsys.readouterr().out
    assert not (tmp_path / "mine").exists()


def test_random_numbers_are_left_as_they_were(session, tmp_path):
    import torch

    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    lesson.check(module(tmp_path, ANSWER).standardize)
    assert torch.equal(torch.rand(1), expected)


def test_nbgraders_validation_is_told_the_truth(session, tmp_path, monkeypatch):
    monkeypatch.setenv("NBGRADER_EXECUTION", "validate")
    lesson.check(module(tmp_path, ANSWER).standardize)
    with pytest.raises(lesson.NotAccepted, match="not yet"):
        lesson.check(module(tmp_path, ANSWER.replace("correction=0", "correction=1"), "wrong").standardize)
