"""Chest X-rays with a plain network: the number that anything cleverer must beat."""

from pathlib import Path

import p2v_data
from p2v_data import ImageDataset
from solutions.recipes.blocks import BlockNet
from solutions.recipes.recipe import Images, Labels, Normal, Recipe
from solutions.recipes.scores import screened, screening
from solutions.resnet import colour_jitter, random_resized_crop


def load(folder: Path | None) -> ImageDataset:
    """The X-rays as bytes, in MedMNIST's three parts."""
    return p2v_data.pneumonia(folder=folder, as_bytes=True)


def augment(x: Images, y: Labels, seed: int) -> tuple[Images, Labels]:
    """Another position, a little larger or smaller, another exposure. Never mirrored: the heart lies on the left."""
    x = random_resized_crop(x, x.shape[-1], scale=(0.8, 1.0), ratio=(0.9, 1.1), seed=seed)
    x = colour_jitter(x.expand(-1, 3, -1, -1), brightness=0.2, contrast=0.2, saturation=0.0, seed=seed + 1)
    return x[:, :1], y


RECIPE = Recipe(
    name="pneumonia-cnn",
    about="Chest X-rays, a plain network of five blocks",
    aim="a baseline: an area under the ROC curve above 0.9 on the test images",
    load=load,
    model=lambda classes, weights: BlockNet(blocks=5, num_classes=classes, in_channels=1, width=16),
    normal=Normal((0.5,), (0.25,)),
    augment=augment,
    epochs=30,
    batch_size=64,
    optimizer="adamw",
    lr=1e-3,
    weight_decay=0.05,
    balanced=True,
    judge=screening,
    chosen_by="auc",
    report=screened,
    cam="block5",
)
