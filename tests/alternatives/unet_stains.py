"""Right answers of notebook 05f about stains that look different from the reference."""

import math

import numpy as np
import torch


def unmixed_by_the_inverse(image, stains):
    """The pseudo-inverse, applied to every pixel."""
    density = torch.log(image.clamp(min=1 / 255)) / -math.log(10)
    return torch.einsum("kc,chw->khw", torch.linalg.pinv(stains), density)


def unmixed_pixel_by_pixel(image, stains):
    """The normal equations of two unknowns, by Cramer's rule."""
    density = -torch.log10(torch.maximum(image, torch.tensor(1 / 255, dtype=image.dtype)))
    a, b = stains.double().T
    aa, ab, bb = a @ a, a @ b, b @ b
    x, y = ((v[:, None, None] * density).sum(0) for v in (a, b))
    return torch.stack([bb * x - ab * y, aa * y - ab * x]).div(aa * bb - ab * ab).to(image.dtype)


def stains_by_svd(image, faint=0.15, extreme=1.0):
    """torch's SVD, angles by arcsine, sorted by hand."""
    density = -image.reshape(3, -1).clamp(min=1 / 255).log10()
    chosen = density[:, density.min(0).values >= faint].double()
    if chosen.shape[1] < 2:
        raise ValueError("glass")
    u = torch.linalg.svd(chosen, full_matrices=False)[0]
    first, second = u[:, 0], u[:, 1]
    if first.sum() < 0:
        first = -first
    x, y = first @ chosen, second @ chosen
    angles = torch.asin(y / torch.hypot(x, y)).sort().values

    def percentile(q):
        place = q / 100 * (len(angles) - 1)
        low = min(int(place), len(angles) - 2)
        return angles[low] + (place - low) * (angles[low + 1] - angles[low])

    found = [torch.cos(t) * first + torch.sin(t) * second for t in (percentile(extreme), percentile(100 - extreme))]
    if found[0][0] < found[1][0]:
        found.reverse()
    return torch.stack(found, 1).to(image.dtype)


def stains_by_numpy(image, faint=0.15, extreme=1.0):
    """NumPy's eigenvectors of the 3 × 3 matrix."""
    density = -np.log10(np.maximum(image.permute(1, 2, 0).reshape(-1, 3).double().numpy(), 1 / 255))
    density = density[(density >= faint).all(1)]
    _, vectors = np.linalg.eigh(density.T @ density)
    plane = vectors[:, :0:-1]
    plane = plane * np.sign(plane.sum(0))[0]
    angles = np.arctan2(density @ plane[:, 1], density @ plane[:, 0])
    ends = np.quantile(angles, [extreme / 100, 1 - extreme / 100])
    stains = np.stack([np.cos(ends), np.sin(ends)]).T @ plane.T
    stains = stains[np.argsort(stains[:, 0])[::-1]]
    return torch.from_numpy(stains.T.copy()).to(image.dtype)


def normalised_by_einsum(image, stains, strengths):
    """Everything in one go, in float64."""
    own = stains_by_svd(image.double())
    amounts = unmixed_by_the_inverse(image.double(), own)
    reach = np.percentile(amounts.flatten(1).numpy(), 99, axis=1)
    factors = strengths.double() / torch.from_numpy(reach)
    light = torch.exp(-math.log(10) * torch.einsum("ck,k,khw->chw", stains.double(), factors, amounts))
    return light.clamp(0, 1).to(image.dtype)


def normalised_stain_by_stain(image, stains, strengths):
    """The product of what each stain lets through."""
    amounts = unmixed_pixel_by_pixel(image, stains_by_numpy(image))
    light = torch.ones_like(image)
    for k in range(2):
        dose = amounts[k] * strengths[k] / torch.quantile(amounts[k].flatten(), 0.99)
        light = light * torch.pow(10.0, -stains[:, k, None, None] * dose)
    return torch.clamp(light, 0.0, 1.0)


ALTERNATIVES = {
    "unet.unmix_stains": [unmixed_by_the_inverse, unmixed_pixel_by_pixel],
    "unet.stain_vectors": [stains_by_svd, stains_by_numpy],
    "unet.normalise_stain": [normalised_by_einsum, normalised_stain_by_stain],
}
