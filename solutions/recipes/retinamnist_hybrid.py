"""The same eyes with a hybrid: a residual network that knows photographs sees, a small transformer compares.

A transformer alone learns little from a thousand photographs. The first three layers of a ResNet-18 know edges and
textures, and make 14 × 14 tokens; four blocks let these look at each other. Dosovitskiy and others (2021) call that a
hybrid. `ConvStem` of notebook 04b does the same without weights from ImageNet, so it needs more photographs.
"""

from __future__ import annotations

from functools import partial

from jaxtyping import Float
from torch import Tensor, nn

from solutions.recipes.imagenet import imagenet_resnet
from solutions.recipes.recipe import IMAGENET, Recipe
from solutions.recipes.retinamnist_vit import AIM, SIDE, augment, load
from solutions.recipes.scores import graded, graded_last
from solutions.recipes.transformers import vit_groups
from solutions.resnet import ResNet
from solutions.vit import VisionTransformer

DIM, BLOCKS, HEADS, DROP_PATH = 256, 4, 4, 0.1


class ResNetStem(nn.Module):
    """Tokens seen by a residual network up to `layer3`; stands for a `VisionTransformer`'s `patch_embed`.

    `body`: the network's parts. `proj`: a 1×1 convolution to `dim`. A token stands for 16 × 16 pixels.
    """

    def __init__(self, net: ResNet, dim: int) -> None:
        super().__init__()
        self.patch_size = 16
        parts = ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3")
        self.body = nn.Sequential(*(net.get_submodule(name) for name in parts))
        self.proj = nn.Conv2d(net.fc.in_features // 2, dim, 1)

    def forward(self, images: Float[Tensor, "N 3 H W"]) -> Float[Tensor, "N n dim"]:
        seen: Tensor = self.proj(self.body(images))
        return seen.flatten(2).transpose(1, 2)


def network(classes: int, weights: str) -> nn.Module:
    """A ResNet-18 from ImageNet in front of four blocks that begin anew."""
    model = VisionTransformer(DIM, BLOCKS, HEADS, image_size=SIDE, num_classes=classes, drop_path=DROP_PATH)
    model.patch_embed = ResNetStem(imagenet_resnet(18, weights), DIM)  # type: ignore[assignment]
    return model


RECIPE = Recipe(
    name="retinamnist-hybrid",
    about="RetinaMNIST, ResNet-18 from ImageNet up to layer3, then four transformer blocks",
    aim=AIM,
    load=load,
    model=network,
    pretrained=True,
    normal=IMAGENET,
    augment=augment,
    epochs=40,
    batch_size=64,
    optimizer="adamw",
    lr=5e-4,
    weight_decay=0.05,
    balanced=True,
    judge=graded,
    chosen_by="kappa",
    report=graded_last,
    groups=partial(vit_groups, depth_decay=0.7, weight_decay=0.05),
)
