"""What holds for all tests."""

import os
import signal

# Before torch and scikit-learn read it: trees that grow on two threads, in two tests at a time, wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch

import p2v_data

# Shells start background jobs with Ctrl-C ignored, and children inherit that: tests that send it would wait for ever.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="session")
def few_threads():
    """Small networks train many times slower on two threads of a busy two-core machine than on one."""
    os.environ.setdefault("P2V_THREADS", "1")
    p2v_data.threads()
    assert torch.get_num_threads() == int(os.environ["P2V_THREADS"])
