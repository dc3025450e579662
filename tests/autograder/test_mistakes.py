"""What wrong answers give is worked out once, and the verdicts stay what they were."""

from dataclasses import replace

import pytest
import torch

from autograder import registry
from autograder.judge import Paper, judge
from autograder.mistakes import OBJECT, Mistakes
from autograder.runner import in_this_process
from autograder.spec import Wrong, of_call
from tests.autograder.toys import DOUBLE, NET, TIMED, toy

CPU = torch.device("cpu")
NUMBERS = 1000
CASES = [of_call(f"case {number}", x=torch.full((NUMBERS,), float(number))) for number in range(4)]
ENTRY = 4 * OBJECT + 4 * NUMBERS  # an outcome, the list of what it holds, its table of outputs, and one of them


def counted():
    """A wrong answer, and the list of the inputs that it was run on."""
    seen = []

    def answer(x):
        seen.append(float(x[0]))
        return 3 * x

    return Wrong("triples", answer, says="", look=""), seen


def remembered(trace):
    return {name: value.clone() for name, value in trace.outputs.items()}


@pytest.mark.parametrize(
    "exercise", [DOUBLE, NET, *registry.exercises("warmup"), registry.find("conv2d")], ids=lambda item: item.id
)
def test_verdicts_are_the_same_whether_anything_is_kept_or_not(exercise):
    exercise = replace(exercise, forbidden=())
    kept, forgotten = Paper(exercise, 0), Paper(exercise, 0)
    forgotten.mistakes = Mistakes(exercise, CPU, most=0)
    for answer in [*(wrong.answer for wrong in exercise.wrong), lambda *args, **kwargs: torch.zeros(())]:
        run = in_this_process(exercise, answer, CPU)
        one, other = (judge(exercise, run, paper=paper) for paper in (kept, forgotten))
        assert one.diagnosis == other.diagnosis
        assert (one.status, one.points) == (other.status, other.points) == ("not yet", other.points)
    assert forgotten.mistakes.bytes == 0
    assert kept.mistakes.bytes > 0 or not exercise.wrong


def test_however_many_answers_are_judged_a_mistake_runs_once_a_case():
    wrong, seen = counted()
    paper = Paper(toy(wrong=(wrong,)), 0)
    for factor in (3, 4, 5):
        judge(paper.exercise, in_this_process(paper.exercise, lambda x, factor=factor: factor * x, CPU), paper=paper)
    assert len(seen) <= len(paper.cases)


def test_no_more_is_kept_than_was_said_and_the_least_recently_used_goes():
    wrong, seen = counted()
    mistakes = Mistakes(DOUBLE, CPU, most=2 * ENTRY)
    for number in (0, 1, 0, 2, 0, 1):
        assert float(mistakes.outcome(CASES[number], wrong).trace.outputs["out"][0]) == 3 * number
        assert mistakes.bytes <= 2 * ENTRY
    assert seen == [0, 1, 2, 1]


def test_the_measure_looks_once_at_each_outcome():
    looked = []

    def measure(case, outputs):
        looked.append(case.name)
        return outputs

    paper = Paper(toy(measure=measure), 0)
    for factor in (3, 4, 5):
        looked.clear()
        judge(paper.exercise, in_this_process(paper.exercise, lambda x, factor=factor: factor * x, CPU), paper=paper)
    assert max(looked.count(case.name) for case in paper.cases) == 2  # by the judge, and by the diagnosis


def test_what_is_too_large_is_not_kept_and_drives_nothing_out():
    wrong, seen = counted()
    mistakes = Mistakes(DOUBLE, CPU, most=ENTRY)
    large = of_call("large", x=torch.full((NUMBERS + 1,), 9.0))
    for case in (CASES[1], large, CASES[1], large):
        mistakes.outcome(case, wrong)
    assert seen == [1, 9, 9]
    assert mistakes.bytes == ENTRY


def test_answers_reach_neither_what_is_kept_nor_what_it_was_made_from():
    def vandal(x):
        x.mul_(0)
        return x

    exercise = replace(TIMED, forbidden=())
    paper = Paper(exercise, 0)
    judge(exercise, in_this_process(exercise, exercise.wrong[0].answer, CPU), paper=paper)
    before = [remembered(paper.mistakes.outcome(case, wrong).trace) for wrong in exercise.wrong for case in paper.cases]
    verdict = judge(exercise, in_this_process(exercise, vandal, CPU), paper=paper)
    assert verdict.first_failing.problem.kind == "changed"
    fresh = Paper(exercise, 0)
    after = [paper.mistakes.outcome(case, wrong).trace for wrong in exercise.wrong for case in paper.cases]
    anew = [fresh.mistakes.outcome(case, wrong).trace for wrong in exercise.wrong for case in fresh.cases]
    for old, kept, new in zip(before, after, anew, strict=True):
        assert old.keys() == kept.outputs.keys() == new.outputs.keys()
        assert all(torch.equal(old[name], kept.outputs[name]) for name in old)
        assert all(torch.equal(old[name], new.outputs[name]) for name in old)
