"""Noise on images, from draws that are given."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from autograder.exercises.unet._ready_made import AUGMENTERS
from autograder.spec import Case, Exercise, Rng, Value, Wrong, of_call


def made(
    images: Tensor,
    normal: Tensor,
    uniform: Tensor,
    sigma: float,
    flipped: float,
    *,
    clipped: bool = True,
    pepper_first: bool = False,
    both: float = 0.5,
    inclusive: bool = False,
    widened: bool = False,
    one_end: bool = False,
    swapped: bool = False,
    signs: int = 1,
) -> Tensor:
    """Both kinds, with the habits of mistakes."""
    low, high = flipped * both, 1 - flipped * both
    pepper, salt = (uniform <= low if widened else uniform < low), (uniform > high if inclusive else uniform >= high)
    if one_end:
        salt = (uniform >= low) & (uniform < flipped)
    if swapped:
        pepper, salt = salt, pepper
    gauss = signs * sigma * normal

    def flip(x: Tensor) -> Tensor:
        return torch.where(salt, 1.0, torch.where(pepper, 0.0, x)).to(images.dtype)

    out = flip(images) + gauss if pepper_first else flip(images + gauss)
    return out.clamp(0, 1) if clipped else out


def by(**habits: Any) -> Callable[..., Tensor]:
    def answer(images: Tensor, normal: Tensor, uniform: Tensor, sigma: float = 0.0, flipped: float = 0.0) -> Tensor:
        return made(images, normal, uniform, sigma, flipped, **habits)

    return answer


oracle = by()


def case(
    rng: Rng, name: str, n: int, channels: int, *size: int, dtype: torch.dtype = torch.float32, **asked: Value
) -> Case:
    images = rng.uniform(n, channels, *size, low=0.02, high=0.98, dtype=dtype)
    normal, uniform = rng.normal(n, channels, *size, dtype=dtype), rng.uniform(n, 1, *size, dtype=dtype)
    return of_call(name, images=images, normal=normal, uniform=uniform, **asked, gradients=("images",))


def cases(rng: Rng) -> Iterator[Case]:
    def row(*values: float) -> Tensor:
        return torch.tensor(values).reshape(1, 1, 1, -1)

    yield of_call(
        "four pixels, by hand",
        images=row(0.5, 0.5, 0.5, 0.5),
        normal=row(1.0, -1.0, 2.0, 9.0),
        uniform=row(0.5, 0.04, 0.97, 0.5),
        sigma=0.1,
        flipped=0.1,
        expect=row(0.6, 0.0, 1.0, 1.0),
        note="0.5 + 0.1·1; 0.04 < 0.05: pepper; 0.97 ≥ 0.95: salt; 0.5 + 0.1·9 = 1.4 is set to 1",
    )
    yield case(rng, "Gaussian noise alone, 3 channels", 2, 3, 5, 4, sigma=0.2)
    yield case(rng, "salt and pepper alone", 3, 2, 6, 7, flipped=0.3)
    yield case(rng, "both", 2, 3, 7, 5, sigma=0.15, flipped=0.4)
    yield case(rng, "loud", 1, 2, 4, 4, sigma=3.0, flipped=0.2)
    yield case(rng, "nothing is asked for", 2, 1, 3, 4)
    yield case(rng, "all pixels flipped", 1, 2, 5, 5, sigma=0.1, flipped=1.0)
    quarters = torch.arange(8).reshape(1, 1, 2, 4) / 8
    yield of_call(
        "draws on the borders", images=quarters, normal=torch.zeros(1, 1, 2, 4), uniform=quarters.flip(3), flipped=0.5
    )
    yield case(rng, "float64", 2, 2, 3, 5, dtype=torch.float64, sigma=0.3, flipped=0.2)
    strided = [rng.strided(3, 2, 5, 4).sigmoid(), rng.strided(3, 2, 5, 4), rng.strided(3, 1, 5, 4).sigmoid()]
    yield of_call("not contiguous", images=strided[0], normal=strided[1], uniform=strided[2], sigma=0.2, flipped=0.5)


def channels_by_themselves(
    images: Tensor, normal: Tensor, uniform: Tensor, sigma: float = 0.0, flipped: float = 0.0
) -> Tensor:
    rolled = torch.cat([uniform.roll(channel, -1) for channel in range(images.shape[1])], dim=1)
    return made(images, normal, rolled, sigma, flipped)


def as_a_variance(images: Tensor, normal: Tensor, uniform: Tensor, sigma: float = 0.0, flipped: float = 0.0) -> Tensor:
    return made(images, normal, uniform, sigma**0.5, flipped)


def multiplied(images: Tensor, normal: Tensor, uniform: Tensor, sigma: float = 0.0, flipped: float = 0.0) -> Tensor:
    return made(images, images * normal, uniform, sigma, flipped)


def in_grey_levels(images: Tensor, normal: Tensor, uniform: Tensor, sigma: float = 0.0, flipped: float = 0.0) -> Tensor:
    return made(images, normal / 255, uniform, sigma, flipped)


def one_noise(images: Tensor, normal: Tensor, uniform: Tensor, sigma: float = 0.0, flipped: float = 0.0) -> Tensor:
    return made(images, normal[:1].expand_as(normal), uniform[:1].expand_as(uniform), sigma, flipped)


def one_for_all_channels(
    images: Tensor, normal: Tensor, uniform: Tensor, sigma: float = 0.0, flipped: float = 0.0
) -> Tensor:
    return made(images, normal[:, :1], uniform, sigma, flipped)


def in_place(images: Tensor, normal: Tensor, uniform: Tensor, sigma: float = 0.0, flipped: float = 0.0) -> Tensor:
    with torch.no_grad():
        images.copy_(oracle(images, normal, uniform, sigma, flipped))
    return images * 1


WRONG = (
    Wrong(
        "doesn't clip",
        by(clipped=False),
        says="values below 0 or above 1 are left.",
        look="clamp.",
    ),
    Wrong(
        "has salt and pepper first",
        by(pepper_first=True),
        says="Gaussian noise is added to salt and pepper too, so that they aren't 0 and 1 any more.",
        look="the order: first a noisy sensor, then dead pixels.",
    ),
    Wrong(
        "swaps salt and pepper",
        by(swapped=True),
        says="small draws give 1, large ones 0.",
        look="below flipped / 2 is pepper: 0.",
    ),
    Wrong(
        "flips twice as many",
        by(both=1.0),
        says="`flipped` of the pixels become 0, and as many again become 1; together they are `flipped`.",
        look="flipped / 2 each.",
    ),
    Wrong(
        "leaves out a draw on the border",
        by(inclusive=True),
        says="a draw of exactly 1 − flipped / 2 isn't salt; it is.",
        look="> or >=?",
    ),
    Wrong(
        "takes a draw on the border for pepper",
        by(widened=True),
        says="a draw of exactly flipped / 2 becomes 0; only those below do. With flipped = 0 a draw of 0 is lost too.",
        look="< or <=?",
    ),
    Wrong(
        "takes both from the small draws",
        by(one_end=True),
        says="salt lies just above pepper, between flipped / 2 and flipped; it is at the other end, from "
        "1 − flipped / 2.",
        look="which draws become 1?",
    ),
    Wrong(
        "gives all channels the first one's noise",
        one_for_all_channels,
        says="all channels have the same Gaussian noise; only salt and pepper are shared by the channels.",
        look="normal is (N, C, H, W).",
    ),
    Wrong(
        "subtracts the noise",
        by(signs=-1),
        says="the noise is subtracted. (As good in practice, but not what was asked for.)",
        look="+ sigma · normal.",
    ),
    Wrong(
        "flips channels by themselves",
        channels_by_themselves,
        says="each channel loses other pixels; a dead pixel is dead in all channels.",
        look="uniform is (N, 1, H, W): it broadcasts.",
    ),
    Wrong(
        "takes sigma for the variance",
        as_a_variance,
        says="the noise is multiplied by the root of sigma; sigma is the standard deviation itself.",
        look="sigma · normal.",
    ),
    Wrong(
        "multiplies the noise with the image",
        multiplied,
        says="dark pixels get little noise and bright ones much; it is the same for all.",
        look="images + …",
    ),
    Wrong(
        "counts in grey levels",
        in_grey_levels,
        says="sigma is divided by 255; images and sigma are both from 0 to 1.",
        look="the contract's units.",
    ),
    Wrong(
        "gives all images the first one's noise",
        one_noise,
        says="all images of the batch get the first one's draws.",
        look="which axis is lost?",
    ),
    Wrong(
        "changes the images it was given",
        in_place,
        says="the images themselves are changed; the next one who uses them gets noise on noise.",
        look="an underscore at the end of a method, or [mask] = …",
    ),
)

NOISE = Exercise(
    id="unet.add_noise",
    cases=cases,
    oracle=oracle,
    wrong=WRONG,
    hints=(
        "Three lines: Gaussian noise and clamp, pepper, salt.",
        "masked_fill(uniform < flipped / 2, 0.0) gives a new tensor, and (N, 1, H, W) broadcasts over channels.",
    ),
    points=2,
    minutes=8,
    forbidden=AUGMENTERS,
)

EXERCISES = (NOISE,)
