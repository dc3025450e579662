"""Notebook 05f against Albumentations and SciPy; and what its functions promise."""

import math
import os

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import ndimage

import solutions.unet as ours
from tests.peers.comparing import BOTH, close, normal

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # so that it doesn't go online
ALBUMENTATIONS = "albumentations"


def peer():
    return pytest.importorskip(ALBUMENTATIONS, reason="Albumentations is not installed")


def picture(height=9, width=12, channels=3, seed=0):
    """An image and a mask, as ours and as NumPy's."""
    generator = torch.Generator().manual_seed(seed)
    image = torch.rand(1, channels, height, width, generator=generator)
    mask = torch.randint(0, 4, (1, height, width), generator=generator)
    return image, mask, image[0].permute(1, 2, 0).numpy().copy(), mask[0].numpy().astype(np.uint8)


def masks_of(n, height, width, seed=0):
    return torch.randint(0, 4, (n, height, width), generator=torch.Generator().manual_seed(seed))


# --- moves -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "name"), list(enumerate(["e", "r90", "r180", "r270", "h", "t", "v", "hvt"])))
def test_the_eight_ways_are_albumentations_d4(number, name):
    image, mask, x, y = picture(9, 9)
    turn = peer().D4(p=1)
    assert np.array_equal(ours.flip_rotate(image, number)[0].permute(1, 2, 0), turn.apply(x, group_element=name))
    assert np.array_equal(ours.flip_rotate(mask, number)[0], turn.apply_to_mask(y, group_element=name))


@pytest.mark.parametrize("number", range(8))
def test_each_way_is_undone(number):
    x = normal(2, 3, 4, 7)
    assert torch.equal(ours.flip_rotate(ours.flip_rotate(x, number), number, inverse=True), x)


@pytest.mark.parametrize("shape", [(9, 9), (9, 12), (11, 6)], ids=str)
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("move", [(30, 1, 0, 0), (0, 1.4, 0, 0), (0, 1, 2, -1), (-65, 0.8, 1, 3)], ids=str)
def test_affine_moves_are_albumentations(move, mirrored, shape):
    library = peer()
    import cv2

    angle, zoom, down, right = move
    image, mask, x, y = picture(*shape)
    theirs = library.Affine(
        rotate=(angle, angle),
        scale=(zoom, zoom),
        translate_px={"x": (right, right), "y": (down, down)},
        interpolation=cv2.INTER_LINEAR,
        mask_interpolation=cv2.INTER_NEAREST,
        border_mode=cv2.BORDER_REFLECT_101 if mirrored else cv2.BORDER_CONSTANT,
        fill=0,
        fill_mask=3,
        p=1,
    )(image=x, mask=y)
    numbers = torch.tensor([float(angle)]), torch.tensor([float(zoom)]), torch.tensor([[float(down), float(right)]])
    moved, labels = ours.affine_pair(image, mask, *numbers, None if mirrored else 3)
    assert np.abs(moved[0].permute(1, 2, 0).numpy() - theirs["image"]).max() < 0.03  # cv2 knows 1/32 of a pixel
    assert (labels[0].numpy() == theirs["mask"]).mean() > 0.97


@pytest.mark.parametrize("outside", [None, 0, 7])
@BOTH
def test_looking_up_is_scipys(dtype, outside):
    images, masks = normal(2, 3, 5, 7, dtype=dtype), masks_of(2, 5, 7)
    at = normal(2, 4, 6, 2, seed=1, dtype=dtype) * 4 + 3
    found, labels = ours.sample_pair(images, masks, at, outside)
    mode = "mirror" if outside is None else "grid-constant"
    for n in range(2):
        places = at[n].movedim(-1, 0).numpy().astype(np.float64)
        for c in range(3):
            wanted = ndimage.map_coordinates(images[n, c].numpy().astype(np.float64), places, order=1, mode=mode)
            np.testing.assert_allclose(found[n, c], wanted, atol=1e-10 if dtype == torch.float64 else 2e-5)
        wanted = ndimage.map_coordinates(masks[n].numpy(), places, order=0, mode=mode, cval=outside or 0)
        assert np.array_equal(labels[n], wanted)


def test_bending_is_scipys_with_torchs_arrows():
    images, masks, field = normal(1, 1, 12, 9), masks_of(1, 12, 9), normal(1, 2, 3, 4, seed=2)
    found, labels = ours.elastic_deform(images, masks, field)
    arrows = F.interpolate(field, (12, 9), mode="bicubic", align_corners=True)[0].numpy()
    places = np.indices((12, 9)) + arrows
    np.testing.assert_allclose(
        found[0, 0], ndimage.map_coordinates(images[0, 0].numpy(), places, order=1, mode="mirror"), atol=1e-10
    )
    assert np.array_equal(labels[0], ndimage.map_coordinates(masks[0].numpy(), places, order=0, mode="mirror"))


