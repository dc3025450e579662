"""Standardizing channels: mean 0 and standard deviation 1, as every network's input is prepared."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from autograder.spec import Case, Exercise, Rng, Wrong, of_call

PIXELS = (0, 2, 3)  # every axis but the channels'
ROOT5 = 5**0.5


def oracle(x: Tensor, mean: Tensor | None = None, std: Tensor | None = None, eps: float = 1e-8) -> Tensor:
    mean = x.mean(PIXELS) if mean is None else mean
    std = x.std(PIXELS, correction=0) if std is None else std
    return normalized(x, mean, std + eps)


def normalized(x: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    return ((x.movedim(1, -1) - mean) / std).movedim(-1, 1)


def cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "four pixels, by hand",
        x=torch.tensor([[[[1.0, 3.0], [5.0, 7.0]]]]),
        expect=torch.tensor([[[[-3 / ROOT5, -1 / ROOT5], [1 / ROOT5, 3 / ROOT5]]]]),
        note="mean (1 + 3 + 5 + 7)/4 = 4, variance (9 + 1 + 1 + 9)/4 = 5: (1 − 4)/√5 = −1.3416",
        terms=4,
    )
    x = rng.normal(1, 2, 3, 4) * torch.tensor([1.0, 10.0])[:, None, None] + torch.tensor([0.0, 5.0])[:, None, None]
    yield of_call("two channels, one ten times as large", x=x, gradients=("x",), terms=12)
    x = rng.normal(3, 2, 2, 3) + torch.tensor([0.0, 2.0, 4.0])[:, None, None, None]
    yield of_call("three images, each brighter than the last", x=x, gradients=("x",), terms=18)
    yield of_call(
        "mean and std given, three of everything",
        x=rng.normal(3, 3, 3, 3),
        mean=torch.tensor([1.0, 2.0, -3.0]),
        std=torch.tensor([0.5, 4.0, 2.0]),
        gradients=("x",),
    )
    yield of_call("only the mean given", x=rng.normal(2, 2, 3, 5), mean=torch.tensor([1.0, -1.0]), terms=30)
    yield of_call("only std given", x=rng.normal(2, 2, 3, 5), mean=None, std=torch.tensor([0.5, 4.0]), terms=30)
    x = torch.stack([torch.full((2, 4, 4), 3.0), rng.normal(2, 4, 4)], dim=1)
    yield of_call("a channel that is 3 everywhere", x=x, terms=32)
    yield of_call("eps of 0.5", x=rng.normal(2, 2, 4, 3), mean=None, std=None, eps=0.5, terms=24)
    yield of_call("values around 1000", x=rng.normal(2, 2, 8, 8) + 1000, terms=128, scale=1000.0)
    yield of_call("float64, not contiguous", x=rng.strided(2, 3, 5, 7, dtype=torch.float64), gradients=("x",), terms=70)
    yield of_call("no images, mean and std given", x=rng.normal(0, 2, 3, 3), mean=rng.normal(2), std=torch.ones(2))


def whole_tensor(x: Tensor, mean: Tensor | None = None, std: Tensor | None = None, eps: float = 1e-8) -> Tensor:
    ones = x.new_ones(x.shape[1])
    return oracle(x, x.mean() * ones if mean is None else mean, x.std(correction=0) * ones if std is None else std, eps)


def per_image(x: Tensor, mean: Tensor | None = None, std: Tensor | None = None, eps: float = 1e-8) -> Tensor:
    return torch.cat([oracle(image, mean, std, eps) for image in x.split(1)]) if len(x) else oracle(x, mean, std, eps)


def over_the_batch(x: Tensor, mean: Tensor | None = None, std: Tensor | None = None, eps: float = 1e-8) -> Tensor:
    centre = x.mean(0) if mean is None else mean[:, None, None]
    spread = x.std(0, correction=0) if std is None else std[:, None, None]
    return (x - centre) / (spread + eps)


def sample_deviation(x: Tensor, mean: Tensor | None = None, std: Tensor | None = None, eps: float = 1e-8) -> Tensor:
    return oracle(x, mean, x.std(PIXELS) if std is None else std, eps)


def by_variance(x: Tensor, mean: Tensor | None = None, std: Tensor | None = None, eps: float = 1e-8) -> Tensor:
    return oracle(x, mean, (x.std(PIXELS, correction=0) if std is None else std) ** 2, eps)


def keeps_the_mean(x: Tensor, mean: Tensor | None = None, std: Tensor | None = None, eps: float = 1e-8) -> Tensor:
    spread = x.std(PIXELS, correction=0) if std is None else std
    return oracle(x, x.new_zeros(x.shape[1]), spread, eps)


def ignores_given(x: Tensor, mean: Any = None, std: Any = None, eps: float = 1e-8) -> Tensor:
    return oracle(x, None, None, eps) if len(x) else x.clone()


def along_the_width(x: Tensor, mean: Tensor | None = None, std: Tensor | None = None, eps: float = 1e-8) -> Tensor:
    centre = x.mean(PIXELS) if mean is None else mean
    spread = x.std(PIXELS, correction=0) if std is None else std
    return (x - centre) / (spread + eps)


def eps_under_the_root(x: Tensor, mean: Tensor | None = None, std: Tensor | None = None, eps: float = 1e-8) -> Tensor:
    spread = x.std(PIXELS, correction=0) if std is None else std
    return oracle(x, mean, (spread**2 + eps).sqrt(), 0.0)


def without_eps(x: Tensor, mean: Tensor | None = None, std: Tensor | None = None, eps: float = 1e-8) -> Tensor:
    centre = x.mean(PIXELS) if mean is None else mean
    spread = x.std(PIXELS, correction=0) if std is None else std
    return normalized(x, centre, spread)


def mean_of_squares(x: Tensor, mean: Tensor | None = None, std: Tensor | None = None, eps: float = 1e-8) -> Tensor:
    variance = (x**2).mean(PIXELS) - x.mean(PIXELS) ** 2
    return oracle(x, mean, variance.clamp(min=0).sqrt() if std is None else std, eps)


def in_place(x: Tensor, mean: Tensor | None = None, std: Tensor | None = None, eps: float = 1e-8) -> Tensor:
    return x.copy_(oracle(x, mean, std, eps))


STANDARDIZE = Exercise(
    id="warmup.standardize",
    cases=cases,
    oracle=oracle,
    wrong=(
        Wrong(
            "measures the whole tensor at once",
            whole_tensor,
            says="one mean and one deviation are used for all channels; each channel needs its own.",
            look="x.mean(dim=…) takes several axes. Which axis must be left out?",
        ),
        Wrong(
            "measures each image on its own",
            per_image,
            says="each image is measured on its own, so a bright image comes out as dark as the others.",
            look="the statistics of a channel run over the batch too.",
        ),
        Wrong(
            "measures over the batch axis only",
            over_the_batch,
            says="each pixel position has its own mean and deviation; only the batch axis is averaged.",
            look="count the numbers in your mean: there should be one for each channel.",
        ),
        Wrong(
            "divides by n − 1",
            sample_deviation,
            says="the deviation is the sample's (sum of squares over n − 1); asked is the population's (over n).",
            look="torch's std has an argument for this, and its default is the sample's.",
        ),
        Wrong(
            "divides by the variance",
            by_variance,
            says="values are divided by the variance; its square root is missing.",
            look="after this, is the standard deviation of a channel 1?",
        ),
        Wrong(
            "doesn't subtract the mean",
            keeps_the_mean,
            says="values are scaled but not centred: the mean is still in them.",
            look="read the formula again: there are two steps.",
        ),
        Wrong(
            "ignores the mean and std it is given",
            ignores_given,
            says="mean and std are always measured on x, even when they are given.",
            look="test data must be scaled with the training data's numbers: measure only what is None.",
        ),
        Wrong(
            "lines the channels up with the width",
            along_the_width,
            says="the C numbers meet the last axis, the width; broadcasting lines shapes up from the right.",
            look="give mean and std a shape that meets (N, C, H, W) at C.",
        ),
        Wrong(
            "puts eps under the root",
            eps_under_the_root,
            says="eps is added to the variance; here it is added to the deviation.",
            look="compare your last line with (x − mean) / (std + eps).",
        ),
        Wrong(
            "leaves eps out",
            without_eps,
            says="eps is never added, so a constant channel gives 0/0, which is NaN.",
            look="what protects the division when std is 0?",
        ),
        Wrong(
            "takes the variance as mean of squares minus square of mean",
            mean_of_squares,
            says="the variance is a difference of two large numbers, and float32 loses most of its digits.",
            look="subtract the mean first, then square; or let torch measure the deviation.",
        ),
        Wrong(
            "changes x in place",
            in_place,
            says="the numbers are right, but x itself was changed.",
            look="x -= … writes into the caller's tensor; x - … makes a new one.",
        ),
    ),
    hints=(
        "Which axes does one channel run over? Everything but its own: batch, height and width.",
        "x.mean(dim=(0, 2, 3)) has shape (C,). To meet (N, C, H, W) it needs the shape (C, 1, 1).",
        "Measure mean and std only where they are None, then: (x - mean[:, None, None]) / (std[:, None, None] + eps).",
    ),
    points=2,
    minutes=6,
    forbidden=(
        "torchvision",
        "sklearn",
        "aten::*batch_norm*",
        "aten::*instance_norm*",
        "aten::*group_norm*",
        "aten::*layer_norm*",
        "torch.nn.functional.*_norm",
        "torch.nn.*Norm*",
    ),
)

EXERCISES = (STANDARDIZE,)
