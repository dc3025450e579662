"""Notebook 05b against MONAI, torchvision and torch: values and gradients; and what its designs promise."""

import pytest
import torch
import torch.nn.functional as F
from monai.losses import DeepSupervisionLoss
from monai.networks.nets import BasicUNetPlusPlus
from monai.networks.nets.basic_unet import UpCat
from torch import nn
from torchvision.models import resnet

import solutions.unet as ours
from tests.peers.comparing import BOTH, normal

DEEP = {torch.float64: 1e-10, torch.float32: 1e-4}  # relative to the largest value


def near(got, wanted):
    assert got.shape == wanted.shape
    assert got.dtype == wanted.dtype
    scale = max(wanted.abs().max().item(), 1.0)
    torch.testing.assert_close(got, wanted, rtol=0, atol=DEEP[wanted.dtype] * scale)


def settled(model, dtype):
    """The model with random weights and statistics."""
    generator = torch.Generator().manual_seed(1)
    for name, value in model.state_dict().items():
        if value.is_floating_point():
            drawn = torch.randn(value.shape, generator=generator) * 0.2
            value.copy_(drawn.abs() + 0.8 if name.endswith("var") else drawn + (1 if "norm" in name else 0))
    return model.to(dtype)


def agree(mine, peer, x, renamed):
    """Outputs and all gradients are the same; `renamed` maps each of the peer's names to ours."""
    for model in (mine, peer):
        model.zero_grad()
    leaves, found = [x.clone().requires_grad_() for _ in range(2)], []
    for model, leaf in zip((mine, peer), leaves, strict=True):
        outputs = model(leaf)
        outputs = outputs if isinstance(outputs, list) else [outputs]
        sum((out * normal(*out.shape, seed=k, dtype=out.dtype)).sum() for k, out in enumerate(outputs)).backward()
        found.append(outputs)
    for got, wanted in zip(*found, strict=True):
        near(got.detach(), wanted.detach())
    near(leaves[0].grad, leaves[1].grad)
    own = dict(mine.named_parameters())
    for name, parameter in peer.named_parameters():
        near(own[renamed[name]].grad, parameter.grad)


# --- UNet++ ----------------------------------------------------------------------------------------------------------


def monai_nested(width, classes):
    """MONAI's network with our ReLU and batch norm; level 0 halves its channels on the way up, as the others do."""
    options = {"act": ("relu", {"inplace": False}), "norm": "batch", "bias": False}
    features = tuple(width * 2**level for level in range(5))
    peer = BasicUNetPlusPlus(2, 1, classes, (*features, width), deep_supervision=True, **options)
    for step in range(1, 5):
        up = UpCat(2, 2 * width, step * width, width, options["act"], "batch", False)
        setattr(peer, f"upcat_0_{step}", up)
    return peer


def nested_names(peer):
    """MONAI's name of every weight, and ours."""
    found = {}
    for name in peer.state_dict():
        part, rest = name.split(".", 1)
        kind, place = part.rsplit("_", 2)[0], "_".join(part.rsplit("_", 2)[1:])
        if kind == "final_conv":
            found[name] = f"heads.{int(place[-1]) - 1}.{rest}"
        elif "upsample" in rest:
            found[name] = f"ups.{place}.{rest.rsplit('.', 1)[1]}"
        else:
            number = int(rest.split("conv_")[1][0]) + 1
            layer = "norm" if "adn" in rest else "conv"
            found[name] = f"nodes.{place}.{layer}{number}.{rest.rsplit('.', 1)[1]}"
    return found


@BOTH
@pytest.mark.parametrize("train", [True, False])
def test_nested_is_monais_with_halved_channels(train, dtype):
    with torch.no_grad():
        peer = settled(monai_nested(2, 3), dtype)
    mine, names = ours.NestedUNet(1, 3, 2, 4).to(dtype), nested_names(peer)
    mine.load_state_dict({names[name]: value for name, value in peer.state_dict().items()})
    mine.train(train)
    peer.train(train)
    agree(mine, peer, normal(2, 1, 32, 48, dtype=dtype), names)


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_a_shallow_output_doesnt_change_with_what_lies_deeper(steps):
    model = ours.NestedUNet(2, 1, 3, 3).eval().double()
    x = normal(1, 2, 13, 22)
    for got, wanted in zip(model(x, steps=steps), model(x), strict=False):
        torch.testing.assert_close(got, wanted, rtol=0, atol=0)
    assert len(model(x, steps=steps)) == steps


@pytest.mark.parametrize("steps", [0, 4, -1])
def test_outputs_that_arent_there(steps):
    with pytest.raises(ValueError, match="1 to 3 outputs"):
        ours.NestedUNet(1, 1, 2, 3)(torch.zeros(1, 1, 8, 8), steps=steps)


# --- deep supervision ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mode", "weights"), [("exp", [1, 0.5, 0.25]), ("same", [1, 1, 1]), ("two", [1, 0.5, 0.5])])
@pytest.mark.parametrize("sizes", [[(16, 12), (8, 6), (4, 3)], [(15, 13), (8, 7), (3, 4)]], ids=["even", "odd"])
def test_deep_supervision_is_monais(mode, weights, sizes):
    target = (normal(2, 1, *sizes[0]) > 0).float()
    outputs = [normal(2, 1, *size, seed=k, dtype=torch.float32).requires_grad_() for k, size in enumerate(sizes)]
    got = ours.deep_supervision_loss(outputs, target, F.binary_cross_entropy_with_logits, weights)
    wanted = DeepSupervisionLoss(nn.BCEWithLogitsLoss(), mode)(outputs, target)
    torch.testing.assert_close(got, wanted)
    pairs = (torch.autograd.grad(loss, outputs) for loss in (got, wanted))
    for mine, peer in zip(*pairs, strict=True):
        torch.testing.assert_close(mine, peer)


