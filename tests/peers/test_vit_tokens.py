"""Patches, places, layer norm and GELU against torch and timm: values and gradients."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import solutions.vit as ours
from autograder.exercises.vit import resizing
from tests.peers.comparing import BOTH, close, normal, same

timm = pytest.importorskip("timm.layers", reason="timm is not installed")

# --- patches ---------------------------------------------------------------------------------------------------------

PICTURES = pytest.mark.parametrize(
    ("shape", "size"), [((1, 1, 2, 4), 2), ((2, 3, 12, 20), 4), ((3, 5, 9, 6), 3), ((2, 3, 16, 16), 16)], ids=str
)


def unfolded(images, size):
    return F.unfold(images, size, stride=size).transpose(1, 2)


@BOTH
@PICTURES
def test_patches_are_unfolds_columns(shape, size, dtype):
    images = normal(*shape, dtype=dtype)
    leaf = images.clone().requires_grad_()
    close(ours.patchify(images, size), unfolded(images, size))
    back = normal(*unfolded(images, size).shape, seed=9, dtype=dtype)
    (gradient,) = torch.autograd.grad(ours.patchify(leaf, size), leaf, back)
    close(gradient, F.fold(back.transpose(1, 2), shape[2:], size, stride=size))


@BOTH
@PICTURES
def test_patches_go_back_to_their_places(shape, size, dtype):
    images = normal(*shape, dtype=dtype)
    grid = (shape[2] // size, shape[3] // size)
    assert torch.equal(ours.unpatchify(ours.patchify(images, size), size, grid), images)
    patches = normal(2, grid[0] * grid[1], 3 * size**2, dtype=dtype)
    assert torch.equal(ours.patchify(ours.unpatchify(patches, size, grid), size), patches)
    size_in_pixels = (grid[0] * size, grid[1] * size)
    close(ours.unpatchify(patches, size, grid), F.fold(patches.transpose(1, 2), size_in_pixels, size, stride=size))


@pytest.mark.parametrize("shape", [(1, 3, 8, 10), (1, 3, 10, 8)], ids=str)
def test_an_image_that_patches_dont_fill(shape):
    with pytest.raises(ValueError, match="don't fill an image of"):
        ours.patchify(torch.zeros(shape), 4)


@pytest.mark.parametrize(("shape", "grid"), [((1, 6, 12), (2, 2)), ((1, 4, 10), (2, 2))], ids=str)
def test_patches_that_fill_no_image(shape, grid):
    with pytest.raises(ValueError, match="expected 2 × 2 patches"):
        ours.unpatchify(torch.zeros(shape), 2, grid)


@BOTH
@pytest.mark.parametrize(("shape", "size", "dim"), [((2, 3, 32, 48), 16, 24), ((1, 1, 6, 9), 3, 5)], ids=str)
@pytest.mark.parametrize("train", [True, False], ids=["train", "eval"])
def test_embedding(shape, size, dim, train, dtype):
    peer = timm.PatchEmbed(None, size, shape[1], dim, dynamic_img_pad=False).to(dtype).train(train)
    mine = ours.PatchEmbed(size, shape[1], dim).to(dtype).train(train)
    mine.load_state_dict(peer.state_dict())
    same(mine, peer, normal(*shape, dtype=dtype))
    images = normal(*shape, dtype=dtype)
    back = normal(shape[0], shape[2] * shape[3] // size**2, dim, seed=9, dtype=dtype)
    found = torch.autograd.grad(mine(images), list(mine.parameters()), back)
    for got, wanted in zip(found, torch.autograd.grad(peer(images), list(peer.parameters()), back), strict=True):
        close(got, wanted)


# --- places ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("grid", [(1, 1), (1, 2), (3, 5), (14, 14), (24, 7)], ids=str)
@pytest.mark.parametrize("dim", [4, 12, 192])
@pytest.mark.parametrize("base", [10_000.0, 100.0])
def test_waves(grid, dim, base):
    close(ours.sincos_2d(grid, dim, base), timm.build_sincos2d_pos_embed(list(grid), dim, base))


def test_waves_need_four_quarters():
    with pytest.raises(ValueError, match="a multiple of 4"):
        ours.sincos_2d((2, 2), 10)


@BOTH
def test_positions_of_tokens_and_class_token(dtype):
    tokens, positions, first = (
        normal(*shape, seed=seed, dtype=dtype) for seed, shape in enumerate([(3, 4, 5), (1, 5, 5), (1, 1, 5)])
    )

    def written_out(tokens, positions, first):
        rows = [first[:, 0] + positions[:, 0], *(tokens[:, i] + positions[:, i + 1] for i in range(4))]
        return torch.stack([row.expand(3, -1) for row in rows], dim=1)

    same(ours.add_positions, written_out, tokens, positions, first)
    same(ours.add_positions, torch.add, tokens, positions[:, 1:])


def test_too_few_positions():
    tokens, first = torch.zeros(1, 4, 2), torch.zeros(1, 1, 2)
    with pytest.raises(ValueError, match="5 tokens, class token included, but 4 positions"):
        ours.add_positions(tokens, torch.zeros(1, 4, 2), first)


GRIDS = pytest.mark.parametrize(
    ("old", "new"),
    [
        ((14, 14), (24, 24)),
        ((14, 14), (7, 7)),
        ((14, 14), (10, 30)),
        ((2, 6), (3, 4)),
        ((5, 3), (5, 3)),
        ((4, 4), (1, 1)),
    ],
    ids=str,
)


@GRIDS
@pytest.mark.parametrize("extra", [0, 1, 5])
@pytest.mark.parametrize("resize", [ours.interpolate_pos_embed, resizing.oracle], ids=["reference", "oracle"])
@BOTH
def test_positions_for_another_grid(old, new, extra, resize, dtype):
    """timm works in float32 whatever it is given, so float64 can agree to float32's precision only."""
    positions = normal(1, extra + old[0] * old[1], 6, dtype=dtype)
    leaves = [positions.clone().requires_grad_() for _ in range(2)]
    found = resize(leaves[0], new, old, extra)
    wanted = timm.resample_abs_pos_embed(leaves[1], list(new), list(old), extra)
    assert found.dtype == dtype
    close(found.detach().float(), wanted.detach().float())
    back = normal(*wanted.shape, seed=9, dtype=dtype)
    (one,), (other,) = (torch.autograd.grad(out, leaf, back) for out, leaf in zip((found, wanted), leaves, strict=True))
    close(one.float(), other.float())


