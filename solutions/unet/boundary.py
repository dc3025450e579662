"""Losses that ask how far off the border is."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from solutions.unet.overlap import Reduction, foreground, probabilities, reduced


def signed_distance(
    mask: Bool[Tensor, "*spatial"], spacing: Sequence[float] | None = None
) -> Float[Tensor, "*spatial"]:
    """How far each pixel is from the other side of the mask's border, negative inside: outside the
    distance to the nearest pixel of the mask, inside minus the distance to the nearest one that isn't.

    In pixels, or with `spacing` (one number an axis) in its unit; float32, on the mask's device. Any
    number of axes. The border runs between pixels, so no pixel has 0: its two sides have −1 and 1 (or
    the spacing), and the complement of a mask has exactly the opposite distances. A mask without a
    border, all True or all False, has 0 everywhere.

    Row 0 0 1 1 1: 2, 1, −1, −2, −3.

    scipy.ndimage.distance_transform_edt may be used: it gives every pixel that isn't 0 its distance
    to the nearest one that is. Source: the φ of Kervadec and others 2019, whose code adds 1 inside,
    so that the mask's own edge has 0.
    """
    inside = mask.cpu().numpy()
    if inside.all() or not inside.any():
        return torch.zeros(mask.shape, device=mask.device)
    distances = distance_transform_edt(~inside, spacing) - distance_transform_edt(inside, spacing)
    return torch.from_numpy(distances).to(mask.device, torch.float32)


def class_distances(parts: Int[Tensor, "*spatial"], classes: int) -> Float[Tensor, "classes *spatial"]:
    """`signed_distance(parts == c)` of each class c, with half the work: inside a class, the nearest
    pixel outside it is the nearest one of all other parts. Parts may have more numbers than classes."""
    names = sorted(set(range(classes)) | set(parts.unique().tolist()))
    there = [(parts == name).cpu().numpy() for name in names]
    far = [distance_transform_edt(~mask) if mask.any() else np.full(mask.shape, np.inf) for mask in there]
    to_parts = torch.stack([torch.from_numpy(one).to(parts.device, torch.float32) for one in far])
    to_others = to_parts.where(to_parts > 0, torch.inf).amin(0)
    signed = torch.where(to_parts == 0, -to_others, to_parts)[:classes]
    return signed.nan_to_num(posinf=0.0, neginf=0.0)  # a class that is nowhere, or everywhere


def boundary_loss(
    logits: Float[Tensor, "N K *spatial"],
    labels: Int[Tensor, "N *spatial"],
    reduction: Reduction = "mean",
    batch: bool = False,
    include_background: bool = True,
    ignore_index: int | None = None,
) -> Float[Tensor, "..."]:
    """The mean of p · φ over the pixels, for each class: p its probability (K = 1: sigmoid, the only
    class is label 1; K > 1: softmax), φ the `signed_distance` of its true mask, in pixels.

    A false alarm costs as much as it is far away, and each pixel of the mask pays back what lies
    between it and the border; the best is negative, not 0. Pixels labelled `ignore_index` belong to no
    mask and don't count in the mean. A loss for each sample and class, (N, K), or with `batch`, which
    takes the mean over all pixels of the batch, (K,); `include_background=False` leaves out class 0
    where K > 1. Reductions as in `soft_dice_loss`. A sample whose pixels are all ignored: 0.

    K = 1, a row of labels 0 0 1 1, p = 0, ½, ½, 1: φ = 2, 1, −1, −2, so
    (0 · 2 + ½ · 1 − ½ · 1 − 1 · 2) / 4 = −0.5.

    A class with no border, empty or everywhere, costs nothing whatever is predicted: add a loss that
    sees regions. No gradient goes through φ. `class_distances` gives φ for all classes. Half precision
    comes back in float32. Source: Kervadec and others 2019; their code has φ + 1 inside.
    """
    p, parts, kept = _parts(logits, labels, ignore_index)
    phi = torch.stack([_of_classes(sample, p.shape[1]) for sample in parts]).to(p.dtype)
    return reduced(foreground(_mean_over_pixels(p * phi, kept, batch), include_background), reduction)


def hausdorff_dt_loss(
    logits: Float[Tensor, "N K *spatial"],
    labels: Int[Tensor, "N *spatial"],
    alpha: float = 2.0,
    reduction: Reduction = "mean",
    batch: bool = False,
    include_background: bool = True,
    ignore_index: int | None = None,
) -> Float[Tensor, "..."]:
    """The mean of (p − t)² · (d_predicted^alpha + d_true^alpha) over the pixels, for each class: p its
    probability, t 1 where it is true, else 0.

    d_true is the size of `signed_distance` of the true mask, d_predicted that of the predicted one,
    p > ½ (so at most one class a pixel): an error far from both borders costs most. A mask without a
    border has d = 0. No gradient goes through the distances. Options, shapes and ignored pixels, which
    belong to neither mask, as in `boundary_loss`.

    K = 1, a row of labels 0 0 1 1, p = 0, 0.6, 1, 1: d_true = 2, 1, 1, 2; predicted is 0 1 1 1, d =
    1, 1, 2, 3. Only the second pixel errs: 0.6² · (1 + 1) / 4 = 0.18.

    Nothing there and nothing predicted: 0. Source: Karimi and Salcudean 2020. Peer: MONAI's
    `HausdorffDTLoss`, which leaves the background out unless told otherwise, knows no ignored pixels,
    and rounds distances down to integers where one channel's target has integers.
    """
    p, parts, kept = _parts(logits, labels, ignore_index)
    classes = p.shape[1]
    truth = torch.stack([parts == name for name in ([1] if classes == 1 else range(classes))], dim=1)
    likeliest = p.detach().max(1)
    nothing = 0 if classes == 1 else classes  # of the background, or of no class
    found = likeliest.indices + (1 if classes == 1 else 0)
    predicted = torch.where((likeliest.values > 0.5) & kept, found, nothing)
    true_field, predicted_field = (
        torch.stack([_of_classes(sample, classes) for sample in both]).to(p.dtype).abs() ** alpha
        for both in (parts, predicted)
    )
    errors = (p - truth.to(p.dtype)).square() * (predicted_field + true_field)
    return reduced(foreground(_mean_over_pixels(errors, kept, batch), include_background), reduction)


def _parts(
    logits: Float[Tensor, "N K *spatial"], labels: Int[Tensor, "N *spatial"], ignore_index: int | None
) -> tuple[Float[Tensor, "N K *spatial"], Int[Tensor, "N *spatial"], Bool[Tensor, "N *spatial"]]:
    """Probabilities, labels in which ignored pixels have a number that is no class, and which pixels count."""
    p = probabilities(logits)
    kept = torch.ones_like(labels, dtype=torch.bool) if ignore_index is None else labels != ignore_index
    return p, labels.where(kept, max(2, p.shape[1])), kept


def _of_classes(parts: Int[Tensor, "*spatial"], classes: int) -> Float[Tensor, "classes *spatial"]:
    """The signed distances of all classes; with one channel those of label 1."""
    return class_distances(parts, 2)[1:] if classes == 1 else class_distances(parts, classes)


def _mean_over_pixels(
    errors: Float[Tensor, "N K *spatial"], kept: Bool[Tensor, "N *spatial"], batch: bool
) -> Float[Tensor, "..."]:
    """The mean of each sample's and class's kept pixels, or with `batch` of each class's; 0 where there is none."""
    sums = (errors * kept[:, None]).flatten(2).sum(2)
    counts = kept.flatten(1).sum(1, keepdim=True)
    if batch:
        sums, counts = sums.sum(0), counts.sum()
    return sums / counts.clamp(min=1)
