"""The parts of reports: relations among values, digits, pictures, and words for paths and numbers."""

from __future__ import annotations

import base64

import pytest
import torch

from autograder.report import findings, grids, picture, words
from autograder.spec import (
    Mismatch,
)

X = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
RELATIONS = {
    "Yours is zero everywhere.": X * 0,
    "Every sign is reversed.": -X,
    "Yours is 1/4 × the expected everywhere.": X / 4,
    "Yours is larger by 2.0 everywhere.": X + 2,
    "All values with the same index of axis 1 are off by one amount": X + torch.arange(3.0)[:, None, None],
    "Yours is the expected with its last two axes swapped.": X.mT,
    "Yours is the expected in reverse along axis 3.": X.flip(3),
    "Yours has the expected values in another order.": X.flatten().roll(5).reshape(X.shape),
    "The wrong values are all in the first row.": torch.cat([X[..., :1, :] * 3, X[..., 1:, :]], dim=2),
    "The wrong values are all at index 1 of axis 1 (of 3).": X * torch.tensor([1.0, 2.0, 1.0])[:, None, None],
}


@pytest.mark.parametrize("says", RELATIONS)
def test_relations_are_found(says):
    found = Mismatch("value", "out", X, RELATIONS[says], "", allowed=1e-12)
    assert findings.finding(found, [found]).startswith(says)


def test_a_relation_that_holds_only_once_is_chance():
    first = Mismatch("value", "out", X, X + 2, "", allowed=1e-12)
    second = Mismatch("value", "out", X, X.cos(), "", allowed=1e-12)
    assert findings.finding(first, [first, second]) == ""


def test_numbers_are_written_with_enough_digits_to_tell_them_apart():
    expected = torch.tensor([[1.0, 1000.0]])
    got = torch.tensor([[1.0, 1000.001]])
    found = Mismatch("value", "out", expected, got, "", where=(0, 1), count=1, total=2, largest=1e-3, allowed=1e-4)
    one, other = grids.compared(found)
    assert one.cells[0][1] != other.cells[0][1]
    assert other.marked == {(0, 1)}


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("out", "the result"),
        ("out[1]", "item 1 of the result"),
        ("out['val_loss']", "“val_loss” in the result"),
        ("items[2][0]", "item 0 of item 2 of what it yields"),
        ("gradient of weight", "the gradient of weight"),
        ("state['conv.weight']", "“conv.weight” in the state"),
    ],
)
def test_paths_are_put_into_words(path, said):
    assert words.path_in_words(path) == said


@pytest.mark.parametrize(
    ("value", "said"), [(4.0, "4.0"), (0.7123, "0.712"), (3e-6, "3e-6"), (1.2e-5, "1.2e-5"), (173.2, "173"), (0.0, "0")]
)
def test_numbers_are_short(value, said):
    assert words.short(value) == said


def test_pictures_are_png_files_of_the_plane():
    data = base64.b64decode(picture.data_uri(torch.tensor([[0.0, 1.0, float("nan")]]), 0.0, 1.0).partition(",")[2])
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    assert data[16:24] == (3).to_bytes(4, "big") + (1).to_bytes(4, "big")
    assert max(picture.reduced(torch.zeros(1000, 40)).shape) <= picture.LARGEST
