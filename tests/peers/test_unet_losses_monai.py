"""Notebook 05c against MONAI: what is ignored or half precision, every reduction, and where definitions differ."""

import pytest
import torch
from monai.losses import DiceFocalLoss, DiceLoss, FocalLoss, GeneralizedDiceLoss, HausdorffDTLoss, TverskyLoss

import solutions.unet as ours
from tests.peers.comparing import close, normal, same
from tests.peers.loss_situations import EVERY_OPTION, SHAPES, flat, made, settings, situations

pytestmark = pytest.mark.filterwarnings("ignore:single channel prediction", "ignore:.*include_background=False")
REDUCTIONS = pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
BACKGROUND = pytest.mark.parametrize("background", [True, False])
BATCH = pytest.mark.parametrize("batch", [False, True])


def focal_of(channels, **more):
    """MONAI's, for labels as ours takes them."""
    return FocalLoss(use_softmax=channels > 1, to_onehot_y=channels > 1, **more)


def sum_of(dice, focal, weight=0.7):
    return lambda x, y: dice(x, y) + weight * focal(x, y)


# --- ignored pixels --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ignored", [255, 1])
@EVERY_OPTION
@pytest.mark.parametrize(("mine", "peer"), [(ours.soft_dice_loss, DiceLoss), (ours.tversky_loss, TverskyLoss)])
def test_overlap_ignores_as_monai_does(mine, peer, options, ignored):
    weights = {"alpha": 0.2, "beta": 0.9} if mine is ours.tversky_loss else {}
    for shape in SHAPES:
        theirs = peer(**settings(shape[1]), **weights, **options, ignore_index=ignored)
        for logits, labels in situations(shape):
            labels = labels.clone()
            labels[:, 1] = ignored
            same(
                flat(lambda x, y=labels: mine(x, y, **weights, **options, ignore_index=ignored)),
                flat(lambda x, y=labels, theirs=theirs: theirs(x, y[:, None].double())),
                logits,
            )


@REDUCTIONS
def test_focal_ignores_as_monai_does(reduction):
    """There its mean is over kept pixels and not over channels; its sum is of each sample's mean."""
    for shape in SHAPES:
        theirs = focal_of(shape[1], ignore_index=255, reduction=reduction)
        for logits, labels in situations(shape, torch.float32):
            labels = labels.clone()
            labels[:, 1] = 255
            kept = (labels[0] != 255).sum()  # as many in each sample

            def peer(x, labels=labels, theirs=theirs, kept=kept):
                losses = theirs(x, labels[:, None].float())
                return losses.sum(1) if reduction == "none" else losses * (kept if reduction == "sum" else 1)

            same(lambda x, y=labels: ours.focal_loss(x, y, reduction=reduction, ignore_index=255), peer, logits)


# --- generalised Dice ------------------------------------------------------------------------------------------------


@BATCH
@BACKGROUND
@REDUCTIONS
def test_generalised_dice_is_monais_in_every_reduction(reduction, batch, background):
    """The samples have the same pixels in another order, so that one scale of `smooth` fits all."""
    for shape in SHAPES[1:]:
        for logits, labels in situations(shape, torch.float32):
            first = labels[0].flatten()
            if not background:
                first[0] = 1  # with no class at all MONAI's loss is 0 whatever is predicted
            order = torch.stack([first.roll(3 * sample) for sample in range(len(labels))])
            labels = order.reshape(labels.shape)
            counts = (len(labels) if batch else 1) * first.bincount(minlength=shape[1])[0 if background else 1 :]
            smooth = 0.5 / float(counts[counts > 0].min()) ** 2
            theirs = GeneralizedDiceLoss(
                softmax=True, to_onehot_y=True, include_background=background, batch=batch,
                smooth_nr=smooth, smooth_dr=smooth, reduction=reduction,
            )  # fmt: skip
            same(
                flat(lambda x, y=labels: ours.generalised_dice_loss(x, y, reduction, batch, background, smooth=0.5)),
                flat(lambda x, y=labels, theirs=theirs: theirs(x, y[:, None])),
                logits,
            )


def test_generalised_dice_sees_false_alarms_where_no_class_is_and_monais_does_not():
    for shape in SHAPES:
        logits, empty = situations(shape, torch.float32)[1]
        theirs = GeneralizedDiceLoss(**settings(shape[1]), include_background=False)
        assert theirs(logits, empty[:, None].float()).item() == 0
        assert ours.generalised_dice_loss(logits, empty, include_background=False).item() > 0.99


