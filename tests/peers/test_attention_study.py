"""The recorded study of placements is what its command would record today."""

import pytest
import torch

import p2v_data
from solutions.attention import PlacedNet
from tools.studies import placement


@pytest.fixture(scope="module")
def study():
    return p2v_data.recorded("placement")


def test_every_arm_is_recorded_and_as_large_as_recorded(study):
    assert [item["arm"] for item in study["arms"]] == list(placement.arms())
    for item, places in zip(study["arms"], placement.arms().values(), strict=True):
        net = PlacedNet(places)
        assert sum(parameter.numel() for parameter in net.parameters()) == item["parameters"]
        assert net(torch.zeros(2, 3, 34, 32)).shape == (2, 3)


def test_means_and_intervals_follow_from_the_starts(study):
    for item in study["arms"]:
        assert len(item["right"]) == len(item["loss"]) >= 5
        assert item["mean_and_interval"] == list(placement.interval(item["right"]))


def test_the_lesson_says_what_was_recorded(study):
    """“Clear” and “not clear”, in `solutions/attention.md`."""
    found = {item["arm"]: item for item in study["arms"]}
    assert all(min(found[name]["right"]) > 0.95 for name in ("SE behind 1", "SE behind all", "non-local behind 1"))
    assert all(max(found[name]["right"]) < 0.55 for name in ("none", "spatial behind 1"))
    unclear = [found[f"{kind} behind {stage}"] for kind in placement.KINDS for stage in (2, 3)]
    intervals = [item["mean_and_interval"][1:] for item in unclear]
    widths = [round(100 * (high - low)) for low, high in intervals]
    assert (min(widths), max(widths)) == (29, 63)
    assert max(low for low, _ in intervals) < min(high for _, high in intervals)
    plain = found["none"]["parameters"]
    assert found["non-local behind 1"]["parameters"] - plain == 584
    assert found["SE behind 1"]["parameters"] - plain == 148
    assert sum(found["non-local behind 1"]["seconds"]) > 2 * sum(found["SE behind 1"]["seconds"])


def test_an_interval_by_hand():
    """Mean 0.7; deviations 0.1: standard deviation 0.1; t for 3 starts 4.303; 4.303 · 0.1 / √3 = 0.2484."""
    assert placement.interval([0.6, 0.7, 0.8]) == (0.7, 0.4516, 0.9484)


def test_one_place_of_the_plain_network_sees_15_pixels():
    """So that none sees a digit and the bar; `pointed_digits` keeps them 14 rows apart."""
    net = PlacedNet().eval()
    picture = torch.rand(1, 3, 34, 32, requires_grad=True)
    last = picture
    for stage in net.stages:
        last = stage(last)
    seen = torch.autograd.grad(last[0, :, 4, 4].sum(), picture)[0][0].abs().amax(0) > 0
    rows, columns = (seen.any(axis).nonzero()[:, 0] for axis in (1, 0))
    assert int(rows.max() - rows.min()) + 1 == int(columns.max() - columns.min()) + 1 == 15
