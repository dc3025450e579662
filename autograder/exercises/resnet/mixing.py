"""mixup. The images are linearly independent, so that an answer's shares in each of them can be worked out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, Literal

import numpy as np
import torch
from scipy.special import betainc
from torch import Tensor

from autograder.exercises.resnet.crops import READY_MADE
from autograder.exercises.resnet.draws import drawn, draws_of, mean, repeated, repeats
from autograder.exercises.resnet.draws import share as share_in_words
from autograder.spec import Case, Exercise, Outputs, Rng, Wrong

Pair = tuple[Tensor, Tensor]
CLOSE = 1e-3


def made(
    x: Tensor,
    y: Tensor,
    alpha: float,
    seed: int,
    *,
    law: Literal["beta", "uniform", "one-sided", "above one half"] = "beta",
    share_for: Literal["batch", "image"] = "batch",
    others: Literal["permutation", "with replacement", "reversed"] = "permutation",
    labels: Literal["mixed", "kept", "swapped", "apart", "hard"] = "mixed",
) -> Pair:
    """Mixed images and labels, with the habits of mistakes."""
    random, n = np.random.default_rng(seed), len(x)
    size = n if share_for == "image" else 1
    second = {"uniform": 1.0, "one-sided": 1.0}.get(law, alpha)
    share = torch.from_numpy(random.beta(1.0 if law == "uniform" else alpha, second, size)).to(x)
    if law == "above one half":
        share = torch.maximum(share, 1 - share)
    drawn_others = {
        "permutation": random.permutation(n),
        "with replacement": random.integers(n, size=n),
        "reversed": np.arange(n)[::-1].copy(),
    }
    other = torch.from_numpy(drawn_others[others])
    mixed = _mix(x, x[other], share)
    y_other = y[torch.from_numpy(random.permutation(n))] if labels == "apart" else y[other]
    if labels == "kept":
        return mixed, y.clone()
    if labels == "hard":
        own = (share >= 0.5).expand(n)
        return mixed, torch.where(own[:, None], y, y_other)
    return mixed, _mix(y, y_other, 1 - share if labels == "swapped" else share)


def _mix(own: Tensor, other: Tensor, share: Tensor) -> Tensor:
    share = share.to(own).reshape(-1, *[1] * (own.ndim - 1))
    return share * own + (1 - share) * other


def oracle(x: Tensor, y: Tensor, alpha: float = 0.2, seed: int = 0) -> Pair:
    return made(x, y, alpha, seed)


def soft(rng: Rng, n: int, k: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Labels (n, k) that are probabilities, no two alike."""
    y = rng.uniform(n, k, low=0.1, dtype=dtype)
    return y / y.sum(1, keepdim=True)


def cases(rng: Rng) -> Iterator[Case]:
    two = torch.eye(2)
    yield drawn(
        "two images of two pixels, 12 draws, by hand",
        rng,
        note="with λ = 0.7 and the other as its partner: 0.7 · (1, 0) + 0.3 · (0, 1) = 0.7, 0.3, image and label alike",
        times=12,
        x=two.reshape(2, 1, 1, 2),
        y=two,
        alpha=1.0,
    )
    yield drawn("alpha 0.2, 60 draws", rng, times=60, x=rng.normal(6, 1, 3, 4), y=soft(rng, 6, 3))
    x, y = rng.normal(5, 3, 2, 3), torch.eye(4)[rng.permutation(5) % 4]
    yield drawn("alpha 1, one-hot labels, 15 draws", rng, times=15, x=x, y=y, alpha=1.0)
    x, y = rng.strided(7, 3, 3, 2, dtype=torch.float64), soft(rng, 7, 5, torch.float64)
    yield drawn("alpha 10,000, float64, not contiguous, 40 draws", rng, times=40, x=x, y=y, alpha=1e4)
    yield repeated(rng, x=rng.normal(8, 3, 4, 4), y=torch.eye(8))


