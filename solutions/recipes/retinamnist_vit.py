"""Photographs of the back of the eye, graded 0 to 4, with a vision transformer that knows photographs.

The grades have an order, and most eyes are healthy: so rare grades weigh more in the loss, the epoch is chosen by the
quadratic weighted kappa, and the temperature of the probabilities by the validation answers.

Photographs only. A table and a note beside them are notebook 04c's matter, and RetinaMNIST has none that are real. With
real ones, `load` is where they are read, and a network's tokens, `model.norm(model.blocks(model.embed(images)))`, are
what `ConcatFusion` and `CrossAttentionFusion` take.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from torch import nn

from p2v_data import ImageDataset, Provenance
from p2v_data.dataset import RawImages, assemble
from p2v_data.eyes import ARCHIVE, GRADES, read_parts
from p2v_data.store import full_set, require
from solutions.recipes.choices import NORMALS
from solutions.recipes.recipe import HALVES, Images, Labels, Recipe, Settings
from solutions.recipes.scores import graded, graded_last
from solutions.recipes.transformers import vit_groups
from solutions.recipes.weights import pretrained_vit, refuse_weights
from solutions.resnet import colour_jitter, random_crop_flip, random_resized_crop

AIM = "more than 53.1 % right on the test photographs, the best in the table of MedMNIST's makers"
SIDE = 224
DROP_PATH = 0.1
DEFAULTS = {"network": "tiny", "normal": "halves"}


def load(folder: Path | None) -> ImageDataset:
    """The photographs as bytes, in MedMNIST's three parts."""
    known = full_set("retinamnist")
    parts = read_parts(require(known.name, folder) / ARCHIVE)
    images = np.concatenate([part.numpy() for part, _ in parts])
    about = Provenance(
        name="RetinaMNIST",
        source=f"{known.source}; MedMNIST's split",
        licence=known.licence,
        citation=known.citation,
        kind=known.kind,
        count=len(images),
        shape=images.shape[1:],
    )
    labels = np.concatenate([grades.numpy() for _, grades in parts])
    raw = RawImages(images, labels, len(parts[0][1]), len(parts[1][1]))
    return assemble(raw, about=about, class_names=GRADES, as_bytes=True)


def augment(x: Images, y: Labels, seed: int) -> tuple[Images, Labels]:
    """A little nearer or farther, another exposure; mirrored both ways, as a right eye is a left one's mirror image."""
    x = random_resized_crop(x, x.shape[-1], scale=(0.7, 1.0), ratio=(0.9, 1.1), seed=seed)
    x = random_crop_flip(x, padding=0, seed=seed + 1)
    x = random_crop_flip(x.transpose(2, 3), padding=0, seed=seed + 2).transpose(2, 3)
    return colour_jitter(x, brightness=0.2, contrast=0.2, saturation=0.1, seed=seed + 3), y


def fitted(recipe: Recipe, settings: Settings) -> Recipe:
    """The recipe for a network and a scale of pixels."""
    network, normal = (settings[name] for name in DEFAULTS)

    def model(classes: int, weights: str) -> nn.Module:
        return pretrained_vit(weights, network, SIDE, classes, DROP_PATH)

    about = f"RetinaMNIST, ViT-{network} with weights from a file"
    return replace(recipe, about=about, model=model, normal=NORMALS[normal])


RECIPE = fitted(
    Recipe(
        name="retinamnist-vit",
        about="",
        aim=AIM,
        load=load,
        model=lambda classes, weights: nn.Identity(),
        pretrained=True,
        normal=HALVES,
        augment=augment,
        epochs=40,
        batch_size=64,
        optimizer="adamw",
        lr=1e-3,
        weight_decay=0.05,
        balanced=True,
        judge=graded,
        chosen_by="kappa",
        report=graded_last,
        groups=partial(vit_groups, depth_decay=0.7, weight_decay=0.05),
        choices=DEFAULTS,
        fitted=fitted,
        refuse=refuse_weights,
    ),
    DEFAULTS,
)
