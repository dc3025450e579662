"""What notebook 05c's losses are compared on: shapes, every option, and what is empty or extreme."""

import itertools

import pytest
import torch

from tests.peers.comparing import normal

SHAPES = [(2, 1, 5, 7), (3, 3, 4, 5), (1, 2, 3, 4, 3)]  # one channel; classes; a volume, a batch of one
OPTIONS = [
    {"reduction": reduction, "batch": batch, "include_background": background}
    for reduction, batch, background in itertools.product(["mean", "sum", "none"], [False, True], [True, False])
]
EVERY_OPTION = pytest.mark.parametrize("options", OPTIONS, ids=lambda options: "-".join(map(str, options.values())))


def made(shape, *, dtype=torch.float64, size=2.0):
    """Logits and labels."""
    generator = torch.Generator().manual_seed(len(shape))
    labels = torch.randint(0, max(2, shape[1]), (shape[0], *shape[2:]), generator=generator)
    return size * normal(*shape, dtype=dtype), labels


def settings(channels):
    """MONAI's, for logits and labels as ours takes them."""
    return {"sigmoid": True} if channels == 1 else {"softmax": True, "to_onehot_y": True}


def flat(loss):
    """MONAI's "none" keeps spatial axes of size 1; ours doesn't."""
    return lambda logits: loss(logits).flatten()


def situations(shape, dtype=torch.float64):
    """Ordinary, an empty target, an empty prediction, both, and logits of ±10,000."""
    logits, labels = made(shape, dtype=dtype)
    nothing = torch.full_like(logits, -1e4)
    nothing[:, 0] = -1e4 if shape[1] == 1 else 1e4
    empty = torch.zeros_like(labels)
    return [(logits, labels), (logits, empty), (nothing, labels), (nothing, empty), (1e4 * logits.sign(), labels)]
