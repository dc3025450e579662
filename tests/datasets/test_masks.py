"""Tiles with masks are what their docstrings say: parts that share nothing, shares of the pixels, seeds, summaries."""

import hashlib
import re
import time
from functools import cache
from importlib.resources import files

import numpy as np
import pytest
import torch
from scipy.ndimage import label

import p2v_data
from p2v_data import MaskSplit, judged, nuclei, nuclei_image, outlined, roads, vessels
from p2v_data.masks import tiles
from p2v_data.painted import Picture, painted_parts

LOADERS = (roads, vessels, nuclei)
CHANNELS = {roads: 3, vessels: 1, nuclei: 1}
PIXELS = "f5bd38ab39448298bf06f3efa44ad2e5337866877f521d400ab2932b163bc22e"
NUMBERS = "f8435c28fbf8d78d9eda5fd7328a5b833ea96e670a739cb85421f75c5e212f99"


@cache
def usual(loader):
    return loader()


def parts(data):
    return data.train, data.validation, data.test


@pytest.mark.parametrize("loader", LOADERS)
def test_shapes_ranges_and_names(loader):
    data = usual(loader)
    for part in parts(data):
        images, masks, sources = part
        assert images.shape == (len(masks), CHANNELS[loader], 64, 64)
        assert masks.shape == (len(images), 64, 64)
        assert sources.shape == (len(images),)
        assert (images.dtype, masks.dtype, sources.dtype) == (torch.float32, torch.int64, torch.int64)
        assert 0 <= images.min() < images.max() <= 1
        assert masks.unique().tolist() == [0, 1]
    assert len(data) == data.provenance.count == sum(len(part.masks) for part in parts(data))
    assert data.provenance.shape == (CHANNELS[loader], 64, 64)
    assert data.class_names[0] == "ground"
    assert len(data.class_names) == 2


@pytest.mark.parametrize("loader", LOADERS)
def test_no_source_is_in_two_parts(loader):
    seen = [set(part.sources.tolist()) for part in parts(usual(loader))]
    assert not seen[0] & seen[1]
    assert not seen[0] & seen[2]
    assert not seen[1] & seen[2]
    assert min(len(each) for each in seen) >= 4


@pytest.mark.parametrize(("loader", "low", "high"), [(roads, 0.02, 0.05), (vessels, 0.07, 0.15), (nuclei, 0.15, 0.25)])
def test_few_pixels_are_positive(loader, low, high):
    for part in parts(usual(loader)):
        assert low < part.masks.float().mean() < high


@pytest.mark.parametrize("loader", [roads, vessels])
def test_its_seed_decides_and_nothing_else(loader):
    torch.manual_seed(3)
    before, legacy = torch.get_rng_state(), np.random.get_state()[1].copy()
    again, other = loader(train=8, validation=1, test=1), loader(train=8, validation=1, test=1, seed=1)
    assert torch.equal(torch.get_rng_state(), before)
    assert (np.random.get_state()[1] == legacy).all()
    assert torch.equal(again.train.images, usual(loader).train.images[:8])  # more tiles: the first ones stay
    assert torch.equal(again.test.masks, usual(loader).test.masks[:1])
    assert not torch.equal(other.train.images, again.train.images)


def test_usual_sizes_in_time():
    before = time.process_time()
    roads()
    vessels()
    assert time.process_time() - before < 20  # 3 s on a quiet machine


@pytest.mark.parametrize(("loader", "side"), [(roads, 128), (vessels, 128), (vessels, 256)])
def test_larger_tiles(loader, side):
    data = loader(train=2, validation=1, test=1, side=side)
    assert data.train.images.shape == (2, CHANNELS[loader], side, side)


def test_tiles_of_one_land_make_up_the_land():
    small, large = roads(train=4, validation=1, test=1), roads(train=1, validation=1, test=1, side=128)
    rows = [torch.cat([small.train.images[number] for number in pair], dim=2) for pair in ((0, 1), (2, 3))]
    assert torch.equal(torch.cat(rows, dim=1), large.train.images[0])
    assert small.train.sources.tolist() == [0, 0, 0, 0]


def test_colour_and_its_green_channel():
    green, colour = (vessels(train=3, validation=1, test=1, colour=each) for each in (False, True))
    assert torch.equal(colour.train.images[:, 1:2], green.train.images)
    assert colour.provenance.shape == (3, 64, 64)


def test_roads_are_connected_and_some_lie_under_trees():
    data = roads(train=40, validation=1, test=1, side=128).train
    lengths = [np.bincount(label(mask, np.ones((3, 3)))[0].flat)[1:] for mask in data.masks.numpy()]
    assert np.mean([len(each) for each in lengths]) < 4
    on_roads = data.images.permute(0, 2, 3, 1)[data.masks > 0]
    green = (on_roads[:, 1] > on_roads[:, 0]) & (on_roads.mean(1) < 0.35)
    assert 0.05 < green.float().mean() < 0.5


