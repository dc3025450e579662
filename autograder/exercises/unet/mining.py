"""Losses of the hardest pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from autograder.exercises.unet._losses import FLOAT16, FLOAT64, case, finished, kept
from autograder.exercises.unet._ready_made import LOSSES
from autograder.exercises.unet.focal_losses import log_p
from autograder.spec import Case, Exercise, Rng, Wrong, of_call


def hardest(losses: Tensor, share: float) -> Tensor:
    """Of a row of losses."""
    if len(losses) == 0:
        return losses.sum()
    return losses.sort(descending=True).values[: max(1, int(share * len(losses)))].mean()


def mined(pick: Callable[[Tensor, float], Tensor] = hardest, **change: Any) -> Callable[..., Tensor]:
    """The loss with this choice, or with changes of what is chosen from."""

    def answer(
        logits: Tensor,
        labels: Tensor,
        share: float = 0.1,
        reduction: str = "mean",
        batch: bool = False,
        ignore_index: int | None = None,
    ) -> Tensor:
        losses = -change.get("log", log_p)(logits, labels, ignore_index)
        use = torch.ones_like(labels, dtype=torch.bool) if change.get("all", False) else kept(labels, ignore_index)
        if change.get("batch", batch):
            found = pick(losses[use], share)
        else:
            found = torch.stack([pick(row[some], share) for row, some in zip(losses, use, strict=True)])
        return finished(found, change.get("reduction", reduction))

    return answer


def mining_cases(rng: Rng) -> Iterator[Case]:
    logits = torch.tensor([2.0, -1.0, 0.0, 1.0]).reshape(1, 1, 1, 4)
    yield of_call(
        "the harder half of four, by hand",
        logits=logits,
        labels=torch.tensor([[[1, 1, 1, 0]]]),
        share=0.5,
        expect=torch.tensor(1.3132616875),
        note="−log p = 0.127, 1.313, 0.693, 1.313; the hardest two: (1.313 + 1.313) / 2",
        terms=4,
    )
    yield case(rng, "a quarter of each sample", 3, 1, 4, 6, share=0.25, reduction="none")
    yield case(rng, "a quarter of the batch", 3, 4, 4, 6, share=0.25, reduction="none", batch=True)
    yield case(rng, "three classes, a tenth of 45, mean", 2, 3, 9, 5)
    yield case(rng, "all pixels, sum", 2, 2, 3, 3, share=1.0, reduction="sum")
    yield case(rng, "less than one pixel", 2, 3, 2, 3, share=0.05)
    labels = rng.integers(0, 3, 2, 6, 6)
    labels[0, :5] = 255
    labels[1, 0, :3] = 255
    yield case(rng, "label 255 ignored", 2, 3, 6, 6, labels=labels, ignore_index=255, share=0.5, reduction="none")
    yield case(rng, "label 255 ignored, the batch", 2, 3, 6, 6, labels=labels, ignore_index=255, share=0.5, batch=True)
    labels = labels.clone()
    labels[0] = 255
    yield case(rng, "a sample that is all ignored", 2, 3, 6, 6, labels=labels, ignore_index=255)
    yield case(rng, "logits of 10,000", logits=1e4 * rng.normal(2, 3, 4, 4), share=0.25)
    yield case(rng, "a volume in float16", 1, 2, 3, 4, 2, dtype=FLOAT16, share=0.5)
    yield case(rng, "not contiguous, float64", logits=2 * rng.strided(2, 3, 3, 4, dtype=FLOAT64), share=0.5)


def counted(count: Callable[[Tensor, float], int]) -> Callable[[Tensor, float], Tensor]:
    """The hardest, so many of them."""

    def pick(losses: Tensor, share: float) -> Tensor:
        return losses.sort(descending=True).values[: count(losses, share)].mean() if len(losses) else losses.sum()

    return pick


def easiest(losses: Tensor, share: float) -> Tensor:
    return -hardest(-losses, share)


def diluted(losses: Tensor, share: float) -> Tensor:
    return hardest(losses, share) * (max(1, int(share * len(losses))) / max(1, len(losses)))


def summed(losses: Tensor, share: float) -> Tensor:
    return hardest(losses, share) * max(1, int(share * len(losses)))


def nan_if_none(losses: Tensor, share: float) -> Tensor:
    return hardest(losses, share) if len(losses) else losses.mean()


HARD_PIXEL_LOSS = Exercise(
    id="unet.hard_pixel_loss",
    cases=mining_cases,
    oracle=mined(),
    wrong=(
        Wrong(
            "keeps the easiest",
            mined(easiest),
            says="the pixels with the smallest losses are picked.",
            look="topk has an option; what is its default?",
        ),
        Wrong(
            "takes all pixels",
            mined(lambda losses, share: hardest(losses, 1.0)),
            says="all pixels count: this is the cross-entropy.",
            look="share.",
        ),
        Wrong(
            "divides by all pixels",
            mined(diluted),
            says="the hardest pixels' sum is divided by the number of all; it is their own mean.",
            look="mean() of what was picked.",
        ),
        Wrong("sums the hardest", mined(summed), says="they are summed; their mean is asked for.", look="mean()."),
        Wrong(
            "rounds up",
            mined(counted(lambda losses, share: -int(-share * len(losses) // 1))),
            says="the number of pixels is rounded up; it is rounded down, but at least 1.",
            look="int().",
        ),
        Wrong(
            "may pick none",
            mined(counted(lambda losses, share: int(share * len(losses)))),
            says="in a small image share · n is below 1, and the mean of nothing is NaN.",
            look="at least 1.",
        ),
        Wrong(
            "picks from the whole batch",
            mined(batch=True),
            says="pixels are picked from all samples together even without `batch`.",
            look="without it each sample has a loss of its own.",
        ),
        Wrong(
            "picks from each sample",
            mined(batch=False),
            says="`batch` changes nothing.",
            look="with it all kept pixels of the batch are one pool.",
        ),
        Wrong(
            "counts ignored pixels",
            mined(all=True),
            says="n is the number of all pixels; ignored ones don't count, and have loss 0.",
            look="[kept].",
        ),
        Wrong(
            "has NaN for a sample that is ignored",
            mined(nan_if_none),
            says="a sample with nothing but ignored pixels gives NaN; it has 0.",
            look="len(…) == 0.",
        ),
        Wrong(
            "always gives the mean",
            mined(reduction="mean"),
            says="`reduction` changes nothing.",
            look="`reduced`.",
        ),
    ),
    hints=(
        "log_p, kept = pixel_log_p(…). A sample's pool is −log_p[i][kept[i]].",
        "pool.topk(max(1, int(share · len(pool)))).values.mean(); an empty pool's sum is 0, and has a gradient.",
    ),
    points=2,
    minutes=12,
    needs=("unet.focal_loss",),
    forbidden=LOSSES,
)

EXERCISES = (HARD_PIXEL_LOSS,)
