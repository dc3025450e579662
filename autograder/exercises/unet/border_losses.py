"""Losses made of distances to the border."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from autograder.exercises.unet._losses import FLOAT16, FLOAT64, case, finished, foreground, kept, shares, with_ignored
from autograder.exercises.unet.distances import READY, border_is_zero, by, oracle
from autograder.spec import Case, Exercise, Rng, Wrong, of_call


def masks(labels: Tensor, classes: int, ignore_index: int | None) -> Tensor:
    """(N, K, …): the classes' true masks; ignored pixels belong to none."""
    names = [1] if classes == 1 else range(classes)
    use = kept(labels, ignore_index)
    return torch.stack([(labels == name) & use for name in names], dim=1)


def fields(marked: Tensor, distance: Callable[[Tensor], Tensor] = oracle) -> Tensor:
    """A distance for each sample and class."""
    return torch.stack([torch.stack([distance(mask) for mask in sample]) for sample in marked])


def pooled(errors: Tensor, use: Tensor, batch: bool) -> Tensor:
    axes = (0, *range(2, errors.ndim)) if batch else tuple(range(2, errors.ndim))
    use = use[:, None].expand_as(errors)
    return (errors * use).sum(axes) / use.sum(axes).clamp(min=1)


def of_border(distance: Callable[[Tensor], Tensor] = oracle, **change: Any) -> Callable[..., Tensor]:
    """The boundary loss, with distances like this, or with changes of the masks, p, the mean, the classes, the end."""
    marked, share, mean = change.get("marked", masks), change.get("share", shares), change.get("mean", pooled)

    def answer(
        logits: Tensor,
        labels: Tensor,
        reduction: str = "mean",
        batch: bool = False,
        include_background: bool = True,
        ignore_index: int | None = None,
    ) -> Tensor:
        p = share(logits)
        phi = change.get("fields", fields)(marked(labels, logits.shape[1], ignore_index), distance).to(p.dtype)
        losses = mean(p * phi, kept(labels, ignore_index), batch)
        chosen = losses if change.get("all", False) else foreground(losses, include_background)
        return finished(chosen, "mean" if change.get("meaned", False) else reduction)

    return answer


def shared_cases(rng: Rng) -> Iterator[Case]:
    yield case(rng, "one channel, each sample's loss", 3, 1, 4, 5, reduction="none")
    yield case(rng, "three classes, mean", 2, 3, 4, 3)
    yield case(rng, "without background, sum", 2, 4, 3, 4, reduction="sum", include_background=False)
    yield case(rng, "one channel, without background", 2, 1, 3, 3, include_background=False)
    labels = rng.integers(0, 3, 2, 4, 4)
    labels[0, :3] = 255
    labels[1, 0, 0] = 255
    yield case(rng, "label 255 ignored", 2, 3, 4, 4, labels=labels, ignore_index=255, reduction="none")
    more: dict[str, Any] = {"labels": labels, "ignore_index": 255, "reduction": "none", "batch": True}
    yield case(rng, "label 255 ignored, the batch as a whole", 2, 3, 4, 4, **more)
    far = torch.ones(1, 5, 4, dtype=torch.long)
    far[0, 0, 0], far[0, -1] = 0, 255
    yield case(rng, "ignored pixels far from class 0", 1, 2, 5, 4, labels=far, ignore_index=255, reduction="none")
    labels = with_ignored(rng, rng.integers(0, 2, 1, 4, 3), 0)
    yield case(rng, "label 0 ignored, one channel", 1, 1, 4, 3, labels=labels, ignore_index=0)
    yield case(rng, "all ignored", 1, 1, 2, 3, labels=torch.full((1, 2, 3), 9), ignore_index=9)
    empty = torch.zeros(1, 3, 3, dtype=torch.long)
    yield case(rng, "nothing there, something predicted", 1, 1, 3, 3, labels=empty)
    yield case(rng, "logits of ±10,000", logits=1e4 * rng.normal(1, 2, 3, 4).sign())
    yield case(rng, "a volume in float16", 1, 2, 2, 3, 3, dtype=FLOAT16)
    yield case(rng, "not contiguous, float64", logits=2 * rng.strided(2, 3, 3, 4, dtype=FLOAT64))


def border_cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "a row of four, by hand",
        logits=torch.tensor([-1e4, 0.0, 0.0, 1e4]).reshape(1, 1, 1, 4),
        labels=torch.tensor([[[0, 0, 1, 1]]]),
        expect=torch.tensor(-0.5),
        note="p = 0, ½, ½, 1; φ = 2, 1, −1, −2: (0 · 2 + ½ · 1 − ½ · 1 − 1 · 2) / 4 = −0.5",
        terms=4,
    )
    yield from shared_cases(rng)


def ignored_is_background(labels: Tensor, classes: int, ignore_index: int | None) -> Tensor:
    return masks(labels if ignore_index is None else labels.masked_fill(labels == ignore_index, 0), classes, None)


def mean_of_means(errors: Tensor, use: Tensor, batch: bool) -> Tensor:
    each = pooled(errors, use, False)
    return each.mean(0) if batch else each


