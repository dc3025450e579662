"""The warm-up against torch, torchvision and scikit-learn."""

import pytest
import torch
import torch.nn.functional as F
from sklearn.metrics import top_k_accuracy_score
from torch.testing import assert_close
from torch.utils.data import DataLoader, TensorDataset
from torchvision.transforms import Normalize

from solutions.warmup import accuracy, batches, one_hot, standardize


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_standardize_is_torchvisions_normalize(dtype):
    x = 5 * torch.rand(4, 3, 7, 5, generator=generator(), dtype=dtype) + 2
    kept = x.clone()
    mean = x.mean((0, 2, 3))
    std = ((x - mean[:, None, None]) ** 2).mean((0, 2, 3)).sqrt()
    wanted = Normalize(mean.tolist(), std.tolist())(x)
    for given in ({}, {"mean": mean}, {"std": std}, {"mean": mean, "std": std}):
        got = standardize(x, **given)
        assert got.dtype == dtype
        assert_close(got, wanted, rtol=1e-5, atol=1e-5)
    assert torch.equal(x, kept)


def test_standardize_adds_eps_to_the_deviation():
    assert torch.equal(standardize(torch.full((2, 1, 3, 3), 7.0)), torch.zeros(2, 1, 3, 3))
    x = torch.tensor([0.0, 2.0]).reshape(1, 1, 1, 2)
    assert_close(standardize(x, eps=1.0), torch.tensor([-0.5, 0.5]).reshape(1, 1, 1, 2))


@pytest.mark.parametrize("count", [0, 1, 20])
def test_one_hot_is_torchs(count):
    labels = torch.randint(0, 7, (count,), generator=generator())
    got = one_hot(labels, 7)
    assert got.dtype == torch.float32
    assert torch.equal(got, F.one_hot(labels, 7).float())


@pytest.mark.parametrize("label", [-1, 3])
def test_one_hot_refuses_other_classes(label):
    with pytest.raises(ValueError, match=r"0\.\.2"):
        one_hot(torch.tensor([0, label]), 3)


@pytest.mark.parametrize("k", [1, 2, 5, 6])
def test_accuracy_is_scikit_learns(k):
    logits = torch.randn(50, 6, generator=generator(1))
    labels = torch.randint(0, 6, (50,), generator=generator(2))
    wanted = top_k_accuracy_score(labels.numpy(), logits.numpy(), k=k, labels=range(6)) if k < 6 else 1.0
    assert_close(accuracy(logits, labels, k), torch.tensor(wanted, dtype=torch.float32))


def test_accuracy_of_nothing_is_zero():
    got = accuracy(torch.zeros(0, 3), torch.zeros(0, dtype=torch.long))
    assert got.dtype == torch.float32
    assert got == 0


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("count", [0, 2, 6, 7])
def test_batches_in_order_are_the_data_loaders(count, drop_last):
    x, y = torch.arange(2.0 * count).reshape(count, 2), torch.arange(count)
    wanted = list(DataLoader(TensorDataset(x, y), batch_size=3, drop_last=drop_last))
    got = list(batches(x, y, 3, shuffle=False, drop_last=drop_last))
    assert len(got) == len(wanted)
    for (a, b), (c, d) in zip(got, wanted, strict=True):
        assert torch.equal(a, c)
        assert torch.equal(b, d)
        assert a.untyped_storage().data_ptr() != x.untyped_storage().data_ptr()


def test_batches_shuffle_by_seed_and_leave_the_global_state():
    x, y = torch.arange(100.0)[:, None], torch.arange(100)
    before = torch.get_rng_state()
    order = [torch.cat([b for _, b in batches(x, y, 32, seed=seed)]) for seed in (3, 3, 4)]
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(order[0], order[1])
    assert not torch.equal(order[0], order[2])
    assert torch.equal(order[0].sort().values, y)
    assert all(torch.equal(a[:, 0].long(), b) for a, b in batches(x, y, 32))


def test_batches_refuse_what_makes_no_sense():
    with pytest.raises(ValueError, match="at least 1"):
        next(batches(torch.zeros(3), torch.zeros(3), 0))
    with pytest.raises(ValueError, match="equally many"):
        next(batches(torch.zeros(3), torch.zeros(2), 1))
