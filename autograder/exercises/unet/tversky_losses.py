"""Tversky losses: misses and false alarms at different prices."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from autograder.exercises.unet._losses import FLOAT16, FLOAT64, case, finished, foreground, sums, with_ignored
from autograder.exercises.unet._overlap_options import OPTIONS, SAID
from autograder.exercises.unet._ready_made import LOSSES
from autograder.exercises.unet.dice_losses import LOG3
from autograder.spec import Case, Exercise, Rng, Wrong, of_call

Formula = Callable[[Tensor, Tensor, Tensor, float, float, float], Tensor]


def tversky(hits: Tensor, predicted: Tensor, true: Tensor, alpha: float, beta: float, smooth: float) -> Tensor:
    return 1 - (hits + smooth) / (hits + alpha * (predicted - hits) + beta * (true - hits) + smooth)


def by(formula: Formula = tversky, **change: Any) -> Callable[..., Tensor]:
    """As in `dice_losses`, for this exercise's parameters."""
    counts, chosen, last = change.get("counts", sums), change.get("chosen", foreground), change.get("last", finished)

    def answer(
        logits: Tensor,
        labels: Tensor,
        alpha: float = 0.3,
        beta: float = 0.7,
        reduction: str = "mean",
        batch: bool = False,
        include_background: bool = True,
        ignore_index: int | None = None,
        smooth: float = 1e-5,
    ) -> Tensor:
        parts = [chosen(part, include_background) for part in counts(logits, labels, batch, ignore_index)]
        losses: Tensor = last(formula(parts[0], parts[1], parts[2], alpha, beta, smooth), reduction)
        return losses

    return answer


def cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "three pixels, one channel, by hand",
        logits=torch.tensor([0.0, LOG3, -LOG3]).reshape(1, 1, 1, 3),
        labels=torch.tensor([[[1, 1, 0]]]),
        expect=torch.tensor(1 - 1.25001 / 1.85001),
        note="hits 1.25, false alarms 1.5 − 1.25 = 0.25, misses 2 − 1.25 = 0.75: "
        "1 − 1.25 / (1.25 + 0.3 · 0.25 + 0.7 · 0.75) = 0.3243",
        terms=3,
    )
    yield from shared_cases(rng)


def shared_cases(rng: Rng) -> Iterator[Case]:
    yield case(rng, "0.9 and 0.2, each sample's loss", 3, 1, 4, 5, alpha=0.9, beta=0.2, reduction="none")
    yield case(rng, "weights above 1, without background, sum", 2, 4, 3, 5, **_heavy("sum"), include_background=False)
    yield case(rng, "one channel, without background", 2, 1, 3, 4, reduction="none", include_background=False)
    yield case(rng, "the batch as a whole", 3, 3, 4, 3, reduction="none", batch=True)
    labels = with_ignored(rng, rng.integers(0, 3, 2, 4, 4), 255)
    yield case(rng, "label 255 ignored", 2, 3, 4, 4, labels=labels, ignore_index=255, reduction="none")
    empty = torch.zeros(1, 3, 3, dtype=torch.long)
    yield case(rng, "nothing there, something predicted", 1, 1, 3, 3, labels=empty)
    yield case(rng, "nothing there, nothing predicted", logits=torch.full((1, 1, 3, 3), -1e4), labels=empty)
    yield case(rng, "logits of ±10,000", logits=1e4 * rng.normal(2, 3, 3, 3).sign())
    yield case(rng, "a volume in float16", 1, 2, 3, 4, 2, dtype=FLOAT16, smooth=1.0)
    yield case(
        rng, "not contiguous, float64, smooth 0.1", logits=2 * rng.strided(2, 3, 3, 4, dtype=FLOAT64), smooth=0.1
    )


def _heavy(reduction: str) -> dict[str, Any]:
    return {"alpha": 1.5, "beta": 2.0, "reduction": reduction}


def of_options(formula: Formula) -> tuple[Wrong, ...]:
    """What goes wrong with options."""
    return tuple(Wrong(name, by(formula, **change), *SAID[name]) for name, change in OPTIONS)