# --- focal, alone and beside Dice ------------------------------------------------------------------------------------


def test_focal_below_gamma_1_has_a_gradient_where_monais_is_nan():
    logits, labels = situations(SHAPES[1], torch.float32)[4]
    x = logits.requires_grad_()
    theirs = focal_of(3, gamma=0.5)(x, labels[:, None].float())
    assert torch.autograd.grad(theirs, x)[0].isnan().any()
    assert torch.autograd.grad(ours.focal_loss(x, labels, 0.5), x)[0].isfinite().all()


@BATCH
@BACKGROUND
@REDUCTIONS
def test_dice_focal_of_one_channel_is_monais_but_for_the_focal_sum(reduction, batch, background):
    """MONAI sums means over the pixels of each sample, so a weight smaller by their number gives the same."""
    shape = SHAPES[0]
    pixels = shape[2] * shape[3] if reduction == "sum" else 1
    theirs = DiceFocalLoss(
        sigmoid=True, lambda_focal=0.7, gamma=3.0, alpha=0.8, batch=batch, include_background=background,
        reduction=reduction,
    )  # fmt: skip
    options = {"batch": batch, "include_background": background, "reduction": reduction, "focal_weight": 0.7 / pixels}
    for logits, labels in situations(shape, torch.float32):
        same(
            flat(lambda x, y=labels: ours.dice_focal_loss(x, y, 3.0, 0.8, **options)),
            flat(lambda x, y=labels: theirs(x, y[:, None].float())),
            logits,
        )


@EVERY_OPTION
def test_dice_focal_of_classes_is_monais_two_losses_added(options):
    for shape in SHAPES[1:]:
        channels, pixels = shape[1], torch.tensor(shape[2:]).prod().item()
        dice = DiceLoss(**settings(channels), **options)
        focal = focal_of(channels, reduction=options["reduction"])
        scale = {"mean": channels, "sum": pixels, "none": 1}[options["reduction"]]

        def peer(x, labels, dice=dice, focal=focal, scale=scale):
            region, pixel = (loss(x, labels[:, None].float()) for loss in (dice, focal))
            if options["reduction"] != "none":
                return region + 0.7 * scale * pixel
            means = region.flatten(1).mean(1) if not options["batch"] else region.mean().expand(len(x))
            return means.reshape([-1] + [1] * (labels.ndim - 1)) + 0.7 * pixel.sum(1)

        for logits, labels in situations(shape, torch.float32):
            same(
                lambda x, y=labels: ours.dice_focal_loss(x, y, focal_weight=0.7, **options),
                lambda x, y=labels, peer=peer: peer(x, y),
                logits,
            )


def test_monais_dice_focal_of_classes_has_a_binary_focal_loss_for_each():
    logits, labels = made(SHAPES[1], dtype=torch.float32)
    theirs = DiceFocalLoss(softmax=True, to_onehot_y=True)
    each = [ours.focal_loss(logits[:, [name]], (labels == name).long()) for name in range(3)]
    binary = ours.soft_dice_loss(logits, labels) + torch.stack(each).mean()
    close(binary, theirs(logits, labels[:, None]))
    assert (ours.dice_focal_loss(logits, labels) - binary).abs() > 0.01


@pytest.mark.parametrize("batch", [False, True])
def test_dice_focal_ignores_in_both_parts_as_monai_does(batch):
    for shape in SHAPES:
        logits, labels = made(shape, dtype=torch.float32)
        labels[:, 1] = 255
        dice = DiceLoss(**settings(shape[1]), batch=batch, ignore_index=255)
        focal = focal_of(shape[1], ignore_index=255)
        same(
            lambda x, y=labels: ours.dice_focal_loss(x, y, focal_weight=0.7, batch=batch, ignore_index=255),
            lambda x, y=labels, dice=dice, focal=focal: sum_of(dice, focal)(x, y[:, None].float()),
            logits,
        )


# --- borders ---------------------------------------------------------------------------------------------------------


