"""The choice of device and threads, and the package's quick import."""

import os
import subprocess
import sys

import pytest
import torch

from p2v_data import DeviceError, device, threads
from p2v_data.device import _container_cores, _threads_for, cores


@pytest.fixture
def hardware(monkeypatch):
    """Makes torch report the hardware a test asks for."""
    monkeypatch.delenv("P2V_DEVICE", raising=False)

    def have(cuda=0, mps=False):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)

    have()
    return have


@pytest.fixture
def keep_threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("cuda", "mps", "expected"), [(0, False, "cpu"), (0, True, "mps"), (2, False, "cuda"), (1, True, "cuda")]
)
def test_the_best_device_is_chosen(hardware, cuda, mps, expected):
    hardware(cuda, mps)
    assert device() == torch.device(expected)


@pytest.mark.parametrize("wanted", ["cpu", " CPU ", "cpu:0", "cuda", "cuda:1", "mps"])
def test_the_variable_overrides(hardware, monkeypatch, wanted):
    hardware(cuda=2, mps=True)
    monkeypatch.setenv("P2V_DEVICE", wanted)
    assert device() == torch.device(wanted.strip().lower())


def test_an_empty_variable_is_none(hardware, monkeypatch):
    monkeypatch.setenv("P2V_DEVICE", " ")
    assert device() == torch.device("cpu")


@pytest.mark.parametrize("wanted", ["gpu", "cuda:", "cuda:x", "cuda:-1", "cuda1", "cpu cuda", "meta", ":0"])
def test_nonsense_is_refused(hardware, monkeypatch, wanted):
    monkeypatch.setenv("P2V_DEVICE", wanted)
    with pytest.raises(DeviceError, match=r"names no device. Expected cpu, cuda"):
        device()


@pytest.mark.parametrize(
    ("cuda", "wanted", "says"),
    [(0, "cuda", "no cuda device"), (1, "cuda:1", "1 cuda device"), (0, "mps", "no mps device"), (0, "cpu:1", "1 cpu")],
)
def test_what_isnt_there_is_refused(hardware, monkeypatch, cuda, wanted, says):
    hardware(cuda)
    monkeypatch.setenv("P2V_DEVICE", wanted)
    with pytest.raises(DeviceError, match=says):
        device()


@pytest.mark.parametrize(("core_count", "expected"), [(1, 1), (2, 1), (4, 1), (5, 2), (8, 4), (16, 8), (128, 8)])
def test_threads_for_cores(core_count, expected):
    assert _threads_for(core_count) == expected


@pytest.mark.usefixtures("keep_threads")
def test_threads_are_set(monkeypatch):
    monkeypatch.delenv("P2V_THREADS", raising=False)
    assert threads() == torch.get_num_threads() == _threads_for(cores())
    monkeypatch.setenv("P2V_THREADS", "3")
    assert threads() == torch.get_num_threads() == 3


@pytest.mark.parametrize("wanted", ["0", "-1", "two", "1.5"])
def test_no_number_of_threads_is_refused(monkeypatch, wanted):
    before = torch.get_num_threads()
    monkeypatch.setenv("P2V_THREADS", wanted)
    with pytest.raises(DeviceError, match="whole number from 1"):
        threads()
    assert torch.get_num_threads() == before


@pytest.mark.parametrize(
    ("text", "expected"), [("max 100000", None), ("200000 100000", 2), ("50000 100000", 1), ("", None)]
)
def test_a_container_s_limit_counts(monkeypatch, tmp_path, text, expected):
    (tmp_path / "cpu.max").write_text(text)
    monkeypatch.setattr(sys.modules["p2v_data.device"], "CGROUP_LIMIT", tmp_path / "cpu.max")
    assert _container_cores() == expected
    assert 1 <= cores() <= (os.cpu_count() or 1)


def test_importing_the_package_imports_nothing_heavy():
    code = (
        "import sys, p2v_data; p2v_data.catalogue(); p2v_data.photographs();"
        "print(sorted({'torch', 'numpy', 'sklearn', 'skimage', 'PIL', 'tqdm', 'torchvision'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