TVERSKY_LOSS = Exercise(
    id="unet.tversky_loss",
    cases=cases,
    oracle=by(),
    wrong=(
        Wrong(
            "has alpha and beta the other way round",
            by(lambda h, p, t, a, b, s: tversky(h, p, t, b, a, s)),
            says="alpha weighs the misses and beta the false alarms; it is the other way round.",
            look="which is 0.7, and what should cost more?",
        ),
        Wrong(
            "weighs predicted and true",
            by(lambda h, p, t, a, b, s: 1 - (h + s) / (h + a * p + b * t + s)),
            says="alpha and beta multiply the sizes of both regions; they multiply what is only in one of them.",
            look="false alarms are predicted − hits.",
        ),
        Wrong(
            "leaves the hits out of the divisor",
            by(lambda h, p, t, a, b, s: 1 - (h + s) / (a * (p - h) + b * (t - h) + s)),
            says="the divisor has only the errors; a perfect answer would divide by smooth.",
            look="hits + alpha · … + beta · …",
        ),
        Wrong(
            "gives the index, not the loss",
            by(lambda h, p, t, a, b, s: 1 - tversky(h, p, t, a, b, s)),
            says="more overlap gives a larger number: this is the Tversky index.",
            look="1 − it.",
        ),
        Wrong(
            "takes 1 − alpha for beta",
            by(lambda h, p, t, a, b, s: tversky(h, p, t, a, 1 - a, s)),
            says="beta changes nothing; misses are weighed by 1 − alpha.",
            look="alpha and beta need not sum to 1.",
        ),
        Wrong(
            "counts the hits twice",
            by(lambda h, p, t, a, b, s: 1 - (2 * h + s) / (2 * h + a * (p - h) + b * (t - h) + s)),
            says="the hits are doubled, as in Dice; here they count once, above and below.",
            look="hits + alpha · … + beta · …",
        ),
        Wrong(
            "has a smooth of its own",
            by(lambda h, p, t, a, b, s: tversky(h, p, t, a, b, 1e-5)),
            says="`smooth` changes nothing.",
            look="it stands above and below.",
        ),
        Wrong(
            "is always Dice",
            by(lambda h, p, t, a, b, s: tversky(h, p, t, 0.5, 0.5, s)),
            says="alpha and beta change nothing: ½ and ½.",
            look="where do they stand in your answer?",
        ),
        Wrong(
            "smooths the divisor alone",
            by(lambda h, p, t, a, b, s: 1 - h / (h + a * (p - h) + b * (t - h) + s)),
            says="a class that is neither there nor predicted gets loss 1, though nothing is wrong.",
            look="smooth stands above and below.",
        ),
        *of_options(tversky),
    ),
    hints=(
        "soft_counts gives three sums. What was predicted and isn't true? What is true and wasn't predicted?",
        "False alarms: predicted − hits; misses: true − hits. The rest is as in soft_dice_loss.",
    ),
    points=2,
    minutes=10,
    needs=("unet.soft_counts",),
    forbidden=LOSSES,
)


# --- to a power ------------------------------------------------------------------------------------------------------


def lifted(losses: Tensor, gamma: float) -> Tensor:
    """0 stays 0, with no gradient."""
    powers = torch.zeros_like(losses)
    powers[losses > 0] = losses[losses > 0] ** gamma
    return powers


def focal_by(power: Callable[[Tensor, float], Tensor] = lifted, **change: Any) -> Callable[..., Tensor]:
    """The loss to a power like this, taken before the reduction unless `change` has one of its own."""
    formula, late = change.get("formula", tversky), change.get("late", False)

    def answer(
        logits: Tensor,
        labels: Tensor,
        alpha: float = 0.3,
        beta: float = 0.7,
        gamma: float = 0.75,
        reduction: str = "mean",
        batch: bool = False,
        include_background: bool = True,
        ignore_index: int | None = None,
        smooth: float = 1e-5,
    ) -> Tensor:
        ignored = None if change.get("all", False) else ignore_index
        parts = sums(logits, labels, batch and not change.get("single", False), ignored)
        h, p, t = (foreground(part, include_background) for part in parts)
        losses = formula(h, p, t, alpha, beta, smooth)
        if late:
            return power(finished(losses, reduction), gamma)
        return finished(power(losses, gamma), reduction)

    return answer


