"""The idx reader: right files, and each way a file can be wrong."""

import gzip

import numpy as np
import pytest

from p2v_data import DataDamagedError, DataMissingError, read_idx
from p2v_data.idx import read_idx_folder


@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "i4", "f4", "f8"])
@pytest.mark.parametrize("shape", [(3,), (2, 3, 5), (0, 4), ()])
@pytest.mark.parametrize("zipped", [False, True])
def test_reads_back_what_was_written(tmp_path, idx_bytes, dtype, shape, zipped):
    array = (np.arange(int(np.prod(shape))) * 3 - 2).reshape(shape).astype(dtype)
    path = tmp_path / "some-idx"
    path.write_bytes(gzip.compress(idx_bytes(array)) if zipped else idx_bytes(array))
    got = read_idx(path)
    assert got.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(got, array)


def test_a_file_written_out_by_hand(tmp_path):
    path = tmp_path / "by-hand"
    path.write_bytes(bytes.fromhex("00000802 00000002 00000003 010203 0405ff"))
    assert read_idx(path).tolist() == [[1, 2, 3], [4, 5, 255]]


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda data: b"", "no idx file"),
        (lambda data: data[:3], "no idx file"),
        (lambda data: b"\1" + data[1:], "no idx file"),
        (lambda data: data[:2] + b"\7" + data[3:], "no idx file"),
        (lambda data: data[:9], "ends inside its header"),
        (lambda data: data[:-1], "should hold 6 bytes"),
        (lambda data: data + b"\0", "should hold 6 bytes"),
        (lambda data: data[:4] + b"\xff" * 8 + data[12:], "should hold"),
        (lambda data: gzip.compress(data)[:-9], "cut short or corrupt"),
        (lambda data: gzip.compress(data)[:-6] + b"\0" * 6, "cut short or corrupt"),
        (lambda data: gzip.compress(data)[:10] + b"\xff" * 8, "cut short or corrupt"),
    ],
)
def test_a_damaged_file_is_refused(tmp_path, idx_bytes, spoil, says):
    path = tmp_path / "damaged"
    path.write_bytes(spoil(idx_bytes(np.ones((2, 3), np.uint8))))
    with pytest.raises(DataDamagedError, match=says) as caught:
        read_idx(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataMissingError, match="not-here"):
        read_idx(tmp_path / "not-here")


@pytest.mark.parametrize("zipped", [False, True])
def test_four_files_make_a_set(tmp_path, idx_folder, zipped):
    raw = read_idx_folder(idx_folder(tmp_path / "set", zipped=zipped), classes=10)
    assert raw.images.shape == (60, 1, 28, 28)
    assert raw.train_count == 40
    assert raw.images[:, 0, 0, 0].tolist() == [*range(40), *range(100, 120)]
    assert raw.labels.tolist() == [n % 10 for n in (*range(40), *range(20))]


@pytest.mark.parametrize(
    ("name", "array", "says"),
    [
        ("train-labels-idx1-ubyte", np.zeros(39, np.uint8), "40 images but 39 labels"),
        ("train-labels-idx1-ubyte", np.full(40, 10, np.uint8), "label 10; expected 0 to 9"),
        ("t10k-labels-idx1-ubyte", np.zeros(20, np.int32), "got uint8"),
        ("t10k-images-idx3-ubyte", np.zeros((20, 28), np.uint8), "axes"),
        ("t10k-images-idx3-ubyte", np.zeros((20, 27, 28), np.uint8), "test images"),
    ],
)
def test_files_that_dont_fit_together_are_refused(tmp_path, idx_folder, idx_bytes, name, array, says):
    folder = idx_folder(tmp_path / "set", zipped=False)
    (folder / name).write_bytes(idx_bytes(array))
    with pytest.raises(DataDamagedError, match=says):
        read_idx_folder(folder, classes=10)