def measure(case: Case, outputs: Outputs) -> Outputs:
    """Who was mixed with whom in which proportion, and how the proportions are spread over the draws."""
    if "again" in outputs:
        return repeats(outputs)
    x, y, alpha = case.inputs["x"], case.inputs["y"], case.inputs.get("alpha", 0.2)
    draws = draws_of(outputs)
    if any(out.shape != x.shape or out.dtype != x.dtype for out, _ in draws):
        raise ValueError("another shape or dtype")
    if any(label.shape != y.shape or label.dtype != y.dtype for _, label in draws):
        raise ValueError("another shape or dtype")
    weights = shares(x, torch.stack([out for out, _ in draws]))
    own = weights.diagonal(dim1=1, dim2=2)
    others = weights - torch.diag_embed(own)
    largest, partner = others.max(2)
    mixed = largest > CLOSE
    two = (others.abs().sum(2) - largest.abs() < CLOSE) & ((own + largest - 1).abs() < CLOSE)
    facts: Outputs = {"each image is mixed of two, shares sum to 1": bool(two.all())}
    if not facts["each image is mixed of two, shares sum to 1"]:
        return facts
    share, even = _share_of_batch(largest, mixed)
    facts |= {
        "one share for the batch": even,
        "each image is somebody's partner once": _is_order(partner, mixed),
        "always the same partners": _same_partners(partner, mixed, share),
        "labels": _labels(weights, y, torch.stack([label for _, label in draws])),
    }
    if even and len(share) >= MANY:
        facts |= _law(share, alpha)
    return facts


MANY = 40  # draws, so that a right λ is never always above one half (2⁻³⁹)
MOST = 0.7  # where the tails of λ's law begin: beyond, an answer that is all but wholly one image looks wholly so


def _law(share: Tensor, alpha: float) -> Outputs:
    """Whether λ is spread as Beta(alpha, alpha).

    Its own law brings λ to a number u that is uniform in 0 … 1, so that |2 u − 1|, cut off at MOST, has known moments.
    Tried out: 60 draws with alpha 0.2 don't see with 2e-5 that λ is uniform, 40 with alpha 10,000 with 4e-4, and both
    together miss it with the product.
    """
    u = torch.from_numpy(betainc(alpha, alpha, share.clamp(0, 1).numpy()))
    wanted = MOST - MOST**2 / 2
    spread = math.sqrt(MOST**3 / 3 + MOST**2 * (1 - MOST) - wanted**2)
    return {
        "the own share is the larger one": share_in_words(int((share > 0.5).sum()), len(share), 0.5),
        "mean place of λ in its law": mean(u, 0.5, math.sqrt(1 / 12)),
        "how far from one half": mean((2 * u - 1).abs().clamp(max=MOST), wanted, spread),
    }


def shares(x: Tensor, out: Tensor) -> Tensor:
    """(draws, N, N): how much of each image of the batch is in each answer (draws, N, …)."""
    basis = x.double().flatten(1)
    found: Tensor = out.double().flatten(2) @ torch.linalg.pinv(basis)
    return found


def _share_of_batch(largest: Tensor, mixed: Tensor) -> tuple[Tensor, bool]:
    """λ of each draw, and whether all images of it have the same."""
    high = torch.where(mixed, largest, -1.0).amax(1)
    low = torch.where(mixed, largest, 2.0).amin(1)
    return 1 - high.clamp(min=0), bool((high - low < CLOSE).all())


def _is_order(partner: Tensor, mixed: Tensor) -> bool:
    """Whether those who are mixed with others are each other's partners, once each."""
    for whom, who in zip(partner, mixed, strict=True):
        if sorted(whom[who].tolist()) != who.nonzero().flatten().tolist():
            return False
    return True


def _same_partners(partner: Tensor, mixed: Tensor, share: Tensor) -> bool:
    """Whether all draws that mix at all mix the same images."""
    clear = (share > 0.01) & (share < 0.99)
    itself = torch.arange(partner.shape[1])
    seen = torch.where(mixed, partner, itself)[clear]
    return len(seen.unique(dim=0)) <= 1


