"""The goals of lesson 05: nuclei, vessels and roads, each within half a minute on one core."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from solutions.unet.net import UNet
from solutions.unet.overlap import soft_dice_loss
from solutions.unet.pairs import flip_rotate
from solutions.unet.training import pixel_loss, train_segmenter


def train_cells(images: Float[Tensor, "N 1 64 64"], masks: Int[Tensor, "N 64 64"], seed: int = 0) -> nn.Module:
    """Train a segmenter that finds nuclei, and return it ready to predict, in evaluation mode: images
    (M, 1, H, W) in, logits (M, 1, H, W) out, above 0 where a nucleus is.

    `images` are 105 tiles of one half of a picture taken through a fluorescence microscope, from 0 to
    1; they overlap. `masks` are 1 where somebody has drawn a nucleus and 0 elsewhere.

    The goal: an IoU of at least 0.85 on 32 tiles of the picture's other half, all their pixels taken
    together, within a minute on one core. (A threshold of brightness reaches 0.78 at most.)

    Equal `seed`s give equal models, and PyTorch's global random state is left as it was.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        model = UNet(1, 1, width=8, depth=3).to(images.device)
    train_segmenter(model, images, masks, steps=120, rate=1e-2, batch=8, seed=seed)
    return model


def train_vessels(images: Float[Tensor, "N 1 64 64"], masks: Int[Tensor, "N 64 64"], seed: int = 0) -> nn.Module:
    """Train a segmenter that finds vessels in photographs of the back of the eye, and return it ready to
    predict, in evaluation mode: images (M, 1, H, W) in, logits (M, 1, H, W) out, above 0 on a vessel.

    `images` are 96 tiles of eight simulated photographs, the green channel alone, from 0 to 1.
    `masks` are 1 where a vessel is and 0 elsewhere: one pixel in ten. Most vessels are one or two
    pixels wide.

    The goal: an IoU of at least 0.68 on 48 tiles of four other eyes, all their pixels taken together,
    within a minute on one core. (A local threshold reaches 0.4.)

    Equal `seed`s give equal models, and PyTorch's global random state is left as it was.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        model = UNet(1, 1, width=8, depth=3).to(images.device)

    def loss(logits: Tensor, labels: Tensor) -> Tensor:
        return pixel_loss(logits, labels) + soft_dice_loss(logits, labels, batch=True)

    train_segmenter(model, images, masks, loss, steps=200, rate=1e-2, batch=8, seed=seed)
    return model


def train_roads(images: Float[Tensor, "N 3 64 64"], masks: Int[Tensor, "N 64 64"], seed: int = 0) -> nn.Module:
    """Train a segmenter that finds roads in land seen from above, and return it ready to predict, in
    evaluation mode: images (M, 3, H, W) in, logits (M, 1, H, W) out, above 0 on a road.

    `images` are 160 tiles of 40 simulated pieces of land, from 0 to 1. `masks` are 1 where a road is,
    under trees too, and 0 elsewhere: three pixels in a hundred. Some tiles have no road.

    The goal: an IoU of at least 0.45 on 96 tiles of 24 other pieces of land, all their pixels taken
    together, within a minute on one core. (A rule of colour reaches 0.3 at most.)

    Equal `seed`s give equal models, and PyTorch's global random state is left as it was.
    """

    def loss(logits: Tensor, labels: Tensor) -> Tensor:
        return pixel_loss(logits, labels) + soft_dice_loss(logits, labels, batch=True)

    def turned(x: Tensor, y: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        number = int(torch.randint(8, (), generator=generator))
        return flip_rotate(x, number), flip_rotate(y, number)

    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        model = UNet(3, 1, width=8, depth=3).to(images.device)
    train_segmenter(model, images, masks, loss, steps=200, rate=1e-2, batch=8, augment=turned, seed=seed)
    return model
