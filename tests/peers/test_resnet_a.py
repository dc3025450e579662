"""Norms, blocks, networks and counts against torch and torchvision: values, gradients, running statistics."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch.utils.flop_counter import FlopCounterMode
from torchvision import models
from torchvision.models.resnet import BasicBlock, Bottleneck, conv1x1

import solutions.resnet as ours
from autograder.exercises.resnet.residual_networks import Oracle
from tests.peers.comparing import BOTH, close, normal, same

# --- norms -----------------------------------------------------------------------------------------------------------

SHAPES = pytest.mark.parametrize("shape", [(4, 3), (2, 3, 7), (3, 2, 5, 4), (2, 3, 2, 3, 4), (1, 4, 3, 3)])


def statistics(channels, dtype, start=1):
    weight, bias, mean, spread = (normal(channels, seed=start + k, dtype=dtype) for k in range(4))
    return weight, bias, mean, spread.abs() + 0.3


@BOTH
@SHAPES
@pytest.mark.parametrize("eps", [1e-5, 0.3])
def test_batch_norm(shape, eps, dtype):
    weight, bias, mean, variance = statistics(shape[1], dtype)
    same(
        lambda x, w, b: ours.batch_norm(x, w, b, mean, variance, eps),
        lambda x, w, b: F.batch_norm(x, mean, variance, w, b, training=False, eps=eps),
        normal(*shape, dtype=dtype),
        weight,
        bias,
    )


@BOTH
@SHAPES
def test_batch_norm_of_its_own_statistics_is_the_one_of_training(shape, dtype):
    axes = [0, *range(2, len(shape))]
    weight, bias, *_ = statistics(shape[1], dtype)

    def mine(x, w, b):
        return ours.batch_norm(x, w, b, x.mean(axes), x.var(axes, correction=0))

    same(mine, lambda x, w, b: F.batch_norm(x, None, None, w, b, True), normal(*shape, dtype=dtype), weight, bias)


@BOTH
@SHAPES
@pytest.mark.parametrize("eps", [1e-5, 0.3])
def test_batch_norm_backward(shape, eps, dtype):
    x, weight = 2 + normal(*shape, dtype=dtype).requires_grad_(), normal(shape[1], seed=1, dtype=dtype).requires_grad_()
    bias = torch.zeros_like(weight, requires_grad=True)
    back = normal(*shape, seed=2, dtype=dtype)
    wanted = torch.autograd.grad(F.batch_norm(x, None, None, weight, bias, True, 0.1, eps), (x, weight, bias), back)
    for a, b in zip(ours.batch_norm_backward(back, x.detach(), weight.detach(), eps), wanted, strict=True):
        close(a, b)


def both_norms(channels, dtype, **options):
    peer = nn.BatchNorm2d(channels, **options).to(dtype)
    with torch.no_grad():
        peer.weight.copy_(normal(channels, seed=5))
        peer.bias.copy_(normal(channels, seed=6))
    mine = ours.BatchNorm2d(channels, **options).to(dtype)
    mine.load_state_dict(peer.state_dict())
    return mine, peer


@BOTH
@pytest.mark.parametrize("options", [{}, {"momentum": 0.4}, {"eps": 0.1}])
def test_batch_norm_2d_over_several_batches(options, dtype):
    mine, peer = both_norms(3, dtype, **options)
    assert list(mine.state_dict()) == list(peer.state_dict())
    for seed in range(3):
        x = 3 + 2 * normal(4, 3, 5, 6, seed=seed, dtype=dtype)
        close(mine(x).detach(), peer(x).detach())
        for name, value in peer.state_dict().items():
            close(mine.state_dict()[name], value)
    mine.eval(), peer.eval()
    same(mine, peer, normal(2, 3, 4, 4, seed=9, dtype=dtype))
    assert torch.equal(mine.num_batches_tracked, peer.num_batches_tracked)


@BOTH
@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("form", [torch.contiguous_format, torch.channels_last])
def test_gradients_of_batch_norm_2d(train, form, dtype):
    mine, peer = both_norms(4, dtype)
    x = (2 + normal(3, 4, 5, 2, dtype=dtype)).to(memory_format=form).requires_grad_()
    back = normal(3, 4, 5, 2, seed=1, dtype=dtype)
    found = [torch.autograd.grad(norm.train(train)(x), (x, *norm.parameters()), back) for norm in (mine, peer)]
    for a, b in zip(*found, strict=True):
        close(a, b)


def test_the_gradient_by_hand_agrees_with_differences():
    x, weight, bias = (normal(*shape, seed=shape[0], dtype=torch.float64) for shape in [(3, 2, 2, 2), (2,), (2,)])
    leaves = [leaf.requires_grad_() for leaf in (x, weight, bias)]

    def normed(x, weight, bias):
        mean, variance = x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)
        return ours.TrainingNorm.apply(x, weight, bias, mean.detach(), variance.detach(), 1e-5)

    assert torch.autograd.gradcheck(normed, leaves)


def test_batch_norm_2d_refuses_a_single_value():
    with pytest.raises(ValueError, match="more than one value"):
        ours.BatchNorm2d(3)(torch.zeros(1, 3, 1, 1))
    ours.BatchNorm2d(3).eval()(torch.zeros(1, 3, 1, 1))


@BOTH
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("options", [{}, {"stride": 2, "padding": 1}, {"groups": 2, "dilation": 2}])
def test_fuse_conv_bn(options, bias, dtype):
    conv = nn.Conv2d(4, 6, 3, bias=bias, **options).to(dtype).eval()
    mine, peer = (norm.eval() for norm in both_norms(6, dtype))
    for norm in (mine, peer):
        norm.running_mean.copy_(normal(6, seed=7))
        norm.running_var.copy_(normal(6, seed=8).abs() + 0.2)
    kept = copy.deepcopy((conv.state_dict(), mine.state_dict()))
    fused, wanted = ours.fuse_conv_bn(conv, mine), fuse_conv_bn_eval(conv, peer)
    for name, value in wanted.state_dict().items():
        close(fused.state_dict()[name], value)
    x = normal(2, 4, 9, 8, dtype=dtype)
    close(fused(x).detach(), peer(conv(x)).detach())
    for state, was in zip((conv.state_dict(), mine.state_dict()), kept, strict=True):
        assert all(torch.equal(state[name], was[name]) for name in was)


# --- blocks and networks ---------------------------------------------------------------------------------------------


def agree(mine, peer, x, *, train):
    """Two modules with one state_dict: outputs, gradients of input and parameters, and what training leaves in them."""
    mine.load_state_dict(peer.state_dict())
    assert set(mine.state_dict()) == set(peer.state_dict())
    leaves = [x.clone().requires_grad_() for _ in range(2)]
    outs = [net.train(train)(leaf) for net, leaf in zip((mine, peer), leaves, strict=True)]
    close(outs[0].detach(), outs[1].detach())
    back = normal(*outs[1].shape, seed=3, dtype=x.dtype)
    for net, out in zip((mine, peer), outs, strict=True):
        net.zero_grad()
        out.backward(back)
    close(leaves[0].grad, leaves[1].grad)
    own = dict(mine.named_parameters())
    for name, parameter in peer.named_parameters():
        close(own[name].grad, parameter.grad)
    for name, value in peer.state_dict().items():
        close(mine.state_dict()[name], value)


def scattered(net):
    """Norms with statistics and weights as after some training, so that evaluation has something to do."""
    for number, part in enumerate(net.modules()):
        if isinstance(part, nn.BatchNorm2d):
            with torch.no_grad():
                part.weight.copy_(0.8 + 0.2 * normal(len(part.weight), seed=number))
                part.bias.copy_(0.2 * normal(len(part.weight), seed=number + 1))
                part.running_mean.copy_(0.3 * normal(len(part.weight), seed=number + 2))
                part.running_var.copy_(1 + 0.5 * normal(len(part.weight), seed=number + 3).abs())
    return net


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize(("entering", "channels", "stride"), [(8, 8, 1), (6, 8, 1), (8, 4, 2), (32, 8, 1), (32, 8, 2)])
@pytest.mark.parametrize(("mine", "peer"), [(ours.BasicBlock, BasicBlock), (ours.Bottleneck, Bottleneck)])
def test_blocks(mine, peer, entering, channels, stride, train):
    wide = channels * peer.expansion
    downsample = None
    if stride != 1 or entering != wide:
        downsample = nn.Sequential(conv1x1(entering, wide, stride), nn.BatchNorm2d(wide))
    block = scattered(peer(entering, channels, stride, downsample)).double()
    agree(mine(entering, channels, stride).double(), block, normal(2, entering, 7, 6), train=train)


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("depth", [18, pytest.param(34, marks=pytest.mark.slow), 50])
def test_resnet_takes_torchvisions_state_dict(depth, train):
    peer = scattered(getattr(models, f"resnet{depth}")(num_classes=7)).double()
    agree(ours.ResNet(depth, num_classes=7).double(), peer, normal(2, 3, 64, 64), train=train)


@pytest.mark.slow
@pytest.mark.parametrize("depth", [101, 152])
def test_deep_resnets_take_torchvisions_state_dict(depth):
    peer = scattered(getattr(models, f"resnet{depth}")(num_classes=3)).double()
    mine = ours.ResNet(depth, num_classes=3).double()
    for train in (True, False):
        agree(mine, peer, normal(2, 3, 40, 40), train=train)


@pytest.mark.parametrize("depth", [18, 34, 50, 101, 152])
def test_resnets_of_all_depths_have_torchvisions_shapes(depth):
    with torch.device("meta"):
        mine, peer = ours.ResNet(depth), getattr(models, f"resnet{depth}")()
    shapes = [{name: value.shape for name, value in net.state_dict().items()} for net in (mine, peer)]
    assert shapes[0] == shapes[1]


def test_resnet_starts_as_torchvisions():
    states = []
    for build in (lambda: ours.ResNet(18), models.resnet18):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            states.append(build().state_dict())
    for name, value in states[1].items():
        assert torch.equal(states[0][name], value), name


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("depth", [18, 50])
def test_the_specs_oracle_is_torchvisions(depth, train):
    peer = scattered(getattr(models, f"resnet{depth}")(num_classes=4)).double()
    agree(Oracle(depth, num_classes=4).double(), peer, normal(2, 3, 33, 40), train=train)


@pytest.mark.parametrize(("small", "sides"), [(False, (16, 16, 8, 4, 2)), (True, (64, 64, 32, 16, 8))])
def test_sizes_on_the_way(small, sides):
    net = ours.ResNet(18, num_classes=2, in_channels=1, small_images=small, width=4)
    seen = []
    for name in ("maxpool", "layer1", "layer2", "layer3", "layer4"):
        getattr(net, name).register_forward_hook(lambda *args: seen.append(args[-1].shape[-1]))
    net(torch.zeros(2, 1, 64, 64))
    assert tuple(seen) == sides


def test_resnet_refuses_other_depths():
    with pytest.raises(ValueError, match="18, 34, 50, 101, 152"):
        ours.ResNet(20)


@pytest.mark.parametrize("depth", [18, 50])
def test_zero_init_residual(depth):
    peer = getattr(models, f"resnet{depth}")(zero_init_residual=True)
    mine = ours.ResNet(depth)
    mine.load_state_dict(getattr(models, f"resnet{depth}")().state_dict())
    ours.zero_init_residual(mine)
    for name, value in peer.state_dict().items():
        assert name.startswith("fc") or value.ndim > 1 or torch.equal(mine.state_dict()[name], value)
    theirs = getattr(models, f"resnet{depth}")()
    ours.zero_init_residual(theirs)
    silent = [name for name, value in theirs.named_parameters() if not bool(value.any()) and name.endswith("weight")]
    assert silent == [
        name for name, value in peer.named_parameters() if not bool(value.any()) and name.endswith("weight")
    ]


@pytest.mark.parametrize("depth", [18, 50])
def test_folded_answers_the_same_without_norms(depth):
    net = scattered_ours(ours.ResNet(depth, num_classes=5, width=8).double())
    x = normal(2, 3, 48, 40)
    lean = ours.folded(net)
    close(lean(x).detach(), net.eval()(x).detach())
    assert not any(isinstance(part, ours.BatchNorm2d) for part in lean.modules())
    assert any(isinstance(part, ours.BatchNorm2d) for part in net.modules())


class OutOfOrder(torch.nn.Module):
    """Both convolutions are made first, then both norms."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = (torch.nn.Conv2d(3, 3, 3, padding=1) for _ in range(2))
        self.bn1, self.bn2 = (ours.BatchNorm2d(3) for _ in range(2))

    def forward(self, x):
        return self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))


