"""Notebook 05c against MONAI and torch: values and gradients over every option, and what the losses promise."""

import itertools

import pytest
import torch
import torch.nn.functional as F
from monai.losses import DiceFocalLoss, DiceLoss, FocalLoss, GeneralizedDiceLoss, HausdorffDTLoss, TverskyLoss
from scipy.ndimage import distance_transform_edt

import solutions.unet as ours
from tests.peers.comparing import BOTH, close, normal, same
from tests.peers.loss_situations import EVERY_OPTION, SHAPES, flat, made, settings, situations

pytestmark = pytest.mark.filterwarnings("ignore:single channel prediction")

OVERLAPS = {
    "dice": (ours.soft_dice_loss, DiceLoss, {}, {}),
    "tversky": (ours.tversky_loss, TverskyLoss, {"alpha": 0.2, "beta": 0.9}, {"alpha": 0.2, "beta": 0.9}),
}


@BOTH
@EVERY_OPTION
@pytest.mark.parametrize("name", OVERLAPS)
def test_overlap_is_monais(name, options, dtype):
    mine, peer, my_settings, its_settings = OVERLAPS[name]
    for shape in SHAPES:
        theirs = peer(**settings(shape[1]), **its_settings, **options)
        for logits, labels in situations(shape, dtype):
            same(
                flat(lambda x, labels=labels: mine(x, labels, **my_settings, **options)),
                flat(lambda x, labels=labels, theirs=theirs: theirs(x, labels[:, None].to(dtype))),
                logits,
            )


LOSSES = {
    "dice": ours.soft_dice_loss,
    "generalised dice": ours.generalised_dice_loss,
    "tversky": ours.tversky_loss,
    "focal tversky": ours.focal_tversky_loss,
    "focal": ours.focal_loss,
    "dice focal": ours.dice_focal_loss,
    "generalised cross-entropy": ours.generalised_cross_entropy,
    "hard pixels": ours.hard_pixel_loss,
}
BORDERS = {"boundary": ours.boundary_loss, "hausdorff": ours.hausdorff_dt_loss}
ALL = {**LOSSES, **BORDERS}


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", LOSSES)
def test_what_is_ignored_might_as_well_be_cut_out(name, shape):
    """The same loss of the other rows alone; what stands in the ignored ones has no say and gets no gradient."""
    logits, labels = made(shape)
    ignored = labels.clone()
    ignored[:, 1] = 255
    others = [row for row in range(labels.shape[1]) if row != 1]
    same(
        lambda x: LOSSES[name](x, ignored, ignore_index=255),
        lambda x: LOSSES[name](x[:, :, others], labels[:, others]),
        logits,
    )


@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize("background", [True, False])
def test_generalised_dice_is_monais_with_its_smooth_scaled(batch, background):
    """Ours scales the weights by the rarest class's count squared, and with them `smooth`."""
    for shape in SHAPES[1:]:
        for logits, labels in situations(shape, torch.float32)[::2]:  # MONAI's weights are float32
            if not background:
                labels.flatten(1)[:, 0] = 1  # with no class at all MONAI's loss is 0 whatever is predicted
            each = range(1) if batch else range(len(logits))
            for index in each:
                some = slice(None) if batch else slice(index, index + 1)
                counts = labels[some].flatten().bincount(minlength=shape[1])[0 if background else 1 :]
                smooth = 0.5 / float(counts[counts > 0].min()) ** 2
                theirs = GeneralizedDiceLoss(
                    softmax=True, to_onehot_y=True, include_background=background, batch=batch,
                    smooth_nr=smooth, smooth_dr=smooth,
                )  # fmt: skip
                own = {"batch": batch, "include_background": background, "smooth": 0.5}
                same(
                    lambda x, some=some, labels=labels, own=own: ours.generalised_dice_loss(x, labels[some], **own),
                    lambda x, some=some, labels=labels, theirs=theirs: theirs(x, labels[some][:, None]),
                    logits[some],
                )


def test_generalised_dice_of_one_channel_is_dice():
    logits, labels = made(SHAPES[0])
    same(lambda x: ours.generalised_dice_loss(x, labels), lambda x: ours.soft_dice_loss(x, labels), logits)


def test_a_customary_smooth_eats_the_published_generalised_dice_but_not_ours():
    labels = (torch.arange(96) >= 48).long().expand(1, 96, 96, 96).contiguous()
    wrong = 20.0 * F.one_hot(1 - labels, 2).movedim(-1, 1).float()
    assert ours.generalised_dice_loss(wrong, labels) > 0.999
    assert GeneralizedDiceLoss(softmax=True, to_onehot_y=True)(wrong, labels[:, None]) < 0.48


