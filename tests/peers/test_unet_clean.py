"""Notebook 05e against scipy, scikit-image and MONAI; laws of morphology; the encoder's U-Net with real weights."""

import pytest
import torch
import torch.nn.functional as F
from monai.transforms import FillHoles, KeepLargestConnectedComponent
from scipy import ndimage
from skimage import measure, morphology

import solutions.unet as ours
from solutions.resnet import EfficientNetLite0, load_imagenet
from tests.peers.comparing import BOTH, close, normal

SIZES = [(1, 1), (1, 9), (8, 1), (7, 12), (16, 16), (31, 23)]
SHARES = [0.0, 0.3, 0.5, 0.6, 0.8, 1.0]


def masks():
    generator = torch.Generator().manual_seed(0)
    return [torch.rand(size, generator=generator) < share for size in SIZES for share in SHARES]


def kernels():
    generator = torch.Generator().manual_seed(1)
    sides = [(1, 1), (1, 3), (3, 1), (3, 3), (5, 3), (7, 7)]
    drawn = [torch.rand(side, generator=generator) < 0.5 for side in sides]
    return [kernel for kernel in drawn if kernel.any()] + [ours.disk(1), ours.disk(1.5), ours.disk(3)]


def wanted(array, mask):
    return torch.from_numpy(array).to(mask.dtype)


# --- growing and shrinking -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kernel", kernels(), ids=lambda kernel: str(tuple(kernel.shape)))
def test_growing_and_shrinking_are_scipys(kernel):
    for mask in masks():
        array, structure = mask.numpy(), kernel.numpy()
        assert torch.equal(ours.dilate(mask, kernel), wanted(ndimage.binary_dilation(array, structure), mask))
        for outside in (False, True):
            eroded = ndimage.binary_erosion(array, structure, border_value=int(outside))
            assert torch.equal(ours.erode(mask, kernel, outside), wanted(eroded, mask))


@pytest.mark.parametrize("kernel", kernels()[-3:], ids=lambda kernel: str(tuple(kernel.shape)))
def test_opening_and_closing_are_scikit_images(kernel):
    for mask in masks():
        array, structure = mask.numpy(), kernel.numpy()
        opened, closed = (way(array, structure, mode="ignore") for way in (morphology.opening, morphology.closing))
        assert torch.equal(ours.open_mask(mask, kernel), wanted(opened, mask))
        assert torch.equal(ours.close_mask(mask, kernel), wanted(closed, mask))


@pytest.mark.parametrize("kernel", kernels(), ids=lambda kernel: str(tuple(kernel.shape)))
def test_laws_of_morphology(kernel):
    for mask in masks():
        opened, closed = ours.open_mask(mask, kernel), ours.close_mask(mask, kernel)
        assert not (opened & ~mask).any()
        assert not (mask & ~closed).any()
        assert torch.equal(ours.open_mask(opened, kernel), opened)
        assert torch.equal(ours.close_mask(closed, kernel), closed)
        assert torch.equal(closed, ~ours.open_mask(~mask, kernel.flip(0, 1)))
        assert torch.equal(ours.dilate(mask, kernel), ~ours.erode(~mask, kernel.flip(0, 1), outside=True))


def test_scipys_closing_eats_from_the_edge_and_ours_does_not():
    mask = torch.zeros(6, 6, dtype=torch.bool)
    mask[:3, :3] = True
    assert ndimage.binary_closing(mask.numpy(), ours.disk(1).numpy()).sum() < 9
    assert int(ours.close_mask(mask, ours.disk(1)).sum()) == 9


@pytest.mark.parametrize("shape", [(2, 3), (3, 2), (4, 4)])
def test_a_kernel_without_a_middle_is_refused(shape):
    mask, kernel = torch.ones(5, 5, dtype=torch.bool), torch.ones(shape, dtype=torch.bool)
    for way in (ours.dilate, ours.erode, ours.open_mask, ours.close_mask):
        with pytest.raises(ValueError, match="odd sides"):
            way(mask, kernel)