def _labels(weights: Tensor, y: Tensor, got: Tensor) -> str:
    """How labels are mixed, beside the images: `weights` (draws, N, N), `got` (draws, N, K)."""
    wanted = weights @ y.double()
    own = weights.diagonal(dim1=1, dim2=2)[..., None]
    other = torch.where(own < 1 - CLOSE, (wanted - own * y) / (1 - own), y.double())
    swapped = (1 - own) * y + own * other
    winner = torch.where(own >= 0.5, y.double(), other)
    ways = {"mixed as the images": wanted, "left as they were": y.double().expand_as(wanted)}
    ways |= {"mixed the other way round": swapped, "taken from the larger share": winner}
    clear = (own[..., 0] - 0.5).abs() > CLOSE  # which is the larger share
    for name, way in ways.items():
        if bool(((way - got).abs().amax(2) < 5 * CLOSE)[clear].all()):
            return name
    return "mixed otherwise than the images"


def habit(**options: Any) -> Callable[..., Pair]:
    """The oracle with one habit changed."""

    def answer(x: Tensor, y: Tensor, alpha: float = 0.2, seed: int = 0) -> Pair:
        return made(x, y, **{"alpha": alpha, "seed": seed, **options})

    return answer


def _wrong(name: str, says: str, look: str, **options: Any) -> Wrong:
    return Wrong(name, habit(**options), says=says, look=look)


MIXUP = Exercise(
    id="resnet.mixup",
    cases=cases,
    oracle=oracle,
    measure=measure,
    wrong=(
        _wrong(
            "leaves the labels as they were",
            "images are mixed, labels are not: the network is told that a half-and-half image is wholly one thing.",
            "the labels get the same line as the images.",
            labels="kept",
        ),
        _wrong(
            "mixes labels the other way round",
            "the label has the share 1 − λ of its own image; it should be λ, as in the image.",
            "compare the two lines: which factor stands before the own one?",
            labels="swapped",
        ),
        _wrong(
            "mixes labels with other partners",
            "images and labels are mixed with partners of two different orders.",
            "draw one order, and use it twice.",
            labels="apart",
        ),
        _wrong(
            "gives the label of the larger share",
            "labels are not mixed: the image with the larger share gives its whole label.",
            "λ · y + (1 − λ) · y[other].",
            labels="hard",
        ),
        _wrong(
            "draws a share for each image",
            "each image has its own λ. That works too, but asked for is one for the batch.",
            "how many numbers do you draw?",
            share_for="image",
        ),
        _wrong(
            "ignores alpha",
            "λ is uniform between 0 and 1, whatever alpha is.",
            "only Beta(1, 1) is the uniform distribution.",
            law="uniform",
        ),
        _wrong(
            "draws from Beta(alpha, 1)",
            "the second parameter of the distribution is alpha too.",
            "np.random.default_rng(seed).beta(alpha, alpha).",
            law="one-sided",
        ),
        _wrong(
            "never lets the other one win",
            "λ is always at least one half: the own image always has the larger share.",
            "use λ as it was drawn.",
            law="above one half",
        ),
        _wrong(
            "always mixes with the same partner",
            "every draw mixes the same pairs of images (the batch with itself reversed, or moved on by one).",
            "draw a random order.",
            others="reversed",
        ),
        _wrong(
            "draws partners with replacement",
            "some images are the partner of several, others of none.",
            "you want a permutation, not random indices.",
            others="with replacement",
        ),
        _wrong("ignores the seed", "every seed gives the same result.", "hand seed to your generator.", seed=0),
    ),
    hints=(
        "Two draws: λ, and an order of the batch. np.random.default_rng(seed) knows beta and permutation.",
        "torch.from_numpy makes the order a tensor that indexes x and y: x[other] is the batch in that order.",
        "λ · x + (1 − λ) · x[other], and the same with y. Make λ a float first.",
    ),
    points=2,
    minutes=15,
    forbidden=READY_MADE,
)

EXERCISES = (MIXUP,)