def focal_cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "three pixels, one channel, by hand",
        logits=torch.tensor([0.0, LOG3, -LOG3]).reshape(1, 1, 1, 3),
        labels=torch.tensor([[[1, 1, 0]]]),
        expect=torch.tensor((1 - 1.25001 / 1.85001) ** 0.75),
        note="tversky_loss 0.3243 (see there), 0.3243^0.75 = 0.4298",
        terms=3,
    )
    yield case(rng, "gamma 2, classes, mean", 2, 3, 4, 5, gamma=2.0)
    yield case(rng, "gamma 0.5", 2, 2, 3, 3, gamma=0.5, alpha=0.6, beta=0.6)
    yield from shared_cases(rng)
    labels = rng.integers(0, 2, 1, 3, 4)
    yield case(rng, "a perfect answer", logits=2e4 * labels[:, None].float() - 1e4, labels=labels)


def loss_of_reciprocal(losses: Tensor, gamma: float) -> Tensor:
    return lifted(losses, 1 / gamma)


def bare(losses: Tensor, gamma: float) -> Tensor:
    return losses**gamma


def nudged(losses: Tensor, gamma: float) -> Tensor:
    return (losses.clamp(min=0) + 1e-3) ** gamma


def swapped(h: Tensor, p: Tensor, t: Tensor, alpha: float, beta: float, smooth: float) -> Tensor:
    return tversky(h, p, t, beta, alpha, smooth)


def halves(h: Tensor, p: Tensor, t: Tensor, alpha: float, beta: float, smooth: float) -> Tensor:
    return tversky(h, p, t, 0.3, 0.7, smooth)


FOCAL_TVERSKY_LOSS = Exercise(
    id="unet.focal_tversky_loss",
    cases=focal_cases,
    oracle=focal_by(),
    wrong=(
        Wrong(
            "takes the power of the mean",
            focal_by(late=True),
            says="the power is taken after the reduction; each loss gets it for itself.",
            look='ask tversky_loss for "none".',
        ),
        Wrong(
            "takes the root 1 / gamma",
            focal_by(loss_of_reciprocal),
            says="the power is 1 / gamma, as the paper writes it; here gamma itself is the power.",
            look="gamma = 0.75 lifts 0.1 to 0.178.",
        ),
        Wrong(
            "takes the power of the index",
            focal_by(lambda losses, gamma: 1 - lifted(1 - losses, gamma)),
            says="the power is taken of the overlap, then subtracted from 1; it is taken of the loss.",
            look="tversky_loss(…) ** gamma.",
        ),
        Wrong(
            "has an infinite gradient at 0",
            focal_by(bare),
            says="where the loss is 0 the power's slope is infinite, and the gradient NaN.",
            look="what is the derivative of x^0.75 at 0? `torch.where` alone doesn't help: both of its sides are "
            "differentiated.",
        ),
        Wrong(
            "adds something to the loss first",
            focal_by(nudged),
            says="a small number is added before the power: a perfect answer doesn't have loss 0 any more.",
            look="leave out what is 0, and nothing else.",
        ),
        Wrong(
            "multiplies by gamma",
            focal_by(lambda losses, gamma: gamma * losses.clamp(min=0)),
            says="gamma is a factor; it is a power.",
            look="**.",
        ),
        Wrong(
            "forgets gamma",
            focal_by(lambda losses, gamma: losses.clamp(min=0)),
            says="gamma changes nothing.",
            look="the power.",
        ),
        Wrong(
            "has alpha and beta the other way round",
            focal_by(formula=swapped),
            says="alpha and beta are handed on in the wrong order.",
            look="alpha comes first.",
        ),
        Wrong(
            "keeps tversky_loss's own alpha and beta",
            focal_by(formula=halves),
            says="alpha and beta aren't handed on.",
            look="give all options to tversky_loss.",
        ),
        Wrong(
            "counts ignored pixels",
            focal_by(all=True),
            says="`ignore_index` isn't handed on.",
            look="give all options to tversky_loss.",
        ),
        Wrong(
            "never looks at the whole batch",
            focal_by(single=True),
            says="`batch` isn't handed on.",
            look="give all options to tversky_loss.",
        ),
    ),
    hints=(
        'losses = tversky_loss(…, reduction="none", …), then the power, then `reduced`.',
        "Where the loss is 0, put a 1 under the power and a 0 over its result: torch.where twice.",
    ),
    points=2,
    minutes=10,
    needs=("unet.tversky_loss",),
    forbidden=LOSSES,
)

EXERCISES = (TVERSKY_LOSS, FOCAL_TVERSKY_LOSS)
