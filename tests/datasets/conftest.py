"""What the data tests share: no network, no data folder of the person who runs them, small idx files."""

import gzip
import socket
import struct

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    """A data folder of the test's own; nothing but this machine answers."""
    folder = tmp_path / "data"
    monkeypatch.setenv("P2V_DATA", str(folder))
    real = socket.getaddrinfo

    def only_here(host, *args, **kwargs):
        if host not in ("127.0.0.1", "localhost"):
            raise socket.gaierror(-3, "Temporary failure in name resolution")
        return real(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", only_here)
    return folder


@pytest.fixture
def idx_bytes():
    """Writes an idx file by its definition, apart from the reader under test."""

    def write(array):
        code = {"u1": 8, "i1": 9, "i2": 11, "i4": 12, "f4": 13, "f8": 14}[array.dtype.str[1:]]
        header = bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
        return header + array.astype(array.dtype.newbyteorder(">")).tobytes()

    return write


@pytest.fixture
def idx_folder(idx_bytes):
    """Fills a folder with a tiny MNIST: the pixel at [0, 0] is the image's number, the label its last digit."""

    def fill(folder, train=40, test=20, zipped=True):
        folder.mkdir(parents=True)
        for part, first, count in (("train", 0, train), ("t10k", 100, test)):
            images = np.zeros((count, 28, 28), np.uint8)
            images[:, 0, 0] = first + np.arange(count)
            labels = (np.arange(count) % 10).astype(np.uint8)
            for name, array in ((f"{part}-images-idx3-ubyte", images), (f"{part}-labels-idx1-ubyte", labels)):
                data = idx_bytes(array)
                (folder / (name + ".gz" * zipped)).write_bytes(gzip.compress(data) if zipped else data)
        return folder

    return fill


@pytest.fixture
def any_size_counts(monkeypatch):
    """Lets small made-up files stand for the real ones, whose size is otherwise looked at."""
    import p2v_data.store

    monkeypatch.setattr(p2v_data.store, "_is_here", lambda folder, name, size: (folder / name).exists())
