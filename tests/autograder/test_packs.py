"""A class's private case pack: what it changes, what it refuses, and that feedback gives nothing of it away."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from autograder import packs, registry, report
from autograder.judge import judge
from autograder.packs import Pack, PackError
from autograder.runner import in_this_process
from autograder.slicing import Cell
from autograder.spec import Golden, Rng, of_call
from autograder.worker import Worker
from tests.autograder.toys import NET, Net, toy

SECRET = 7341.5
TEXT = """
name = "autumn"
seed = 11

[points]
"lenet.relu" = 9

[weights]
lenet.linear = 2.5

[exercises]
warmup = ["accuracy", "warmup.one_hot"]
"""
CODE = """
import torch
from autograder.spec import of_call


def relu(rng):
    yield of_call("a long row", x=rng.normal(70))
    yield of_call("one large value", x=torch.tensor([7341.5, -7341.5]))


CASES = {"lenet.relu": relu}
"""
CPU = torch.device("cpu")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "pack.toml").write_text(TEXT)
    (tmp_path / "cases.py").write_text(CODE)
    return tmp_path


def verdict_on(exercise, answer):
    return judge(exercise, in_this_process(exercise, answer, CPU), seed=3)


def test_a_pack_changes_points_questions_and_cases(folder):
    pack = Pack.load(folder)
    relu, linear = registry.find("lenet.relu"), registry.find("lenet.linear")
    assert (pack.name, pack.seed) == ("autumn", 11)
    assert pack.applied(relu).points == pack.points_of(relu) == 9
    assert pack.points_of(linear) == round(2.5 * linear.points)
    assert [pack.asks(item) for item in registry.exercises("warmup")].count(True) == 2
    assert pack.asks(linear)
    assert pack.points_of(registry.find("warmup.batches")) == 0
    public, both = list(relu.cases(Rng(5))), list(pack.applied(relu).cases(Rng(5)))
    assert [case.name for case in both] == [*(case.name for case in public), "a long row", "one large value"]
    assert [case.hidden for case in both[-3:]] == [False, True, True]
    for one, other in zip(public, both, strict=False):
        assert all(torch.equal(one.inputs[name], other.inputs[name]) for name in one.inputs)
    assert not torch.equal(both[-2].inputs["x"], list(pack.applied(relu).cases(Rng(6)))[-2].inputs["x"])


def test_an_exercise_without_private_cases_keeps_its_own(folder):
    linear = registry.find("lenet.linear")
    assert Pack.load(folder).applied(linear).cases is linear.cases
    assert Pack().applied(linear) == linear


def test_a_packs_weights_count_once_and_give_the_same_exercise_each_time(folder):
    """So that what is expected of its cases is worked out once for a class."""
    linear, relu = registry.find("lenet.linear"), registry.find("lenet.relu")
    pack = Pack.load(folder)
    assert pack.applied(linear) is pack.applied(linear)
    assert pack.applied(linear).points == round(2.5 * linear.points)
    faster = replace(relu, time_limit=0.5)
    assert pack.applied(faster).time_limit == 0.5
    assert pack.applied(relu).time_limit == relu.time_limit
    assert packs.chosen().applied(relu) is packs.chosen().applied(relu)


def test_the_pack_is_found_by_option_then_by_variable(folder, monkeypatch):
    monkeypatch.delenv(packs.VARIABLE, raising=False)
    assert packs.chosen() == Pack()
    assert packs.chosen(folder).name == "autumn"
    monkeypatch.setenv(packs.VARIABLE, str(folder))
    assert packs.chosen().name == "autumn"


def test_the_digest_tells_packs_apart(folder):
    before = Pack.load(folder).digest
    (folder / "cases.py").write_text(f"{CODE}\n# changed")
    assert Pack.load(folder).digest != before


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("pack.toml", None, "there is no such file"),
        ("pack.toml", "name = ", "no valid TOML"),
        ("pack.toml", "nme = 'x'", "got 'nme'"),
        ("pack.toml", "seed = 'x'", "seed: expected a whole number, got 'x'"),
        ("pack.toml", "seed = -1", "seed: expected a whole number from 0"),
        ("pack.toml", "seed = true", "seed: expected a whole number, got True"),
        ("pack.toml", "points = 3", "expected a table [points], got 3"),
        ("pack.toml", "[points]\n'lenet.conv2x' = 3", "did you mean"),
        ("pack.toml", "[points]\n'lenet.relu' = 0", "expected a whole number from 1, got 0"),
        ("pack.toml", "[weights]\n'lenet.relu' = 'much'", "expected a number above 0, got 'much'"),
        ("pack.toml", "[exercises]\nlenett = []", "got 'lenett'"),
        ("pack.toml", "[exercises]\nlenet = 'relu'", "expected a list of exercises, got 'relu'"),
        ("pack.toml", "[exercises]\nlenet = ['accuracy']", "expected exercises of lenet, got warmup.accuracy"),
        ("cases.py", "CASES = [", "line 1: SyntaxError"),
        ("cases.py", "\n\n1 / 0", "line 3: ZeroDivisionError"),
        ("cases.py", "", "expected CASES, a dictionary of functions by exercise id, got NoneType"),
        ("cases.py", "CASES = {'lenet.relu': 3}", "expected a function of rng, got 3"),
        ("cases.py", "CASES = {'lenet.nothing_like_it': print}", "no exercise is called"),
        ("cases.py", "CASES = {'lenet.relu': lambda rng: ()}", "expected at least one case, got none"),
        ("cases.py", "CASES = {'lenet.relu': lambda rng: [3]}", "expected cases, got int"),
        ("cases.py", CODE.replace("one large value", "a long row"), "got 'a long row' again"),
        ("cases.py", CODE.replace("x=torch.tensor([7341.5, -7341.5])", "x='text'"), "the oracle failed"),
        ("cases.py", CODE.replace("yield of_call", "rng.nothing()\n    yield of_call", 1), "line 7: CASES"),
    ],
)
def test_a_pack_that_cannot_work_is_refused_with_its_file(folder, file, text, told):
    if text is None:
        (folder / file).unlink()
    else:
        (folder / file).write_text(text)
    with pytest.raises(PackError) as caught:
        Pack.load(folder)
    assert str(folder / file) in str(caught.value)
    assert told in str(caught.value)


def leaky(x):
    """Right on all but the large value, which it tells in every way there is."""
    if bool((x == SECRET).any()):
        print("it was", x.tolist())
        raise ValueError(f"it was {x.tolist()}")
    return x.clamp_min(0)


def test_feedback_names_a_private_case_and_shows_nothing_of_it(folder):
    exercise = Pack.load(folder).applied(registry.find("lenet.relu"))
    for answer in (leaky, lambda x: torch.where(x == SECRET, 1.0, x.clamp_min(0))):
        verdict = verdict_on(exercise, answer)
        assert [result.case.name for result in verdict.results if not result.passed] == ["one large value"]
        said = [report.text(verdict, exercise), report.html(verdict, exercise), report.one_line(verdict)]
        assert all("7341" not in text for text in said)
        assert all("one large value" in text for text in said[:2])
        assert "all the course's own are right" in said[0]
        assert 0 < verdict.points < 9


def test_a_public_case_is_shown_where_one_fails_too(folder):
    exercise = Pack.load(folder).applied(registry.find("lenet.relu"))
    text = report.text(verdict_on(exercise, lambda x: x.abs()), exercise)
    assert "first failing case, relu(*case(relu)) to try it" in text
    assert "7341" not in text
    assert "What went wrong" in text


def test_a_private_case_of_a_module_shows_no_stage():
    exercise = replace(NET, cases=lambda rng: (replace(case, hidden=True) for case in NET.cases(rng)))

    class Wrong(Net):
        def forward(self, x):
            return self.second(self.first(x))

    stages = in_this_process(exercise, Wrong, CPU, stages=True)
    verdict = judge(exercise, in_this_process(exercise, Wrong, CPU), seed=3, run_stages=stages)
    assert verdict.stage is not None
    text = report.text(verdict, exercise)
    assert "a batch of 5" in text
    assert "First stage" not in text


def test_a_report_without_private_cases_is_as_it_was():
    exercise = toy()
    verdict = verdict_on(exercise, lambda x: 3 * x)
    assert report.hidden.concealed(verdict) is verdict


def test_a_private_case_crosses_the_process_boundary(folder):
    exercise = Pack.load(folder).applied(registry.find("lenet.relu"))
    with Worker(exercise, [Cell("cell 1", "def relu(x):\n    return x.clamp_min(0)")]) as worker:
        verdict = judge(exercise, worker.run, seed=1)
    assert (verdict.status, verdict.points) == ("right", 9.0)


def test_cases_of_a_recorded_oracle_say_what_they_expect(tmp_path):
    silent = of_call("private", x=torch.ones(2))
    told = of_call("private", x=torch.ones(2), expect=torch.full((2,), 2.0))
    for case in (silent, told):
        own = Pack(cases={"toys.double": lambda rng, case=case: [case]})
        exercise = own.applied(toy(oracle=Golden(tmp_path / "double.golden"), wrong=(), cases=lambda rng: ()))
        if case is silent:
            with pytest.raises(PackError, match="say what this case expects"):
                packs._try_out(exercise, toy(cases=lambda rng: ()), tmp_path / "cases.py")
        else:
            packs._try_out(exercise, toy(cases=lambda rng: ()), tmp_path / "cases.py")
            assert verdict_on(exercise, lambda x: 2 * x).status == "right"


def test_hidden_is_off_by_default():
    assert not of_call("one", x=1).hidden
