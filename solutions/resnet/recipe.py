"""A residual net that learns to read from few labels, with everything of this part at work."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn
from tqdm.auto import tqdm

from solutions.resnet.augment import mixup, random_resized_crop
from solutions.resnet.blocks import BasicBlock
from solutions.resnet.schedules import cosine_warmup


class SmallResNet(nn.Module):
    """A residual network for small grey images: a 3×3 convolution, three `BasicBlock`s, each of
    which halves height and width, the mean over all places, a linear layer.

    With the `width` 16: 16, 32 and 64 channels, 78,000 parameters.
    """

    def __init__(self, in_channels: int = 1, num_classes: int = 10, width: int = 16) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.layer1 = BasicBlock(width, width, stride=2)
        self.layer2 = BasicBlock(width, 2 * width, stride=2)
        self.layer3 = BasicBlock(2 * width, 4 * width, stride=2)
        self.fc = nn.Linear(4 * width, num_classes)

    def forward(self, x: Float[Tensor, "N in_channels H W"]) -> Float[Tensor, "N num_classes"]:
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        logits: Tensor = self.fc(x.mean(dim=(2, 3)))
        return logits


def train_with_recipe(images: Float[Tensor, "N 1 28 28"], labels: Int[Tensor, "N"], seed: int = 0) -> nn.Module:
    """Train a reader of handwritten digits from a hundred labelled ones and return it, ready to
    predict: (M, 1, 28, 28) in, logits (M, 10) out.

    `images` run from 0 (paper) to 1 (ink), ten for each digit. The goal: at least 88 % right on
    digits you don't see here, within a minute on a laptop's processor. (In four runs this recipe
    reached 92 %, a plain training of the same network for as many steps 51 to 60 %.)

    Equal `seed`s give equal models, and PyTorch's global random state is left as it was.
    """
    epochs, batch_size, classes = 100, 50, 10
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        model = SmallResNet().to(images.device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1.0, weight_decay=0.05)
    smoothed = 0.9 * F.one_hot(labels, classes) + 0.1 / classes
    total = epochs * -(-len(images) // batch_size)
    model.train()
    for epoch in tqdm(range(epochs), desc="few labels, with the recipe", leave=False):
        seen = random_resized_crop(images, 28, scale=(0.6, 1.0), ratio=(0.8, 1.25), seed=next_seed(generator))
        for i, chosen in enumerate(torch.randperm(len(images), generator=generator).split(batch_size)):
            x, y = mixup(seen[chosen], smoothed[chosen], alpha=0.2, seed=next_seed(generator))
            step = epoch * (total // epochs) + i
            optimizer.param_groups[0]["lr"] = cosine_warmup(step, total, warmup=total // 10, lr=4e-3)
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
    return model.eval()


def next_seed(generator: torch.Generator) -> int:
    """A new seed from a generator, for whatever draws next."""
    return int(torch.randint(1 << 31, (), generator=generator))