def test_the_old_grid_is_square_unless_told_otherwise():
    positions = normal(1, 17, 6, dtype=torch.float32)
    close(ours.interpolate_pos_embed(positions, (5, 7)), timm.resample_abs_pos_embed(positions, [5, 7]))


def test_the_same_grid_is_left_alone():
    positions = normal(1, 17, 6)
    assert ours.interpolate_pos_embed(positions, (4, 4)) is positions


@pytest.mark.parametrize(
    ("count", "old", "says"),
    [(17, (3, 5), "16 positions after the first 1 don't fill a grid of 3 × 5"), (16, None, "15 positions")],
)
def test_positions_that_fill_no_grid(count, old, says):
    with pytest.raises(ValueError, match=says):
        ours.interpolate_pos_embed(torch.zeros(1, count, 2), (5, 5), old)


# --- norm and GELU ---------------------------------------------------------------------------------------------------

TOKENS = pytest.mark.parametrize("shape", [(7,), (4, 3), (2, 5, 6), (2, 3, 4, 8)], ids=str)


@BOTH
@TOKENS
@pytest.mark.parametrize("eps", [1e-6, 0.3])
def test_layer_norm(shape, eps, dtype):
    x, weight, bias = (normal(*s, seed=i, dtype=dtype) for i, s in enumerate([shape, shape[-1:], shape[-1:]]))
    same(
        lambda *a: ours.layer_norm(*a, eps=eps),
        lambda *a: F.layer_norm(a[0], shape[-1:], *a[1:], eps=eps),
        2 + 3 * x,
        weight,
        bias,
    )


@BOTH
def test_eps_is_that_of_timms_layer(dtype):
    x = 1e-3 * normal(2, 5, 6, dtype=dtype)
    peer = timm.LayerNorm(6).to(dtype)
    close(ours.layer_norm(x, peer.weight.detach(), peer.bias.detach()), peer(x).detach())


def test_a_token_of_equal_numbers_becomes_the_bias():
    bias = normal(6)
    close(ours.layer_norm(torch.full((2, 6), 3.0, dtype=torch.float64), normal(6, seed=1), bias), bias.expand(2, 6))


@BOTH
@TOKENS
@pytest.mark.parametrize("eps", [1e-6, 0.3])
def test_layer_norm_backward(shape, eps, dtype):
    x, weight, bias = (
        normal(*s, seed=i, dtype=dtype).requires_grad_() for i, s in enumerate([shape, shape[-1:], shape[-1:]])
    )
    back = normal(*shape, seed=9, dtype=dtype)
    wanted = torch.autograd.grad(F.layer_norm(x, shape[-1:], weight, bias, eps), (x, weight, bias), back)
    found = ours.layer_norm_backward(back, x.detach(), weight.detach(), eps)
    for got, other in zip(found, wanted, strict=True):
        close(got, other)


@BOTH
@pytest.mark.parametrize("approximate", ["none", "tanh"])
def test_gelu(approximate, dtype):
    x = torch.cat([5 * normal(50, dtype=dtype), torch.tensor([0.0, 100.0, -100.0], dtype=dtype)])
    same(lambda x: ours.gelu(x, approximate), lambda x: F.gelu(x, approximate=approximate), x)


def test_gelus_other_names():
    x = 3 * normal(40)
    close(ours.gelu(x), nn.GELU()(x))
    close(ours.gelu(x, "tanh"), timm.GELUTanh()(x))
    with pytest.raises(ValueError, match='"none" or "tanh", got \'sigmoid\''):
        ours.gelu(x, "sigmoid")
