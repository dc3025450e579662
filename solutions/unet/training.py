"""One training loop for all segmenters of lesson 05."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn
from tqdm.auto import tqdm

from solutions.resnet import cosine_warmup
from solutions.vit import decay_groups

Loss = Callable[[Tensor, Tensor], Tensor]
Augment = Callable[[Tensor, Tensor, torch.Generator], tuple[Tensor, Tensor]]


def pixel_loss(logits: Float[Tensor, "N K H W"], masks: Int[Tensor, "N H W"]) -> Float[Tensor, ""]:
    """Mean cross-entropy of the pixels: with one channel of logits the binary one, with more the categorical."""
    if logits.shape[1] == 1:
        return F.binary_cross_entropy_with_logits(logits[:, 0], masks.to(logits.dtype))
    return F.cross_entropy(logits, masks)


def train_segmenter(
    model: nn.Module,
    images: Float[Tensor, "N C H W"],
    masks: Int[Tensor, "N H W"],
    loss: Loss = pixel_loss,
    steps: int = 150,
    rate: float = 3e-3,
    batch: int = 16,
    augment: Augment | None = None,
    seed: int = 0,
) -> list[float]:
    """Train with AdamW, `decay_groups` and `cosine_warmup`; return the loss of each step and leave
    the model in evaluation mode.

    loss: of logits and masks. augment: gets images, masks and a generator, and returns both anew,
    in each step. Batches are of `batch` images, or of all if there are fewer.
    """
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(decay_groups(model), lr=rate)
    model.train()
    losses = []
    for step in tqdm(range(steps), desc=type(model).__name__, leave=False):
        for group in optimizer.param_groups:
            group["lr"] = cosine_warmup(step, steps, steps // 10, rate)
        chosen = torch.randperm(len(images), generator=generator)[:batch].to(images.device)
        x, y = images[chosen], masks[chosen]
        if augment is not None:
            x, y = augment(x, y, generator)
        error = loss(model(x), y)
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
        losses.append(error.item())
    model.eval()
    return losses