def over_all_pixels(errors: Tensor, use: Tensor, batch: bool) -> Tensor:
    return pooled(errors * use[:, None], torch.ones_like(use), batch)


def all_pixels(errors: Tensor, use: Tensor, batch: bool) -> Tensor:
    return pooled(errors, torch.ones_like(use), batch)


def no_pool(errors: Tensor, use: Tensor, batch: bool) -> Tensor:
    return pooled(errors, use, False)


def summed_up(errors: Tensor, use: Tensor, batch: bool) -> Tensor:
    axes = (0, *range(2, errors.ndim)) if batch else tuple(range(2, errors.ndim))
    return (errors * use[:, None]).sum(axes)


def scaled(mask: Tensor) -> Tensor:
    distance: Tensor = oracle(mask)
    return distance / distance.abs().amax().clamp(min=1)


def through_the_batch(marked: Tensor, distance: Callable[[Tensor], Tensor] = oracle) -> Tensor:
    """One distance for each class, the batch an axis like those of space."""
    return torch.stack([distance(marked[:, name]) for name in range(marked.shape[1])], dim=1)


POOLING = (
    ("sums over the pixels", {"mean": summed_up}, "pixels are summed; their mean is asked for.", "divide by how many."),
    ("divides by ignored pixels too", {"mean": over_all_pixels}, "the mean is over all pixels.", "kept.sum()."),
    ("counts ignored pixels", {"mean": all_pixels}, "ignored pixels are in the mean.", "multiply by which are kept."),
    (
        "takes means of samples for the batch",
        {"mean": mean_of_means},
        "with `batch` the samples' means are averaged; it is one mean over all kept pixels.",
        "sums over the batch, divided by counts over the batch.",
    ),
    ("never looks at the whole batch", {"mean": no_pool}, "`batch` changes nothing.", "the shape is (K,) then."),
    (
        "takes ignored pixels for background",
        {"marked": ignored_is_background},
        "ignored pixels belong to class 0 when distances are measured; they belong to no class.",
        "a number that is no class.",
    ),
    ("always counts the background", {"all": True}, "include_background=False changes nothing.", "`foreground`."),
    ("always gives the mean", {"meaned": True}, "`reduction` changes nothing.", "`reduced`."),
)

BOUNDARY_LOSS = Exercise(
    id="unet.boundary_loss",
    cases=border_cases,
    oracle=of_border(),
    wrong=(
        Wrong(
            "has the sign the other way round",
            of_border(lambda mask: -oracle(mask)),
            says="the loss is smallest where everything is wrong.",
            look="φ is negative inside.",
        ),
        Wrong(
            "takes distances without a sign",
            of_border(lambda mask: oracle(mask).abs()),
            says="pixels of the mask cost as much as false alarms; they pay back.",
            look="φ is negative inside.",
        ),
        Wrong(
            "pays nothing back",
            of_border(lambda mask: oracle(mask).clamp(min=0)),
            says="inside φ is 0, so to predict nothing is perfect.",
            look="φ is negative inside.",
        ),
        Wrong(
            "puts 0 on the mask's edge",
            of_border(by(border_is_zero)),
            says="1 is added inside, as in the authors' code; here φ is what signed_distance gives.",
            look="signed_distance.",
        ),
        Wrong(
            "scales the distances",
            of_border(scaled),
            says="distances are divided by the largest; they are in pixels.",
            look="signed_distance as it is.",
        ),
        Wrong(
            "measures through the batch",
            of_border(fields=through_the_batch),
            says="distances are measured in the whole batch at once, so the nearest pixel may lie in another sample.",
            look="one sample at a time.",
        ),
        Wrong(
            "sums the logits",
            of_border(share=lambda logits: logits.to(shares(logits))),
            says="φ meets the logits; it meets probabilities.",
            look="`probabilities`.",
        ),
        *(Wrong(name, of_border(**change), says, look) for name, change, says, look in POOLING),
    ),
    hints=(
        "p, parts, kept = _parts(…); φ is _of_classes(sample, K) for each sample of parts, stacked.",
        "_mean_over_pixels(p · φ, kept, batch), then `foreground`, then `reduced`.",
    ),
    points=2,
    minutes=12,
    needs=("unet.signed_distance",),
    forbidden=READY,
)


def predicted_masks(p: Tensor, use: Tensor) -> Tensor:
    return (p > 0.5) & use[:, None]


def of_hausdorff(**change: Any) -> Callable[..., Tensor]:
    """The loss, with changes of the error, of how distances are joined, and as in `of_border`."""
    marked, mean, join = change.get("marked", masks), change.get("mean", pooled), change.get("join", powers)
    error, found = change.get("error", torch.square), change.get("found", predicted_masks)
    distance = change.get("distance", lambda mask: oracle(mask).abs())

    def answer(
        logits: Tensor,
        labels: Tensor,
        alpha: float = 2.0,
        reduction: str = "mean",
        batch: bool = False,
        include_background: bool = True,
        ignore_index: int | None = None,
    ) -> Tensor:
        p, use = shares(logits), kept(labels, ignore_index)
        true = marked(labels, logits.shape[1], ignore_index)
        here, there = (fields(some, distance).to(p.dtype) for some in (found(p.detach(), use), true))
        losses = mean(error(p - true.to(p.dtype)) * join(here, there, alpha), use, batch)
        chosen = losses if change.get("all", False) else foreground(losses, include_background)
        return finished(chosen, "mean" if change.get("meaned", False) else reduction)

    return answer