def test_folded_goes_by_names_and_not_by_the_order_in_which_parts_were_made():
    net, x = scattered_ours(OutOfOrder().double()), normal(2, 3, 6, 5)
    lean = ours.folded(net)
    close(lean(x).detach(), net.eval()(x).detach())
    assert not any(isinstance(part, ours.BatchNorm2d) for part in lean.modules())


def scattered_ours(net):
    for number, part in enumerate(net.modules()):
        if isinstance(part, ours.BatchNorm2d):
            part.running_mean.copy_(0.3 * normal(len(part.weight), seed=number))
            part.running_var.copy_(1 + 0.5 * normal(len(part.weight), seed=number).abs())
    return net


# --- what it costs ---------------------------------------------------------------------------------------------------

PUBLISHED = {18: (11_689_512, 1.8e9), 34: (21_797_672, 3.7e9), 50: (25_557_032, 4.1e9), 101: (44_549_160, 7.8e9)}


@pytest.mark.parametrize("depth", PUBLISHED)
def test_counts_are_torchs_and_those_that_are_published(depth):
    parameters, multiply_adds = PUBLISHED[depth]
    with torch.device("meta"):
        net = ours.ResNet(depth)
        with FlopCounterMode(display=False) as counter:
            net.eval()(torch.zeros(1, 3, 224, 224))
    counted = ours.count_flops(net, (1, 3, 224, 224))
    assert counted == counter.get_total_flops()
    assert abs(counted / 2 - multiply_adds) < 0.05e9
    assert ours.count_parameters(net) == parameters == sum(p.numel() for p in net.parameters())