# --- components ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("connectivity", [4, 8])
def test_components_are_scipys_and_scikit_images(connectivity):
    structure = ndimage.generate_binary_structure(2, connectivity // 4)
    for mask in masks():
        found = ours.connected_components(mask, connectivity)
        assert found.dtype == torch.int64
        assert torch.equal(found, wanted(ndimage.label(mask.numpy(), structure)[0], found))
        assert torch.equal(found, wanted(measure.label(mask.numpy(), connectivity=connectivity // 4), found))


def test_other_connectivities_are_refused():
    with pytest.raises(ValueError, match="4 or 8"):
        ours.connected_components(torch.ones(2, 2, dtype=torch.bool), 6)


def test_a_long_spiral_is_one_component():
    side = 65
    mask, here, step = torch.zeros(side, side, dtype=torch.bool), [0, 0], (0, 1)
    length, turns = side - 1, 0
    mask[0, 0] = True
    while length > 0:
        for _ in range(length):
            here = [here[0] + step[0], here[1] + step[1]]
            mask[here[0], here[1]] = True
        step, turns = (step[1], -step[0]), turns + 1
        length -= 2 if turns > 1 and turns % 2 else 0
    assert int(ours.connected_components(mask, 4).max()) == 1


def test_holes_are_scipys_and_monais():
    fill = FillHoles(applied_labels=[1], connectivity=1)
    for mask in masks():
        filled = ours.fill_holes(mask)
        assert torch.equal(filled, wanted(ndimage.binary_fill_holes(mask.numpy()), mask))
        if min(mask.shape) > 1:
            assert torch.equal(filled, torch.as_tensor(fill(mask[None].long())[0]) == 1)


@pytest.mark.parametrize("connectivity", [4, 8])
@pytest.mark.parametrize("least", [1, 2, 5, 12])
def test_small_ones_are_scikit_images(least, connectivity):
    for mask in masks():
        kept = morphology.remove_small_objects(mask.numpy(), max_size=least - 1, connectivity=connectivity // 4)
        assert torch.equal(ours.remove_small(mask, least, connectivity), wanted(kept, mask))


@pytest.mark.parametrize("connectivity", [4, 8])
def test_the_largest_is_monais_where_one_is_larger_than_all_others(connectivity):
    keep = KeepLargestConnectedComponent(connectivity=connectivity // 4)
    compared = 0
    for mask in masks():
        sizes = ours.connected_components(mask, connectivity).flatten().bincount()[1:].sort(descending=True).values
        if len(sizes) and (len(sizes) == 1 or sizes[0] > sizes[1]) and min(mask.shape) > 1:
            compared += 1
            assert torch.equal(ours.keep_largest(mask, connectivity), torch.as_tensor(keep(mask[None].long())[0]) == 1)
    assert compared > 5


# --- thresholds and noise --------------------------------------------------------------------------------------------


def test_thresholds_ascend_and_there_is_one_and_shapes_are_equal():
    p, mask = torch.rand(2, 3), torch.zeros(2, 3).long()
    for wrong in ((p, mask[:1], torch.ones(1)), (p, mask, torch.ones(0))):
        with pytest.raises(ValueError, match="expected as many"):
            ours.choose_threshold(*wrong)
    with pytest.raises(ValueError, match="ascend"):
        ours.choose_threshold(p, mask, torch.tensor([0.5, 0.4]))


def test_the_iou_of_a_threshold_is_scikit_learns():
    from sklearn.metrics import jaccard_score

    p, masks_ = normal(3, 8, 9).sigmoid(), (normal(3, 8, 9, seed=1) > 0.4).long()
    steps = torch.linspace(0.1, 0.9, 9, dtype=torch.float64)
    chosen, ious = ours.choose_threshold(p, masks_, steps)
    peer = [jaccard_score(masks_.flatten(), (p >= step).flatten()) for step in steps]
    close(ious, torch.tensor(peer, dtype=torch.float64))
    assert chosen == steps[ious.argmax()].item()


@BOTH
@pytest.mark.parametrize("size", [1, 3, 5])
def test_the_median_is_scipys_mirror_and_monais_inside(size, dtype):
    from monai.networks.layers import MedianFilter

    images = normal(2, 3, 9, 11, dtype=dtype)
    found = ours.median_filter(images, size)
    peer = ndimage.median_filter(images.numpy(), size=(1, 1, size, size), mode="mirror")
    assert torch.equal(found, torch.from_numpy(peer))
    inner = slice(size // 2, -(size // 2) or None)
    monais = MedianFilter(size // 2, spatial_dims=2)(images) if size > 1 else images
    assert torch.equal(found[..., inner, inner], monais[..., inner, inner])


def test_noise_has_the_moments_that_were_asked_for():
    generator = torch.Generator().manual_seed(0)
    images = torch.full((4, 1, 100, 100), 0.5)
    normals, uniforms = (draw(images.shape, generator=generator) for draw in (torch.randn, torch.rand))
    noisy = ours.add_noise(images, normals, uniforms, sigma=0.1)
    assert abs(float(noisy.std()) - 0.1) < 2e-3
    spotted = ours.add_noise(images, normals, uniforms, flipped=0.2)
    assert abs(float((spotted == 0).float().mean()) - 0.1) < 6e-3
    assert abs(float((spotted == 1).float().mean()) - 0.1) < 6e-3
    assert torch.equal(images, torch.full_like(images, 0.5))


# --- the encoder's U-Net ---------------------------------------------------------------------------------------------


def test_the_maps_of_lite0_are_those_on_the_way_to_its_answer():
    torch.manual_seed(0)
    model = EfficientNetLite0().eval()
    levels = ours.LiteLevels(model).eval()
    images = torch.rand(1, 3, 70, 96)
    with torch.no_grad():
        maps = levels(images)
        answer = model.classifier(model.flatten(model.pool(model.top(maps[-1]))))
        close(answer, model(2 * images - 1))
    assert [item.shape[1] for item in maps] == list(levels.channels)
    assert [item.shape[2] for item in maps] == [35, 18, 9, 5, 3]


def test_an_image_of_one_channel_is_three_alike():
    torch.manual_seed(0)
    net = ours.EncoderUNet(ours.LiteLevels(EfficientNetLite0()), ours.LiteLevels.channels, 2).eval()
    grey = torch.rand(2, 1, 40, 33)
    with torch.no_grad():
        out = net(grey)
        close(out, net(grey.expand(-1, 3, -1, -1).clone()))
    assert out.shape == (2, 2, 40, 33)


def test_the_pretrained_encoder_keeps_its_weights():
    backbone = EfficientNetLite0()
    if not load_imagenet(backbone):
        pytest.skip("the package with the weights is not installed")
    first = backbone.stem[0].weight.detach().clone()
    net = ours.EncoderUNet(ours.LiteLevels(backbone), ours.LiteLevels.channels)
    assert torch.equal(net.encoder.levels[0][0][0].weight, first)
    loss = F.binary_cross_entropy_with_logits(net(torch.rand(2, 1, 32, 32)), torch.ones(2, 1, 32, 32))
    loss.backward()
    assert net.encoder.levels[0][0][0].weight.grad.abs().sum() > 0


def test_one_level_is_no_unet():
    with pytest.raises(ValueError, match="two levels"):
        ours.EncoderUNet(torch.nn.Identity(), [8])
