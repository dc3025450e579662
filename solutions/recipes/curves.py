"""A run as pictures."""

from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from solutions.recipes.batches import looked_at
from solutions.recipes.files import written_aside
from solutions.recipes.recipe import Progress, Recipe
from solutions.resnet import grad_cam

SHOWN = 4  # images of each kind


def draw_curves(path: Path, recipe: Recipe, progress: Progress) -> None:
    """The losses, and the score that weights are chosen by, over the epochs; a line marks the epoch that was chosen."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    epochs = [row["epoch"] for row in progress.history]
    for name, label in (("training loss", "training"), ("validation loss", "validation")):
        left.plot(epochs, [row[name] for row in progress.history], ".-", label=label)
    left.set(xlabel="epoch", ylabel="loss")
    left.legend()
    right.plot(epochs, [row[f"validation {recipe.chosen_by}"] for row in progress.history], ".-")
    right.axvline(progress.best_epoch + 1, color="grey", linestyle=":", label="chosen")
    right.set(xlabel="epoch", ylabel=f"validation {recipe.chosen_by}")
    right.legend()
    for axes in (left, right):
        axes.xaxis.get_major_locator().set_params(integer=True)
    figure.suptitle(recipe.about)
    written_aside(path, lambda part: figure.savefig(part, format="png", dpi=120))


def draw_looks(
    path: Path,
    model: nn.Module,
    recipe: Recipe,
    images: Int[Tensor, "N C H W"],
    labels: Int[Tensor, "N"],
    scores: Float[Tensor, "N"],
    names: tuple[str, ...],
) -> None:
    """Where the network looks for class 1: Grad-CAM on the images it is surest of, and on those it is most wrong about.

    Args:
        path: the picture, a PNG.
        model: the network, ready to predict.
        recipe: says how images are prepared, and which part is looked at.
        images: bytes.
        labels: 0 or 1.
        scores: the network's probability of class 1, for each image.
        names: of the two classes.
    """
    from matplotlib.figure import Figure

    device = next(model.parameters()).device
    rows = _worth_a_look(labels, scores)
    figure = Figure(figsize=(2.4 * SHOWN, 2.6 * len(rows)), layout="constrained")
    grid = figure.subplots(len(rows), SHOWN, squeeze=False)
    for place, (title, chosen) in zip(grid, rows, strict=True):
        for axes in place:
            axes.set_axis_off()
        if len(chosen) == 0:
            place[0].text(0, 0.5, f"{title}: none", fontsize=9)
            continue
        x = looked_at(images[chosen].to(device), recipe)
        maps = grad_cam(model, model.get_submodule(recipe.cam), x, torch.ones(len(x), dtype=torch.int64, device=device))
        for axes, image, cam, index in zip(place, images[chosen], maps.cpu(), chosen.tolist(), strict=False):
            axes.imshow(image[0].numpy(), cmap="gray")
            axes.imshow(cam.numpy(), cmap="inferno", alpha=0.4)
            axes.set_title(f"{title}\n{names[labels[index]]}, p = {scores[index]:.2f}", fontsize=9)
    written_aside(path, lambda part: figure.savefig(part, format="png", dpi=120))


def _worth_a_look(labels: Int[Tensor, "N"], scores: Float[Tensor, "N"]) -> list[tuple[str, Int[Tensor, "n"]]]:
    """Found, missed and false alarms: for each, the images with the most telling scores."""
    order = scores.argsort(descending=True)
    ill, called = labels[order] == 1, scores[order] >= 0.5
    return [
        ("found", order[ill & called][:SHOWN]),
        ("missed", order[ill & ~called].flip(0)[:SHOWN]),
        ("false alarm", order[~ill & called][:SHOWN]),
    ]