def test_count_flops_leaves_the_model_as_it_was():
    net = ours.ResNet(18, width=4)
    net.layer1.eval()
    was = [part.training for part in net.modules()], copy.deepcopy(net.state_dict())
    ours.count_flops(net, (2, 3, 32, 32))
    assert [part.training for part in net.modules()] == was[0]
    assert all(torch.equal(value, was[1][name]) for name, value in net.state_dict().items())
    assert not any(part._forward_hooks for part in net.modules())
    with pytest.raises(RuntimeError):
        ours.count_flops(net, (2, 4, 32, 32))
    assert not any(part._forward_hooks for part in net.modules())
    assert [part.training for part in net.modules()] == was[0]


# --- depth -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [8, 20, 32, 56])
def test_plain_and_residual_nets_have_the_same_parameters_and_the_papers_depth(depth):
    nets = [ours.CifarNet(depth, residual, width=4) for residual in (False, True)]
    assert len({ours.count_parameters(net) for net in nets}) == 1
    layers = [part for part in nets[0].modules() if isinstance(part, nn.Conv2d | nn.Linear)]
    assert len(layers) == depth


def test_resnet_20_has_the_papers_parameters():
    assert round(ours.count_parameters(ours.CifarNet(20, True, in_channels=3)) / 1e6, 2) == 0.27


def test_cifar_net_refuses_other_depths():
    with pytest.raises(ValueError, match="6n"):
        ours.CifarNet(18, True)


def test_gradient_norms_are_those_of_backward():
    net = ours.CifarNet(8, True, width=4).double()
    x, y = normal(4, 1, 12, 12), torch.tensor([0, 3, 9, 3])
    found = ours.gradient_norms(net, x, y)
    assert all(p.grad is None for p in net.parameters())
    F.cross_entropy(net(x), y).backward()
    wanted = [(name, p.grad.norm().item()) for name, p in net.named_parameters() if p.ndim == 4]
    assert [name for name, _ in found] == [name.removesuffix(".weight") for name, _ in wanted]
    for (_, a), (_, b) in zip(found, wanted, strict=True):
        assert abs(a - b) < 1e-10 * max(1, b)
