"""The recorded study of noise and wrong masks is what its command would record today, and says what the lesson says."""

import pytest
import torch

import p2v_data
from tools.studies import corrupt
from tools.studies.scores import overlap


@pytest.fixture(scope="module")
def study():
    return p2v_data.recorded("corrupt")


def test_every_arm_is_recorded_at_every_level(study):
    levels = {kind: (corrupt.TREATMENTS, levels) for kind, levels in corrupt.IMAGES.items()}
    levels |= {kind: (tuple(corrupt.LOSSES), levels) for kind, levels in corrupt.MASKS.items()}
    wanted = {(kind, arm, level) for kind, (arms, levels) in levels.items() for arm in arms for level in levels}
    assert {(item["corruption"], item["arm"], item["level"]) for item in study["arms"]} == wanted
    assert len(study["arms"]) == len(wanted)
    assert all(len(item[score]) == len(study["seeds"]) for item in study["arms"] for score in ("half", "chosen"))


def test_means_and_spreads_follow_from_the_seeds(study):
    for item in study["arms"]:
        for score in ("half", "chosen"):
            assert item["mean_and_spread"][score] == list(corrupt.mean_and_spread(item[score]))


@pytest.mark.parametrize(("kind", "levels"), corrupt.MASKS.items())
def test_masks_are_spoilt_as_recorded(study, kind, levels):
    masks = p2v_data.nuclei().train.masks
    for level in levels:
        items = [item for item in study["arms"] if (item["corruption"], item["level"]) == (kind, level)]
        for seed in study["seeds"]:
            bad = corrupt.spoilt(masks, kind, level, torch.Generator().manual_seed(seed))
            assert bad.dtype == masks.dtype
            assert bad.shape == masks.shape
            assert all(item["labels"][seed] == overlap(bad == 1, masks == 1) for item in items)
        assert level != 0 or torch.equal(bad, masks)


def test_emptied_and_swapped_masks_by_hand():
    """Of four masks of their own numbers: half are emptied, or get each other's."""
    masks = torch.arange(1, 5).view(4, 1, 1).expand(4, 2, 2).clone()
    emptied, swapped = (
        corrupt.spoilt(masks, kind, 0.5, torch.Generator().manual_seed(0))[:, 0, 0].tolist()
        for kind in (corrupt.EMPTIED, corrupt.SWAPPED)
    )
    assert sum(value == 0 for value in emptied) == 2
    assert sorted(swapped) == [1, 2, 3, 4]
    changed = [place for place, value in enumerate(swapped) if value != place + 1]
    assert changed == [place for place, value in enumerate(emptied) if value == 0]


def test_outlines_move_and_masks_shift():
    mask = torch.zeros(1, 9, 9, dtype=torch.int64)
    mask[0, 3:6, 3:6] = 1
    draws = torch.Generator()
    assert (
        int(corrupt.spoilt(mask, corrupt.MOVED, 2, draws).sum())
        > 9
        > int(corrupt.spoilt(mask, corrupt.MOVED, -1, draws).sum())
    )
    assert torch.equal(corrupt.spoilt(mask, corrupt.SHIFTED, 2, draws)[0, 3:6, 5:8], torch.ones(3, 3).long())


def test_noise_as_augmentation_is_new_in_each_batch_and_leaves_masks():
    images, masks = torch.full((2, 1, 40, 40), 0.5), torch.ones(2, 40, 40).long()
    draws = torch.Generator().manual_seed(0)
    first, second = (corrupt.noise_anew(images, masks, draws) for _ in range(2))
    assert first[1] is masks
    assert not torch.equal(first[0], second[0])


def test_the_lesson_says_what_was_recorded(study):
    """The list below the curves in `solutions/unet_e.md`, in hundredths."""
    found = {
        (item["corruption"], item["arm"], item["level"], score): round(100 * item["mean_and_spread"][score][0])
        for item in study["arms"]
        for score in ("half", "chosen")
    }
    clean, median, noisy = corrupt.TREATMENTS
    plain = next(iter(corrupt.LOSSES))

    def chosen(kind, arm, *levels):
        return [found[kind, arm, level, "chosen"] for level in levels]

    assert chosen(corrupt.SALT, clean, 0, 0.05, 0.2) == [86, 67, 42]
    assert all(value >= 84 for value in chosen(corrupt.SALT, median, 0, 0.01, 0.02, 0.05, 0.1, 0.2))
    assert [chosen(corrupt.GAUSSIAN, arm, 0.2)[0] for arm in (clean, median, noisy)] == [42, 52, 72]
    assert chosen(corrupt.GAUSSIAN, noisy, 0, 0.3) == [81, 51]
    assert [chosen(corrupt.SALT, arm, 0.3)[0] for arm in (noisy, median)] == [63, 76]
    assert [found[kind, plain, 0.5, "half"] for kind in (corrupt.EMPTIED, corrupt.SWAPPED)] == [20, 64]
    assert [chosen(kind, plain, 0.5, 0.75) for kind in (corrupt.EMPTIED, corrupt.SWAPPED)] == [[77, 56], [76, 59]]
    assert chosen(corrupt.MOVED, plain, -4, 4) == [74, 76]
    assert chosen(corrupt.SHIFTED, plain, 2, 4) == [76, 63]
    assert chosen(corrupt.FLIPPED, plain, 0.2, 0.4) == [86, 83]


def test_the_robust_loss_gains_two_points_at_most_and_loses_four(study):
    means = {
        (item["corruption"], item["level"], item["arm"]): item["mean_and_spread"]["chosen"][0] for item in study["arms"]
    }
    plain, robust = corrupt.LOSSES
    gains = {
        (kind, level): round(100 * (means[kind, level, robust] - means[kind, level, plain]))
        for kind, levels in corrupt.MASKS.items()
        for level in levels
    }
    assert gains[corrupt.FLIPPED, 0.4] == max(gains.values()) == 2
    assert gains[corrupt.EMPTIED, 0.5] == gains[corrupt.SWAPPED, 0.5] == min(gains.values()) == -4
