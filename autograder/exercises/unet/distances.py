"""Distances to a mask's border."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from autograder.exercises.unet._losses import FLOAT64
from autograder.exercises.unet._ready_made import LOSSES
from autograder.spec import Case, Exercise, Rng, Wrong, of_call

Spacing = tuple[float, ...] | None
EXACT = "donot_use_mm_for_euclid_dist"
READY = (*LOSSES, "skimage", "cv2", "edt", "SimpleITK", "itk", "mahotas")
Combine = Callable[[Tensor, Tensor], Tensor]


def away(mask: Tensor, spacing: Spacing = None, p: float = 2.0) -> tuple[Tensor, Tensor]:
    """Each pixel's distance to the nearest one in the mask, and to the nearest one outside: all against all."""
    steps = torch.tensor(spacing or (1.0,) * mask.ndim, dtype=FLOAT64)
    places = torch.ones_like(mask, dtype=torch.bool).nonzero().to(FLOAT64) * steps
    inside = mask.flatten()
    found = [torch.cdist(places, places[side], p, EXACT).amin(1).reshape(mask.shape) for side in (inside, ~inside)]
    return found[0], found[1]


def by(combine: Combine = torch.sub, p: float = 2.0, spaced: Callable[[Spacing], Spacing] = lambda s: s) -> Any:
    """A distance made of both, 0 where there is no border."""

    def answer(mask: Tensor, spacing: Spacing = None) -> Tensor:
        if mask.all() or not mask.any():
            return torch.zeros(mask.shape)
        return combine(*away(mask, spaced(spacing), p)).float()

    return answer


oracle = by()


def some_mask(rng: Rng, *shape: int, share: float = 0.4) -> Tensor:
    """Drawn by chance, the first pixel in it and the last one not."""
    mask = rng.uniform(*shape) < share
    mask.view(-1)[0], mask.view(-1)[-1] = True, False
    return mask


def distance_cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "a row of five, by hand",
        mask=torch.tensor([False, False, True, True, True]),
        expect=torch.tensor([2.0, 1.0, -1.0, -2.0, -3.0]),
        note="pixel 0 is 2 from the mask's first pixel, pixel 4 is 3 from the last one outside",
    )
    square = torch.zeros(7, 9, dtype=torch.bool)
    square[2:5, 3:7] = True
    yield of_call("a rectangle", mask=square)
    yield of_call("by chance, not square", mask=some_mask(rng, 5, 8))
    yield of_call("spacing 2 and 0.5", mask=some_mask(rng, 6, 5, share=0.2), spacing=(2.0, 0.5))
    yield of_call("a volume, slices 3 apart", mask=some_mask(rng, 3, 4, 5, share=0.1), spacing=(3.0, 1.0, 1.5))
    yield of_call("nothing in it", mask=torch.zeros(3, 4, dtype=torch.bool))
    yield of_call("everything in it", mask=torch.ones(3, 4, dtype=torch.bool))
    yield of_call("not contiguous", mask=some_mask(rng, 6, 4).T)


def no_guard(mask: Tensor, spacing: Spacing = None) -> Tensor:
    """As scipy's transform gives it where there is nothing to be far from."""
    if mask.all() or not mask.any():
        from scipy.ndimage import distance_transform_edt

        given = mask.numpy()
        return torch.from_numpy(
            distance_transform_edt(~given, spacing) - distance_transform_edt(given, spacing)
        ).float()
    return oracle(mask, spacing)  # type: ignore[no-any-return]


def far_without(mask: Tensor, spacing: Spacing = None) -> Tensor:
    if mask.all() or not mask.any():
        return torch.full(mask.shape, -torch.inf if mask.any() else torch.inf)
    return oracle(mask, spacing)  # type: ignore[no-any-return]


def in_double(mask: Tensor, spacing: Spacing = None) -> Tensor:
    return oracle(mask, spacing).double()  # type: ignore[no-any-return]


