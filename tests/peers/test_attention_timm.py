"""Gates over channels and places against timm, with its own weights: values and gradients, train and eval."""

import copy

import pytest
import torch
from torch import nn

import solutions.attention as ours
from tests.peers.comparing import BOTH, close, normal

layers = pytest.importorskip("timm.layers", reason="timm is not installed")
cbam = pytest.importorskip("timm.layers.cbam", reason="timm is not installed")


def shaken(module, dtype):
    """A copy with weights and statistics as after some training."""
    module = copy.deepcopy(module).to(dtype)
    with torch.no_grad():
        for seed, (name, value) in enumerate(module.state_dict().items()):
            if value.is_floating_point():
                noise = normal(*value.shape, seed=seed, dtype=dtype)
                value.copy_(noise.abs() + 0.5 if name.endswith("running_var") else 0.5 * noise)
    return module


def agree(mine, peer, x):
    """The peer's state_dict fits; outputs, gradients and buffers agree in both modes, for large and for odd maps."""
    peer = shaken(peer, x.dtype)
    mine = mine.to(x.dtype)
    mine.load_state_dict(peer.state_dict())
    for mode in (True, False):
        mine.train(mode)
        peer.train(mode)
        leaves = [x.clone().requires_grad_() for _ in range(2)]
        out, wanted = mine(leaves[0]), peer(leaves[1])
        close(out.detach(), wanted.detach())
        back = normal(*wanted.shape, seed=9, dtype=x.dtype)
        wrt = [[leaf, *module.parameters()] for leaf, module in zip(leaves, (mine, peer), strict=True)]
        found = torch.autograd.grad(out, wrt[0], back)
        for got, other in zip(found, torch.autograd.grad(wanted, wrt[1], back), strict=True):
            close(got, other)
        for name, value in peer.state_dict().items():
            close(mine.state_dict()[name], value)


SHAPES = pytest.mark.parametrize("shape", [(2, 32, 7, 9), (1, 32, 1, 1), (3, 32, 4, 16)], ids=str)


@BOTH
@SHAPES
@pytest.mark.parametrize("reduction", [4, 16])
def test_squeeze_and_excitation(shape, reduction, dtype):
    peer = layers.SqueezeExcite(32, rd_channels=32 // reduction)
    agree(ours.SEBlock(32, reduction), peer, normal(*shape, dtype=dtype))


@BOTH
@SHAPES
def test_efficient_channel_attention(shape, dtype):
    agree(ours.ECABlock(32), layers.EcaModule(32), normal(*shape, dtype=dtype))


@pytest.mark.parametrize("channels", [1, 2, 3, 8, 16, 48, 64, 100, 128, 256, 512, 1024, 2048, 4096])
@pytest.mark.parametrize(("gamma", "beta"), [(2, 1), (1, 2), (3, 0)])
def test_kernels_are_as_large(channels, gamma, beta):
    mine, peer = ours.ECABlock(channels, gamma, beta), layers.EcaModule(channels, gamma=gamma, beta=beta)
    assert mine.conv.weight.shape == peer.conv.weight.shape


@BOTH
@SHAPES
@pytest.mark.parametrize("reduction", [4, 16])
def test_channel_half(shape, reduction, dtype):
    peer = cbam.ChannelAttn(32, rd_channels=32 // reduction)
    agree(ours.ChannelAttention(32, reduction), peer, normal(*shape, dtype=dtype))


@BOTH
@pytest.mark.parametrize("shape", [(2, 5, 7, 9), (2, 1, 3, 4)], ids=str)
@pytest.mark.parametrize("kernel_size", [3, 7])
def test_spatial_half(shape, kernel_size, dtype):
    agree(ours.SpatialAttention(kernel_size), cbam.SpatialAttn(kernel_size), normal(*shape, dtype=dtype))


@BOTH
@pytest.mark.parametrize("shape", [(2, 32, 7, 9), (3, 32, 4, 16)], ids=str)
def test_cbam(shape, dtype):
    agree(ours.CBAM(32, 4, 5), cbam.CbamModule(32, rd_channels=8, spatial_kernel_size=5), normal(*shape, dtype=dtype))


@BOTH
@pytest.mark.parametrize("shape", [(2, 16, 5, 7), (2, 16, 1, 3)], ids=str)
@pytest.mark.parametrize("reduction", [2, 4])
def test_non_local_block(shape, reduction, dtype):
    peer = layers.NonLocalAttn(16, use_scale=False, rd_channels=16 // reduction)
    agree(ours.NonLocalBlock(16, reduction), peer, normal(*shape, dtype=dtype))


@pytest.mark.parametrize("window", [(1, 4), (2, 2), (7, 7), (3, 5)])
def test_window_bias(window):
    peer = layers.RelPosBias(window, num_heads=3)
    with torch.no_grad():
        peer.relative_position_bias_table.copy_(normal(*peer.relative_position_bias_table.shape))
    wanted = peer.get_bias()[0]
    mine = ours.relative_position_bias_2d(peer.relative_position_bias_table, *window)
    close(mine.detach(), wanted.detach())
    back = normal(*wanted.shape, dtype=wanted.dtype)
    table = peer.relative_position_bias_table
    close(torch.autograd.grad(mine, table, back)[0], torch.autograd.grad(wanted, table, back)[0])


def test_a_new_non_local_block_changes_nothing():
    x = normal(2, 8, 4, 4, dtype=torch.float32)
    close(ours.NonLocalBlock(8)(x).detach(), x)


@pytest.mark.parametrize("block", [ours.SEBlock, ours.ChannelAttention])
def test_a_reduction_that_does_not_divide_is_refused(block):
    with pytest.raises(ValueError, match="divides"):
        block(30, 16)


def test_an_even_kernel_is_refused():
    with pytest.raises(ValueError, match="odd"):
        ours.SpatialAttention(4)


def test_parts_are_torch_layers_under_the_peers_names():
    names = {name for name, part in ours.CBAM(16).named_modules() if isinstance(part, nn.Conv2d | nn.BatchNorm2d)}
    assert names == {"channel.fc1", "channel.fc2", "spatial.conv.conv", "spatial.conv.bn"}
