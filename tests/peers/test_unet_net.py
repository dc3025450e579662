"""Notebook 05a against torch and MONAI: values and gradients, in training and in evaluation."""

import pytest
import torch
import torch.nn.functional as F
from monai.networks.nets import AttentionUnet
from monai.networks.nets.attentionunet import AttentionBlock
from monai.networks.nets.basic_unet import TwoConv, UpCat
from torch import nn

import solutions.unet as ours
from autograder.bench.unet_net import of_monais_blocks
from tests.peers.comparing import BOTH, close, normal, same

MODES = pytest.mark.parametrize("train", [True, False], ids=["training", "evaluation"])


def as_after_training(module):
    """Statistics and scales as a trained network has them."""
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.normal_(part.bias, std=0.3)
            part.running_mean.normal_(std=0.3)
            part.running_var.uniform_(0.5, 1.5)
    return module


def alike(mine, peer, renamed, *inputs, deep=1.0):
    """Values, gradients of inputs and of all parameters, and the statistics afterwards. renamed: of the peer's
    state_dict, to our names. deep: how many times as far off a deep gradient may be in float32."""
    leaves = [[x.clone().requires_grad_() for x in inputs] for _ in range(2)]
    got, wanted = mine(*leaves[0]), peer(*leaves[1])
    close(got.detach(), wanted.detach())
    back = normal(*wanted.shape, seed=9, dtype=wanted.dtype)
    got.backward(back)
    wanted.backward(back)
    bound = 1e-9 if wanted.dtype == torch.float64 else 1e-4 * deep
    gradients = renamed({name: parameter.grad for name, parameter in peer.named_parameters()})
    pairs = [(a.grad, b.grad) for a, b in zip(*leaves, strict=True)]
    pairs += [(parameter.grad, gradients[name]) for name, parameter in mine.named_parameters()]
    largest = max(float(right.abs().max()) for _, right in pairs)
    for found, right in pairs:
        torch.testing.assert_close(found, right, rtol=0, atol=bound * max(1.0, largest))
    state = renamed(peer.state_dict())
    for name, value in mine.state_dict().items():
        torch.testing.assert_close(value, state[name], rtol=0, atol=bound)


# --- larger pictures -------------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("numbers", [(1, 0, 0), (2, 0, 0), (2, 1, 1), (3, 2, 2), (4, 0, 3)], ids=str)
def test_transposed_convolution_is_torchs(numbers, dtype):
    same(
        lambda x, weight, bias: ours.conv_transpose2d(x, weight, bias, *numbers),
        lambda x, weight, bias: F.conv_transpose2d(x, weight, bias, *numbers),
        *(normal(2, 3, 4, 5, dtype=dtype), normal(3, 2, 3, 4, seed=1, dtype=dtype), normal(2, seed=2, dtype=dtype)),
    )


def test_transposed_convolution_is_a_convolutions_gradient():
    image, weight, back = normal(2, 3, 9, 8), normal(4, 3, 3, 2, seed=1), normal(2, 4, 4, 4, seed=2)
    wanted = torch.nn.grad.conv2d_input(image.shape, weight, back, stride=2)
    close(ours.conv_transpose2d(back, weight, stride=2), wanted)


@pytest.mark.parametrize("numbers", [(0, 0, 0), (1, -1, 0), (1, 0, 1), (2, 0, 2), (2, 0, -1), (1, 4, 0)], ids=str)
def test_transposed_convolutions_that_cannot_be_are_refused(numbers):
    with pytest.raises(ValueError, match="padding"):
        ours.conv_transpose2d(torch.zeros(1, 1, 3, 3), torch.zeros(1, 1, 2, 2), None, *numbers)


@BOTH
@pytest.mark.parametrize("corners", [False, True])
@pytest.mark.parametrize("size", [(8, 10), (7, 9), (3, 2), (1, 1), (4, 5), (13, 4)], ids=str)
def test_bilinear_is_torchs(size, corners, dtype):
    same(
        lambda x: ours.upsample_bilinear(x, size, corners),
        lambda x: F.interpolate(x, size, mode="bilinear", align_corners=corners),
        normal(2, 3, 4, 5, dtype=dtype),
    )


def test_bilinear_of_a_slope_is_a_slope():
    slope = torch.arange(6, dtype=torch.float64).expand(1, 1, 4, 6)
    for corners in (False, True):
        steps = ours.upsample_bilinear(slope, (9, 21), corners)[0, 0].diff(dim=1)
        inner = steps if corners else steps[:, 2:-2]
        close(inner, torch.full_like(inner, 5 / 20 if corners else 6 / 21))


