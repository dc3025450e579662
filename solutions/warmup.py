"""Lesson 00: four small functions every later lesson leans on."""

from collections.abc import Iterator

import torch
from jaxtyping import Float, Int
from torch import Tensor


def standardize(
    x: Float[Tensor, "N C H W"],
    mean: Float[Tensor, "C"] | None = None,
    std: Float[Tensor, "C"] | None = None,
    eps: float = 1e-8,
) -> Float[Tensor, "N C H W"]:
    """Shift and scale each channel: `(x - mean) / (std + eps)`.

    `mean` and `std` hold one number a channel. Whichever is not given is measured on `x`
    itself, over batch, height and width together, with the standard deviation of the whole
    population (divide by n, not by n − 1). `x` is left as it was.

    One channel with the pixels 1, 3, 5, 7: mean (1 + 3 + 5 + 7) / 4 = 4, variance (9 + 1 +
    1 + 9) / 4 = 5, so the first pixel becomes (1 − 4) / √5 = −1.3416.

    Peer: `torchvision.transforms.Normalize`, which must be given both numbers.
    """
    if mean is None:
        mean = x.mean(dim=(0, 2, 3))
    if std is None:
        std = x.std(dim=(0, 2, 3), correction=0)
    return (x - mean[:, None, None]) / (std[:, None, None] + eps)


def one_hot(labels: Int[Tensor, "N"], num_classes: int) -> Float[Tensor, "N K"]:
    """Write each class number as a row that is 1.0 at that class and 0.0 elsewhere, in
    float32.

    `one_hot(tensor([2, 0]), 3)` is `[[0, 0, 1], [1, 0, 0]]`. No labels give a tensor of
    shape (0, K).

    Raises ValueError if a label is below 0 or not below `num_classes`. Peer: `F.one_hot`,
    which answers in integers.
    """
    if ((labels < 0) | (labels >= num_classes)).any():
        raise ValueError(f"labels must lie in 0..{num_classes - 1}, got {labels.min().item()}..{labels.max().item()}")
    classes = torch.arange(num_classes, device=labels.device)
    return (labels[:, None] == classes).to(torch.float32)


def accuracy(logits: Float[Tensor, "N K"], labels: Int[Tensor, "N"], k: int = 1) -> Float[Tensor, ""]:
    """Fraction of samples whose label is among the `k` classes with the largest logits (1 ≤
    k ≤ K), as float32.

    An empty batch counts as 0.0. Where logits tie at the border of the top `k`, either
    answer is right.

    Logits `[[1, 5, 3], [9, 2, 4]]` with labels `[2, 0]`: the largest are classes 1 and 0,
    so with k = 1 only the second sample is right, 1 / 2 = 0.5; the top two are {1, 2} and
    {0, 2}, so with k = 2 both are, 2 / 2 = 1.0.

    Peer: `sklearn.metrics.top_k_accuracy_score`.
    """
    top = logits.topk(k, dim=1).indices
    hits = (top == labels[:, None]).any(dim=1)
    return hits.sum().to(torch.float32) / max(len(labels), 1)


def batches(
    x: Tensor,
    y: Int[Tensor, "N"],
    batch_size: int,
    shuffle: bool = True,
    drop_last: bool = False,
    seed: int = 0,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield `(x, y)` mini-batches that together hold every sample once, each `x` still
    beside its own `y`.

    The first axis of `x` counts the samples; the others may be anything.

    With `shuffle` the order is a random one that depends on `seed` alone: equal seeds give
    equal orders, and PyTorch's global random state is neither used nor moved. Without it
    the samples come in their own order. The last batch may be smaller; `drop_last` leaves
    such a batch out. Batches are copies, never views of `x` or `y`.

    Five samples, `batch_size=2`: sizes 2, 2, 1; with `drop_last` 2, 2. No samples: no
    batches.

    Raises ValueError, when the first batch is asked for, if `batch_size` is below 1 or `x`
    and `y` differ in length. Peer: `torch.utils.data.DataLoader`.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, got {batch_size}")
    if len(x) != len(y):
        raise ValueError(f"x and y must hold equally many samples, got {len(x)} and {len(y)}")
    order = torch.arange(len(x))
    if shuffle:
        order = torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))
    order = order.to(x.device)
    stop = len(x) - len(x) % batch_size if drop_last else len(x)
    for start in range(0, stop, batch_size):
        chosen = order[start : start + batch_size]
        yield x[chosen], y[chosen]