def test_deep_supervision_of_equal_outputs_is_the_loss_itself():
    logits, labels = normal(2, 3, 6, 7), torch.arange(84).reshape(2, 6, 7) % 3
    torch.testing.assert_close(
        ours.deep_supervision_loss([logits] * 4, labels, F.cross_entropy), F.cross_entropy(logits, labels)
    )


@pytest.mark.parametrize(("count", "weights"), [(0, None), (0, []), (2, [1.0]), (1, [1.0, 2.0])])
def test_weights_and_outputs_that_dont_fit(count, weights):
    with pytest.raises(ValueError, match="a weight for each"):
        ours.deep_supervision_loss([normal(1, 2, 3, 3)] * count, torch.zeros(1, 3, 3).long(), F.cross_entropy, weights)


# --- residual --------------------------------------------------------------------------------------------------------


class ResidualOfTorchvision(nn.Module):
    """A residual U-Net of depth 2 for sizes that can be halved twice."""

    def __init__(self, channels, classes, width):
        super().__init__()
        self.first = self.block(channels, width)
        self.down = nn.ModuleList([self.block(width, 2 * width, 2), self.block(2 * width, 4 * width, 2)])
        self.ups = nn.ModuleList([nn.ConvTranspose2d(n * width, n * width // 2, 2, 2) for n in (4, 2)])
        self.merge = nn.ModuleList([self.block(n * width, n * width // 2) for n in (4, 2)])
        self.head = nn.Conv2d(width, classes, 1)

    def block(self, entering, leaving, stride=1):
        bypass = nn.Sequential(resnet.conv1x1(entering, leaving, stride), nn.BatchNorm2d(leaving))
        return resnet.BasicBlock(entering, leaving, stride, bypass)

    def forward(self, images):
        top = self.first(images)
        middle = self.down[0](top)
        x = self.merge[0](torch.cat([middle, self.ups[0](self.down[1](middle))], 1))
        return self.head(self.merge[1](torch.cat([top, self.ups[1](x)], 1)))


@BOTH
@pytest.mark.parametrize("train", [True, False])
def test_residual_unet_is_torchvisions_blocks_put_together(train, dtype):
    with torch.no_grad():
        peer = settled(ResidualOfTorchvision(3, 2, 4), dtype)
    mine = ours.ResidualUNet(3, 2, 4, 2).to(dtype)
    mine.load_state_dict(peer.state_dict())
    mine.train(train)
    peer.train(train)
    names = {name: name for name, _ in peer.named_parameters()}
    agree(mine, peer, normal(2, 3, 16, 24, dtype=dtype), names)


@pytest.mark.parametrize("size", [(13, 10), (9, 16), (5, 7), (4, 4)])
@pytest.mark.parametrize("name", ["ResidualUNet", "NestedUNet", "FCN"])
def test_any_size_comes_back(name, size):
    out = getattr(ours, name)(1, 2, 2, 2).eval()(torch.zeros(1, 1, *size))
    out = out[-1] if isinstance(out, list) else out
    assert out.shape == (1, 2, *size)


# --- separable -------------------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize(("kernel", "stride", "bias"), [(3, 1, False), (5, 2, True), (1, 1, True)])
def test_separable_is_one_convolution_with_a_product_for_a_kernel(kernel, stride, bias, dtype):
    mine = ours.SeparableConv2d(3, 5, kernel, stride, bias).to(dtype)
    dense = torch.einsum("oi,iyx->oiyx", mine.pointwise.weight[:, :, 0, 0], mine.depthwise.weight[:, 0])
    leaves = [normal(2, 3, 8, 7, dtype=dtype).requires_grad_() for _ in range(2)]
    got = mine(leaves[0])
    wanted = F.conv2d(leaves[1], dense, mine.pointwise.bias, stride, kernel // 2)
    near(got, wanted)
    gradients = [
        torch.autograd.grad(out.square().sum(), leaf)[0] for out, leaf in zip((got, wanted), leaves, strict=True)
    ]
    near(*gradients)


def test_an_even_kernel_has_no_middle():
    with pytest.raises(ValueError, match="odd kernel"):
        ours.SeparableConv2d(2, 2, 4)


def test_with_separable_leaves_the_model_and_its_first_layer_alone():
    model = ours.UNet(1, 1, 4, 2)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    lighter = ours.with_separable(model)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert isinstance(lighter.first.conv1, nn.Conv2d)
    kinds = [type(part.conv1) for part in (*lighter.down, *(up.conv for up in lighter.ups))]
    assert set(kinds) == {ours.SeparableConv2d}
    assert lighter(torch.zeros(1, 1, 12, 10)).shape == (1, 1, 12, 10)


# --- FCN -------------------------------------------------------------------------------------------------------------


@BOTH
def test_scores_are_added_level_by_level(dtype):
    model = ours.FCN(1, 2, 3, 3, levels=3).to(dtype).eval()
    x = normal(2, 1, 24, 40, dtype=dtype)
    maps = [model.first(x)]
    for block in model.down:
        maps.append(block(F.max_pool2d(maps[-1], 2)))
    double = nn.Upsample(scale_factor=2, mode="bilinear")
    total = double(double(model.scores[0](maps[3])) + model.scores[1](maps[2])) + model.scores[2](maps[1])
    near(model(x).detach(), double(total).detach())


@pytest.mark.parametrize("levels", [0, 5])
def test_levels_that_arent_there(levels):
    with pytest.raises(ValueError, match="1 to 4 levels"):
        ours.FCN(depth=3, levels=levels)
