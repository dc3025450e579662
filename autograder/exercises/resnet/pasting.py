"""cutmix. No two images share a pixel, so that every pixel says whose it is."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, Literal

import numpy as np
import torch
from scipy.special import betaincinv
from torch import Tensor

from autograder.exercises.resnet.crops import READY_MADE
from autograder.exercises.resnet.draws import drawn, draws_of, mean, repeated, repeats
from autograder.exercises.resnet.mixing import Pair, soft
from autograder.spec import Case, Exercise, Outputs, Rng, Wrong

CLOSE = 1e-4
HALF = 1e5  # an alpha with which λ is 0.5 to two digits
FINE = 200  # steps of λ, where the law is worked out


def made(
    x: Tensor,
    y: Tensor,
    alpha: float,
    seed: int,
    *,
    law: Literal["beta", "uniform"] = "beta",
    side: Literal["root", "share"] = "root",
    place: Literal["centre", "inside", "corner"] = "centre",
    boxes: Literal["batch", "image"] = "batch",
    others: Literal["permutation", "reversed", "black"] = "permutation",
    labels: Literal["area", "drawn", "swapped", "kept"] = "area",
) -> Pair:
    """Images with a box of another, and mixed labels, with the habits of mistakes."""
    random, n = np.random.default_rng(seed), len(x)
    height, width = x.shape[2:]
    a = 1.0 if law == "uniform" else alpha
    order = random.permutation(n) if others != "reversed" else np.arange(n)[::-1].copy()
    source = torch.zeros_like(x) if others == "black" else x[torch.from_numpy(order)]
    mixed, own = x.clone(), torch.ones(n, dtype=torch.float64)
    share = random.beta(a, a)
    for i in range(n) if boxes == "image" else [slice(0, n)]:
        share = random.beta(a, a) if boxes == "image" else share
        part = math.sqrt(1 - share) if side == "root" else 1 - share
        h, w = int(height * part), int(width * part)
        rows = _stretch(random, height, h, place)
        columns = _stretch(random, width, w, place)
        mixed[i, :, rows, columns] = source[i, :, rows, columns]
        own[i] = 1 - (rows.stop - rows.start) * (columns.stop - columns.start) / (height * width)
    if labels == "kept":
        return mixed, y.clone()
    if labels == "drawn":
        own = torch.full_like(own, share)
    own = (1 - own if labels == "swapped" else own).to(y)[:, None]
    return mixed, own * y + (1 - own) * y[torch.from_numpy(order)]


def _stretch(random: np.random.Generator, length: int, count: int, place: str) -> slice:
    """`count` rows or columns out of `length`, or what is left of them inside."""
    if place == "inside":
        first = int(random.integers(length - count + 1))
    else:
        first = int(random.integers(length)) - (count // 2 if place == "centre" else 0)
    return slice(max(first, 0), min(first + count, length))


def oracle(x: Tensor, y: Tensor, alpha: float = 1.0, seed: int = 0) -> Pair:
    return made(x, y, alpha, seed)


def cases(rng: Rng) -> Iterator[Case]:
    two = torch.tensor([1.0, 2.0]).reshape(2, 1, 1, 1).repeat(1, 1, 4, 4)
    yield drawn(
        "one image of 1s and one of 2s, 12 draws, by hand",
        rng,
        note="with λ = 0.75 a box of √0.25 · 4 = 2 by 2 pixels of 16: the label is 12/16 own. In the corner only one "
        "of them is inside: 15/16",
        times=12,
        x=two,
        y=torch.eye(2),
    )
    half: dict[str, Any] = {"x": rng.uniform(5, 2, 20, 22, low=0.1), "y": soft(rng, 5, 3), "alpha": HALF}
    yield drawn("λ always close to one half, 48 draws", rng, times=48, **half)
    yield drawn("not square, 34 draws", rng, times=34, x=rng.uniform(4, 3, 10, 18, low=0.1), y=soft(rng, 4, 4))
    x, y = rng.strided(6, 2, 9, 7, dtype=torch.float64), torch.eye(6, dtype=torch.float64)
    yield drawn("alpha 0.3, float64, not contiguous, 12 draws", rng, times=12, x=x, y=y, alpha=0.3)
    yield repeated(rng, x=rng.uniform(8, 3, 16, 16), y=torch.eye(8))


# A right answer seems wrong with less than 1e-6. Of 34 draws with alpha 1, none shows a small box with 0.61³⁴ = 4e-8,
# none a large one with 0.57³⁴ = 5e-9; of 12 with alpha 0.3, fewer than two show a box with 5e-8; the mean of 48 areas
# is off by Z with at most 1e-7 (Chernoff's bound on the exact law).
def measure(case: Case, outputs: Outputs) -> Outputs:
    """Which pixels come from whom, whether labels count them, and how large boxes are over the draws."""
    if "again" in outputs:
        return repeats(outputs)
    x, y, alpha = case.inputs["x"], case.inputs["y"], case.inputs.get("alpha", 1.0)
    draws = draws_of(outputs)
    if any(out.shape != x.shape or out.dtype != x.dtype for out, _ in draws):
        raise ValueError("another shape or dtype")
    if any(label.shape != y.shape or label.dtype != y.dtype for _, label in draws):
        raise ValueError("another shape or dtype")
    d = _Draws(x, y, torch.stack([out for out, _ in draws]), torch.stack([label for _, label in draws]))
    facts: Outputs = {"every pixel is the image's own or one other's, at its old place": d.known}
    if not d.known:
        return facts | {"pixels set to 0": d.blackened}
    facts |= {"one box for the batch": d.one_box, "labels": d.labels}
    if not d.one_box or len(x) == 2:  # of two images, every second order changes nothing
        return facts
    facts |= {
        "each image is somebody's partner once": d.is_order,
        "always the same partners": len(d.partner[d.clear].unique(dim=0)) <= 1,
    }
    area = d.area[d.clear]
    if alpha == 1.0:
        facts["small boxes and large ones come"] = bool((area < 0.25).any() and (area > 0.3).any())
    if alpha == HALF:
        facts["mean area of the box"] = mean(area, *law_of_area(x.shape[2], x.shape[3], alpha))
        facts |= _edges(d)
    return facts


def _edges(d: _Draws) -> Outputs:
    """How tall a whole box is, and whether boxes are cut off above and below.

    With HALF a whole box of 20 rows has 14. Its centre is one of the 7 uppermost rows with the probability 0.35, of the
    6 lowest with 0.3, so none of 48 draws is cut off below with 0.7⁴⁸ = 4e-8.
    """
    tall, most = d.rows.sum(1), int(d.rows.sum(1).max())
    above, below = d.rows[:, 0], d.rows[:, -1]
    return {
        "boxes are cut off at the upper edge": bool((above & ~below & (tall < most)).any()),
        "boxes are cut off at the lower edge": bool((below & ~above & (tall < most)).any()),
        "largest box": _size(most / d.rows.shape[1]),
    }


BY_AREA = "by the area of the box"


class _Draws:
    """What D answers show: out (D, N, C, H, W) and label (D, N, K).

    known: whether every pixel has an owner; blackened: whether the others are all 0. clear: the draws in which a box
    can be seen, (D,); partner: whose pixels an image got, (D, N); area: of the box, (D,); rows: those it takes, (D, H).
    """

    def __init__(self, x: Tensor, y: Tensor, out: Tensor, label: Tensor) -> None:
        n, _, height, width = x.shape
        owned = (out[:, :, None] == x).all(3).flatten(3)  # (draw, answer, owner, pixel)
        foreign = ~owned.diagonal(dim1=1, dim2=2).transpose(1, 2)  # (draw, answer, pixel)
        explained = (owned | ~foreign[:, :, None]).all(3)
        self.known = bool(explained.any(2).all())
        self.blackened = bool(((out == 0).all(2).flatten(2) | ~foreign).all())
        changed = foreign.any(2)
        self.clear = changed.any(1)
        self.partner = torch.where(changed, explained.long().argmax(2), torch.arange(n))
        box = foreign.any(1)
        self.area = box.double().mean(1)
        self.rows, columns = (box.reshape(-1, height, width).any(axis) for axis in (2, 1))
        whole = (self.rows[:, :, None] & columns[:, None]).flatten(1)
        each = bool((foreign == (whole[:, None] & changed[:, :, None])).all())
        self.one_box = each and _in_a_row(self.rows) and _in_a_row(columns)
        ordered = torch.where(changed, self.partner, torch.arange(n)).sort(1).values
        self.is_order = bool((ordered == torch.arange(n)).all())
        self.labels = self._labels(y.double(), label.double(), foreign.double().mean(2)[..., None])

    def _labels(self, y: Tensor, label: Tensor, area: Tensor) -> str:
        """How the labels are mixed in the first draw where it isn't by the area."""
        own, other = y.expand_as(label), y[self.partner]
        ways = {
            BY_AREA: (1 - area) * own + area * other,
            "left as they were": own,
            "by the area, the other way round": area * own + (1 - area) * other,
            "by another share than the area": _on_the_line(own, other, label),
        }
        fits = {name: (way - label).abs().amax((1, 2)) < CLOSE for name, way in ways.items()}
        odd = (self.clear & ~fits[BY_AREA]).nonzero().flatten().tolist()
        if not odd:
            return BY_AREA
        return next((name for name, fit in fits.items() if bool(fit[odd[0]])), "not a mixture of the two")


