"""Folders as their makers name things: pairs by name, parts by picture, tiles, and errors that say what to do."""

import numpy as np
import pytest
import torch
from PIL import Image

from p2v_data import Cut, DataDamagedError, DataMissingError, Layout, catalogue, fetch, folder_of_masks, roads, vessels
from p2v_data.mask_folders import find_pairs

HEIGHT, WIDTH = 40, 60


def save(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(values, np.uint8)).save(path)
    return path


def picture(number, height=HEIGHT, width=WIDTH):
    """Red tells the picture's number, green the row, blue the column."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([np.full((height, width), 10 * number), rows, columns], axis=-1)


def mask(height=HEIGHT, width=WIDTH, white=255):
    """White where the column is a third of the width or more."""
    return np.where(np.arange(width) >= width // 3, white, 0) + np.zeros((height, 1))


def filled(folder, layout, count=5, **options):
    """`count` pictures named as `layout` says, the number standing for {}; returns the folder."""
    for number in range(count):
        save(folder / layout[0].format(number), picture(number))
        save(folder / layout[1].format(number), mask(**options))
    return folder


KNOWN = {
    "deepglobe": ("train/{}_sat.png", "train/{}_mask.png"),
    "drive": ("training/images/2{}_training.tif", "training/1st_manual/2{}_manual1.gif"),
    "isic": ("data/ISIC_000000{}.png", "truth/ISIC_000000{}_segmentation.png"),
    "carvana": ("train/0cdf_{}.png", "train_masks/0cdf_{}_mask.gif"),
    "other": ("images/{}.png", "masks/{}.png"),
}


@pytest.mark.parametrize("name", KNOWN)
def test_pairs_are_found_by_their_names(tmp_path, name):
    folder = filled(tmp_path / name, KNOWN[name])
    if name == "drive":
        for number in range(5):
            save(folder / f"training/mask/2{number}_training_mask.gif", np.full((HEIGHT, WIDTH), 255))
    if name == "isic":
        save(folder / "data" / "ISIC_0000000_superpixels.png", picture(0))
    data = folder_of_masks(folder, cut=Cut(20, each=None))
    parts = (data.train, data.validation, data.test)
    assert [len(part.sources.unique()) for part in parts] == [3, 1, 1]
    assert [len(part.masks) for part in parts] == [18, 6, 6]
    numbers = {round(float(image[0].mean() * 25.5)) for part in parts for image in part.images}
    assert numbers == set(range(5))
    for part in parts:
        columns = (part.images[:, 2] * 255).round()
        assert torch.equal(part.masks, (columns >= WIDTH // 3).long())  # each mask is its own picture's


def test_sources_are_pictures_and_parts_never_move(tmp_path):
    folder = filled(tmp_path / "set", KNOWN["other"], count=10)
    one, other = (folder_of_masks(folder, cut=Cut(20, each=2), seed=seed) for seed in (0, 1))
    for part, again in ((one.train, other.train), (one.validation, other.validation), (one.test, other.test)):
        of_one, of_other = (each.images[:, 0].mean((1, 2)) for each in (part, again))
        assert torch.equal(of_one, of_other)
        assert all(len(of_one[part.sources == source].unique()) == 1 for source in part.sources.unique())
        assert (part.sources.bincount()[part.sources] == 2).all()
    assert not torch.equal(one.train.images, other.train.images)  # other tiles of the same pictures
    seen = [set(part.sources.tolist()) for part in (one.train, one.validation, one.test)]
    assert [len(each) for each in seen] == [6, 2, 2]
    assert len(seen[0] | seen[1] | seen[2]) == 10


def test_whole_pictures_made_smaller(tmp_path):
    data = folder_of_masks(filled(tmp_path / "set", KNOWN["other"]), cut=Cut(20, whole=True))
    assert data.train.images.shape == (3, 3, 20, 20)
    expected = torch.linspace(1, 58, 20).expand(20, 20) / 255  # the mean of three columns each
    torch.testing.assert_close(data.train.images[0, 2], expected, atol=0.5 / 255, rtol=0)
    assert data.train.masks[0].sum(1).unique().tolist() in ([13], [14])


def test_shrunk_and_one_channel(tmp_path):
    data = folder_of_masks(filled(tmp_path / "set", KNOWN["other"]), cut=Cut(10, shrink=2, channel=1))
    assert data.train.images.shape == (3 * 2 * 3, 1, 10, 10)
    torch.testing.assert_close(data.train.images[0, 0, :, 0] * 255, torch.arange(0.5, 20, 2), atol=0.51, rtol=0)


@pytest.mark.parametrize("white", [1, 255, 250])
def test_white_may_be_one(tmp_path, white):
    data = folder_of_masks(filled(tmp_path / "set", KNOWN["other"], white=white), cut=Cut(20))
    assert 0.6 < data.train.masks.float().mean() < 0.7


def test_so_many_tiles(tmp_path):
    folder = filled(tmp_path / "set", KNOWN["other"])
    data = folder_of_masks(folder, train=7, validation=1, test=6, cut=Cut(20))
    assert [len(part.masks) for part in (data.train, data.validation, data.test)] == [7, 1, 6]
    assert len(data) == data.provenance.count == 14
    with pytest.raises(ValueError, match="19 tiles asked for; 3 pictures of this part give 1 to 18"):
        folder_of_masks(folder, train=19, cut=Cut(20))


def test_a_layout_of_ones_own(tmp_path):
    folder = filled(tmp_path / "set", ("{}_photo.png", "{}_truth.png"))
    with pytest.raises(DataMissingError, match="give a layout"):
        folder_of_masks(folder)
    data = folder_of_masks(folder, cut=Cut(20), layout=Layout("_photo", "_truth"), class_names=("air", "leaf"))
    assert data.class_names == ("air", "leaf")
    assert "leaf" in repr(data)


def test_roads_and_vessels_of_a_folder_and_of_the_data_folder(tmp_path, own_folder):
    for number in range(3):
        save(own_folder / "deepglobe" / f"{number}_sat.png", picture(number, 256, 256))
        save(own_folder / "deepglobe" / f"{number}_mask.png", mask(256, 256))
        save(own_folder / "drive" / "images" / f"{number}_training.tif", picture(number, 200, 200))
        save(own_folder / "drive" / "1st_manual" / f"{number}_manual1.gif", mask(200, 200))
    for data in (roads("deepglobe"), roads(own_folder / "deepglobe")):
        assert data.train.images.shape == (1, 3, 64, 64)
        assert data.class_names == ("ground", "road")
        assert data.provenance.kind == "real"
    assert "Demir" in repr(roads("deepglobe"))
    eyes = vessels("drive", train=1)
    assert eyes.train.images.shape == (1, 1, 64, 64)
    torch.testing.assert_close(eyes.train.images[0, 0, 0, 0] * 255, torch.tensor(0.6), atol=0.6, rtol=0)  # green: rows
    assert vessels("drive", colour=True, cut=Cut(100)).train.images.shape == (4, 3, 100, 100)
    here = {row.name: row.have for row in catalogue()}
    assert here["deepglobe"]
    assert not here["isic"]
    assert fetch("drive") == own_folder / "drive"


@pytest.mark.parametrize("name", ["deepglobe", "drive", "isic", "carvana"])
def test_sets_got_by_hand_say_how(name, own_folder):
    with pytest.raises(DataMissingError, match=r"(?s)folder " + name) as raised:
        folder_of_masks(name)
    assert str(own_folder / name) in str(raised.value)
    with pytest.raises(DataMissingError, match="registration"):
        fetch(name)
    row = next(row for row in catalogue() if row.name == name)
    assert (row.have, row.size) == (False, "by hand")


def test_no_folder_and_nothing_in_it(tmp_path):
    with pytest.raises(DataMissingError, match="not a folder"):
        folder_of_masks(tmp_path / "nowhere")
    with pytest.raises(DataMissingError, match="no pictures at all"):
        folder_of_masks(tmp_path)
    with pytest.raises(DataMissingError, match="3 are needed"):
        folder_of_masks(filled(tmp_path / "two", KNOWN["other"], count=2))


def test_a_missing_mask(tmp_path):
    folder = filled(tmp_path / "set", KNOWN["deepglobe"])
    (folder / "train" / "3_mask.png").unlink()
    with pytest.raises(DataMissingError, match=r"1 of 5 pictures have no mask: .*3_sat.png"):
        folder_of_masks(folder)


def test_another_size(tmp_path):
    folder = filled(tmp_path / "set", KNOWN["other"])
    save(folder / "masks" / "2.png", mask(HEIGHT, WIDTH - 1))
    with pytest.raises(DataDamagedError, match=r"2.png is 60×40 pixels and its mask .* is 59×40"):
        folder_of_masks(folder, cut=Cut(20))


def test_not_black_and_white(tmp_path):
    folder = filled(tmp_path / "set", KNOWN["other"], white=3)
    with pytest.raises(DataDamagedError, match="go from 0 to 3"):
        folder_of_masks(folder, cut=Cut(20))


def test_not_a_picture(tmp_path):
    folder = filled(tmp_path / "set", KNOWN["other"])
    for file in (folder / "images").iterdir():
        file.write_bytes(file.read_bytes()[:60])
    with pytest.raises(DataDamagedError, match="can't be read"):
        folder_of_masks(folder, cut=Cut(20))


def test_too_small_a_picture(tmp_path):
    with pytest.raises(ValueError, match="no tile of 64 fits"):
        folder_of_masks(filled(tmp_path / "set", KNOWN["other"]))


def test_pairs_are_in_the_order_of_their_names(tmp_path):
    pairs = find_pairs(filled(tmp_path / "set", KNOWN["other"], count=4))
    assert [pair.image.stem for pair in pairs] == ["0", "1", "2", "3"]
    assert all(pair.image.stem == pair.mask.stem for pair in pairs)
