"""102 kinds of flowers from ten photographs each: only a network that has seen much else can learn that."""

from pathlib import Path

from torch import nn

import p2v_data
from p2v_data import ImageDataset
from solutions.recipes.imagenet import imagenet_resnet
from solutions.recipes.recipe import IMAGENET, Images, Labels, Recipe
from solutions.resnet import colour_jitter, random_crop_flip, random_resized_crop, replace_head

SEEN = 224


def load(folder: Path | None) -> ImageDataset:
    """The flowers as bytes, 256×256, in their makers' three parts."""
    return p2v_data.flowers(folder=folder, as_bytes=True)


def augment(x: Images, y: Labels, seed: int) -> tuple[Images, Labels]:
    """Another part of the photograph, perhaps mirrored, in slightly other light. Not more: colours tell kinds apart."""
    x = random_resized_crop(x, SEEN, scale=(0.3, 1.0), seed=seed)
    x = random_crop_flip(x, padding=0, seed=seed + 1)
    return colour_jitter(x, brightness=0.2, contrast=0.2, saturation=0.1, seed=seed + 2), y


def network(classes: int, weights: str) -> nn.Module:
    """A ResNet-50 from ImageNet with a new head."""
    model = imagenet_resnet(50, weights)
    replace_head(model, "fc", classes)
    return model


RECIPE = Recipe(
    name="flowers-resnet50",
    about="Flowers-102, ResNet-50 from ImageNet, layer4 and head learn",
    aim="at least 90 % right on the test images",
    load=load,
    model=network,
    pretrained=True,
    frozen="layer3",
    normal=IMAGENET,
    size=SEEN,
    augment=augment,
    epochs=40,
    batch_size=64,
    optimizer="adamw",
    lr=2e-3,
    depth_decay=0.1,
    weight_decay=0.05,
    smoothing=0.1,
)