def powers(predicted: Tensor, true: Tensor, alpha: float) -> Tensor:
    return predicted**alpha + true**alpha


def hausdorff_cases(rng: Rng) -> Iterator[Case]:
    yield of_call(
        "a row of four, by hand",
        logits=torch.tensor([-1e4, 0.4054651081, 1e4, 1e4]).reshape(1, 1, 1, 4),
        labels=torch.tensor([[[0, 0, 1, 1]]]),
        expect=torch.tensor(0.18),
        note="p = 0, 0.6, 1, 1, predicted 0 1 1 1; at pixel 1 both borders are 1 away: 0.6² · (1 + 1) / 4 = 0.18",
        terms=4,
    )
    yield case(rng, "alpha 1", 2, 2, 4, 5, alpha=1.0)
    yield case(rng, "alpha 3, five classes, few above ½", 2, 5, 4, 3, alpha=3.0, size=1.0)
    nothing = torch.full((1, 1, 3, 3), -1e4)
    labels = torch.zeros(1, 3, 3, dtype=torch.long)
    yield case(rng, "nothing there, nothing predicted", logits=nothing, labels=labels)
    yield from shared_cases(rng)


def likeliest(p: Tensor, use: Tensor) -> Tensor:
    if p.shape[1] == 1:
        return predicted_masks(p, use)
    return (p == p.amax(1, keepdim=True)) & use[:, None]


def everywhere(p: Tensor, use: Tensor) -> Tensor:
    return p > 0.5


HAUSDORFF_DT_LOSS = Exercise(
    id="unet.hausdorff_dt_loss",
    cases=hausdorff_cases,
    oracle=of_hausdorff(),
    wrong=(
        Wrong(
            "doesn't square the error",
            of_hausdorff(error=torch.abs),
            says="the error is |p − t|; it is squared.",
            look="(p − t)².",
        ),
        Wrong(
            "sees the true border only",
            of_hausdorff(join=lambda predicted, true, alpha: true**alpha),
            says="the distance to the predicted border is missing.",
            look="d_predicted^alpha + d_true^alpha.",
        ),
        Wrong(
            "sees the predicted border only",
            of_hausdorff(join=lambda predicted, true, alpha: predicted**alpha),
            says="the distance to the true border is missing.",
            look="d_predicted^alpha + d_true^alpha.",
        ),
        Wrong(
            "takes the larger distance",
            of_hausdorff(join=lambda predicted, true, alpha: torch.maximum(predicted, true) ** alpha),
            says="only the larger of the two distances counts; both are added.",
            look="d_predicted^alpha + d_true^alpha.",
        ),
        Wrong(
            "takes the mean of both distances",
            of_hausdorff(join=lambda predicted, true, alpha: (predicted**alpha + true**alpha) / 2),
            says="the loss is half of what it should be: the distances are added, not averaged.",
            look="d_predicted^alpha + d_true^alpha.",
        ),
        Wrong(
            "adds before the power",
            of_hausdorff(join=lambda predicted, true, alpha: (predicted + true) ** alpha),
            says="the distances are added, then raised to alpha; each is raised first.",
            look="d_predicted^alpha + d_true^alpha.",
        ),
        Wrong(
            "multiplies by alpha",
            of_hausdorff(join=lambda predicted, true, alpha: alpha * (predicted + true)),
            says="alpha is a factor; it is a power.",
            look="**.",
        ),
        Wrong(
            "measures outside only",
            of_hausdorff(distance=lambda mask: oracle(mask).clamp(min=0)),
            says="inside the masks d is 0, so holes cost nothing.",
            look="the size of signed_distance.",
        ),
        Wrong(
            "gives each pixel to its likeliest class",
            of_hausdorff(found=likeliest),
            says="the predicted mask has all pixels where the class is likeliest; it has those where p > ½.",
            look="with five classes the likeliest may have 0.3.",
        ),
        Wrong(
            "measures from ignored pixels",
            of_hausdorff(found=everywhere),
            says="ignored pixels belong to predicted masks; they belong to neither.",
            look="(p > ½) and kept.",
        ),
        *(Wrong(name, of_hausdorff(**change), says, look) for name, change, says, look in POOLING),
    ),
    hints=(
        "As boundary_loss, with (p − t)² in place of p, and with two fields of distances, whose sign doesn't matter.",
        "Which class is predicted: p.detach().max(1) gives values and indices; where the value isn't above ½, or the "
        "pixel is ignored, a number that is no class. With one channel (p > ½) is label 1, all else 0.",
        "_of_classes(one sample of it, K).abs() ** alpha, for the predicted and for the true parts.",
    ),
    points=3,
    minutes=15,
    needs=("unet.boundary_loss",),
    forbidden=READY,
)

EXERCISES = (BOUNDARY_LOSS, HAUSDORFF_DT_LOSS)
