"""CIFAR-10 with a plain network: how far one gets without shortcuts."""

from solutions.recipes.blocks import BlockNet
from solutions.recipes.cifar10 import NORMAL, load
from solutions.recipes.recipe import Images, Labels, Recipe
from solutions.resnet import random_crop_flip


def augment(x: Images, y: Labels, seed: int) -> tuple[Images, Labels]:
    """Each image moved by up to four pixels, and every second one mirrored."""
    return random_crop_flip(x, padding=4, seed=seed), y


RECIPE = Recipe(
    name="cifar10-cnn",
    about="CIFAR-10, a plain network of four blocks",
    aim="more than 90 % right within 30 epochs",
    load=load,
    model=lambda classes, weights: BlockNet(blocks=4, num_classes=classes),
    normal=NORMAL,
    augment=augment,
    epochs=30,
    batch_size=128,
    lr=0.05,
    smoothing=0.1,
)
