"""An image with the stains of another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from autograder.exercises.unet.stains import (
    BLUE_AND_BROWN,
    BLUE_AND_PINK,
    STAINERS,
    density,
    dyed,
    solved,
    tissue,
    two_stains,
    vectors,
)
from autograder.spec import Case, Exercise, Rng, Tolerance, Wrong, of_call


def made(
    image: Tensor,
    stains: Tensor,
    strengths: Tensor,
    *,
    unmixed_with: Literal["own", "target"] = "own",
    mixed_with: Literal["target", "own"] = "target",
    reach: Literal["99th", "largest", "mean", "stained", "together"] = "99th",
    scaled: Literal["each", "both", "no", "turned", "to 1", "undivided"] = "each",
    base: float = 10.0,
    cut: bool = True,
    positive: bool = False,
    swapped: bool = False,
) -> Tensor:
    """Unmixed, scaled and mixed again in float64, with the habits of mistakes."""
    own = vectors(image.double())
    dense = density(image)
    amounts = solved(own if unmixed_with == "own" else stains, dense)
    amounts = amounts.clamp(min=0) if positive else amounts
    there = amounts[:, (dense >= 0.15).all(0)] if reach == "stained" else amounts
    far = {
        "99th": lambda: torch.from_numpy(np.percentile(there.cpu().numpy(), 99, axis=1)).to(amounts),
        "stained": lambda: torch.from_numpy(np.percentile(there.cpu().numpy(), 99, axis=1)).to(amounts),
        "together": lambda: amounts.flatten().quantile(0.99).expand(2),
        "largest": lambda: amounts.amax(1),
        "mean": lambda: amounts.mean(1),
    }[reach]()
    factor = strengths.double() / far
    factor = {
        "each": factor,
        "both": factor.mean().expand(2),
        "no": torch.ones_like(factor),
        "turned": 1 / factor,
        "to 1": 1 / far,
        "undivided": strengths.double(),
    }[scaled]
    amounts = factor[:, None] * amounts
    new = stains.double() if mixed_with == "target" else own
    out = base ** -((new.flip(1) if swapped else new) @ amounts)
    return (out.clamp(0, 1) if cut else out).reshape(image.shape).to(image.dtype)


def oracle(image: Tensor, stains: Tensor, strengths: Tensor) -> Tensor:
    return made(image, stains, strengths)


def cases(rng: Rng) -> Iterator[Case]:
    red_and_blue = torch.tensor([[0.8, 0.1], [0.6, 0.3], [0.0, 0.95]], dtype=torch.float64)
    red_and_blue = red_and_blue / red_and_blue.norm(dim=0)
    amounts = torch.cat([torch.tensor([[1.0], [0.0]]).repeat(1, 4), torch.tensor([[0.0], [1.0]]).repeat(1, 4)], 1)
    image = dyed(two_stains(BLUE_AND_BROWN, torch.float64), amounts.reshape(2, 2, 4))
    yield of_call(
        "two pure stains get twice and half as strong",
        image=image,
        stains=red_and_blue,
        strengths=torch.tensor([2.0, 0.5], dtype=torch.float64),
        expect=dyed(red_and_blue, (torch.tensor([[2.0], [0.5]]) * amounts).reshape(2, 2, 4)),
        note="half of the pixels hold 1 of the first stain, the others 1 of the second: both 99th percentiles are 1, "
        "so amounts become 2 and 0.5, and the colours 10 to the power of −(2 · first) and −(0.5 · second)",
        terms=64,
    )
    target, strengths = two_stains((((0.55, 0.2)), (0.75, 0.85), (0.35, 0.5))), torch.tensor([0.9, 1.3])
    pink = tissue(rng, BLUE_AND_PINK, 18, 14)
    yield of_call("blue and pink", image=pink, stains=target, strengths=strengths, terms=64)
    brown = tissue(rng, BLUE_AND_BROWN, 12, 20)
    yield of_call("blue and brown", image=brown, stains=target, strengths=0.5 * strengths, terms=64)
    strong = 3 * strengths
    yield of_call("much stronger", image=tissue(rng, BLUE_AND_PINK, 18, 9), stains=target, strengths=strong, terms=64)
    double: dict[str, Any] = {"stains": target.double(), "strengths": strengths.double()}
    yield of_call("float64", image=tissue(rng, BLUE_AND_BROWN, 18, 9, dtype=torch.float64), **double, terms=64)
    strided = tissue(rng, BLUE_AND_BROWN, 12, 9).permute(2, 1, 0).contiguous().permute(2, 1, 0)
    yield of_call("not contiguous", image=strided, stains=target, strengths=strengths, terms=64)


def habit(**options: Any) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """The oracle with one habit changed."""

    def answer(image: Tensor, stains: Tensor, strengths: Tensor) -> Tensor:
        return made(image, stains, strengths, **options)

    return answer


def _wrong(name: str, says: str, look: str, **options: Any) -> Wrong:
    return Wrong(name, habit(**options), says=says, look=look)


NORMALISE_STAIN = Exercise(
    id="unet.normalise_stain",
    cases=cases,
    oracle=oracle,
    wrong=(
        _wrong(
            "unmixes with the target's stains",
            "amounts are found with the target's stains; this image was stained with its own.",
            "which stains lie on this glass?",
            unmixed_with="target",
        ),
        _wrong(
            "mixes with its own stains",
            "strengths are the target's, but the colours are still this image's.",
            "unmix with one pair of stains, mix with the other.",
            mixed_with="own",
        ),
        _wrong(
            "takes the largest amount",
            "amounts are scaled by their largest, which one dirty pixel decides.",
            "99th percentile.",
            reach="largest",
        ),
        _wrong(
            "takes the mean amount",
            "amounts are scaled by their mean, which depends on how much glass there is.",
            "99th percentile.",
            reach="mean",
        ),
        _wrong(
            "leaves glass out",
            "the percentile is that of the stained pixels; all pixels count here.",
            "over all pixels.",
            reach="stained",
        ),
        _wrong(
            "takes one percentile for both",
            "the 99th percentile is that of both stains' amounts together.",
            "each stain has a percentile of its own: which axis?",
            reach="together",
        ),
        _wrong(
            "scales to 1",
            "amounts are divided by their percentile, and `strengths` is never used.",
            "the percentile becomes the strength, not 1.",
            scaled="to 1",
        ),
        _wrong(
            "multiplies by the strength alone",
            "amounts are multiplied by the strength as if they had been 1 before.",
            "what is their percentile now, and what should it be?",
            scaled="undivided",
        ),
        _wrong(
            "scales both stains alike",
            "both stains are multiplied by the same number.",
            "each has its own strength.",
            scaled="both",
        ),
        _wrong("never scales", "colours are right, strengths are the old ones.", "strength / percentile.", scaled="no"),
        _wrong(
            "scales the wrong way round",
            "what should get stronger gets weaker.",
            "an amount times which number becomes its strength?",
            scaled="turned",
        ),
        _wrong(
            "comes back by e",
            "densities were taken to base 10, and the image comes back to base e.",
            "10 ** −density.",
            base=2.718281828459045,
        ),
        _wrong("never cuts off", "values lie above 1.", "clamp to 0 … 1.", cut=False),
        _wrong(
            "cuts off negative amounts",
            "amounts below 0 are set to 0; they stay as least squares gives them.",
            "only the image is cut off.",
            positive=True,
        ),
        _wrong(
            "exchanges the stains",
            "the first stain's amounts are mixed with the second's colour.",
            "column k belongs to map k.",
            swapped=True,
        ),
    ),
    hints=(
        "own = stain_vectors(image), amounts = unmix_stains(image, own): two maps.",
        "amounts.flatten(1).quantile(0.99, dim=1) are the strengths that it has.",
        "10 ** −(stains @ (factor[:, None] * amounts)), clamped, in the image's shape.",
    ),
    points=3,
    minutes=15,
    needs=("unet.unmix_stains", "unet.stain_vectors"),
    forbidden=STAINERS,
    tolerance=Tolerance(factor=256.0),
)

EXERCISES = (NORMALISE_STAIN,)
