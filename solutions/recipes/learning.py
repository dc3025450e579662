"""What happens in a step beside the network: its loss, the average of its weights, and the random numbers it draws."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from solutions.vit import distillation_loss


def loss_of(
    said: Float[Tensor, "N K"] | tuple[Float[Tensor, "N K"], Float[Tensor, "N K"]],
    shares: Float[Tensor, "N K"],
    weights: Float[Tensor, K] | None,
    smoothing: float,
    taught: Float[Tensor, "N K"] | None = None,
) -> Float[Tensor, ""]:
    """Cross-entropy with smoothed label shares; with a teacher's answers, hard distillation beside it.

    Args:
        said: the network's answer; with a teacher two, one to the labels and one to the teacher.
        shares: of each class in each image.
        weights: of the classes; not used with a teacher.
        smoothing: how much of each label goes to all classes.
        taught: the teacher's logits.
    """
    if isinstance(said, Tensor) or taught is None:
        assert isinstance(said, Tensor), "a network that answers twice needs a teacher"
        return F.cross_entropy(said, shares, weights, label_smoothing=smoothing)
    smooth = (1 - smoothing) * shares + smoothing / shares.shape[1]
    return distillation_loss(*said, taught.float(), smooth)  # cross-entropy takes shares as it takes labels


class Average:
    """A network whose weights follow another's slowly: each step they keep `decay` of what they are.

    In the first steps less, (1 + step) / (10 + step), so that the random start is soon forgotten.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.model = deepcopy(model).requires_grad_(False)
        self.decay = decay

    @torch.no_grad()
    def follow(self, model: nn.Module, step: int) -> None:
        """Takes in what `model` is after a step, counted from 0."""
        kept = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(list(self.model.parameters()), list(model.parameters()), 1 - kept)
        for own, other in zip(self.model.buffers(), model.buffers(), strict=True):
            own.copy_(other)


@contextmanager
def own_draws(seed: int, device: torch.device) -> Iterator[None]:
    """Inside of it layers draw from `seed`; afterwards torch's random state is what it was."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield
