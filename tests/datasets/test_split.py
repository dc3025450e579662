"""Stratified choice: laws that hold for any labels."""

import numpy as np
import pytest

from p2v_data.split import stratified_split

LABELS = np.repeat([0, 1, 2, 5], [70, 20, 9, 1])


@pytest.mark.parametrize("chosen", [0, 1, 13, 50, 99, 100])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_every_image_lands_in_one_part(chosen, seed):
    rest, part = stratified_split(LABELS, chosen, seed)
    assert len(part) == chosen
    assert sorted([*rest, *part]) == list(range(100))


@pytest.mark.parametrize("chosen", [1, 13, 50, 99])
def test_each_class_gives_its_share_within_one(chosen):
    _, part = stratified_split(LABELS, chosen, seed=3)
    for name, count in zip(*np.unique(LABELS, return_counts=True), strict=True):
        assert abs((LABELS[part] == name).sum() - count * chosen / 100) < 1


def test_shares_by_hand():
    # 3 of 4 + 2: exact shares are 2 and 1
    _, part = stratified_split(np.array([7, 7, 7, 7, 8, 8]), 3, seed=0)
    assert sorted(np.array([7, 7, 7, 7, 8, 8])[part]) == [7, 7, 8]


def test_the_seed_decides_and_classes_are_mixed():
    first, again, other = (stratified_split(LABELS, 50, seed)[1] for seed in (4, 4, 5))
    assert first.tolist() == again.tolist()
    assert first.tolist() != other.tolist()
    assert (np.diff(LABELS[first]) < 0).any()


def test_no_labels_give_no_choice():
    rest, part = stratified_split(np.array([], np.int64), 0, seed=0)
    assert len(rest) == len(part) == 0


@pytest.mark.parametrize("chosen", [-1, 101])
def test_too_many_or_too_few_is_refused(chosen):
    with pytest.raises(ValueError, match="0 to 100"):
        stratified_split(LABELS, chosen, seed=0)