def test_vessels_are_darker_than_what_is_beside_them():
    data = vessels(train=12, validation=1, test=1, side=256).train
    images, masks = data.images[:, 0], data.masks > 0
    near = torch.nn.functional.max_pool2d(masks[:, None].float(), 7, 1, 3)[:, 0].bool() & ~masks & (images > 0.1)
    assert images[masks].mean() < 0.9 * images[near].mean()
    thick = torch.nn.functional.avg_pool2d(masks[:, None].float(), 3, 1, 1)[:, 0] == 1
    assert 0.02 < thick.sum() / masks.sum() < 0.4  # most are thin


def test_the_nuclei_are_the_packages():
    image, instances = nuclei_image()
    assert image.shape == (1, 512, 512)
    assert instances.shape == (512, 512)
    assert len(instances.unique()) == 126
    told = (files("p2v_data") / "embedded" / "README.md").read_text(encoding="utf-8")
    assert len(re.findall(r"\b[0-9a-f]{64}\b", told)) == 2
    pixels = (image[0] * 255).round().to(torch.uint8).numpy()
    assert hashlib.sha256(pixels.tobytes()).hexdigest() == PIXELS
    assert hashlib.sha256(instances.to(torch.uint8).numpy().tobytes()).hexdigest() == NUMBERS


def test_nuclei_tiles_lie_where_their_sources_say():
    whole, data = nuclei_image(), nuclei()
    for part in parts(data):
        for number, square in enumerate(part.sources.tolist()):
            top, left = 128 * (square // 4), 128 * (square % 4)
            region = whole.image[0, top : top + 128, left : left + 128]
            quarters = tiles(region, 64)
            assert any(torch.equal(part.images[number, 0], quarter) for quarter in quarters)
    assert torch.equal(tiles(whole.instances > 0, 64).sum(), sum(part.masks.sum() for part in parts(data)))


def test_overlapping_nuclei_for_training_only():
    data, apart = nuclei(step=32), nuclei()
    assert len(data.train.masks) == 15 * 7
    assert torch.equal(data.test.images, apart.test.images)
    assert set(data.train.sources.tolist()) == set(apart.train.sources.tolist())


def test_some_tiles():
    part = usual(nuclei).train
    three = part.some(torch.tensor([5, 0, 5]))
    assert isinstance(three, MaskSplit)
    for layer, whole in zip(three, part, strict=True):
        assert torch.equal(layer, whole[[5, 0, 5]])


@pytest.mark.parametrize("loader", LOADERS)
def test_summaries(loader):
    data = usual(loader)
    text, page = repr(data), data._repr_html_()
    assert data.provenance.kind in text.splitlines()[0]
    assert "of the pixels" in text
    assert page.count("<img") == 8
    assert page.count("with its mask&#x27;s outline") == 8  # alt and title of four


def test_an_outline_is_a_regions_own_outermost_pixels():
    mask = torch.zeros(6, 7, dtype=torch.long)
    mask[1:5, 2:6] = 1
    seen = outlined(torch.zeros(1, 6, 7), mask).amax(0) > 0
    expected = mask.bool().clone()
    expected[2:4, 3:5] = False
    assert torch.equal(seen, expected)


def test_what_was_found_missed_and_invented_has_its_colour():
    found, truth = torch.tensor([[1, 1, 0, 0]]), torch.tensor([[True, False, True, False]])
    seen = judged(torch.full((1, 1, 4), 0.5), found, truth)
    assert seen.argmax(0).tolist() == [[1, 0, 2, 0]]  # green, orange, blue, and grey: all three alike
    assert seen[:, 0, 3].tolist() == pytest.approx([0.6] * 3)


def test_tiles_row_by_row():
    picture = torch.arange(2 * 5 * 7).reshape(2, 5, 7)
    cut = tiles(picture, 2)
    assert cut.shape == (6, 2, 2, 2)
    assert torch.equal(cut[1], picture[:, 0:2, 2:4])
    assert torch.equal(cut[3], picture[:, 2:4, 0:2])
    assert len(tiles(picture, 2, 1)) == 4 * 6


def test_tiles_that_show_too_little_are_left_out():
    def paint(random):
        seen = np.zeros((4, 4), bool)
        seen[:, :3] = True
        seen[:2, 2] = False
        return Picture(random.random((1, 4, 4)).astype(np.float32), seen, seen)

    train, validation, test = painted_parts(paint, (5, 1, 2), side=2, seed=0)
    assert train.sources.tolist() == [0, 0, 0, 1, 1]  # the tile at the upper right is dropped
    assert validation.sources.tolist() == [2]
    assert test.sources.tolist() == [3, 3]


@pytest.mark.parametrize(
    ("load", "says"),
    [
        (lambda: roads(side=100), "64 or 128"),
        (lambda: vessels(side=512), "64, 128 or 256"),
        (lambda: roads(train=0), "at least one tile"),
        (lambda: nuclei(side=200), "side is 1 to 128"),
        (lambda: nuclei(step=-1), "step 1 or more"),
    ],
)
def test_what_cannot_be_had(load, says):
    with pytest.raises(ValueError, match=says):
        load()


def test_all_is_exported():
    assert {"MaskDataset", "MaskSplit", "folder_of_masks", "nuclei", "roads", "vessels"} <= set(p2v_data.__all__)
