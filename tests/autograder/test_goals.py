"""What is said of a training, by how many held-out examples are right."""

import pytest
import torch
import torch.nn.functional as F

from autograder.exercises.goals import NOT_FINITE, Goal, trained
from autograder.spec import Case, SpecError

GOAL = Goal("examples", below=((0.4, "guesses"), (0.8, "too few")), passed="enough", unanswered="never says one")
TRUTH = torch.tensor([0, 0, 0, 0, 1, 1, 1, 1, 2, 2])


def finding(*answered):
    return GOAL.finding(F.one_hot(torch.tensor(answered), 3).float(), TRUTH)


def test_the_first_accuracy_that_is_not_reached_says_what_is_wrong():
    assert finding(2, 1, 1, 2, 0, 0, 0, 1, 2, 2) == "guesses"
    assert finding(0, 1, 1, 2, 0, 0, 1, 1, 2, 2) == "too few"
    assert finding(0, 0, 0, 2, 0, 1, 1, 1, 2, 2) == "enough"


def test_a_class_that_is_never_answered_is_told_between_chance_and_the_goal():
    assert finding(*[2] * 10) == "guesses"
    assert finding(0, 0, 0, 0, 1, 0, 1, 0, 0, 0) == "never says one"
    assert finding(0, 0, 0, 0, 1, 1, 1, 1, 0, 0) == "enough"


def test_a_single_logit_that_is_not_finite_is_told_first():
    logits = F.one_hot(TRUTH, 3).float()
    logits[3, 1] = torch.inf
    assert GOAL.finding(logits, TRUTH) == NOT_FINITE


def outcome(logits, random):
    case = Case("a training", trained(7, "images"), expect={"logits": F.one_hot(TRUTH, 3).float()})
    return GOAL.measure(case, {"logits": logits, "random": random})


def test_the_random_state_counts_once_the_goal_is_reached():
    torch.manual_seed(8)
    untouched = float(torch.rand(()))
    right, wrong = F.one_hot(TRUTH, 3).float(), F.one_hot((TRUTH + 1) % 3, 3).float()
    name = "torch's random state is as it was"
    assert outcome(right, untouched) == {"examples": "enough", name: True}
    assert outcome(right, 0.5) == {"examples": "enough", name: False}
    assert outcome(wrong, 0.5) == {"examples": "guesses"}


def test_logits_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"expected logits of shape \(10, 3\), got \(10, 4\)"):
        outcome(torch.zeros(10, 4), 0.5)


@pytest.mark.parametrize("below", [(), ((0.8, "a"), (0.4, "b")), ((0.5, "a"), (1.2, "b"))])
def test_accuracies_rise_between_0_and_1(below):
    with pytest.raises(SpecError, match="rising accuracies"):
        Goal("examples", below=below, passed="enough")
