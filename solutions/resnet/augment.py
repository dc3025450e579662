"""Random changes of training images: every image of the batch gets its own, or the batch is mixed with itself.

Images are (N, C, H, W). Nothing changes its input, and all draws come from `seed`: PyTorch's global random state stays
as it was.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor


def random_crop_flip(x: Float[Tensor, "N C H W"], padding: int = 4, seed: int = 0) -> Float[Tensor, "N C H W"]:
    """Move each image a little, and mirror about every second one from left to right.

    `padding` zeros are added on all four sides; out of that, H × W pixels are cut at a random
    place. Each of the (2 · padding + 1)² places is as likely as any other. Every image draws its
    own place and, independent of it, whether it is mirrored (probability ½).

    The row `1 2 3` with one zero on each side is `0 1 2 3 0`: cut out `0 1 2`, `1 2 3` or `2 3 0`,
    and as likely as not their mirror images `2 1 0`, `3 2 1` or `0 3 2`.

    Equal `seed`s give equal results; the global random state is left as it was. Raises ValueError
    if `padding` is negative. Source: He and others 2016, section 4.2.
    """
    if padding < 0:
        raise ValueError(f"padding must not be negative, got {padding}")
    n, _, height, width = x.shape
    generator = torch.Generator().manual_seed(seed)
    top, left = torch.randint(2 * padding + 1, (2, n, 1), generator=generator).to(x.device).unbind()
    mirrored = (torch.rand(n, 1, generator=generator) < 0.5).to(x.device)
    across = torch.arange(width, device=x.device)
    rows = top + torch.arange(height, device=x.device)
    columns = left + torch.where(mirrored, across.flip(0), across)
    image = torch.arange(n, device=x.device)
    padded = F.pad(x, (padding, padding, padding, padding))
    return padded[image[:, None, None], :, rows[:, :, None], columns[:, None, :]].movedim(-1, 1).contiguous()


def random_boxes(
    n: int,
    height: int,
    width: int,
    scale: tuple[float, float] = (0.08, 1.0),
    ratio: tuple[float, float] = (3 / 4, 4 / 3),
    seed: int = 0,
) -> Int[Tensor, "n 4"]:
    """`n` random boxes inside an image of `height` × `width` pixels, each as (top, left, height,
    width).

    How a box is drawn:
    - its area is a share of the image's, uniform in `scale`;
    - its width over its height is r, where log r is uniform between the logarithms of `ratio`;
    - so its height is √(area / r) and its width √(area · r), each rounded to whole pixels;
    - if it fits into the image (and has a pixel), it lies at any place where it does, each as
      likely as the others. If not, all of it is drawn anew, ten times at most.

    If none of the ten fits, it is the largest box in the middle of the image whose shape `ratio`
    allows.

    A quarter of 8 × 8 pixels at r = 4 is 16 pixels: height √(16 / 4) = 2, width √(16 · 4) = 8.

    Equal `seed`s give equal boxes; the global random state is left as it was. Raises ValueError
    unless 0 < low ≤ high for both ranges. Source: Szegedy and others 2015, section 6. Peer:
    torchvision's `RandomResizedCrop.get_params`.
    """
    if not (0 < scale[0] <= scale[1] and 0 < ratio[0] <= ratio[1]):
        raise ValueError(f"expected 0 < low ≤ high, got scale {scale} and ratio {ratio}")
    generator = torch.Generator().manual_seed(seed)
    share, shape = torch.rand(2, 10, n, generator=generator, dtype=torch.float64).unbind()
    area = height * width * (scale[0] + (scale[1] - scale[0]) * share)
    r = ratio[0] * (ratio[1] / ratio[0]) ** shape
    h, w = (area / r).sqrt().round().long(), (area * r).sqrt().round().long()
    fits = (h >= 1) & (h <= height) & (w >= 1) & (w <= width)
    first = fits.long().argmax(dim=0, keepdim=True)
    any_fits = fits.any(dim=0)
    h = h.gather(0, first)[0].where(any_fits, min(height, round(width / ratio[0])))
    w = w.gather(0, first)[0].where(any_fits, min(width, round(height * ratio[1])))
    down, across = torch.rand(2, n, generator=generator, dtype=torch.float64).unbind()
    top = ((height - h + 1) * down).long().where(any_fits, (height - h) // 2)
    left = ((width - w + 1) * across).long().where(any_fits, (width - w) // 2)
    return torch.stack([top, left, h, w], dim=1)


def random_resized_crop(
    x: Float[Tensor, "N C H W"],
    size: int,
    scale: tuple[float, float] = (0.08, 1.0),
    ratio: tuple[float, float] = (3 / 4, 4 / 3),
    seed: int = 0,
) -> Float[Tensor, "N C size size"]:
    """Cut a random box out of each image and bring it to `size` × `size` pixels.

    Every image has a box of its own, drawn as `random_boxes` says. The box is resized bilinearly,
    as `F.interpolate(…, mode="bilinear")` does it without further options.

    A 4 × 4 image, `scale` and `ratio` (1, 1), `size` 2: the box is the whole image, and each pixel
    of the answer the mean of 2 × 2 pixels.

    Equal `seed`s give equal results; the global random state is left as it was. Raises ValueError
    as `random_boxes` does. Peer: torchvision's `RandomResizedCrop` with `antialias=False`.
    """
    boxes = random_boxes(len(x), x.shape[2], x.shape[3], scale, ratio, seed)
    out = x.new_empty(*x.shape[:2], size, size)
    for i, (top, left, h, w) in enumerate(boxes.tolist()):
        part = x[i : i + 1, :, top : top + h, left : left + w]
        out[i] = F.interpolate(part, (size, size), mode="bilinear")[0]
    return out


def grey(x: Float[Tensor, "N 3 H W"]) -> Float[Tensor, "N 1 H W"]:
    """How bright red, green and blue look together: 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601)."""
    return (x * x.new_tensor([0.299, 0.587, 0.114])[:, None, None]).sum(dim=1, keepdim=True)


def colour_jitter(
    x: Float[Tensor, "N 3 H W"],
    brightness: float = 0.4,
    contrast: float = 0.4,
    saturation: float = 0.4,
    seed: int = 0,
) -> Float[Tensor, "N 3 H W"]:
    """Change the brightness of each image, then its contrast, then its saturation.

    Values run from 0 to 1. Each of the three steps is

        image ← f · image + (1 − f) · other, then cut off at 0 and at 1

    with a factor f that is uniform in 1 − strength … 1 + strength: three factors for every image.
    `other` is black for brightness, the mean over the image's `grey` (one number) for contrast, and
    the image's `grey` (one number a pixel) for saturation; both are those of the image as it comes
    into that step.

    A pixel (0.2, 0.4, 0.6) with brightness factor 1.5 becomes (0.3, 0.6, 0.9).

    Equal `seed`s give equal results; the global random state is left as it was. Raises ValueError
    if a strength is not in 0 … 1. Peer: torchvision's `adjust_brightness`, `adjust_contrast`,
    `adjust_saturation` (its `ColorJitter` takes them in a random order).
    """
    strengths = torch.tensor([brightness, contrast, saturation])
    if not bool(((strengths >= 0) & (strengths <= 1)).all()):
        raise ValueError(f"strengths must lie in 0 … 1, got {brightness}, {contrast} and {saturation}")
    draws = torch.rand(len(x), 3, generator=torch.Generator().manual_seed(seed))
    factors = (1 + strengths * (2 * draws - 1)).to(x)
    bright, contrasty, colourful = factors[:, :, None, None, None].unbind(dim=1)
    x = (bright * x).clamp(0, 1)
    x = (contrasty * x + (1 - contrasty) * grey(x).mean(dim=(2, 3), keepdim=True)).clamp(0, 1)
    return (colourful * x + (1 - colourful) * grey(x)).clamp(0, 1)


def mixup(
    x: Float[Tensor, "N C H W"], y: Float[Tensor, "N K"], alpha: float = 0.2, seed: int = 0
) -> tuple[Float[Tensor, "N C H W"], Float[Tensor, "N K"]]:
    """Mix every image with another of the batch, and its label in the same proportion: λ · own +
    (1 − λ) · other.

    One λ from the distribution Beta(`alpha`, `alpha`) for the whole batch, and one random order of
    the batch that says who the others are (one of them may be the image itself). Labels are
    probabilities, one-hot or soft. The answer is (mixed images, mixed labels).

    λ = 0.7, an image of 1s with the label (1, 0), the other of 0s with (0, 1): an image of 0.7s with
    the label (0.7, 0.3).

    Equal `seed`s give equal results; the global random state is left as it was. Raises ValueError
    if `alpha` is not positive. Source: Zhang and others 2018.
    """
    if alpha <= 0:
        raise ValueError(f"alpha must be positive, got {alpha}")
    random = np.random.default_rng(seed)
    share = float(random.beta(alpha, alpha))
    other = torch.from_numpy(random.permutation(len(x))).to(x.device)
    return share * x + (1 - share) * x[other], share * y + (1 - share) * y[other]


def cutmix(
    x: Float[Tensor, "N C H W"], y: Float[Tensor, "N K"], alpha: float = 1.0, seed: int = 0
) -> tuple[Float[Tensor, "N C H W"], Float[Tensor, "N K"]]:
    """Paste a box of another image over every image, at its old place, and mix the labels by area.

    λ from Beta(`alpha`, `alpha`), one for the batch, sets the box: √(1 − λ) of the image's height
    and of its width, rounded down. Its centre is any pixel, all equally likely; what would lie
    outside the image is cut off. One box for the batch, and one random order of it that says who
    the others are.

    The labels count pixels as they *are*: the image's own label with the share of its pixels that
    are left, the other's with the share of the box. The answer is (mixed images, mixed labels).

    λ = 0.75 on 8 × 8 pixels: √0.25 · 8 = 4, a box of 4 × 4, which is a quarter. With its centre in
    the corner only 2 × 2 of it lie inside: 4 of 64 pixels, so the label is 60/64 own.

    Equal `seed`s give equal results; the global random state is left as it was. Raises ValueError
    if `alpha` is not positive. Source: Yun and others 2019.
    """
    if alpha <= 0:
        raise ValueError(f"alpha must be positive, got {alpha}")
    height, width = x.shape[2:]
    random = np.random.default_rng(seed)
    side = math.sqrt(1 - random.beta(alpha, alpha))
    other = torch.from_numpy(random.permutation(len(x))).to(x.device)
    h, w = int(height * side), int(width * side)
    top, left = int(random.integers(height)) - h // 2, int(random.integers(width)) - w // 2
    rows, columns = slice(max(top, 0), top + h), slice(max(left, 0), left + w)
    mixed = x.clone()
    mixed[:, :, rows, columns] = x[other, :, rows, columns]
    own = 1 - mixed[0, 0, rows, columns].numel() / (height * width)
    return mixed, own * y + (1 - own) * y[other]