def test_monais_hausdorff_rounds_distances_where_the_target_has_integers():
    labels = torch.zeros(1, 5, 6, dtype=torch.long)
    labels[0, 2, 1] = 1
    logits = 2 * normal(1, 1, 5, 6, dtype=torch.float32)
    theirs = HausdorffDTLoss(sigmoid=True)
    mine = ours.hausdorff_dt_loss(logits, labels)
    close(theirs(logits, labels[:, None].float()), mine)
    assert theirs(logits, labels[:, None]) < mine - 0.01


def test_monais_hausdorff_leaves_the_background_out_by_itself():
    logits, labels = made(SHAPES[1], dtype=torch.float32)
    theirs = HausdorffDTLoss(**settings(3))(logits, labels[:, None].float())
    close(theirs, ours.hausdorff_dt_loss(logits, labels, include_background=False))


# --- half precision --------------------------------------------------------------------------------------------------

HALVES = {
    "dice": (ours.soft_dice_loss, lambda channels: DiceLoss(**settings(channels))),
    "tversky": (ours.tversky_loss, lambda channels: TverskyLoss(**settings(channels), alpha=0.3, beta=0.7)),
    "focal": (ours.focal_loss, lambda channels: focal_of(channels)),
    "hausdorff": (
        ours.hausdorff_dt_loss,
        lambda channels: HausdorffDTLoss(**settings(channels), include_background=True),
    ),
    "dice focal": (
        lambda x, y: ours.dice_focal_loss(x, y, focal_weight=1 / x.shape[1]),
        lambda channels: sum_of(DiceLoss(**settings(channels)), focal_of(channels), 1.0),
    ),
}


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=["f16", "bf16"])
@pytest.mark.parametrize("name", HALVES)
def test_half_precision_is_what_monai_says_of_float32(name, dtype):
    """Value and gradient, which comes back in half precision."""
    mine, peer = HALVES[name]
    for shape in SHAPES:
        theirs, scale = peer(shape[1]), shape[1] if name == "focal" else 1
        for logits, labels in situations(shape, dtype):
            x = logits.requires_grad_()
            got, wanted = mine(x, labels), scale * theirs(x.float(), labels[:, None].float())
            close(got.detach(), wanted.detach())
            slopes = [torch.autograd.grad(loss, x)[0] for loss in (got, wanted)]
            assert slopes[0].dtype == dtype
            torch.testing.assert_close(*slopes, rtol=torch.finfo(dtype).eps, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=["f16", "bf16"])
def test_half_precision_of_generalised_dice_is_what_monai_says_of_float32(dtype):
    for shape in SHAPES[1:]:
        logits, labels = made((1, *shape[1:]), dtype=dtype)
        smallest = float(labels.flatten().bincount(minlength=shape[1]).min())
        theirs = GeneralizedDiceLoss(
            softmax=True, to_onehot_y=True, smooth_nr=1 / smallest**2, smooth_dr=1 / smallest**2
        )
        x = logits.requires_grad_()
        got, wanted = ours.generalised_dice_loss(x, labels, smooth=1.0), theirs(x.float(), labels[:, None])
        close(got.detach(), wanted.detach())
        slopes = [torch.autograd.grad(loss, x)[0] for loss in (got, wanted)]
        torch.testing.assert_close(*slopes, rtol=torch.finfo(dtype).eps, atol=1e-6)


def test_monai_counts_in_half_precision_and_runs_over():
    logits, labels = torch.full((1, 1, 300, 300), 5.0, dtype=torch.float16), torch.ones(1, 300, 300, dtype=torch.long)
    theirs = DiceLoss(sigmoid=True)(logits, labels[:, None].half())
    exact = DiceLoss(sigmoid=True)(logits.double(), labels[:, None].double()).item()
    assert not abs(theirs.item() - exact) < 0.5
    assert ours.soft_dice_loss(logits, labels).item() == pytest.approx(exact, abs=5e-5)


@pytest.mark.parametrize("channels", [1, 2])
def test_a_million_pixels_are_summed_as_well_as_in_float64(channels):
    """One float32 sum for all of them would lose the many small probabilities: about 0.1 % here."""
    logits = 5 + 0.01 * normal(1, channels, 96, 96, 96, dtype=torch.float32)
    logits[:, 0] -= 10
    labels = (torch.arange(96) % 32 == 0).long().expand(1, 96, 96, 96)
    for got, wanted in zip(ours.soft_counts(logits, labels), ours.soft_counts(logits.double(), labels), strict=True):
        torch.testing.assert_close(got.double(), wanted, rtol=2e-5, atol=0)
