"""Photographs in folders: which are found, how they are cut, and what is said where something is wrong."""

import os
import pickle
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import transforms
from torchvision.datasets import ImageFolder

from p2v_data import DataDamagedError, DataMissingError, UserError
from solutions.recipes import pictures as reading
from solutions.recipes.imagenet_vit import ABOUT
from solutions.recipes.pictures import Cut, picture_folder
from tests.recipes import made


def folder_of(tmp_path, side=32, **changes):
    made.pictures(tmp_path / "imagenet", **changes)
    return picture_folder(tmp_path, "imagenet", Cut(side), ABOUT)


def files(part):
    return [os.path.join(part.root, os.fsdecode(name)) for name in part.names]


def whole(part, seed=None, size=4):
    order = torch.arange(len(part.labels)).split(size)
    return torch.cat([images for images, _ in part.batches(order, seed)])


def test_the_same_files_and_numbers_as_torchvision(tmp_path):
    data = folder_of(tmp_path)
    for name, parts in (("train", (data.train, data.validation)), ("val", (data.test,))):
        theirs = ImageFolder(tmp_path / "imagenet" / name)
        ours = {(file, int(label)) for part in parts for file, label in zip(files(part), part.labels, strict=True)}
        assert ours == set(theirs.samples)
        assert data.class_names == tuple(theirs.classes)
    assert data.provenance.shape == (3, 32, 32)
    assert data.provenance.count == 24
    assert "uint8" in repr(data.provenance)


def test_of_each_kind_some_are_kept_to_choose_by(tmp_path):
    data = folder_of(tmp_path, kinds=("a", "b"), train=25)
    assert data.validation.labels.bincount().tolist() == [2, 2]
    assert data.train.labels.bincount().tolist() == [23, 23]
    assert not set(files(data.train)) & set(files(data.validation))
    again = picture_folder(tmp_path, "imagenet", Cut(16), ABOUT)
    assert files(again.validation) == files(data.validation)


def test_the_folder_itself_or_the_one_above(tmp_path):
    data = folder_of(tmp_path)
    direct = picture_folder(tmp_path / "imagenet", "imagenet", Cut(32), ABOUT)
    assert files(direct.train) == files(data.train)


def test_the_middle_is_torchvision_s(tmp_path):
    data = folder_of(tmp_path, side=28)
    theirs = transforms.Compose(
        [
            transforms.Resize(32, transforms.InterpolationMode.BICUBIC),
            transforms.CenterCrop(28),
            transforms.PILToTensor(),
        ]
    )
    expected = torch.stack([theirs(Image.open(file).convert("RGB")) for file in files(data.test)])
    found = whole(data.test)
    assert found.shape == (6, 3, 28, 28)
    assert found.dtype == torch.uint8
    assert (found.float() - expected.float()).abs().mean() < 2.0  # resized in one go, not rounded in between


def test_what_is_drawn_follows_from_the_seed_and_the_picture_alone(tmp_path):
    data = folder_of(tmp_path)
    state = torch.random.get_rng_state()
    one, same, other = whole(data.train, 1), whole(data.train, 1, size=7), whole(data.train, 2)
    assert torch.equal(one, same)
    assert (one != other).flatten(1).any(dim=1).all()
    assert torch.equal(torch.random.get_rng_state(), state)
    backwards = torch.cat([images for images, _ in data.train.batches(torch.arange(15).flip(0).split(4), 1)])
    assert torch.equal(backwards.flip(0), one)


def test_other_processes_read_the_same(tmp_path, monkeypatch):
    data = folder_of(tmp_path)
    here = whole(data.train, 1)
    monkeypatch.setattr(reading, "WORTH_READERS", 1)
    monkeypatch.setattr(reading.p2v_data, "cores", lambda: 2)
    assert torch.equal(whole(data.train, 1), here)


