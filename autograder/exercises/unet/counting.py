"""Counting pixels with probabilities: the sums that overlap losses are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from autograder.exercises.unet._losses import FLOAT16, FLOAT64, Sums, kept, shares, sums, truth, with_ignored
from autograder.exercises.unet._ready_made import LOSSES
from autograder.spec import Case, Exercise, Ref, Rng, Speed, Wrong, backward, call, of_call

Share = Callable[[Tensor], Tensor]


def oracle(logits: Tensor, labels: Tensor, batch: bool = False, ignore_index: int | None = None) -> Sums:
    return sums(logits, labels, batch, ignore_index)


def case(name: str, logits: Tensor, labels: Tensor, part: int = 0, **options: Any) -> Case:
    """With the gradient of one part: 0 the hits, 1 predicted."""
    inputs = {"logits": logits, "labels": labels, **options}
    asked: dict[str, Any] = {key: Ref(key) for key in inputs}
    steps = (call("out", **asked), call("part", part, target="out", method="__getitem__"), backward("part", "logits"))
    return Case(name, steps, inputs=inputs, terms=logits.numel())


def cases(rng: Rng) -> Iterator[Case]:
    log3 = 1.0986122886681098
    yield of_call(
        "three pixels, one channel, by hand",
        logits=torch.tensor([0.0, log3, -log3]).reshape(1, 1, 1, 3),
        labels=torch.tensor([[[1, 1, 0]]]),
        expect=(torch.tensor([[1.25]]), torch.tensor([[1.5]]), torch.tensor([[2.0]])),
        note="σ = 0.5, 0.75, 0.25; hits 0.5 + 0.75, predicted 0.5 + 0.75 + 0.25, true 1 + 1 + 0",
        terms=3,
    )
    yield case("three classes, not square", 2 * rng.normal(2, 3, 4, 5), rng.integers(0, 3, 2, 4, 5))
    yield case("the whole batch", 2 * rng.normal(3, 4, 3, 2), rng.integers(0, 4, 3, 3, 2), 1, batch=True)
    labels = with_ignored(rng, rng.integers(0, 2, 2, 4, 3), 255)
    yield case("one channel, label 255 ignored", 2 * rng.normal(2, 1, 4, 3), labels, 1, ignore_index=255)
    labels = with_ignored(rng, rng.integers(0, 3, 2, 5, 3), 0)
    yield case("class 0 is ignored", 2 * rng.normal(2, 3, 5, 3), labels, ignore_index=0)
    yield case("a volume, a class that is nowhere", rng.normal(1, 3, 2, 3, 4), rng.integers(0, 2, 1, 2, 3, 4))
    extreme = torch.tensor([[1e4, -1e4, 1e4], [-1e4, 1e4, 1e4]]).reshape(1, 2, 3, 1)
    yield case("logits of ±10,000", extreme, torch.tensor([0, 0, 1]).reshape(1, 3, 1))
    yield case("float16, 65,792 pixels", 6 + rng.normal(1, 1, 256, 257, dtype=FLOAT16), rng.integers(0, 2, 1, 256, 257))
    logits = 2 * rng.strided(2, 2, 3, 4, dtype=FLOAT64)
    yield case("not contiguous, float64", logits, rng.integers(0, 2, 4, 3, 2).permute(2, 1, 0))


def of(p: Tensor, labels: Tensor, batch: bool, ignore_index: int | None) -> Sums:
    """The sums of given probabilities."""
    p = p * kept(labels, ignore_index)[:, None]
    t = truth(labels, p.shape[1], ignore_index)
    axes = (0, *range(2, p.ndim)) if batch else tuple(range(2, p.ndim))
    return (p * t).sum(axes), p.sum(axes), t.to(p.dtype).sum(axes)


def by(share: Share) -> Callable[..., Sums]:
    """The sums, with probabilities like this."""

    def answer(logits: Tensor, labels: Tensor, batch: bool = False, ignore_index: int | None = None) -> Sums:
        return of(share(logits), labels, batch, ignore_index)

    return answer


def yes_or_no(logits: Tensor) -> Tensor:
    p = shares(logits)
    return (p > 0.5).to(p.dtype) + 0 * p


def means(logits: Tensor, labels: Tensor, batch: bool = False, ignore_index: int | None = None) -> Sums:
    count = labels.numel() if batch else labels[0].numel()
    hits, predicted, true = oracle(logits, labels, batch, ignore_index)
    return hits / count, predicted / count, true / count


def one_batch(logits: Tensor, labels: Tensor, batch: bool = False, ignore_index: int | None = None) -> Sums:
    return oracle(logits, labels, True, ignore_index)


def no_batch(logits: Tensor, labels: Tensor, batch: bool = False, ignore_index: int | None = None) -> Sums:
    return oracle(logits, labels, False, ignore_index)


def alarms(logits: Tensor, labels: Tensor, batch: bool = False, ignore_index: int | None = None) -> Sums:
    hits, predicted, true = oracle(logits, labels, batch, ignore_index)
    return hits, predicted - hits, true


def nothing_ignored(logits: Tensor, labels: Tensor, batch: bool = False, ignore_index: int | None = None) -> Sums:
    return oracle(logits, labels, batch)


def ignored_predicted(logits: Tensor, labels: Tensor, batch: bool = False, ignore_index: int | None = None) -> Sums:
    hits, _, true = oracle(logits, labels, batch, ignore_index)
    return hits, oracle(logits, labels, batch)[1], true


def zero_is_none(logits: Tensor, labels: Tensor, batch: bool = False, ignore_index: int | None = None) -> Sums:
    return oracle(logits, labels, batch, ignore_index or None)


def ignored_true(logits: Tensor, labels: Tensor, batch: bool = False, ignore_index: int | None = None) -> Sums:
    """As with a one-hot of labels that were clamped to those there are."""
    t = truth(labels.clamp(max=max(logits.shape[1], 2) - 1), logits.shape[1]).to(shares(logits))
    axes = (0, *range(2, t.ndim)) if batch else tuple(range(2, t.ndim))
    p = shares(logits) * kept(labels, ignore_index)[:, None]
    return (p * t).sum(axes), p.sum(axes), t.sum(axes)


def numbers_summed(logits: Tensor, labels: Tensor, batch: bool = False, ignore_index: int | None = None) -> Sums:
    if logits.shape[1] > 1:
        return oracle(logits, labels, batch, ignore_index)
    hits, predicted, true = oracle(logits, labels, batch, ignore_index)
    axes = (0, *range(1, labels.ndim)) if batch else tuple(range(1, labels.ndim))
    return hits, predicted, labels.sum(axes).to(true).reshape(true.shape)


def background_too(logits: Tensor, labels: Tensor, batch: bool = False, ignore_index: int | None = None) -> Sums:
    if logits.shape[1] == 1:
        logits = torch.cat([torch.zeros_like(logits), logits], dim=1)
    return oracle(logits, labels, batch, ignore_index)


def background_alone(logits: Tensor, labels: Tensor, batch: bool = False, ignore_index: int | None = None) -> Sums:
    if logits.shape[1] > 1:
        return oracle(logits, labels, batch, ignore_index)
    hits, predicted, _ = of(shares(logits), 1 - labels, batch, None if ignore_index is None else 1 - ignore_index)
    return hits, predicted, oracle(-logits, 1 - labels, batch, None if ignore_index is None else 1 - ignore_index)[2]


def cut_off(logits: Tensor, labels: Tensor, batch: bool = False, ignore_index: int | None = None) -> Sums:
    hits, predicted, true = oracle(logits, labels, batch, ignore_index)
    return hits, predicted.detach() + 0 * logits.sum(), true


def speed_case(rng: Rng) -> Case:
    return of_call("speed", logits=rng.normal(2, 4, 32, 64, 64), labels=rng.integers(0, 4, 2, 32, 64, 64))


SOFT_COUNTS = Exercise(
    id="unet.soft_counts",
    cases=cases,
    oracle=oracle,
    wrong=(
        Wrong(
            "takes a softmax of one channel",
            by(lambda logits: logits.float().softmax(1).to(shares(logits))),
            says="with a single channel a softmax gives 1 at every pixel, whatever the logit.",
            look="K = 1 is a case of its own: one logit, yes or no.",
        ),
        Wrong(
            "takes sigmoids of several channels",
            by(lambda logits: logits.sigmoid().to(shares(logits))),
            says="each class gets a sigmoid of its own; with K > 1 the classes exclude each other, and sum to 1.",
            look="which function turns K logits into K shares?",
        ),
        Wrong(
            "takes the softmax over pixels",
            by(lambda logits: shares(logits) if logits.shape[1] == 1 else logits.softmax(-1)),
            says="the softmax runs along a row of the image; it runs over the classes.",
            look="which axis has the classes?",
        ),
        Wrong(
            "counts yes and no",
            by(yes_or_no),
            says="probabilities are rounded to 0 and 1 before they are summed. That has no gradient to learn from.",
            look="sum the probabilities themselves.",
        ),
        Wrong(
            "sums the logits",
            by(lambda logits: logits.to(shares(logits))),
            says="logits are summed as they are; probabilities are asked for.",
            look="sigmoid or softmax first.",
        ),
        Wrong(
            "sums in half precision",
            by(lambda logits: logits.sigmoid() if logits.shape[1] == 1 else logits.softmax(1)),
            says="float16 logits are summed as float16, which has three digits and ends at 65,504.",
            look="bring half precision to float32 first.",
        ),
        Wrong("gives means", means, says="the sums are divided by the number of pixels.", look="sums."),
        Wrong(
            "always adds up the batch",
            one_batch,
            says="the samples are added up even without `batch`.",
            look="without it the shapes are (N, K).",
        ),
        Wrong(
            "never adds up the batch", no_batch, says="`batch` changes nothing.", look="with it the shapes are (K,)."
        ),
        Wrong(
            "gives the false alarms for predicted",
            alarms,
            says="predicted leaves out the hits; it is the sum over *all* pixels.",
            look="predicted − hits is what your second sum is now.",
        ),
        Wrong(
            "counts ignored pixels",
            nothing_ignored,
            says="`ignore_index` isn't used at all.",
            look="pixels with that label count in none of the three sums.",
        ),
        Wrong(
            "counts ignored pixels as predicted",
            ignored_predicted,
            says="ignored pixels are in no class's truth, but their probabilities are still in `predicted`.",
            look="set their probabilities to 0 as well.",
        ),
        Wrong(
            "doesn't ignore class 0",
            zero_is_none,
            says="with ignore_index=0 nothing is ignored.",
            look="`if ignore_index:` is False for 0, too. Ask `is not None`.",
        ),
        Wrong(
            "counts ignored pixels as true",
            ignored_true,
            says="the probabilities of ignored pixels are left out, but these pixels still count in `true`.",
            look="leave them out of the truth as well; mind what a clamp makes of 255.",
        ),
        Wrong(
            "adds up the labels as numbers",
            numbers_summed,
            says="with one channel the labels themselves are summed: an ignored pixel adds 255 to `true`.",
            look="labels == 1.",
        ),
        Wrong(
            "counts the background beside one channel",
            background_too,
            says="with one channel two classes are counted; there it is label 1 alone.",
            look="the shape is (N, 1) for K = 1.",
        ),
        Wrong(
            "takes label 0 for the class",
            background_alone,
            says="with one channel the pixels of label 0 are counted as true; the logit speaks for label 1.",
            look="labels == ?",
        ),
        Wrong(
            "cuts the gradient of predicted off",
            cut_off,
            says="the values are right, but no gradient comes back through `predicted`.",
            look="detach, .item() or .data somewhere.",
        ),
    ),
    hints=(
        "p = sigmoid or softmax(1); then p.flatten(2) is (N, K, pixels).",
        "hits: p times 1 where the label is the class, else 0, summed over the pixels. A label that is no class at all "
        "has zeros only.",
        "A product of matrices, p (N, K, M) @ truth (N, M, K), gives all sums at once: hits on the diagonal, "
        "predicted as sums of rows.",
    ),
    points=3,
    minutes=20,
    forbidden=LOSSES,
    speed=Speed(case=speed_case, limit=3.0, against="a product with a one-hot tensor, summed"),
)

EXERCISES = (SOFT_COUNTS,)
