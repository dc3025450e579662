"""Chest X-rays and flowers from files laid out as their makers'; bytes; the validation part."""

import importlib

import numpy as np
import pytest
import torch

import p2v_data
from p2v_data import DataDamagedError, DataMissingError, store
from p2v_data.dataset import RawImages, set_aside
from tests.recipes import made


def first_pixels(part):
    return part.images[:, 0, 0, 0].tolist()


def test_x_rays_in_medmnist_s_three_parts(own_folder):
    made.pneumonia(own_folder / "pneumonia")
    data = p2v_data.pneumonia(as_bytes=True)
    assert data.images.shape == (34, 1, 224, 224)
    assert data.images.dtype == torch.uint8
    assert first_pixels(data.train) == list(range(16))
    assert first_pixels(data.validation) == list(range(16, 24))
    assert first_pixels(data.test) == list(range(24, 34))
    assert data.train.labels.tolist() == [0, 1, 1, 1] * 4
    assert data.class_names == ("normal", "pneumonia")
    assert (data.provenance.dtype, data.provenance.value_range) == ("uint8", (0, 255))
    assert "uint8 in 0..255" in repr(data)
    assert "validation" in repr(data)
    assert data._repr_html_().count("<img alt=") == 2


def test_as_floats_they_are_the_same(own_folder):
    made.pneumonia(own_folder / "pneumonia")
    floats, whole = p2v_data.pneumonia(), p2v_data.pneumonia(as_bytes=True)
    assert floats.images.dtype == torch.float32
    assert torch.equal((floats.images * 255).round().byte(), whole.images)
    assert "float32 in 0..1" in repr(floats)


def test_a_part_of_the_x_rays_keeps_the_borders(own_folder):
    made.pneumonia(own_folder / "pneumonia")
    data = p2v_data.pneumonia(train=8, validation=4, test=4, as_bytes=True)
    assert data.train.labels.bincount().tolist() == [2, 6]
    assert set(first_pixels(data.validation)) < set(range(16, 24))
    assert set(first_pixels(data.test)) < set(range(24, 34))


@pytest.mark.parametrize(
    "changes",
    [
        {"val_labels": None},
        {"test_labels": np.zeros((3, 1), np.uint8)},
        {"train_images": np.zeros((16, 224, 224, 3), np.uint8)},
        {"train_images": np.zeros((16, 224, 224), np.float32)},
    ],
)
def test_x_rays_of_another_form_are_refused(own_folder, changes):
    made.pneumonia(own_folder / "pneumonia", **changes)
    with pytest.raises(DataDamagedError, match="p2v data fetch pneumonia"):
        p2v_data.pneumonia()


def test_x_rays_cut_short_are_refused(own_folder):
    made.pneumonia(own_folder / "pneumonia")
    path = own_folder / "pneumonia" / "pneumoniamnist_224.npz"
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(DataDamagedError, match="damaged"):
        p2v_data.pneumonia()


def test_flowers_in_their_makers_parts(own_folder):
    made.flowers(own_folder / "flowers")
    data = p2v_data.flowers(size=32, as_bytes=True)
    assert data.images.shape == (8, 3, 32, 32)
    assert [data.train.labels.tolist(), data.validation.labels.tolist(), data.test.labels.tolist()] == [
        [2, 0, 5],
        [1, 7],
        [3, 4, 6],
    ]
    assert len(data.class_names) == 102
    for image, label in zip(data.images, data.labels, strict=True):
        assert image[0].float().mean() == pytest.approx(20 * (int(label) + 1), abs=3)
        assert image[1:].max() < 60, "white from the ends was not cut off"


def test_decoded_flowers_are_kept_and_a_damaged_copy_is_made_again(own_folder):
    made.flowers(own_folder / "flowers")
    first = p2v_data.flowers(size=16, as_bytes=True)
    kept = own_folder / "flowers" / "pixels-16.npy"
    np.save(kept, np.load(kept) // 2)
    assert torch.equal(p2v_data.flowers(size=16, as_bytes=True).images, first.images // 2), "the copy is read"
    kept.write_bytes(kept.read_bytes()[:300])
    assert torch.equal(p2v_data.flowers(size=16, as_bytes=True).images, first.images)
    assert not list(kept.parent.glob("*.part"))


def test_flowers_in_a_folder_that_can_only_be_read(own_folder, monkeypatch):
    made.flowers(own_folder / "flowers")

    def refuse(*args):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(importlib.import_module("p2v_data.flowers").os, "replace", refuse)
    assert p2v_data.flowers(size=16).images.max() <= 1


@pytest.mark.parametrize(
    "changes",
    [
        {"missing": (5,)},
        {"ids": {"valid": (2, 3)}},
        {"ids": {"valid": (2, 9)}},
        {"labels": np.arange(8, dtype=np.uint8)[None]},
        {"labels": np.arange(96, 104, dtype=np.uint8)[None]},
    ],
)
def test_flowers_that_don_t_belong_together_are_refused(own_folder, changes):
    made.flowers(own_folder / "flowers", **changes)
    with pytest.raises(DataDamagedError, match="p2v data fetch flowers"):
        p2v_data.flowers(size=16)


@pytest.mark.parametrize("name", ["102flowers.tgz", "imagelabels.mat", "setid.mat"])
def test_flowers_cut_short_are_refused(own_folder, name):
    made.flowers(own_folder / "flowers")
    path = own_folder / "flowers" / name
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataDamagedError, match="damaged"):
        p2v_data.flowers(size=16)


def test_flowers_of_no_size():
    with pytest.raises(ValueError, match="expected 1 or more, got 0"):
        p2v_data.flowers(size=0)


@pytest.mark.parametrize("name", ["pneumonia", "flowers"])
def test_a_missing_set_says_what_to_run(own_folder, name):
    with pytest.raises(DataMissingError, match=f"p2v data fetch {name}"):
        getattr(p2v_data, name)()


def test_the_catalogue_agrees_with_torchvision():
    from torchvision.datasets import Flowers102

    known = store.full_set("flowers").remote_files()
    assert {(file.name, file.md5) for file in known} == set(Flowers102._file_dict.values())
    assert {file.urls for file in known} == {(Flowers102._download_url_prefix + file.name,) for file in known}


def test_cifar10_s_validation_part_is_always_the_same(own_folder):
    made.cifar10(own_folder / "cifar10")
    whole = p2v_data.cifar10(as_bytes=True)
    data = p2v_data.cifar10(validation=20, as_bytes=True)
    assert [len(part.labels) for part in (data.train, data.validation, data.test)] == [80, 20, 20]
    assert data.validation.labels.bincount().tolist() == [2] * 10
    assert torch.equal(data.test.images, whole.test.images)
    images = {image.numpy().tobytes() for image in torch.cat([data.train.images, data.validation.images])}
    assert images == {image.numpy().tobytes() for image in whole.train.images}
    assert torch.equal(p2v_data.cifar10(validation=20, train=40, seed=3).validation.labels, data.validation.labels)


def test_setting_aside_moves_images_with_their_labels():
    labels = np.arange(30) % 3
    raw = set_aside(RawImages(labels[:, None, None, None].astype(np.uint8), labels, 24), 6)
    assert (raw.train_count, raw.validation_count) == (18, 6)
    assert (raw.images[:, 0, 0, 0] == raw.labels).all()
    assert np.bincount(raw.labels[18:24]).tolist() == [2, 2, 2]
