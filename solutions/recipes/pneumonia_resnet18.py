"""Chest X-rays with a ResNet-18 that knows photographs; what sees edges and textures stays as it is."""

from torch import nn

from solutions.recipes.imagenet import imagenet_resnet
from solutions.recipes.pneumonia_cnn import augment, load
from solutions.recipes.recipe import IMAGENET, Recipe
from solutions.recipes.scores import screened, screening
from solutions.resnet import replace_head


def network(classes: int, weights: str) -> nn.Module:
    """A ResNet-18 from ImageNet with a new head."""
    model = imagenet_resnet(18, weights)
    replace_head(model, "fc", classes)
    return model


RECIPE = Recipe(
    name="pneumonia-resnet18",
    about="Chest X-rays, ResNet-18 from ImageNet, frozen up to layer2",
    aim="on the test images a larger area under the ROC curve than pneumonia-cnn, by an interval that leaves out 0",
    load=load,
    model=network,
    pretrained=True,
    frozen="layer2",
    normal=IMAGENET,  # of three channels, so the grey one is repeated
    augment=augment,
    epochs=20,
    batch_size=64,
    optimizer="adamw",
    lr=5e-4,
    depth_decay=0.3,
    weight_decay=0.05,
    balanced=True,
    judge=screening,
    chosen_by="auc",
    report=screened,
    cam="layer4",
)