FOCAL = [(2.0, None), (0.0, None), (3.0, 0.25), (1.5, 0.8)]


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(("gamma", "alpha"), FOCAL)
def test_focal_is_monais_but_for_its_means(gamma, alpha, reduction):
    for shape in SHAPES:
        channels, pixels = shape[1], torch.tensor(shape[2:]).prod().item()
        theirs = FocalLoss(gamma=gamma, alpha=alpha, use_softmax=channels > 1, to_onehot_y=True, reduction=reduction)
        scale = {"mean": channels, "sum": pixels, "none": 1}[reduction]
        for logits, labels in situations(shape, torch.float32):  # MONAI computes it in float32

            def peer(x, labels=labels, theirs=theirs, scale=scale):
                losses = theirs(x, labels[:, None].float())
                return losses.sum(1) if reduction == "none" else losses * scale

            same(lambda x, labels=labels: ours.focal_loss(x, labels, gamma, alpha, reduction), peer, logits)


def test_focal_of_gamma_0_is_the_cross_entropy():
    for shape in SHAPES[1:]:
        logits, labels = made(shape)
        same(
            lambda x, labels=labels: ours.focal_loss(x, labels, 0.0), lambda x, y=labels: F.cross_entropy(x, y), logits
        )


@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize("background", [True, False])
def test_dice_focal_is_monais_dice_and_focal(batch, background):
    logits, labels = made((3, 1, 4, 5), dtype=torch.float32)
    theirs = DiceFocalLoss(sigmoid=True, lambda_focal=0.7, gamma=2.0, batch=batch, include_background=background)
    options = {"batch": batch, "include_background": background}
    same(
        lambda x: ours.dice_focal_loss(x, labels, focal_weight=0.7, **options),
        lambda x: theirs(x, labels[:, None].float()),
        logits,
    )
    each = ours.dice_focal_loss(logits, labels, reduction="none", **options)
    close(each.mean(), ours.dice_focal_loss(logits, labels, **options))


@EVERY_OPTION
def test_hausdorff_is_monais(options):
    for shape in SHAPES:
        theirs = HausdorffDTLoss(**settings(shape[1]), alpha=1.5, **options)
        for logits, labels in situations(shape, torch.float32):  # MONAI's distances are float32
            same(
                flat(lambda x, labels=labels: ours.hausdorff_dt_loss(x, labels, 1.5, **options)),
                flat(lambda x, labels=labels, theirs=theirs: theirs(x, labels[:, None].float())),
                logits,
            )


def test_boundary_is_the_authors_with_one_more_inside():
    """Kervadec's map is scipy's outside, and 1 − scipy's inside."""
    logits, labels = made((2, 3, 6, 7))
    phi = torch.zeros_like(logits)
    for sample, name in itertools.product(range(2), range(3)):
        mask = (labels[sample] == name).numpy()
        phi[sample, name] = torch.from_numpy(distance_transform_edt(~mask) - (distance_transform_edt(mask) - 1) * mask)
    inside = F.one_hot(labels, 3).movedim(-1, 1)

    def authors(x):
        p = x.softmax(1)
        return (p * phi).mean() - (p * inside).mean()

    got = ours.boundary_loss(logits, labels)
    torch.testing.assert_close(got, authors(logits), rtol=0, atol=1e-7)  # our distances are float32


@pytest.mark.parametrize("spacing", [None, (2.0, 0.7)])
def test_the_complement_has_the_opposite_distances(spacing):
    mask = torch.rand(9, 11, generator=torch.Generator().manual_seed(0)) < 0.3
    distances = ours.signed_distance(mask, spacing)
    assert torch.equal(ours.signed_distance(~mask, spacing), -distances)
    assert torch.equal(distances < 0, mask)
    assert distances.abs().min() >= min(spacing or (1.0,)) - 1e-6


def test_class_distances_are_those_of_each_mask():
    parts = torch.randint(0, 5, (6, 7, 4), generator=torch.Generator().manual_seed(1))
    parts[parts == 2] = 1  # a class that is nowhere, and one number above the classes
    found = ours.class_distances(parts, 4)
    for name in range(4):
        close(found[name], ours.signed_distance(parts == name))
    assert not ours.class_distances(torch.zeros(3, 4, dtype=torch.long), 2).any()


@BOTH
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("delta", [1.0, 0.3, 4.0])
def test_huber_is_torchs(delta, reduction, dtype):
    target = normal(5, 4, seed=1, dtype=dtype)
    for predicted in (2 * normal(5, 4, dtype=dtype), 1e15 * normal(5, 4, dtype=dtype)):
        same(
            lambda p: ours.huber_loss(p, target, delta, reduction),
            lambda p: F.huber_loss(p, target, reduction=reduction, delta=delta),
            predicted,
        )
        same(
            lambda p: ours.huber_loss(p, target, delta, reduction) / delta,
            lambda p: F.smooth_l1_loss(p, target, reduction=reduction, beta=delta),
            predicted,
        )


