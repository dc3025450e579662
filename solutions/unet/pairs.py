"""Images and their masks, moved alike: the image is interpolated, the mask keeps its labels."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, Shaped
from torch import Tensor


def flip_rotate(x: Shaped[Tensor, "*batch H W"], number: int, inverse: bool = False) -> Shaped[Tensor, "*batch h w"]:
    """One of the eight ways to lay a square on itself, for the last two axes of any tensor: images
    (N, C, H, W) and masks (N, H, W) alike.

    `number` 4 to 7 first mirrors from left to right; then come `number` % 4 quarter turns, each
    counter-clockwise as one sees the picture. With `inverse` all of that is undone: what was turned
    and mirrored comes back as it was. An odd number of quarter turns swaps height and width.

    The picture `1 2 / 3 4`: number 1 gives `2 4 / 1 3`, number 4 `2 1 / 4 3`, number 5 turns the
    latter: `1 3 / 2 4`. The inverse of 1 is 3; each of 4 to 7 is its own inverse.

    It may be a view of `x`. Raises ValueError unless `number` is 0 to 7. Peer: Albumentations' `D4`.
    """
    if not 0 <= number <= 7:
        raise ValueError(f"there are eight ways, 0 to 7, got {number}")
    if inverse and number < 4:
        number = -number % 4
    if number >= 4:
        x = x.flip(-1)
    for _ in range(number % 4):
        x = x.transpose(-2, -1).flip(-2)
    return x


def sample_pair(
    images: Float[Tensor, "N C H W"],
    masks: Int[Tensor, "N H W"],
    at: Float[Tensor, "N h w 2"],
    outside: int | None = 0,
) -> tuple[Float[Tensor, "N C h w"], Int[Tensor, "N h w"]]:
    """Look images and masks up at the same places: the image between its pixels, the mask at the
    nearest one.

    `at` says for each new pixel where it comes from, as (row, column) in pixels of the old one:
    (0, 0) is the middle of the first pixel, (0.5, 0) lies halfway to the one below. A value of the
    image is mixed bilinearly from the four pixels around the place. The mask takes the label of the
    nearest pixel, either one in the middle between two, and keeps its dtype.

    Beyond the border, `outside` decides. A number: all pixels there are 0 in the image (so its rim
    fades to 0), and have this label in the mask: background, or a label that the loss ignores.
    None: both go on mirrored at their outermost pixels, `… c b a b c d c b …`.

    The row 10 20 30 with labels 1 1 2, at columns 0.25, 1.75 and 2.5: the image is 12.5, 27.5 and,
    half of it beyond the border, 15; mirrored, 25 instead. The labels are 1, 2 and either.

    Peer: `F.grid_sample`, once for each of the two; it wants x before y, and runs from −1 to 1.
    """
    size = torch.tensor(images.shape[-2:], device=at.device)
    if outside is None:
        last = size - 1
        at = (last - (at.abs() % (2 * last).clamp(min=1) - last).abs()).clamp(min=0)
    grid = ((2 * at + 1) / size - 1).flip(-1).to(images)
    image = F.grid_sample(images, grid, padding_mode="border" if outside is None else "zeros", align_corners=False)
    nearest = at.round().long()
    inside = ((nearest >= 0) & (nearest < size)).all(-1)
    rows, columns = nearest.clamp(min=0).minimum(size - 1).unbind(-1)
    labels = masks[torch.arange(len(masks), device=masks.device)[:, None, None], rows, columns]
    return image, labels.where(inside, torch.full_like(labels, outside or 0))


def affine_pair(
    images: Float[Tensor, "N C H W"],
    masks: Int[Tensor, "N H W"],
    angles: Float[Tensor, " N"],
    zooms: Float[Tensor, " N"],
    shifts: Float[Tensor, "N 2"],
    outside: int | None = 0,
) -> tuple[Float[Tensor, "N C H W"], Int[Tensor, "N H W"]]:
    """Turn, zoom and shift each image, and its mask likewise.

    What is to be seen is first turned by its angle, in degrees, counter-clockwise, about the
    middle of the image, the place (½(H − 1), ½(W − 1)); then enlarged `zooms` times from there; then
    moved by its shift, (down, right) in pixels. The size stays. Pixels are looked up as
    `sample_pair` does it, with `outside` for what comes in from beyond the border.

    So a new pixel p comes from the old place  middle + turn back (p − middle − shift) / zoom.

    The picture `1 2 / 3 4` by 90°: `2 4 / 1 3`, whatever lay at the right is on top. A 3 × 3 image
    at zoom 2, no angle: its new corner (0, 0) comes from 1 + (0 − 1) / 2 = ½, ½, and is the mean of
    four pixels.

    Zooms are above 0. Peer: Albumentations' `Affine`, which turns the same way.
    """
    height, width = images.shape[-2:]
    middle = torch.tensor([(height - 1) / 2, (width - 1) / 2], dtype=shifts.dtype, device=shifts.device)
    start = -(middle + shifts)[:, :, None, None]
    down = start[:, 0] + torch.arange(height, device=start.device)[:, None]
    right = start[:, 1] + torch.arange(width, device=start.device)
    radians = torch.deg2rad(angles)
    cos, sin = (radians.cos() / zooms)[:, None, None], (radians.sin() / zooms)[:, None, None]
    at = torch.stack([cos * down + sin * right, cos * right - sin * down], dim=-1) + middle
    return sample_pair(images, masks, at, outside)
