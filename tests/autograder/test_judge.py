"""The judge: right answers pass, wrong ones fail for the right reason, and mistakes are named."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from autograder.judge import SLOW, judge, with_speed
from autograder.runner import in_this_process
from autograder.spec import Case, Golden, SpecError, SpeedResult, Wrong, of_call
from autograder.spec.exercise import Exercise, Speed
from tests.autograder.toys import DOUBLE, NET, Net, toy

CPU = torch.device("cpu")


def verdict_on(answer, exercise=DOUBLE, seed=0):
    return judge(
        exercise,
        in_this_process(exercise, answer, CPU),
        seed=seed,
        run_stages=in_this_process(exercise, answer, CPU, stages=True),
    )


def problem_of(answer, exercise=DOUBLE):
    return verdict_on(answer, exercise).first_failing.problem


@pytest.mark.parametrize(
    "answer",
    [lambda x: x + x, lambda y: y * 2, lambda x: torch.einsum("...,->...", x, x.new_tensor(2.0)), lambda x: x.mul(2)],
)
def test_different_right_answers_pass(answer):
    verdict = verdict_on(answer)
    assert (verdict.status, verdict.points) == ("right", 4.0)


@pytest.mark.parametrize(("factor", "name"), [(3, "triples"), (None, "squares")])
def test_a_known_mistake_is_named(factor, name):
    verdict = verdict_on((lambda x: factor * x) if factor else (lambda x: x * x))
    assert verdict.diagnosis.name == name
    assert verdict.diagnosis.explains == len([r for r in verdict.results if not r.passed])


def test_an_unknown_mistake_is_not_named():
    assert verdict_on(lambda x: 2 * x + 1).diagnosis is None


def test_a_mistake_that_explains_only_some_cases_is_not_named():
    assert verdict_on(lambda x: 3 * x if x.dim() == 1 else 5 * x).diagnosis is None


def test_a_mistake_is_named_although_other_cases_raise_errors():
    def triples(x):
        if x.dim() == 1:
            return 3 * x
        raise TypeError("vectors only")

    several = toy(cases=lambda rng: [of_call(f"case {k}", x=rng.normal(*(3,) * k)) for k in (1, 1, 1, 2)])
    diagnosis = verdict_on(triples, several).diagnosis
    assert (diagnosis.name, diagnosis.explains, diagnosis.raised) == ("triples", 3, 1)


def fussy(x):
    if x.dim() > 1:
        raise TypeError("vectors only")
    return 3 * x


@pytest.mark.parametrize(("vectors", "name"), [(2, "triples"), (1, None)])
def test_a_mistake_is_named_although_ours_raises_where_the_answer_goes_on(vectors, name):
    wrong = Wrong("triples", fussy, says="you triple", look="at the factor")
    shapes = [(3,)] * vectors + [(3, 3)]
    several = toy(
        cases=lambda rng: [of_call(f"case {k}", x=rng.normal(*s)) for k, s in enumerate(shapes)], wrong=(wrong,)
    )
    diagnosis = verdict_on(lambda x: 3 * x if x.dim() == 1 else 5 * x, several).diagnosis
    assert (diagnosis and diagnosis.name) == name
    assert diagnosis is None or (diagnosis.explains, diagnosis.raised) == (2, 0)


def test_partial_credit_is_at_most_half_and_trivial_cases_earn_nothing():
    half = verdict_on(lambda x: 2 * x if x.dim() == 1 else x)
    assert 0 < half.points <= 2.0
    zeros = verdict_on(lambda x: 0 * x)
    assert zeros.passed == 1
    assert zeros.points == 0.0


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (lambda x: None, "mismatch", "got None"),
        (lambda x: (2 * x).tolist(), "mismatch", "a list"),
        (lambda x: (2 * x).numpy(), "mismatch", "ndarray"),
        (lambda x: (2 * x).double(), "mismatch", "float64"),
        (lambda x: (2 * x)[None], "mismatch", "shape"),
        (lambda x: x * float("nan"), "mismatch", "NaN"),
        (lambda x: x.mul_(2), "changed", "changed its input x"),
        (lambda x: [x.mul_(2), x * 1][1], "changed", "changed its input x"),
        (lambda x: 1 / 0, "failure", "ZeroDivisionError"),
    ],
)
def test_broken_rules_are_told_apart(answer, kind, words):
    problem = problem_of(answer)
    assert problem.kind == kind
    assert words in problem.message


def test_a_view_of_the_input_is_refused_unless_allowed():
    same = toy(oracle=lambda x: x.clone(), wrong=(), cases=lambda rng: [of_call("one", x=rng.normal(3))])
    assert problem_of(lambda x: x, same).kind == "alias"
    allowed = toy(oracle=lambda x: x.clone(), wrong=(), cases=same.cases, may_alias=True)
    assert verdict_on(lambda x: x, allowed).status == "right"


def test_far_too_many_numbers_are_not_measured():
    looked_at = []

    def measure(case, outputs):
        looked_at.append(outputs["out"].numel())
        return outputs

    problem = problem_of(lambda x: x.new_zeros(10**5), replace(DOUBLE, measure=measure))
    assert "(100000,)" in problem.message
    assert max(looked_at) < 10**5


def test_no_gradient_is_told():
    problem = problem_of(lambda x: 2 * x.detach())
    assert problem.kind == "gradient"
    assert "no gradient reaches x" in problem.message


def test_a_numpy_detour_loses_the_gradient():
    assert (
        verdict_on(lambda x: torch.from_numpy(np.multiply(x.detach().numpy(), 2))).first_failing.problem.kind
        == "gradient"
    )


def test_unsolved_and_signature_stop_at_once():
    def stub(x):
        raise NotImplementedError

    assert verdict_on(stub).status == "unsolved"
    wrong = verdict_on(lambda: 1)
    assert wrong.failure.kind == "signature"


def test_endless_answers_are_stopped():
    def endless(x):
        for _ in itertools.count():
            try:
                pass
            except BaseException:
                continue

    verdict = verdict_on(endless, toy(time_limit=0.3))
    assert verdict.first_failing.problem.failure.kind == "timeout"
    assert len(verdict.results) == 1


def test_printing_is_counted_not_shown(capsys):
    def chatty(x):
        for number in range(3000):
            print("line", number)
        return 2 * x

    verdict = verdict_on(chatty)
    assert verdict.status == "right"
    assert verdict.printed_lines == 3000
    assert verdict.printed.startswith("line 0\n")
    assert capsys.readouterr().out == ""


def test_verdicts_depend_on_the_seed_only():
    one, other = verdict_on(lambda x: x + 1, seed=5), verdict_on(lambda x: x + 1, seed=5)
    assert torch.equal(one.results[1].problem.mismatch.got, other.results[1].problem.mismatch.got)
    third = verdict_on(lambda x: x + 1, seed=6)
    assert not torch.equal(one.results[1].problem.mismatch.got, third.results[1].problem.mismatch.got)


class OtherNames(nn.Module):
    def __init__(self, width=3):
        super().__init__()
        self.a = nn.Linear(2, width)
        self.b = nn.Linear(width, 1)

    def forward(self, x):
        return self.b(self.a(x).clamp(min=0))


class NoReLU(Net):
    def forward(self, x):
        return self.second(self.first(x))


class BadSecond(Net):
    def __init__(self, width=3):
        super().__init__(width)
        self.act = nn.LeakyReLU()


def test_modules_with_other_names_pass_by_order_and_shape():
    assert verdict_on(OtherNames, NET).status == "right"


class SharedActivation(Net):
    """One ReLU that serves twice; the second time it shouldn't."""

    def forward(self, x):
        return self.act(self.second(self.act(self.first(x))))


