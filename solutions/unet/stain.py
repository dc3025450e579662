"""Colours of stained tissue, brought to those of a reference (Macenko)."""

import torch
from jaxtyping import Float
from torch import Tensor


def unmix_stains(image: Float[Tensor, "3 H W"], stains: Float[Tensor, "3 2"]) -> Float[Tensor, "2 H W"]:
    """How much of each of two stains lies on every pixel.

    Light that passes through a stain loses the same *share* in every layer of it. So what adds up
    is the optical density, −log₁₀ of the image (values 0 to 1, below 1/255 counted as 1/255): for
    every pixel its red, green and blue densities are `stains` times the two amounts, columns of
    `stains` being what one unit of each stain absorbs. Three equations for two amounts: the answer
    is that of least squares.

    Stains (1, 0, 0) and (0, 0, 1), a pixel (0.01, 1, 0.1): densities 2, 0, 1, so amounts 2 and 1.

    Source: Ruifrok and Johnston 2001. Peer: scikit-image's `separate_stains`, with three stains.
    """
    density = -image.flatten(1).clamp(min=1 / 255).log10()
    amounts: Tensor = torch.linalg.lstsq(stains, density).solution
    return amounts.reshape(2, *image.shape[1:])


def stain_vectors(image: Float[Tensor, "3 H W"], faint: float = 0.15, extreme: float = 1.0) -> Float[Tensor, "3 2"]:
    """The two stains of an image, found in it: what one unit of each absorbs of red, green and blue.

    - Optical densities, −log₁₀ of the image (values 0 to 1, below 1/255 counted as 1/255), of those
      pixels whose three densities are all at least `faint`: the others are glass.
    - The plane that they lie in: the first two left singular vectors of the 3 × pixels matrix of
      these densities, no mean subtracted. The first points to positive densities.
    - Every pixel's angle in this plane, from the first vector towards the second. Pixels of one
      stain alone have the smallest or the largest angle; to be safe from noise, the stains are the
      directions at the `extreme` and the 100 − `extreme` percentile (linear) of all angles.

    Both have length 1. The one that absorbs more red comes first: that is hematoxylin, which is blue.

    Pixels of the densities (1, 0, 0), (1, 0, 1) and (0, 0, 2), `extreme` 0, `faint` 0: the outermost
    directions are (1, 0, 0) and (0, 0, 1), and in this order they are returned.

    Raises ValueError if fewer than two pixels are stained. Source: Macenko and others 2009.
    """
    density = -image.flatten(1).clamp(min=1 / 255).log10()
    stained = density[:, (density >= faint).all(dim=0)]
    if stained.shape[1] < 2:
        raise ValueError(f"{stained.shape[1]} pixels are stained; is the image glass, or does it run from 0 to 255?")
    plane: Tensor = torch.linalg.eigh(stained @ stained.T).eigenvectors[:, [2, 1]]
    plane = plane * plane[:, 0].sum().sign()
    across, along = (plane.T @ stained).flip(0)
    ends = torch.quantile(torch.atan2(across, along), stained.new_tensor([extreme, 100 - extreme]) / 100)
    stains = plane @ torch.stack([ends.cos(), ends.sin()])
    return stains[:, stains[0].argsort(descending=True)]


def normalise_stain(
    image: Float[Tensor, "3 H W"], stains: Float[Tensor, "3 2"], strengths: Float[Tensor, " 2"]
) -> Float[Tensor, "3 H W"]:
    """The image as if it had been stained elsewhere: with `stains`, as strongly as `strengths`.

    The image's own two stains (`stain_vectors`) and their amounts on every pixel (`unmix_stains`)
    are found. Each stain's amounts are multiplied by one number, so that their 99th percentile
    (linear, over all pixels) becomes its strength. Then the image is mixed anew, with `stains` for
    its own: 10 to the power of −(stains · amounts), cut off at 0 and 1.

    An own stain whose 99th percentile is 0.8, strength 1.2: its amounts become 1.5 times as large.

    Stains and strengths come from a reference image: `stain_vectors` of it, and the 99th percentiles
    of what `unmix_stains` finds with them. An image normalised to itself hardly changes.

    Raises ValueError as `stain_vectors` does. Source: Macenko and others 2009.
    """
    amounts = unmix_stains(image, stain_vectors(image)).flatten(1)
    factor = strengths / amounts.quantile(0.99, dim=1)
    density = stains @ (factor[:, None] * amounts)
    return (10**-density).clamp(0, 1).reshape(image.shape)