def _on_the_line(one: Tensor, other: Tensor, found: Tensor) -> Tensor:
    """The mixtures of the rows `one` and `other` that are closest to `found`."""
    way = other - one
    part = ((found - one) * way).sum(-1, keepdim=True) / way.square().sum(-1, keepdim=True).clamp(min=1e-12)
    return one + part * way


def _in_a_row(lines: Tensor) -> bool:
    """Whether the true values of each line have no gap: it begins once at most."""
    begins = lines[:, :1].sum(1) + (lines[:, 1:] & ~lines[:, :-1]).sum(1)
    return bool((begins <= 1).all())


def _size(part: float) -> str:
    """The largest height of a box where λ is one half."""
    if part < 0.6:
        return "too small"
    return "too large" if part > 0.76 else "about 0.7 of the height, √(1 − 0.5)"


def law_of_area(height: int, width: int, alpha: float) -> tuple[float, float]:
    """Mean and standard deviation of the share of the image that a box covers, once it is cut off at the border."""
    share = torch.from_numpy(betaincinv(alpha, alpha, (np.arange(FINE) + 0.5) / FINE))
    side = (1 - share).sqrt()
    means = [_lengths(size, (size * side).floor()) for size in (height, width)]
    first = means[0][0] * means[1][0] / (height * width)
    second = means[0][1] * means[1][1] / (height * width) ** 2
    average = float(first.mean())
    return average, math.sqrt(max(float(second.mean()) - average**2, 0.0))


