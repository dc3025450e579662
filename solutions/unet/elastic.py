"""Elastic deformation: pictures as if on a rubber sheet."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from solutions.unet.pairs import sample_pair


def elastic_deform(
    images: Float[Tensor, "N C H W"],
    masks: Int[Tensor, "N H W"],
    field: Float[Tensor, "N 2 h w"],
    outside: int | None = None,
) -> tuple[Float[Tensor, "N C H W"], Int[Tensor, "N H W"]]:
    """Bend each image smoothly, and its mask likewise.

    `field` holds a few arrows an image: how far away, down (field[:, 0]) and right (field[:, 1]) in
    pixels, a new pixel fetches its value. The four outermost arrows stand on the image's corner
    pixels, the others evenly between. Every pixel in between gets its own arrow by bicubic
    interpolation: `F.interpolate(field, (H, W), mode="bicubic", align_corners=True)`. A new pixel p
    then comes from the old place p + arrow, looked up as `sample_pair` does it.

    Arrows (0, 1) everywhere: the picture moves to the left by one pixel, since each pixel fetches
    its right neighbour; the last column comes from beyond the border, and is mirrored.

    Source: Simard and others 2003; in this form Ronneberger and others 2015, section 3.1 (arrows on
    a 3 × 3 grid, of a standard deviation of 10 pixels).
    """
    height, width = images.shape[-2:]
    arrows = F.interpolate(field, (height, width), mode="bicubic", align_corners=True)
    rows, columns = torch.arange(height, device=field.device), torch.arange(width, device=field.device)
    own = torch.stack(torch.meshgrid(rows, columns, indexing="ij"), dim=-1)
    return sample_pair(images, masks, own + arrows.movedim(1, -1), outside)
