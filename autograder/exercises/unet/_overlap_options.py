"""What goes wrong with the options of overlap losses, whatever the formula."""

from __future__ import annotations

from torch import Tensor

from autograder.exercises.unet._losses import sums


def always_first_left_out(values: Tensor, include_background: bool) -> Tensor:
    return values if include_background else values[..., 1:]


def last_left_out(values: Tensor, include_background: bool) -> Tensor:
    return values if include_background or values.shape[-1] == 1 else values[..., :-1]


def without_option(values: Tensor, include_background: bool) -> Tensor:
    return values


def ignores_nothing(
    logits: Tensor, labels: Tensor, batch: bool, ignore_index: int | None
) -> tuple[Tensor, Tensor, Tensor]:
    return sums(logits, labels, batch)


def no_batch(logits: Tensor, labels: Tensor, batch: bool, ignore_index: int | None) -> tuple[Tensor, Tensor, Tensor]:
    return sums(logits, labels, False, ignore_index)


def always_mean(losses: Tensor, reduction: str) -> Tensor:
    return losses.mean()


OPTIONS = (
    ("drops the only channel", {"chosen": always_first_left_out}),
    ("leaves out the last class", {"chosen": last_left_out}),
    ("always counts the background", {"chosen": without_option}),
    ("counts ignored pixels", {"counts": ignores_nothing}),
    ("never looks at the whole batch", {"counts": no_batch}),
    ("always gives the mean", {"last": always_mean}),
)
SAID = {
    "drops the only channel": (
        "with one channel and include_background=False nothing is left; that channel is the foreground.",
        "leave out class 0 only where K > 1.",
    ),
    "leaves out the last class": ("the last class is left out; the background is class 0.", "[..., 1:] or [..., :-1]?"),
    "always counts the background": ("include_background=False changes nothing.", "class 0 is left out where K > 1."),
    "counts ignored pixels": ("`ignore_index` isn't handed on.", "soft_counts takes it."),
    "never looks at the whole batch": ("`batch` isn't handed on.", "soft_counts takes it."),
    "always gives the mean": ("`reduction` changes nothing.", "there are three; `reduced` knows them."),
}
