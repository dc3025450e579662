"""No network, no data folder and no weights of the person who runs the tests; the CPU, so that runs repeat exactly."""

import socket

import pytest

import p2v_data.store


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    folder = tmp_path / "data"
    monkeypatch.setenv("P2V_DATA", str(folder))
    monkeypatch.setenv("P2V_DEVICE", "cpu")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(p2v_data.store, "_is_here", lambda folder, name, size: (folder / name).exists())

    def nobody(host, *args, **kwargs):
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    return folder
