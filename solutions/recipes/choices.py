"""What some recipes leave open: which network, how large the images, which teacher, how pixels are scaled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from solutions.recipes.recipe import HALVES, IMAGENET, Recipe, RecipeError, Settings, Wishes
from solutions.vit import VIT_SIZES

PATCH = 16
SMALLEST, LARGEST = 32, 1024
NORMALS = {"imagenet": IMAGENET, "halves": HALVES}
TEACHERS = tuple(f"resnet{depth}" for depth in (18, 34, 50, 101, 152))
OPTIONS = ("network", "image_size", "normal", "teacher")


def decided(recipe: Recipe, wishes: Wishes) -> Settings:
    """The recipe's choices as this run makes them: what is wished for, else the default.

    Raises:
        RecipeError: the recipe has no such choice, or can't be had in that way.
    """
    settings: Settings = {}
    for name in OPTIONS:
        wish = getattr(wishes, name)
        if wish not in ("", None) and name not in recipe.choices:
            taken = ", ".join(map(_option, recipe.choices)) or "none of these"
            raise RecipeError(f"{recipe.name} has no {_option(name)} (it has {taken}): leave it out.")
        if name in recipe.choices:
            settings[name] = recipe.choices[name] if wish in ("", None) else wish
            _refuse(name, settings[name])
    return settings


def teacher_and_file(word: str) -> tuple[int, str]:
    """Depth of a residual network, and the file of its weights: `resnet50=FILE`; "" for torchvision's."""
    name, _, file = word.partition("=")
    return int(name.removeprefix("resnet")), file


def refuse_missing_teacher(settings: Settings) -> None:
    """Raises RecipeError where a run is to begin with a teacher from a file that isn't there."""
    file = settings["teacher"].partition("=")[2]
    if file and not Path(file).is_file():
        raise RecipeError(f"--teacher: there is no file {file}. Give its path from here, or in full.")


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _refuse(name: str, value: Any) -> None:
    if name == "image_size" and (value % PATCH or not SMALLEST <= value <= LARGEST):
        raise RecipeError(
            f"--image-size {value} can't be: expected a multiple of {PATCH}, the side of a patch, from {SMALLEST} to "
            f"{LARGEST}. Near it:   --image-size {min(max(round(value / PATCH) * PATCH, SMALLEST), LARGEST)}"
        )
    known = {"network": tuple(VIT_SIZES), "normal": tuple(NORMALS)}.get(name)
    if known is not None and value not in known:
        raise RecipeError(f"--{name} {value!r} is unknown. Expected {' or '.join(known)}.")
    if name == "teacher" and value != "none":
        _refuse_teacher(value)


def _refuse_teacher(word: str) -> None:
    teacher, equals, file = word.partition("=")
    if teacher not in TEACHERS or (equals and not file):
        raise RecipeError(
            f"--teacher {word!r} is unknown. Expected none, or one of {', '.join(TEACHERS)} for torchvision's weights, "
            "or resnet50=FILE for your own, a state_dict with torchvision's names."
        )
