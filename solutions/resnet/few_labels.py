"""Ten labels are enough for a network that has learnt to read before."""

from collections import OrderedDict
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from tqdm.auto import tqdm

from solutions.resnet.schedules import cosine_warmup
from solutions.resnet.transfer import freeze, replace_head


def digit_net(num_classes: int) -> nn.Sequential:
    """A small network for (N, 1, 28, 28): `stage1` … `stage3`, `pool`, `flatten`, `fc`.

    Each stage halves the size: a 3×3 convolution with stride 2, batch norm, ReLU; 32, 64
    and 128 channels.
    """

    def stage(inputs: int, outputs: int) -> nn.Sequential:
        convolution = nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, bias=False)
        return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU())

    parts: list[tuple[str, nn.Module]] = [
        ("stage1", stage(1, 32)),
        ("stage2", stage(32, 64)),
        ("stage3", stage(64, 128)),
        ("pool", nn.AdaptiveAvgPool2d(1)),
        ("flatten", nn.Flatten()),
        ("fc", nn.Linear(128, num_classes)),
    ]
    return nn.Sequential(OrderedDict(parts))


def nudged(images: Float[Tensor, "N 1 H W"], generator: torch.Generator) -> Float[Tensor, "N 1 H W"]:
    """Each image a little turned, stretched, slanted and moved, by chance and on its own."""
    bent = torch.eye(2, 3).repeat(len(images), 1, 1)
    bent[:, :, :2] += 0.12 * torch.randn(len(images), 2, 2, generator=generator)
    bent[:, :, 2] += 0.08 * torch.randn(len(images), 2, generator=generator)
    grid = nn.functional.affine_grid(bent.to(images), list(images.shape), align_corners=False)
    return nn.functional.grid_sample(images, grid, align_corners=False)


def learn_from_ten(
    known: Float[Tensor, "N 1 28 28"],
    known_labels: Int[Tensor, "N"],
    few: Float[Tensor, "M 1 28 28"],
    few_labels: Int[Tensor, "M"],
    seed: int = 0,
) -> nn.Module:
    """Train a network that tells five kinds of cards apart from ten labelled ones, two of each
    kind, with many digits to learn from first; return it ready to predict: (M, 1, 28, 28) in,
    logits (M, 5) out.

    `known` are handwritten digits with labels 0 to 9. `few` are handwritten digits too: on the
    cards of a kind stands 3, 4, 5, 8 or 9, always the same, but their labels 0 to 4 are numbers
    of kinds, and which digit a kind has is not known. Images run from 0 (paper) to 1 (ink). The
    goal: at least 85 % right on other cards, within a minute.

    Equal seeds give equal models, and torch's global random state is left as it was.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        model = digit_net(num_classes=10).to(known.device).train()
        epochs, batch_size = 4, 50
        total = epochs * -(-len(known) // batch_size)
        optimizer: Any = torch.optim.AdamW(model.parameters(), lr=1.0, weight_decay=0.05)
        batches = (b for _ in range(epochs) for b in torch.randperm(len(known), generator=generator).split(batch_size))
        for step, chosen in enumerate(tqdm(batches, total=total, desc="digits 0 to 9", leave=False)):
            optimizer.param_groups[0]["lr"] = cosine_warmup(step, total, warmup=total // 4, lr=6e-3)
            _step(model, optimizer, nudged(known[chosen], generator), known_labels[chosen])
        head = replace_head(model, "fc", num_classes=5)
        freeze(model, until="flatten")
        model.train()
        optimizer = torch.optim.AdamW(head.parameters(), lr=1e-2)
        for _ in tqdm(range(100), desc="ten cards", leave=False):
            _step(model, optimizer, nudged(few, generator), few_labels)
    return model.eval()


def _step(model: nn.Module, optimizer: Any, images: Tensor, labels: Tensor) -> None:
    """One step of training on one batch."""
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(images), labels).backward()
    optimizer.step()
