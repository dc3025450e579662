"""Small networks and their training, to see how many labels each kind needs."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn
from tqdm.auto import tqdm

from solutions.resnet import cosine_warmup, nudged
from solutions.vit.distil import distillation_loss
from solutions.vit.masked import MaskedAutoencoder
from solutions.vit.net import VisionTransformer
from solutions.vit.training import decay_groups


def small_vit(image_size: int = 28, patch_size: int = 7, num_classes: int = 10, depth: int = 4) -> VisionTransformer:
    """A `VisionTransformer` for small grey images: 64 numbers a token, 4 heads, 0.14 million
    parameters.

    It starts louder than the large ones do: positions from a standard normal distribution,
    linear layers of the blocks by Xavier. A standard deviation of 0.02 suits 768 numbers a
    token; with 64 the branches and the positions would hardly be heard for the first thousand
    steps.
    """
    model = VisionTransformer(64, depth, 4, image_size, patch_size, 1, num_classes, mlp_ratio=2.0)
    nn.init.normal_(model.pos_embed)
    for part in model.blocks.modules():
        if isinstance(part, nn.Linear):
            nn.init.xavier_uniform_(part.weight)
    return model


def train_small(
    model: nn.Module,
    images: Float[Tensor, "N 1 H W"],
    labels: Int[Tensor, "N"],
    steps: int,
    augment: bool = False,
    teacher: nn.Module | None = None,
    rate: float = 3e-3,
    batch: int = 50,
    seed: int = 0,
) -> list[float]:
    """Train with AdamW, `decay_groups` and `cosine_warmup`, in batches of `batch` or of all images
    if there are fewer; return the loss of each step and leave the model in evaluation mode.

    augment: `nudged` anew in each step. teacher: `distillation_loss`, soft, with its answers to
    the very images that the model sees.
    """
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(decay_groups(model), lr=rate)
    model.train()
    losses = []
    for step in tqdm(range(steps), desc=type(model).__name__, leave=False):
        for group in optimizer.param_groups:
            group["lr"] = cosine_warmup(step, steps, steps // 10, rate)
        chosen = torch.randperm(len(images), generator=generator)[:batch].to(images.device)
        x, y = images[chosen], labels[chosen]
        x = nudged(x, generator) if augment else x
        logits = model(x)
        if teacher is None:
            loss = F.cross_entropy(logits, y)
        else:
            with torch.no_grad():
                told = teacher(x)
            loss = distillation_loss(logits, logits, told, y, hard=False)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    return losses


def pretrain_small(
    encoder: VisionTransformer,
    images: Float[Tensor, "N 1 H W"],
    steps: int,
    rate: float = 3e-3,
    batch: int = 100,
    seed: int = 0,
) -> tuple[MaskedAutoencoder, list[float]]:
    """Teach `encoder` to fill in hidden patches of `images`, which have no labels; return what did
    so, and the loss of each step.
    """
    generator = torch.Generator().manual_seed(seed)
    learner = MaskedAutoencoder(encoder, ratio=0.6)
    optimizer = torch.optim.AdamW(decay_groups(learner), lr=rate)
    losses = []
    for step in tqdm(range(steps), desc="filling in", leave=False):
        for group in optimizer.param_groups:
            group["lr"] = cosine_warmup(step, steps, steps // 10, rate)
        chosen = torch.randperm(len(images), generator=generator)[:batch].to(images.device)
        x = nudged(images[chosen], generator)
        noise = torch.rand(len(x), encoder.pos_embed.shape[1] - 1, generator=generator)
        loss = learner(x, noise.to(images.device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return learner, losses
