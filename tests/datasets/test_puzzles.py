"""The puzzles are what their docstrings say: each picture is taken apart again, without the code that made it."""

import inspect
from functools import cache

import pytest
import torch
import torch.nn.functional as F

from p2v_data import digits, marked_digits, pointed_digits

PUZZLES = (pointed_digits, marked_digits)


@cache
def made(puzzle, seed=0):
    return puzzle(train=300, test=200, seed=seed)


@cache
def classes_of_digits(part):
    """The class of each of the split's digits at half size, by its pixels."""
    split = getattr(digits(), part)
    return {key(image): int(label) for image, label in zip(halved(split.images), split.labels, strict=True)}


def key(image):
    """Half-size digits are means of four pixels of 255 levels: exact in whole numbers."""
    return (image * 1020).round().to(torch.int16).numpy().tobytes()


def halved(images):
    return images.unflatten(2, (14, 2)).unflatten(4, (14, 2)).mean((3, 5))[:, 0]


def taken_apart(picture, part):
    """The digit in red, the digit in blue, and whether there is a bar; what the picture must be otherwise."""
    known = classes_of_digits(part)
    found, columns = [], []
    for ink in (picture[0], picture[2]):
        assert not ink[16:].any()
        (place,) = [  # one 14×14 window is one of the split's digits, and holds all the ink
            (top, left)
            for top in range(3)
            for left in range(19)
            if key(window(ink, top, left)) in known and window(ink, top, left).count_nonzero() == ink.count_nonzero()
        ]
        found.append(known[key(window(ink, *place))])
        columns.append(place[1])
    assert sorted(left // 16 for left in columns) == [0, 1]
    bar = bool(picture[1].any())
    assert torch.equal(picture[1], F.pad(torch.full((4, 32), float(bar)), (0, 0, 30, 0)))
    return *found, bar, columns[0] < columns[1]


def window(ink, top, left):
    return ink[top : top + 14, left : left + 14]


@pytest.mark.parametrize("part", ["train", "test"])
def test_the_bar_says_which_digit_is_meant(part):
    split = getattr(made(pointed_digits), part)
    seen = set()
    for picture, label in zip(split.images, split.labels, strict=True):
        red, blue, bar, red_left = taken_apart(picture, part)
        assert red != blue
        assert {red, blue} <= {0, 1, 2}
        assert int(label) == (red if bar else blue)
        seen.add((red, blue, bar, red_left))
    assert len(seen) == 3 * 2 * 2 * 2  # every pair, with and without a bar, either colour left


def test_neither_digit_nor_bar_alone_tells():
    """By classes and bar apart, no answer is right more often than in about half of the pictures."""
    split = pointed_digits(train=3000, test=1).train
    bar = split.images[:, 1].flatten(1).any(1)
    assert abs(float(bar.float().mean()) - 0.5) < 0.03
    for part in (split.labels[bar], split.labels[~bar]):
        assert (part.bincount() / len(part) - 1 / 3).abs().max() < 0.04


@pytest.mark.parametrize("part", ["train", "test"])
def test_the_label_is_the_mark_of_the_digit_that_is_alike(part):
    split, known = getattr(made(marked_digits), part), classes_of_digits(part)
    asked = []
    for strip, label in zip(split.images, split.labels, strict=True):
        cells = strip[0].split(16, dim=1)
        inner = [key(cell[1:-1, 1:-1]) for cell in cells]
        classes = [known[digit] for digit in inner]
        assert len(set(classes[1:])) == 6
        place = classes.index(classes[0], 1)
        assert inner[place] != inner[0]  # another handwriting
        assert sides(cells[0]) == []
        marks = [sides(cell) for cell in cells[1:]]
        assert {len(mark) for mark in marks} == {1}
        assert marks[place - 1] == [int(label)]
        asked.append(place)
    assert set(asked) == {1, 2, 3, 4, 5, 6}
    assert split.labels.bincount().min() > 0.15 * len(split.labels)


def sides(cell):
    """Which sides of the frame are bright: 0 top, 1 right, 2 bottom, 3 left. The rest of the frame is black."""
    lines = (cell[0], cell[:, -1], cell[-1], cell[:, 0])
    bright = [side for side, line in enumerate(lines) if bool((line == 1).all())]
    frame = F.pad(torch.zeros(14, 14), (1, 1, 1, 1), value=1.0).bool()
    assert cell[frame].sum() == 16 * len(bright)
    return bright


@pytest.mark.parametrize("puzzle", PUZZLES)
def test_shapes_ranges_and_names(puzzle):
    data = made(puzzle)
    shape, names = {
        pointed_digits: ((3, 34, 32), ("0", "1", "2")),
        marked_digits: ((1, 16, 112), ("top", "right", "bottom", "left")),
    }[puzzle]
    assert data.images.shape == (500, *shape)
    assert (data.images.dtype, data.labels.dtype) == (torch.float32, torch.int64)
    assert data.images.min() == 0
    assert 0.9 < data.images.max() <= 1
    assert (len(data.train.labels), len(data.test.labels)) == (300, 200)
    assert data.class_names == names
    assert set(data.labels.tolist()) == set(range(len(names)))
    assert (data.provenance.kind, data.provenance.count, data.provenance.shape) == ("simulated", 500, shape)
    assert digits().provenance.licence == data.provenance.licence


@pytest.mark.parametrize("puzzle", PUZZLES)
def test_its_seed_decides_and_nothing_else(puzzle):
    torch.manual_seed(3)
    before = torch.get_rng_state()
    again = puzzle(train=300, test=200, seed=0)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(again.images, made(puzzle).images)
    assert torch.equal(again.labels, made(puzzle).labels)
    assert not torch.equal(made(puzzle, seed=1).images, again.images)


@pytest.mark.parametrize("puzzle", PUZZLES)
def test_training_and_test_share_no_picture(puzzle):
    """Nor a digit: the tests above find each digit in its own part, and the parts share none, as shown here."""
    parts = (made(puzzle).train, made(puzzle).test)
    train, test = ({key(picture) for picture in part.images} for part in parts)
    assert not train & test
    assert not classes_of_digits("train").keys() & classes_of_digits("test").keys()


@pytest.mark.parametrize("puzzle", PUZZLES)
def test_counts_are_what_is_asked_for(puzzle):
    assert (len(puzzle(train=7, test=3).train.labels), len(puzzle(train=7, test=3).test.labels)) == (7, 3)
    counts = {name: value.default for name, value in inspect.signature(puzzle).parameters.items()}
    assert counts["train"] >= 6000
    assert counts["test"] == 1000
