"""Photographs: each one opens, equals what its package gives, and has a licence."""

import pytest
import skimage.data
import torch
from sklearn.datasets import load_sample_image

from p2v_data import DataMissingError, UserError, photograph, photograph_provenance, photographs

SKIMAGE_NAMES = {"hubble": "hubble_deep_field", "ihc": "immunohistochemistry"}


@pytest.mark.parametrize("name", photographs())
def test_a_photograph_equals_its_package_s(name):
    image = photograph(name)
    assert image.dtype == torch.float32
    assert image.is_contiguous()
    assert image.ndim == 3
    assert image.shape[0] in (1, 3)
    if name in ("china", "flower"):
        pixels = load_sample_image(f"{name}.jpg")
    else:
        pixels = getattr(skimage.data, SKIMAGE_NAMES.get(name, name))()
    expected = torch.tensor(pixels).reshape(*pixels.shape[:2], -1).permute(2, 0, 1) / 255
    assert torch.equal(image, expected)
    assert 0 <= image.min() < image.max() <= 1


@pytest.mark.parametrize("name", photographs())
def test_a_photograph_says_whose_it_is(name):
    about = photograph_provenance(name)
    assert about.shape == tuple(photograph(name).shape)
    assert about.kind == "real"
    assert about.licence
    assert "scikit-" in about.source
    assert f"{name}: 1 image" in repr(about)
    assert "licence" in about._repr_html_()


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(UserError, match=r"'dog'.*chelsea, china"):
        photograph("dog")


def test_a_photograph_its_package_lost_is_named(monkeypatch, tmp_path):
    import importlib

    module = importlib.import_module("p2v_data.photographs")
    monkeypatch.setitem(module._ENTRIES, "gone", module._Entry("skimage/data/gone.png", "nothing", "CC0"))
    with pytest.raises(DataMissingError, match="no longer carries it"):
        photograph("gone")
    monkeypatch.setitem(module._ENTRIES, "gone", module._Entry("no_such_package/gone.png", "nothing", "CC0"))
    with pytest.raises(DataMissingError, match="isn't installed"):
        photograph("gone")
