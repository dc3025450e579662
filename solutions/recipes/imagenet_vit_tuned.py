"""ImageNet-1k, or photographs of your own, with a vision transformer that has learnt from many others before.

The weights come from a file, under timm's names or Hugging Face's. For larger images than they were learnt from
(`--image-size 384`), positions are interpolated. The head begins anew unless it has as many classes as there are kinds.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from torch import nn

from solutions.recipes.choices import NORMALS
from solutions.recipes.imagenet_vit import found, load
from solutions.recipes.pictures import Cut
from solutions.recipes.recipe import HALVES, Images, Labels, Recipe, Settings
from solutions.recipes.scores import five_guesses, judged_with_five
from solutions.recipes.transformers import vit_groups
from solutions.recipes.weights import pretrained_vit, refuse_weights

SCALE = (0.25, 1.0)  # of a photograph is shown: less than this would be too hard a riddle for a short training
DROP_PATH = 0.1
DEFAULTS = {"network": "small", "image_size": 224, "normal": "halves"}


def augment(x: Images, y: Labels, seed: int) -> tuple[Images, Labels]:
    """Nothing: all that is drawn was drawn when the photograph was cut."""
    return x, y


def fitted(recipe: Recipe, settings: Settings) -> Recipe:
    """The recipe for a network, an image size and a scale of pixels."""
    network, side, normal = (settings[name] for name in DEFAULTS)

    def model(classes: int, weights: str) -> nn.Module:
        return pretrained_vit(weights, network, side, classes, DROP_PATH)

    return replace(
        recipe,
        about=f"ImageNet-1k, ViT-{network} with weights from a file, {side}×{side}",
        load=partial(load, cut=Cut(side, SCALE, changes=1)),
        model=model,
        normal=NORMALS[normal],
    )


RECIPE = fitted(
    Recipe(
        name="imagenet-vit-tuned",
        about="",
        aim="what the weights' makers report; ViT-B/16 from ImageNet-21k reached 84.0 % at 384×384",
        load=partial(load, cut=Cut(224)),
        model=lambda classes, weights: nn.Identity(),
        pretrained=True,
        normal=HALVES,
        augment=augment,
        epochs=20,
        batch_size=256,
        optimizer="adamw",
        lr=5e-4,
        weight_decay=0.05,
        smoothing=0.1,
        judge=five_guesses,
        report=judged_with_five,
        groups=partial(vit_groups, depth_decay=0.75, weight_decay=0.05),
        choices=DEFAULTS,
        fitted=fitted,
        refuse=refuse_weights,
        found=found,
    ),
    DEFAULTS,
)
