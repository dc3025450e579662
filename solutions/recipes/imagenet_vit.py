"""ImageNet-1k with a vision transformer from a random start, in the manner of DeiT.

A transformer knows nothing about images beforehand, so it needs many more than a convolutional network does. DeiT's
answer is to change each image more: RandAugment, erased boxes, mixup or cutmix in every batch; and, if there is a good
convolutional network, to learn its answers too (`--teacher`).

Left out of DeiT: images repeated within a batch. Added: the weights that are judged are a moving average.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch import nn

from p2v_data import Provenance
from solutions.recipes.choices import refuse_missing_teacher
from solutions.recipes.imagenet import imagenet_teacher
from solutions.recipes.pictures import Cut, PictureSet, find_folder, picture_folder
from solutions.recipes.recipe import IMAGENET, Images, Labels, Recipe, Settings
from solutions.recipes.scores import five_guesses, judged_with_five
from solutions.recipes.transformers import DistilledTransformer, sized_vit, vit_groups
from solutions.resnet import cutmix, mixup, random_boxes

NAME = "imagenet"  # of its folder
ABOUT = Provenance(
    name="ImageNet-1k, or other photographs in folders",
    source="ImageNet: ILSVRC 2012, 1,281,167 photographs to learn from and 50,000 to test; from image-net.org, for "
    "those who register. A few of each kind to learn from are kept to choose by",
    licence="ImageNet: for research and teaching only, as its terms of access say",
    citation="Russakovsky and others: ImageNet large scale visual recognition challenge, International Journal of "
    "Computer Vision 115(3), 2015",
    kind="real",
    count=0,
    shape=(),
)
ERASED = 0.25  # of the images lose a box
DROP_PATH = 0.1
PUBLISHED = {"tiny": (72.2, 74.5), "small": (79.9, 81.2), "base": (81.8, 83.4)}  # DeiT: without and with a teacher
DEFAULTS = {"network": "tiny", "image_size": 224, "teacher": "none"}


def load(folder: Path | None, cut: Cut) -> PictureSet:
    """The photographs, cut by other processes while the network learns."""
    return picture_folder(folder, NAME, cut, ABOUT)


def found() -> str:
    """Whether they are where `p2v data` keeps its sets."""
    return "data here" if find_folder(None, NAME) else "data: --folder FOLDER with train and val"


def augment(x: Images, y: Labels, seed: int) -> tuple[Images, Labels]:
    """Boxes erased in some images; then the batch is mixed with itself, one way or the other."""
    x = erased(x, ERASED, seed)
    return cutmix(x, y, alpha=1.0, seed=seed) if seed % 2 else mixup(x, y, alpha=0.8, seed=seed)


def erased(x: Images, share: float, seed: int) -> Images:
    """In this share of the images a box is full of noise: a fiftieth to a third of the image.

    Source: Zhong and others 2020.
    """
    n, _, height, width = x.shape
    boxes = random_boxes(n, height, width, scale=(0.02, 1 / 3), ratio=(0.3, 10 / 3), seed=seed).to(x.device)
    generator = torch.Generator(device=x.device).manual_seed(seed)
    hit = torch.rand(n, 1, generator=generator, device=x.device) < share
    top, left, h, w = boxes[:, :, None].unbind(dim=1)
    down, across = torch.arange(height, device=x.device), torch.arange(width, device=x.device)
    rows, columns = (down >= top) & (down < top + h) & hit, (across >= left) & (across < left + w)
    mean, std = (x.new_tensor(values)[:, None, None] for values in IMAGENET)
    noise = (mean + std * torch.randn(x.shape, generator=generator, device=x.device)).clamp(0, 1)
    return torch.where((rows[:, :, None] & columns[:, None, :])[:, None], noise, x)


def fitted(recipe: Recipe, settings: Settings) -> Recipe:
    """The recipe for a network, an image size and perhaps a teacher."""
    network, side, teacher = (settings[name] for name in DEFAULTS)
    alone = teacher == "none"
    beside = "" if alone else f", beside {teacher.partition('=')[0]}"
    published = PUBLISHED[network][not alone]
    kind: Callable[..., nn.Module] = sized_vit if alone else DistilledTransformer
    return replace(
        recipe,
        about=f"ImageNet-1k, ViT-{network} from a random start, {side}×{side}{beside}",
        aim=f"near {published} % right on the validation photographs, which DeiT reached"
        + ("" if alone else " with a better teacher, RegNetY-16GF"),
        load=partial(load, cut=Cut(side)),
        model=lambda classes, weights: kind(network, side, classes, DROP_PATH),
        teacher=None if alone else partial(imagenet_teacher, teacher),
    )


RECIPE = fitted(
    Recipe(
        name="imagenet-vit",
        about="",
        aim="",
        load=partial(load, cut=Cut(224)),
        model=lambda classes, weights: nn.Identity(),
        normal=IMAGENET,
        augment=augment,
        epochs=300,
        batch_size=512,
        optimizer="adamw",
        lr=5e-4,
        weight_decay=0.05,
        smoothing=0.1,
        warmup=5 / 300,
        judge=five_guesses,
        report=judged_with_five,
        groups=partial(vit_groups, depth_decay=1.0, weight_decay=0.05),
        average=0.9999,
        choices=DEFAULTS,
        fitted=fitted,
        refuse=refuse_missing_teacher,
        found=found,
    ),
    DEFAULTS,
)
