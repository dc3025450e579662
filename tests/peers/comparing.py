"""What the parity tests share: numbers to compare on, and how close is close enough."""

import pytest
import torch

BOTH = pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=["f64", "f32"])


def normal(*shape, seed=0, dtype=torch.float64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def close(got, wanted):
    """Equal shape and dtype, and every number within 1e-10 (float64) or 1e-5 (float32) of the largest one's size."""
    assert got.shape == wanted.shape
    assert got.dtype == wanted.dtype
    bound = 1e-10 if wanted.dtype == torch.float64 else 1e-5
    scale = wanted.abs().max().item() if wanted.numel() else 1.0
    assert wanted.isfinite().all()
    torch.testing.assert_close(got, wanted, rtol=0, atol=bound * max(scale, 1.0))


def same(mine, peer, *tensors):
    """Two functions agree in value and in the gradient to every tensor, change none of them and return none of them."""
    kept = [t.clone() for t in tensors]
    leaves = [[t.clone().requires_grad_() for t in tensors] for _ in range(2)]
    got, wanted = mine(*leaves[0]), peer(*leaves[1])
    close(got.detach(), wanted.detach())
    back = normal(*wanted.shape, seed=9, dtype=wanted.dtype)
    for a, b in zip(
        *(torch.autograd.grad(y, x, back) for y, x in zip((got, wanted), leaves, strict=True)), strict=True
    ):
        close(a, b)
    assert all(torch.equal(t, k) for t, k in zip(tensors, kept, strict=True))
    out = mine(*tensors)
    assert all(out.untyped_storage().data_ptr() != t.untyped_storage().data_ptr() for t in tensors if t.numel())
