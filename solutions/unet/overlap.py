"""Losses that compare regions: how much the predicted and the true one overlap."""

from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

Reduction = Literal["mean", "sum", "none"]


def reduced(losses: Float[Tensor, "..."], reduction: Reduction) -> Float[Tensor, "..."]:
    """The mean or the sum of all losses, or with "none" the losses as they are."""
    if reduction == "mean":
        return losses.mean()
    if reduction == "sum":
        return losses.sum()
    if reduction == "none":
        return losses
    raise ValueError(f'reduction must be "mean", "sum" or "none"; got {reduction!r}')


def probabilities(logits: Float[Tensor, "N K *spatial"]) -> Float[Tensor, "N K *spatial"]:
    """What the logits say, at least in float32: with one channel the sigmoid, with more the softmax over them."""
    x = logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits
    return x.sigmoid() if x.shape[1] == 1 else x.softmax(1)


class LongProduct(torch.autograd.Function):
    """a @ b.mT with its long sums taken in blocks. In a single float32 sum over a million pixels what is
    small beside the sum so far is lost: up to 0.1 % of a volume of 96³. No gradient goes to b."""

    @staticmethod
    def forward(ctx: Any, a: Float[Tensor, "N I M"], b: Float[Tensor, "N J M"]) -> Float[Tensor, "N I J"]:
        ctx.save_for_backward(b)
        blocks = zip(a.split(16384, dim=2), b.split(16384, dim=2), strict=True)  # shorter ones cost a tenth more
        return torch.stack([some @ other.mT for some, other in blocks]).sum(0)

    @staticmethod
    def backward(ctx: Any, *slopes: Float[Tensor, "N I J"]) -> tuple[Float[Tensor, "N I M"], None]:
        (b,) = ctx.saved_tensors
        return slopes[0] @ b, None


def soft_counts(
    logits: Float[Tensor, "N K *spatial"],
    labels: Int[Tensor, "N *spatial"],
    batch: bool = False,
    ignore_index: int | None = None,
) -> tuple[Float[Tensor, "..."], Float[Tensor, "..."], Float[Tensor, "..."]]:
    """Count pixels of each class with probabilities in place of yes and no: (hits, predicted, true),
    each (N, K), or (K,) with `batch`, which adds up the whole batch.

    hits: the probabilities of a class, summed over the pixels which truly are of it. predicted: the
    same sum over all pixels. true: the number of pixels of that class. With K = 1 probabilities come
    from a sigmoid and are those of label 1, the only class that is counted; with K > 1 from a
    softmax over the K channels. Any number of spatial axes. Labels are 0 to K − 1 (K = 1: 0 and 1)
    or `ignore_index`; pixels with that one, which may also be a class, count nowhere.

    K = 1, three pixels with logits 0, log 3, −log 3, labels 1, 1, 0: the probabilities are 0.5,
    0.75, 0.25, so hits 0.5 + 0.75 = 1.25, predicted 1.5, true 2.

    Half precision is summed, and comes back, in float32: float16 ends at 65,504, a volume of 96³ has
    884,736 voxels. Finite for all finite logits.
    """
    p = probabilities(logits).flatten(2)
    classes = p.shape[1]
    names = torch.arange(max(classes, 2), dtype=p.dtype, device=p.device)[:, None]
    truth = p.new_empty(len(p), len(names), p.shape[2])
    torch.eq(labels.flatten(1).to(p.dtype)[:, None], names, out=truth)  # 1 and 0 in one pass, no bools between
    if ignore_index is not None and 0 <= ignore_index < len(names):
        truth[:, ignore_index] = 0
    confusion = LongProduct.apply(p, truth)  # row: class as predicted, column: class as it is
    hits = confusion.diagonal(offset=int(classes == 1), dim1=1, dim2=2)
    sums = (hits, confusion.sum(2), truth.sum(2)[:, -classes:])
    return (sums[0].sum(0), sums[1].sum(0), sums[2].sum(0)) if batch else sums


def foreground(values: Float[Tensor, "... K"], include_background: bool) -> Float[Tensor, "... k"]:
    """Without class 0, if that isn't wanted. A single channel has no background of its own and stays."""
    return values if include_background or values.shape[-1] == 1 else values[..., 1:]


def soft_dice_loss(
    logits: Float[Tensor, "N K *spatial"],
    labels: Int[Tensor, "N *spatial"],
    reduction: Reduction = "mean",
    batch: bool = False,
    include_background: bool = True,
    ignore_index: int | None = None,
    smooth: float = 1e-5,
) -> Float[Tensor, "..."]:
    """1 − (2 · hits + smooth) / (predicted + true + smooth) for each class, from `soft_counts`.

    A loss for each sample and class, (N, K), or with `batch` for each class, (K,), the sums then
    running over the whole batch; `reduction` takes their mean, their sum, or leaves them.
    `include_background=False` leaves out class 0 where K > 1.

    hits 1.25, predicted 1.5, true 2: 1 − 2.5 / 3.5 = 0.286. A class that is neither there nor
    predicted has smooth / smooth = 1, so loss 0: nothing was missed. One that isn't there, but is
    predicted, has nearly 1; so has one that is there and not predicted.

    Raises ValueError unless smooth > 0, and for an unknown reduction. Source: Milletari and others
    2016 (V-Net), who square the probabilities in the divisor; here they aren't. Peer: MONAI's
    `DiceLoss` with its two smooths alike; its "none" keeps spatial axes of size 1.
    """
    if smooth <= 0:
        raise ValueError(f"smooth must be above 0, as a class may be neither there nor predicted; got {smooth}")
    hits, predicted, true = soft_counts(logits, labels, batch, ignore_index)
    losses = 1 - (2 * hits + smooth) / (predicted + true + smooth)
    return reduced(foreground(losses, include_background), reduction)


