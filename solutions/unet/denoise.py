"""Noise, put into images and taken out again."""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def add_noise(
    images: Float[Tensor, "N C H W"],
    normal: Float[Tensor, "N C H W"],
    uniform: Float[Tensor, "N 1 H W"],
    sigma: float = 0.0,
    flipped: float = 0.0,
) -> Float[Tensor, "N C H W"]:
    """Gaussian noise, then salt and pepper, on images from 0 to 1; the draws are given.

    First `sigma` times `normal`, numbers of a standard normal distribution, is added. Then a share
    of about `flipped` of the pixels loses its value, in all channels: where `uniform`, which lies
    in [0, 1), is below flipped / 2 it becomes 0 (pepper), where it is 1 − flipped / 2 or more it
    becomes 1 (salt). Whatever is below 0 or above 1 in the end is set to 0 or 1.

    Values 0.5 0.5 0.5 0.5, normal 1 −1 2 9, uniform 0.5 0.04 0.97 0.5, sigma 0.1, flipped 0.1:
    0.6 0.4 0.7 1.4 with Gaussian noise; 0.04 < 0.05 is pepper, 0.97 ≥ 0.95 salt: 0.6 0 1 1.

    The images stay as they are. Raises ValueError unless sigma ≥ 0 and 0 ≤ flipped ≤ 1.
    """
    if sigma < 0 or not 0 <= flipped <= 1:
        raise ValueError(f"expected sigma of at least 0, and flipped from 0 to 1; got {sigma} and {flipped}")
    noisy = (images + sigma * normal).clamp(0, 1)
    noisy = noisy.masked_fill(uniform < flipped / 2, 0.0)
    return noisy.masked_fill(uniform >= 1 - flipped / 2, 1.0)


def median_filter(images: Float[Tensor, "N C H W"], size: int = 3) -> Float[Tensor, "N C H W"]:
    """Replace each value by the median of the `size` × `size` values around it, in its own channel.

    Beyond the edge the image is mirrored, the edge's own pixels not repeated: `c b | a b c | b a`.

    The row `0.1 0.9 0.2 0.3` in three equal rows, size 3: the third value sees 0.9 0.2 0.3, thrice
    each, whose median is 0.3; the first sees 0.9 0.1 0.9. In all `0.9 0.2 0.3 0.2`.

    Raises ValueError unless `size` is odd and size // 2 is below H and W. Peer:
    `scipy.ndimage.median_filter` with mode "mirror" (what torch calls "reflect" is scipy's
    "mirror"; scipy's "reflect", the default there, repeats the edge).
    """
    reach = size // 2
    if size < 1 or size % 2 == 0 or reach >= min(images.shape[2:]):
        raise ValueError(f"size must be odd and reach less far than the image; got {size} for {tuple(images.shape)}")
    padded = F.pad(images, (reach,) * 4, mode="reflect")
    windows = padded.unfold(2, size, 1).unfold(3, size, 1).flatten(4)
    return windows.median(dim=-1).values
