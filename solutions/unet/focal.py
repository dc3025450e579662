"""Focal loss: pixels that are right already hardly count."""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from solutions.unet.overlap import Reduction, reduced, soft_dice_loss


def pixel_log_p(
    logits: Float[Tensor, "N K *spatial"], labels: Int[Tensor, "N *spatial"], ignore_index: int | None = None
) -> tuple[Float[Tensor, "N *spatial"], Bool[Tensor, "N *spatial"]]:
    """(log p, kept): the logarithm of the probability that each pixel's own label gets, at least in
    float32, and which pixels count. A pixel that doesn't has log p = 0."""
    x = logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits
    kept = torch.ones_like(labels, dtype=torch.bool) if ignore_index is None else labels != ignore_index
    if x.shape[1] == 1:
        return F.logsigmoid(torch.where(labels == 1, x[:, 0], -x[:, 0])).where(kept, 0), kept
    skipped = -100 if ignore_index is None else ignore_index
    return -F.cross_entropy(x, labels, reduction="none", ignore_index=skipped), kept


def over_kept(
    losses: Float[Tensor, "N *spatial"], kept: Bool[Tensor, "N *spatial"], reduction: Reduction
) -> Float[Tensor, "..."]:
    """The reduction of losses that are 0 where `kept` is False; the mean is over the kept ones, else 0."""
    if reduction == "mean":
        return losses.sum() / kept.sum().clamp(min=1)
    return reduced(losses, reduction)


def focal_loss(
    logits: Float[Tensor, "N K *spatial"],
    labels: Int[Tensor, "N *spatial"],
    gamma: float = 2.0,
    alpha: float | None = None,
    reduction: Reduction = "mean",
    ignore_index: int | None = None,
) -> Float[Tensor, "..."]:
    """−w · (1 − p)^gamma · log p for each pixel, p being the probability that its own label gets: from
    a sigmoid if K = 1 (label 0 gets 1 − σ), from a softmax if K > 1.

    The weight w is 1 without `alpha`; with it, alpha for labels from 1 on and 1 − alpha for label 0.
    gamma = 0 is the cross-entropy. "none" gives (N, *spatial), with 0 at pixels labelled
    `ignore_index`; "sum" adds the pixels up; "mean" divides that by the number of pixels that aren't
    ignored, and is 0 if all are. `pixel_log_p` gives log p and which pixels count.

    p = 0.9: (0.1)² · 0.105 = 0.00105, a hundredth of the cross-entropy; p = 0.1: (0.9)² · 2.303 =
    1.865, four fifths of it.

    Loss and gradient are finite at all finite logits and every gamma ≥ 0, also where p is rounded to
    0 or 1; half precision comes back in float32. Raises ValueError unless gamma ≥ 0 and 0 ≤ alpha ≤ 1.
    Source: Lin and others 2017. Peer: MONAI's `FocalLoss`, with `use_softmax` if K > 1: its "mean"
    divides by the K channels too unless a label is ignored, its "sum" takes the mean over the pixels of
    each sample first, for gamma < 1 its gradient is NaN where p is 1; without `use_softmax` it is K
    binary losses. With one channel its "mean" and "none" are ours.
    """
    if gamma < 0 or (alpha is not None and not 0 <= alpha <= 1):
        raise ValueError(f"expected gamma ≥ 0 and alpha from 0 to 1; got {gamma} and {alpha}")
    log_p, kept = pixel_log_p(logits, labels, ignore_index)
    wrong = -torch.expm1(log_p)
    smallest = torch.finfo(wrong.dtype).tiny  # the power's slope at 0 is infinite if gamma < 1
    losses = -wrong.clamp(min=smallest).pow(gamma) * log_p
    if alpha is not None:
        losses = losses * torch.where(labels > 0, alpha, 1 - alpha)
    return over_kept(losses, kept, reduction)


def dice_focal_loss(
    logits: Float[Tensor, "N K *spatial"],
    labels: Int[Tensor, "N *spatial"],
    gamma: float = 2.0,
    alpha: float | None = None,
    focal_weight: float = 1.0,
    reduction: Reduction = "mean",
    batch: bool = False,
    include_background: bool = True,
    ignore_index: int | None = None,
    smooth: float = 1e-5,
) -> Float[Tensor, "..."]:
    """`soft_dice_loss` + focal_weight · `focal_loss`, each with the options it has and this reduction.

    The Dice part looks at regions, the focal part at pixels, so that there is a gradient also where
    the regions don't meet yet. "none" gives (N, *spatial): each pixel's focal part (0 where it is ignored)
    plus the mean Dice loss of its sample's classes (with `batch`, of all classes).

    Dice loss 0.286, focal loss 0.15, focal_weight 2: 0.286 + 0.3 = 0.586.

    Raises ValueError as the two do. Source: Zhu and others 2019 (AnatomyNet). Peer: MONAI's
    `DiceFocalLoss` for one channel, but for the focal part's "sum"; with more that part is K binary losses.
    It knows no ignored pixels.
    """
    dice = soft_dice_loss(logits, labels, reduction, batch, include_background, ignore_index, smooth)
    focal = focal_loss(logits, labels, gamma, alpha, reduction, ignore_index)
    if reduction == "none":
        dice = dice.mean(-1).reshape([-1] + [1] * (labels.ndim - 1))
    return dice + focal_weight * focal
