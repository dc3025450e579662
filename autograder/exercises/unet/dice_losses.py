"""Dice losses: of each class, and of all classes together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from autograder.exercises.unet._losses import FLOAT16, FLOAT64, case, finished, foreground, shares, sums, with_ignored
from autograder.exercises.unet._overlap_options import OPTIONS, SAID
from autograder.exercises.unet._ready_made import LOSSES
from autograder.spec import Case, Exercise, Rng, Wrong, of_call

Formula = Callable[[Tensor, Tensor, Tensor, float], Tensor]
LOG3 = 1.0986122886681098


def dice(hits: Tensor, predicted: Tensor, true: Tensor, smooth: float) -> Tensor:
    return 1 - (2 * hits + smooth) / (predicted + true + smooth)


def by(formula: Formula = dice, **change: Any) -> Callable[..., Tensor]:
    """The loss with this formula, and with changes of how it counts (`counts`), of which classes stay (`chosen`) or
    of what is done at the end (`last`)."""
    counts, chosen, last = change.get("counts", sums), change.get("chosen", foreground), change.get("last", finished)

    def answer(
        logits: Tensor,
        labels: Tensor,
        reduction: str = "mean",
        batch: bool = False,
        include_background: bool = True,
        ignore_index: int | None = None,
        smooth: float = 1e-5,
    ) -> Tensor:
        parts = [chosen(part, include_background) for part in counts(logits, labels, batch, ignore_index)]
        losses: Tensor = last(formula(parts[0], parts[1], parts[2], smooth), reduction)
        return losses

    return answer


oracle = by()


def shared_cases(rng: Rng) -> Iterator[Case]:
    """Every option, and what is empty, extreme or stored otherwise."""
    yield case(rng, "one channel, each sample's loss", 3, 1, 4, 5, reduction="none")
    yield case(rng, "three classes, mean", 2, 3, 5, 3)
    yield case(rng, "without background, sum", 2, 4, 3, 5, reduction="sum", include_background=False)
    yield case(rng, "one channel, without background", 2, 1, 3, 4, reduction="none", include_background=False)
    yield case(rng, "the batch as a whole", 3, 3, 4, 3, reduction="none", batch=True)
    yield case(rng, "the batch as a whole, without background, mean", 3, 3, 2, 4, batch=True, include_background=False)
    labels = with_ignored(rng, rng.integers(0, 3, 2, 4, 4), 255)
    yield case(rng, "label 255 ignored", 2, 3, 4, 4, labels=labels, ignore_index=255, reduction="none")
    empty = torch.zeros(2, 3, 3, dtype=torch.long)
    yield case(rng, "nothing there, something predicted", 2, 1, 3, 3, labels=empty, reduction="none")
    nothing = torch.full((1, 1, 3, 3), -1e4)
    yield case(rng, "nothing there, nothing predicted", logits=nothing, labels=empty[:1], reduction="none")
    extreme = 1e4 * rng.normal(2, 3, 3, 3).sign()
    yield case(rng, "logits of ±10,000", logits=extreme)
    yield case(rng, "a volume in float16", 1, 2, 3, 4, 2, dtype=FLOAT16, smooth=1.0)
    logits = 2 * rng.strided(2, 3, 3, 4, dtype=FLOAT64)
    yield case(rng, "not contiguous, float64, smooth 0.1", logits=logits, smooth=0.1)


def cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "three pixels, one channel, by hand",
        logits=torch.tensor([0.0, LOG3, -LOG3]).reshape(1, 1, 1, 3),
        labels=torch.tensor([[[1, 1, 0]]]),
        expect=torch.tensor(1 - 2.50001 / 3.50001),
        note="hits 1.25, predicted 1.5, true 2: 1 − (2 · 1.25 + 0.00001) / (1.5 + 2 + 0.00001) = 0.2857",
        terms=3,
    )
    yield from shared_cases(rng)


def squared(logits: Tensor, labels: Tensor, batch: bool, ignore_index: int | None) -> tuple[Tensor, Tensor, Tensor]:
    hits, _, true = sums(logits, labels, batch, ignore_index)
    p = shares(logits).square()
    p = p if ignore_index is None else p * (labels != ignore_index)[:, None]
    axes = (0, *range(2, p.ndim)) if batch else tuple(range(2, p.ndim))
    return hits, p.sum(axes), true


def samples_averaged(losses: Tensor, reduction: str) -> Tensor:
    return losses.mean(-1).sum() if reduction == "sum" else finished(losses, reduction)


def averaged_formula(hits: Tensor, predicted: Tensor, true: Tensor, smooth: float) -> Tensor:
    return dice(hits.sum(-1), predicted.sum(-1), true.sum(-1), smooth)


def batch_of_means(
    logits: Tensor,
    labels: Tensor,
    reduction: str = "mean",
    batch: bool = False,
    include_background: bool = True,
    ignore_index: int | None = None,
    smooth: float = 1e-5,
) -> Tensor:
    losses = foreground(dice(*sums(logits, labels, False, ignore_index), smooth), include_background)
    return finished(losses.mean(0) if batch else losses, reduction)


def of_options(formula: Formula) -> tuple[Wrong, ...]:
    """What goes wrong with options, whatever the formula."""
    return tuple(Wrong(name, by(formula, **change), *SAID[name]) for name, change in OPTIONS)


SOFT_DICE_LOSS = Exercise(
    id="unet.soft_dice_loss",
    cases=cases,
    oracle=oracle,
    wrong=(
        Wrong(
            "gives the overlap, not the loss",
            by(lambda h, p, t, s: 1 - dice(h, p, t, s)),
            says="more overlap gives a larger number: this is the Dice score.",
            look="a loss falls when the answer gets better.",
        ),
        Wrong(
            "gives minus the overlap",
            by(lambda h, p, t, s: dice(h, p, t, s) - 1),
            says="the loss is minus the Dice score, so a perfect answer has −1; here it has 0.",
            look="1 − …",
        ),
        Wrong(
            "costs nothing where nothing is there",
            by(lambda h, p, t, s: dice(h, p, t, s) * (t > 0)),
            says="a class that isn't there has loss 0, even where it is predicted.",
            look="the table in the contract: nearly 1, however little is predicted.",
        ),
        Wrong(
            "has a smooth of its own",
            by(lambda h, p, t, s: dice(h, p, t, 1e-5)),
            says="`smooth` changes nothing.",
            look="it stands above and below.",
        ),
        Wrong(
            "forgets the 2",
            by(lambda h, p, t, s: 1 - (h + s) / (p + t + s)),
            says="hits are counted once above, twice below (in predicted and in true): a perfect answer loses ½.",
            look="2 · hits.",
        ),
        Wrong(
            "takes the IoU",
            by(lambda h, p, t, s: 1 - (h + s) / (p + t - h + s)),
            says="this is hits over the union (Jaccard); Dice is twice the hits over the sum of both sizes.",
            look="the divisor is predicted + true.",
        ),
        Wrong(
            "smooths the divisor alone",
            by(lambda h, p, t, s: 1 - 2 * h / (p + t + s)),
            says="a class that is neither there nor predicted gets loss 1, though nothing is wrong.",
            look="smooth stands above and below.",
        ),
        Wrong(
            "smooths with twice as much above",
            by(lambda h, p, t, s: 1 - 2 * (h + s) / (p + t + s)),
            says="smooth is doubled above, so that the loss of an empty class is −1.",
            look="2 · hits + smooth.",
        ),
        Wrong(
            "squares the probabilities below",
            by(counts=squared),
            says="the divisor has squared probabilities, as in V-Net; here they are summed as they are.",
            look="soft_counts' second sum.",
        ),
        Wrong(
            "adds up the classes first",
            by(averaged_formula),
            says="hits and sizes are added over the classes before dividing, so large classes decide.",
            look="a quotient for each class.",
        ),
        Wrong(
            "takes means of samples for the batch",
            batch_of_means,
            says="with `batch` the samples' losses are averaged; sums run over the batch, then there is one quotient.",
            look="soft_counts(…, batch).",
        ),
        Wrong(
            "sums over samples, but averages classes",
            by(last=samples_averaged),
            says='"sum" adds up the samples and averages the classes; it adds up all losses.',
            look="one sum().",
        ),
        *of_options(dice),
    ),
    hints=(
        "soft_counts(logits, labels, batch, ignore_index) gives three sums for each class.",
        "One quotient for each, then leave out class 0 if asked (`foreground`), then `reduced`.",
    ),
    points=2,
    minutes=12,
    needs=("unet.soft_counts",),
    forbidden=LOSSES,
)


# --- all classes together --------------------------------------------------------------------------------------------


def weighted(weight: Callable[[Tensor], Tensor]) -> Formula:
    def formula(hits: Tensor, predicted: Tensor, true: Tensor, smooth: float) -> Tensor:
        w = weight(true)
        return 1 - (2 * (w * hits).sum(-1) + smooth) / ((w * (predicted + true)).sum(-1) + smooth)

    return formula


def rarest_is_one(true: Tensor) -> Tensor:
    """By way of logarithms, and the classes that are not there last."""
    found = true.clamp(min=1).log()
    smallest = found.masked_fill(true == 0, torch.inf).amin(-1, keepdim=True)
    return (2 * (smallest - found)).exp().masked_fill(true == 0, 1.0)


generalised = weighted(rarest_is_one)


def generalised_cases(rng: Rng) -> Iterator[Case]:
    p = torch.tensor([[0.75] * 10 + [0.25] * 2])  # of class 0: in 9 pixels of its own and 3 of the other
    labels = torch.tensor([[0] * 9 + [1] * 3])
    hits0, predicted0 = 9 * 0.75, 10 * 0.75 + 2 * 0.25
    hits1, predicted1 = 0.25 + 2 * 0.75, 10 * 0.25 + 2 * 0.75
    yield of_call(
        "nine pixels and three, by hand",
        logits=torch.stack([p.log(), (1 - p).log()], 1).reshape(1, 2, 3, 4),
        labels=labels.reshape(1, 3, 4),
        expect=torch.tensor(1 - (2 * (hits0 / 9 + hits1) + 1e-5) / ((predicted0 + 9) / 9 + predicted1 + 3 + 1e-5)),
        note="hits 6.75 and 1.75, predicted 8 and 4, true 9 and 3; w = (3/9)² = 1/9 and 1: "
        "1 − 2 · (6.75/9 + 1.75) / (17/9 + 7) = 0.4375",
        terms=12,
    )
    yield from shared_cases(rng)
    rare = (rng.uniform(2, 6, 7) < 0.1).long() + 2 * (rng.uniform(2, 6, 7) < 0.15).long()
    rare[:, 0, 0], rare[:, 0, 1], rare[:, 0, 2] = 1, 2, 3
    yield case(rng, "two rare classes and one in between", 2, 4, 6, 7, labels=rare, reduction="none")
    most = rng.integers(1, 3, 1, 4, 5)
    most[0, 0, 0] = 0
    yield case(
        rng, "a rare background left out, smooth 2", 1, 3, 4, 5, labels=most, include_background=False, smooth=2.0
    )
    gone = rng.integers(0, 2, 2, 5, 4)
    gone[gone == 1] = 3
    yield case(rng, "classes that are not there", 2, 4, 5, 4, labels=gone, reduction="none")


def over(power: float) -> Callable[[Tensor], Tensor]:
    return lambda true: rarest_is_one(true) ** power


def plain_inverse(true: Tensor) -> Tensor:
    return 1 / true.clamp(min=1).square()


def absent_out(true: Tensor) -> Tensor:
    return rarest_is_one(true) * (true > 0)


def inverse_over_sum(true: Tensor) -> Tensor:
    w = rarest_is_one(true)
    return w / w.sum(-1, keepdim=True)


def clamped(true: Tensor) -> Tensor:
    """Scaled by the smallest count of all, an absent class counting as one pixel."""
    n = true.clamp(min=1)
    return (n.amin(-1, keepdim=True) / n).square()


def nothing_is_zero(true: Tensor) -> Tensor:
    smallest = true.where(true > 0, torch.inf).amin(-1, keepdim=True)
    return (smallest / true).square()


def each_class(hits: Tensor, predicted: Tensor, true: Tensor, smooth: float) -> Tensor:
    w = rarest_is_one(true)
    return (w * dice(hits, predicted, true, smooth)).sum(-1) / w.sum(-1)


def weights_before_choice(
    logits: Tensor,
    labels: Tensor,
    reduction: str = "mean",
    batch: bool = False,
    include_background: bool = True,
    ignore_index: int | None = None,
    smooth: float = 1e-5,
) -> Tensor:
    hits, predicted, true = sums(logits, labels, batch, ignore_index)
    w = foreground(rarest_is_one(true), include_background)
    h, p, t = (foreground(part, include_background) for part in (hits, predicted, true))
    return finished(1 - (2 * (w * h).sum(-1) + smooth) / ((w * (p + t)).sum(-1) + smooth), reduction)


GENERALISED_DICE_LOSS = Exercise(
    id="unet.generalised_dice_loss",
    cases=generalised_cases,
    oracle=by(generalised),
    wrong=(
        Wrong(
            "doesn't weight",
            by(weighted(torch.ones_like)),
            says="all classes are added up as they are, so the largest decides.",
            look="w, above and below.",
        ),
        Wrong(
            "weights by 1 over the count",
            by(weighted(over(0.5))),
            says="the weight falls with the count; it falls with its square.",
            look="(s / true)².",
        ),
        Wrong(
            "takes 1 / true² as it is",
            by(weighted(plain_inverse)),
            says="the weights aren't scaled, so that `smooth` is large beside the sums.",
            look="the rarest class that is there has weight 1.",
        ),
        Wrong(
            "gives weights that sum to 1",
            by(weighted(inverse_over_sum)),
            says="the weights are divided by their sum; the rarest class has exactly 1.",
            look="`smooth` makes the difference.",
        ),
        Wrong(
            "gives absent classes no weight",
            by(weighted(absent_out)),
            says="what is predicted of a class that isn't there costs nothing.",
            look="which weight has a class with true = 0?",
        ),
        Wrong(
            "takes an absent class for one pixel",
            by(weighted(clamped)),
            says="a class that isn't there counts as one pixel, the rarest of all, and the others' weights vanish.",
            look="s is the smallest count among the classes that are there.",
        ),
        Wrong(
            "divides by 0 where a class is absent",
            by(weighted(nothing_is_zero)),
            says="a class that isn't there has the weight (s / 0)², infinite or NaN; it has 1.",
            look="torch.where with both sides finite.",
        ),
        Wrong(
            "forgets the 2",
            by(
                lambda h, p, t, s: 1 - ((rarest_is_one(t) * h).sum(-1) + s) / ((rarest_is_one(t) * (p + t)).sum(-1) + s)
            ),
            says="hits are counted once above, twice below (in predicted and in true): a perfect answer loses ½.",
            look="2 · Σ w · hits.",
        ),
        Wrong(
            "averages the classes' losses",
            by(each_class),
            says="each class has its own quotient, and these are averaged; there is one quotient of weighted sums.",
            look="sum above, sum below, then divide.",
        ),
        Wrong(
            "weights with the background that was left out",
            weights_before_choice,
            says="the class that was left out still decides on s.",
            look="leave it out first, then look for the rarest.",
        ),
        *of_options(generalised)[1:],
    ),
    hints=(
        "Leave out class 0 in all three sums first (`foreground`), then look for the smallest true above 0: "
        "true.where(true > 0, inf).amin(-1, keepdim=True).",
        "w = (s / true)² where true > 0, else 1. Mind inf / inf where no class is there.",
        "1 − (2 · (w · hits).sum(−1) + smooth) / ((w · (predicted + true)).sum(−1) + smooth), then `reduced`.",
    ),
    points=2,
    minutes=15,
    needs=("unet.soft_counts",),
    forbidden=LOSSES,
)

EXERCISES = (SOFT_DICE_LOSS, GENERALISED_DICE_LOSS)
