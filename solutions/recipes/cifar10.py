"""What both recipes for CIFAR-10 share: 45,000 images to learn from, 5,000 to choose by."""

from pathlib import Path

import p2v_data
from p2v_data import ImageDataset
from solutions.recipes.recipe import Normal

NORMAL = Normal((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616))  # of the training images
VALIDATION = 5_000


def load(folder: Path | None) -> ImageDataset:
    """CIFAR-10 as bytes; a tenth of the training images, always the same, is set aside."""
    return p2v_data.cifar10(validation=VALIDATION, folder=folder, as_bytes=True)
