"""Residual networks that have learnt ImageNet: the course's own, with torchvision's weights."""

from pathlib import Path
from typing import Any

from solutions.recipes.choices import teacher_and_file
from solutions.recipes.recipe import RecipeError
from solutions.recipes.weights import read_state
from solutions.resnet import ResNet

KINDS = 1000  # in ImageNet-1k


def imagenet_resnet(depth: int, weights: str = "", classes: int = KINDS) -> ResNet:
    """A `ResNet` with ImageNet weights.

    Args:
        depth: 18, 34, 50, 101 or 152.
        weights: "" for torchvision's, fetched once and kept where torch keeps them; a file that holds a `state_dict`
            of the same names; "none" for a random start.
        classes: that it answers for: 1,000, unless the file is of others.

    Raises:
        RecipeError: the weights can't be had, or don't fit.
    """
    model = ResNet(depth, classes)
    if weights == "none":
        return model
    values = read_state(Path(weights)) if weights else _torchvision_weights(depth)
    try:
        model.load_state_dict(values)
    except (RuntimeError, TypeError, AttributeError) as error:
        said = str(error).splitlines()
        raise RecipeError(
            f"These weights don't fit a ResNet-{depth}: {' '.join(said[:2])} … Expected torchvision's state_dict of "
            f"resnet{depth}, for {classes:,} classes."
        ) from error
    return model


def _torchvision_weights(depth: int) -> dict[str, Any]:
    from torchvision.models import get_model_weights

    known = get_model_weights(f"resnet{depth}").IMAGENET1K_V1
    try:
        values: dict[str, Any] = known.get_state_dict(progress=True, check_hash=True)
    except (OSError, RuntimeError) as error:  # no network, no room; a wrong checksum
        raise RecipeError(
            f"The ImageNet weights of ResNet-{depth} are not on this machine and could not be fetched "
            f"({getattr(error, 'reason', error)}).\nWith a connection, run the same command again. Or fetch\n"
            f"  {known.url}\nelsewhere and give the file with   --weights FILE\n"
            "Or begin with random weights, which will reach far less:   --weights none"
        ) from error
    return values


def imagenet_teacher(word: str, classes: int) -> ResNet:
    """The residual network that `--teacher` names: torchvision's for ImageNet, or one from a file.

    Raises:
        RecipeError: its weights can't be had, or are for another number of classes.
    """
    depth, file = teacher_and_file(word)
    if not file and classes != KINDS:
        raise RecipeError(
            f"--teacher {word} knows {KINDS:,} kinds, and these pictures are of {classes:,}. A teacher must have "
            f"learnt the same kinds in the same order: give your own with   --teacher {word}=FILE   or leave it out."
        )
    return imagenet_resnet(depth, file, classes)
