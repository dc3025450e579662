"""What is not from scratch is seen, and what is, isn't accused."""

import contextlib

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from autograder import failures
from autograder.exercises.forbidden import CONVOLUTION, DATA
from autograder.forbid import Watch, find_in_source, matches

X, W = torch.randn(1, 2, 5, 5), torch.randn(3, 2, 3, 3)
MODULE = nn.Conv2d(2, 3, 3)


@pytest.mark.parametrize(
    "call",
    [
        lambda: F.conv2d(X, W),
        lambda: torch.conv2d(X, W),
        lambda: torch.ops.aten.convolution(X, W, None, [1, 1], [0, 0], [1, 1], False, [0, 0], 1),
        lambda: MODULE(X),
        lambda: F.unfold(X, 3),
        lambda: F.conv3d(X[:, :, None], W[:, :, None]),
    ],
)
def test_forbidden_calls_stop_the_answer(call):
    with pytest.raises(failures.ForbiddenCall), Watch(CONVOLUTION):
        call()


def test_a_swallowed_hit_is_remembered():
    with Watch(CONVOLUTION) as watch, contextlib.suppress(BaseException):
        F.conv2d(X, W)
    assert watch.hit is not None
    assert "conv2d" in watch.hit.name


def test_the_students_line_is_told():
    with Watch(CONVOLUTION) as watch, pytest.raises(failures.ForbiddenCall):
        F.conv2d(X, W)
    assert "F.conv2d(X, W)" in watch.hit.lines[-1].text


def test_ordinary_operators_pass_and_are_counted():
    with Watch(CONVOLUTION) as watch:
        X.unfold(2, 3, 1).reshape(1, -1) @ torch.ones(1, 1).expand(1, 1) if False else (X * 2 + 1)
    assert watch.operators == 2


@pytest.mark.parametrize(
    "source",
    [
        "import scipy.signal",
        "from scipy import signal\ndef f(x):\n    return signal.convolve2d(x, x)",
        "import scipy\ndef f(x):\n    return scipy.signal.convolve2d(x, x)",
        "def f(x):\n    return F.conv2d(x, x)",
        "from torch.nn import functional as G\ndef f(x):\n    return G.conv2d(x, x)",
        "from torch.nn.functional import conv2d as c\nf = c",
        "def f(x):\n    import cv2\n    return cv2.filter2D(x)",
    ],
)
def test_routes_past_torch_are_found_in_the_source(source):
    assert find_in_source(source, CONVOLUTION, "cell 1") is not None


@pytest.mark.parametrize(
    "source", ["def conv2d(x):\n    return x", "def f(x):\n    return conv2d(x)", "def (", "F.pad(x)"]
)
def test_honest_source_is_not_accused(source):
    assert find_in_source(source, CONVOLUTION, "cell 1") is None


def test_the_line_is_counted_from_the_source():
    name, line = find_in_source("def f(x):\n    y = x\n    return F.conv2d(x, x)", CONVOLUTION, "cell 7")
    assert (name, line.place, line.number, line.text) == (
        "torch.nn.functional.conv2d",
        "cell 7",
        3,
        "return F.conv2d(x, x)",
    )


def test_patterns_match_packages_and_shells():
    assert matches("scipy.signal.convolve", ["scipy.signal"])
    assert matches("aten::convolution", ["aten::*conv*"])
    assert not matches("scipy.signals", ["scipy.signal"])


@pytest.mark.parametrize(
    ("source", "hit"),
    [
        ("import p2v_data\ndevice = p2v_data.device()", False),
        ("from p2v_data import device, threads", False),
        ("import p2v_data\nx = p2v_data.digits().test", True),
        ("import p2v_data as d\nx = d.digits()", True),
        ("from p2v_data import digits", True),
        ("from p2v_data.digits import digits", True),
        ("from p2v_data import *", True),
        ("from p2v_data.store import fetch", True),
        ("import p2v_data.digits", True),
    ],
)
def test_the_courses_data_is_ruled_out_and_its_device_is_not(source, hit):
    assert (find_in_source(source, DATA, "cell") is not None) == hit


def test_sparse_matrices_are_no_convolution():
    with Watch(CONVOLUTION):
        torch._convert_indices_from_coo_to_csr(torch.tensor([0, 1]), 2)