def generalised_dice_loss(
    logits: Float[Tensor, "N K *spatial"],
    labels: Int[Tensor, "N *spatial"],
    reduction: Reduction = "mean",
    batch: bool = False,
    include_background: bool = True,
    ignore_index: int | None = None,
    smooth: float = 1e-5,
) -> Float[Tensor, "..."]:
    """One Dice loss of all classes together, in which a small class isn't drowned by a large one:
    1 − (2 · Σ w · hits + smooth) / (Σ w · (predicted + true) + smooth), the sums over classes.

    w = (s / true)², s being the smallest number of pixels that a class has among those that are
    there: the rarest has w = 1. A class that isn't there has w = 1 too. Weights come from the labels
    alone, for each sample, or with `batch` for the batch. A loss for each sample, (N,), or with
    `batch` one, (); options as in `soft_dice_loss`. Classes that are left out have no say in s.

    Two classes, true 9 and 3, predicted 8 and 4, hits 7.5 and 2: s = 3, w = 1/9 and 1,
    1 − 2 · (7.5 / 9 + 2) / (17 / 9 + 7) = 0.3625.

    Nothing there and nothing predicted: 0. Raises ValueError as `soft_dice_loss`. Source: Sudre and
    others 2017, with w = 1 / true². Only the scale differs, and with it what `smooth` means: here it
    is in pixels of the rarest class. MONAI's `GeneralizedDiceLoss` adds its 1e-5 to sums of about
    2 / true: two halves of 96³ voxels, all predicted wrongly, have loss 0.475 there. And with no class
    there at all its loss is 0 whatever is predicted.
    """
    if smooth <= 0:
        raise ValueError(f"smooth must be above 0, as there may be no class at all; got {smooth}")
    counts = soft_counts(logits, labels, batch, ignore_index)
    hits, predicted, true = (foreground(count, include_background) for count in counts)
    there = true.where(true > 0, torch.inf)
    rarest = there.amin(-1, keepdim=True)
    weight = torch.where(true > 0, rarest / there, 1).square()
    overlap = 2 * (weight * hits).sum(-1) + smooth
    return reduced(1 - overlap / ((weight * (predicted + true)).sum(-1) + smooth), reduction)


def tversky_loss(
    logits: Float[Tensor, "N K *spatial"],
    labels: Int[Tensor, "N *spatial"],
    alpha: float = 0.3,
    beta: float = 0.7,
    reduction: Reduction = "mean",
    batch: bool = False,
    include_background: bool = True,
    ignore_index: int | None = None,
    smooth: float = 1e-5,
) -> Float[Tensor, "..."]:
    """1 − (hits + smooth) / (hits + alpha · false alarms + beta · misses + smooth) for each class.

    False alarms are predicted − hits, misses true − hits. With beta above alpha it costs more to miss
    a pixel than to mark one too many. alpha = beta = ½ is `soft_dice_loss`, with a `smooth` of twice
    as much. Options and shapes as there.

    hits 1.25, predicted 1.5, true 2: false alarms 0.25, misses 0.75; with 0.3 and 0.7
    1 − 1.25 / (1.25 + 0.075 + 0.525) = 0.3243.

    A class that is neither there nor predicted: 0. Raises ValueError unless smooth > 0 and alpha,
    beta ≥ 0. Source: Salehi and others 2017. Peer: MONAI's `TverskyLoss`, whose defaults are ½ and ½.
    """
    if smooth <= 0 or alpha < 0 or beta < 0:
        raise ValueError(f"expected smooth > 0, alpha ≥ 0 and beta ≥ 0; got {smooth}, {alpha} and {beta}")
    hits, predicted, true = soft_counts(logits, labels, batch, ignore_index)
    alarms, misses = predicted - hits, true - hits
    losses = 1 - (hits + smooth) / (hits + alpha * alarms + beta * misses + smooth)
    return reduced(foreground(losses, include_background), reduction)


def focal_tversky_loss(
    logits: Float[Tensor, "N K *spatial"],
    labels: Int[Tensor, "N *spatial"],
    alpha: float = 0.3,
    beta: float = 0.7,
    gamma: float = 0.75,
    reduction: Reduction = "mean",
    batch: bool = False,
    include_background: bool = True,
    ignore_index: int | None = None,
    smooth: float = 1e-5,
) -> Float[Tensor, "..."]:
    """`tversky_loss` of each sample and class (or class), to the power of `gamma`; then the reduction.

    A gamma below 1 lifts small losses: 0.1 becomes 0.1^0.75 = 0.178, and the steeper slope there
    keeps on pulling at what is nearly right. Above 1 it is the other way round. A loss of 0, and one
    that rounding has brought below it, gives 0 with a gradient of 0, where the power's own would be
    infinite.

    Raises ValueError unless gamma > 0, and as `tversky_loss`. Source: Abraham and Khan 2019, who
    write 1 / gamma for the power and take 4/3, so 0.75 is theirs.
    """
    if gamma <= 0:
        raise ValueError(f"gamma must be above 0; got {gamma}")
    losses = tversky_loss(logits, labels, alpha, beta, "none", batch, include_background, ignore_index, smooth)
    some = losses > 0
    return reduced(torch.where(some, losses.where(some, 1).pow(gamma), 0), reduction)