def test_generalised_cross_entropy_lies_between_its_two_ends():
    logits, labels = made(SHAPES[1])
    same(
        lambda x: ours.generalised_cross_entropy(x, labels, 1.0),
        lambda x: 1 - x.softmax(1).gather(1, labels[:, None]).mean(),
        logits,
    )
    torch.testing.assert_close(
        ours.generalised_cross_entropy(logits, labels, 1e-9), F.cross_entropy(logits, labels), rtol=1e-7, atol=0
    )
    sure = ours.generalised_cross_entropy(1e4 * logits, labels, 0.7, "none")
    assert sure.max() == pytest.approx(1 / 0.7)


@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize("share", [0.1, 0.37, 1.0])
def test_hard_pixels_are_the_last_of_a_sorted_list(share, batch):
    logits, labels = made((3, 4, 5, 7))

    def peer(x):
        losses = F.cross_entropy(x, labels, reduction="none")
        pools = [losses.flatten()] if batch else losses.flatten(1)
        return torch.stack([pool.sort().values[-int(share * len(pool)) :].mean() for pool in pools]).mean()

    same(lambda x: ours.hard_pixel_loss(x, labels, share, batch=batch), peer, logits)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=["f16", "bf16"])
@pytest.mark.parametrize("name", ALL)
def test_half_precision_is_computed_in_float32(name, dtype):
    for shape in SHAPES:
        logits, labels = made(shape, dtype=dtype)
        got, wanted = ALL[name](logits, labels), ALL[name](logits.float(), labels)
        assert got.dtype == torch.float32
        close(got, wanted)


def test_half_precision_counts_more_pixels_than_float16_knows():
    logits, labels = torch.full((1, 1, 300, 300), 5.0, dtype=torch.float16), torch.ones(1, 300, 300, dtype=torch.long)
    assert ours.soft_counts(logits, labels)[2].item() == 90_000
    assert ours.soft_dice_loss(logits, labels).item() == pytest.approx(0.00336, abs=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=["f32", "f16", "bf16"])
@pytest.mark.parametrize("name", ALL)
def test_loss_and_gradient_are_finite_whatever_the_logits(name, dtype):
    for shape in SHAPES:
        for logits, labels in situations(shape, dtype):
            x = logits.requires_grad_()
            loss = ALL[name](x, labels)
            (slope,) = torch.autograd.grad(loss, x)
            assert loss.isfinite()
            assert slope.isfinite().all()


@pytest.mark.parametrize("name", ALL)
def test_nothing_there_and_nothing_predicted_is_0(name):
    for shape in SHAPES:
        logits, empty = situations(shape)[3]
        expected = 0.0
        if name == "boundary" and shape[1] > 1:
            expected = ours.boundary_loss(logits, empty).item()  # the ground has no border either
        assert ALL[name](logits, empty).item() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", ALL)
def test_all_ignored_is_finite(name):
    for shape in SHAPES:
        logits, labels = made(shape)
        x = logits.requires_grad_()
        loss = ALL[name](x, torch.full_like(labels, 9), ignore_index=9)
        assert loss.item() == 0
        assert not torch.autograd.grad(loss, x)[0].any()


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda x, y: ours.soft_dice_loss(x, y, smooth=0.0), "smooth must be above 0"),
        (lambda x, y: ours.soft_dice_loss(x, y, "average"), "reduction must be"),
        (lambda x, y: ours.generalised_dice_loss(x, y, smooth=-1.0), "smooth must be above 0"),
        (lambda x, y: ours.tversky_loss(x, y, -0.1), "alpha ≥ 0"),
        (lambda x, y: ours.focal_tversky_loss(x, y, gamma=0.0), "gamma must be above 0"),
        (lambda x, y: ours.focal_loss(x, y, -1.0), "gamma ≥ 0"),
        (lambda x, y: ours.focal_loss(x, y, alpha=2.0), "alpha from 0 to 1"),
        (lambda x, y: ours.huber_loss(x, x, 0.0), "delta must be above 0"),
        (lambda x, y: ours.generalised_cross_entropy(x, y, 0.0), "q must be above 0"),
        (lambda x, y: ours.hard_pixel_loss(x, y, 0.0), "share must be above 0"),
    ],
)
def test_what_cannot_be_is_refused(call, says):
    with pytest.raises(ValueError, match=says):
        call(*made(SHAPES[1]))
