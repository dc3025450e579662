"""CIFAR-10 with the course's own ResNet-18, its first layer made for small images."""

from solutions.recipes.cifar10 import NORMAL, load
from solutions.recipes.recipe import Images, Labels, Recipe
from solutions.resnet import ResNet, cutmix, random_crop_flip


def augment(x: Images, y: Labels, seed: int) -> tuple[Images, Labels]:
    """Each image moved and perhaps mirrored; about every second batch is also cut and pasted with itself."""
    x = random_crop_flip(x, padding=4, seed=seed)
    return cutmix(x, y, alpha=1.0, seed=seed) if seed % 2 else (x, y)


RECIPE = Recipe(
    name="cifar10-resnet18",
    about="CIFAR-10, ResNet-18 for small images",
    aim="at least 95 % right",
    load=load,
    model=lambda classes, weights: ResNet(18, num_classes=classes, small_images=True),
    normal=NORMAL,
    augment=augment,
    epochs=100,
    batch_size=128,
    lr=0.1,
    warmup=0.05,
    smoothing=0.1,
)