@BOTH
def test_a_map_with_one_row_too_few_is_fitted_as_by_monai(dtype):
    """MONAI's UpCat repeats the last row and column where the skip has one more."""
    plain = {"upsample": "nontrainable", "pre_conv": None, "interp_mode": "nearest", "align_corners": None}
    both = UpCat(2, 4, 3, 2, act="relu", norm="batch", bias=False, halves=False, **plain)
    seen = []
    both.convs = nn.Identity()
    both.convs.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0][:, 3:]))
    x, skip = normal(2, 4, 3, 4, dtype=dtype), normal(2, 3, 7, 9, seed=1, dtype=dtype)
    both.to(dtype)(x, skip)
    close(ours.fit_to(F.interpolate(x, scale_factor=2), (7, 9)), seen[0])


def test_sizes_that_cannot_be_are_refused():
    for function in (ours.upsample_bilinear, ours.fit_to):
        with pytest.raises(ValueError, match="0 × 3 pixels"):
            function(torch.zeros(1, 1, 2, 2), (0, 3))


# --- the U-Net -------------------------------------------------------------------------------------------------------


@BOTH
@MODES
@pytest.mark.parametrize("norm", ["batch", "instance", "none"])
def test_double_conv_is_monais(norm, train, dtype):
    torch.manual_seed(0)
    kind = {"batch": "batch", "instance": ("instance", {"affine": True}), "none": None}[norm]
    peer = as_after_training(TwoConv(2, 3, 4, act="relu", norm=kind, bias=norm == "none")).to(dtype).train(train)
    mine = ours.DoubleConv(3, 4, norm).to(dtype).train(train)
    mine.load_state_dict(of_two_conv(peer.state_dict()))
    alike(mine, peer, of_two_conv, normal(2, 3, 7, 6, dtype=dtype))


def of_two_conv(state):
    places = {"conv_0.conv": "conv1", "conv_0.adn.N": "norm1", "conv_1.conv": "conv2", "conv_1.adn.N": "norm2"}
    return {f"{places[name.rpartition('.')[0]]}.{name.rpartition('.')[2]}": value for name, value in state.items()}


# The bilinear way of MONAI's has the 1 × 1 convolution first and then interpolates; the two commute.
UPSAMPLING = {"transpose": {}, "bilinear": {"upsample": "nontrainable", "align_corners": False}}


def renamed_blocks(state):
    """MONAI's names of the blocks' weights, as ours."""
    found = {}
    for name, value in state.items():
        block, _, rest = name.partition(".conv_")
        if rest:
            block = block.removesuffix(".convs") + (".conv" if block.startswith("ups") else "")
            (renamed,) = of_two_conv({f"conv_{rest}": value})
            found[f"{block}.{renamed}"] = value
        else:
            found[name.replace("upsample.deconv", "up").replace("upsample.preconv", "up.1")] = value
    return found


@BOTH
@MODES
@pytest.mark.parametrize(("size", "up"), [((16, 24), "transpose"), ((19, 13), "transpose"), ((16, 8), "bilinear")])
def test_unet_is_that_of_monais_blocks(size, up, train, dtype):
    torch.manual_seed(0)
    peer = as_after_training(of_monais_blocks(2, 3, 4, 2, **UPSAMPLING[up])).to(dtype).train(train)
    mine = ours.UNet(2, 3, width=4, depth=2, up=up).to(dtype).train(train)
    mine.load_state_dict(renamed_blocks(peer.state_dict()))
    alike(mine, peer, renamed_blocks, normal(2, 2, *size, dtype=dtype))


@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("depth", [1, 3])
def test_sizes_with_and_without_padding(depth, padding):
    model = ours.UNet(width=1, depth=depth, norm="none", padding=padding)
    got = model(torch.zeros(1, 1, 140, 156)).shape[2:]
    lost = 0 if padding else sum(4 * 2**level for level in range(depth)) * 2 + 4 * 2**depth
    assert got == (140 - lost, 156 - lost)


def test_the_papers_sizes():
    """Figure 1 of Ronneberger and others 2015: 572 pixels in, 388 labels out, 28 at the lowest level."""
    model = ours.UNet(1, 2, width=1, depth=4, norm="none", padding=0)
    sides = []
    for part in (model.first, *model.down, *model.ups):
        part.register_forward_hook(lambda _, __, out: sides.append(out.shape[-1]))
    with torch.no_grad():
        assert model(torch.zeros(1, 1, 572, 572)).shape == (1, 2, 388, 388)
    assert sides == [568, 280, 136, 64, 28, 52, 100, 196, 388]


