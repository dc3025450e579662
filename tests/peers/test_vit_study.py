"""The recorded study of data hunger is what its command would record today, and says what the lesson says."""

import pytest
import torch

import p2v_data
from solutions.resnet import digit_net
from solutions.vit import ConvStem, pretrain_small, small_vit, train_small
from tools.studies import hunger
from tools.studies.scores import mean_and_spread


@pytest.fixture(scope="module")
def study():
    return p2v_data.recorded("hunger")


def test_every_arm_is_recorded_at_every_number_of_labels(study):
    found = [(item["arm"], item["labels"], item["steps"]) for item in study["arms"]]
    assert found == [(name, count, steps) for name in hunger.LOOKS for count, steps in hunger.STEPS.items()]
    assert all(len(item["right"]) == len(item["loss"]) == 3 for item in study["arms"])


def test_networks_are_as_large_as_recorded(study):
    sizes = {item["arm"]: item["parameters"] for item in study["arms"]}
    made = list(hunger.arms(50, 0, small_vit()))
    assert {name: sum(p.numel() for p in model.parameters()) for name, model, _ in made} == sizes


def test_the_fifth_arms_teacher_is_the_second_arms_network():
    made = {name: (model, settings) for name, model, settings in hunger.arms(50, 0, small_vit())}
    assert made["ViT + augmentation + distillation"][1]["teacher"] is made["CNN + augmentation"][0]
    assert len({settings["steps"] for _, settings in made.values()}) == 1


def test_means_and_spreads_follow_from_the_seeds(study):
    for item in study["arms"]:
        assert item["mean_and_spread"] == list(mean_and_spread(item["right"]))


def test_mean_and_spread_by_hand():
    """Mean 0.7; deviations 0.1, 0, 0.1: variance 0.02 / 2."""
    assert mean_and_spread([0.6, 0.7, 0.8]) == (0.7, 0.1)


def test_equal_seeds_see_equal_digits_in_the_same_order():
    """Two networks that answer alike lose alike, whatever else has been drawn in between."""
    images, labels = p2v_data.digits(train=60, seed=0).train
    losses = []
    for draws in (0, 5):
        torch.manual_seed(0)
        model = digit_net(10)
        torch.rand(draws)
        losses.append(train_small(model, images, labels, steps=3, augment=True))
        assert not model.training
    assert losses[0] == losses[1]


def test_a_teacher_is_asked_about_what_the_student_sees_and_left_alone():
    images, labels = p2v_data.digits(train=60, seed=0).train
    teacher, seen = digit_net(10).eval(), []
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    teacher.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    student = small_vit()
    student.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    train_small(student, images, labels, steps=1, augment=True, teacher=teacher)
    assert torch.equal(seen[0], seen[1])
    assert all(torch.equal(before[name], value) for name, value in teacher.state_dict().items())
    assert all(parameter.grad is None for parameter in teacher.parameters())


def test_filling_in_teaches_the_encoder_and_needs_no_labels():
    images = p2v_data.digits(train=60, seed=0).train.images
    encoder = small_vit()
    before = encoder.blocks[0].attn.qkv.weight.detach().clone()
    _, losses = pretrain_small(encoder, images, steps=4, batch=20)
    assert len(losses) == 4
    assert not torch.equal(before, encoder.blocks[0].attn.qkv.weight)


def test_a_stem_can_take_the_patches_place():
    model = small_vit(32, 8)
    model.patch_embed = ConvStem(1, 64, 3)
    assert model(torch.rand(2, 1, 32, 32)).shape == (2, 10)


def test_the_lesson_says_what_was_recorded(study):
    """The list below the curve in `solutions/vit_b.md`, in points of a hundred."""
    mean = {(item["arm"], item["labels"]): 100 * item["mean_and_spread"][0] for item in study["arms"]}
    counts = list(hunger.STEPS)
    cnn, bent_cnn, vit, bent_vit, distilled, filled = (
        {count: mean[name, count] for count in counts} for name in hunger.LOOKS
    )
    assert round(bent_cnn[50] - cnn[50]) in range(31, 36)  # a third
    assert round(bent_vit[50] - vit[50]) in range(13, 16)  # a seventh
    assert all(vit[count] - cnn[count] > 14 for count in (50, 200))
    assert [round(bent_cnn[count] - bent_vit[count]) for count in counts] == [2, 4, 5, 5]
    assert vit[4000] > bent_vit[4000] + 1
    assert all(-3 < distilled[count] - bent_vit[count] < 1 for count in counts)
    assert all(filled[count] >= max(vit[count], bent_vit[count], distilled[count]) for count in counts)
    assert filled[50] > bent_cnn[50]
    assert all(0.5 < bent_cnn[count] - filled[count] < 2.5 for count in (200, 800, 4000))
