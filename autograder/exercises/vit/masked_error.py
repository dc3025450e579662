"""The error of what was hidden."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from autograder.exercises.vit._ready_made_b import LIBRARIES
from autograder.spec import Case, Exercise, Rng, Speed, Wrong, of_call

FLOAT64 = torch.float64
Scale = Callable[[Tensor], Tensor]


def standardised(
    patches: Tensor, *, correction: int = 1, eps: float = 1e-6, axis: int | tuple[int, ...] = -1
) -> Tensor:
    deviation = patches - patches.mean(axis, keepdim=True)
    return deviation / (patches.var(axis, correction=correction, keepdim=True) + eps).sqrt()


def error(predicted: Tensor, wanted: Tensor, mask: Tensor) -> Tensor:
    """Of the hidden patches alone."""
    return torch.nn.functional.mse_loss(predicted[mask > 0], wanted[mask > 0])


def by(scale: Scale) -> Callable[..., Tensor]:
    """The loss, with true patches brought to scale like this."""

    def answer(predicted: Tensor, patches: Tensor, mask: Tensor, normalise: bool = True) -> Tensor:
        return error(predicted, scale(patches) if normalise else patches, mask)

    return answer


oracle = by(standardised)


def masks(rng: Rng, hidden: list[int], n: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """For each image how many of its n patches are hidden."""
    return torch.stack([(rng.permutation(n) < count).to(dtype) for count in hidden])


def patches(rng: Rng, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Each with a brightness and a contrast of its own."""
    contrast = rng.uniform(*shape[:2], 1, low=0.1, high=0.4, dtype=dtype)
    return rng.uniform(*shape[:2], 1, dtype=dtype) + contrast * rng.normal(*shape, dtype=dtype)


def case(name: str, predicted: Tensor, true: Tensor, mask: Tensor, normalise: bool | None = None) -> Case:
    inputs: dict[str, Any] = {"predicted": predicted, "patches": true, "mask": mask}
    asked: dict[str, Any] = {} if normalise is None else {"normalise": normalise}
    return of_call(name, **inputs, **asked, gradients=("predicted",), terms=predicted.numel())


def cases(rng: Rng) -> Iterator[Case]:
    hand: dict[str, Any] = {
        "predicted": torch.tensor([[[0.0, 0.0], [1.0, 2.0]]]),
        "patches": torch.tensor([[[1.0, 3.0], [5.0, 5.0]]]),
        "mask": torch.tensor([[1.0, 0.0]]),
    }
    yield of_call(
        "not normalised, by hand",
        **hand,
        normalise=False,
        expect=torch.tensor(5.0),
        note="hidden is the first patch: (1² + 3²) / 2 = 5",
        terms=4,
    )
    yield of_call(
        "normalised, by hand",
        **hand,
        expect=torch.tensor(0.5),
        note="mean 2, variance (1 + 1) / (2 − 1) = 2, so [−0.707, 0.707]; (0.5 + 0.5) / 2 = 0.5",
        terms=4,
    )
    yield case("batch of 3", rng.normal(3, 6, 4), patches(rng, 3, 6, 4), masks(rng, [4, 4, 4], 6))
    plain = masks(rng, [5, 5], 7)
    yield case("batch of 2, not normalised", rng.normal(2, 7, 3), patches(rng, 2, 7, 3), plain, False)
    yield case("other numbers of hidden patches", rng.normal(3, 8, 5), patches(rng, 3, 8, 5), masks(rng, [1, 5, 7], 8))
    uneven = masks(rng, [6, 2], 8)
    yield case("other numbers, not normalised", rng.normal(2, 8, 5), patches(rng, 2, 8, 5), uneven, False)
    flat = patches(rng, 2, 5, 4)
    flat[:, 1::2] = 0.25
    yield case("some patches of one colour", rng.normal(2, 5, 4), flat, torch.ones(2, 5))
    faint = 1e-3 * rng.normal(1, 6, 8, dtype=FLOAT64)
    every = torch.ones(1, 6, dtype=FLOAT64)
    yield case("float64, patches of almost one colour", rng.normal(1, 6, 8, dtype=FLOAT64), faint, every)
    double = masks(rng, [3, 5], 6, FLOAT64)
    yield case("float64", rng.normal(2, 6, 7, dtype=FLOAT64), patches(rng, 2, 6, 7, dtype=FLOAT64), double)
    strided = patches(rng, 4, 6, 2).transpose(0, 2)
    yield case("not contiguous", rng.strided(2, 6, 4), strided, masks(rng, [4, 4], 6))