def test_a_field_with_one_arrow_per_pixel_is_taken_as_it_is():
    images, masks = normal(1, 1, 6, 6), masks_of(1, 6, 6)
    moved, labels = ours.elastic_deform(images, masks, torch.ones(1, 2, 6, 6, dtype=torch.float64))
    close(moved[..., :-1, :-1], images[..., 1:, 1:])
    assert torch.equal(labels[:, :-1, :-1], masks[:, 1:, 1:])


@BOTH
@pytest.mark.parametrize("outside", [None, 9])
def test_nothing_moves_where_nothing_is_asked(dtype, outside):
    images, masks = normal(3, 2, 7, 5, dtype=dtype), masks_of(3, 7, 5)
    still = torch.zeros(3, dtype=dtype), torch.ones(3, dtype=dtype), torch.zeros(3, 2, dtype=dtype)
    for moved, labels in (
        ours.affine_pair(images, masks, *still, outside),
        ours.elastic_deform(images, masks, torch.zeros(3, 2, 3, 3, dtype=dtype), outside),
    ):
        close(moved, images)
        assert torch.equal(labels, masks)


def test_whole_pixels_come_back():
    images, masks = normal(2, 1, 8, 8), masks_of(2, 8, 8)
    rest = torch.zeros(2, dtype=torch.float64), torch.ones(2, dtype=torch.float64)
    there = torch.tensor([[2.0, -1.0], [0.0, 3.0]], dtype=torch.float64)
    moved = ours.affine_pair(images, masks, *rest, there, 9)
    back, labels = ours.affine_pair(*moved, *rest, -there, 9)
    inside = labels != 9
    assert inside.sum() == 6 * 7 + 8 * 5
    assert torch.equal(labels[inside], masks[inside])
    close(back[:, 0][inside], images[:, 0][inside])


def hills(side=48):
    """An image without edges, and its mask: what interpolation can bring back."""
    rows, columns = torch.meshgrid(torch.arange(float(side)), torch.arange(float(side)), indexing="ij")
    image = 0.5 + 0.25 * (rows / 7).sin() + 0.25 * (columns / 9).cos()
    return image[None, None], (image > 0.5).long()[None]


def brought_back(there, back):
    """In the middle, where nothing has come from beyond the border: the image's largest change, the mask's share."""
    middle = (..., slice(14, 34), slice(14, 34))
    image, mask = hills()
    moved_image, moved_mask = back(*there(image, mask))
    assert (there(image, mask)[0] - image)[middle].abs().max() > 0.1  # it did move
    return (moved_image - image)[middle].abs().max(), (moved_mask != mask)[middle].double().mean()


@pytest.mark.parametrize(("angle", "zoom"), [(30.0, 1.0), (0.0, 1.3), (180.0, 0.8)])
def test_the_inverse_angle_and_zoom_bring_both_back(angle, zoom):
    def moved(image, mask, angle, zoom):
        return ours.affine_pair(image, mask, torch.tensor([angle]), torch.tensor([zoom]), torch.zeros(1, 2))

    change, share = brought_back(
        lambda image, mask: moved(image, mask, angle, zoom), lambda image, mask: moved(image, mask, -angle, 1 / zoom)
    )
    assert change < 0.01
    assert share < 0.06


def test_opposite_arrows_bring_both_back():
    field = 3 * torch.ones(1, 2, 3, 3) + 0.3 * normal(1, 2, 3, 3)  # nearly alike, else they aren't each other's inverse
    change, share = brought_back(
        lambda image, mask: ours.elastic_deform(image, mask, field),
        lambda image, mask: ours.elastic_deform(image, mask, -field),
    )
    assert change < 0.02
    assert share < 0.06


@pytest.mark.parametrize("quarter", range(4))
def test_an_angle_of_90_degrees_is_a_quarter_turn(quarter):
    images, masks = normal(1, 2, 6, 6), masks_of(1, 6, 6)
    angle = torch.tensor([90.0 * quarter], dtype=torch.float64)
    moved, labels = ours.affine_pair(images, masks, angle, torch.ones(1), torch.zeros(1, 2, dtype=torch.float64))
    torch.testing.assert_close(moved, ours.flip_rotate(images, quarter))
    assert torch.equal(labels, ours.flip_rotate(masks, quarter))


def test_one_pixel_and_one_row_are_pictures_too():
    for shape in ((1, 1), (1, 5)):
        images, masks = normal(1, 1, *shape), masks_of(1, *shape)
        moved, labels = ours.elastic_deform(images, masks, 0.2 * normal(1, 2, 2, 2))
        assert moved.isfinite().all()
        assert labels.shape == masks.shape


def test_a_ninth_way_is_refused():
    with pytest.raises(ValueError, match="eight ways"):
        ours.flip_rotate(normal(2, 2), 8)