def test_a_part_that_serves_twice_is_no_stage():
    assert verdict_on(SharedActivation, NET).stage is None


def test_the_first_wrong_stage_is_found():
    stage = verdict_on(BadSecond, NET).stage
    assert (stage.name, stage.agreed, stage.entered_wrong) == ("act", ("first",), False)
    missing = verdict_on(NoReLU, NET).stage
    assert (missing.name, missing.agreed, missing.entered_wrong) == ("second", ("first",), True)


def test_parameters_that_do_not_fit_are_shown_side_by_side():
    class Wider(Net):
        def __init__(self, width=3):
            super().__init__(width + 1)

    message = problem_of(Wider, NET).message
    assert "first.weight (3, 2)" in message
    assert "(4, 2)" in message
    assert message.count("← first that differs") == 1


def test_speed_completes_the_verdict():
    right = verdict_on(lambda x: 2 * x)
    fast = SpeedResult("within", 1.5, 1.4, 1.6, 5.0, 2.0, "2 * x", 1.0, 1)
    over = SpeedResult("over", 9.0, 8.0, 9.5, 5.0, 2.0, "2 * x", 1.0, 1)
    unclear = SpeedResult("inconclusive", 5.0, 3.0, 9.5, 5.0, 2.0, "2 * x", 1.0, 1)
    assert with_speed(DOUBLE, right, fast).status == "accepted"
    assert fast.tier == "gold"
    slow = with_speed(DOUBLE, right, over)
    assert (slow.status, slow.points) == ("slow", SLOW * 4)
    assert with_speed(DOUBLE, right, unclear).points == 4


def test_contradictory_specs_are_refused_when_registered(tmp_path):
    with pytest.raises(SpecError, match="takes"):
        toy(oracle=lambda x, y: x)
    with pytest.raises(SpecError, match="hints"):
        toy(hints=())
    with pytest.raises(SpecError, match=r"lesson\.name"):
        toy(id="double")
    with pytest.raises(SpecError, match="baseline"):
        toy(oracle=Golden(tmp_path / "g"), speed=Speed(lambda rng: of_call("s", x=rng.normal(1)), limit=2.0))
    with pytest.raises(SpecError, match="below"):
        Speed(lambda rng: of_call("s", x=rng.normal(1)), limit=0.5)
    with pytest.raises(ValueError, match="at least one step"):
        Case("empty", ())
    with pytest.raises(ValueError, match="inputs are"):
        of_call("typo", x=torch.ones(1), gradients=("y",))


def test_a_failing_oracle_is_our_fault_not_the_students():
    broken = toy(oracle=lambda x: 1 / 0, wrong=())
    with pytest.raises(SpecError, match="oracle failed"):
        verdict_on(lambda x: 2 * x, broken)


def test_goldens_are_recorded_and_used(tmp_path):
    from autograder import goldens

    golden: Exercise = toy(oracle=Golden(tmp_path / "double.golden", seeds=2))
    with pytest.raises(SpecError, match="p2v record"):
        verdict_on(lambda x: 2 * x, golden)
    goldens.record(golden, lambda x: 2 * x)
    assert verdict_on(lambda x: 2 * x, golden, seed=7).status == "right"
    assert verdict_on(lambda x: 3 * x, golden, seed=7).diagnosis.name == "triples"
    with pytest.raises(SpecError, match="oracle of its own"):
        goldens.record(DOUBLE, lambda x: 2 * x)
