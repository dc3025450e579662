"""Notebook 05g against MONAI, SciPy and scikit-image; and what its functions promise."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import solutions.unet as ours
from tests.peers.comparing import close, normal

# --- tiles -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(40, 33), (16, 50), (9, 9)], ids=str)
@pytest.mark.parametrize(("tile", "overlap"), [(16, 2), (16, 8), (20, 19), (64, 5)])
def test_a_network_that_sees_one_pixel_far_gives_the_same_in_tiles(tile, overlap, shape):
    torch.manual_seed(0)
    net = nn.Conv2d(2, 3, 3, padding=1).double()
    image = normal(2, *shape)
    with torch.no_grad():
        whole = net(image[None])[0]
    torch.testing.assert_close(ours.tile_and_stitch(net, image, tile, overlap, 3), whole, rtol=0, atol=1e-5)


@pytest.mark.parametrize("overlap", [0, 4, 8])
def test_tiles_are_monais_with_the_same_weights(overlap):
    inferers = pytest.importorskip("monai.inferers", reason="MONAI is not installed")
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 4, 5, padding=2), nn.ReLU(), nn.Conv2d(4, 2, 5, padding=2)).double()
    image = normal(1, 37, 45)
    near = torch.arange(16).minimum(torch.arange(16).flip(0)).double().clamp(min=1e-6)
    with torch.no_grad():
        wanted = inferers.sliding_window_inference(
            image[None], (16, 16), 4, net, overlap=overlap / 16, roi_weight_map=near[:, None] * near
        )
    torch.testing.assert_close(ours.tile_and_stitch(net, image, 16, overlap), wanted[0], rtol=0, atol=1e-10)


def test_tiles_that_overlap_wholly_are_refused():
    with pytest.raises(ValueError, match="overlap < tile"):
        ours.tile_and_stitch(nn.Identity(), normal(1, 8, 8), 4, 4)


# --- uncertainty -----------------------------------------------------------------------------------------------------


def forgetful():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Dropout2d(0.5), nn.Conv2d(4, 3, 1))


def test_information_is_what_averaging_adds():
    """Against all draws, taken one by one with the same seed."""
    net, x = forgetful().eval(), normal(2, 1, 6, 6, dtype=torch.float32)
    mean, entropy, information = ours.mc_dropout(net, x, 7, seed=3)
    net[2].train()
    with torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(3)
        draws = torch.stack([net(x).softmax(1) for _ in range(7)])
    close(mean, draws.mean(0))
    close(entropy, torch.distributions.Categorical(probs=draws.mean(0).movedim(1, -1)).entropy())
    own = torch.distributions.Categorical(probs=draws.movedim(2, -1)).entropy().mean(0)
    close(information, (entropy - own).clamp(min=0))
    assert information.max() > 0.01


def test_modes_and_statistics_stay_even_when_the_model_fails():
    net = forgetful().train()
    net[1].eval()
    before = {name: module.training for name, module in net.named_modules()}
    kept = {name: value.clone() for name, value in net.state_dict().items()}
    ours.mc_dropout(net, normal(1, 1, 5, 5, dtype=torch.float32), 2)
    with pytest.raises(RuntimeError):
        ours.mc_dropout(net, normal(1, 2, 5, 5, dtype=torch.float32), 2)
    assert {name: module.training for name, module in net.named_modules()} == before
    assert all(torch.equal(value, kept[name]) for name, value in net.state_dict().items())


def test_no_draws_are_refused():
    with pytest.raises(ValueError, match="at least one draw"):
        ours.mc_dropout(forgetful(), normal(1, 1, 4, 4, dtype=torch.float32), 0)


# --- stains ----------------------------------------------------------------------------------------------------------

KNOWN = F.normalize(torch.tensor([[0.65, 0.07], [0.70, 0.99], [0.29, 0.11]], dtype=torch.float64), dim=0)


def section(stains=KNOWN, strength=(1.0, 1.0), seed=0):
    """Both stains at random, a tenth of the pixels with one of them alone."""
    amounts = torch.rand(2, 3000, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    amounts[0, :150], amounts[1, 150:300] = 0, 0
    amounts = amounts * torch.tensor(strength, dtype=torch.float64)[:, None]
    return (10 ** -(stains @ amounts)).reshape(3, 50, 60), amounts.reshape(2, 50, 60)


def test_known_stains_are_found_again():
    image, amounts = section()
    close(ours.stain_vectors(image, faint=0.001), KNOWN)
    close(ours.unmix_stains(image, KNOWN), amounts)


def test_unmixing_is_scikit_images_where_nothing_is_cut_off():
    color = pytest.importorskip("skimage.color", reason="scikit-image is not installed")
    image, _ = section()
    third = torch.linalg.cross(KNOWN[:, 0], KNOWN[:, 1])
    matrix = np.linalg.inv(torch.stack([*KNOWN.T, third]).numpy())
    theirs = color.separate_stains(image.movedim(0, -1).numpy(), matrix) * 6  # in units of a millionth of the light
    np.testing.assert_allclose(ours.unmix_stains(image, KNOWN).movedim(0, -1), theirs[..., :2], atol=1e-9)


def test_another_laboratorys_slide_becomes_ours():
    brown = F.normalize(torch.tensor([[0.65, 0.27], [0.70, 0.57], [0.29, 0.78]], dtype=torch.float64), dim=0)
    other = F.normalize(torch.tensor([[0.45, 0.30], [0.75, 0.60], [0.35, 0.70]], dtype=torch.float64), dim=0)
    (mine, amounts), (foreign, _) = section(brown, (1.6, 1.6)), section(other, (1.6, 1.2))
    found = ours.normalise_stain(foreign, brown, amounts.flatten(1).quantile(0.99, dim=1))
    assert (found - mine).abs().mean() < 0.2 * (foreign - mine).abs().mean()


def test_normalised_to_itself_a_slide_stays():
    image, _ = section()
    own = ours.stain_vectors(image)
    strengths = ours.unmix_stains(image, own).flatten(1).quantile(0.99, dim=1)
    torch.testing.assert_close(ours.normalise_stain(image, own, strengths), image, rtol=0, atol=1e-10)


def test_glass_has_no_stains():
    with pytest.raises(ValueError, match="pixels are stained"):
        ours.stain_vectors(torch.full((3, 4, 4), 0.95))