@pytest.mark.parametrize("size", [(16, 16), (17, 31), (33, 20), (64, 19)], ids=str)
def test_any_size_keeps_its_size(size):
    for model in (ours.UNet(width=2), ours.AttentionUNet(channels=(2, 4, 4, 4))):
        assert model.eval()(torch.zeros(1, 1, *size)).shape == (1, 1, *size)


def test_words_that_are_none_are_refused():
    with pytest.raises(ValueError, match="norm is"):
        ours.UNet(norm="layer")
    with pytest.raises(ValueError, match="up is"):
        ours.UNet(up="nearest")


# --- gates -----------------------------------------------------------------------------------------------------------


def of_attention_block(state):
    names = {"W_g.0.conv": "w_gate.0", "W_g.1": "w_gate.1", "W_x.0.conv": "w_skip.0", "W_x.1": "w_skip.1"}
    names |= {"psi.0.conv": "psi.0", "psi.1": "psi.1"}
    return {f"{names[name.rpartition('.')[0]]}.{name.rpartition('.')[2]}": value for name, value in state.items()}


@BOTH
@MODES
def test_gate_is_monais(train, dtype):
    torch.manual_seed(0)
    peer = as_after_training(AttentionBlock(2, f_int=3, f_g=5, f_l=4)).to(dtype).train(train)
    mine = ours.AttentionGate(5, 4, 3).to(dtype).train(train)
    mine.load_state_dict(of_attention_block(peer.state_dict()))
    gate, skip = normal(2, 5, 6, 7, dtype=dtype), normal(2, 4, 6, 7, seed=1, dtype=dtype)
    alike(mine, peer, of_attention_block, gate, skip)
    passed, weights = mine.eval()(gate, skip, need_weights=True)
    close(passed.detach(), skip * weights.detach())
    assert weights.shape == (2, 1, 6, 7)


def test_gate_and_skip_of_two_sizes_are_refused():
    with pytest.raises(ValueError, match="pixels"):
        ours.AttentionGate(1, 1, 1)(torch.zeros(1, 1, 1, 1), torch.zeros(1, 1, 4, 4))


@BOTH
@MODES
@pytest.mark.parametrize("channels", [(4, 6), (2, 4, 8), (4, 6, 10, 14)], ids=len)
def test_attention_unet_is_monais(channels, train, dtype):
    torch.manual_seed(0)
    peer = AttentionUnet(2, 3, 2, channels, (2,) * (len(channels) - 1))
    peer = as_after_training(peer).to(dtype).train(train)
    mine = ours.AttentionUNet(3, 2, channels).to(dtype).train(train)
    mine.load_state_dict(ours.from_monai(peer.state_dict()))
    alike(mine, peer, ours.from_monai, normal(2, 3, 16, 24, dtype=dtype))


def test_without_gates_the_skips_pass():
    torch.manual_seed(0)
    gated = ours.AttentionUNet(channels=(2, 4, 6)).eval()
    plain = ours.AttentionUNet(channels=(2, 4, 6), gates=False).eval()
    assert len(plain.gates) == 0
    plain.load_state_dict(gated.state_dict(), strict=False)
    images = normal(1, 1, 9, 10, dtype=torch.float32)
    with torch.no_grad():
        for gate in gated.gates:  # open wide
            gate.psi[1].weight.zero_()
            gate.psi[1].bias.fill_(40.0)
        close(gated(images), plain(images))


def test_maps_are_those_of_the_gates():
    torch.manual_seed(0)
    model = as_after_training(ours.AttentionUNet(channels=(2, 4, 6))).eval()
    images = normal(2, 1, 9, 10, dtype=torch.float32)
    maps = ours.gate_maps(model, images)
    assert [tuple(found.shape) for found in maps] == [(2, 1, 5, 5), (2, 1, 9, 10)]
    assert all(((found > 0) & (found < 1)).all() for found in maps)
    assert not any(gate._forward_pre_hooks for gate in model.gates)


# --- training --------------------------------------------------------------------------------------------------------


def test_a_batch_is_learned_by_heart():
    squares = torch.zeros(4, 16, 16, dtype=torch.long)
    for index in range(4):
        squares[index, 2 + index : 8 + index, 3:9] = 1
    images = squares[:, None] + 0.1 * normal(4, 1, 16, 16, dtype=torch.float32)
    torch.manual_seed(0)
    model = ours.UNet(width=8, depth=2)
    losses = ours.train_segmenter(model, images, squares, steps=60, batch=4, rate=1e-2)
    assert losses[-1] < 0.7 * losses[0]
    assert not model.training
    with torch.no_grad():
        assert ((model(images)[:, 0] > 0) == squares).float().mean() > 0.95