def _lengths(size: int, count: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and mean square of what is left of `count` rows around a centre that may be any of `size`."""
    first = torch.arange(size, dtype=torch.float64) - (count // 2)[:, None]
    left = (first + count[:, None]).clamp(max=size) - first.clamp(min=0)
    return left.mean(1), left.square().mean(1)


def habit(**options: Any) -> Callable[..., Pair]:
    """The oracle with one habit changed."""

    def answer(x: Tensor, y: Tensor, alpha: float = 1.0, seed: int = 0) -> Pair:
        return made(x, y, **{"alpha": alpha, "seed": seed, **options})

    return answer


def _wrong(name: str, says: str, look: str, **options: Any) -> Wrong:
    return Wrong(name, habit(**options), says=says, look=look)


CUTMIX = Exercise(
    id="resnet.cutmix",
    cases=cases,
    oracle=oracle,
    measure=measure,
    wrong=(
        _wrong(
            "mixes labels by λ as it was drawn",
            "the labels are mixed by λ as it was drawn, but the box was rounded and cut off since: it covers less.",
            "count the pixels that the box has in the end.",
            labels="drawn",
        ),
        _wrong(
            "mixes labels the other way round",
            "the share of the box goes to the image's own label.",
            "the box is the other's. How much is left of the own image?",
            labels="swapped",
        ),
        _wrong(
            "leaves the labels as they were",
            "a box is pasted, but the labels say nothing of it.",
            "labels are mixed by area.",
            labels="kept",
        ),
        _wrong(
            "takes 1 − λ for the side",
            "the side of the box is 1 − λ of the image's, so its area is (1 − λ)².",
            "which side has a square of the area 1 − λ?",
            side="share",
        ),
        _wrong(
            "keeps the box inside the image",
            "the box always lies wholly inside; its centre should be any pixel, and what lies outside be cut off.",
            "draw the centre, not the corner.",
            place="inside",
        ),
        _wrong(
            "takes the centre for the corner",
            "the box begins at the pixel that was drawn; that pixel should be its middle.",
            "half the box lies above its centre.",
            place="corner",
        ),
        _wrong(
            "cuts a box for each image",
            "each image has its own box. That works too, but asked for is one for the batch.",
            "draw λ and the centre once.",
            boxes="image",
        ),
        _wrong(
            "ignores alpha",
            "λ is uniform between 0 and 1, whatever alpha is.",
            "only Beta(1, 1) is the uniform distribution.",
            law="uniform",
        ),
        _wrong(
            "always pastes from the same partner",
            "every draw takes the same pairs of images.",
            "draw a random order.",
            others="reversed",
        ),
        _wrong(
            "pastes a black box",
            "the box is filled with zeros: that is cutout. Here another image shows through.",
            "x[other] at the same rows and columns.",
            others="black",
        ),
        _wrong("ignores the seed", "every seed gives the same result.", "hand seed to your generator.", seed=0),
    ),
    hints=(
        "λ, an order and a centre: np.random.default_rng(seed) knows beta, permutation and integers.",
        "The box: int(H · √(1 − λ)) rows, beginning at centre − rows // 2. Cut off at 0; slices cut off the end.",
        "mixed = x.clone(); mixed[:, :, rows, columns] = x[other, :, rows, columns], with rows and columns as slices.",
        "own = 1 − (pixels of the slice) / (H · W); own · y + (1 − own) · y[other].",
    ),
    points=3,
    minutes=20,
    forbidden=READY_MADE,
)

EXERCISES = (CUTMIX,)
