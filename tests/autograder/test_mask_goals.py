"""What is said of a training of a segmenter, by the IoU on tiles that were held out."""

import pytest
import torch
from torch import nn

from autograder.exercises.goals import NOT_FINITE
from autograder.exercises.mask_goals import (
    EVERYTHING,
    GROUND,
    NOTHING,
    NOTHING_BUT_RANKED,
    PROBABILITIES,
    TRAINING,
    TURNED,
    MaskGoal,
    mask_case,
    pooled_iou,
    ranks,
)
from autograder.exercises.mask_mistakes import Remembers, common, logits_of
from autograder.exercises.unet import cell_goal, road_goal, vessel_goal
from autograder.spec import Rng, SpecError
from p2v_data import MaskSplit

GOAL = MaskGoal("tiles", below=((0.2, "guesses"), (0.7, "too little")), passed="enough")


def scattered(count=3, side=16):
    """Pixels here and there: turned, or another tile's, they hardly meet."""
    return (torch.rand(count, side, side, generator=torch.Generator().manual_seed(0)) > 0.85).long()


TRUTH = scattered()[:, None] > 0


def test_iou_of_all_pixels_together():
    one, two = torch.zeros(2, 4, dtype=torch.bool), torch.zeros(2, 4, dtype=torch.bool)
    one[0, :3], two[0, 1:4] = True, True  # 2 of 4
    one[1, 0] = True  # 0 of 1: 2 of 5 together
    assert pooled_iou(one, two) == pytest.approx(0.4)
    assert pooled_iou(one & False, two & False) == 1


def test_ranks_against_pairs():
    logits, truth = torch.randn(50).mul(2).round(), torch.rand(50) > 0.7
    inside, outside = logits[truth], logits[~truth]
    pairs = (inside[:, None] > outside).double() + 0.5 * (inside[:, None] == outside).double()
    assert ranks(logits, truth) == pytest.approx(float(pairs.mean()))
    assert ranks(torch.zeros(50), truth) == pytest.approx(0.5)
    assert ranks(logits, truth & False) == 0


def test_levels():
    assert GOAL.finding(logits_of(TRUTH), TRUTH) == "enough"
    half = TRUTH & (torch.arange(16) < 8)
    assert GOAL.finding(logits_of(half), TRUTH) == "too little"
    assert GOAL.finding(logits_of(TRUTH.roll(1, 0)), TRUTH) == "guesses"


@pytest.mark.parametrize(
    ("logits", "found"),
    [
        (torch.full(TRUTH.shape, -1.5), NOTHING),
        (2.0 * TRUTH - 3, NOTHING_BUT_RANKED),
        (torch.full(TRUTH.shape, 1.5), EVERYTHING),
        (-logits_of(TRUTH), GROUND),
        (logits_of(TRUTH.transpose(-1, -2)), TURNED),
        (logits_of(TRUTH.flip(-1)), TURNED),
        (0.9 * TRUTH + 0.05, PROBABILITIES),
        (logits_of(TRUTH).log(), NOT_FINITE),
    ],
)
def test_other_findings(logits, found):
    assert GOAL.finding(logits, TRUTH) == found


def tiles():
    masks = scattered()
    return MaskSplit(torch.rand(3, 1, 16, 16), masks, torch.arange(3))


def outcome(logits, *, training=False, random=None):
    torch.manual_seed(8)
    untouched = float(torch.rand(()))
    case = mask_case("a training", tiles(), tiles(), 7)
    return GOAL.measure(
        case, {"logits": logits, "training": training, "random": untouched if random is None else random}
    )


def test_mode_and_random_state_count_once_the_goal_is_reached():
    right, wrong = logits_of(TRUTH), logits_of(TRUTH.roll(1, 0))
    name = "torch's random state is as it was"
    assert outcome(right) == {"tiles": "enough", name: True}
    assert outcome(right, random=0.5) == {"tiles": "enough", name: False}
    assert outcome(right, training=True) == {"tiles": TRAINING}
    assert outcome(wrong, training=True, random=0.5) == {"tiles": "guesses"}


def test_logits_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"expected logits of shape \(3, 1, 16, 16\), got \(3, 16, 16\)"):
        outcome(torch.zeros(3, 16, 16))


@pytest.mark.parametrize("below", [(), ((0.8, "a"), (0.4, "b")), ((0.5, "a"), (1.2, "b"))])
def test_scores_rise_between_0_and_1(below):
    with pytest.raises(SpecError, match="rising IoUs"):
        MaskGoal("tiles", below=below, passed="enough")


def test_who_remembers_answers_in_any_order():
    known = tiles()
    answers = Remembers(known, logits_of)(known.images[[2, 0]])
    assert torch.equal(answers > 0, known.masks[[2, 0], None] > 0)


def test_each_common_mistake_has_its_own_finding():
    known = tiles()
    findings = {}
    for wrong in common(lambda seed: known, GOAL):
        model = wrong.answer(known.images, known.masks, seed=0)
        assert isinstance(model, nn.Module)
        findings[wrong.name] = GOAL.finding(model(known.images), TRUTH)
    reached = [name for name, found in findings.items() if found == "enough"]
    assert reached == ["leaves it in training mode", "moves torch's global random state"]
    others = [found for found in findings.values() if found != "enough"]
    assert len(set(others)) == len(others) == 9


@pytest.mark.parametrize("goal", [cell_goal, vessel_goal, road_goal])
def test_what_is_learned_from_and_what_is_held_out_share_no_tile(goal):
    case = next(iter(goal.cases(Rng(3))))
    learned = {image.numpy().tobytes() for image in case.inputs["images"]}
    assert all(image.numpy().tobytes() not in learned for image in case.inputs["held_out"])
    assert case.expect["logits"].shape == (len(case.inputs["held_out"]), 1, 64, 64)
