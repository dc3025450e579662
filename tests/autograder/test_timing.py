"""Speed is judged by ratios; these tests check the judging, not this machine's speed."""

import time
from dataclasses import replace

import pytest
import torch

from autograder import report, timing
from autograder.judge import judge, with_speed
from autograder.runner import in_this_process
from autograder.spec import Memory, SpecError, Speed, of_call
from tests.autograder.toys import TIMED, toy

CPU = torch.device("cpu")
BUDGET = Speed(lambda rng: of_call("speed", x=rng.normal(4)), limit=5.0, gold=2.0, against="base")


def decide(pairs):
    return timing.decide(pairs, BUDGET, 1, None, None)


@pytest.mark.parametrize(
    ("ratios", "status"),
    [
        ([1.5] * 6, "within"),
        ([9.0] * 6, "over"),
        ([2.0, 9.0, 4.0] * 2, "inconclusive"),
        ([4.8, 5.0, 5.1] * 2, "within"),
    ],
)
def test_the_three_verdicts(ratios, status):
    assert decide([(ratio, 1.0) for ratio in ratios]).status == status


def test_gold_needs_the_whole_spread():
    assert decide([(1.5, 1.0)] * 6).tier == "gold"
    assert decide([(1.5, 1.0), (2.2, 1.0), (1.5, 1.0)] * 2).tier == ""


def test_as_few_rounds_as_decide():
    calls = []

    def ours():
        calls.append(1)
        return 1.0

    assert len(timing._rounds(ours, lambda: 1.0, BUDGET)) == timing.GROUPS
    assert len(timing._rounds(lambda: 1e6, lambda: 1.0, BUDGET)) == timing.GROUPS


@pytest.mark.parametrize("ratio", [1.6, 2.5, 4.5, 5.5, 15.0])
def test_no_early_end_near_an_edge_or_above_one(ratio):
    assert len(timing._rounds(lambda: ratio, lambda: 1.0, BUDGET)) == timing.FEWEST


def test_a_second_look_is_longer():
    assert len(timing._rounds(lambda: 5.5, lambda: 1.0, BUDGET, timing.AGAIN)) == timing.AGAIN
    assert len(timing._rounds(lambda: 1.0, lambda: 1.0, BUDGET, timing.AGAIN)) == timing.GROUPS


def test_a_slow_answer_is_over_and_a_twin_of_the_oracle_is_within():
    assert timing.measure_speed(TIMED, lambda x: 2 * x, CPU, 0).status == "within"

    def slow(x):
        for _ in range(60):
            x = x + 0
        return 2 * x

    assert timing.measure_speed(TIMED, slow, CPU, 0).status == "over"


def test_an_answer_without_end_is_over_and_not_waited_for(monkeypatch, capsys):
    monkeypatch.setattr(timing, "PATIENCE", 0.2)
    monkeypatch.setattr(timing, "LONGEST", 0.2)

    def endless(x):
        while True:
            print("still here")

    start = time.monotonic()
    found = timing.measure_speed(replace(TIMED, memory=Memory(3.0)), endless, CPU, 0)
    assert found.status == "over"
    assert time.monotonic() - start < 15
    assert capsys.readouterr().out == ""


def test_no_budget_no_measurement():
    assert timing.measure_speed(toy(), lambda x: 2 * x, CPU, 0) is None


def test_threads_are_restored():
    before = torch.get_num_threads()
    timing.measure_speed(TIMED, lambda x: 2 * x, CPU, 0)
    assert torch.get_num_threads() == before


def test_peak_memory_counts_what_is_alive_at_once():
    case = of_call("memory", x=torch.ones(1000))

    def one_after_the_other(x):
        for _ in range(10):
            y = x * 2
        return y

    def all_at_once(x):
        return torch.stack([x * 2 for _ in range(10)]).sum(0)

    few, many = timing.peak_bytes(case, one_after_the_other, CPU), timing.peak_bytes(case, all_at_once, CPU)
    assert 4000 <= few <= 12000
    assert many >= 80000


def test_an_answer_that_breaks_on_the_timed_input_is_not_right():
    def only_small(x):
        if x.numel() > 100_000:
            raise ValueError("too large for me")
        return 2 * x

    found = timing.measure_speed(TIMED, only_small, CPU, 0)
    assert "too large for me" in found.message
    right = judge(TIMED, in_this_process(TIMED, only_small, CPU))
    verdict = with_speed(TIMED, right, found)
    assert (verdict.status, verdict.points) == ("not yet", 2.0)
    assert "too large for me" in report.text(verdict, TIMED)


def test_a_baseline_that_fails_is_our_fault():
    broken = replace(TIMED, speed=replace(TIMED.speed, baseline=lambda x: 1 / 0))
    with pytest.raises(SpecError, match="baseline"):
        timing.measure_speed(broken, lambda x: 2 * x, CPU, 0)
