"""Stains: unmixed, found, and brought to those of another image."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, Literal

import torch
from torch import Tensor

from autograder.exercises.unet._ready_made import AUGMENTERS
from autograder.spec import Case, Exercise, Rng, Tolerance, Wrong, of_call

STAINERS = (*AUGMENTERS, "torchstain", "staintools", "tiatoolbox", "histomicstk", "sklearn")
DARKEST = 1 / 255
Rows = tuple[tuple[float, float], ...]
Scale = Literal["log10", "log", "light", "bare"]


def density(image: Tensor, how: Scale = "log10") -> Tensor:
    """(3, pixels), in float64, with the habits of mistakes."""
    seen: Tensor = image.double().flatten(1)
    if how == "light":
        return 1 - seen
    seen = seen.clamp(min=1e-300 if how == "bare" else DARKEST)
    return -(seen.log() if how == "log" else seen.log10())


def solved(stains: Tensor, dense: Tensor) -> Tensor:
    """Least squares by the normal equations, in float64."""
    s = stains.double()
    amounts: Tensor = torch.linalg.inv(s.T @ s) @ (s.T @ dense)
    return amounts


def rows(values: Tensor, image: Tensor) -> Tensor:
    return values.reshape(-1, *image.shape[1:]).to(image.dtype)


# --- unmix_stains ----------------------------------------------------------------------------------------------------


def unmixed(image: Tensor, stains: Tensor) -> Tensor:
    return rows(solved(stains, density(image)), image)


BLUE_AND_PINK = ((0.65, 0.07), (0.70, 0.99), (0.29, 0.11))
BLUE_AND_BROWN = ((0.65, 0.27), (0.70, 0.57), (0.29, 0.78))


def two_stains(values: Rows, dtype: torch.dtype = torch.float32) -> Tensor:
    stains: Tensor = torch.nn.functional.normalize(torch.tensor(values, dtype=torch.float64), dim=0)
    return stains.to(dtype)


def dyed(stains: Tensor, amounts: Tensor) -> Tensor:
    """The image of these amounts (2, H, W)."""
    light: Tensor = 10 ** -(stains.double() @ amounts.double().flatten(1))
    return light.reshape(3, *amounts.shape[1:]).to(stains.dtype)


def unmixing_cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "one pixel, by hand",
        image=torch.tensor([0.01, 1.0, 0.1]).reshape(3, 1, 1),
        stains=torch.tensor([[1.0, 0.0], [0.0, 0.0], [0.0, 1.0]]),
        expect=torch.tensor([2.0, 1.0]).reshape(2, 1, 1),
        note="−log₁₀ of 0.01, 1 and 0.1 is 2, 0 and 1; the first stain takes red alone, the second blue alone",
        terms=16,
    )
    stains = two_stains(BLUE_AND_PINK)
    yield of_call("a mixture of both", image=dyed(stains, rng.uniform(2, 4, 5)), stains=stains, terms=64, scale=4.0)
    yield of_call("what no mixture gives", image=rng.uniform(3, 3, 6, low=0.05), stains=stains, terms=64, scale=8.0)
    brown = 0.7 * two_stains(BLUE_AND_BROWN)
    yield of_call("stains not of length 1", image=rng.uniform(3, 5, 4, low=0.05), stains=brown, terms=64, scale=8.0)
    dark = rng.uniform(3, 4, 4) * (rng.uniform(3, 4, 4) > 0.4)
    yield of_call("black pixels", image=dark, stains=stains, terms=64, scale=8.0)
    double = rng.uniform(3, 5, 2, low=0.05, dtype=torch.float64)
    doubled = two_stains(BLUE_AND_PINK, torch.float64)
    yield of_call("float64", image=double, stains=doubled, terms=64, scale=8.0)
    strided = rng.strided(3, 4, 3).sigmoid()
    yield of_call("not contiguous", image=strided, stains=stains, terms=64, scale=8.0)


def _unmixing(name: str, answer: Callable[[Tensor, Tensor], Tensor], says: str, look: str) -> Wrong:
    def made(image: Tensor, stains: Tensor) -> Tensor:
        return rows(answer(image, stains), image)

    return Wrong(name, made, says=says, look=look)


UNMIX_STAINS = Exercise(
    id="unet.unmix_stains",
    cases=unmixing_cases,
    oracle=unmixed,
    wrong=(
        _unmixing(
            "takes light as it is",
            lambda image, stains: solved(stains, density(image, "light")),
            "1 − image is unmixed; light is lost by shares, so what adds up is its logarithm.",
            "twice as much stain lets the *square* of the share through.",
        ),
        _unmixing(
            "takes the natural logarithm",
            lambda image, stains: solved(stains, density(image, "log")),
            "amounts are 2.30 times too large: the logarithm is to base 10.",
            "−log₁₀ of 0.1 is 1.",
        ),
        _unmixing(
            "forgets the minus",
            lambda image, stains: -solved(stains, density(image)),
            "amounts are negative: the logarithm of a share is below 0.",
            "−log₁₀.",
        ),
        _unmixing(
            "lets black be endless",
            lambda image, stains: solved(stains, density(image, "bare")),
            "black pixels have endless densities.",
            "values below 1/255 count as 1/255.",
        ),
        _unmixing(
            "adds instead of raising",
            lambda image, stains: solved(stains, -(image.double().flatten(1) + DARKEST).log10()),
            "1/255 is added to every value, which makes each pixel a little lighter; only values below it are raised.",
            "clamp.",
        ),
        _unmixing(
            "brings stains to length 1",
            lambda image, stains: solved(torch.nn.functional.normalize(stains.double(), dim=0), density(image)),
            "the stains are brought to length 1 first; a column is what one unit absorbs, whatever its length.",
            "take stains as they come.",
        ),
        _unmixing(
            "pours pixels into maps",
            lambda image, stains: solved(stains, density(image)).T,
            "the two amounts of each pixel are poured into two maps one after the other, so that pixels mix.",
            "(2, pixels) becomes (2, H, W); (pixels, 2) doesn't.",
        ),
        _unmixing(
            "projects",
            lambda image, stains: stains.double().T @ density(image),
            "each stain is asked alone how much of it there is; they overlap, so one pixel is counted in both.",
            "least squares finds both amounts together.",
        ),
        _unmixing(
            "cuts off negative amounts",
            lambda image, stains: solved(stains, density(image)).clamp(min=0),
            "amounts below 0 are set to 0; least squares gives them as they are.",
            "nothing in the contract cuts off.",
        ),
        _unmixing(
            "exchanges the stains",
            lambda image, stains: solved(stains, density(image)).flip(0),
            "the first map holds the second stain's amounts.",
            "column k of stains, map k of the result.",
        ),
    ),
    hints=(
        "density = −image.flatten(1).clamp(min=1 / 255).log10() is (3, pixels).",
        "torch.linalg.lstsq(stains, density).solution is (2, pixels).",
    ),
    points=2,
    minutes=10,
    forbidden=STAINERS,
    tolerance=Tolerance(factor=16.0),
)


# --- stain_vectors ---------------------------------------------------------------------------------------------------


def found(
    image: Tensor,
    faint: float = 0.15,
    extreme: float = 1.0,
    *,
    how: Scale = "log10",
    keeps: Literal["all", "any", "everything", "mean"] = "all",
    centred: bool = False,
    ends: Literal["percentiles", "outermost", "plane", "shares"] = "percentiles",
    length_one: bool = True,
    first: Literal["red", "angle", "blue"] = "red",
    plane_of: Literal["largest", "smallest"] = "largest",
    turned: bool = False,
    crossed: bool = False,
) -> Tensor:
    """The two stains (3, 2), by NumPy's SVD and percentiles, with the habits of mistakes."""
    import numpy as np

    dense = density(image, how).cpu()
    enough = dense >= faint
    chosen = {"all": enough.all(0), "any": enough.any(0), "everything": torch.ones_like(enough[0])}.get(
        keeps, dense.mean(0) >= faint
    )
    stained = dense[:, chosen].numpy()
    middle = stained.mean(1, keepdims=True) if centred else 0.0
    plane = np.linalg.svd(stained - middle, full_matrices=False)[0]
    plane = plane[:, :2] if plane_of == "largest" else plane[:, :0:-1].copy()
    plane[:, 0] *= 1 if (plane[:, 0].sum() > 0) != turned else -1
    if ends == "plane":
        out = np.abs(plane)
    else:
        angles = np.arctan2(*(plane[:, :: 1 if crossed else -1].T @ stained))
        share = {"percentiles": extreme, "outermost": 0.0, "shares": extreme / 100}[ends]
        low, high = np.percentile(angles, [share, 100 - share])
        out = plane @ np.array([[math.cos(low), math.cos(high)], [math.sin(low), math.sin(high)]])
    order = {"red": np.argsort(-out[0]), "blue": np.argsort(-out[2]), "angle": np.arange(2)}[first]
    out = out[:, order] if length_one else out[:, order] / out.sum(0)[order]
    return torch.from_numpy(np.ascontiguousarray(out)).to(image)