def border_is_zero(outside: Tensor, inside: Tensor) -> Tensor:
    return torch.where(outside > 0, outside, 1 - inside)


def half_way(outside: Tensor, inside: Tensor) -> Tensor:
    return outside - inside + torch.where(outside > 0, -0.5, 0.5)


def framed(mask: Tensor, spacing: Spacing = None) -> Tensor:
    """As if the image lay in a frame of pixels outside."""
    if mask.all() or not mask.any():
        return torch.zeros(mask.shape)
    wide = F.pad(mask, [1] * (2 * mask.ndim))
    inside = away(wide, spacing)[1][tuple(slice(1, -1) for _ in mask.shape)]
    return (away(mask, spacing)[0] - inside).float()


SIGNED_DISTANCE = Exercise(
    id="unet.signed_distance",
    cases=distance_cases,
    oracle=oracle,
    wrong=(
        Wrong(
            "has the sign the other way round",
            by(lambda outside, inside: inside - outside),
            says="inside is positive; it is negative.",
            look="which of the two transforms is 0 inside the mask?",
        ),
        Wrong(
            "has no sign",
            by(torch.add),
            says="inside and outside are both positive.",
            look="one of the two is subtracted.",
        ),
        Wrong(
            "has 0 inside",
            by(lambda outside, inside: outside),
            says="all pixels of the mask have 0; inside counts the distance to what isn't the mask.",
            look="a second transform, of the other side.",
        ),
        Wrong(
            "has 0 outside",
            by(lambda outside, inside: -inside),
            says="all pixels outside have 0; there it is the distance to the mask.",
            look="a second transform, of the other side.",
        ),
        Wrong(
            "puts 0 on the mask's edge",
            by(border_is_zero),
            says="1 is added inside, so that the edge pixels have 0; here they have −1.",
            look="no pixel has 0.",
        ),
        Wrong(
            "goes half a pixel to the border",
            by(half_way),
            says="½ is taken off, as if to measure to the line between the pixels; it is from pixel to pixel.",
            look="neighbours across the border have 1 and −1.",
        ),
        Wrong(
            "takes the image's edge for a border",
            framed,
            says="pixels of the mask at the image's edge have −1, as if outside went on; nobody knows what is there.",
            look="the distance is to a pixel of the image that isn't in the mask: no padding.",
        ),
        Wrong(
            "ignores the spacing",
            by(spaced=lambda s: None),
            says="distances are in pixels, whatever the spacing.",
            look="`sampling` of scipy's transform.",
        ),
        Wrong(
            "turns the spacing round",
            by(spaced=lambda s: s and s[::-1]),
            says="the spacings meet the axes in reverse order.",
            look="one number for each axis, in the axes' order.",
        ),
        Wrong(
            "walks along rows and columns",
            by(p=1.0),
            says="this is the city-block distance; it is as the crow flies.",
            look="distance_transform_edt, not _cdt.",
        ),
        Wrong(
            "measures where there is no border",
            no_guard,
            says="without a single pixel on one side the transform has nothing to measure to, and gives nonsense.",
            look="mask.any(), mask.all().",
        ),
        Wrong(
            "is infinite where there is no border",
            far_without,
            says="a mask without a border has ±∞; 0 times that is NaN later on. It has 0.",
            look="the last sentence before the example.",
        ),
        Wrong(
            "gives float64",
            in_double,
            says="the distances are float64, as scipy gives them; they are float32.",
            look=".float().",
        ),
    ),
    hints=(
        "distance_transform_edt(a) gives what isn't 0 in `a` its distance to the nearest 0. Of which array is that the "
        "distance to the mask?",
        "distance_transform_edt(~mask, sampling) − distance_transform_edt(mask, sampling); torch.from_numpy, float32. "
        "First look whether there are both kinds of pixel.",
    ),
    points=2,
    minutes=12,
    forbidden=READY,
)

EXERCISES = (SIGNED_DISTANCE,)