# --- pairs at random -------------------------------------------------------------------------------------------------

WILD = {"degrees": 60.0, "zoom": 1.5, "shift": 0.2, "bend": 2.0}


def generator(number=0):
    return torch.Generator().manual_seed(number)


@pytest.mark.parametrize("seed", range(3))
def test_no_label_is_new_and_masks_stay_whole_numbers(seed):
    masks = torch.tensor([0, 3, 7])[torch.randint(0, 3, (4, 16, 20), generator=generator(seed))]
    for outside in (None, 255):
        augment = ours.PairedAugment(**WILD, outside=outside)
        images, labels = augment(torch.rand(4, 3, 16, 20), masks, generator(seed))
        assert set(labels.unique().tolist()) <= {0, 3, 7} | ({255} if outside else set())
        assert labels.dtype == masks.dtype
        assert images.min() >= 0
        assert images.max() <= 1


@pytest.mark.parametrize("seed", range(3))
def test_an_image_that_is_its_mask_stays_it(seed):
    """But for the blur where it changes: nowhere do they differ by a whole label."""
    blob = F.pad(torch.ones(6, 14, 18), (8, 6, 10, 8)).long()
    images, masks = ours.PairedAugment(**WILD, colour=0.0)(blob[:, None].float(), blob, generator(seed))
    assert (images[:, 0] - masks).abs().max() < 0.87
    assert ((images[:, 0] > 0.5) == (masks > 0)).float().mean() > 0.97


def test_with_turns_alone_they_are_equal_to_the_last_bit():
    still = {"degrees": 0.0, "zoom": 1.0, "shift": 0.0, "colour": 0.0}
    masks = masks_of(8, 9, 9)
    images, labels = ours.PairedAugment(**still)(masks[:, None].double(), masks, generator())
    close(images[:, 0], labels.double())


def test_a_landmark_moves_alike():
    spot = F.pad(torch.ones(3, 3), (13, 16, 12, 17)).expand(10, 32, 32)
    images, masks = ours.PairedAugment(**WILD, colour=0.0, outside=0)(spot[:, None], spot.long(), generator(1))
    grid = torch.stack(torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij"))
    seen = (masks.sum((1, 2)) > 3) & (images.sum((1, 2, 3)) > 3)
    assert seen.sum() >= 6
    centres = [(part[:, None] * grid).sum((2, 3)) / part.sum((1, 2))[:, None] for part in (images[:, 0], masks)]
    assert (centres[0] - centres[1])[seen].norm(dim=1).max() < 0.8


def test_colour_leaves_masks_and_places_alone():
    images, masks = torch.rand(4, 3, 8, 8), masks_of(4, 8, 8)
    plain, loud = (ours.PairedAugment(**WILD, colour=strength) for strength in (0.0, 0.9))
    drawn = loud.draw(4, (8, 8), generator())
    assert torch.equal(plain.apply(images, masks, drawn)[1], loud.apply(images, masks, drawn)[1])
    assert not torch.equal(plain.apply(images, masks, drawn)[0], loud.apply(images, masks, drawn)[0])


@pytest.mark.parametrize("options", [{"zoom": 0.9}, {"degrees": -1.0}, {"bend": -1.0}, {"colour": -0.1}], ids=str)
def test_strengths_below_nothing_are_refused(options):
    with pytest.raises(ValueError, match="at least"):
        ours.PairedAugment(**options)


def test_it_trains():
    images, masks = torch.rand(6, 1, 16, 16, generator=generator()), masks_of(6, 16, 16) % 2
    torch.manual_seed(0)
    net = ours.UNet(1, 1, width=4, depth=1)
    losses = ours.train_segmenter(net, images, masks, steps=3, batch=4, augment=ours.PairedAugment(bend=1.0))
    assert all(math.isfinite(loss) for loss in losses)


# --- splitting -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_no_source_is_in_two_parts_and_sizes_are_near(seed):
    sources = torch.randint(0, 30, (400,), generator=generator(seed))
    parts = ours.group_split(sources, (0.5, 0.3, 0.2), seed)
    assert torch.equal(torch.cat(parts).sort().values, torch.arange(400))
    homes = [set(sources[part].tolist()) for part in parts]
    assert not (homes[0] & homes[1] | homes[0] & homes[2] | homes[1] & homes[2])
    largest = int(sources.bincount().max())
    assert all(abs(len(part) - share * 400) < largest for part, share in zip(parts, (0.5, 0.3, 0.2), strict=True))


@pytest.mark.parametrize("fractions", [(0.5, 0.4), (1.2, -0.2)], ids=str)
def test_fractions_are_shares_of_one(fractions):
    with pytest.raises(ValueError, match="sum to 1"):
        ours.group_split(torch.arange(5), fractions)