def vectors(image: Tensor, faint: float = 0.15, extreme: float = 1.0) -> Tensor:
    return found(image, faint, extreme)


def tissue(
    rng: Rng, values: tuple[tuple[float, float], ...], *shape: int, dtype: torch.dtype = torch.float32
) -> Tensor:
    """A simulated section: two stains, a sixth of it glass, a little noise, and a spot of ink."""
    amounts = rng.uniform(2, *shape, low=0.05, high=1.2)
    amounts[:, : shape[0] // 6] *= 0.05
    image = (dyed(two_stains(values), amounts) + 0.01 * rng.normal(3, *shape)).clamp(0.001, 1)
    image[:, -1, :4] = torch.tensor([0.3, 1.0, 1.0])[:, None]
    return image.to(dtype)


def finding_cases(rng: Rng) -> Iterator[Case]:
    dense = torch.tensor([[1.0, 0.0, 0.0], [1.0, 0.0, 1.0], [0.0, 0.0, 2.0]]).T.reshape(3, 1, 3)
    yield of_call(
        "three pixels, by hand",
        image=10**-dense,
        faint=0.0,
        extreme=0.0,
        expect=torch.tensor([[1.0, 0.0], [0.0, 0.0], [0.0, 1.0]]),
        note="the densities (1, 0, 0), (1, 0, 1), (0, 0, 2) lie in the plane of red and blue; the outermost directions "
        "are red alone and blue alone",
        scale=4.0,
    )
    pure = rng.uniform(2, 12, 20, low=0.3, high=1.0)
    pure[0, :2], pure[1, -2:] = 0.0, 0.0
    yield of_call("two pure stains", image=dyed(two_stains(BLUE_AND_PINK), pure), faint=0.02, terms=64, scale=4.0)
    yield of_call("blue and pink, noise", image=tissue(rng, BLUE_AND_PINK, 18, 15), faint=0.1, terms=64, scale=4.0)
    yield of_call("blue and brown, noise", image=tissue(rng, BLUE_AND_BROWN, 18, 15), terms=64, scale=4.0)
    other: dict[str, Any] = {"faint": 0.08, "extreme": 5.0}
    yield of_call("other limits", image=tissue(rng, BLUE_AND_PINK, 12, 21), **other, terms=64, scale=4.0)
    double = tissue(rng, BLUE_AND_BROWN, 18, 9, dtype=torch.float64)
    yield of_call("float64", image=double, terms=64, scale=4.0)


def _finding(name: str, says: str, look: str, **options: Any) -> Wrong:
    def answer(image: Tensor, faint: float = 0.15, extreme: float = 1.0) -> Tensor:
        return found(image, faint, extreme, **options)

    return Wrong(name, answer, says=says, look=look)


STAIN_VECTORS = Exercise(
    id="unet.stain_vectors",
    cases=finding_cases,
    oracle=vectors,
    wrong=(
        _finding(
            "takes light as it is",
            "directions are sought in 1 − image; stains mix in the logarithm.",
            "−log₁₀.",
            how="light",
        ),
        _finding(
            "takes the natural logarithm",
            "densities are 2.30 times too large, so that too little counts as glass.",
            "`faint` is a density to base 10.",
            how="log",
        ),
        _finding(
            "counts glass too",
            "all pixels take part, glass included; its angles are noise.",
            "which pixels are stained?",
            keeps="everything",
        ),
        _finding(
            "counts what is dark in one colour",
            "a pixel takes part if one of its densities reaches `faint`; all three must.",
            "all over the colours, not any.",
            keeps="any",
        ),
        _finding(
            "counts what is dark on average",
            "a pixel takes part if the mean of its densities reaches `faint`; each of the three must.",
            "all over the colours, not their mean.",
            keeps="mean",
        ),
        _finding(
            "takes the weakest directions",
            "the plane is that of the smallest singular vectors, where there is next to nothing.",
            "eigh sorts upwards, svd downwards.",
            plane_of="smallest",
        ),
        _finding(
            "leaves the first vector turned round",
            "the first vector points to negative densities, so angles jump from −180° to 180° among the pixels.",
            "what is its sum? A singular vector's sign is chance.",
            turned=True,
        ),
        _finding(
            "exchanges the angle's two sides",
            "the angle is counted from the second vector, and then used as if it were from the first.",
            "atan2 wants the second coordinate first.",
            crossed=True,
        ),
        _finding(
            "subtracts the mean",
            "the mean was subtracted before the SVD, so that the plane misses glass, where both amounts are 0.",
            "no mean subtracted.",
            centred=True,
        ),
        _finding(
            "takes the plane's axes",
            "the first two singular vectors are returned; they are the plane, and stains lie somewhere in it.",
            "the outermost angles.",
            ends="plane",
        ),
        _finding(
            "takes the outermost pixels",
            "the very smallest and largest angles are taken; one speck of dirt decides them.",
            "percentiles.",
            ends="outermost",
        ),
        _finding(
            "takes percent for shares",
            "`extreme` 1 became a hundredth of a percent.",
            "torch.quantile counts from 0 to 1, extreme from 0 to 100.",
            ends="shares",
        ),
        _finding(
            "lets a stain sum to 1",
            "the directions are right; their three numbers sum to 1, but their length should be 1.",
            "cos and sin of an angle give length 1 by themselves.",
            length_one=False,
        ),
        _finding(
            "sorts by angle",
            "the stain with the smaller angle comes first; but a singular vector's sign, and so the order, is chance.",
            "more red first.",
            first="angle",
        ),
        _finding("sorts by blue", "the stain that absorbs more blue comes first.", "more red first.", first="blue"),
    ),
    hints=(
        "Keep density[:, (density >= faint).all(0)]. torch.linalg.svd(…, full_matrices=False).U[:, :2] is the plane.",
        "If the first vector's numbers sum to less than 0, turn it round. plane.T @ stained are coordinates, "
        "atan2(second, first) angles.",
        "torch.quantile(angles, …) twice, with shares from 0 to 1; plane @ (cos, sin) are the stains; then sort by the "
        "first row.",
    ),
    points=4,
    minutes=30,
    forbidden=STAINERS,
    tolerance=Tolerance(factor=64.0),
)

EXERCISES = (UNMIX_STAINS, STAIN_VECTORS)