def test_what_other_processes_get_can_be_sent_to_them(tmp_path):
    part = folder_of(tmp_path).train
    images, chosen = pickle.loads(pickle.dumps(reading._Reader(part, 1)))[[3, 1]]
    assert chosen.tolist() == [3, 1]
    assert torch.equal(images, whole(part, 1)[[3, 1]])


def test_labels_go_with_their_pictures(tmp_path):
    data = folder_of(tmp_path)
    for seed in (None, 3):
        for images, labels in data.train.batches(torch.arange(15).flip(0).split(4), seed):
            if seed is None:
                assert torch.equal(images.float().mean(dim=(2, 3)).argmax(dim=1), labels)
            assert labels.dtype == torch.int64


def test_without_changes_a_square_is_a_part_of_its_picture(tmp_path):
    made.pictures(tmp_path / "imagenet")
    data = picture_folder(tmp_path, "imagenet", Cut(32, scale=(1.0, 1.0), changes=0), ABOUT)
    drawn = whole(data.train, 0)
    assert torch.equal(drawn.float().mean(dim=(2, 3)).argmax(dim=1), data.train.labels)
    mirrored = [whole(data.train, seed) for seed in range(6)]
    assert any((drawn.flip(3) == other).all() or not torch.equal(drawn, other) for other in mirrored)


def test_grey_and_transparent_pictures_have_three_channels_too(tmp_path):
    made.pictures(tmp_path / "imagenet")
    for name, mode in (("grey.png", "L"), ("clear.png", "RGBA"), ("few.png", "P")):
        Image.fromarray(np.zeros((40, 40), np.uint8)).convert(mode).save(tmp_path / "imagenet/val/n01" / name)
    data = picture_folder(tmp_path, "imagenet", Cut(32), ABOUT)
    assert whole(data.test).shape == (9, 3, 32, 32)


@pytest.mark.parametrize("readers", [0, 1])
def test_a_damaged_picture_is_named(tmp_path, monkeypatch, readers):
    data = folder_of(tmp_path)
    if readers:
        monkeypatch.setattr(reading, "WORTH_READERS", 1)
        monkeypatch.setattr(reading.p2v_data, "cores", lambda: 1)
    path = tmp_path / "imagenet/val/n02/n02_1.png"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(
        DataDamagedError, match=r"n02_1\.png holds no picture .* put a whole one in its place"
    ) as caught:
        whole(data.test)
    assert "Traceback" not in str(caught.value)


def test_no_folders(tmp_path):
    with pytest.raises(DataMissingError, match=r"Expected folders train and val .*--folder FOLDER") as caught:
        picture_folder(tmp_path, "imagenet", Cut(32), ABOUT)
    assert "image-net.org" in str(caught.value)


def test_other_kinds_in_train_than_in_val(tmp_path):
    made.pictures(tmp_path)
    shutil.rmtree(tmp_path / "val/n02")
    with pytest.raises(UserError, match="train has 3 kinds of pictures, val has 2, and 'n02' is in one of them only"):
        picture_folder(tmp_path, "imagenet", Cut(32), ABOUT)


def test_validation_pictures_that_nobody_has_sorted(tmp_path):
    made.pictures(tmp_path)
    for number, kind in enumerate(("n01", "n02", "n03")):
        (tmp_path / f"val/{kind}/{kind}_1.png").rename(tmp_path / f"val/{number}.JPEG")
        shutil.rmtree(tmp_path / "val" / kind)
    with pytest.raises(UserError, match=r"0 folders and 3 loose pictures\. .*torchvision\.datasets\.ImageNet"):
        picture_folder(tmp_path, "imagenet", Cut(32), ABOUT)


def test_a_kind_without_pictures(tmp_path):
    made.pictures(tmp_path)
    for file in (tmp_path / "train/n01").rglob("*_[1-9]*"):
        file.unlink()
    with pytest.raises(UserError, match=r"n01 holds 1 pictures\. Expected 2 or more"):
        picture_folder(tmp_path, "imagenet", Cut(32), ABOUT)