# --- wrong answers ---------------------------------------------------------------------------------------------------


def squared(predicted: Tensor, true: Tensor, normalise: bool) -> Tensor:
    """For each patch."""
    return (predicted - (standardised(true) if normalise else true)).square().mean(-1)


def everywhere(predicted: Tensor, patches: Tensor, mask: Tensor, normalise: bool = True) -> Tensor:
    return squared(predicted, patches, normalise).mean()


def visible_alone(predicted: Tensor, patches: Tensor, mask: Tensor, normalise: bool = True) -> Tensor:
    return oracle(predicted, patches, 1 - mask, normalise)


def by_the_number_of_all(predicted: Tensor, patches: Tensor, mask: Tensor, normalise: bool = True) -> Tensor:
    return (squared(predicted, patches, normalise) * mask).mean()


def image_by_image(predicted: Tensor, patches: Tensor, mask: Tensor, normalise: bool = True) -> Tensor:
    return ((squared(predicted, patches, normalise) * mask).sum(1) / mask.sum(1)).mean()


def numbers_summed(predicted: Tensor, patches: Tensor, mask: Tensor, normalise: bool = True) -> Tensor:
    return oracle(predicted, patches, mask, normalise) * patches.shape[-1]


def patches_summed(predicted: Tensor, patches: Tensor, mask: Tensor, normalise: bool = True) -> Tensor:
    return oracle(predicted, patches, mask, normalise) * mask.sum()


def for_each_patch(predicted: Tensor, patches: Tensor, mask: Tensor, normalise: bool = True) -> Tensor:
    return squared(predicted, patches, normalise) * mask


def absolute(predicted: Tensor, patches: Tensor, mask: Tensor, normalise: bool = True) -> Tensor:
    wanted = standardised(patches) if normalise else patches
    return (predicted - wanted)[mask > 0].abs().mean()


def root(predicted: Tensor, patches: Tensor, mask: Tensor, normalise: bool = True) -> Tensor:
    return oracle(predicted, patches, mask, normalise).sqrt()


def prediction_too(predicted: Tensor, patches: Tensor, mask: Tensor, normalise: bool = True) -> Tensor:
    return oracle(standardised(predicted) if normalise else predicted, patches, mask, normalise)


def always(predicted: Tensor, patches: Tensor, mask: Tensor, normalise: bool = True) -> Tensor:
    return oracle(predicted, patches, mask, True)


def never(predicted: Tensor, patches: Tensor, mask: Tensor, normalise: bool = True) -> Tensor:
    return oracle(predicted, patches, mask, False)


def outside_the_root(patches: Tensor) -> Tensor:
    return (patches - patches.mean(-1, keepdim=True)) / (patches.std(-1, keepdim=True) + 1e-6)


def not_divided(patches: Tensor) -> Tensor:
    return patches - patches.mean(-1, keepdim=True)


def not_centred(patches: Tensor) -> Tensor:
    return patches / (patches.var(-1, keepdim=True) + 1e-6).sqrt()


def by_the_variance(patches: Tensor) -> Tensor:
    return not_divided(patches) / (patches.var(-1, keepdim=True) + 1e-6)


