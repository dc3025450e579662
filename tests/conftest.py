"""What holds for all tests."""

import os

import pytest
import torch

import p2v_data


@pytest.fixture(autouse=True, scope="session")
def few_threads():
    """Small networks train many times slower on two threads of a busy two-core machine than on one."""
    os.environ.setdefault("P2V_THREADS", "1")
    p2v_data.threads()
    assert torch.get_num_threads() == int(os.environ["P2V_THREADS"])
