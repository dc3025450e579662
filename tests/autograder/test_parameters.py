"""What is said of parameters that don't fit: the table, and the reason in words."""

import pytest
import torch
from torch import nn

from autograder.parameters import SHOWN_ROWS, misfit, split


@pytest.mark.parametrize("wrong", [0, 5, 60, 119])
def test_a_long_table_shows_the_first_row_that_differs(wrong):
    expected = {f"layer{number}.weight": torch.zeros(3, number + 1) for number in range(120)}
    got = {name: value.clone() for name, value in expected.items()}
    for number in range(wrong, 120, 7):
        got[f"layer{number}.weight"] = torch.zeros(4)
    title, *rows = misfit(expected, got).splitlines()
    marked = [row for row in rows if "first that differs" in row]
    assert title.startswith("the parameters don't fit")
    assert len(rows) <= SHOWN_ROWS + 2
    assert len(marked) == 1
    assert f"layer{wrong}.weight (3, {wrong + 1})" in marked[0]
    assert sum(map(len, rows)) < 1900  # a report has room for 2,000


def test_a_parameter_that_is_missing_at_the_end_is_marked():
    expected = {name: torch.zeros(2) for name in ("weight", "bias")}
    assert "bias (2,)     nothing   ← first that differs" in misfit(expected, {"weight": torch.zeros(2)})


class Net(nn.Module):
    """What the contract asks for."""

    def __init__(self):
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(1, 2, 3, bias=False), nn.BatchNorm2d(2))
        self.ups = nn.ModuleList([nn.ConvTranspose2d(8, 4, 2), nn.ConvTranspose2d(4, 2, 2)])
        self.head = nn.Conv2d(2, 1, 1)


def changed(**parts):
    net = Net()
    for name, part in parts.items():
        delattr(net, name)
        setattr(net, name, part)
    return net


UPS = nn.ModuleList([nn.ConvTranspose2d(8, 4, 2), nn.ConvTranspose2d(4, 2, 2)])
REASONS = {
    "head has a kernel of 3 × 3, expected 1 × 1": changed(head=nn.Conv2d(2, 1, 3)),
    "head has no bias, expected one": changed(head=nn.Conv2d(2, 1, 1, bias=False)),
    "head gives 3 channels, expected 1": changed(head=nn.Conv2d(2, 3, 1)),
    "head takes 1 channel, expected 2 and gives 2 channels, expected 1": changed(head=nn.Conv2d(1, 2, 1)),
    "first.0 has a bias, expected none": changed(first=nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))),
    "first has 1 part, expected 2": changed(first=nn.Sequential(nn.Conv2d(1, 2, 3, bias=False))),
    "ups has its parts in reverse order": changed(ups=nn.ModuleList([*UPS][::-1])),
    "ups has 1 part, expected 2": changed(ups=UPS[:1]),
    "ups.0 gives 8 channels, expected 4": changed(ups=nn.ModuleList([nn.ConvTranspose2d(8, 8, 2), UPS[1]])),
    "yours has no ups": changed(ups=[*UPS]),
    "ups has no parts with parameters": changed(ups=nn.ModuleList()),
}


@pytest.mark.parametrize("fact", REASONS)
def test_the_sentence_says_which_part_differs(fact):
    module = REASONS[fact]
    first, table, cause = split(misfit(Net().state_dict(), module.state_dict(), module))
    assert first == f"the parameters don't fit: {fact} (expected on the left, yours on the right):"
    assert table.count("first that differs") == 1
    assert cause == "" or cause.endswith(".")


def test_likely_causes_are_told():
    causes = {fact: split(misfit(Net().state_dict(), net.state_dict(), net))[2] for fact, net in REASONS.items()}
    assert "nn.ModuleList" in causes["yours has no ups"]
    assert "exchanged" in causes["head takes 1 channel, expected 2 and gives 2 channels, expected 1"]
    assert "bias=False" in causes["head has no bias, expected one"]


def test_other_names_in_the_same_order_are_compared_by_place():
    expected = {"fc1.weight": torch.zeros(4, 3), "fc2.weight": torch.zeros(2, 4)}
    got = {"a.weight": torch.zeros(4, 3), "b.weight": torch.zeros(5, 4)}
    first, table, _ = split(misfit(expected, got))
    assert "b.weight (5, 4) where fc2.weight (2, 4) was expected" in first
    assert "fc1.weight (4, 3)   a.weight (4, 3)\n" in table