WHICH = (
    Wrong(
        "counts all patches",
        everywhere,
        says="the mean runs over all patches; the visible ones, which can simply be copied, don't count.",
        look="where `mask` stands in your answer.",
    ),
    Wrong(
        "counts the visible patches",
        visible_alone,
        says="the mean runs over the patches that the encoder has seen; it is over the hidden ones.",
        look="mask is 1 where a patch is hidden.",
    ),
    Wrong(
        "divides by the number of all patches",
        by_the_number_of_all,
        says="only hidden patches are added up, but the sum is divided by the number of all.",
        look="how many were added up?",
    ),
    Wrong(
        "takes the mean image by image",
        image_by_image,
        says="each image has a mean of its own first, so a patch counts more where few are hidden.",
        look="one sum over all images, divided by one number.",
    ),
    Wrong(
        "sums a patch's numbers",
        numbers_summed,
        says="a patch's squared errors are summed; it is their mean.",
        look="mean(-1).",
    ),
    Wrong(
        "sums the patches",
        patches_summed,
        says="the hidden patches' errors are summed; it is their mean.",
        look="divide by the number of hidden patches.",
    ),
    Wrong(
        "gives a number for each patch",
        for_each_patch,
        says="each patch has its own error, (N, n); asked is one number.",
        look="a sum and a division are missing.",
    ),
    Wrong("takes absolute errors", absolute, says="the errors aren't squared.", look="square()."),
    Wrong("takes the root", root, says="this is the root of the mean squared error.", look="the mean itself."),
)

SCALES = (
    Wrong(
        "never normalises",
        never,
        says="the true patches are compared as they are, also with normalise=True.",
        look="where `normalise` stands in your answer.",
    ),
    Wrong(
        "always normalises",
        always,
        says="the true patches are normalised, also with normalise=False.",
        look="where `normalise` stands in your answer.",
    ),
    Wrong(
        "normalises the prediction too",
        prediction_too,
        says="the predictions are brought to mean 0 and variance 1 as well; then no scale is ever wrong.",
        look="only what is to be hit is normalised.",
    ),
    Wrong(
        "divides the variance by p",
        by(lambda patches: standardised(patches, correction=0)),
        says="the variance is divided by p; here it is divided by p − 1.",
        look="var has an option for that; what is its default?",
    ),
    Wrong(
        "forgets the 1e-6",
        by(lambda patches: standardised(patches, eps=0.0)),
        says="nothing is added to the variance, and a patch of one colour gives 0 / 0.",
        look="1e-6 under the root.",
    ),
    Wrong(
        "adds the 1e-6 outside the root",
        by(outside_the_root),
        says="1e-6 is added to the standard deviation; it is added to the variance, under the root.",
        look="(variance + 1e-6) ** 0.5.",
    ),
    Wrong(
        "takes 1e-5 for 1e-6",
        by(lambda patches: standardised(patches, eps=1e-5)),
        says="1e-5 is added to the variance; it is 1e-6.",
        look="layer_norm of torch has 1e-5 by default.",
    ),
    Wrong(
        "takes off the mean only",
        by(not_divided),
        says="the mean is taken off, but nothing is divided by the standard deviation.",
        look="mean 0 *and* variance 1.",
    ),
    Wrong(
        "divides only",
        by(not_centred),
        says="the patches are divided by their standard deviation, but the mean isn't taken off.",
        look="mean 0 *and* variance 1.",
    ),
    Wrong(
        "divides by the variance",
        by(by_the_variance),
        says="the patches are divided by their variance; it is its root.",
        look="sqrt.",
    ),
    Wrong(
        "normalises whole images",
        by(lambda patches: standardised(patches, axis=(1, 2))),
        says="mean and variance are those of the whole image; each patch has its own.",
        look="over which axes?",
    ),
    Wrong(
        "normalises over the patches",
        by(lambda patches: standardised(patches, axis=1)),
        says="each of the p numbers is compared over the patches; mean and variance run over the numbers of a patch.",
        look="which axis holds a patch's own numbers?",
    ),
)

MASKED_LOSS = Exercise(
    id="vit.masked_loss",
    cases=cases,
    oracle=oracle,
    wrong=(*WHICH, *SCALES),
    hints=(
        "If normalise: patches.mean(-1, keepdim=True) and patches.var(-1, keepdim=True), whose default is p − 1.",
        "(predicted − patches)² averaged over the last axis is (N, n): an error for each patch.",
        "(error * mask).sum() / mask.sum().",
    ),
    points=2,
    minutes=10,
    forbidden=LIBRARIES,
    speed=Speed(
        case=lambda rng: case(
            "speed", rng.normal(16, 196, 192), patches(rng, 16, 196, 192), masks(rng, [147] * 16, 196)
        ),
        limit=4.0,
        against="F.mse_loss of the hidden patches",
    ),
)

EXERCISES = (MASKED_LOSS,)
