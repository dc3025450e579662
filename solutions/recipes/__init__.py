"""Full-scale recipes: long trainings on full data sets, with one command (`p2v train NAME`), from lessons 02 and 04.

What a recipe is: `recipe`, `choices`. One module each: `cifar10_cnn`, `cifar10_resnet18`, `pneumonia_cnn`,
`pneumonia_resnet18`, `flowers_resnet50`; `imagenet_vit`, `imagenet_vit_tuned`, `retinamnist_vit`, `retinamnist_hybrid`.
What runs them: `engine`, `run`, `learning`, `batches`, `pictures`, `precision`, `norms`, `scores`, `files`, `tracking`,
`curves`. Networks: `blocks`, `imagenet`, `transformers`, `weights`.
"""

from solutions.recipes import (
    cifar10_cnn,
    cifar10_resnet18,
    flowers_resnet50,
    imagenet_vit,
    imagenet_vit_tuned,
    pneumonia_cnn,
    pneumonia_resnet18,
    retinamnist_hybrid,
    retinamnist_vit,
)
from solutions.recipes.blocks import BlockNet
from solutions.recipes.engine import train
from solutions.recipes.imagenet import imagenet_resnet
from solutions.recipes.norms import with_library_drops, with_library_norms
from solutions.recipes.recipe import Recipe, RecipeError, Wishes
from solutions.recipes.tracking import TRACKERS, Tracker

RECIPES: dict[str, Recipe] = {
    each.RECIPE.name: each.RECIPE
    for each in (
        cifar10_cnn,
        cifar10_resnet18,
        pneumonia_cnn,
        pneumonia_resnet18,
        flowers_resnet50,
        imagenet_vit,
        imagenet_vit_tuned,
        retinamnist_vit,
        retinamnist_hybrid,
    )
}


def recipe_named(name: str) -> Recipe:
    """The recipe of that name.

    Raises:
        RecipeError: there is none; the message lists them.
    """
    if name not in RECIPES:
        raise RecipeError(f"There is no recipe {name!r}. There is: {', '.join(RECIPES)}.")
    return RECIPES[name]


__all__ = [
    "RECIPES",
    "TRACKERS",
    "BlockNet",
    "Recipe",
    "RecipeError",
    "Tracker",
    "Wishes",
    "imagenet_resnet",
    "recipe_named",
    "train",
    "with_library_drops",
    "with_library_norms",
]
